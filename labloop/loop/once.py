"""Exactly once: whoever does not know whether a request was written may make it again under the same key.

The first time a key is used, its entry carries the key and the fingerprint of what was asked. The second time the
answer is read from that entry and nothing is written. The same key with another content is a conflict: one of the
two was lost sight of, and guessing which would lose data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labloop.errors import Conflict, InvalidInput
from labloop.records import LedgerEntry
from labloop.store import CampaignRow, Snapshot
from labloop.store.chain import fingerprint
from labloop.store.transaction import Asked

__all__ = ["PLAIN", "Delivery", "answered", "asked"]

_LONGEST = 200


@dataclass(frozen=True)
class Delivery:
    """How results are handed in.

    ``key`` makes it safe to hand them in again: under the same key they are written once. ``token`` is the claim
    under which the experiments were run.
    """

    key: str | None = None
    token: int | None = None


PLAIN = Delivery()


def asked(key: str | None, what: str, content: Mapping[str, Any]) -> Asked | None:
    """Return a request under a key; None without one.

    Raises
    ------
    InvalidInput
        If the key is empty or too long.
    """
    if key is None:
        return None
    if not key.strip() or len(key) > _LONGEST or not key.isprintable():
        raise InvalidInput(
            "that is not an idempotency key", hint=f"1 to {_LONGEST} characters, such as a UUID", field="key"
        )
    return Asked(key, fingerprint([what, content]), {})


def answered(snapshot: Snapshot, row: CampaignRow, request: Asked | None) -> tuple[LedgerEntry, ...] | None:
    """Return the entries that were written for the same request before; None if there was none.

    Raises
    ------
    Conflict
        If the key was used for something else.
    """
    found = None if request is None else snapshot.request(row, request.key)
    if found is None or request is None:
        return None
    if found.content != request.content:
        first = found.entries[0]
        raise Conflict(
            f"the key {request.key!r} was used for something else: entry {first.sequence} ({first.kind})",
            hint="a new request needs a new key; a correction is: labloop amend",
            field="key",
        )
    return found.entries
