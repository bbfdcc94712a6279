"""What the read models ought to hold, worked out from the ledger alone.

`rebuild` writes it, `verify` compares with it. It does not share its way with writing (`transaction.py`), which
brings the read models on by one entry at a time; only what an entry means (`fold.py`) is the same. So a mistake in
either shows as a difference.

The ledger is read twice: once along the chain, for what concerns the campaign as a whole; then once a part of the
experiments, so that the memory that is needed does not grow with their number.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labloop.errors import Problem
from labloop.records import Experiment, LedgerEntry
from labloop.store.chain import GENESIS, Walk, seal
from labloop.store.codec import encode_experiment
from labloop.store.fold import apply, changes_of
from labloop.store.snapshot import Link, Snapshot

__all__ = ["Part", "Whole", "chain_problems", "experiment_row", "head_after", "parts", "result_rows", "walk"]

# Experiments in one part: some 100 MB of states.
_PART = 50_000

FRESH: Mapping[str, Any] = {
    "head": 0,
    "head_hash": GENESIS,
    "spec_version": 0,
    "spec": "{}",
    "source": "",
    "experiments": 0,
    "batches": 0,
}
"""A campaign's row before its first entry, its name aside."""


@dataclass
class Whole:
    """What a walk along the chain found.

    ``row`` is what the campaign's row ought to say; ``touched`` and ``touching`` run side by side: an experiment
    and an entry that touches it; ``receipts`` are keys of rows by the entry that wrote them; ``requests`` are
    (content, entry) by idempotency key; ``problems`` are breaks of the chain.
    """

    campaign_id: int
    name: str
    row: dict[str, Any] = field(default_factory=lambda: dict(FRESH))
    receipts: dict[int, list[str]] = field(default_factory=dict)
    requests: dict[str, tuple[str, int]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    touched: array[int] = field(default_factory=lambda: array("q"))
    touching: array[int] = field(default_factory=lambda: array("q"))
    problems: list[Problem] = field(default_factory=list)


@dataclass
class Part:
    """The rows that ought to stand for the experiments from ``low`` up to but not including ``high``."""

    low: int
    high: int
    experiments: list[dict[str, Any]]
    results: list[dict[str, Any]]
    touches: list[tuple[int, int]]


def chain_problems(snapshot: Snapshot, campaign_id: int, name: str) -> list[Problem]:
    """Go along a campaign's chain only, and list every break."""
    steps = Walk()
    return [
        problem
        for link in snapshot.links(campaign_id)
        for problem in steps.step(link, seal(link, campaign=name, payload=link.payload))
    ]


def walk(snapshot: Snapshot, campaign_id: int, name: str) -> Whole:
    """Go along a campaign's chain; after a break only the chain itself is looked at."""
    whole, steps = Whole(campaign_id, name), Walk()
    for link in snapshot.links(campaign_id):
        whole.problems += steps.step(link, seal(link, campaign=name, payload=link.payload))
        if not whole.problems:
            _note(whole, _entry(link, name))
    return whole


def _note(whole: Whole, entry: LedgerEntry) -> None:
    payload, sequence = entry.payload, entry.sequence
    whole.row = head_after(whole.row, entry)
    if entry.kind == "undone":
        whole.undone.add(payload["sequence"])
        whole.receipts.pop(payload["sequence"], None)
    if "request" in payload:
        whole.requests.setdefault(payload["request"]["key"], (payload["request"]["content"], sequence))
    last = 0
    for number, change in changes_of(entry):
        if number != last:
            whole.touched.append(number)
            whole.touching.append(sequence)
            last = number
        if "key" in change:
            whole.receipts.setdefault(sequence, []).append(change["key"])


def head_after(row: Mapping[str, Any], entry: LedgerEntry) -> dict[str, Any]:
    """Return a campaign's row, its name aside, after one more entry."""
    head = {**row, "head": entry.sequence, "head_hash": entry.hash}
    payload = entry.payload
    if entry.kind in ("created", "revised"):
        head |= {"spec": payload["spec"], "source": payload["source"], "spec_version": payload["version"]}
    if entry.kind in ("proposed", "added"):
        head["experiments"] = max([row["experiments"], *(each["number"] for each in payload["experiments"])])
    if entry.kind == "proposed":
        head["batches"] = payload["batch"]
    return head


def parts(snapshot: Snapshot, whole: Whole) -> Iterator[Part]:
    """Fold the entries of a whole chain, so many experiments at a time."""
    last = max(whole.touched, default=0)
    for low in range(0, last + 1, _PART):
        high = low + _PART
        pairs = {(n, s) for n, s in zip(whole.touched, whole.touching, strict=True) if low <= n < high}
        if pairs:
            yield _part(snapshot, whole, (low, high), sorted(pairs))


def _part(snapshot: Snapshot, whole: Whole, span: tuple[int, int], pairs: list[tuple[int, int]]) -> Part:
    low, high = span
    wanted = {sequence for _, sequence in pairs}
    states: dict[int, Experiment | None] = {}
    for link in snapshot.links(whole.campaign_id, first=min(wanted), last=max(wanted)):
        if link.sequence not in wanted or link.sequence in whole.undone:
            continue
        entry = _entry(link, whole.name)
        for number, change in changes_of(entry):
            if low <= number < high:
                states[number] = apply(states.get(number), entry, change)
    kept = [state for _, state in sorted(states.items()) if state is not None]
    rows = [experiment_row(whole.campaign_id, state) for state in kept]
    results = [row for state in kept for row in result_rows(whole.campaign_id, state)]
    return Part(low, high, rows, results, pairs)


def _entry(link: Link, name: str) -> LedgerEntry:
    return LedgerEntry(
        name,
        link.sequence,
        link.kind,
        link.at,
        link.actor,
        link.version,
        json.loads(link.payload),
        link.previous,
        link.hash,
    )


def experiment_row(campaign_id: int, state: Experiment) -> dict[str, Any]:
    """Return an experiment's row."""
    return {
        "campaign_id": campaign_id,
        "number": state.number,
        "status": state.status.value,
        "batch": state.batch,
        "observations": len(state.observations),
        "record": encode_experiment(state),
    }


def result_rows(campaign_id: int, state: Experiment) -> Iterator[dict[str, Any]]:
    """Yield an experiment's rows of means, one an outcome."""
    for outcome in dict.fromkeys(name for each in state.observations for name in each.outcomes):
        values = [each.outcomes[outcome] for each in state.observations if outcome in each.outcomes]
        yield {
            "campaign_id": campaign_id,
            "experiment": state.number,
            "outcome": outcome,
            "mean": sum(values) / len(values),
            "count": len(values),
        }
