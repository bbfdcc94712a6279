"""A lab that looks results up in a table: its rows are all the experiments there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod, sqrt
from typing import Any, Literal

from labloop.errors import InvalidInput
from labloop.records import Conditions, Outcomes, Value
from labloop.simulate.lab import Lab, Noise, Optimum

__all__ = ["lookup_lab"]

Key = tuple[Value, ...]
# More different numbers than this in a column are a range that was sampled, not levels that were chosen.
_MAX_LEVELS = 24


def lookup_lab(
    conditions: Sequence[Conditions],
    outcomes: Sequence[Outcomes],
    *,
    name: str = "lookup",
    source: str = "a table of results",
    goal: Literal["maximize", "minimize"] = "maximize",
    spec: Mapping[str, Any] | None = None,
) -> Lab:
    """Return a lab that answers from a table of results, and knows nothing beside it.

    Rows with the same conditions are replicates: their mean is the truth, their pooled standard deviation the
    noise. Without replicates every measurement is the table's value.

    Parameters
    ----------
    conditions : one mapping a row, all with the same parameters.
    outcomes : one mapping a row; what was not measured is left out. The first outcome is the objective.
    name, source : of the lab.
    goal : which way the first outcome is better; not used where ``spec`` is given.
    spec : the lab's campaign. Without it: texts become choices, numbers levels (a range where there are more
        than 24 different ones), and the rows its candidates, unless they are every combination there is.

    Raises
    ------
    InvalidInput
        If the table is empty or ragged; later, from the lab, if conditions are asked for that no row has.
    """
    names, groups = _grouped(conditions, outcomes)
    campaign = dict(spec) if spec is not None else _spec_of(name, names, groups, goal)
    truths = {key: _means(rows) for key, rows in groups.items()}

    def response(wanted: Conditions) -> Outcomes:
        key = _key(names, wanted)
        if key not in truths:
            raise _no_row(name, names, key, truths)
        return truths[key]

    objective, best_is_low = _aim(campaign)
    best = min(
        (key for key in truths if objective in truths[key]),
        key=lambda key: truths[key][objective] * (1 if best_is_low else -1),
    )
    return Lab(
        name=name,
        description=f"{len(truths)} experiments looked up in a table",
        source=source,
        spec=campaign,
        response=response,
        noise={each: Noise(absolute=sd) for each, sd in _scatter(groups).items()},
        optimum=Optimum(dict(zip(names, best, strict=True)), truths[best]),
    )


def _rounded(value: Value) -> Value:
    # Twelve digits: what survives a spreadsheet, and more than anyone weighs.
    return value if isinstance(value, str) else float(f"{float(value):.12g}")


def _key(names: Sequence[str], conditions: Conditions) -> Key:
    return tuple(_rounded(conditions[name]) for name in names)


def _unlike(a: Key, b: Key) -> float:
    """Return how unlike two rows are: one for every different text, up to one for every different number."""

    def part(x: Value, y: Value) -> float:
        if isinstance(x, str) or isinstance(y, str):
            return float(x != y)
        return abs(x - y) / max(abs(x), abs(y), 1e-300) / 2

    return sum(part(x, y) for x, y in zip(a, b, strict=True))


def _no_row(lab: str, names: Sequence[str], key: Key, known: Iterable[Key]) -> InvalidInput:
    nearest = min(known, key=lambda other: _unlike(other, key))
    wanted = ", ".join(f"{name} = {value!r}" for name, value in zip(names, key, strict=True))
    changed = [f"{n} = {there!r}" for n, there, here in zip(names, nearest, key, strict=True) if there != here]
    return InvalidInput(
        f"the table of {lab!r} has no row with {wanted}", hint=f"the nearest row has {', '.join(changed)}"
    )


def _grouped(
    conditions: Sequence[Conditions], outcomes: Sequence[Outcomes]
) -> tuple[tuple[str, ...], dict[Key, list[Outcomes]]]:
    if not conditions or len(conditions) != len(outcomes):
        raise InvalidInput(
            f"{len(conditions)} rows of conditions, {len(outcomes)} of outcomes",
            hint="give one mapping of each a row, at least one",
        )
    names = tuple(conditions[0])
    groups: dict[Key, list[Outcomes]] = {}
    for row, (condition, outcome) in enumerate(zip(conditions, outcomes, strict=True), 1):
        if set(condition) != set(names):
            odd = ", ".join(sorted(set(condition) ^ set(names)))
            raise InvalidInput(
                f"row {row} has other parameters than the first row: {odd}",
                hint="give every row all",
                row=row,
            )
        groups.setdefault(_key(names, condition), []).append(outcome)
    if not outcomes[0]:
        raise InvalidInput("row 1 has no outcome", hint="the first row names the outcomes", row=1)
    return names, groups


def _means(rows: Sequence[Outcomes]) -> Outcomes:
    measured = {name: [row[name] for row in rows if name in row] for row in rows for name in row}
    return {name: sum(values) / len(values) for name, values in measured.items()}


def _scatter(groups: Mapping[Key, Sequence[Outcomes]]) -> Outcomes:
    """Return the pooled standard deviation of replicates, by outcome: sqrt(sum of squares / sum (r - 1))."""
    squares: dict[str, float] = {}
    freedom: dict[str, int] = {}
    for rows in groups.values():
        for name, mean in _means(rows).items():
            values = [row[name] for row in rows if name in row]
            squares[name] = squares.get(name, 0.0) + sum((value - mean) ** 2 for value in values)
            freedom[name] = freedom.get(name, 0) + len(values) - 1
    return {name: sqrt(squares[name] / freedom[name]) for name in squares if freedom[name]}


def _spec_of(name: str, names: Sequence[str], groups: Mapping[Key, Sequence[Outcomes]], goal: str) -> dict[str, Any]:
    columns = dict(zip(names, zip(*groups, strict=True), strict=True))
    parameters = {each: _parameter(column) for each, column in columns.items()}
    measured = list(dict.fromkeys(each for rows in groups.values() for row in rows for each in row))
    spec: dict[str, Any] = {
        "schema": "labloop/1",
        "name": name,
        "parameters": parameters,
        "objectives": {measured[0]: {"goal": goal}},
    }
    listed = [each.get("choices") or each.get("levels") for each in parameters.values()]
    varied = [each for each, parameter in parameters.items() if "value" not in parameter]
    sizes = [len(values) for values in listed if values]
    if len(sizes) < len(varied) or prod(sizes) != len(groups):
        rows = [[value for each, value in zip(names, key, strict=True) if each in varied] for key in groups]
        spec["candidates"] = {"columns": varied, "rows": rows}
    return spec


def _parameter(column: Sequence[Value]) -> dict[str, Any]:
    values = list(dict.fromkeys(column))
    if len(values) == 1:
        return {"value": values[0]}
    if any(isinstance(value, str) for value in values):
        return {"choices": [str(value) for value in values]}
    numbers = sorted(float(value) for value in values)
    return {"levels": numbers} if len(numbers) <= _MAX_LEVELS else {"bounds": [numbers[0], numbers[-1]]}


def _aim(spec: Mapping[str, Any]) -> tuple[str, bool]:
    name, objective = next(iter(spec["objectives"].items()))
    return str(name), objective["goal"] == "minimize"
