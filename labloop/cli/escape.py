"""labloop escape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.grid import Ruled
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.render import number, plain, said
from labloop.loop.escape import Distance, EscapeReport, escape_of
from labloop.loop.look import read_spec_of
from labloop.records import experiment_id
from labloop.spec.models import Spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Which batch; the last one if not given.")] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Show how far a batch goes from what is known and from what is predicted.

    A model predicts averages; whoever only follows it stays where it is. For each experiment: the chance to beat the
    best, how uncertain it is beside the rest of the space, how far the nearest known experiment is, and the chance
    of an ordinary result. As it stood when the batch was proposed.

    For example:

        labloop escape hydrogel

        labloop escape hydrogel --batch 3 --json
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    report = escape_of(ws.store, name, batch)
    spec = read_spec_of(ws.store, name)
    return Answer(_data(report), lambda to: _show(to, spec, report))


def _data(report: EscapeReport) -> dict[str, Any]:
    name = report.row.name
    return {
        "campaign": name,
        "batch": report.batch,
        "strategy": report.strategy,
        "effective": report.effective,
        "slots": dict(report.slots),
        "collapsed": report.collapsed,
        "left_to_gain": report.left,
        "experiments": [
            {
                "experiment": experiment_id(name, each.experiment.number),
                "slot": each.experiment.slot,
                "chance_of_best": each.chance,
                "sd_share": each.sd_share,
                "lengthscales": each.lengthscales,
                "nearest": None if each.nearest is None else experiment_id(name, each.nearest),
                "differs": {key: list(values) for key, values in each.differs.items()},
                "distance": each.experiment.distance,
                "reversion": each.reversion,
            }
            for each in report.distances
        ],
    }


def _show(to: Console, spec: Spec, report: EscapeReport) -> None:
    name = report.row.name
    if report.effective is None:
        said(to, f"Batch {report.batch} of {name} filled the space before the first model: there is nothing to escape.")
        return
    table = Ruled()
    for title in ("experiment", "slot", "beats best", "ordinary", "sd", "lengthscales", "nearest", "and differs in"):
        justify: Any = "right" if title in ("beats best", "ordinary", "sd", "lengthscales") else "left"
        table.add_column(title, justify=justify)
    for each in report.distances:
        table.add_row(
            Text(experiment_id(name, each.experiment.number), style="bold", no_wrap=True),
            each.experiment.slot,
            _percent(each.chance),
            _percent(each.reversion),
            _percent(each.sd_share),
            "" if each.lengthscales is None else f"{each.lengthscales:.2f}",
            _nearest(name, each),
            _differences(each),
        )
    to.print(table)
    n = len(report.distances)
    shares = ", ".join(f"{share:.0%}".replace("%", " %") + f" {slot}" for slot, share in report.slots.items())
    said(to, "", f"Batch {report.batch}, strategy {report.strategy}: {shares}. Its {n} experiments are worth "
                 f"{report.effective:.1f} that have nothing in common.")  # fmt: skip
    if report.left is not None:
        outcome, objective = next(iter(spec.objectives.items()))
        unit = f" {objective.unit}" if objective.unit else ""
        said(to, f"By the model, at most {number(report.left, 2)}{unit} of {outcome} is left to gain (95 % sure).")
    if report.collapsed:
        said(to, f"This batch collapses onto what is known: {report.collapsed}.")
    said(
        to,
        "ordinary: the chance of a result like the middle half of those there are; sd: of the largest anywhere.",
    )


def _nearest(name: str, each: Distance) -> str:
    if each.nearest is not None:
        return experiment_id(name, each.nearest)
    return "" if each.lengthscales is None else "one still open"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}".replace("%", " %")


def _differences(each: Distance) -> str:
    parts = []
    for name, (theirs, mine) in each.differs.items():
        if isinstance(theirs, str) or isinstance(mine, str):
            parts.append(f"{name} {plain(theirs)} -> {plain(mine)}")
        else:
            parts.append(f"{name} {float(mine) - float(theirs):+.3g}")
    return ", ".join(parts)
