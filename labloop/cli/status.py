"""labloop status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.render import heading, number, said
from labloop.loop.look import Standing, status
from labloop.records import Experiment, Status, experiment_id

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(campaign: CampaignName = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Say where a campaign stands.

    Counts of experiments, the best so far, what is still open, and what to do next.

    For example:

        labloop status hydrogel
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name, edited=True)
    standing = status(ws.store, name)
    return Answer(_data(standing), lambda console: _show(console, standing))


def _data(standing: Standing) -> dict[str, Any]:
    name, spec = standing.row.name, standing.spec
    return {
        "campaign": name,
        "question": spec.question,
        "spec_version": standing.row.spec_version,
        "experiments": {each.value: standing.counts.get(each, 0) for each in Status},
        "observations": standing.observations,
        "with_every_objective": standing.complete,
        "batches": standing.row.batches,
        "budget": spec.planner.budget,
        "best": [
            {
                "experiment": experiment_id(name, each),
                "outcomes": standing.means[each],
                "keeps_limits": not standing.broken,
            }
            for each in standing.best
        ],
        "open": [experiment_id(name, each) for each in standing.open],
        "overdue": [_overdue(name, each) for each in standing.overdue],
        "head": {"sequence": standing.row.head, "hash": standing.row.head_hash},
    }


def _show(console: Console, standing: Standing) -> None:
    row, spec, name = standing.row, standing.spec, standing.row.name
    title = Text(row.name, style="bold")
    if spec.question:
        title.append(f"  {spec.question}", style="dim")
    console.print(title)
    counts = [f"{count} {each.value}" for each in Status if (count := standing.counts.get(each, 0))]
    total = sum(standing.counts.values())
    budget = f" of a budget of {spec.planner.budget}" if spec.planner.budget else ""
    said(console, f"  experiments   {total}{budget}" + (f": {', '.join(counts)}" if counts else ""))
    said(console, f"  observations  {standing.observations}{_complete(standing)}")
    said(console, f"  best so far   {_best(standing)}")
    said(console, f"  open          {_listed(row.name, standing.open)}")
    for each in standing.overdue:
        held = _overdue(name, each)
        until = held["until"][:16].replace("T", " ")
        said(
            console,
            f"  attention     {held['experiment']}: {held['claimant']} claimed it until {until} UTC, no word since;",
        )
        said(console, f"                look whether it was run, then: labloop record, or labloop release {name}")
    said(console, f"  ledger        {row.head} entries, head {row.head_hash[:12]}, spec version {row.spec_version}", "")
    said(console, f"Next: {_next(standing)}")


def _complete(standing: Standing) -> str:
    """Say how many results count for the model, where they are not all."""
    if standing.complete == standing.measured:
        return ""
    wanted = " and ".join(standing.spec.objectives)
    return f"; {standing.complete} of {standing.measured} experiments with a result have {wanted}"


def _overdue(name: str, each: Experiment) -> dict[str, Any]:
    assert each.claim is not None
    named = experiment_id(name, each.number)
    return {"experiment": named, "claimant": each.claim.claimant, "token": each.claim.token, "until": each.claim.until}


def _best(standing: Standing) -> str:
    spec, name = standing.spec, standing.row.name
    if not standing.best:
        return "nothing measured yet"
    if len(standing.best) > 1:
        return f"{len(standing.best)} that no other beats in everything: labloop best {name}"
    (first,) = standing.best
    shown = ", ".join(
        f"{heading(each, spec.outcomes[each].unit)} = {number(standing.means[first][each])}" for each in spec.objectives
    )
    return f"{shown}  ({experiment_id(name, first)})" + ("; breaks a limit" if standing.broken else "")


def _listed(campaign: str, numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "none"
    shown = ", ".join(experiment_id(campaign, each) for each in numbers[:6])
    return shown + (f" and {len(numbers) - 6} more" if len(numbers) > 6 else "")


def _next(standing: Standing) -> str:
    name = standing.row.name
    if standing.open:
        return f"run what is open, then: labloop record {name} FILE"
    return f"labloop suggest {name}"
