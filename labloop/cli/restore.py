"""labloop restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.backup import heads_data
from labloop.cli.options import Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import said
from labloop.loop.upkeep import restore

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup that labloop backup made.")],
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Fill an empty store from a backup.

    Nothing is ever overwritten: move the present store away first, or name another one. The ledgers are checked, and
    compared with FILE.heads.json if it is there; what follows from them is made anew. A backup from SQLite can be
    restored to PostgreSQL, and the other way round.

    For example:

        labloop restore monday.db

        labloop restore monday.jsonl --store postgresql://anna@db/lab
    """
    ws = workspace(store)
    with working("restoring and checking"):
        kept = restore(ws.store, file)
    lines = [f"Restored {len(kept.heads)} campaigns from {file} into {ws.store.where}."]
    lines += [f"  {name}  {head}" for name, head in kept.heads.items()]
    data = {"file": str(file), "store": ws.store.where, "heads": heads_data(kept.heads)}
    return Answer(data, lambda to: said(to, *lines), kept.notes)
