"""labloop rehearse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import counting
from labloop.cli.render import said
from labloop.cli.studies import Engine, Workers, failures_said, whole_numbers
from labloop.simulate.rehearse import Plan, Rehearsal
from labloop.studies.rehearsing import rehearsed

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    batch: Annotated[str, typer.Option("--batch", "-n", help="Batch sizes to try, with commas.")] = "1,4,8",
    replicates: Annotated[str, typer.Option(help="Measurements of each experiment to try, with commas.")] = "1,2",
    budget: Annotated[int, typer.Option(min=1, help="Measurements in all.")] = 48,
    draws: Annotated[int, typer.Option(min=2, max=1000, help="How many possible truths.")] = 16,
    noise: Annotated[
        float | None,
        typer.Option(min=0, help="The sd of one measurement of the objective, in its unit; as learnt if not given."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The folder; NAME-rehearsal if not given.")] = None,
    engine: Engine = "process",
    workers: Workers = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Rehearse a campaign, to see how many experiments it needs, in which batches, measured how often.

    Plays it in its own space, each time with another truth that fits the results so far (without results: with
    what the planner expects of any space), and says when 90 % of the attainable is reached: of what holds the limits.

    For example:

        labloop rehearse hydrogel --batch 4,8 --replicates 1,2 --budget 96
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    folder = out or Path(f"{name}-rehearsal")
    wanted = Rehearsal(
        draws=draws,
        batches=whole_numbers(batch, "--batch"),
        replicates=whole_numbers(replicates, "--replicates"),
        budget=budget,
        noise=noise,
    )
    with counting("campaigns") as tell:
        done = rehearsed(ws.store, name, wanted, folder, engine=engine, workers=workers, tell=tell)
    found, (picture,) = done.plans, done.draw()
    data = {
        "campaign": name,
        "folder": str(folder),
        "files": [str(picture)],
        "truths": draws,
        "plans": [
            {
                "batch": each.batch,
                "replicates": each.replicates,
                "reached": each.reached,
                "needed": dict(zip(("quarter", "half", "three_quarters"), each.needed, strict=True)),
                "gained": each.gained.tolist(),
                "low": each.low.tolist(),
                "high": each.high.tolist(),
            }
            for each in found
        ],
    }

    def show(to: Console) -> None:
        to.print(_table(found, budget))
        said(to, f"Wrote {picture}: the share of the attainable after every measurement.")

    return Answer(data, show, failures_said(done.failures), exit_code=1 if done.failures else 0)


def _table(found: Sequence[Plan], budget: int) -> Table:
    table = Table(box=SIMPLE_HEAD, title="measurements until 90 % of the attainable")
    for heading in ("batch", "replicates", "a quarter of the truths", "half", "three quarters", "reached", "gained"):
        table.add_column(heading, justify="right")
    for each in found:
        needed = [f"more than {budget}" if count is None else str(count) for count in each.needed]
        table.add_row(str(each.batch), str(each.replicates), *needed, f"{each.reached:.0%}", f"{each.gained[-1]:.0%}")
    return table
