"""Heads of ledgers on what leaves the store: how exports, sheets, pages and backups carry them, and how they are read.

A head that is kept elsewhere shows that the end of a ledger was cut off (`labloop.store.heads`). What can hold it
inside without being another thing for it, does: a workbook as a property of the document, a page as a ``meta`` tag and
in its footer, a backup of lines on the first. A CSV or JSON table stays a plain table, and has a companion beside it,
``FILE.heads.json``, as a copied database has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labloop import __version__
from labloop.errors import InvalidInput
from labloop.exchange.sheet import written
from labloop.store import CampaignRow, Store
from labloop.store.backup import FORMAT, read_heads
from labloop.store.heads import Head, head_of, read_head
from labloop.tabular.workbook import document_property

__all__ = [
    "PROPERTY",
    "companion",
    "heads_in",
    "keep_beside",
    "kept_head",
    "read_companion",
    "stamp",
    "stamp_of",
    "synced",
]

PROPERTY = "labloop-head"
"""The name of a workbook's property and of a page's ``meta`` tag."""

_META = re.compile(rf'<meta name="{PROPERTY}" content="([^"]{{1,200}})">')
_MOST_BYTES = 200_000_000
_START = 100_000


def stamp_of(store: Store, name: str) -> str:
    """Return what a sheet or page carries: the campaign and its head, ``hydrogel 15:dcff2a68...``.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.read() as snapshot:
        return stamp(snapshot.campaign(name))


def stamp(row: CampaignRow) -> str:
    """Return the same of a campaign that was read already."""
    return f"{row.name} {head_of(row)}"


def companion(path: Path) -> Path:
    """Return the file beside another one that holds its heads."""
    return path.with_name(f"{path.name}.heads.json")


def keep_beside(path: Path, heads: Mapping[str, str]) -> None:
    """Write the companion of a file: the head of every campaign in it."""
    kept = {"labloop": __version__, "file": path.name, "heads": dict(heads)}
    with written(companion(path)) as aside:
        aside.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        synced(aside)


def synced(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_companion(path: Path) -> dict[str, Head] | None:
    """Return the heads that were written down beside a file; None where none were.

    Raises
    ------
    InvalidInput
        If the companion was altered.
    """
    beside = companion(path)
    if not beside.is_file():
        return None
    try:
        return {name: read_head(text) for name, text in json.loads(beside.read_text(encoding="utf-8"))["heads"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{beside} does not hold heads", hint="it was written with its file, and altered") from error


def kept_head(against: str | Path, name: str) -> Head:
    """Return the head of a campaign from what somebody kept: the text of it, or a file that carries it.

    Raises
    ------
    InvalidInput
        If it is neither, or the file carries the head of other campaigns only.
    """
    text = str(against).strip()
    path = Path(text)
    if not text or not path.exists():
        return read_head(text.removeprefix(f"{name} "))
    heads = heads_in(path)
    if name not in heads:
        raise InvalidInput(
            f"{path} carries the head of {', '.join(sorted(heads)) or 'no campaign'}, not of {name}",
            hint="name the campaign that it was written for",
        )
    return heads[name]


def heads_in(path: Path) -> dict[str, Head]:
    """Return the heads that a file of ours carries, by campaign.

    Raises
    ------
    InvalidInput
        If it carries none.
    """
    beside = read_companion(path)
    if beside is not None:
        return beside
    try:
        found = _inside(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="name another file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _without(path) from error
    if not found:
        raise _without(path)
    return found


def _without(path: Path) -> InvalidInput:
    table = path.suffix.lower() in (".csv", ".json")
    hint = f"its companion {companion(path).name} is not beside it" if table else "name one that labloop wrote"
    return InvalidInput(f"{path} carries no head", hint=hint)


def _inside(path: Path) -> dict[str, Head]:
    if path.is_dir():
        return _of_object(json.loads((path / "head.json").read_text(encoding="utf-8")))
    with path.open("rb") as file:
        start = file.read(_START)
    if start.startswith(b"SQLite format 3\0"):
        return _of_database(path)
    if start.startswith(b"PK"):
        return _of_archive(path)
    text = start.decode("utf-8", errors="replace").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
    if FORMAT in text.partition("\n")[0]:
        return read_heads(path)
    if text.startswith("<"):
        found = _META.search(text)
        return _of_stamp(found[1]) if found else {}
    if text.startswith("{") and path.stat().st_size < _MOST_BYTES:
        return _of_object(json.loads(path.read_text(encoding="utf-8")))
    return {}


def _of_stamp(text: str) -> dict[str, Head]:
    name, _, head = text.partition(" ")
    return {name: read_head(head)}


def _of_object(fields: Mapping[str, Any]) -> dict[str, Head]:
    """Read a companion, the head of a dossier, or an answer that was kept (``--json``)."""
    if "heads" in fields:
        return {name: read_head(text) for name, text in fields["heads"].items()}
    data = fields.get("data", fields)
    head = data.get("head", data)
    text = head if isinstance(head, str) else f"{head['sequence']}:{head['hash']}"
    return {data["campaign"]: read_head(text)}


def _of_archive(path: Path) -> dict[str, Head]:
    if path.suffix.lower() == ".zip":
        # Only here: a dossier brings the whole of exchange with it.
        from labloop.loop.dossier import head_of_dossier

        return _of_object(head_of_dossier(path))
    if path.stat().st_size > _MOST_BYTES:
        return {}
    found = document_property(path.read_bytes(), str(path), PROPERTY)
    return _of_stamp(found) if found else {}


def _of_database(path: Path) -> dict[str, Head]:
    # Opening it could change its journal mode, and an older layout is brought up: in a copy.
    with TemporaryDirectory(prefix="labloop-") as folder:
        copy = Store(f"sqlite:///{Path(folder) / 'copy.db'}")
        shutil.copyfile(path, Path(folder) / "copy.db")
        try:
            copy.upgrade()
            with copy.read() as snapshot:
                return {row.name: head_of(row) for row in snapshot.campaigns()}
        finally:
            copy.close()
