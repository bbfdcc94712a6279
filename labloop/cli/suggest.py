"""labloop suggest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import experiment_rows, proposals, said
from labloop.errors import UsageError
from labloop.loop.look import read_spec_of
from labloop.loop.sheets import batch_sheet
from labloop.loop.suggest import suggest

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    n: Annotated[int | None, typer.Option("-n", "--number", min=1, max=384, help="How many experiments.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="explore, balanced, exploit or learn; else as the campaign file says.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write a sheet to fill in: .csv or .xlsx.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the sheet if it exists.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Propose the next experiments, each with its prediction and its reason.

    The proposal and its predictions are written into the ledger before any result exists.

    Examples:

        labloop suggest hydrogel

        labloop suggest hydrogel -n 8 --out batch.xlsx
    """
    if strategy is not None and strategy not in ("explore", "balanced", "exploit", "learn"):
        raise UsageError(f"no strategy {strategy!r}", hint="expected explore, balanced, exploit or learn")
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    if out is not None:
        batch_sheet.refuse_existing(out, force=force)
    with working("planning the next experiments"):
        suggestion = suggest(ws.store, name, n, strategy=strategy)
    spec = read_spec_of(ws.store, name)
    if out is not None:
        batch_sheet.write(out, spec, suggestion.experiments, force=force)
    first = suggestion.experiments[0]

    def show(console) -> None:  # type: ignore[no-untyped-def]
        console.print(proposals(spec, suggestion.experiments))
        said(
            console,
            "",
            f"Batch {suggestion.batch} of {name}, strategy {suggestion.strategy}. Run them, then for instance:",
        )
    return Answer({}, show)
