"""labloop init."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import Json, StoreUrl, Yes
from labloop.cli.prompts import agreed, interactive
from labloop.cli.render import said
from labloop.cli.wizard import questions
from labloop.errors import Conflict, LabloopError, UsageError, shown_path
from labloop.exchange.infer import infer_spec
from labloop.loop.start import start
from labloop.loop.workspace import Workspace, open_workspace
from labloop.spec.models import SCHEMA, check_name
from labloop.spec.writer import spec_to_yaml
from labloop.tabular import read_table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: Annotated[str | None, typer.Argument(metavar="NAME", help="The new campaign's name.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Infer the parameters from a table of results.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="With --from: the column to improve.")] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="With --from: smaller is better.")] = False,
    template: Annotated[
        str | None, typer.Option(help="Take a ready one: hydrogel, reaction, ferment, or a test function.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the campaign file if it exists.")] = False,
    yes: Yes = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Start a campaign: answer questions, infer it from a table, or take a template.

    Writes campaigns/NAME.yaml in the current folder, for you to read and edit; nothing else.

    For example:

        labloop init

        labloop init hydrogel --from results.csv

        labloop init mine --template reaction
    """
    ws = open_workspace(Path.cwd(), store=store)
    notes: tuple[str, ...] = ()
    comments: Mapping[str, str] = {}
    if source is not None and template is not None:
        raise UsageError("--from and --template exclude each other", hint="give one of them")
    if source is not None:
        name = campaign or _name_from(source)
        inferred = infer_spec(read_table(source), name=name, objective=objective, minimize=minimize)
        spec, notes = inferred.spec, inferred.notes
        comments = {"parameters": f"Inferred from {source.name}: check the bounds and units."}
    elif template is not None:
        spec = _from_template(template, campaign)
    elif interactive(json):
        path, spec = _asked(ws, campaign, force)
        return Answer(_data(spec, path, notes), lambda to: _show(to, spec["name"], path, source))
    else:
        raise UsageError(
            "nobody is there to answer the questions", hint="give --from results.csv or --template reaction"
        )
    if notes and interactive(json) and not yes:
        said(console(stderr=True), *notes)
        if not agreed(f"write campaigns/{spec['name']}.yaml?", yes=yes, json=json):
            return Answer({"campaign": spec["name"], "file": None, "notes": list(notes)})
        notes = ()
    path = start(ws, spec, comments=comments, force=force)
    return Answer(_data(spec, path, notes), lambda to: _show(to, spec["name"], path, source), notes)


def _asked(ws: Workspace, campaign: str | None, force: bool) -> tuple[Path, dict[str, Any]]:
    """Ask, and write what was answered; where that fails, show it, so that nothing typed is lost."""
    taken = () if force else ws.names()
    if campaign is not None:
        ws.file(campaign)
        if campaign in taken:
            raise Conflict(f"there is a campaign {campaign!r} already", hint="choose another name, or give --force")
    spec = questions(campaign, taken=taken)
    try:
        return start(ws, spec, force=force), spec
    except LabloopError:
        said(console(stderr=True), "", "It could not be written. This is what you answered:", "")
        said(console(stderr=True), *spec_to_yaml({"schema": SCHEMA, **spec}).splitlines(), "")
        raise


def _data(spec: Mapping[str, Any], path: Path, notes: tuple[str, ...]) -> dict[str, Any]:
    return {"campaign": spec["name"], "file": str(path), "notes": list(notes), "spec": spec}


def _name_from(source: Path) -> str:
    stem = "".join(each if each.isalnum() or each in "-_" else "_" for each in source.stem)
    try:
        return check_name(stem)
    except ValueError as error:
        raise UsageError(
            f"{source.stem!r} cannot be a campaign's name: {error}", hint="labloop init NAME --from FILE"
        ) from error


def _from_template(template: str, campaign: str | None) -> dict[str, Any]:
    from labloop.simulate import lab  # the laboratories bring NumPy along, and only this choice needs them

    spec = dict(lab(template).spec)
    return {**spec, "name": campaign or spec["name"]}


def _show(to: Console, name: str, path: Path, source: Path | None) -> None:
    said(to, f"Wrote {shown_path(path)}. Read it, edit it, then:")
    said(to, f"  labloop check {name}")
    if source is not None:
        said(to, f"  labloop import {name} {source}")
    said(to, f"  labloop suggest {name}")
