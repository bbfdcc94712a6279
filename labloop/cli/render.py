"""Tables and sentences for people: one function draws one thing from records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from labloop.cli.grid import Grid, Kind, Ruled, Trimmed, aligned
from labloop.loop.look import Correction
from labloop.records import Conditions, Experiment, Prediction, Result, Status, Value, experiment_id
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant

__all__ = [
    "conditions_table",
    "correction_rows",
    "executed_of",
    "experiment_detail",
    "experiment_rows",
    "heading",
    "number",
    "plain",
    "prediction_text",
    "proposals",
    "results_table",
    "said",
    "written_table",
]

_MOST_WRITTEN = 30
_LONGEST_NUMBER = 24
_AMOUNT = r"[-+]?\d[-+.\de]*"

_STATUS_STYLE = {
    Status.PROPOSED: "cyan",
    Status.ACCEPTED: "cyan",
    Status.RUNNING: "blue",
    Status.COMPLETED: "green",
    Status.FAILED: "red",
    Status.INFEASIBLE: "red",
    Status.VETOED: "dim",
    Status.CANCELLED: "dim",
}


def number(value: float, digits: int = 4) -> str:
    """Write a measured or predicted number with a few significant digits."""
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text else text


def plain(value: Value) -> str:
    """Write a condition exactly as it is to be dialled in."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def heading(name: str, unit: str | None) -> str:
    """Write a column's heading, with its unit."""
    return f"{name} [{unit}]" if unit else name


def said(console: Console, *lines: str) -> None:
    """Print sentences, wrapped, markup off."""
    for line in lines:
        console.print(Trimmed(Text(line)))


def _table() -> Table:
    return Ruled()


def _ids(campaign: str, numbers: Iterable[int]) -> list[Text]:
    return [Text(experiment_id(campaign, each), style="bold", no_wrap=True) for each in numbers]


def _add_conditions(grid: Grid, spec: Spec, names: Iterable[str], rows: Sequence[Conditions]) -> None:
    """Add one column a parameter; what a row does not say is blank."""
    for name in names:
        cells = [plain(row[name]) if name in row else "" for row in rows]
        parameter = spec.parameters[name]
        if isinstance(parameter, Choice) or any(isinstance(row.get(name), str) for row in rows):
            grid.add(name, cells, unit=parameter.unit)
        else:
            grid.add(name, aligned(cells, zeros=True), unit=parameter.unit, kind="number")


def conditions_table(spec: Spec, experiments: Sequence[Experiment]) -> Grid:
    """Draw what to set: one row an experiment, one column a parameter; constants in the caption."""
    constants = [
        f"{name} = {plain(p.value)} {p.unit or ''}".strip()
        for name, p in spec.proposed.items()
        if isinstance(p, Constant)
    ]
    grid = Grid(caption="always: " + ", ".join(constants) if constants else "")
    grid.add("experiment", _ids(spec.name, (each.number for each in experiments)), kind="id")
    names = [name for name, each in spec.proposed.items() if not isinstance(each, Constant)]
    _add_conditions(grid, spec, names, [each.planned for each in experiments])
    return grid


def prediction_text(prediction: Prediction) -> str:
    """Write a prediction with its 90 % interval."""
    return f"{number(prediction.median, 3)} ({number(prediction.low, 3)} to {number(prediction.high, 3)})"


def proposals(spec: Spec, experiments: Sequence[Experiment]) -> RenderableType:
    """Draw a batch: what to set, then what is expected of each and why it was chosen."""
    grid = Grid()
    grid.add("experiment", _ids(spec.name, (each.number for each in experiments)), kind="id")
    predicted = [name for name in spec.outcomes if any(name in each.predictions for each in experiments)]
    for name in predicted:
        cells = [prediction_text(each.predictions[name]) if name in each.predictions else "" for each in experiments]
        grid.add(f"{name}, 90 %", cells, unit=spec.outcomes[name].unit, kind="number")
    for name, shares in (
        ("beats best", [each.chance_of_best for each in experiments]),
        ("from known", [each.distance for each in experiments]),
    ):
        if any(share is not None for share in shares):
            grid.add(name, ["" if share is None else _percent(share) for share in shares], kind="number")
    grid.add("slot", [each.slot for each in experiments])
    grid.add("why", [_without_predictions(spec, each) for each in experiments], kind="prose")
    return Group(conditions_table(spec, experiments), Text(), grid)


