"""labloop estimability."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labloop.cli.answer import Answer
from labloop.cli.insight import Force, Outcome, Pictures, check_pictures, draw_pictures, verdict_table
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import heading, plain, said
from labloop.loop.understand import Resolved, estimability
from labloop.records import experiment_id
from labloop.spec.models import Spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    outcome: Outcome = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Add the further experiments to the campaign, in random order.")
    ] = False,
    out: Pictures = None,
    force: Force = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Say which effects can be told apart, and which experiments would resolve the rest.

    Main effects, interactions and curvatures, from the conditions run alone: results do not matter, only which
    were measured. What always changed together cannot be told apart, whatever the model.

    For example:

        labloop estimability reaction

        labloop estimability reaction --accept
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    check_pictures(out, force=force)
    with working("looking at the conditions"):
        done = estimability(ws.store, name, outcome, accept=accept)
        draw_pictures(done.found, out, ws.store, name)
    return Answer(
        {"campaign": name, "files": [str(each) for each in out or ()], **_data(done)},
        lambda to: _show(to, name, done, out or []),
    )


def _data(done: Resolved) -> dict[str, Any]:
    from labloop.insight.plain import plain as as_values

    return {
        **as_values(done.found),
        "extra": as_values(done.extra),
        "added": list(done.added.numbers) if done.added else [],
        "seed": done.added.seed if done.added else None,
    }


def _show(to: Console, name: str, done: Resolved, files: list[Path]) -> None:
    found = done.found
    said(
        to,
        f"{len(found.runs)} measurements under {found.conditions} conditions, of {found.runs.outcome}.",
        *found.notes,
    )
    to.print()
    to.print(verdict_table(found.verdicts))
    empty = [each for each in found.quadrants if each.filled < each.cells]
    if empty:
        pairs = ", ".join(f"{' × '.join(each.pair)} ({each.filled} of {each.cells})" for each in empty[:8])
        more = f" and {len(empty) - 8} more" if len(empty) > 8 else ""
        said(to, f"Pairs with empty corners: {pairs}{more}.")
    to.print()
    _show_extra(to, name, done)
    said(to, *(f"Wrote {path}." for path in files))


def _show_extra(to: Console, name: str, done: Resolved) -> None:
    extra = done.extra
    if not extra.conditions:
        if extra.remains:
            said(to, f"Not a matter of a few experiments: {', '.join(extra.remains)}.")
        else:
            said(to, "Nothing is inseparable: no further experiments are needed for that.")
        return
    count = len(extra.conditions)
    what = ", ".join(extra.resolves) or "part of it"
    said(to, f"{count} further experiment{'s' if count > 1 else ''} would tell apart: {what}.")
    if extra.remains:
        said(to, f"Still inseparable then: {', '.join(extra.remains)}.")
    to.print(_extra_table(done.found.runs.spec, extra.conditions))
    if done.added:
        ids = ", ".join(experiment_id(name, number) for number in done.added.numbers)
        said(to, f"Added: {ids}, numbered in random order (seed {done.added.seed}): run them in this order.")
    else:
        said(to, f"Add them with:  labloop estimability {name} --accept")


def _extra_table(spec: Spec, rows: Any) -> Any:
    from rich.text import Text

    from labloop.cli.insight import table

    drawn = table()
    names = list(spec.varied)
    for name in names:
        drawn.add_column(Text(heading(name, spec.parameters[name].unit)), justify="right")
    for row in rows:
        drawn.add_row(*(Text(plain(row[name])) for name in names))
    return drawn
