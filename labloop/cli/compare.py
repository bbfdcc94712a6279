"""labloop compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json
from labloop.cli.progress import counting
from labloop.cli.render import said
from labloop.cli.studies import (
    Batch,
    Behaviour,
    Budget,
    Engine,
    Figures,
    LabNames,
    NoiseShare,
    Seeds,
    Start,
    Strategies,
    Workers,
    asked,
    difference_as_json,
    differences_table,
    draw_all,
    draw_differences,
    failures_said,
    standing_as_json,
    standings_table,
    workers_of,
)
from labloop.errors import UsageError
from labloop.simulate.driver import Driver, Report
from labloop.simulate.summary import differences, standings, traces_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY", help="A study in YAML, or the folder of one that was run: then nothing runs."),
    ] = None,
    lab: LabNames = None,
    strategy: Strategies = None,
    seeds: Seeds = None,
    batch: Batch = None,
    budget: Budget = None,
    noise: NoiseShare = None,
    start: Start = None,
    behaviour: Behaviour = None,
    against: Annotated[
        str | None, typer.Option(help="The strategy that others are compared with; the first one if not given.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for results; a study there goes on.")] = Path(
        "comparison"
    ),
    engine: Engine = "process",
    workers: Workers = None,
    figures: Figures = False,
    json: Json = False,
) -> Answer:
    """Compare strategies and other optimisers on simulated labs, seed by seed.

    Each with its own defaults, through the same loop. The intervals are those of paired seeds; where one holds 0,
    the difference is within noise, and the table says so.

    For example:

        labloop compare --lab hartmann6 --lab hills4 --strategy explore,ax,optuna,botorch,random --seeds 10

        labloop compare comparison --against explore
    """
    if study is not None and study.is_dir():
        driver = Driver.of(study)
        report = Report(len(driver.jobs), len(driver.jobs), 0)
    else:
        wanted = asked(
            study,
            lab=lab,
            strategy=strategy,
            seeds=seeds,
            batch=batch,
            budget=budget,
            noise=noise,
            start=start,
            behaviour=behaviour,
        )
        driver = Driver(wanted, out)
        with counting("campaigns") as tell:
            report = driver.run(engine=engine, workers=workers_of(workers), tell=tell)
    names = tuple(dict.fromkeys(job.strategy for job in driver.jobs))
    reference = against or names[0]
    if reference not in names or len(names) < 2:
        raise UsageError(
            f"{reference} cannot be compared with anything here", hint=f"the study has: {', '.join(names)}"
        )
    traces = traces_of(driver.courses())
    found = [each for several in traces for each in standings(several)]
    gaps = [each for several in traces for each in differences(several, reference)]
    files = [draw_differences(gaps, reference, names, driver.folder / "differences.png")] if gaps else []
    if figures:
        files += draw_all(traces, driver.folder)
    notes = {
        f"{strategy_name} on {several.setting.lab}": list(said_of)
        for several in traces
        for strategy_name, said_of in several.notes.items()
        if said_of
    }
    undecided = [each for each in gaps if not each.decided]
    warnings = [
        *failures_said(report),
        *(f"{where}: {'; '.join(said_of)}" for where, said_of in notes.items()),
    ]
    if undecided:
        warnings.append(
            f"{len(undecided)} of {len(gaps)} differences are within noise: more seeds would tell, or nothing to tell."
        )
    data = {
        "folder": str(driver.folder),
        "against": reference,
        "standings": [standing_as_json(each) for each in found],
        "differences": [difference_as_json(each) for each in gaps],
        "notes": notes,
        "files": [str(each) for each in files],
    }

    def show(to: Console) -> None:
        to.print(standings_table(found))
        to.print(differences_table(gaps, reference))
        said(to, *(f"Wrote {each}." for each in files))

    return Answer(data, show, tuple(warnings), exit_code=1 if report.failures else 0)