def _without_predictions(spec: Spec, experiment: Experiment) -> str:
    """Return why an experiment was chosen, without the predictions that stand in the columns beside it."""
    one = "|".join(
        rf"{re.escape(name)} {_AMOUNT} \({_AMOUNT} to {_AMOUNT}\)" + (re.escape(f" {unit}") if unit else "")
        for name in experiment.predictions
        for unit in (spec.outcomes[name].unit if name in spec.outcomes else None,)
    )
    told = rf"(?:{one})(?:, (?:{one}))*"
    return re.sub(rf" \({told}\)|: {told}(?=\.)|{told}, ", "", experiment.reason) if one else experiment.reason


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")


def results_table(spec: Spec, experiments: Sequence[Experiment], *, ranked: bool = False) -> Grid:
    """Draw experiments with their conditions as executed and what was measured."""
    grid = Grid(lead=2 if ranked else 1)
    if ranked:
        grid.add("", aligned([str(place) for place, _ in enumerate(experiments, 1)]), kind="number")
    grid.add("experiment", _ids(spec.name, (each.number for each in experiments)), kind="id")
    grid.add(
        "status",
        [
            Text(each.failure.value if each.failure else each.status.value, style=_STATUS_STYLE[each.status])
            for each in experiments
        ],
    )
    for name, outcome in spec.outcomes.items():
        cells = aligned([_measured(each, name) for each in experiments])
        grid.add(name, cells, unit=outcome.unit, kind="number", style="bold")
    _add_conditions(grid, spec, spec.varied, [each.executed for each in experiments])
    return grid


def written_table(spec: Spec, written: Sequence[Result]) -> RenderableType:
    """Draw what would be written down: what each row says that is new, columns that none fills left out."""
    shown = written[:_MOST_WRITTEN]
    grid = Grid()
    numbers = [each.experiment for each in shown if each.experiment is not None]
    grid.add("experiment", _ids(spec.name, numbers), kind="id")
    for name, declared in (*spec.outcomes.items(), *((each, spec.parameters[each]) for each in spec.covariates)):
        values = [{**each.outcomes, **each.covariates}.get(name) for each in shown]
        if any(value is not None for value in values):
            cells = aligned(["" if value is None else f"{value:.12g}" for value in values])
            grid.add(name, cells, unit=declared.unit, kind="number", style="bold")
    executed = [each.executed or {} for each in shown]
    _add_conditions(grid, spec, [name for name in spec.proposed if any(name in each for each in executed)], executed)
    for title, texts in (
        ("failed", [each.failure.value if each.failure else "" for each in shown]),
        ("note", [each.note for each in shown]),
    ):
        if any(texts):
            grid.add(title, texts)
    more = len(written) - len(shown)
    return Group(grid, Text(f"and {more} more")) if more else grid


def _measured(experiment: Experiment, outcome: str) -> str:
    values = [each.outcomes[outcome] for each in experiment.observations if outcome in each.outcomes]
    if not values:
        return ""
    text = number(sum(values) / len(values))
    return text if len(values) == 1 else f"{text} (n={len(values)})"


def experiment_detail(spec: Spec, experiment: Experiment, corrections: Sequence[Correction] = ()) -> RenderableType:
    """Draw everything about one experiment."""
    head = Text(experiment_id(spec.name, experiment.number), style="bold")
    head.append(f"  {experiment.status.value}", style=_STATUS_STYLE[experiment.status])
    origin = f", {experiment.origin.value}"
    head.append(origin + (f", batch {experiment.batch}" if experiment.batch else ""), style="dim")
    parts: list[RenderableType] = [head]
    told = [line for each in corrections if each.number == experiment.number for line in _amended(each)]
    parts += [Trimmed(Text(line), indent=2) for line in (*_sentences(experiment), *told)]
    parts += [Text(), _settings(spec, experiment)]
    if experiment.predictions or experiment.observations:
        parts += [Text(), _against(spec, experiment)]
    return Group(*parts)


def _settings(spec: Spec, experiment: Experiment) -> Grid:
    """Draw what was planned and, once it was run, what was executed."""
    order = [name for name in spec.proposed if name in experiment.planned]
    names = [*order, *(each for each in experiment.planned if each not in order)]
    units = [spec.parameters[name].unit if name in spec.parameters else None for name in names]
    planned = [plain(experiment.planned[name]) for name in names]
    grid = Grid(indent=2)
    grid.add("parameter", [heading(name, unit) for name, unit in zip(names, units, strict=True)])
    # The name of a choice may be long; it may be broken, a number may not.
    kind: Kind = "number" if max(map(len, planned), default=0) <= _LONGEST_NUMBER else "text"
    grid.add("planned", planned, kind=kind)
    if done := executed_of(experiment):
        cells = [plain(done.get(name, experiment.planned[name])) for name in names]
        styled = [Text(cell, style="" if cell == old else "yellow") for cell, old in zip(cells, planned, strict=True)]
        grid.add("executed", styled, kind=kind)
    return grid


