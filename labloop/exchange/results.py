"""From a filled-in sheet to results: every cell checked against the spec, every problem listed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labloop.errors import InvalidInput, InvalidTable, Problem, did_you_mean
from labloop.exchange.columns import Columns, match_columns
from labloop.exchange.damage import altered_name, altered_notes
from labloop.exchange.layout import heading_of
from labloop.exchange.units import same_unit, split_value
from labloop.records import Conditions, FailureKind, Outcomes, Result, Value
from labloop.spec.check import misfit
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant, Integer
from labloop.tabular import Cell, Stamp, Table
from labloop.tabular.numbers import looks_like_date

__all__ = ["Handed", "check_results", "read_results", "unusual"]

_MOST_PROBLEMS = 20
# A mixture that was weighed in does not sum to its total to the last digit; one that is off by more is a mistake.
_SUM_TOLERANCE = 0.01
_SUM_SAID = 1e-6
_FAR = 100.0
# The ids of another book, which an import keeps.
_EARLIER = ("earlier_id",)
_ENOUGH = 4


@dataclass(frozen=True)
class Handed:
    """Results that a table holds, and what is odd about them though not wrong."""

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()


def read_results(
    table: Table,
    spec: Spec,
    *,
    number_of: Callable[[str], int],
    outside: bool = False,
    earlier: Mapping[str, Sequence[float]] | None = None,
) -> Handed:
    """Read results from a table.

    A row with an ``experiment`` says what came of it; one without is an experiment that nobody proposed.
    Blank cells are not measured, blank conditions are as planned, unknown columns are kept as notes.

    Parameters
    ----------
    number_of : turns the text of an ``experiment`` cell into its number, or raises InvalidInput.
    outside : numbers may lie outside the bounds (it really was run there).
    earlier : values measured before, by outcome: what a new one is compared with besides those of the table.

    Raises
    ------
    InvalidTable
        If anything is wrong; up to 20 problems are listed, and how many more there are.
    """
    columns = match_columns(table, spec)
    if not columns.outcomes and not columns.own and not columns.parameters:
        known = ", ".join([*spec.outcomes, *spec.proposed][:8])
        raise InvalidTable(table.source, [Problem("no column that the campaign knows", "", f"it knows: {known}")])
    _refuse_renamed(table, spec, columns)
    reader = _Reader(table, spec, columns, number_of, outside)
    results = [result for number, row in enumerate(table.rows, 1) if (result := reader.read(number, row)) is not None]
    problems = [*reader.problems, *_repeated(results)]
    _refuse(table.source, problems)
    odd = unusual(results, spec, earlier or {})
    said = [each for each in results if each.outcomes or each.covariates or each.failure or each.note]
    further = [heading for heading in dict.fromkeys(h for each in said for h in each.extra) if heading not in _EARLIER]
    kept = [f"Not in the campaign, kept as notes: {', '.join(further)}."] if further else []
    return Handed(tuple(results), (*table.notes, *altered_notes(table, columns), *odd, *reader.notes, *kept))


def _refuse_renamed(table: Table, spec: Spec, columns: Columns) -> None:
    """Refuse a table that lacks an outcome and has unknown numbers: most likely the outcome under another name."""
    missing = [name for name in spec.outcomes if name not in columns.outcomes]
    unknown = [heading for heading in columns.extra if heading not in _EARLIER and table.holds_numbers(heading)]
    if not missing or not unknown:
        return
    named = ", ".join(heading_of(name, spec.outcomes[name]) for name in missing)
    hint = (
        f"rename the column if it holds {' or '.join(missing)}; if {' and '.join(missing)} "
        f"{'was' if len(missing) == 1 else 'were'} not measured, say so with a blank column"
    )
    raise InvalidTable(
        table.source,
        [Problem(f"no column {named}, and the unknown column {each!r} holds numbers", each, hint) for each in unknown],
    )


def check_results(results: Sequence[Result], spec: Spec, *, source: str, outside: bool = False) -> None:
    """Check results that did not come from a table.

    Raises
    ------
    InvalidTable
        If a value cannot be.
    """
    problems: list[Problem] = []
    for result in results:
        if result.failure is not None and result.outcomes:
            message, hint = _failed_with_results(result.outcomes)
            problems.append(Problem(message, "failure", hint))
        for name, value in (result.executed or {}).items():
            if name not in spec.proposed:
                problems.append(Problem(f"no parameter {name!r} that is set", name, did_you_mean(name, spec.proposed)))
            elif said := _misfit(spec, name, value, outside):
                problems.append(said)
        problems += [p for name, value in result.outcomes.items() if (p := _out_of_range(spec, name, value))]
        if result.executed:
            problems += _sums(spec, result.executed)[0]
    _refuse(source, problems)


def _failed_with_results(outcomes: Outcomes) -> tuple[str, str]:
    """Say why a failure and results exclude each other: what failed has no result that could be learnt from."""
    listed = ", ".join(f"{name} = {value:.12g}" for name, value in outcomes.items())
    hint = "give the failure alone and write the values into the note, or the results without the failure"
    return f"failed, and yet it has results ({listed})", hint


def _refuse(source: str, problems: Sequence[Problem]) -> None:
    if len(problems) > _MOST_PROBLEMS:
        rest = Problem(f"and {len(problems) - _MOST_PROBLEMS} more problems", hint="repair these first")
        problems = [*problems[:_MOST_PROBLEMS], rest]
    if problems:
        raise InvalidTable(source, problems)


class _Reader:
    """Reads one row after the other and gathers what is wrong."""

    def __init__(
        self, table: Table, spec: Spec, columns: Columns, number_of: Callable[[str], int], outside: bool
    ) -> None:
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._table, self._spec, self._columns = table, spec, columns
        self._number_of, self._outside = number_of, outside

    def read(self, number: int, row: Sequence[Cell]) -> Result | None:
        before = len(self.problems)
        experiment = self._experiment(number, row)
        executed = dict(self._conditions(number, row))
        outcomes = dict(self._numbers(number, row, self._columns.outcomes, check=True))
        covariates = dict(self._numbers(number, row, self._columns.covariates, check=False))
        failure = self._failure(number, row)
        replicate = self._replicate(number, row)
        if failure is not None and outcomes:
            self._say(number, "failure", *_failed_with_results(outcomes))
        if len(self.problems) == before:
            if experiment is None:
                self._complete(number, executed)
            else:
                self._sum(number, executed)
        if len(self.problems) > before:
            return None
        extra = {
            heading: text for heading, index in self._columns.extra.items() if (text := self._table.text(row[index]))
        }
        return Result(
            experiment=experiment,
            outcomes=outcomes,
            covariates=covariates,
            executed=executed or None,
            replicate=replicate,
            failure=failure,
            note=self._text(row, "note"),
            extra=extra,
            row=number,
            line=self._line(number),
        )

    def _text(self, row: Sequence[Cell], column: str) -> str:
        index = self._columns.own.get(column)
        return "" if index is None else self._table.text(row[index])

    def _experiment(self, number: int, row: Sequence[Cell]) -> int | None:
        text = self._text(row, "experiment")
        if not text:
            return None
        try:
            return self._number_of(text)
        except InvalidInput as error:
            self._say(number, "experiment", error.message, error.hint)
            return None

    def _conditions(self, number: int, row: Sequence[Cell]) -> Iterator[tuple[str, Value]]:
        for name, index in self._columns.parameters.items():
            try:
                value = self._condition(name, row[index])
            except InvalidInput as error:
                self._say(number, self._table.headings[index], error.message, error.hint)
                continue
            if value is None:
                continue
            wrong = _misfit(self._spec, name, value, self._outside)
            if wrong:
                self._say(number, self._table.headings[index], wrong.message, wrong.hint)
            else:
                yield name, value

    def _condition(self, name: str, cell: Cell) -> Value | None:
        parameter = self._spec.parameters[name]
        if isinstance(parameter, Choice) or (isinstance(parameter, Constant) and isinstance(parameter.value, str)):
            return self._choice(parameter, cell)
        value = _measured(self._table, cell, parameter.unit)
        if value is not None and isinstance(parameter, Integer) and value.is_integer():
            return int(value)
        return value

    def _choice(self, parameter: Choice | Constant, cell: Cell) -> str | None:
        text = self._table.text(cell)
        if not text:
            return None
        names = parameter.names if isinstance(parameter, Choice) else (str(parameter.value),)
        if text in names:
            return text
        folded = {name.casefold(): name for name in names}
        if isinstance(cell, Stamp):
            raise InvalidInput(
                f"{text!r} is a date", hint="the spreadsheet made it: format the column as text and type it again"
            )
        if looks_like_date(text) and text.casefold() not in folded:
            raise InvalidInput(
                f"{text!r} is not a choice, and looks like a date",
                hint="spreadsheets make dates of 1-3 and MAR1: format the column as text and type it again",
            )
        changed = altered_name(text, names)
        if changed is not None and text.casefold() not in folded:
            did = "dropped the zeros of" if changed.lstrip("0") == text else "made a number of"
            raise InvalidInput(
                f"{text!r} is not a choice", hint=f"the spreadsheet {did} {changed!r}: format the column as text"
            )
        return folded.get(text.casefold(), text)

    def _numbers(
        self, number: int, row: Sequence[Cell], columns: Mapping[str, int], *, check: bool
    ) -> Iterator[tuple[str, float]]:
        for name, index in columns.items():
            heading = self._table.headings[index]
            declared = self._spec.outcomes[name] if name in self._spec.outcomes else self._spec.parameters[name]
            try:
                value = _measured(self._table, row[index], declared.unit)
            except InvalidInput as error:
                self._say(number, heading, error.message, error.hint)
                continue
            if value is None:
                continue
            wrong = _out_of_range(self._spec, name, value) if check else None
            if wrong:
                self._say(number, heading, wrong.message, wrong.hint)
            else:
                yield name, value

    def _failure(self, number: int, row: Sequence[Cell]) -> FailureKind | None:
        text = self._text(row, "failure").casefold()
        if not text:
            return None
        try:
            return FailureKind(text)
        except ValueError:
            kinds = [kind.value for kind in FailureKind]
            self._say(number, "failure", f"{text!r} is not a kind of failure", f"expected one of {', '.join(kinds)}")
            return None

    def _replicate(self, number: int, row: Sequence[Cell]) -> int | None:
        text = self._text(row, "replicate")
        if not text:
            return None
        if text.isascii() and text.isdigit() and 0 < int(text) < 10_000:
            return int(text)
        self._say(number, "replicate", f"{text!r} is not a replicate", "expected 1, 2, 3, ...")
        return None

    def _complete(self, number: int, executed: Conditions) -> None:
        spec = self._spec
        needed = [n for n, p in spec.proposed.items() if not isinstance(p, Constant) and n not in executed]
        if needed:
            hint = "fill them in, or give the id of the experiment"
            self._say(number, "", f"an experiment that nobody proposed lacks {', '.join(needed)}", hint)
            return
        self._sum(number, executed)

    def _sum(self, number: int, executed: Conditions) -> None:
        """Check the mixtures whose components are all given; of the others the plan is not known here."""
        problems, notes = _sums(self._spec, executed)
        for problem in problems:
            self._say(number, problem.path, problem.message, problem.hint)
        self.notes += [f"Row {number}: {note}" for note in notes]

    def _line(self, row: int) -> int | None:
        return self._table.lines[row - 1] if row <= len(self._table.lines) else None

    def _say(self, row: int, column: str, message: str, hint: str) -> None:
        line = self._line(row)
        self.problems.append(Problem(message, column, hint, None if line == row else line, row))


def _measured(table: Table, cell: Cell, unit: str | None) -> float | None:
    """Read a number; the unit that a cell repeats must be the one declared."""
    number, written = split_value(cell) if isinstance(cell, str) else (cell, None)
    if written is None:
        return table.number(cell, unit=unit)
    if not same_unit(written, unit):
        raise InvalidInput(
            f"{str(cell).strip()!r} is in {written}, expected " + (unit or "a number without a unit"),
            hint=f"convert it to {unit}" if unit else "write the number alone, or declare unit: in the campaign file",
        )
    return table.number(number)


def _misfit(spec: Spec, name: str, value: Value, outside: bool) -> Problem | None:
    wrong = misfit(spec, name, value)
    if not wrong or (outside and not isinstance(value, str) and not isinstance(spec.parameters[name], Constant)):
        return None
    hint = "correct it" if isinstance(value, str) else "correct it; if it really was run there: --outside"
    return Problem(wrong, name, hint)


def _out_of_range(spec: Spec, name: str, value: float) -> Problem | None:
    if name not in spec.outcomes:
        return (
            None
            if name in spec.covariates
            else Problem(f"no outcome {name!r}", name, did_you_mean(name, spec.outcomes))
        )
    possible = spec.outcomes[name].range
    if possible is None or possible[0] <= value <= possible[1]:
        return None
    hint = "check the value, or widen range: in the campaign file"
    return Problem(f"{name} = {value:g} is outside its range {possible[0]:g} to {possible[1]:g}", name, hint)


def _sums(spec: Spec, executed: Conditions) -> tuple[list[Problem], list[str]]:
    problems: list[Problem] = []
    notes: list[str] = []
    for group, mixture in spec.mixtures.items():
        names = spec.components(group)
        if not all(name in executed for name in names):
            continue
        amounts = [float(executed.get(name, 0.0)) for name in names]
        total = sum(amounts)
        off = abs(total - mixture.total) / mixture.total
        if off > _SUM_TOLERANCE:
            hint = "check the amounts"
            if abs(total - 100 * mixture.total) < mixture.total or abs(100 * total - mixture.total) < mixture.total:
                hint = "percent or fraction? the campaign file says total: " + f"{mixture.total:g}"
            problems.append(Problem(f"{group} sums to {total:g}, expected {mixture.total:g}", names[0], hint))
        elif off > _SUM_SAID:
            notes.append(f"{group} sums to {total:.6g} instead of {mixture.total:g}; kept as it is.")
    return problems, notes


def _repeated(results: Sequence[Result]) -> Iterator[Problem]:
    seen: dict[tuple[int, int], Result] = {}
    for result in results:
        if result.experiment is None or not (result.outcomes or result.failure):
            continue
        key = (result.experiment, result.replicate or 1)
        if key in seen:
            hint = "for a second measurement number the rows in the column replicate: 1, 2, ..."
            line = None if result.line == result.row else result.line
            yield Problem(f"repeats the experiment of row {seen[key].row}", "experiment", hint, line, result.row)
        seen[key] = result


def unusual(results: Sequence[Result], spec: Spec, earlier: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield a sentence for every value over a hundred times the median of its outcome, earlier values included."""
    for name in spec.outcomes:
        values = [(each, each.outcomes[name]) for each in results if each.outcomes.get(name)]
        sizes = [abs(value) for _, value in values] + [abs(value) for value in earlier.get(name, ()) if value]
        if not values or len(sizes) < _ENOUGH:
            continue
        middle = statistics.median(sizes)
        for result, value in values:
            if abs(value) > _FAR * middle:
                where = f"Row {result.row}: " if result.row else ""
                yield f"{where}{name} = {value:g} is over {_FAR:g} times the median {middle:g}; check its unit."
