"""The ledger's mathematics: canonical JSON, the hash of an entry, and the walk along the chain.

An entry's hash is SHA-256 over the canonical JSON of everything else in it, the previous hash included.
Canonical JSON: keys sorted, no blanks, UTF-8, numbers as Python's shortest round-trip form, no NaN.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from json.encoder import encode_basestring
from typing import Any

from pydantic_core import from_json

from labloop.errors import Problem
from labloop.records import LedgerEntry

__all__ = ["GENESIS", "Walk", "broken_links", "canonical", "entry_hash", "fingerprint", "parsed", "seal"]

GENESIS = "0" * 64
"""What the first entry names as its previous hash."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# `JSONEncoder.encode` makes this anew for every text. Made once, short texts are written a quarter faster.
_MAKE = getattr(json.encoder, "c_make_encoder", None)
_WRITE = _MAKE and _MAKE(None, _ENCODER.default, encode_basestring, None, ":", ",", True, False, False)


def canonical(value: Any) -> str:
    """Return the one JSON text of a value.

    Raises
    ------
    ValueError
        If the value holds NaN or an infinity: JSON has neither.
    """
    return "".join(_WRITE(value, 0)) if _WRITE else _ENCODER.encode(value)


parsed: Callable[[str], Any] = from_json
"""Read JSON, faster than `json` does; what `canonical` wrote comes back as it was, which a test holds it to."""


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def entry_hash(entry: LedgerEntry) -> str:
    """Compute the hash that an entry ought to carry."""
    return seal(entry, campaign=entry.campaign, payload=canonical(entry.payload))


def seal(entry: Any, *, campaign: str, payload: str) -> str:
    """Compute the hash of an entry or a row of the ledger whose payload is already canonical JSON.

    The canonical JSON of the whole is put together from its parts, keys in order: a chain of a million entries
    is walked in seconds. A test compares it with `fingerprint` of the same content.
    """
    text = encode_basestring
    whole = (
        f'{{"actor":{text(entry.actor)},"at":{text(entry.at)},"campaign":{text(campaign)},"kind":{text(entry.kind)},'
        f'"payload":{payload},"previous":{text(entry.previous)},"sequence":{entry.sequence},'
        f'"version":{text(entry.version)}}}'
    )
    return hashlib.sha256(whole.encode()).hexdigest()


class Walk:
    """Goes along a chain, one entry after the other, and says where it breaks."""

    def __init__(self) -> None:
        self.previous = GENESIS
        self.expected = 1

    def step(self, entry: Any, right: str) -> Sequence[Problem]:
        """Take the next entry (or row of the ledger); ``right`` is the hash that its content gives."""
        fits = entry.sequence == self.expected and entry.previous == self.previous and right == entry.hash
        problems = () if fits else tuple(self._breaks(entry, right))
        self.previous, self.expected = entry.hash, entry.sequence + 1
        return problems

    def _breaks(self, entry: Any, right: str) -> Iterator[Problem]:
        place = f"entry {entry.sequence}"
        if entry.sequence > self.expected + 1:
            yield Problem(
                f"entry {self.expected} to entry {entry.sequence - 1} are missing; next comes {entry.sequence}", place
            )
        elif entry.sequence != self.expected:
            yield Problem(f"entry {self.expected} is missing; next comes {entry.sequence}", place)
        elif entry.previous != self.previous:
            yield Problem("does not follow from the entry before it: one was removed, inserted or swapped", place)
        if right != entry.hash:
            yield Problem("was changed after it was written: its hash does not match its content", place)


def broken_links(entries: Iterable[LedgerEntry]) -> Iterator[Problem]:
    """Walk the chain of one campaign in order of sequence and yield every break."""
    walk = Walk()
    for entry in entries:
        yield from walk.step(entry, entry_hash(entry))