def executed_of(experiment: Experiment) -> Conditions:
    """Return the conditions as executed; nothing while nobody has said that it was run."""
    run = experiment.observations or experiment.failure or experiment.executed != experiment.planned
    return experiment.executed if run else {}


def _amended(correction: Correction) -> Iterable[str]:
    for name, (before, after) in correction.changes.items():
        which = f" (measurement {correction.replicate})" if correction.replicate not in (None, 1) else ""
        yield (
            f"amended: {name}{which} was {_before(before)}, is {_before(after)}: {correction.reason} "
            f"(entry {correction.sequence}, {correction.at[:10]})"
        )


def _before(value: Value | None) -> str:
    return "none" if value is None else plain(value)


def _sentences(experiment: Experiment) -> Iterable[str]:
    if experiment.reason:
        yield f"why: {experiment.reason}"
    if experiment.chance_of_best is not None:
        yield f"chance to beat the best when it was proposed: {_percent(experiment.chance_of_best)}"
    if experiment.replaces:
        yield f"replaces: {experiment.replaces}"
    if experiment.failure:
        yield f"failed: {experiment.failure.value}"
    if experiment.note:
        yield f"note: {experiment.note}"
    for each in experiment.observations:
        which = f" {each.index}" if len(experiment.observations) > 1 else ""
        if each.note:
            yield f"note on measurement{which}: {each.note}" if which else f"note: {each.note}"
        for title, text in each.extra.items():
            yield f"{title}{f' (measurement{which})' if which else ''}: {text}"


def _against(spec: Spec, experiment: Experiment) -> Grid:
    """Draw what was predicted beside what was measured."""
    rows = [(name, each.unit) for name, each in spec.outcomes.items()]
    rows += [(name, spec.parameters[name].unit) for name in spec.covariates]
    grid = Grid(indent=2)
    grid.add("outcome", [heading(name, unit) for name, unit in rows])
    predicted = [
        prediction_text(experiment.predictions[name]) if name in experiment.predictions else "" for name, _ in rows
    ]
    if any(predicted):
        grid.add("predicted, 90 %", predicted, kind="number")
    several = len(experiment.observations) > 1
    for each in experiment.observations:
        values = {**each.outcomes, **each.covariates}
        cells = aligned([f"{values[name]:.12g}" if name in values else "" for name, _ in rows])
        grid.add(f"measured {each.index}" if several else "measured", cells, kind="number", style="bold")
    return grid


def correction_rows(campaign: str, corrections: Iterable[Correction]) -> list[dict[str, Any]]:
    """Write corrections as JSON values."""
    return [
        {
            "experiment": experiment_id(campaign, each.number),
            "replicate": each.replicate,
            "changes": {name: {"before": before, "after": after} for name, (before, after) in each.changes.items()},
            "reason": each.reason,
            "at": each.at,
            "entry": each.sequence,
        }
        for each in corrections
    ]


def experiment_rows(campaign: str, experiments: Iterable[Experiment]) -> list[dict[str, Any]]:
    """Write experiments as JSON values: the same fields everywhere; ``executed`` is empty until it was run."""
    return [_row(campaign, each) for each in experiments]


def _row(campaign: str, each: Experiment) -> dict[str, Any]:
    def described(prediction: Prediction) -> Mapping[str, float]:
        return {key: getattr(prediction, key) for key in Prediction.__slots__}

    return {
        "experiment": experiment_id(campaign, each.number),
        "number": each.number,
        "status": each.status.value,
        "origin": each.origin.value,
        "batch": each.batch,
        "planned": dict(each.planned),
        "executed": dict(executed_of(each)),
        "observations": [
            {
                "replicate": o.index,
                "outcomes": dict(o.outcomes),
                "covariates": dict(o.covariates),
                "at": o.at,
                "note": o.note,
                "extra": dict(o.extra),
            }
            for o in each.observations
        ],
        "failure": each.failure.value if each.failure else None,
        "note": each.note,
        "slot": each.slot,
        "reason": each.reason,
        "predictions": {name: described(p) for name, p in each.predictions.items()},
        "chance_of_best": each.chance_of_best,
        "distance": each.distance,
        "replaces": each.replaces,
        "created_at": each.created_at,
    }
