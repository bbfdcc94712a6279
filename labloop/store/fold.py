"""What an entry does to the experiments it touches: the one place where history becomes state.

An experiment's state is the fold of the entries that touch it, in order, those undone left out. Writing,
undoing, rebuilding and verifying all go through `changes_of` and `apply`, so that they cannot disagree.

Kinds of entry and what they carry (``payload``):

========== ==================================================================================
created    ``spec`` (JSON text, in the order written), ``source`` (SHA-256 of its file), ``version`` 1
revised    ``spec``, ``source``, ``version``, ``reason``: a later version
proposed   ``batch``, seed, planner settings, versions, ``experiments`` with their predictions
added      ``origin``, ``experiments`` that nobody proposed, with or without observations; those of a design
           come with ``design`` (kind, settings, seed, model), each with its place in it, controls among them
recorded   ``results``: observations (merged by index), executed conditions, or a failure
amended    ``experiment``, ``reason``, and what is put right: outcomes, covariates, conditions or a failure
vetoed     ``experiments``, ``reason``
moved      ``experiments``, ``status``: accepted, running, cancelled
claimed    ``experiments``, ``claimant``, ``until``; ``renews``: the token of the claim that is prolonged
released   ``experiments``, ``reason``: they are free again
undone     ``sequence`` of the entry that no longer counts, ``reason``
========== ==================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labloop.records import Claim, Experiment, FailureKind, LedgerEntry, Observation, Origin, Status
from labloop.store.codec import observation_from_dict, proposed_from_dict

__all__ = ["apply", "changes_of", "fold"]

Change = Mapping[str, Any]


def changes_of(entry: LedgerEntry) -> Iterator[tuple[int, Change]]:
    """Yield (experiment number, its part of the payload) for every experiment an entry touches."""
    match entry.kind:
        case "proposed" | "added":
            for each in entry.payload["experiments"]:
                yield each["number"], each
        case "recorded":
            for each in entry.payload["results"]:
                yield each["experiment"], each
        case "amended":
            yield entry.payload["experiment"], entry.payload
        case "vetoed" | "moved" | "claimed" | "released":
            for number in entry.payload["experiments"]:
                yield number, entry.payload


def fold(number: int, entries: Iterable[LedgerEntry]) -> Experiment | None:
    """Return an experiment's state after the given entries; None where nothing of it is left."""
    state: Experiment | None = None
    for entry in entries:
        for touched, change in changes_of(entry):
            if touched == number:
                state = apply(state, entry, change)
    return state


def apply(state: Experiment | None, entry: LedgerEntry, change: Change) -> Experiment | None:
    """Return an experiment's state after one more change."""
    match entry.kind:
        case "proposed":
            return _proposed(entry, change)
        case "added":
            return _added(entry, change)
    if state is None:
        return None
    match entry.kind:
        case "recorded":
            return _recorded(state, entry, change)
        case "amended":
            return _amended(state, change)
        case "vetoed":
            return replace(state, status=Status.VETOED, note=_joined(state.note, change["reason"]))
        case "moved":
            return replace(state, status=Status(change["status"]), note=_joined(state.note, change.get("reason", "")))
        case "claimed":
            claim = Claim(change.get("renews", entry.sequence), change["claimant"], entry.at, change["until"])
            return replace(state, status=Status.RUNNING, claim=claim)
        case "released":
            return replace(state, status=_waiting(state), claim=None)
    return state


def _proposed(entry: LedgerEntry, change: Change) -> Experiment:
    proposed = proposed_from_dict(change)
    return Experiment(
        number=change["number"],
        status=Status.PROPOSED,
        origin=Origin.PLANNER,
        planned=proposed.conditions,
        executed=proposed.conditions,
        batch=entry.payload["batch"],
        slot=proposed.slot,
        reason=proposed.reason,
        predictions=proposed.predictions,
        chance_of_best=proposed.chance_of_best,
        distance=proposed.distance,
        replaces=change.get("replaces"),
        created_at=entry.at,
    )


def _added(entry: LedgerEntry, change: Change) -> Experiment:
    observations = tuple(_observed(each, entry) for each in change.get("observations", ()))
    failure = FailureKind(change["failure"]) if change.get("failure") else None
    return Experiment(
        number=change["number"],
        status=_status(observations, failure, Status.ACCEPTED),
        origin=Origin(change.get("origin", entry.payload["origin"])),
        planned=change["conditions"],
        executed=change["conditions"],
        slot=change.get("slot", ""),
        reason=change.get("reason", ""),
        observations=observations,
        failure=failure,
        note=change.get("note", ""),
        created_at=entry.at,
    )


def _recorded(state: Experiment, entry: LedgerEntry, change: Change) -> Experiment:
    observations = {each.index: each for each in state.observations}
    if "observation" in change:
        new = _observed(change["observation"], entry)
        old = observations.get(new.index)
        observations[new.index] = _merged(old, new) if old else new
    # A result overturns a failure; a note, conditions or what was observed along leave it standing.
    overturned = bool(change.get("observation", {}).get("outcomes"))
    standing = None if overturned else state.failure
    failure = FailureKind(change["failure"]) if change.get("failure") else standing
    measured = tuple(observations[index] for index in sorted(observations))
    return replace(
        state,
        status=_status(measured, failure, state.status),
        executed={**state.executed, **change.get("executed", {})},
        observations=measured,
        failure=failure,
        note=_joined(state.note, change.get("note", "")),
    )


def _amended(state: Experiment, change: Change) -> Experiment:
    observations = []
    for each in state.observations:
        if each.index == change.get("observation"):
            outcomes = _without_none({**each.outcomes, **change.get("outcomes", {})})
            covariates = _without_none({**each.covariates, **change.get("covariates", {})})
            each = replace(each, outcomes=outcomes, covariates=covariates)
        observations.append(each)
    kept = tuple(each for each in observations if each.outcomes or each.covariates or each.note or each.extra)
    executed = {**state.executed, **change.get("executed", {})}
    status, failure = state.status, state.failure
    if status is Status.COMPLETED:
        status = _status(kept, failure, _waiting(state))
    if "failure" in change:
        failure = FailureKind(change["failure"]) if change["failure"] else None
        status = _status(kept, failure, _waiting(state))
    return replace(state, observations=kept, executed=executed, status=status, failure=failure)


def _waiting(state: Experiment) -> Status:
    return Status.PROPOSED if state.origin is Origin.PLANNER else Status.ACCEPTED


def _observed(fields: Change, entry: LedgerEntry) -> Observation:
    return observation_from_dict(fields if fields.get("at") else {**fields, "at": entry.at})


def _merged(old: Observation, new: Observation) -> Observation:
    return replace(
        old,
        outcomes={**old.outcomes, **new.outcomes},
        covariates={**old.covariates, **new.covariates},
        note=_joined(old.note, new.note),
        extra={**old.extra, **new.extra},
    )


def _status(observations: tuple[Observation, ...], failure: FailureKind | None, otherwise: Status) -> Status:
    if failure is FailureKind.INFEASIBLE:
        return Status.INFEASIBLE
    if failure is not None:
        return Status.FAILED
    return Status.COMPLETED if any(each.outcomes for each in observations) else otherwise


def _joined(old: str, new: str) -> str:
    return old if not new or new == old else f"{old}; {new}" if old else new


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
