"""labloop region."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.insight import Force, Pictures, check_pictures, draw_pictures, table
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import heading, number, said
from labloop.loop.understand import region

if TYPE_CHECKING:
    from rich.console import Console

    from labloop.insight.region import OperatingRegion

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    goal: Annotated[
        list[str] | None, typer.Option("--goal", metavar="LINE", help="What must hold: 'yield >= 80'; may be repeated.")
    ] = None,
    probability: Annotated[float, typer.Option("--probability", "-p", help="How certain it must be.")] = 0.9,
    out: Pictures = None,
    force: Force = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Find the conditions that meet the goals with a probability, and how far each factor may drift.

    Not a point but a set. The campaign's limits always count; an objective without a goal must reach what the
    best tenth of the experiments reached.

    For example:

        labloop region reaction --goal "yield >= 80" -p 0.9
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    check_pictures(out, force=force)
    with working("looking for the region"):
        found = region(ws.store, name, goal or (), probability=probability)
        draw_pictures(found, out, ws.store, name)
    return Answer(
        {"campaign": name, "files": [str(each) for each in out or ()], **_data(found)},
        lambda to: _show(to, found, out or []),
        found.notes,
    )


def _data(found: OperatingRegion) -> dict[str, Any]:
    from labloop.insight.plain import plain

    values: dict[str, Any] = plain(found)
    return values


def _show(to: Console, found: OperatingRegion, files: list[Path]) -> None:
    to.print(Text(found.says, style="bold"))
    said(to, *(f"{each}: {each.why}." for each in found.goals))
    to.print()
    drawn = table()
    drawn.add_column("factor")
    for column in ("centre", "alone, it may drift", "all at once", "explored"):
        drawn.add_column(column, justify="right")
    holds = found.best >= found.probability
    for each in found.drifts:
        drawn.add_row(
            Text(heading(each.factor, each.unit)),
            _value(each.centre),
            _span(each.alone) if holds else "",
            _span(each.together) if holds else "",
            Text(_span(each.explored), style="dim"),
        )
    to.print(drawn)
    said(to, *(f"Wrote {path}." for path in files))


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _span(ends: tuple[Any, ...]) -> str:
    if ends and isinstance(ends[0], str):
        return ", ".join(ends)
    return f"{number(ends[0])} to {number(ends[1])}" if ends else ""
