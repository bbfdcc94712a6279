"""labloop export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, workspace
from labloop.cli.render import said
from labloop.errors import NotFound, UsageError
from labloop.exchange.foreign import Layout
from labloop.loop.heads import stamp_of
from labloop.loop.look import experiments, read_spec_of
from labloop.loop.sheets import keep_stamp, refuse_existing, write_batch, write_experiments, write_foreign

__all__ = ["command"]


def command(
    words: Words = None,
    batch: Annotated[int | None, typer.Option(min=1, help="The sheet of one batch, to be filled in.")] = None,
    waiting: Annotated[bool, typer.Option("--open", help="A sheet of all that waits for a result.")] = False,
    layout: Annotated[
        Layout | None,
        typer.Option("--as", help="All candidates as another tool reads them; with --open NIMO's proposals."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Write the experiments to CSV, XLSX or JSON.

    All of them, one row a measurement, conditions as executed; or the sheet of a batch, to be filled in and
    handed to labloop record. A workbook carries the head of the ledger as a property of the document; a CSV or JSON
    table stays plain, and FILE.heads.json beside it holds the head. labloop verify --against takes either.

    For example:

        labloop export hydrogel all.csv

        labloop export hydrogel --batch 3 batch3.xlsx

        labloop export reaction candidates.csv --as nimo
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    if len(rest) != 1:
        raise UsageError("export to which file?", hint=f"labloop export {name} {name}.csv")
    ws.enrol(name, edited=True)
    path, stamp = Path(rest[0]), stamp_of(ws.store, name)
    if layout is not None:
        if batch is not None:
            raise UsageError("--as writes the whole campaign", hint="leave --batch out")
        refuse_existing(path, force=force)
        count = write_foreign(path, ws.store, name, layout, waiting=waiting)
        keep_stamp(path, stamp)
        said_ = f"Wrote {path} for {layout.value}, with {count} experiments."
        data = {"campaign": name, "file": str(path), "experiments": count, "head": stamp.partition(" ")[2]}
        return Answer(data, lambda to: said(to, said_))
    found = experiments(ws.store, name, batch=batch, waiting=waiting)
    if batch is not None and not found:
        raise NotFound(f"no batch {batch} in {name}", hint=f"labloop status {name}")
    write = write_batch if batch is not None or waiting else write_experiments
    write(path, read_spec_of(ws.store, name), found, force=force, stamp=stamp)
    keep_stamp(path, stamp)
    text = f"Wrote {len(found)} experiments to {path}."
    head = stamp.partition(" ")[2]
    data = {"campaign": name, "file": str(path), "experiments": len(found), "head": head}
    return Answer(data, lambda to: said(to, text))
