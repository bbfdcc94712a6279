"""The layout of the tables: made on first use, and brought up step by step from older ones.

Only the ledger is moved from layout to layout, and so far it never had to be changed; every other table is made
anew and filled from it. An upgrade is one transaction, on both databases: a process that dies in the middle leaves
the old layout whole.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select, update

from labloop import __version__
from labloop.errors import StorageError
from labloop.store import tables as t
from labloop.store.audit import rebuild
from labloop.store.transaction import Transaction

__all__ = ["check_layout", "lay_out", "upgrade"]


def lay_out(connection: Connection) -> None:
    """Make the tables in an empty database."""
    t.metadata.create_all(connection)
    t.guard(connection)
    connection.execute(insert(t.meta).values(key="schema_version", value=str(t.SCHEMA_VERSION)))
    connection.execute(insert(t.meta).values(key="labloop_version", value=__version__))


def check_layout(connection: Connection, where: str) -> None:
    """Make sure that the tables are laid out as this labloop expects.

    Raises
    ------
    StorageError
        If they are older or newer; the hint names the command that puts it right.
    """
    found = _layout(connection, where)
    if found != t.SCHEMA_VERSION:
        older = found < t.SCHEMA_VERSION
        raise StorageError(
            f"the store {where} has layout {found}, this labloop {__version__} expects {t.SCHEMA_VERSION}",
            hint="bring it up: labloop upgrade" if older else "it is newer: pip install --upgrade labloop",
        )


def upgrade(connection: Connection, where: str) -> tuple[int, int]:
    """Bring the tables up to this labloop's layout; return the layouts before and after.

    Raises
    ------
    StorageError
        If a newer labloop wrote them.
    IntegrityError
        If a ledger's chain is broken: nothing is changed.
    """
    before = _layout(connection, where)
    if before == t.SCHEMA_VERSION:
        return before, before
    if before > t.SCHEMA_VERSION:
        check_layout(connection, where)
    for version in range(before, t.SCHEMA_VERSION):
        _STEPS[version](connection)
    _renew_read_models(connection)
    known = t.meta.c.key == "schema_version"
    connection.execute(update(t.meta).where(known).values(value=str(t.SCHEMA_VERSION)))
    connection.execute(update(t.meta).where(t.meta.c.key == "labloop_version").values(value=__version__))
    return before, t.SCHEMA_VERSION


def _layout(connection: Connection, where: str) -> int:
    found = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "schema_version"))
    if found is None or not found.isdigit():
        raise StorageError(f"the store {where} does not say its layout", hint="restore a backup: labloop restore FILE")
    return int(found)


def _renew_read_models(connection: Connection) -> None:
    present = set(inspect(connection).get_table_names())
    old = [table for table in t.READ_MODELS if table.name in present]
    t.metadata.drop_all(connection, tables=old, checkfirst=False)
    t.metadata.create_all(connection, tables=list(t.READ_MODELS), checkfirst=False)
    transaction = Transaction(connection)
    for row in transaction.campaigns():
        rebuild(transaction, row.id, row.name)


def _from_1(connection: Connection) -> None:
    """Layout 2: idempotency keys, indices for a million results, an entry cannot be replaced."""
    t.guard(connection)


_STEPS = {1: _from_1}
