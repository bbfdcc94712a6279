"""The store's health: how it is kept safe."""

from __future__ import annotations

from dataclasses import dataclass

from labloop.store import Store
from labloop.store.engine import journal_mode, sqlite_version

__all__ = ["Kept", "kept"]


@dataclass(frozen=True)
class Kept:
    """How a store survives a crash and a power cut, and why in this way; ``fix`` where it does not."""

    said: str
    fix: str = ""


def kept(store: Store) -> Kept:
    """Say how the store survives a crash and a power cut, and why in this way."""
    with store.read() as snapshot:
        return (
            _sqlite(snapshot.settings("journal_mode"))
            if store.backend == "sqlite"
            else _postgresql(snapshot.settings("server_version", "fsync", "full_page_writes", "synchronous_commit"))
        )


def _sqlite(found: dict[str, str]) -> Kept:
    mode, synchronous = journal_mode()
    if mode == "WAL":
        why = "write-ahead log, synced at every commit: this SQLite has the fix of its reset"
    else:
        why = (
            "rollback journal, synced with its folder at every commit: this SQLite's write-ahead log can lose "
            "commits when it is reset (fixed in 3.51.3, 3.50.7 and 3.44.6)"
        )
    said = f"SQLite {sqlite_version()}, {mode}/{synchronous}: {why}"
    if found["journal_mode"].upper() not in (mode, "MEMORY"):
        return Kept(
            f"SQLite {sqlite_version()} keeps it in {found['journal_mode'].upper()}, expected {mode}",
            "close whatever else has it open, then run this again",
        )
    return Kept(said)


def _postgresql(found: dict[str, str]) -> Kept:
    said = f"PostgreSQL {found['server_version']}: a commit waits until it is on the disk (synchronous_commit = on)"
    for name in ("fsync", "full_page_writes"):
        if found[name] != "on":
            return Kept(
                f"PostgreSQL {found['server_version']} runs with {name} = {found[name]}: a power cut can lose "
                "everything since, or damage it",
                f"have its administrator set {name} = on",
            )
    return Kept(said)
