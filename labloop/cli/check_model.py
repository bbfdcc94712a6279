"""labloop check-model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.insight import Force, Outcome, Pictures, check_pictures, draw_pictures, table
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import heading, number, said
from labloop.loop.understand import check_model

if TYPE_CHECKING:
    from rich.console import Console

    from labloop.insight.validation import Check, Score

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    outcome: Outcome = None,
    out: Pictures = None,
    force: Force = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Check whether the model may be believed, and what for.

    Cross-validated with everything that belongs together kept together, against the mean and against shuffled
    results; forward in time; and with the best tenth left out, which is what a search for something better asks.

    For example:

        labloop check-model hydrogel --out check.html
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    check_pictures(out, force=force)
    with working("checking the model"):
        found = check_model(ws.store, name, outcome)
        draw_pictures(found, out, ws.store, name)
    return Answer(
        {"campaign": name, "files": [str(each) for each in out or ()], **_data(found)},
        lambda to: _show(to, found, out or []),
        found.notes,
    )


def _data(found: Check) -> dict[str, Any]:
    from labloop.insight.plain import plain

    values: dict[str, Any] = plain(found)
    return values


def _show(to: Console, found: Check, files: list[Path]) -> None:
    said(
        to,
        f"{heading(found.outcome, found.unit)}: {found.measurements} measurements in {found.groups} groups, "
        f"left out in {found.folds} parts. Kept together: {', '.join(found.together)}.",
    )
    to.print()
    drawn = table()
    for column in ("asked", "R2 (90 %)", "error", "rank corr.", "in 90 % interval"):
        drawn.add_column(column, justify="left" if column == "asked" else "right")
    drawn.add_row("unseen conditions", *_cells(found.cross))
    drawn.add_row("the mean instead", "0", number(found.baseline, 3), "", "")
    drawn.add_row("results shuffled", *_cells(found.shuffled))
    if found.forward is not None:
        drawn.add_row("what came next", *_cells(found.forward))
    to.print(drawn)
    if found.edge is not None:
        e = found.edge
        said(
            to,
            f"The best {e.left_out} of {e.of} conditions, left out: ROC area {e.area:.2f} ({e.area_low:.2f} to "
            f"{e.area_high:.2f}; lots: 0.5); {e.back} of them among the {e.left_out} ranked on top.",
        )
    to.print()
    to.print(Text(found.verdict, style="bold"))
    said(to, *(f"Wrote {path}." for path in files))


def _cells(score: Score) -> tuple[str, str, str, str]:
    return (
        f"{score.r2:.2f} ({score.r2_low:.2f} to {score.r2_high:.2f})",
        number(score.rmse, 3),
        f"{score.rank:.2f}",
        f"{100 * score.coverage:.0f} %",
    )
