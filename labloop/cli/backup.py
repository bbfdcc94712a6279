"""labloop backup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import said
from labloop.loop.upkeep import backup
from labloop.store.heads import Head

__all__ = ["command", "heads_data"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: .db (SQLite only) or .jsonl.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Copy the whole store while others may write to it, and check the copy.

    `.db` is the database itself (SQLite only), `.jsonl` the entries of all ledgers, one a line, from SQLite or
    PostgreSQL. The head of every ledger is written beside it, into FILE.heads.json: keep that elsewhere too, it shows
    whether the end was cut off.

    For example:

        labloop backup monday.db

        labloop backup monday.jsonl --store postgresql://anna@db/lab
    """
    ws = workspace(store)
    with working("copying and checking"):
        kept = backup(ws.store, file, force=force)
    lines = [f"Copied {len(kept.heads)} campaigns to {file}; the copy verifies.", *_heads(kept.heads)]
    return Answer({"file": str(file), "heads": heads_data(kept.heads)}, lambda to: said(to, *lines), kept.notes)


def heads_data(heads: Mapping[str, Head]) -> dict[str, Any]:
    """Write heads as JSON values."""
    return {name: {"sequence": head.sequence, "hash": head.hash} for name, head in heads.items()}


def _heads(heads: Mapping[str, Head]) -> list[str]:
    return [f"  {name}  {head}" for name, head in heads.items()]
