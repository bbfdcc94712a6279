"""labloop confirm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, experiment_numbers, workspace
from labloop.cli.render import conditions_table, heading, number, said
from labloop.insight.shrinkage import Estimate, Shrinkage
from labloop.loop.confirm import Confirmation, confirm
from labloop.loop.look import experiments, read_spec_of
from labloop.records import experiment_id
from labloop.spec.models import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    n: Annotated[
        int, typer.Option("-n", "--number", min=1, max=50, help="Repeats of the winner, and as many of the control.")
    ] = 3,
    winner: Annotated[
        str | None, typer.Option(metavar="ID", help="What to confirm; the best so far if not given.")
    ] = None,
    control: Annotated[
        str | None, typer.Option(metavar="ID", help="What to compare with; the middling experiment if not given.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Begin another confirmation, although there is one.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Run the winner again beside a control, and say what is left of it.

    The best of many noisy values is flattered by its noise. The first call adds repeats of the winner and of a
    control to the campaign, in random order; called again when they are measured, it reports by how much the
    winner shrank, what it still leads by, and whether the bench itself has moved, each with a 95 % interval.

    For example:

        labloop confirm hydrogel

        labloop confirm hydrogel -n 5 --control 12
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    chosen = {
        key: experiment_numbers(name, [word], command="confirm")[0] if word is not None else None
        for key, word in (("winner", winner), ("control", control))
    }
    found = confirm(ws.store, name, repeats=n, again=again, **chosen)
    spec = read_spec_of(ws.store, name)

    def show(to: Console) -> None:
        if found.added:
            waiting = experiments(ws.store, name, numbers=found.added)
            said(to, f"Added {len(found.added)} experiments, to be run in this order:", "")
            to.print(conditions_table(spec, waiting))
        said(to, *_sentences(spec, found))

    return Answer(_data(name, found), show)


def _data(name: str, found: Confirmation) -> dict[str, Any]:
    return {
        "campaign": name,
        "winner": experiment_id(name, found.winner),
        "control": experiment_id(name, found.control),
        "repeats": [experiment_id(name, each) for each in found.repeats],
        "control_repeats": [experiment_id(name, each) for each in found.control_repeats],
        "open": [experiment_id(name, each) for each in found.open],
        "added": [experiment_id(name, each) for each in found.added],
        "keeps_limits": found.keeps,
        "outcomes": {outcome: _shrinkage(each) for outcome, each in found.shrinkages.items()},
    }


def _shrinkage(each: Shrinkage) -> dict[str, Any]:
    return {
        "first": each.first,
        "left": _estimate(each.left),
        "shrinkage": _estimate(each.shrinkage),
        "lead_before": each.lead_before,
        "lead": _estimate(each.lead),
        "drift": _estimate(each.drift),
        "noise": {"sd": each.noise.sd, "degrees_of_freedom": each.noise.freedom},
    }


def _estimate(each: Estimate | None) -> dict[str, Any] | None:
    return {"value": each.value, "low": each.low, "high": each.high} if each else None


def _sentences(spec: Spec, found: Confirmation) -> Iterator[str]:
    name = found.row.name
    for outcome, each in found.shrinkages.items():
        yield from _of_one(spec, found, outcome, each)
    if found.keeps is False:
        yield "The mean of the repeats breaks a limit."
    if found.open:
        count = "1 repeat is" if len(found.open) == 1 else f"{len(found.open)} repeats are"
        yield f"{count} still to be run; a sheet:  labloop export {name} --open repeats.xlsx"
        yield f"Then:  labloop record {name} repeats.xlsx  and once more  labloop confirm {name}"


def _of_one(spec: Spec, found: Confirmation, outcome: str, each: Shrinkage) -> Iterator[str]:
    name, objective = found.row.name, spec.objectives[outcome]
    unit = f" {objective.unit}" if objective.unit else ""
    yield f"{heading(outcome, objective.unit)} of {experiment_id(name, found.winner)}:"
    yield f"  first          {number(each.first)}{unit}, when it was chosen"
    yield f"  repeated       {_said(each.left)}{unit}"
    word = "moved by" if objective.goal == "target" else "shrank by"
    yield f"  {word:<13}  {_said(each.shrinkage)}{unit}{_meaning(each)}"
    if each.lead is not None:
        before = "" if each.lead_before is None else f", {number(each.lead_before)}{unit} before"
        leads = "" if each.lead.certain else "; it may be none at all"
        yield f"  leads by       {_said(each.lead)}{unit} over {experiment_id(name, found.control)}{before}{leads}"
    if each.drift is not None and each.drift.certain:
        yield f"  but the control itself moved by {_said(each.drift)}{unit}:"
        yield "  the bench has changed, so compare repeats with repeats only"
    if not each.noise.known:
        yield "  no interval yet: it takes two measurements under equal conditions to know the noise"
    elif math.isfinite(each.noise.freedom):
        yield f"  noise          {number(each.noise.sd)}{unit}, from {each.noise.freedom:.0f} degrees of freedom"


def _meaning(each: Shrinkage) -> str:
    if each.shrinkage.low is None or each.shrinkage.high is None:
        return ""
    if each.shrinkage.low > 0:
        return ": the first value was flattered"
    return ": it holds, as far as this can tell" if each.shrinkage.high > 0 else ": it is even better than it looked"


def _said(each: Estimate) -> str:
    if each.low is None or each.high is None:
        return number(each.value)
    return f"{number(each.value)} ({number(each.low)} to {number(each.high)})"
