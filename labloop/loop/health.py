"""The store's health: whether it can be written to, and how it is kept safe."""

from __future__ import annotations

from labloop.store import Store
from labloop.store.engine import journal_mode, sqlite_path, sqlite_version

__all__ = ["journal", "round_trip"]


def round_trip(store: Store) -> None:
    """Begin and end a write transaction; nothing is changed.

    Raises
    ------
    Busy, StorageError
        If the store cannot be written to.
    """
    with store.write() as transaction:
        transaction.campaigns()


def journal(store: Store) -> str:
    """Say how the store survives a crash, and why in this way."""
    if sqlite_path(store.url) is None:
        return "kept by its server"
    mode, synchronous = journal_mode()
    why = "write-ahead log" if mode == "WAL" else "rollback journal: this SQLite's write-ahead log can lose commits"
    return f"SQLite {sqlite_version()}, {mode}/{synchronous} ({why})"
