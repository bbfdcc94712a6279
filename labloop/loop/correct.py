"""Put right what was written: every correction is a new entry with a reason, the original stays visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labloop.errors import Conflict, InvalidInput, NotFound, did_you_mean
from labloop.loop.campaigns import spec_of
from labloop.loop.lookup import find_experiment, open_experiment
from labloop.loop.typed import not_set
from labloop.records import Conditions, Experiment, FailureKind, LedgerEntry, Status, experiment_id
from labloop.spec.check import misfit
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Snapshot, Store, retried
from labloop.store.fold import changes_of

__all__ = ["Undone", "amend", "amend_failure", "mark", "needed_reason", "undo", "veto"]

# The first entry is the campaign itself, a later version of the spec is replaced by another one, and an
# undone entry comes back by recording it again: each time the ledger only grows.
_NOT_UNDOABLE = {
    "created": "the campaign itself",
    "revised": "a version of the spec: write the old one into the file and take it in with labloop revise",
    "undone": "an undo: record the result again instead",
}


@dataclass(frozen=True)
class Undone:
    """Which entry no longer counts, and which experiments it touched."""

    entry: LedgerEntry
    experiments: tuple[int, ...]


@retried
def amend(
    store: Store,
    name: str,
    number: int,
    *,
    reason: str,
    outcomes: Mapping[str, float | None] | None = None,
    executed: Conditions | None = None,
    replicate: int | None = None,
    outside: bool = False,
) -> Experiment:
    """Correct outcomes or executed conditions of one experiment.

    Parameters
    ----------
    outcomes : the right values, of covariates too; None: it was not measured after all.
    replicate : which measurement, where there are several.

    Raises
    ------
    NotFound
        If there is no such experiment or observation.
    InvalidInput
        If nothing is changed, no reason is given, or a value cannot be.
    Conflict
        If it has no result to amend, or failed.
    """
    reason = needed_reason(reason)
    with store.write() as transaction:
        row = transaction.campaign(name)
        state = find_experiment(transaction, row, number)
        payload: dict[str, object] = {"experiment": number, "reason": reason}
        if executed:
            _check_conditions(spec_of(row), executed, outside)
            payload["executed"] = dict(executed)
        if outcomes:
            _check_outcomes(spec_of(row), outcomes)
            _refuse_failed(row, state, outcomes)
            payload["observation"] = _observation(row, state, replicate)
            aside = {key: value for key, value in outcomes.items() if key in spec_of(row).covariates}
            payload["outcomes"] = {key: value for key, value in outcomes.items() if key not in aside}
            if aside:
                payload["covariates"] = aside
        if len(payload) == 2:
            hint = "give --result NAME=VALUE, --set NAME=VALUE or --failure KIND"
            raise InvalidInput("nothing to amend", hint=hint)
        transaction.append(row, "amended", payload)
        return find_experiment(transaction, row, number)


@retried
def amend_failure(
    store: Store, name: str, number: int, kind: FailureKind | Literal["none"], *, reason: str
) -> Experiment:
    """Correct the kind of a failure; "none": it did not fail, and waits for its result again.

    Raises
    ------
    NotFound
        If there is no such experiment.
    Conflict
        If it is not written down as failed.
    """
    reason = needed_reason(reason)
    with store.write() as transaction:
        row = transaction.campaign(name)
        state = find_experiment(transaction, row, number)
        if state.failure is None:
            named = experiment_id(name, number)
            hint = f"labloop record {name} {number} --failure KIND"
            raise Conflict(f"{named} is not written down as failed, so there is no failure to amend", hint=hint)
        right = None if kind == "none" else FailureKind(kind).value
        transaction.append(row, "amended", {"experiment": number, "reason": reason, "failure": right})
        return find_experiment(transaction, row, number)


@retried
def undo(store: Store, name: str, *, reason: str, sequence: int | None = None) -> Undone:
    """Take one entry back (the last one that can be, if not said); it stays in the ledger, crossed out.

    Raises
    ------
    NotFound
        If there is no such entry, or nothing to undo.
    Conflict
        If it was undone already, or later entries stand on it.
    """
    reason = needed_reason(reason)
    with store.write() as transaction:
        row = transaction.campaign(name)
        undone = transaction.undone(row)
        target = _target(transaction, row, undone, sequence)
        if target.sequence in undone:
            raise Conflict(f"entry {target.sequence} was undone already", hint=f"labloop history {name}")
        if target.kind in _NOT_UNDOABLE:
            raise Conflict(f"entry {target.sequence} is {_NOT_UNDOABLE[target.kind]}", hint="name another --entry")
        numbers = tuple(dict.fromkeys(number for number, _ in changes_of(target)))
        for number in numbers:
            _refuse_dependents(transaction, row, target, undone, number)
        transaction.append(row, "undone", {"sequence": target.sequence, "reason": reason})
    return Undone(target, numbers)


def veto(store: Store, name: str, numbers: Sequence[int], *, reason: str) -> tuple[Experiment, ...]:
    """Refuse proposed experiments; they will not be proposed again.

    Raises
    ------
    NotFound, Conflict
        If one does not exist, or is no longer open.
    """
    return _end(store, name, numbers, "vetoed", {"reason": needed_reason(reason)})


def mark(
    store: Store, name: str, numbers: Sequence[int], status: Status, *, reason: str = ""
) -> tuple[Experiment, ...]:
    """Say that open experiments are accepted, running or cancelled.

    Raises
    ------
    NotFound, Conflict
        If one does not exist, or is no longer open.
    """
    if status not in (Status.ACCEPTED, Status.RUNNING, Status.CANCELLED):
        raise InvalidInput(f"status {status.value!r} cannot be set", hint="expected accepted, running or cancelled")
    return _end(store, name, numbers, "moved", {"status": status.value, "reason": reason})


@retried
def _end(
    store: Store, name: str, numbers: Sequence[int], kind: str, payload: Mapping[str, object]
) -> tuple[Experiment, ...]:
    with store.write() as transaction:
        row = transaction.campaign(name)
        for number in numbers:
            open_experiment(transaction, row, number)
        transaction.append(row, kind, {"experiments": list(dict.fromkeys(numbers)), **payload})
        return transaction.experiments(row, numbers=numbers)


def _target(snapshot: Snapshot, row: CampaignRow, undone: frozenset[int], sequence: int | None) -> LedgerEntry:
    if sequence is not None:
        return snapshot.entry(row, sequence)
    for back in range(row.head, 0, -1):
        entry = snapshot.entry(row, back)
        if entry.kind not in _NOT_UNDOABLE and entry.sequence not in undone:
            return entry
    raise NotFound(f"nothing to undo in {row.name}", hint=f"labloop history {row.name}")


def _refuse_dependents(
    snapshot: Snapshot, row: CampaignRow, target: LedgerEntry, undone: frozenset[int], number: int
) -> None:
    for later in snapshot.entries(row, experiment=number):
        if later.sequence > target.sequence and later.sequence not in undone:
            raise Conflict(
                f"entry {later.sequence} ({later.kind}) stands on entry {target.sequence}: both are about "
                f"{experiment_id(row.name, number)}",
                hint=f"undo that one first: labloop undo {row.name} --entry {later.sequence} --reason ...",
            )


def _observation(row: CampaignRow, state: Experiment, wanted: int | None) -> int:
    known = [each.index for each in state.observations]
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        assert wanted is not None
        return wanted
    named = experiment_id(row.name, state.number)
    if not known:
        raise Conflict(f"{named} has no result to amend", hint=f"labloop record {row.name} {state.number} --result ...")
    listed = ", ".join(map(str, known))
    if wanted is None:
        raise InvalidInput(f"{named} has {len(known)} replicates", hint=f"say which with --replicate: {listed}")
    raise NotFound(f"{named} has no replicate {wanted}", hint=f"it has {listed}")


def _refuse_failed(row: CampaignRow, state: Experiment, outcomes: Mapping[str, float | None]) -> None:
    measured = [name for name, value in outcomes.items() if value is not None and name in spec_of(row).outcomes]
    if state.failure is not None and measured:
        raise Conflict(
            f"{experiment_id(row.name, state.number)} is written down as failed ({state.failure.value})",
            hint=f"if it did not fail: labloop amend {row.name} {state.number} --failure none --reason ..., "
            "then record the result",
        )


def _check_conditions(spec: Spec, executed: Conditions, outside: bool) -> None:
    for name, value in executed.items():
        if name not in spec.proposed:
            raise not_set(spec, name)
        wrong = misfit(spec, name, value)
        if wrong and not (outside and not isinstance(value, str)):
            raise InvalidInput(wrong, hint="if it really was run there: --outside", field=name)


def _check_outcomes(spec: Spec, outcomes: Mapping[str, float | None]) -> None:
    for name, value in outcomes.items():
        if name in spec.covariates:
            continue
        if name not in spec.outcomes:
            raise InvalidInput(f"no outcome {name!r}", hint=did_you_mean(name, spec.outcomes), field=name)
        possible = spec.outcomes[name].range
        if value is not None and possible and not possible[0] <= value <= possible[1]:
            raise InvalidInput(
                f"{name} = {value:g} is outside its range {possible[0]:g} to {possible[1]:g}",
                hint="check the value, or widen range: in the campaign file",
                field=name,
            )


def needed_reason(reason: str) -> str:
    """Return a reason without idle blanks.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    clean = " ".join(reason.split())
    if not clean:
        raise InvalidInput(
            "no reason given", hint="a correction needs one: --reason 'typed 38.2 for 83.2'", field="reason"
        )
    return clean
