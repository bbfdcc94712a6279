"""labloop schema."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json
from labloop.cli.render import said
from labloop.exchange.sheet import refuse_existing
from labloop.spec.schema import json_schema

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to a file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    json: Json = False,
) -> Answer:
    """Print the JSON Schema of campaign files, for editors.

    An editor that knows it completes keys and marks mistakes while you type: put

        # yaml-language-server: $schema=labloop.schema.json

    into the first line of a campaign file.

    For example:

        labloop schema --out campaigns/labloop.schema.json
    """
    schema = json_schema()
    text = json_.dumps(schema, indent=2) + "\n"
    if out is not None:
        refuse_existing(out, force=force)
        out.write_text(text, encoding="utf-8")
        return Answer({"file": str(out)}, lambda console: said(console, f"Wrote {out}."))

    def show(_: Console) -> None:
        sys.stdout.write(text)

    return Answer(schema, show)
