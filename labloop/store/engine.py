"""Opens the database so that acknowledged means durable.

SQLite: WAL has a bug in its reset that can lose commits (SQLite 3.7.0 to 3.51.2, fixed in 3.51.3, 3.50.7 and
3.44.6; sqlite.org/wal.html#walresetbug), so on an affected version the rollback journal with ``synchronous=EXTRA``
is used, else WAL with ``FULL``; never ``NORMAL``, which loses commits when the power goes. Write transactions start
with ``BEGIN IMMEDIATE``: a deferred one that reads before it writes can only fail when another writer came between.

PostgreSQL: a reader sees one moment (``REPEATABLE READ``, read-only). A writer locks its campaign's row first and
reads after it (``READ COMMITTED``, so that what it reads is as new as the lock). A server that was set up to answer
before a commit is durable is asked to wait for it.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, StaticPool

from labloop.errors import InvalidInput, StorageError
from labloop.store.refusals import BUSY_SECONDS

__all__ = ["READING", "WRITING", "journal_mode", "open_engine", "shown_url", "sqlite_path", "sqlite_version"]

_CONNECT_SECONDS = 10
_PAUSE = 0.01
READING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""How a connection is set up to read, by backend."""
WRITING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"labloop_writes": True},
    "postgresql": {"isolation_level": "READ COMMITTED", "postgresql_readonly": False},
}
"""How a connection is set up to write, by backend."""
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
        if backend == "postgresql" and "connect_timeout" not in parsed.query:
            parsed = parsed.update_query_dict({"connect_timeout": str(_CONNECT_SECONDS)})
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
    else:
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy, not the driver, says when a transaction begins: the driver's own BEGIN is deferred.
    connection.isolation_level = None
    mode, synchronous = journal_mode()
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA trusted_schema = OFF")
    (current,) = cursor.execute("PRAGMA journal_mode").fetchone()
    if current.upper() != mode:
        cursor.execute(f"PRAGMA journal_mode = {mode}")
    cursor.execute(f"PRAGMA synchronous = {synchronous}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Whatever the server's and the role's defaults are: acknowledged means durable, and nobody waits for ever.
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
    connection.commit()


def _begin_sqlite(connection: Any) -> None:
    if not connection.get_execution_options().get("labloop_writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own wait asks every 100 ms in the end; among 16 who write without a pause some ask at the wrong moment
    # for 30 s (measured). Short pauses of random length give everybody the same chance at each gap.
    driver: Any = connection.connection.driver_connection
    chance, until = random.Random(), time.monotonic() + BUSY_SECONDS
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while not _began(driver, last=time.monotonic() > until):
            time.sleep(_PAUSE * chance.random())
    finally:
        driver.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")


def _began(driver: Any, *, last: bool) -> bool:
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for a server or a store in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def sqlite_version() -> str:
    """Return the version of the SQLite library that Python is linked to."""
    return sqlite3.sqlite_version
