"""labloop rebuild."""

from __future__ import annotations

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import going_along
from labloop.cli.render import said
from labloop.loop.upkeep import rebuilt

__all__ = ["command"]


def command(campaign: CampaignName = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Write all that follows from the ledger anew.

    Only the ledger holds facts; the state of experiments, means and counts follow from it. Where `labloop verify`
    says that they do not, this puts them right. The ledger itself is only read; if its chain is broken, nothing is
    changed.

    For example:

        labloop rebuild hydrogel
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    with going_along("rebuilding", quiet=json) as tell:
        row = rebuilt(ws.store, name, tell=tell)
    data = {
        "campaign": name,
        "head": {"sequence": row.head, "hash": row.head_hash},
        "experiments": row.experiments,
        "batches": row.batches,
    }
    text = f"Rebuilt {name} from {row.head} entries: {row.experiments} experiments, head {row.head_hash}."
    return Answer(data, lambda to: said(to, text))
