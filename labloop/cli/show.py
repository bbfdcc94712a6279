"""labloop show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.render import correction_rows, experiment_detail, experiment_rows, results_table, said
from labloop.loop.look import corrections, experiments, read_spec_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    words: Words = None,
    waiting: Annotated[bool, typer.Option("--open", help="Only those that wait for a result.")] = False,
    batch: Annotated[int | None, typer.Option(min=1, help="Only those of one batch.")] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Show experiments: conditions, results, predictions, reasons.

    For example:

        labloop show hydrogel

        labloop show hydrogel 7

        labloop show hydrogel --open
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name, edited=True)
    numbers = tuple(experiment_numbers(name, rest, command="show")) if rest else None
    found = experiments(ws.store, name, numbers=numbers, batch=batch, waiting=waiting)
    spec = read_spec_of(ws.store, name)
    amended = corrections(ws.store, name, numbers or ())

    def show(console: Console) -> None:
        if not found:
            said(
                console, "No experiments" + (" of that kind." if waiting or batch else f" yet: labloop suggest {name}")
            )
        elif numbers:
            for each in found:
                console.print(experiment_detail(spec, each, amended))
        else:
            console.print(results_table(spec, found))

    data = {
        "campaign": name,
        "experiments": experiment_rows(name, found),
        "corrections": correction_rows(name, amended),
    }
    return Answer(data, show)
