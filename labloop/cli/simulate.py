"""labloop simulate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.progress import counting
from labloop.cli.render import said
from labloop.cli.studies import Words, failures_said, standings_table, with_study
from labloop.studies import Played, look, simulate
from labloop.studies.running import standing_fields, study_from

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command", "played"]


@with_study
def command(
    words: Words,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write results.parquet.")] = False,
    baybe: Annotated[bool, typer.Option("--baybe", help="Also write baybe.csv, in the columns BayBE uses.")] = False,
) -> Answer:
    """Play whole campaigns on simulated labs, to see what a plan would find and how soon.

    Every campaign goes through the real loop, in a store in memory. Stop it whenever you like: started again
    with the same folder, only what is missing runs.

    For example:

        labloop simulate --lab hartmann6 --strategy explore,exploit,random,sobol --seeds 20 --batch 4 --budget 60

        labloop simulate study.yaml --out study
    """
    found = played(words, Path("simulation"))
    report, folder = found.report, found.driver.folder
    files = list(found.draw()) if words.figures else []
    files += _written(found, parquet=parquet, baybe=baybe)
    data = {
        "folder": str(folder),
        "campaigns": report.total,
        "done_before": report.before,
        "done_now": report.done,
        "failed": [{**job.fields(), "message": failed.message} for job, failed in report.failures],
        "files": [str(each) for each in files],
        "standings": [standing_fields(each) for each in found.standing],
    }

    def show(to: Console) -> None:
        to.print(standings_table(found.standing))
        said(to, f"{report.total - len(report.failures)} campaigns, {report.done} of them run now; tables in {folder}")
        said(to, *(f"Wrote {each}." for each in files))

    return Answer(data, show, failures_said(found.failures), exit_code=1 if report.failures else 0)


def played(words: Words, folder: Path) -> Played:
    """Run the study that is meant, into the folder if none is named; or read one that was run."""
    if words.finished is not None:
        return look(words.finished)
    study = study_from(words.study, words.settings())
    with counting("campaigns") as tell:
        return simulate(study, folder=words.out or folder, engine=words.engine, workers=words.workers, tell=tell)


def _written(found: Played, *, parquet: bool, baybe: bool) -> list[Path]:
    """Write a study's results in the forms that were asked for."""
    from labloop.simulate.frames import baybe_frame, write_parquet

    written = [write_parquet(found.driver)] if parquet else []
    if baybe:
        path = found.driver.folder / "baybe.csv"
        baybe_frame(found.driver).to_csv(path, index=False, lineterminator="\n")
        written.append(path)
    return written
