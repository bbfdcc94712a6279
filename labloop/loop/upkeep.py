"""Look after the store: check it, write its read models anew, bring an older one up, keep a copy and take it back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from labloop.errors import Conflict, IntegrityError, InvalidInput, NotFound, StorageError
from labloop.exchange.sheet import refuse_existing, written
from labloop.loop.heads import companion, keep_beside, read_companion, synced
from labloop.store import CampaignRow, Store
from labloop.store.audit import audit, rebuild
from labloop.store.backup import entries_of, lines_of, put_entries, read_heads, write_lines
from labloop.store.engine import sqlite_path
from labloop.store.expect import Tell
from labloop.store.heads import Head, head_of

__all__ = ["Kept", "backup", "rebuilt", "restore", "upgraded"]

_LINES = ".jsonl"
_DATABASES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class Kept:
    """A copy of a store: where it is, and the head of every campaign in it."""

    path: Path
    heads: Mapping[str, Head]
    notes: tuple[str, ...] = field(default=())


def rebuilt(store: Store, name: str, *, tell: Tell | None = None) -> CampaignRow:
    """Write all that follows from a campaign's ledger anew; ``tell`` is told now and then how much is done.

    Raises
    ------
    NotFound
        If there is no such campaign.
    IntegrityError
        If the ledger's chain is broken.
    """
    with store.write() as transaction:
        row = transaction.find(name)
        number = row.id if row is not None else transaction.lost(name)
        return rebuild(transaction, transaction.campaign(name).id if number is None else number, name, tell=tell)


def upgraded(store: Store) -> tuple[int, int]:
    """Bring the layout of an older store up to this labloop's; return the layouts before and after.

    Raises
    ------
    StorageError
        If there is no store, or a newer labloop wrote it.
    """
    if not store.exists:
        raise StorageError(f"there is no store in {store.where}", hint="it is made with the first suggestion")
    return store.upgrade()


def backup(store: Store, path: Path, *, force: bool = False) -> Kept:
    """Copy a store while others may write to it, check the copy, and write its heads down beside it.

    The ending says how: .db is the database itself (SQLite only), .jsonl the ledger's entries, one a line, from any
    database.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    IntegrityError
        If the copy does not verify; nothing is left of it.
    """
    _refuse_ending(store, path)
    refuse_existing(path, force=force)
    refuse_existing(companion(path), force=force)
    with written(path) as aside:
        if path.suffix.lower() == _LINES:
            with store.read() as snapshot:
                write_lines(snapshot, aside)
            with TemporaryDirectory(dir=path.parent, prefix=".labloop-") as folder:
                heads = _restored(Store(f"sqlite:///{Path(folder).absolute() / 'copy.db'}"), aside)
        else:
            store.copy_to(aside)
            heads = _checked(Store(f"sqlite:///{aside.absolute()}"))
            synced(aside)
    keep_beside(path, {name: str(head) for name, head in heads.items()})
    return Kept(path, heads)


def _refuse_ending(store: Store, path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in (_LINES, *_DATABASES):
        raise InvalidInput(f"{path.name} ends in {path.suffix!r}", hint="expected .db (SQLite only) or .jsonl")
    if suffix != _LINES and store.backend != "sqlite":
        raise InvalidInput(
            f"a {store.backend} store cannot be copied as a file",
            hint=f"the ledger's entries hold all of it: labloop backup {path.stem}{_LINES}",
        )
    if not store.exists:
        raise NotFound(f"there is no store in {store.where} yet", hint="it is made with the first suggestion")


def restore(store: Store, path: Path) -> Kept:
    """Fill an empty store from a backup; what the ledger says is checked, what follows from it is made anew.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such file, or it is not a backup.
    Conflict
        If there is something in the store already: nothing is ever overwritten.
    IntegrityError
        If a chain is broken, or a ledger does not reach the head that was written down with the backup.
    """
    if not path.is_file():
        raise NotFound(f"no file {path}", hint="name a backup that labloop backup made")
    target = sqlite_path(store.url)
    if target is None:
        return _noted(path, _restored(store, path))
    if store.exists:
        raise Conflict(f"there is a store in {target}", hint="restoring never overwrites: move it away, or use --store")
    if not target.parent.is_dir():
        raise StorageError(f"no folder {target.parent}", hint="make it, or start a workspace with: labloop init")
    # The store appears whole and checked or not at all: it is filled aside, and moved in without replacing anything.
    with TemporaryDirectory(dir=target.parent, prefix=".labloop-") as folder:
        aside = Path(folder).absolute() / "restored.db"
        heads = _restored(Store(f"sqlite:///{aside}"), path)
        try:
            target.hardlink_to(aside)
        except FileExistsError as error:
            raise Conflict(f"there is a store in {target} by now", hint="restoring never overwrites") from error
        synced(target.parent)
    return _noted(path, heads)


def _restored(store: Store, path: Path) -> dict[str, Head]:
    """Fill a store from a backup of either kind and compare the heads."""
    with path.open("rb") as file:
        database = file.read(16) == b"SQLite format 3\0"
    with TemporaryDirectory(prefix="labloop-") as folder:
        if database:
            # The backup itself is only read; an older layout is brought up in a copy.
            copy = Store(f"sqlite:///{Path(folder) / 'copy.db'}")
            shutil.copyfile(path, Path(folder) / "copy.db")
            copy.upgrade()
            with copy.read() as snapshot, store.write() as transaction:
                heads = put_entries(transaction, entries_of(snapshot))
        else:
            heads = read_heads(path)
            with store.write() as transaction:
                _refuse_cut(heads, put_entries(transaction, lines_of(path)))
    kept = read_companion(path)
    _refuse_cut(kept or heads, heads)
    return heads


def _refuse_cut(kept: Mapping[str, Head], found: Mapping[str, Head]) -> None:
    for name in sorted(kept.keys() | found.keys()):
        if kept.get(name) != found.get(name):
            raise IntegrityError(
                f"the backup's ledger of {name} ends at {found.get(name, 'nothing')}, "
                f"but {kept.get(name, 'nothing')} was written down when it was made",
                hint="it was cut or altered: take another backup",
            )


def _checked(store: Store) -> dict[str, Head]:
    heads = {}
    with store.read() as snapshot:
        for row in snapshot.campaigns():
            problems = audit(snapshot, row)
            if problems:
                raise IntegrityError(f"{row.name}: {problems[0]}", hint=f"see all of it: labloop verify {row.name}")
            heads[row.name] = head_of(row)
    store.close()
    return heads


def _noted(path: Path, heads: dict[str, Head]) -> Kept:
    beside = companion(path)
    if beside.is_file():
        return Kept(path, heads)
    note = f"There is no {beside.name} beside the backup: had its end been cut, nobody could tell."
    return Kept(path, heads, (note,))
