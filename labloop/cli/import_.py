"""labloop import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import Json, Key, StoreUrl, Words, Yes, campaign_and, workspace
from labloop.cli.progress import working
from labloop.cli.prompts import agreed, interactive
from labloop.cli.record import recorded_data, show_recorded
from labloop.cli.render import said, written_table
from labloop.cli.watching import watched
from labloop.errors import UsageError
from labloop.exchange.foreign import Layout
from labloop.loop.handin import import_rows
from labloop.loop.look import read_spec_of
from labloop.loop.once import Delivery
from labloop.loop.record import Recorded
from labloop.loop.watch import Watch

__all__ = ["command"]


def command(
    words: Words = None,
    outside: Annotated[bool, typer.Option("--outside", help="Rows may lie outside the bounds.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Which sheet of a workbook.")] = None,
    key: Key = None,
    layout: Annotated[
        Layout | None, typer.Option("--from", help="The table of another tool: NIMO's candidates.csv, or EDBO+'s.")
    ] = None,
    watch: Annotated[
        Path | None, typer.Option("--watch", metavar="DIR", help="Take in what is dropped into a folder, until Ctrl-C.")
    ] = None,
    settle: Annotated[
        float, typer.Option(min=0, max=3600, help="With --watch: a file is whole when it rested so many seconds.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="With --watch: take what is there, then stop.")] = False,
    yes: Yes = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Import earlier results from a table.

    Every row is an experiment with all its conditions. Columns are found by name or label, units in headings
    are compared, decimal commas and encodings recognised; rows imported before are skipped, so a file that
    has grown can be imported again. With --watch, files are moved to done/, or to rejected/ with what is wrong
    beside them; sheets that name experiments of the campaign are recorded.

    For example:

        labloop import hydrogel old.csv

        labloop import hydrogel --watch from-the-robot

        labloop import reaction candidates.csv --from nimo
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    if watch is not None:
        if rest or sheet is not None or layout is not None:
            raise UsageError("a folder or a file, not both", hint=f"labloop import {name} --watch {watch}")
        ws.enrol(name)
        return watched(Watch(ws.store, name, watch, settle, outside), once=once, json=json)
    if len(rest) != 1:
        raise UsageError("import which file?", hint=f"labloop import {name} old.csv")
    ws.enrol(name, edited=True)

    def confirmed(seen: Recorded) -> bool:
        stop()
        to = console(stderr=True)
        said(to, *seen.notes)
        to.print(written_table(read_spec_of(ws.store, name), seen.written))
        said(to, f"{len(seen.added)} new experiments, {seen.skipped} already there.")
        return agreed("import them?", yes=False, json=False)

    ask = interactive(json) and not yes
    with working("importing", quiet=json) as stop:
        done = import_rows(
            ws.store,
            name,
            Path(rest[0]),
            outside=outside,
            sheet=sheet,
            layout=layout,
            confirm=confirmed if ask else None,
            delivery=Delivery(key),
        )
    return Answer(recorded_data(done), lambda to: show_recorded(to, done), done.notes)
