"""labloop upgrade."""

from __future__ import annotations

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, workspace
from labloop.cli.render import said
from labloop.loop.upkeep import upgraded

__all__ = ["command"]


def command(json: Json = False, store: StoreUrl = None) -> Answer:
    """Bring an older store up to this labloop's layout.

    In one transaction: if anything comes between, the store is as it was. The ledger is not touched. Take a copy
    with the labloop that wrote it first, if the store must stay readable for that one.

    For example:

        labloop upgrade
    """
    ws = workspace(store)
    before, after = upgraded(ws.store)
    text = f"Layout {before} became {after}." if before != after else f"Nothing to do: the layout is {after} already."
    return Answer({"store": ws.store.where, "before": before, "after": after}, lambda to: said(to, text))
