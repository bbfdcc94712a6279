"""The tables of two other tools, read and written, so that a laboratory can change over in either direction.

NIMO (https://github.com/NIMS-DA/nimo): ``candidates.csv`` lists every experiment that can be run, numbers only:
descriptors, then objectives, blank while not measured. ``proposals.csv`` begins with the column ``actions``, the
row of the candidate counted from 0, then the descriptors.

EDBO+ (https://github.com/doyle-lab-ucla/edboplus): one CSV with every reaction of the scope; an objective is
``PENDING`` while not measured; ``priority`` is 1 for what to run next, -1 for what was measured, 0 for the rest. A
file of predictions has ``*_predicted_mean``, ``*_predicted_variance`` and ``*_expected_improvement`` besides.

Neither has a word for an experiment that failed: it stays untested in their tables, and they may propose it again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum

from labloop.errors import InvalidInput
from labloop.exchange.columns import match_columns
from labloop.exchange.layout import heading_of
from labloop.exchange.sheet import guarded
from labloop.records import Conditions, Experiment, Value
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant
from labloop.tabular import Table

__all__ = ["Layout", "foreign_text", "measured_rows", "proposed_rows"]

_ACTIONS, _PRIORITY, _PENDING = "actions", "priority", "pending"
_CLAIMS = ("_predicted_mean", "_predicted_variance", "_expected_improvement")


class Layout(StrEnum):
    """Whose layout a table has."""

    NIMO = "nimo"
    EDBO = "edbo"


def measured_rows(table: Table, spec: Spec, layout: Layout) -> Table:
    """Return the rows of another tool's table that hold a result, as a table of ours."""
    plain = _plain(table, spec)
    outcomes = list(match_columns(plain, spec).outcomes.values())
    if not outcomes:
        raise InvalidInput(
            f"{table.source} has no column of an objective: {', '.join(spec.objectives)}",
            hint=f"results stand in {'candidates.csv' if layout is Layout.NIMO else 'the file of the scope'}",
        )
    kept = _where(plain, lambda index: any(plain.text(plain.rows[index][place]) for place in outcomes))
    left = len(plain.rows) - len(kept.rows)
    note = (f"{table.source}: {left} rows without a result are left out.",) if left else ()
    return replace(kept, notes=(*kept.notes, *note))


def proposed_rows(table: Table, spec: Spec, layout: Layout) -> Table:
    """Return the rows of another tool's table that it proposes to run, as a table of ours without results.

    Raises
    ------
    InvalidInput
        If it proposes nothing.
    """
    heading = _ACTIONS if layout is Layout.NIMO else _PRIORITY
    place = next((i for i, each in enumerate(table.headings) if each.casefold() == heading), None)
    if place is None:
        hint = "NIMO writes its proposals to proposals.csv" if layout is Layout.NIMO else "run EDBO+ on the file first"
        raise InvalidInput(f"{table.source} has no column {heading!r}, so it proposes nothing", hint=hint)
    plain = _plain(table, spec)
    outcomes = set(match_columns(plain, spec).outcomes.values())
    if layout is Layout.EDBO:
        plain = _where(plain, lambda index: _is_next(table, index, place) and not _has_result(plain, index, outcomes))
    bare = [i for i in range(len(plain.headings)) if i not in outcomes]
    if not plain.rows:
        raise InvalidInput(f"{table.source} proposes nothing", hint="its priority is 1 where it does")
    return _columns(plain, bare)


def _is_next(table: Table, index: int, place: int) -> bool:
    priority = table.number(table.rows[index][place])
    return priority is not None and priority > 0


def _has_result(table: Table, index: int, outcomes: Iterable[int]) -> bool:
    return any(table.text(table.rows[index][place]) for place in outcomes)


def _plain(table: Table, spec: Spec) -> Table:
    """Leave out the tool's own columns, and make what it calls pending blank."""
    names = {each.casefold() for each in spec.parameters}
    own = {_ACTIONS, _PRIORITY} - names
    kept = [
        i
        for i, each in enumerate(table.headings)
        if each.casefold() not in own and not each.casefold().endswith(_CLAIMS)
    ]
    plain = _columns(table, kept)
    rows = tuple(
        tuple("" if isinstance(cell, str) and cell.strip().casefold() == _PENDING else cell for cell in row)
        for row in plain.rows
    )
    return replace(plain, rows=rows)


