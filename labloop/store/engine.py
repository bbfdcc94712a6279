"""Opens the database so that acknowledged means durable, and says its errors in our words.

SQLite: WAL has a bug in its reset that can lose commits (SQLite 3.7.0 to 3.51.2, fixed in 3.51.3, 3.50.7 and
3.44.6), so on an affected version the rollback journal with ``synchronous=EXTRA`` is used, else WAL with
``FULL``. Write transactions start with ``BEGIN IMMEDIATE``: a deferred one that reads before it writes can
only fail when another writer came between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from labloop.errors import Busy, IntegrityError, InvalidInput, LabloopError, StorageError

__all__ = ["journal_mode", "open_engine", "shown_url", "sqlite_path", "sqlite_version", "translated"]

_BUSY_SECONDS = 30
_FIXED_BRANCHES = {(3, 44): 6, (3, 50): 7}


def journal_mode(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> tuple[str, str]:
    """Return (journal mode, synchronous) for a version of SQLite; see the module's first lines for why."""
    fixed = version >= (3, 51, 3) or version[2] >= _FIXED_BRANCHES.get((version[0], version[1]), 1_000_000)
    return ("WAL", "FULL") if fixed else ("DELETE", "EXTRA")


def shown_url(url: str | URL) -> str:
    """Return a URL that may be printed: no password, no query part (which can hold one)."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def open_engine(url: str) -> Engine:
    """Connect to a store.

    Raises
    ------
    InvalidInput
        If the URL is not one, or names a database other than SQLite and PostgreSQL.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "postgresql" and "+" not in parsed.drivername:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if backend not in ("sqlite", "postgresql"):
            raise InvalidInput(f"the store is a {backend} database, expected sqlite or postgresql")
        in_memory = backend == "sqlite" and sqlite_path(url) is None
        # A store in memory lives as long as its one connection; elsewhere none is kept between commands.
        engine = create_engine(parsed, poolclass=StaticPool if in_memory else NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise StorageError(
            f"the driver {error.name} is not installed", hint="pip install 'labloop[postgres]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InvalidInput(
            "the store's URL cannot be read", hint="expected sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy, not the driver, says when a transaction begins: the driver's own BEGIN is deferred.
    connection.isolation_level = None
    mode, synchronous = journal_mode()
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA trusted_schema = OFF")
    (current,) = cursor.execute("PRAGMA journal_mode").fetchone()
    if current.upper() != mode:
        cursor.execute(f"PRAGMA journal_mode = {mode}")
    cursor.execute(f"PRAGMA synchronous = {synchronous}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writing = connection.get_execution_options().get("labloop_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the database's errors into ours; ``where`` is the store as it may be shown."""
    try:
        yield
    except LabloopError:
        raise
    except DBAPIError as error:
        raise _ours(str(error.orig), where) from error
    except sqlite3.Error as error:  # from a connect hook, which SQLAlchemy does not wrap
        raise _ours(str(error), where) from error
    except SQLAlchemyError as error:
        raise StorageError(f"the store {where} failed: {type(error).__name__}", hint="try: labloop doctor") from error


_SAID: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("disk is full", "database or disk is full"), "the disk is full", "free some space; earlier entries are intact"),
    (("readonly", "read-only"), "the store is read-only", "check the permissions of the file and of its folder"),
    (
        ("unable to open database",),
        "the store cannot be opened",
        "check that the folder exists and may be written to; or name another with --store",
    ),
    (
        ("not a database", "file is encrypted"),
        "the file is not a labloop store",
        "name another with --store, or restore a backup",
    ),
    (("malformed", "disk image"), "the file is damaged", "restore a backup; then: labloop verify"),
    (("i/o error",), "the disk reports an input/output error", "check the disk; earlier entries are intact"),
    (
        (
            "could not connect",
            "connection refused",
            "connection failed",
            "name or service not known",
            "timeout expired",
        ),
        "the database server cannot be reached",
        "check the address, and that the server runs",
    ),
    (("password authentication", "no password supplied"), "the database refused the login", "check user and password"),
)


def _ours(said: str, where: str) -> LabloopError:
    lowered = said.lower()
    if "append-only" in lowered:
        return IntegrityError(
            "the ledger is append-only", hint="corrections are new entries: labloop amend, labloop undo"
        )
    if "locked" in lowered or "busy" in lowered:
        return Busy(
            f"the store {where} is in use by another process since {_BUSY_SECONDS} s",
            hint="wait for it to finish, then try again",
        )
    for words, message, hint in _SAID:
        if any(word in lowered for word in words):
            return StorageError(f"{message}: {where}", hint=hint)
    return StorageError(f"the store {where} refused: {said.splitlines()[0]}", hint="try: labloop doctor")


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for a server or a store in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def sqlite_version() -> str:
    """Return the version of the SQLite library that Python is linked to."""
    return sqlite3.sqlite_version
