"""What the commands that explain share: options, tables, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from labloop.cli.render import number
from labloop.errors import UsageError
from labloop.loop.heads import stamp_of
from labloop.loop.sheets import refuse_existing

if TYPE_CHECKING:
    from labloop.insight.effects import Effect, Interval
    from labloop.insight.estimability import Verdict
    from labloop.store import Store

__all__ = ["Force", "Outcome", "Pictures", "check_pictures", "draw_pictures", "effects_table", "table", "verdict_table"]

Outcome = Annotated[
    str | None, typer.Option("--outcome", metavar="NAME", help="Which outcome; the first objective if not given.")
]
Pictures = Annotated[
    list[Path] | None, typer.Option("--out", "-o", help="Write it to .png, .svg or .html; may be repeated.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]

_GRADES = {"clear": "green", "conditional": "yellow", "inseparable": "red", "never varied": "dim"}
_STANDING = {"found": "bold green", "not seen": "", "unstable": "yellow", "not estimable yet": "dim"}


def check_pictures(out: Sequence[Path] | None, *, force: bool) -> None:
    """Refuse files of an unknown kind, or that exist, before anything is computed.

    Raises
    ------
    UsageError
        If a name ends in something else than .png, .svg or .html.
    Conflict
        If a file exists and ``force`` is not given.
    """
    for path in out or ():
        if path.suffix.lower() not in (".png", ".svg", ".html"):
            raise UsageError(f"{path.name} ends in {path.suffix!r}", hint="expected .png, .svg or .html")
        refuse_existing(path, force=force)


def draw_pictures(answer: Any, out: Iterable[Path] | None, store: Store, campaign: str) -> None:
    """Write an answer's pictures; a page carries the head of the campaign's ledger."""
    for path in out or ():
        # matplotlib takes half a second to import, and only files need it.
        from labloop.report.insight_page import save_insight

        save_insight(answer, path, stamp=stamp_of(store, campaign))


def table() -> Table:
    """Return an empty table in labloop's style."""
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", collapse_padding=True)


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Draw which terms can be told apart."""
    drawn = table()
    drawn.add_column("effect", no_wrap=True)
    drawn.add_column("told apart")
    drawn.add_column("inflated", justify="right")
    drawn.add_column("why", ratio=1)
    for each in verdicts:
        inflated = "" if each.vif is None else f"{number(each.vif, 2)}×"
        drawn.add_row(Text(str(each.term)), Text(each.grade, style=_GRADES[each.grade]), inflated, Text(each.says))
    return drawn


def effects_table(effects: Sequence[Effect], unit: str | None) -> Table:
    """Draw effects with their intervals from both models."""
    drawn = table()
    drawn.add_column(f"effect{f' [{unit}]' if unit else ''}")
    for column in ("linear model, 90 %", "surrogate, 90 %", "p", "flips"):
        drawn.add_column(column, justify="right", no_wrap=True)
    drawn.add_column("standing")
    for each in effects:
        name = Text(each.name)
        if each.compares.startswith("from "):
            name.append(f" {each.compares}", style="dim")
        standing = each.standing + (", if others are nil" if each.conditional and each.standing == "found" else "")
        drawn.add_row(
            name,
            _interval(each.linear),
            _interval(each.surrogate),
            "" if each.p is None else f"{each.p:.2g}",
            "" if each.flips is None else f"{100 * each.flips:.0f} %",
            Text(standing, style=_STANDING[each.standing]),
        )
    return drawn


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{number(interval.estimate, 3)} ({number(interval.low, 3)} to {number(interval.high, 3)})"
