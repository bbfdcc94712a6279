"""labloop verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import going_along
from labloop.cli.render import said
from labloop.errors import IntegrityError
from labloop.loop.look import verify
from labloop.store.heads import head_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="HEAD|FILE",
            help="A head kept elsewhere, NUMBER:HASH, or a file that carries one: an export, backup, page or dossier.",
        ),
    ] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="Only the chain, not what follows from it: for very long ledgers.")
    ] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Check the ledger's chain of hashes, and all that follows from it.

    Any entry that was changed, removed, inserted or swapped after it was written is named, and any state, mean or
    count that does not follow from the ledger. A ledger whose last entries were cut off is still whole in itself: only
    a head that was kept elsewhere shows it.

    For example:

        labloop verify hydrogel

        labloop verify hydrogel --against 15:dcff2a6889155

        labloop verify hydrogel --against report.html
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    with going_along("checking the ledger", quiet=json) as tell:
        row, problems = verify(ws.store, name, against=against, chain_only=chain, tell=tell)
    data = {
        "campaign": name,
        "entries": row.head,
        "head": str(head_of(row)),
        "head_hash": row.head_hash,
        "problems": [{"place": each.path, "message": each.message} for each in problems],
    }

    agrees = "" if chain else ", what follows from it agrees"

    def show(console: Console) -> None:
        if problems:
            said(console, *(f"{each.path}: {each.message}" for each in problems))
            said(console, *(f"fix: {hint}" for hint in dict.fromkeys(each.hint for each in problems) if hint))
        else:
            said(
                console,
                f"The chain of {name} is whole{agrees}: {row.head} entries, head {row.head_hash}.",
            )

    return Answer(data, show, exit_code=IntegrityError.exit_code if problems else 0)