def _columns(table: Table, places: Sequence[int]) -> Table:
    rows = tuple(tuple(row[i] for i in places) for row in table.rows)
    return replace(table, headings=tuple(table.headings[i] for i in places), rows=rows)


def _where(table: Table, keep: Callable[[int], bool]) -> Table:
    places = [index for index in range(len(table.rows)) if keep(index)]
    lines = tuple(table.lines[index] for index in places) if table.lines else ()
    return replace(table, rows=tuple(table.rows[index] for index in places), lines=lines)


def foreign_text(
    spec: Spec,
    candidates: Sequence[Conditions],
    experiments: Sequence[Experiment],
    layout: Layout,
    *,
    proposals: bool = False,
) -> str:
    """Return a table as the other tool reads it: all candidates, with what was measured of them.

    Parameters
    ----------
    candidates : every experiment that can be run, in a fixed order; what was run besides is put behind them.
    proposals : for NIMO, the open experiments as a ``proposals.csv`` that belongs to that table.

    Raises
    ------
    InvalidInput
        If NIMO, which reads numbers only, is asked to choose among names.
    """
    names = [name for name, each in spec.proposed.items() if not isinstance(each, Constant)]
    if layout is Layout.NIMO:
        _refuse_names(spec, names)
    listed = _listed(names, candidates, experiments)
    means = _means(spec, names, experiments)
    waiting = [key for each in experiments if each.status.is_open and (key := _key(names, each.planned)) not in means]
    conditions = [heading_of(name, spec.parameters[name]) for name in names]
    objectives = [heading_of(name, each) for name, each in spec.objectives.items()]
    if proposals:
        place = {key: index for index, key in enumerate(listed)}
        rows: list[list[Value | None]] = [[place[key], *listed[key]] for key in dict.fromkeys(waiting)]
        return _text([[_ACTIONS, *conditions], *rows])
    blank = None if layout is Layout.NIMO else "PENDING"
    rows = []
    for key, values in listed.items():
        found = means.get(key, {})
        measured: list[Value | None] = [found.get(name, blank) for name in spec.objectives]
        if layout is Layout.NIMO:
            rows.append([*values, *measured])
        else:
            rows.append([*values, 1 if key in waiting else -1 if found else 0, *measured])
    if layout is Layout.NIMO:
        return _text([[*conditions, *objectives], *rows])
    # What to run comes first, as EDBO+ writes it; the order of equals is that of the candidates.
    rows.sort(key=lambda row: -int(row[len(names)] or 0))
    return _text([[*conditions, _PRIORITY, *objectives], *rows])


Key = tuple[Value, ...]


def _key(names: Sequence[str], conditions: Conditions) -> Key:
    """Return what two equal conditions share, whatever their last digit."""
    return tuple(
        value if isinstance(value := conditions[name], str) else float(f"{float(value):.12g}") for name in names
    )


def _listed(
    names: Sequence[str], candidates: Sequence[Conditions], experiments: Sequence[Experiment]
) -> dict[Key, list[Value]]:
    listed = {_key(names, each): [each[name] for name in names] for each in candidates}
    for each in experiments:
        run = each.executed if each.observations else each.planned if each.status.is_open else None
        if run is not None:
            listed.setdefault(_key(names, run), [run[name] for name in names])
    return listed


def _means(spec: Spec, names: Sequence[str], experiments: Sequence[Experiment]) -> dict[Key, dict[str, float]]:
    """Return the mean of each objective over all measurements under equal conditions."""
    values: dict[Key, dict[str, list[float]]] = {}
    for each in experiments:
        for observation in each.observations:
            for name in spec.objectives:
                if name in observation.outcomes:
                    of_key = values.setdefault(_key(names, each.executed), {})
                    of_key.setdefault(name, []).append(observation.outcomes[name])
    return {key: {name: sum(v) / len(v) for name, v in found.items()} for key, found in values.items()}


def _refuse_names(spec: Spec, names: Sequence[str]) -> None:
    for name in names:
        if isinstance(spec.parameters[name], Choice):
            raise InvalidInput(
                f"NIMO reads numbers only, but {name} is a choice among names",
                hint="export it for EDBO+, or give the choices as numbers",
                field=name,
            )


def _text(rows: Iterable[Sequence[Value | None]]) -> str:
    """Write plain UTF-8 without a mark and with line feeds: both tools take the first heading as it comes."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([guarded(value) for value in row] for row in rows)
    return stream.getvalue()
