"""What an entry does to the experiments it touches: the one place where history becomes state.

An experiment's state is the fold of the entries that touch it, in order, those undone left out. Writing,
undoing, rebuilding and verifying all go through `changes_of` and `apply`, so that they cannot disagree. A state is
plain values as the store keeps them, not yet an `Experiment`: a million entries are folded in seconds.

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
from typing import Any, Protocol

from labloop.records import Experiment, FailureKind, Origin, Status
from labloop.store.codec import compact, experiment_from_dict

__all__ = ["BIRTHS", "Entry", "State", "apply", "changes_of", "fold", "state_after"]

BIRTHS = ("proposed", "added")
"""The kinds of entry that an experiment begins with."""

_PROPOSED, _ACCEPTED, _RUNNING = Status.PROPOSED.value, Status.ACCEPTED.value, Status.RUNNING.value
_COMPLETED, _FAILED, _INFEASIBLE = Status.COMPLETED.value, Status.FAILED.value, Status.INFEASIBLE.value
_VETOED = Status.VETOED.value
_MEASURED = ("outcomes", "covariates", "note", "extra")

Change = Mapping[str, Any]
State = Mapping[str, Any]
"""An experiment as `labloop.store.codec.experiment_to_dict` writes it; what is empty is not in it. Never changed."""


class Entry(Protocol):
    """What of a ledger's entry matters here."""

    @property
    def sequence(self) -> int:
        """Its number."""

    @property
    def kind(self) -> str:
        """What happened."""

    @property
    def at(self) -> str:
        """When."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What it carries."""

    @property
    def hash(self) -> str:
        """Its own link of the chain."""


def changes_of(entry: Entry) -> Iterator[tuple[int, Change]]:
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


def fold(number: int, entries: Iterable[Entry]) -> Experiment | None:
    """Return an experiment as it is after the given entries; None where nothing of it is left."""
    state = state_after(number, entries)
    return None if state is None else experiment_from_dict(state)


def state_after(number: int, entries: Iterable[Entry]) -> State | None:
    """Return an experiment's state after the given entries; None where nothing of it is left."""
    state: State | None = None
    for entry in entries:
        for touched, change in changes_of(entry):
            if touched == number:
                state = apply(state, entry, change)
    return state


def apply(state: State | None, entry: Entry, change: Change) -> State | None:
    """Return an experiment's state after one more change."""
    match entry.kind:
        case "added":
            return _added(entry, change)
        case "proposed":
            return _proposed(entry, change)
    if state is None:
        return None
    match entry.kind:
        case "recorded":
            return _recorded(state, entry, change)
        case "amended":
            return _amended(state, change)
        case "vetoed":
            return _with(state, status=_VETOED, note=_joined(state, change["reason"]))
        case "moved":
            return _with(state, status=change["status"], note=_joined(state, change.get("reason", "")))
        case "claimed":
            token = change.get("renews", entry.sequence)
            claim = {"token": token, "claimant": change["claimant"], "since": entry.at, "until": change["until"]}
            return _with(state, status=_RUNNING, claim=claim)
        case "released":
            return _with(state, status=_waiting(state), claim=None)
    return state


def _with(state: State, **changes: Any) -> State:
    """Return a state with other values; what became empty is left out."""
    kept = {key: value for key, value in state.items() if key not in changes}
    return kept | compact(changes)


def _proposed(entry: Entry, change: Change) -> State:
    said = {name: change.get(name) for name in ("predictions", "chance_of_best", "distance", "replaces")}
    return {
        "number": change["number"],
        "status": _PROPOSED,
        "origin": Origin.PLANNER.value,
        "planned": change["conditions"],
        "batch": entry.payload["batch"],
        "created_at": entry.at,
        **compact({"slot": change["slot"], "reason": change["reason"], **said}),
    }


def _added(entry: Entry, change: Change) -> State:
    state = {
        "number": change["number"],
        "origin": change.get("origin") or entry.payload["origin"],
        "planned": change["conditions"],
        "created_at": entry.at,
    }
    observations = [_observed(each, entry) for each in change.get("observations", ())]
    if observations:
        state["observations"] = observations
    for name in ("failure", "slot", "reason", "note"):
        if change.get(name):
            state[name] = change[name]
    state["status"] = _status(observations, state.get("failure"), _ACCEPTED)
    return state


def _recorded(state: State, entry: Entry, change: Change) -> State:
    observations = {each["index"]: each for each in state.get("observations", ())}
    if "observation" in change:
        new = _observed(change["observation"], entry)
        old = observations.get(new["index"])
        observations[new["index"]] = _merged(old, new) if old else new
    # A result overturns a failure; a note, conditions or what was observed along leave it standing.
    overturned = bool(change.get("observation", {}).get("outcomes"))
    failure = change.get("failure") or (None if overturned else state.get("failure"))
    measured = [observations[index] for index in sorted(observations)]
    return _with(
        state,
        status=_status(measured, failure, state["status"]),
        executed=_executed(state, change),
        observations=measured,
        failure=failure,
        note=_joined(state, change.get("note", "")),
    )


def _amended(state: State, change: Change) -> State:
    observations = []
    for each in state.get("observations", ()):
        if each["index"] == change.get("observation"):
            outcomes = _without_none({**each["outcomes"], **change.get("outcomes", {})})
            covariates = _without_none({**each.get("covariates", {}), **change.get("covariates", {})})
            each = {**_with(each, covariates=covariates), "outcomes": outcomes}
        observations.append(each)
    kept = [each for each in observations if any(each.get(name) for name in _MEASURED)]
    status, failure = state["status"], state.get("failure")
    if status == _COMPLETED:
        status = _status(kept, failure, _waiting(state))
    if "failure" in change:
        failure = change["failure"] or None
        status = _status(kept, failure, _waiting(state))
    return _with(state, observations=kept, executed=_executed(state, change), status=status, failure=failure)


def _executed(state: State, change: Change) -> Mapping[str, Any] | None:
    """Return the conditions executed by now; None where they are the planned ones."""
    planned = state["planned"]
    executed = {**state.get("executed", planned), **change.get("executed", {})}
    return None if executed == planned else executed


def _waiting(state: State) -> str:
    return _PROPOSED if state["origin"] == Origin.PLANNER else _ACCEPTED


def _observed(fields: Change, entry: Entry) -> dict[str, Any]:
    found = {"index": fields["index"], "outcomes": fields["outcomes"], "at": fields.get("at") or entry.at}
    if len(fields) > 2:
        found |= compact({name: fields.get(name) for name in ("covariates", "note", "extra")})
    return found


def _merged(old: Change, new: Change) -> dict[str, Any]:
    note = _joined(old, new.get("note", ""))
    rest = compact(
        {"note": note, **{name: {**old.get(name, {}), **new.get(name, {})} for name in ("covariates", "extra")}}
    )
    return {**old, "outcomes": {**old["outcomes"], **new["outcomes"]}, **rest}


def _status(observations: list[dict[str, Any]], failure: str | None, otherwise: str) -> str:
    if failure is not None:
        return _INFEASIBLE if failure == FailureKind.INFEASIBLE else _FAILED
    for each in observations:
        if each["outcomes"]:
            return _COMPLETED
    return otherwise


def _joined(held: Change, new: str) -> str:
    """Return a note with one more sentence, unless it is the note already."""
    old: str = held.get("note", "")
    return old if not new or new == old else f"{old}; {new}" if old else new


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
