"""The database's tables. Only `ledger` holds facts; every other table follows from it.

The database itself refuses to change or delete what stands in the ledger, whoever asks.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

__all__ = ["SCHEMA_VERSION", "campaign", "experiment", "ledger", "meta", "metadata", "receipt", "result", "touch"]

SCHEMA_VERSION = 1

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
    Index("experiment_status", "campaign_id", "status"),
)

result = Table(
    "result",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("experiment", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", String(100), primary_key=True),
    Column("mean", Float(53), nullable=False),
    Column("count", Integer, nullable=False),
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

for _action in ("UPDATE", "DELETE"):
    event.listen(
        ledger,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER ledger_refuses_{_action.lower()} BEFORE {_action} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )
event.listen(
    ledger,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$; "
        "CREATE TRIGGER ledger_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    ).execute_if(dialect="postgresql"),
)
