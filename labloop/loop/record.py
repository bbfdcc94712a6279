"""Write down what the laboratory hands in: all of it or nothing, and nothing twice.

A result is known by its experiment and its replicate. Handing in the same one again changes nothing; handing
in another value for it is a conflict (a correction is `labloop.loop.correct.amend`); handing in an outcome that
was not measured before adds to it. A row without an experiment's number is known by its content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labloop.errors import Conflict, InvalidTable, NotFound, Problem
from labloop.exchange.results import check_results
from labloop.loop.campaigns import spec_of
from labloop.records import Conditions, Experiment, FailureKind, Observation, Origin, Result, Status, experiment_id
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant
from labloop.store import CampaignRow, Store, Transaction
from labloop.store.chain import fingerprint
from labloop.store.codec import observation_to_dict

__all__ = ["Recorded", "add", "record"]


@dataclass(frozen=True)
class Recorded:
    """What became of the results that were handed in.

    ``recorded`` and ``added`` are experiment numbers, ``skipped`` counts rows that were written before.
    """

    campaign: str
    recorded: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    skipped: int = 0
    notes: tuple[str, ...] = ()


def record(
    store: Store,
    name: str,
    results: Sequence[Result],
    *,
    source: str = "",
    replicate: bool = False,
    origin: Origin = Origin.MANUAL,
    preview: bool = False,
) -> Recorded:
    """Record results in one transaction.

    Parameters
    ----------
    source : where they came from (a file's name), for the ledger.
    replicate : a further value for an experiment that has one is a further measurement, not a conflict.
    origin : of the rows that belong to no experiment yet.
    preview : look at everything, write nothing.

    Raises
    ------
    NotFound
        If an experiment does not exist.
    Conflict
        If a value differs from the one already written down.
    """
    with store.write() as transaction:
        row = transaction.campaign(name)
        known = _known(transaction, row, results)
        batch = _Batch(row, spec_of(row), known, replicate)
        for result in results:
            if result.experiment is not None:
                batch.take(result)
        batch.refuse_conflicts()
        fresh, repeated = _fresh(transaction, row, spec_of(row), [r for r in results if r.experiment is None])
        if not preview:
            if batch.changes:
                transaction.append(row, "recorded", {"results": batch.changes, "source": source})
            if fresh:
                transaction.append(row, "added", {"origin": origin.value, "experiments": fresh, "source": source})
    return Recorded(
        name,
        recorded=tuple(dict.fromkeys(change["experiment"] for change in batch.changes)),
        added=tuple(each["number"] for each in fresh),
        skipped=batch.skipped + repeated,
        notes=tuple(batch.notes),
    )


def add(
    store: Store,
    name: str,
    conditions: Sequence[Conditions],
    *,
    note: str = "",
    outside: bool = False,
    origin: Origin = Origin.MANUAL,
    about: Mapping[str, Any] | None = None,
) -> Recorded:
    """Add experiments that nobody proposed and that have no result yet; they are open from now on.

    ``about`` goes into the ledger with them: which experiments they repeat, and to what end.

    Raises
    ------
    InvalidTable
        If a condition is missing or cannot be.
    """
    results = [Result(None, executed=each, note=note) for each in conditions]
    with store.write() as transaction:
        row = transaction.campaign(name)
        spec = spec_of(row)
        check_results(results, spec, source="what was added", outside=outside)
        fresh, _ = _fresh(transaction, row, spec, results, keyed=False)
        payload: dict[str, Any] = {"origin": origin.value, "experiments": fresh, "source": ""}
        transaction.append(row, "added", {**payload, "about": dict(about)} if about else payload)
    return Recorded(name, added=tuple(each["number"] for each in fresh))


def _known(transaction: Transaction, row: CampaignRow, results: Sequence[Result]) -> dict[int, Experiment]:
    numbers = [each.experiment for each in results if each.experiment is not None]
    known = {each.number: each for each in transaction.experiments(row, numbers=numbers)}
    for result in results:
        if result.experiment is not None and result.experiment not in known:
            raise NotFound(
                f"no experiment {experiment_id(row.name, result.experiment)}"
                + (f" (row {result.row})" if result.row else ""),
                hint=f"{row.name} has experiments 1 to {row.experiments}"
                if row.experiments
                else "none was proposed yet",
            )
    return known


class _Batch:
    """Gathers what a set of results changes, and what of it contradicts what is written."""

    def __init__(self, row: CampaignRow, spec: Spec, known: Mapping[int, Experiment], replicate: bool) -> None:
        self.changes: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.skipped = 0
        self._row, self._spec, self._known, self._replicate = row, spec, dict(known), replicate
        self._conflicts: list[Problem] = []

    def take(self, result: Result) -> None:
        assert result.experiment is not None
        state = self._known[result.experiment]
        executed = self._executed(state, result)
        if result.failure is not None:
            self._take_failure(state, result, executed)
        elif result.outcomes or result.covariates:
            self._take_outcomes(state, result, executed)
        elif executed is None and not result.note:
            return  # a row of the sheet that nobody has filled in yet
        else:
            self._write(state, result, {}, executed)

    def refuse_conflicts(self) -> None:
        if self._conflicts:
            first = self._conflicts[0]
            message = "\n".join(str(problem) for problem in self._conflicts)
            raise Conflict(message, hint=first.hint, field=first.path or None, row=first.row)

    def _take_failure(self, state: Experiment, result: Result, executed: Conditions | None) -> None:
        assert result.failure is not None
        if state.failure is result.failure:
            self.skipped += 1
            return
        if state.observations:
            self._conflict(result, "has results, so it cannot have failed", "take the result back first: labloop undo")
            return
        self._write(state, result, {"failure": result.failure.value}, executed)

    def _take_outcomes(self, state: Experiment, result: Result, executed: Conditions | None) -> None:
        index = self._index(state, result)
        old = next((each for each in state.observations if each.index == index), None)
        if old is not None:
            if self._contradicts(state, old, result):
                return
            new = {name: value for name, value in result.outcomes.items() if name not in old.outcomes}
            aside = {name: value for name, value in result.covariates.items() if name not in old.covariates}
            if not new and not aside and executed is None:
                self.skipped += 1
                return
            result = replace(result, outcomes=new, covariates=aside, extra={})
        if state.status in (Status.VETOED, Status.CANCELLED):
            self.notes.append(
                f"{experiment_id(self._row.name, state.number)} was {state.status.value}; its result is kept."
            )
        observation = Observation(
            index, result.outcomes, covariates=result.covariates, note=result.note, extra=result.extra
        )
        self._write(
            replace(state, note=""),
            replace(result, note=""),
            {"observation": observation_to_dict(observation)},
            executed,
        )
        self._known[state.number] = replace(
            state, observations=(*(each for each in state.observations if each.index != index), observation)
        )

    def _contradicts(self, state: Experiment, old: Observation, result: Result) -> bool:
        written = {**old.outcomes, **old.covariates}
        for name, value in {**result.outcomes, **result.covariates}.items():
            if name in written and written[name] != value:
                self._conflict(
                    result,
                    f"has {name} = {written[name]:.12g} written down, now {value:.12g} is handed in",
                    f"a second measurement: --replicate (in a sheet: replicate {len(state.observations) + 1}); "
                    f"a correction: labloop amend {self._row.name} {state.number} "
                    f"--result {name}={value:.12g} --reason ...",
                    field=name,
                )
                return True
        return False

    def _index(self, state: Experiment, result: Result) -> int:
        if result.replicate is not None:
            return result.replicate
        used = [each.index for each in state.observations]
        return max(used, default=0) + 1 if self._replicate else 1

    def _executed(self, state: Experiment, result: Result) -> Conditions | None:
        if result.executed is None:
            return None
        merged = {**state.executed, **result.executed}
        return None if merged == dict(state.executed) else merged

    def _write(self, state: Experiment, result: Result, change: Mapping[str, Any], executed: Conditions | None) -> None:
        fields: dict[str, Any] = {"experiment": state.number, **change}
        if executed is not None:
            if state.observations:
                self._conflict(
                    result,
                    "has results under other conditions",
                    f"correct them: labloop amend {self._row.name} {state.number} --set NAME=VALUE --reason ...",
                )
                return
            fields["executed"] = dict(executed)
        if result.note:
            fields["note"] = result.note
        self.changes.append(fields)

    def _conflict(self, result: Result, message: str, hint: str, *, field: str = "") -> None:
        assert result.experiment is not None
        named = experiment_id(self._row.name, result.experiment)
        self._conflicts.append(Problem(f"{named} {message}", field, hint, row=result.row))


def _fresh(
    transaction: Transaction, row: CampaignRow, spec: Spec, results: Sequence[Result], *, keyed: bool = True
) -> tuple[list[dict[str, Any]], int]:
    """Turn rows that belong to no experiment into new ones; those written before are left out and counted."""
    constants = {name: each.value for name, each in spec.proposed.items() if isinstance(each, Constant)}
    seen: Counter[str] = Counter()
    keys: list[str] = []
    for result in results:
        _refuse_incomplete(spec, result, constants)
        content = fingerprint(_content(result, constants))
        seen[content] += 1
        # The same row twice in one file is two experiments; the same file twice is one.
        keys.append(fingerprint([content, seen[content]]))
    written = transaction.receipts(row, keys) if keyed else {}
    fresh: list[dict[str, Any]] = []
    for result, key in zip(results, keys, strict=True):
        if key in written:
            continue
        fields = _content(result, constants)
        if result.outcomes:
            observation = Observation(
                result.replicate or 1, result.outcomes, covariates=result.covariates, extra=result.extra
            )
            fields["observations"] = [observation_to_dict(observation)]
        fields.pop("outcomes")
        fresh.append({"number": row.experiments + len(fresh) + 1, **fields, **({"key": key} if keyed else {})})
    return fresh, len(results) - len(fresh)


def _content(result: Result, constants: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "conditions": {**constants, **(result.executed or {})},
        "outcomes": dict(result.outcomes),
    }
    if result.failure is not None:
        fields["failure"] = FailureKind(result.failure).value
    if result.note:
        fields["note"] = result.note
    return fields


def _refuse_incomplete(spec: Spec, result: Result, constants: Mapping[str, Any]) -> None:
    missing = [name for name in spec.proposed if name not in constants and name not in (result.executed or {})]
    if missing:
        problem = Problem(
            f"an experiment that nobody proposed needs all its conditions; missing: {', '.join(missing)}",
            hint="fill them in, or give the id of the experiment",
            row=result.row,
        )
        raise InvalidTable("results", [problem])
