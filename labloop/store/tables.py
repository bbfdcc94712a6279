"""The database's tables. Only `ledger` holds facts; every other table follows from it.

The database itself refuses to change or delete what stands in the ledger, whoever asks. SQLite's `REPLACE` deletes
without asking the trigger for DELETE, so there an entry is also refused where one stands already.

A change of the layout: raise `SCHEMA_VERSION`, write the step in `upgrade.py`, freeze a store in `tests/store/frozen`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "READ_MODELS",
    "SCHEMA_VERSION",
    "campaign",
    "experiment",
    "guard",
    "ledger",
    "meta",
    "metadata",
    "receipt",
    "request",
    "result",
    "touch",
]

SCHEMA_VERSION = 2

metadata = MetaData()

meta = Table(
    "labloop_meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("head_hash", String(64), nullable=False),
    Column("spec_version", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("source", String(64), nullable=False),
    Column("experiments", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False),
    UniqueConstraint("name"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("at", String(40), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("version", String(40), nullable=False),
    Column("payload", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

experiment = Table(
    "experiment",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(20), nullable=False),
    Column("batch", BigInteger),
    Column("observations", Integer, nullable=False),
    Column("record", Text, nullable=False),
    # Holds all that `status` counts, so that it need not touch a million records.
    Index("experiment_status", "campaign_id", "status", "number", "observations"),
)

result = Table(
    "result",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("experiment", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", String(100), primary_key=True),
    Column("mean", Float(53), nullable=False),
    Column("count", Integer, nullable=False),
    Index("result_mean", "campaign_id", "outcome", "mean", "experiment"),
)

touch = Table(
    "touch",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("experiment", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
)

receipt = Table(
    "receipt",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

request = Table(
    "request",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

READ_MODELS = (experiment, result, touch, receipt, request)
"""What follows from the ledger, the campaign's own row aside."""

_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS ledger_refuses_update BEFORE UPDATE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS ledger_refuses_delete BEFORE DELETE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS ledger_refuses_replace BEFORE INSERT ON ledger "
    "WHEN EXISTS (SELECT 1 FROM ledger WHERE campaign_id = NEW.campaign_id AND sequence = NEW.sequence) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
)
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "DROP TRIGGER IF EXISTS ledger_refuses_change ON ledger",
    "CREATE TRIGGER ledger_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()",
)


def guard(connection: Connection) -> None:
    """Make the database refuse to change the ledger; what is in place already is left."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)
