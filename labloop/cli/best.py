"""labloop best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.render import experiment_rows, results_table, said
from labloop.loop.look import best, read_spec_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    top: Annotated[int, typer.Option("-n", "--top", min=1, help="How many.")] = 5,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Show the best results so far.

    With several objectives those that no other beats in everything come first. The best of many noisy
    results looks better than it is: repeat it before you rely on it.

    For example:

        labloop best hydrogel -n 3
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name, edited=True)
    found = best(ws.store, name, top=top)
    spec = read_spec_of(ws.store, name)

    def show(console: Console) -> None:
        if found:
            console.print(results_table(spec, found, ranked=True))
        else:
            said(console, f"Nothing measured yet: labloop status {name}")

    return Answer({"campaign": name, "experiments": experiment_rows(name, found)}, show)
