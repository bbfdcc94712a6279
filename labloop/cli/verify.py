"""labloop verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.render import said
from labloop.errors import IntegrityError
from labloop.loop.look import verify

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(campaign: CampaignName = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Check the ledger's chain of hashes.

    Any entry that was changed, removed, inserted or swapped after it was written is named.

    For example:

        labloop verify hydrogel
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    row, problems = verify(ws.store, name)
    data = {
        "campaign": name,
        "entries": row.head,
        "head_hash": row.head_hash,
        "problems": [{"place": each.path, "message": each.message} for each in problems],
    }

    def show(console: Console) -> None:
        if problems:
            said(console, *(f"{each.path}: {each.message}" for each in problems))
        else:
            said(console, f"The chain of {name} is whole: {row.head} entries, head {row.head_hash}.")

    return Answer(data, show, exit_code=IntegrityError.exit_code if problems else 0)
