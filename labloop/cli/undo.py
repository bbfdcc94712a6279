"""labloop undo."""

from __future__ import annotations

from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.history import summary
from labloop.cli.options import CampaignName, Json, Reason, StoreUrl, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import said
from labloop.loop.correct import undo
from labloop.records import experiment_id

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    entry: Annotated[
        int | None, typer.Option(min=1, help="The entry to take back; the last one that can be, if not given.")
    ] = None,
    reason: Reason = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Take back the last entry, or a given one.

    The entry stays in the ledger, crossed out; `labloop history` shows both.

    For example:

        labloop undo hydrogel --reason "recorded the wrong plate"
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name, edited=True)
    done = undo(ws.store, name, sequence=entry, reason=reason_or_ask(reason, json))
    text = f"Took back entry {done.entry.sequence}: {summary(done.entry)}"
    data = {
        "campaign": name,
        "undone": done.entry.sequence,
        "kind": done.entry.kind,
        "experiments": [experiment_id(name, each) for each in done.experiments],
    }
    return Answer(data, lambda console: said(console, text))
