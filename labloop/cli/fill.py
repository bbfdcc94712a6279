"""labloop fill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, workspace
from labloop.cli.render import said
from labloop.errors import UsageError
from labloop.simulate.bench import fill_sheet
from labloop.simulate.labs import lab, labs

__all__ = ["command"]


def command(
    words: Words = None,
    lab_name: Annotated[
        str | None, typer.Option("--lab", help="The simulated lab; the one of the campaign's name if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another day: the noise follows from it.")] = 0,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Play the laboratory: fill a sheet with the results of a simulated one.

    For trying labloop out, and for teaching. Rows that have results stay as they are.

    For example:

        labloop fill hydrogel batch.csv
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    if len(rest) != 1:
        raise UsageError("fill which sheet?", hint=f"labloop fill {name} batch.csv")
    ws.enrol(name, edited=True)
    chosen = lab(lab_name or (name if name in labs() else _no_lab(name)))
    filled = fill_sheet(ws.store, name, Path(rest[0]), chosen, seed=seed)
    text = f"The simulated lab {chosen.name} ran {filled} experiments; {rest[0]} is filled in. Next:"
    data = {"campaign": name, "lab": chosen.name, "file": rest[0], "filled": filled}
    return Answer(data, lambda to: said(to, text, f"  labloop record {name} {rest[0]}"))


def _no_lab(name: str) -> str:
    raise UsageError(f"no simulated lab is called {name}", hint=f"say which with --lab: {', '.join(labs())}")
