"""labloop scorecard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import _table, heading, number, said
from labloop.errors import UsageError
from labloop.insight.scores import LEVELS, Card, Judged, Tally, share_interval
from labloop.insight.verdict import verdict
from labloop.loop.scorecard import Scorecard, scorecard
from labloop.loop.sheets import refuse_existing
from labloop.records import experiment_id

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", "-o", help="Draw it to .png or .svg; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Compare frozen predictions with what came, and say what they were worth.

    Every prediction stood in the ledger before its result; nothing is refitted. By round and over all: how
    often the 50, 80, 90 and 95 % intervals held, the CRPS beside that of predicting the mean of what was known,
    the gain in log score, the width of the 90 % intervals, and a verdict that says how sure it is.

    For example:

        labloop scorecard hydrogel

        labloop scorecard hydrogel --out calibration.png
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    for path in out or ():
        if path.suffix.lower() not in (".png", ".svg"):
            raise UsageError(f"{path.name} ends in {path.suffix!r}", hint="expected .png or .svg")
        refuse_existing(path, force=force)
    found = scorecard(ws.store, name)
    if out:
        with working("drawing"):
            from labloop.report.calibration import save_calibration

            for path in out:
                save_calibration(found.cards, path)

    def show(to: Console) -> None:
        for card in found.cards:
            _show(to, card)
        said(to, *_left_out(found), *(f"Wrote {path}." for path in out or ()))

    data = {
        "campaign": name,
        "head": {"sequence": found.row.head, "hash": found.row.head_hash},
        "outcomes": {card.outcome: _card(name, card) for card in found.cards},
        "left_out": found.left_out,
        "files": [str(path) for path in out or ()],
    }
    return Answer(data, show)


def _card(name: str, card: Card) -> dict[str, Any]:
    return {
        "unit": card.unit,
        "verdict": list(verdict(card)),
        "overall": _tally(card.overall, intervals=True) if card.judged else None,
        "skill_interval": card.skill_interval,
        "rounds": [{"batch": number_, **_tally(each)} for number_, each in card.rounds],
        "results": [_judged(name, each) for each in card.judged],
        "all_quantiles": card.whole,
    }


def _tally(found: Tally, *, intervals: bool = False) -> dict[str, Any]:
    coverage: dict[str, Any] = {}
    for level, hits in zip(LEVELS, found.hits, strict=True):
        coverage[f"{level:g}"] = {"held": hits, "of": found.results}
        if intervals:
            coverage[f"{level:g}"]["interval"] = share_interval(hits, found.results)
    return {
        "results": found.results,
        "coverage": coverage,
        "pit_mean": found.pit,
        "width_90": found.width,
        "crps": found.crps,
        "compared": found.compared,
        "crps_compared": found.crps_compared,
        "crps_of_the_mean": found.crps_mean,
        "skill": found.skill,
        "log_gain": found.log_gain,
    }


def _judged(name: str, each: Judged) -> dict[str, Any]:
    return {
        "experiment": experiment_id(name, each.case.number),
        "batch": each.case.round,
        "value": each.case.value,
        "pit": each.pit,
        "crps": each.crps,
        "crps_of_the_mean": each.crps_mean,
        "log_score": each.log,
        "log_score_of_the_mean": each.log_mean,
    }


def _show(to: Console, card: Card) -> None:
    to.print(Text(heading(card.outcome, card.unit), style="bold"))
    if card.judged:
        table = _table()
        table.add_column("batch", justify="right")
        table.add_column("results", justify="right")
        for level in LEVELS:
            table.add_column(f"in {100 * level:.0f} %", justify="right")
        for title in ("PIT", "CRPS", "of the mean", "skill", "log gain", "width 90 %"):
            table.add_column(title, justify="right")
        for number_, each in card.rounds:
            table.add_row(str(number_), *_cells(each))
        table.add_section()
        table.add_row(Text("all", style="bold"), *_cells(card.overall))
        to.print(table)
    said(to, "", *verdict(card), "")


def _cells(found: Tally) -> list[Text]:
    skill, gain = found.skill, found.log_gain
    cells = [
        str(found.results),
        *(str(hits) for hits in found.hits),
        f"{found.pit:.2f}",
        number(found.crps, 3),
        "" if found.crps_mean is None else number(found.crps_mean, 3),
        "" if skill is None else f"{100 * skill:.0f} %",
        "" if gain is None or not math.isfinite(gain) else f"{gain:+.2f}",
        number(found.width, 3),
    ]
    return [Text(each) for each in cells]


def _left_out(found: Scorecard) -> list[str]:
    if not found.left_out:
        return []
    counted = ", ".join(f"{count} {why}" for why, count in sorted(found.left_out.items()))
    return [f"Not scored: {counted}."]
