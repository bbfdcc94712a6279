"""Ledger and read models on SQLAlchemy; SQLite by default, PostgreSQL by URL."""

from labloop.store import clock
from labloop.store.retry import retried
from labloop.store.store import CampaignRow, Snapshot, Store, Transaction

__all__ = ["CampaignRow", "Snapshot", "Store", "Transaction", "clock", "retried"]
