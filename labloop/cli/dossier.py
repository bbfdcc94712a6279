"""labloop dossier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, workspace
from labloop.cli.render import said
from labloop.errors import UsageError
from labloop.loop.dossier import NO_LICENSE, write_dossier
from labloop.loop.look import history

__all__ = ["command"]


def command(
    words: Words = None,
    license: Annotated[
        str, typer.Option("--license", help="Under what others may use it: a URL or a sentence.")
    ] = NO_LICENSE,
    force: Annotated[bool, typer.Option("--force", help="Replace an older dossier.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Write a campaign as one folder or archive that anybody can check and replay.

    For a paper's supplement: every version of the spec, the ledger as JSON lines, the data and the predictions
    as CSV, the environment, the head's hash, and the commands that check and reproduce it; described as an
    RO-Crate. The same ledger gives the same bytes.

    For example:

        labloop dossier hydrogel supplement.zip --license https://creativecommons.org/licenses/by/4.0/
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    if len(rest) != 1:
        raise UsageError("write it where?", hint=f"labloop dossier {name} {name}.zip, or a folder")
    ws.resolve(name)
    path = Path(rest[0])
    count = write_dossier(ws.store, name, path, license=license, force=force)
    row = history(ws.store, name).row
    lines = [f"Wrote {count} files to {path}.", f"Head of the ledger, worth printing in the paper: {row.head_hash}"]
    data = {
        "campaign": name,
        "file": str(path),
        "files": count,
        "head": {"sequence": row.head, "hash": row.head_hash},
    }
    return Answer(data, lambda to: said(to, *lines))
