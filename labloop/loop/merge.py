"""What a set of results adds to experiments that are known, and what of it contradicts what is written.

Nothing handed in is lost without a word: each part of a result is new and written, written already, or a conflict
that names both values. Notes and further columns never contradict; what they say anew is appended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from labloop.errors import Conflict, Problem
from labloop.records import Experiment, Observation, Outcomes, Result, Status, Value, experiment_id
from labloop.spec.models import Spec
from labloop.store import CampaignRow
from labloop.store.codec import observation_to_dict

__all__ = ["Batch"]

_NOTHING = Observation(0, {})


class Batch:
    """Gathers what is new, result by result, and conflicts.

    ``changes`` are parts of one entry of the ledger; ``written`` says the same as results.
    """

    def __init__(
        self,
        row: CampaignRow,
        spec: Spec,
        known: Mapping[int, Experiment],
        *,
        source: str,
        replicate: bool,
        token: int | None,
    ) -> None:
        self.changes: list[dict[str, Any]] = []
        self.written: list[Result] = []
        self.notes: list[str] = []
        self.skipped = 0
        self._row, self._spec, self._known = row, spec, dict(known)
        self._source, self._replicate, self._token = source, replicate, token
        self._conflicts: list[Problem] = []

    def take(self, result: Result) -> None:
        """Look at one result of an experiment that is known."""
        assert result.experiment is not None
        state = self._known[result.experiment]
        says = result.failure or result.outcomes or result.covariates or result.note
        if not says and not _new_conditions(state, result):
            return  # a row of the sheet that nobody has filled in yet
        if self._token is not None and (result.outcomes or result.covariates):
            result = self._under_claim(state, self._token, result)
        problems = [*self._against_conditions(state, result), *self._against_failure(state, result)]
        old = self._old(state, result)
        problems += self._against_values(state, old, result)
        self._conflicts += problems
        if not problems:
            self._write(state, old, result)

    def _under_claim(self, state: Experiment, token: int, result: Result) -> Result:
        """Give a result the place of its claim, so that two owners' results stand beside each other."""
        said = str(token)
        if state.claim is None or state.claim.token != token:
            now_with = f"{state.claim.claimant} (claim {state.claim.token})" if state.claim else "nobody"
            self.notes.append(
                f"{experiment_id(self._row.name, state.number)} was no longer under claim {said}, but with "
                f"{now_with}: its result came late and is kept."
            )
        index = result.replicate
        if index is None:
            own = [each.index for each in state.observations if each.extra.get("claim") == said]
            others = [each.index for each in state.observations if each.extra.get("claim") != said]
            last = max((each.index for each in state.observations), default=0)
            index = last + 1 if self._replicate or (others and not own) else own[0] if own else 1
        return replace(result, replicate=index, extra={**result.extra, "claim": said})

    def refuse_conflicts(self) -> None:
        """Raise if anything contradicts what is written.

        Raises
        ------
        Conflict
            With every contradiction, each with its file, line and both values.
        """
        if self._conflicts:
            first = self._conflicts[0]
            where = f"{self._source}, " if self._source else ""
            message = "\n".join(f"{where}{problem}" for problem in self._conflicts)
            raise Conflict(message, hint=first.hint, field=first.path or None, row=first.row)

    def _old(self, state: Experiment, result: Result) -> Observation:
        """Return the observation that a result is about, or an empty one with its index."""
        index = self._index(state, result)
        found = next((each for each in state.observations if each.index == index), None)
        return found or replace(_NOTHING, index=index)

    def _index(self, state: Experiment, result: Result) -> int:
        if result.replicate is not None:
            return result.replicate
        used = [each.index for each in state.observations]
        measures = result.outcomes or result.covariates
        return max(used, default=0) + 1 if self._replicate and measures else 1

    def _against_conditions(self, state: Experiment, result: Result) -> Iterator[Problem]:
        if not (state.failure or any(each.outcomes or each.covariates for each in state.observations)):
            return
        for name, value in (result.executed or {}).items():
            if name in state.executed and state.executed[name] != value:
                stands = "failed" if state.failure else "has results"
                yield self._problem(
                    result,
                    f"{stands} under other conditions: {name} = {_text(state.executed[name])} is written down, "
                    f"now {_text(value)} is handed in",
                    f"correct them: {self._amend(result)} --set {name}={_text(value)} --reason ...",
                    field=name,
                )

    def _against_failure(self, state: Experiment, result: Result) -> Iterator[Problem]:
        measured = next((each for each in state.observations if each.outcomes), None)
        if result.failure is not None and measured is not None:
            name, value = next(iter(measured.outcomes.items()))
            yield self._problem(
                result,
                f"has a result ({name} = {value:.12g}), so it cannot have failed ({result.failure.value})",
                f"if the result is wrong: {self._amend(result)} --result {name}=none --reason ... "
                "for each outcome, then record the failure",
            )
        elif result.failure is not None and state.failure not in (None, result.failure):
            assert state.failure is not None
            yield self._problem(
                result,
                f"is written down as failed ({state.failure.value}), now failed ({result.failure.value}) is handed in",
                f"correct it: {self._amend(result)} --failure {result.failure.value} --reason ...",
            )
        elif state.failure is not None and result.outcomes:
            name, value = next(iter(result.outcomes.items()))
            yield self._problem(
                result,
                f"is written down as failed ({state.failure.value}), now {name} = {value:.12g} is handed in",
                f"if it did not fail: {self._amend(result)} --failure none --reason ..., then record the result",
                field=name,
            )

    def _against_values(self, state: Experiment, old: Observation, result: Result) -> Iterator[Problem]:
        written = {**old.outcomes, **old.covariates}
        for name, value in {**result.outcomes, **result.covariates}.items():
            if name in written and written[name] != value:
                which = f" --replicate {old.index}" if len(state.observations) > 1 else ""
                yield self._problem(
                    result,
                    f"has {name} = {written[name]:.12g} written down, now {value:.12g} is handed in",
                    f"a second measurement: --replicate (in a sheet: replicate {len(state.observations) + 1}); "
                    f"a correction: {self._amend(result)} --result {name}={value:.12g}{which} --reason ...",
                    field=name,
                )

    def _write(self, state: Experiment, old: Observation, result: Result) -> None:
        """Write down what is new of a result that contradicts nothing."""
        fields: dict[str, Any] = {}
        executed = _new_conditions(state, result)
        if executed:
            fields["executed"] = executed
        if result.failure is not None and state.failure is None:
            fields["failure"] = result.failure.value
        new = Observation(
            old.index,
            _new(old.outcomes, result.outcomes),
            covariates=_new(old.covariates, result.covariates),
            extra=_further(old.extra, result.extra),
        )
        note = "" if _holds(old.note, result.note) or _holds(state.note, result.note) else result.note
        if note and result.failure is None and (result.outcomes or result.covariates):
            new, note = replace(new, note=note), ""
        if new != replace(_NOTHING, index=old.index):
            fields["observation"] = observation_to_dict(new)
        if note:
            fields["note"] = note
        if not fields:
            self.skipped += 1
            return
        if new.outcomes and state.status in (Status.VETOED, Status.CANCELLED):
            named = experiment_id(self._row.name, state.number)
            self.notes.append(f"{named} was {state.status.value}; its result is kept.")
        self.changes.append({"experiment": state.number, **fields})
        failure = result.failure if "failure" in fields else None
        self.written.append(
            replace(
                result,
                outcomes=new.outcomes,
                covariates=new.covariates,
                executed=executed or None,
                replicate=new.index,
                failure=failure,
                note=new.note or note,
                extra=new.extra,
            )
        )
        state = replace(state, executed={**state.executed, **executed}, failure=result.failure or state.failure)
        self._known[state.number] = _after(state, old, new, note)

    def _amend(self, result: Result) -> str:
        return f"labloop amend {self._row.name} {result.experiment}"

    def _problem(self, result: Result, message: str, hint: str, *, field: str = "") -> Problem:
        assert result.experiment is not None
        named = experiment_id(self._row.name, result.experiment)
        line = None if result.line == result.row else result.line
        return Problem(f"{named} {message}", field, hint, line, result.row)


