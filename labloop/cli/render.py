"""Tables and sentences for people: one function draws one thing from records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from labloop.records import Experiment, Prediction, Status, Value, experiment_id
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant

__all__ = [
    "conditions_table",
    "experiment_rows",
    "heading",
    "number",
    "plain",
    "prediction_text",
    "proposals",
    "results_table",
    "said",
]

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
        console.print(Text(line))


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", collapse_padding=True)


def _id(campaign: str, experiment: Experiment) -> Text:
    return Text(experiment_id(campaign, experiment.number), style="bold", no_wrap=True)


def conditions_table(spec: Spec, experiments: Sequence[Experiment]) -> Table:
    """Draw what to set: one row an experiment, one column a parameter; constants in the caption."""
    table = _table()
    table.add_column("experiment", no_wrap=True)
    names = [name for name, each in spec.proposed.items() if not isinstance(each, Constant)]
    for name in names:
        parameter = spec.parameters[name]
        justify: Any = "left" if isinstance(parameter, Choice) else "right"
        table.add_column(Text(heading(name, parameter.unit)), justify=justify, overflow="fold")
    for each in experiments:
        table.add_row(_id(spec.name, each), *(Text(plain(each.planned[name])) for name in names))
    constants = [
        f"{name} = {plain(p.value)} {p.unit or ''}".strip()
        for name, p in spec.proposed.items()
        if isinstance(p, Constant)
    ]
    if constants:
        table.caption = Text("always: " + ", ".join(constants))
        table.caption_justify = "left"
    return table


def prediction_text(prediction: Prediction) -> str:
    """Write a prediction with its 90 % interval."""
    return f"{number(prediction.median, 3)} ({number(prediction.low, 3)} to {number(prediction.high, 3)})"


def proposals(spec: Spec, experiments: Sequence[Experiment]) -> RenderableType:
    """Draw a batch: what to set, then what is expected of each and why it was chosen."""
    parts: list[RenderableType] = [conditions_table(spec, experiments), Text()]
    table = _table()
    table.add_column("experiment", no_wrap=True)
    predicted = [name for name in spec.outcomes if any(name in each.predictions for each in experiments)]
    for name in predicted:
        unit = spec.outcomes[name].unit
        table.add_column(Text(f"{heading(name, unit)}, 90 %"), justify="right")
    chances = any(each.chance_of_best is not None for each in experiments)
    distances = any(each.distance is not None for each in experiments)
    if chances:
        table.add_column("beats best", justify="right")
    if distances:
        table.add_column("from known", justify="right")
    table.add_column("slot")
    table.add_column("why", ratio=1)
    for each in experiments:
        cells = [prediction_text(each.predictions[name]) if name in each.predictions else "" for name in predicted]
        if chances:
            cells.append("" if each.chance_of_best is None else _percent(each.chance_of_best))
        if distances:
            cells.append("" if each.distance is None else _percent(each.distance))
        table.add_row(_id(spec.name, each), *map(Text, (*cells, each.slot, each.reason)))
    parts.append(table)
    return Group(*parts)


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")


def results_table(spec: Spec, experiments: Sequence[Experiment], *, ranked: bool = False) -> Table:
    """Draw experiments with their conditions as executed and what was measured."""
    table = _table()
    if ranked:
        table.add_column("", justify="right")
    table.add_column("experiment", no_wrap=True)
    table.add_column("status")
    names = list(spec.varied)
    for name in spec.outcomes:
        table.add_column(Text(heading(name, spec.outcomes[name].unit)), justify="right", style="bold")
    for name in names:
        parameter = spec.parameters[name]
        justify: Any = "left" if isinstance(parameter, Choice) else "right"
        table.add_column(Text(heading(name, parameter.unit)), justify=justify, overflow="fold")
    for place, each in enumerate(experiments, 1):
        cells = [Text(_measured(each, name)) for name in spec.outcomes]
        cells += [Text(plain(each.executed[name])) if name in each.executed else Text("") for name in names]
        status = each.failure.value if each.failure else each.status.value
        lead = [Text(str(place))] if ranked else []
        table.add_row(*lead, _id(spec.name, each), Text(status, style=_STATUS_STYLE[each.status]), *cells)
    return table


def _measured(experiment: Experiment, outcome: str) -> str:
    values = [each.outcomes[outcome] for each in experiment.observations if outcome in each.outcomes]
    if not values:
        return ""
    text = number(sum(values) / len(values))
    return text if len(values) == 1 else f"{text} (n={len(values)})"


def experiment_detail(spec: Spec, experiment: Experiment) -> RenderableType:
    """Draw everything about one experiment."""
    head = Text(experiment_id(spec.name, experiment.number), style="bold")
    head.append(f"  {experiment.status.value}", style=_STATUS_STYLE[experiment.status])
    origin = f", {experiment.origin.value}"
    head.append(origin + (f", batch {experiment.batch}" if experiment.batch else ""), style="dim")
    parts: list[RenderableType] = [head]
    parts += [Text(line) for line in _sentences(experiment)]
    table = _table()
    table.add_column("parameter")
    table.add_column("planned", justify="right")
    table.add_column("executed", justify="right")
    order = [name for name in spec.proposed if name in experiment.planned]
    for name in (*order, *(each for each in experiment.planned if each not in order)):
        value = experiment.planned[name]
        parameter = spec.parameters.get(name)
        done = experiment.executed.get(name, value)
        style = "yellow" if done != value else ""
        table.add_row(
            Text(heading(name, parameter.unit if parameter else None)), plain(value), Text(plain(done), style=style)
        )
    parts += [Text(), Padding(table, (0, 0, 0, 2))]
    if experiment.predictions or experiment.observations:
        parts += [Text(), Padding(_against(spec, experiment), (0, 0, 0, 2))]
    return Group(*parts)


def _sentences(experiment: Experiment) -> Iterable[str]:
    if experiment.reason:
        yield f"  why: {experiment.reason}"
    if experiment.chance_of_best is not None:
        yield f"  chance to beat the best when it was proposed: {_percent(experiment.chance_of_best)}"
    if experiment.replaces:
        yield f"  replaces: {experiment.replaces}"
    if experiment.failure:
        yield f"  failed: {experiment.failure.value}"
    if experiment.note:
        yield f"  note: {experiment.note}"


def _against(spec: Spec, experiment: Experiment) -> Table:
    table = _table()
    table.add_column("outcome")
    table.add_column("predicted, 90 %", justify="right")
    indices = [each.index for each in experiment.observations]
    for index in indices:
        table.add_column("measured" if len(indices) == 1 else f"measured {index}", justify="right", style="bold")
    for name, outcome in spec.outcomes.items():
        predicted = prediction_text(experiment.predictions[name]) if name in experiment.predictions else ""
        cells = [number(o.outcomes[name], 6) if name in o.outcomes else "" for o in experiment.observations]
        table.add_row(Text(heading(name, outcome.unit)), predicted, *cells)
    for name in spec.covariates:
        cells = [number(o.covariates[name], 6) if name in o.covariates else "" for o in experiment.observations]
        table.add_row(Text(heading(name, spec.parameters[name].unit), style="dim"), "", *cells)
    return table


def experiment_rows(campaign: str, experiments: Iterable[Experiment]) -> list[dict[str, Any]]:
    """Write experiments as JSON values: the same fields everywhere."""
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
        "executed": dict(each.executed),
        "observations": [
            {
                "replicate": o.index,
                "outcomes": dict(o.outcomes),
                "covariates": dict(o.covariates),
                "at": o.at,
                "note": o.note,
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
