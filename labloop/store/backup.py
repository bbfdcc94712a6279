"""A store's ledger as a file of lines, from any database and into any: one entry a line, heads on the first.

Only the ledger is written; what follows from it is made anew when it is read. A SQLite store can also be copied as
it is (`Store.copy_to`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from labloop import __version__
from labloop.errors import Conflict, IntegrityError, InvalidInput
from labloop.store import tables as t
from labloop.store.audit import rebuild
from labloop.store.chain import canonical
from labloop.store.expect import FRESH
from labloop.store.heads import Head, head_of, read_head
from labloop.store.snapshot import Link, Snapshot
from labloop.store.transaction import Transaction

__all__ = ["FORMAT", "entries_of", "lines_of", "put_entries", "read_heads", "write_lines"]

FORMAT = "labloop-ledger/1"
_AT_ONCE = 1_000
Row = tuple[str, Link]


def entries_of(snapshot: Snapshot) -> Iterator[Row]:
    """Yield (campaign, row of the ledger) for the whole store."""
    for row in snapshot.campaigns():
        for link in snapshot.links(row.id):
            yield row.name, link


def write_lines(snapshot: Snapshot, path: Path) -> None:
    """Write the ledgers of all campaigns to a file, and make sure that it is on the disk."""
    heads = {row.name: str(head_of(row)) for row in snapshot.campaigns()}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(canonical({"format": FORMAT, "labloop": __version__, "heads": heads}) + "\n")
        for name, link in entries_of(snapshot):
            file.write(canonical({"campaign": name, **link._asdict()}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_heads(path: Path) -> dict[str, Head]:
    """Return the heads on the first line of such a file.

    Raises
    ------
    InvalidInput
        If it is not such a file.
    """
    with path.open(encoding="utf-8") as file:
        first = _object(path, 1, file.readline(1_000_000))
    if first.get("format") != FORMAT or not isinstance(first.get("heads"), dict):
        raise InvalidInput(f"{path} is not a backup", hint=f"its first line says no format {FORMAT}")
    return {name: read_head(text) for name, text in first["heads"].items()}


def lines_of(path: Path) -> Iterator[Row]:
    """Yield (campaign, row of the ledger) from such a file.

    Raises
    ------
    InvalidInput
        If a line is not an entry.
    """
    with path.open(encoding="utf-8") as file:
        next(file, None)
        for number, line in enumerate(file, 2):
            fields = _object(path, number, line)
            try:
                yield fields["campaign"], Link(*(fields[name] for name in Link._fields))
            except KeyError as error:
                raise InvalidInput(f"{path}: line {number} has no {error}", hint="the file was damaged") from error


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{path}: line {number} is not JSON", hint="the file was cut or damaged") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path}: line {number} is not an object", hint="the file was damaged")
    return found


def put_entries(transaction: Transaction, rows: Iterable[Row]) -> dict[str, Head]:
    """Write the ledgers of campaigns into a store that has none, and all that follows from them; return the heads.

    Raises
    ------
    Conflict
        If the store has campaigns.
    IntegrityError
        If a chain is broken.
    """
    known = transaction.campaigns()
    if known:
        raise Conflict(
            f"the store has {len(known)} campaigns already, {known[0].name} among them",
            hint="restoring never overwrites: name an empty store with --store",
        )
    heads = {}
    for name, group in groupby(rows, key=itemgetter(0)):
        if name in heads:
            raise IntegrityError(f"the entries of {name} do not stand together", hint="the file was altered")
        transaction.execute(insert(t.campaign).values(name=name, **FRESH))
        campaign_id = transaction.campaign(name).id
        _put(transaction, campaign_id, (link for _, link in group))
        heads[name] = head_of(rebuild(transaction, campaign_id, name))
    return heads


def _put(transaction: Transaction, campaign_id: int, links: Iterable[Link]) -> None:
    waiting: list[dict[str, Any]] = []
    for link in links:
        waiting.append({"campaign_id": campaign_id, **link._asdict()})
        if len(waiting) == _AT_ONCE:
            transaction.execute(insert(t.ledger), waiting)
            waiting = []
    if waiting:
        transaction.execute(insert(t.ledger), waiting)
