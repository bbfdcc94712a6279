"""The one clock. What came first is said by an entry's number, never by the time: clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now"]


def now() -> datetime:
    """Return the present time in UTC; called as ``clock.now()``, so that a test can let the clock jump."""
    return datetime.now(UTC)
