"""labloop check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import _table, heading, said
from labloop.errors import shown_path
from labloop.loop.campaigns import check
from labloop.spec.describe import describe, describe_mixture, describe_planner, remarks
from labloop.spec.models import Spec
from labloop.spec.reader import read_spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    campaign: Annotated[
        str | None, typer.Argument(metavar="CAMPAIGN|FILE", help="A campaign, or the path of a campaign file.")
    ] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Check a campaign file and say what it asks for.

    Every mistake is listed with its line, the value, what was expected and the fix; contradictory
    constraints are named.

    For example:

        labloop check hydrogel

        labloop check drafts/new.yaml
    """
    if campaign is not None and (campaign.endswith((".yaml", ".yml")) or "/" in campaign):
        path, spec = Path(campaign), read_spec(campaign)
    else:
        ws = workspace(store)
        name = ws.resolve(campaign)
        path, spec = ws.file(name), ws.read(name)
    with working("looking for a feasible experiment"):
        check(spec, path)
    return Answer(_data(spec, path), lambda console: _show(console, spec, path), remarks(spec))


def _data(spec: Spec, path: Path) -> dict[str, Any]:
    return {"campaign": spec.name, "file": str(path), "spec": spec.to_dict()}


def _show(console: Console, spec: Spec, path: Path) -> None:
    console.print(Text(spec.name, style="bold"))
    if spec.question:
        said(console, f"  {spec.question}")
    table = _table()
    table.add_column("name")
    table.add_column("what it is", ratio=1)
    for name, parameter in spec.parameters.items():
        table.add_row(Text(heading(name, parameter.unit)), Text(describe(parameter, spec)))
    for name, outcome in spec.outcomes.items():
        table.add_row(Text(heading(name, outcome.unit), style="green"), Text(describe(outcome, spec)))
    console.print(table)
    said(console, "", *_whole(spec))
    said(console, "", f"{shown_path(path)} is in order, and there are experiments that satisfy it.")


def _whole(spec: Spec) -> list[str]:
    """Say what holds for all parameters together, and how experiments are proposed."""
    lines = [f"mixture {name}: {describe_mixture(name, each, spec)}" for name, each in spec.mixtures.items()]
    lines += [f"constraint: {rule}" for rule in spec.constraints]
    if spec.candidates is not None:
        lines.append(f"candidates: only the {len(spec.candidates.rows)} listed experiments can be run")
    return [*lines, f"planner: {describe_planner(spec)}"]
