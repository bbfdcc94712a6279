"""Derive every proposal again from the ledger as it stood when it was made, and say whether it is the same.

A proposal follows from five things, all of which its entry names: the entries before it (their number and the
hash of the last), the version of the spec, the strategy, the seed, and how many experiments were asked for. Its last
digits follow from the number of threads too, which the entry also names and which is set again. Here they are put
together and given to the planner of this machine. Nothing that came later can leak in: a result recorded, amended or
undone afterwards is not in the ledger as it stood.

The verdict on a proposal:

=========== ===================================================================================
identical   the same canonical JSON: conditions, predictions, chances, reasons, notes, bit for bit
different   something is not the same; ``differences`` says what, ``causes`` what may explain it
unknown     it cannot be derived: the ledger before it is not the one that it names, or the planner failed
=========== ===================================================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from threadpoolctl import threadpool_limits

from labloop.errors import LabloopError, NotFound
from labloop.loop.lookup import find_experiment
from labloop.loop.past import Past, moments
from labloop.loop.suggest import Plan, known_of, machine, package_versions, shuffled, with_strategy
from labloop.records import LedgerEntry, experiment_id
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.store.chain import canonical
from labloop.store.codec import proposal_to_dict, proposed_to_dict

__all__ = ["Replayed", "Sameness", "replay", "replay_entries"]

_CLAIMS = ("strategy", "planner", "notes")


class Sameness(StrEnum):
    """Whether a proposal came out again."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Replayed:
    """One proposal, derived again.

    ``largest`` is the largest relative difference between two numbers that ought to be the same, where the
    proposals differ in numbers only; None otherwise.
    """

    sequence: int
    batch: int
    experiments: tuple[int, ...]
    sameness: Sameness
    differences: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    largest: float | None = None


def replay(store: Store, name: str, *, number: int | None = None, plan: Plan | None = None) -> tuple[Replayed, ...]:
    """Derive the proposals of a campaign again, or the one that an experiment came from.

    Parameters
    ----------
    number : of an experiment that the planner proposed.
    plan : the planner; labloop's own if not given.

    Raises
    ------
    NotFound
        If there is no such campaign or experiment, or nobody proposed it.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        if number is not None and not any(
            entry.kind == "proposed" for entry in snapshot.entries(row, experiment=number)
        ):
            find_experiment(snapshot, row, number)
            raise NotFound(
                f"{experiment_id(name, number)} was not proposed by the planner, so there is nothing to replay",
                hint=f"see where it came from: labloop history {name} {number}",
            )
        entries = tuple(snapshot.entries(row))
    return tuple(replay_entries(entries, number=number, plan=plan))


def replay_entries(
    entries: Sequence[LedgerEntry], *, number: int | None = None, plan: Plan | None = None
) -> Iterator[Replayed]:
    """Derive the proposals of a ledger again, one by one, wherever the ledger came from."""
    proposals = [each for each in entries if each.kind == "proposed" and _is_meant(each, number)]
    by_head: dict[int, list[LedgerEntry]] = {}
    for each in proposals:
        by_head.setdefault(_head(each), []).append(each)
    for head in [each for each in by_head if not 0 < each <= len(entries)]:
        for proposal in by_head.pop(head):
            yield _unknown(proposal, "it does not say on which entries it was made")
    for head, past in moments(entries, ask=by_head):
        for proposal in by_head[head]:
            yield _replayed(past, proposal, plan)


def _is_meant(proposal: LedgerEntry, number: int | None) -> bool:
    return number is None or any(each["number"] == number for each in proposal.payload["experiments"])


def _head(proposal: LedgerEntry) -> int:
    head = proposal.payload.get("data", {}).get("sequence", 0)
    return head if isinstance(head, int) and head < proposal.sequence else 0


def _replayed(past: Past, proposal: LedgerEntry, plan: Plan | None) -> Replayed:
    payload = proposal.payload
    named, found = payload["data"]["hash"], past.hashes[-1]
    if named != found:
        return _unknown(
            proposal, f"it was made on entries that end in {named[:12]}, this ledger's end in {found[:12]} there"
        )
    if payload["spec_version"] not in past.specs:
        return _unknown(proposal, f"version {payload['spec_version']} of the spec is not in the ledger before it")
    spec = past.spec(payload["spec_version"])
    try:
        again = _derived(past, with_strategy(spec, payload["strategy"]), payload, plan)
    except LabloopError as error:
        return _unknown(proposal, f"the planner of this machine refuses: {error.message}")
    before = _claim(payload, payload["experiments"])
    if canonical(before) == canonical(again):
        return Replayed(proposal.sequence, payload["batch"], _numbers(proposal), Sameness.IDENTICAL)
    differences, largest = _differences(before, again)
    return Replayed(
        proposal.sequence,
        payload["batch"],
        _numbers(proposal),
        Sameness.DIFFERENT,
        differences,
        tuple(_causes(payload)),
        largest,
    )


def _derived(past: Past, spec: Spec, payload: Mapping[str, Any], plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        # The planner brings torch along, and a ledger without proposals does not need it.
        from labloop.planner import plan as plan_by_model

        plan = plan_by_model
    observed, pending = known_of(past.experiments)
    asked = payload.get("asked", len(payload["experiments"]))
    with threadpool_limits(limits=payload.get("threads") or None):  # type: ignore[no-untyped-call]
        proposal = plan(spec, observed, pending, asked, payload["seed"])
    if "planned_order" in payload["planner"]:
        proposal = shuffled(proposal)
    return _claim(proposal_to_dict(proposal), [proposed_to_dict(each) for each in proposal.experiments])


def _claim(fields: Mapping[str, Any], experiments: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a proposal claims, without what the store adds: numbers and what is replaced."""
    bare = [{k: v for k, v in each.items() if k not in ("number", "replaces")} for each in experiments]
    claim = {**{name: fields.get(name) for name in _CLAIMS}, "experiments": bare}
    plain: dict[str, Any] = json.loads(canonical(claim))
    return plain


