"""The store: snapshots to read from, transactions to append to the ledger in.

Within one transaction an entry and every read model that follows from it are written together, so a
process that dies leaves either all of it or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text, update

from labloop.errors import StorageError
from labloop.store import tables as t
from labloop.store.engine import READING, WRITING, open_engine, shown_url, sqlite_path
from labloop.store.refusals import translated
from labloop.store.snapshot import CampaignRow, Snapshot
from labloop.store.transaction import Transaction
from labloop.store.upgrade import check_layout, lay_out, upgrade

__all__ = ["CampaignRow", "Snapshot", "Store", "Transaction"]

# PostgreSQL: whoever lays the tables out holds this number; a second one waits and finds them there.
_LAYING_OUT = 0x6C61626C


class Store:
    """A database that holds campaigns; made on first use."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.url = url
        self.where = shown_url(url)
        path = sqlite_path(url)
        self.exists = path is None or path.exists()
        self._ready = False

    def __repr__(self) -> str:
        return f"<labloop store {self.where}>"

    @property
    def backend(self) -> str:
        """The kind of database: ``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """Open a snapshot: everything read from it belongs to one moment."""
        with translated(self.where):
            self._prepare()
            with self._connected(READING) as connection:
                yield Snapshot(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction; all of it is durable when the block ends, nothing if it raises."""
        with translated(self.where):
            self._prepare()
            with self._connected(WRITING) as connection:
                yield Transaction(connection)

    def try_write(self) -> None:
        """Write what is there already, and wait until it is on the disk: an empty transaction would reach nothing.

        Raises
        ------
        Busy, StorageError
            If it cannot be written.
        """
        with translated(self.where):
            self._prepare()
            with self._connected(WRITING) as connection:
                connection.execute(update(t.meta).values(value=t.meta.c.value))

    def upgrade(self) -> tuple[int, int]:
        """Bring an older layout up to this labloop's in one transaction; return the layouts before and after.

        Raises
        ------
        StorageError
            If there is no store, or a newer labloop wrote it.
        """
        with translated(self.where):
            self._refuse_missing_folder()
            with self._connected(WRITING) as connection:
                self._lock_layout(connection)
                if not inspect(connection).has_table(t.meta.name):
                    raise StorageError(f"there is no store in {self.where}", hint="name another with --store")
                return upgrade(connection, self.where)

    def copy_to(self, path: Path) -> None:
        """Copy a SQLite store as it stands at one moment, while others may go on writing to it.

        By SQLite's own backup: a copy of the file could catch it in the middle of a commit.
        """
        with translated(self.where):
            self._prepare()
            with self._engine.connect() as connection, closing(sqlite3.connect(path)) as target:
                source: Any = connection.connection.driver_connection
                source.backup(target)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _connected(self, options: Mapping[str, Mapping[str, Any]]) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection = connection.execution_options(**options[self.backend])
            with connection.begin():
                yield connection

    def _prepare(self) -> None:
        if self._ready:
            return
        self._refuse_missing_folder()
        if not self._laid_out():
            with self._connected(WRITING) as connection:
                self._lock_layout(connection)
                # Somebody else may have come first.
                if not inspect(connection).has_table(t.meta.name):
                    lay_out(connection)
        self._ready = self.exists = True

    def _laid_out(self) -> bool:
        if not self.exists:
            return False
        with self._connected(READING) as connection:
            if not inspect(connection).has_table(t.meta.name):
                return False
            check_layout(connection, self.where)
        return True

    def _lock_layout(self, connection: Connection) -> None:
        if self.backend == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LAYING_OUT})

    def _refuse_missing_folder(self) -> None:
        path = sqlite_path(self.url)
        if path is not None and not path.parent.is_dir():
            raise StorageError(f"no folder {path.parent}", hint="make it, or start a workspace with: labloop init")
