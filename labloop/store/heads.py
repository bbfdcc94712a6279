"""Heads: the number and hash of a ledger's last entry, written down elsewhere so that a cut tail is found.

A chain whose last entries were removed is still a chain. Whoever kept its head (``15:dcff2a68...``, as every export,
backup and report carries it) can tell: entry 15 must be there, with that hash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labloop.errors import InvalidInput, Problem
from labloop.store.snapshot import CampaignRow, Snapshot

__all__ = ["Head", "head_of", "missing_head", "read_head"]

_HEAD = re.compile(r"(?:(\d{1,15}):)?([0-9a-f]{12,64})")


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a ledger as somebody kept it; the hash may be shortened to its first 12 digits or more."""

    sequence: int | None
    hash: str

    def __str__(self) -> str:
        return self.hash if self.sequence is None else f"{self.sequence}:{self.hash}"


def head_of(row: CampaignRow) -> Head:
    """Return where a campaign's ledger stands."""
    return Head(row.head, row.head_hash)


def read_head(text: str) -> Head:
    """Read a head as it is written in exports, backups and reports.

    Raises
    ------
    InvalidInput
        If it is not one.
    """
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise InvalidInput(
            f"{text.strip()[:80]!r} is not a head",
            hint="write NUMBER:HASH as exports and backups carry it, such as 15:dcff2a689155; at least 12 digits",
        )
    return Head(int(found[1]) if found[1] else None, found[2])


def missing_head(snapshot: Snapshot, row: CampaignRow, head: Head) -> Problem | None:
    """Say what is wrong if a campaign's ledger does not hold an entry that it held once."""
    if head.sequence is None:
        if any(link.hash.startswith(head.hash) for link in snapshot.links(row.id)):
            return None
        return Problem(f"no entry has the hash {head.hash}: entries were cut off, or the ledger was replaced", "head")
    found = next(snapshot.links(row.id, first=head.sequence, last=head.sequence), None)
    if found is None:
        return Problem(f"entry {head.sequence} is missing: the ledger was cut off after entry {row.head}", "head")
    if not found.hash.startswith(head.hash):
        return Problem(
            f"entry {head.sequence} has the hash {found.hash[:12]}, {head.hash[:12]} was written down: "
            "the ledger was replaced or written anew",
            "head",
        )
    return None
