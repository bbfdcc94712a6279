"""labloop simulate."""

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
    draw_all,
    failures_said,
    standing_as_json,
    standings_table,
    workers_of,
    write_more,
)
from labloop.simulate.driver import Driver
from labloop.simulate.summary import standings, traces_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    study: Annotated[
        Path | None, typer.Argument(metavar="STUDY", help="A study in YAML; options change what it says.")
    ] = None,
    lab: LabNames = None,
    strategy: Strategies = None,
    seeds: Seeds = None,
    batch: Batch = None,
    budget: Budget = None,
    noise: NoiseShare = None,
    start: Start = None,
    behaviour: Behaviour = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for results; a study there goes on.")] = Path(
        "simulation"
    ),
    engine: Engine = "process",
    workers: Workers = None,
    figures: Figures = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write results.parquet.")] = False,
    baybe: Annotated[bool, typer.Option("--baybe", help="Also write baybe.csv, in the columns BayBE uses.")] = False,
    json: Json = False,
) -> Answer:
    """Play whole campaigns on simulated labs, to see what a plan would find and how soon.

    Every campaign goes through the real loop, in a store in memory. Stop it whenever you like: started again
    with the same folder, only what is missing runs.

    For example:

        labloop simulate --lab hartmann6 --strategy explore,exploit,random,sobol --seeds 20 --batch 4 --budget 60

        labloop simulate study.yaml --out study
    """
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
    traces = traces_of(driver.courses())
    found = [each for several in traces for each in standings(several)]
    files = draw_all(traces, out) if figures else []
    files += write_more(driver, parquet=parquet, baybe=baybe)
    data = {
        "folder": str(out),
        "campaigns": report.total,
        "done_before": report.before,
        "done_now": report.done,
        "failed": [{**job.fields(), "message": failed.message} for job, failed in report.failures],
        "files": [str(each) for each in files],
        "standings": [standing_as_json(each) for each in found],
    }

    def show(to: Console) -> None:
        to.print(standings_table(found))
        said(to, f"{report.total - len(report.failures)} campaigns, {report.done} of them run now; tables in {out}")
        said(to, *(f"Wrote {each}." for each in files))

    return Answer(data, show, failures_said(report), exit_code=1 if report.failures else 0)