def _differences(before: Mapping[str, Any], again: Mapping[str, Any]) -> tuple[tuple[str, ...], float | None]:
    """Say what is not the same, the weightiest first."""
    old, new = before["experiments"], again["experiments"]
    if len(old) != len(new):
        return (f"{len(old)} experiments were proposed, {len(new)} come out now",), None
    found = [
        f"the {_place(i)} experiment: {', '.join(changed)}"
        for i, (one, other) in enumerate(zip(old, new, strict=True))
        if (changed := [key for key in {**one, **other} if one.get(key) != other.get(key)])
    ]
    found += [f"the {name} of the proposal" for name in _CLAIMS if before[name] != again[name]]
    gaps = list(
        _gaps({"experiments": old, "planner": before["planner"]}, {"experiments": new, "planner": again["planner"]})
    )
    largest = None if not gaps or any(math.isnan(gap) for gap in gaps) else max(gaps)
    if largest is not None:
        found.insert(0, f"only numbers differ, by at most {largest:.1e} of their size")
    return tuple(found), largest


def _gaps(one: Any, other: Any) -> Iterator[float]:
    """Yield the relative difference of every pair of unequal numbers; NaN for anything else that is unequal."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for key in one:
            if key != "reason":  # a sentence about the numbers
                yield from _gaps(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _gaps(a, b)
    elif one != other:
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        yield abs(one - other) / max(abs(one), abs(other)) if numbers else math.nan


def _causes(payload: Mapping[str, Any]) -> Iterator[str]:
    """Say what is not as it was when the proposal was made."""
    here, then = dict(package_versions()), dict(payload.get("packages", {}))
    changed = [
        f"{name} {then.get(name, 'unknown')} then, {here[name]} now" for name in here if then.get(name) != here[name]
    ]
    if changed:
        yield "other versions: " + "; ".join(changed)
    if payload.get("machine") != machine():
        yield f"another machine: {payload.get('machine', 'not said')} then, {machine()} now"
    if "asked" not in payload:
        yield "the ledger does not say how many experiments were asked for; as many as there are were assumed"
    if "threads" not in payload:
        yield "the ledger does not say with how many threads it was computed; last digits depend on it"
    if not changed and payload.get("machine") == machine():
        yield (
            "the same versions and kind of machine: another processor can change last digits; "
            "anything more means that the planner's code was changed without a new version"
        )


def _unknown(proposal: LedgerEntry, why: str) -> Replayed:
    return Replayed(proposal.sequence, proposal.payload["batch"], _numbers(proposal), Sameness.UNKNOWN, causes=(why,))


def _numbers(proposal: LedgerEntry) -> tuple[int, ...]:
    return tuple(each["number"] for each in proposal.payload["experiments"])


def _place(index: int) -> str:
    return {0: "first", 1: "second", 2: "third"}.get(index, f"{index + 1}th")
