"""Says the database's errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from labloop.errors import Busy, IntegrityError, LabloopError, StorageError

__all__ = ["BUSY_SECONDS", "Overtaken", "translated"]

BUSY_SECONDS = 30
"""How long a writer waits for another one."""

# SQLSTATE of what PostgreSQL takes back because of somebody else: serialisation failure, deadlock, and a campaign
# of the same name that another one began a moment before. And that the wait for a lock took too long.
_OVERTAKEN = ("40001", "40P01", "23505")
_LOCKED = ("55P03", "57014")


class Overtaken(Busy):
    """The database took the transaction back because of another one; nothing was written, it can be run again."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the database's errors into ours; ``where`` is the store as it may be shown."""
    try:
        yield
    except LabloopError:
        raise
    except DBAPIError as error:
        raise _ours(str(error.orig), where, getattr(error.orig, "sqlstate", None)) from error
    except sqlite3.Error as error:  # from a connect hook, which SQLAlchemy does not wrap
        raise _ours(str(error), where) from error
    except SQLAlchemyError as error:
        raise StorageError(f"the store {where} failed: {type(error).__name__}", hint="try: labloop doctor") from error


_SAID: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("disk is full", "no space left", "disk full"),
        "the disk is full",
        "free some space; earlier entries are intact",
    ),
    (("readonly", "read-only"), "the store is read-only", "check the permissions of the file and of its folder"),
    (
        ("unable to open database",),
        "the store cannot be opened",
        "check that the folder exists and may be written to; or name another with --store",
    ),
    (
        ("not a database", "file is encrypted"),
        "the file is not a labloop store",
        "name another with --store, or restore a backup: labloop restore FILE",
    ),
    (
        ("malformed", "disk image"),
        "the file is damaged",
        "restore a backup: labloop restore FILE; then: labloop verify",
    ),
    # Before "connection failed", which the driver says of a refused login too.
    (("password authentication", "no password supplied"), "the database refused the login", "check user and password"),
    (("i/o error",), "the disk reports an input/output error", "check the disk; earlier entries are intact"),
    (
        (
            "could not connect",
            "connection refused",
            "connection failed",
            "name or service not known",
            "timeout expired",
            "connection timeout",
            "server closed the connection",
        ),
        "the database server cannot be reached",
        "check the address, and that the server runs",
    ),
    (("permission denied",), "the database refuses this user", "the user must own the tables of the store"),
)


def _ours(said: str, where: str, state: str | None = None) -> LabloopError:
    lowered = said.lower()
    if "append-only" in lowered:
        return IntegrityError(
            "the ledger is append-only", hint="corrections are new entries: labloop amend, labloop undo"
        )
    if state in _OVERTAKEN:
        return Overtaken(f"others kept writing to the store {where}", hint="nothing was written; try again")
    if state in _LOCKED or "locked" in lowered or "busy" in lowered:
        return Busy(
            f"the store {where} is in use by another process since {BUSY_SECONDS} s",
            hint="wait for it to finish, then try again",
        )
    for words, message, hint in _SAID:
        if any(word in lowered for word in words):
            return StorageError(f"{message}: {where}", hint=hint)
    return StorageError(f"the store {where} refused: {said.splitlines()[0]}", hint="try: labloop doctor")
