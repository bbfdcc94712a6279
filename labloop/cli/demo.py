"""labloop demo."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import Json
from labloop.cli.plot import draw, save
from labloop.cli.progress import working
from labloop.cli.render import number, results_table, said
from labloop.exchange.layout import results_sheet
from labloop.exchange.sheet import write_sheet
from labloop.loop.handin import import_rows
from labloop.loop.heads import stamp_of
from labloop.loop.look import best, experiments, status
from labloop.loop.start import start
from labloop.loop.workspace import open_workspace
from labloop.records import experiment_id
from labloop.report.progress import progress_frame
from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab
from labloop.simulate.play import Round, earlier_results, play

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    folder: Annotated[Path, typer.Argument(help="Where the demonstration is put.")] = Path("demo"),
    lab_name: Annotated[str, typer.Option("--lab", help="The simulated lab that is played on.")] = "hydrogel",
    rounds: Annotated[int, typer.Option(min=1, max=50, help="How often to go round.")] = 5,
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=96, help="Experiments a batch.")] = 8,
    earlier: Annotated[int, typer.Option(min=0, max=500, help="Results that were there before.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another course.")] = 1,
    json: Json = False,
) -> Answer:
    """Run a whole campaign against a simulated lab, in a folder of its own.

    Creates a campaign, imports first results, alternates between suggesting and recording, and leaves
    everything in the folder for you to look at: the campaign file, the store, a picture, a page. A folder that
    holds an earlier demonstration is left alone, and the next free one is taken (demo-2, demo-3 ...).

    For example:

        labloop demo
    """
    folder = _unused(folder)
    began = time.perf_counter()
    chosen = lab(lab_name)
    folder.mkdir(parents=True, exist_ok=True)
    ws = open_workspace(folder, store=f"sqlite:///{(folder / 'campaigns' / 'labloop.db').absolute()}")
    path = start(ws, {**chosen.spec, "planner": {**chosen.spec.get("planner", {}), "seed": seed}})
    name = ws.enrol(chosen.campaign.name).name
    to = console(stderr=json)
    said(to, f"A campaign on the simulated lab {chosen.name}: {chosen.campaign.question}", f"  written to {path}")
    if earlier:
        table = folder / "earlier.csv"
        write_sheet(table, results_sheet(chosen.campaign, earlier_results(chosen, earlier, seed=seed)), force=True)
        done = import_rows(ws.store, name, table)
        said(to, f"  {len(done.added)} earlier results imported from {table}", "")
    turns = play(ws.store, name, chosen, rounds=rounds, n=n, seed=seed)
    for turn in range(1, rounds + 1):
        with working(f"round {turn} of {rounds}"):
            played = next(turns)
        _show_round(to, played, turn, rounds)
    data = progress_frame(experiments(ws.store, name), chosen.campaign)
    pictures = [folder / "progress.png", folder / "progress.html"]
    with working("drawing"):
        for picture in pictures:
            save(data, picture, stamp_of(ws.store, name))
    leading = best(ws.store, name, top=5)
    standing = status(ws.store, name)
    seconds = time.perf_counter() - began

    def show(out: Console) -> None:
        said(out, "")
        draw(out, data)
        said(out, "", "The best so far:")
        out.print(results_table(chosen.campaign, leading, ranked=True))
        said(out, "", f"The best there is, which only a simulated lab knows: {_known(chosen)}.")
        said(out, f"{standing.observations} observations in {seconds:.0f} s.", "", "Look at:")
        said(out, *(f"  {each}" for each in pictures))
        said(out, "", "Go on yourself:", f"  cd {folder}")
        said(out, f"  {_labloop(folder)} status {name}     (also show, history, best, suggest ...)")

    return Answer(
        {
            "campaign": name,
            "folder": str(folder),
            "files": [str(each) for each in (path, *pictures)],
            "observations": standing.observations,
            "best": [{"experiment": experiment_id(name, e), "outcomes": standing.means[e]} for e in standing.best],
            "optimum": dict(chosen.optimum.outcomes),
            "seconds": seconds,
        },
        show,
    )


def _known(chosen: Lab) -> str:
    """Say what the best is that a lab can give."""
    if chosen.front is not None:
        reference = ", ".join(f"{key} = {number(value)}" for key, value in chosen.front.reference.items())
        return f"a hypervolume of {number(chosen.front.volume)} beyond {reference}"
    optimum = {key: value for key, value in chosen.optimum.outcomes.items() if key in chosen.campaign.objectives}
    return ", ".join(f"{key} = {number(value)}" for key, value in optimum.items())


def _show_round(to: Console, played: Round, turn: int, rounds: int) -> None:
    said(to, f"Round {turn} of {rounds}: proposed, run, recorded")
    spec = played.spec
    to.print(results_table(spec, played.experiments))
    said(to, *(f"  {note}" for note in played.suggestion.notes), "")


def _unused(folder: Path) -> Path:
    """Return the folder, or the first of folder-2, folder-3 ... that holds no campaigns: nothing is overwritten."""
    candidates = (folder if turn == 1 else folder.with_name(f"{folder.name}-{turn}") for turn in itertools.count(1))
    return next(each for each in candidates if not (each / "campaigns").exists())


def _labloop(folder: Path) -> str:
    """Return how labloop is called from a folder."""
    if shutil.which("labloop"):
        return "labloop"
    return os.path.relpath(sys.argv[0], folder) if Path(sys.argv[0]).exists() else "python -m labloop.cli.main"