def _after(state: Experiment, old: Observation, new: Observation, note: str) -> Experiment:
    """Return the state that a further result of the same set meets."""
    both = Observation(
        old.index,
        {**old.outcomes, **new.outcomes},
        covariates={**old.covariates, **new.covariates},
        note="; ".join(filter(None, (old.note, new.note))),
        extra={**old.extra, **new.extra},
    )
    others = tuple(each for each in state.observations if each.index != old.index)
    kept = both != replace(_NOTHING, index=old.index)
    written = "; ".join(filter(None, (state.note, note)))
    return replace(state, observations=(*others, both) if kept else others, note=written)


def _new_conditions(state: Experiment, result: Result) -> dict[str, Value]:
    """Return the conditions that are not as written down."""
    return {name: value for name, value in (result.executed or {}).items() if state.executed.get(name) != value}


def _new(old: Outcomes, handed: Outcomes) -> dict[str, float]:
    return {name: value for name, value in handed.items() if name not in old}


def _further(old: Mapping[str, str], handed: Mapping[str, str]) -> dict[str, str]:
    """Return the further columns that say something new, behind what they said before."""
    return {
        heading: f"{old[heading]}; {text}" if heading in old else text
        for heading, text in handed.items()
        if not _holds(old.get(heading, ""), text)
    }


def _holds(written: str, text: str) -> bool:
    return not text or f"; {text}; " in f"; {written}; "


def _text(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
