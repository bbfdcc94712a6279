"""labloop plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import said
from labloop.errors import UsageError
from labloop.loop.heads import stamp_of
from labloop.loop.look import experiments, read_spec_of
from labloop.loop.sheets import refuse_existing
from labloop.records import experiment_id
from labloop.report.progress import Progress, progress_frame

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command", "draw", "save"]


def command(
    campaign: CampaignName = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", "-o", help="Write it to .png, .svg or .html; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Draw the progress: in the terminal, and as PNG, SVG or HTML.

    Every experiment, and the best so far; the HTML page also holds predictions against results.

    For example:

        labloop plot hydrogel --out progress.html
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name, edited=True)
    for path in out or ():
        if path.suffix.lower() not in (".png", ".svg", ".html"):
            raise UsageError(f"{path.name} ends in {path.suffix!r}", hint="expected .png, .svg or .html")
        refuse_existing(path, force=force)
    data = progress_frame(experiments(ws.store, name), read_spec_of(ws.store, name))
    stamp = stamp_of(ws.store, name)
    with working("drawing"):
        for path in out or ():
            save(data, path, stamp)

    def show(to: Console) -> None:
        draw(to, data)
        said(to, *(f"Wrote {path}." for path in out or ()))

    return Answer({"campaign": name, "files": [str(each) for each in out or ()], **as_json(data)}, show)


def as_json(data: Progress) -> dict[str, Any]:
    """Write what the picture shows as JSON values: one track an outcome, one point an experiment."""
    return {
        "leading": [experiment_id(data.spec.name, each) for each in data.leading],
        "tracks": [
            {
                "outcome": track.outcome,
                "unit": track.unit,
                "goal": track.goal,
                "points": [
                    {"number": p.number, "batch": p.batch, "kind": p.kind, "value": p.value, "best": p.best}
                    for p in track.points
                ],
            }
            for track in data.tracks
        ],
    }


def draw(to: Console, data: Progress) -> None:
    """Draw the progress on a console."""
    from labloop.report.terminal import terminal_progress

    plot = terminal_progress(data, min(to.width, 100), 18, colour=to.color_system is not None, encoding=to.encoding)
    to.print(Text.from_ansi(plot))


def save(data: Progress, path: Path, stamp: str) -> None:
    """Write the progress to a file, as its ending says; a page carries the head of the ledger."""
    # matplotlib takes half a second to import, and only files need it.
    if path.suffix.lower() == ".html":
        from labloop.report.page import save_page

        save_page(data, path, stamp=stamp)
    else:
        from labloop.report.figures import save_progress

        save_progress(data, path)
