"""labloop compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.render import said
from labloop.cli.simulate import played
from labloop.cli.studies import Words, differences_table, failures_said, standings_table, with_study
from labloop.studies import compare
from labloop.studies.running import difference_fields, standing_fields

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


@with_study
def command(
    words: Words,
    against: Annotated[
        str | None, typer.Option(help="The strategy that others are compared with; the first one if not given.")
    ] = None,
) -> Answer:
    """Compare strategies and other optimisers on simulated labs, seed by seed.

    Each with its own defaults, through the same loop. The intervals are those of paired seeds; where one holds 0,
    the difference is within noise, and the table says so.

    For example:

        labloop compare --lab hartmann6 --lab hills4 --strategy explore,ax,optuna,botorch,random --seeds 10

        labloop compare comparison --against explore
    """
    found = compare(played(words, Path("comparison")), against=against)
    gaps, failures = found.gaps, found.report.failures
    files = [found.draw_differences()] if gaps else []
    files += found.draw() if words.figures else ()
    warnings = [
        *failures_said(found.failures),
        *(f"{where}: {'; '.join(each)}" for where, each in found.notes.items()),
    ]
    undecided = sum(not each.decided for each in gaps)
    if undecided:
        warnings.append(
            f"{undecided} of {len(gaps)} differences are within noise: more seeds would tell, or nothing to tell."
        )
    data = {
        "folder": str(found.driver.folder),
        "against": found.against,
        "standings": [standing_fields(each) for each in found.standing],
        "differences": [difference_fields(each) for each in gaps],
        "notes": {where: list(each) for where, each in found.notes.items()},
        "files": [str(each) for each in files],
    }

    def show(to: Console) -> None:
        to.print(standings_table(found.standing))
        to.print(differences_table(gaps, found.against))
        said(to, *(f"Wrote {each}." for each in files))

    return Answer(data, show, tuple(warnings), exit_code=1 if failures else 0)
