"""labloop suggest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, Key, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import experiment_rows, proposals, said
from labloop.errors import UsageError
from labloop.loop.heads import stamp_of
from labloop.loop.look import read_spec_of
from labloop.loop.sheets import refuse_existing, write_batch
from labloop.loop.suggest import Suggestion, suggest
from labloop.records import experiment_id
from labloop.spec.models import INTENTS, Spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command", "show_suggestion", "suggestion_data"]


def command(
    campaign: CampaignName = None,
    n: Annotated[int | None, typer.Option("-n", "--number", min=1, max=384, help="How many experiments.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(INTENTS)}, or acquisition functions: qLogNEI+UCB:beta=4; else as the campaign file says.",
            autocompletion=lambda: list(INTENTS),
        ),
    ] = None,
    randomise: Annotated[
        bool, typer.Option("--randomise", help="Number them in a random order to be run, which follows from the seed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write a sheet to fill in: .csv or .xlsx.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the sheet if it exists.")] = False,
    key: Key = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Propose the next experiments, each with its prediction and its reason.

    The proposal and its predictions are in the ledger before any result exists.

    For example:

        labloop suggest hydrogel

        labloop suggest hydrogel -n 8 --out batch.xlsx
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    if out is not None:
        if out.suffix.lower() not in (".csv", ".xlsx"):
            raise UsageError(f"{out.name} ends in {out.suffix!r}", hint="expected .csv or .xlsx")
        refuse_existing(out, force=force)
    with working("planning the next experiments"):
        suggestion = suggest(ws.store, name, n, strategy=strategy, randomise=randomise, key=key)
    spec = read_spec_of(ws.store, name)
    if out is not None:
        write_batch(out, spec, suggestion.experiments, force=force, stamp=stamp_of(ws.store, name))
    data = suggestion_data(suggestion) | {"sheet": str(out) if out else None}
    return Answer(data, lambda console: show_suggestion(console, spec, suggestion, out), suggestion.notes)


def suggestion_data(suggestion: Suggestion) -> dict[str, Any]:
    """Write a suggestion as JSON values."""
    return {
        "campaign": suggestion.campaign,
        "batch": suggestion.batch,
        "strategy": suggestion.strategy,
        "seed": suggestion.seed,
        "experiments": experiment_rows(suggestion.campaign, suggestion.experiments),
        "escape": dict(suggestion.escape),
    }


def show_suggestion(console: Console, spec: Spec, suggestion: Suggestion, out: Path | None) -> None:
    """Draw a suggestion, and say what comes next."""
    console.print(proposals(spec, suggestion.experiments))
    name, first = suggestion.campaign, suggestion.experiments[0]
    results = " ".join(f"--result {outcome}=VALUE" for outcome in spec.outcomes)
    said(console, "", f"Batch {suggestion.batch} of {name}, strategy {suggestion.strategy}. Run it, then:")
    if out is not None:
        said(console, f"  fill in {out}, and  labloop record {name} {out}")
    else:
        said(console, f"  labloop record {name} {first.number} {results}")
        said(console, f"  or, for a sheet to fill in:  labloop export {name} --batch {suggestion.batch} batch.xlsx")
    said(console, f"  refuse one:  labloop replace {experiment_id(name, first.number)} --reason '...'")
