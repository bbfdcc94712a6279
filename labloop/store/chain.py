"""The ledger's mathematics: canonical JSON, the hash of an entry, and the walk along the chain.

An entry's hash is SHA-256 over the canonical JSON of everything else in it, the previous hash included.
Canonical JSON: keys sorted, no blanks, UTF-8, numbers as Python's shortest round-trip form, no NaN.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from labloop.errors import Problem
from labloop.records import LedgerEntry

__all__ = ["GENESIS", "broken_links", "canonical", "entry_hash", "fingerprint"]

GENESIS = "0" * 64
"""What the first entry names as its previous hash."""


def canonical(value: Any) -> str:
    """Return the one JSON text of a value.

    Raises
    ------
    ValueError
        If the value holds NaN or an infinity: JSON has neither.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def entry_hash(entry: LedgerEntry) -> str:
    """Compute the hash that an entry ought to carry."""
    return fingerprint(
        {
            "campaign": entry.campaign,
            "sequence": entry.sequence,
            "kind": entry.kind,
            "at": entry.at,
            "actor": entry.actor,
            "version": entry.version,
            "payload": entry.payload,
            "previous": entry.previous,
        }
    )


def broken_links(entries: Iterable[LedgerEntry]) -> Iterator[Problem]:
    """Walk the chain of one campaign in order of sequence and yield every break."""
    previous, expected = GENESIS, 1
    for entry in entries:
        place = f"entry {entry.sequence}"
        if entry.sequence != expected:
            yield Problem(f"entry {expected} is missing; next comes {entry.sequence}", place)
        if entry.previous != previous:
            yield Problem("does not follow from the entry before it: one was removed, inserted or swapped", place)
        if entry_hash(entry) != entry.hash:
            yield Problem("was changed after it was written: its hash does not match its content", place)
        previous, expected = entry.hash, entry.sequence + 1
