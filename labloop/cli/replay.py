"""labloop replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.progress import working
from labloop.cli.render import _table, said
from labloop.errors import IntegrityError, UsageError
from labloop.loop.dossier import read_dossier
from labloop.loop.replay import Replayed, Sameness, replay, replay_entries
from labloop.records import experiment_id

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command", "replay_answer"]

_STYLE = {Sameness.IDENTICAL: "green", Sameness.DIFFERENT: "red", Sameness.UNKNOWN: "yellow"}


def command(
    words: Words = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", metavar="ID", help="Only the proposal that this experiment came from.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every proposal; so it is if no experiment is named.")] = False,
    dossier: Annotated[
        Path | None, typer.Option("--dossier", help="Replay the ledger in a dossier, folder or archive, instead.")
    ] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Derive proposals again from the ledger as it stood then, and compare.

    A proposal follows from the entries before it, the version of the spec, the strategy and the seed, all of
    which the ledger names. The answer is identical, different (and what differs, and what may explain it), or
    unknown (and why). The exit code is 9 unless all are identical.

    For example:

        labloop replay hydrogel

        labloop replay hydrogel --experiment 7

        labloop replay --dossier supplement.zip
    """
    if dossier is not None:
        if words or experiment or all_:
            raise UsageError("a dossier is replayed as a whole", hint="labloop replay --dossier supplement.zip")
        name, entries = read_dossier(dossier)
        with working("planning again"):
            return replay_answer(name, tuple(replay_entries(entries)))
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    if experiment is not None:
        rest = [*rest, experiment]
    if len(rest) > 1 or (rest and all_):
        raise UsageError("one experiment, or all", hint=f"labloop replay {name} --experiment {rest[0]}")
    number = experiment_numbers(name, rest, command="replay")[0] if rest else None
    ws.resolve(name)
    with working("planning again"):
        found = replay(ws.store, name, number=number)
    return replay_answer(name, found)


def replay_answer(name: str, found: tuple[Replayed, ...]) -> Answer:
    """Say which proposals came out again."""
    counts = {each.value: sum(one.sameness is each for one in found) for each in Sameness}
    whole = counts["identical"] == len(found)
    data = {"campaign": name, "proposals": [_row(name, each) for each in found], "counts": counts}
    return Answer(data, lambda to: _show(to, name, found), exit_code=0 if whole else IntegrityError.exit_code)


def _row(name: str, each: Replayed) -> dict[str, Any]:
    return {
        "entry": each.sequence,
        "batch": each.batch,
        "experiments": [experiment_id(name, number) for number in each.experiments],
        "sameness": each.sameness.value,
        "differences": list(each.differences),
        "causes": list(each.causes),
        "largest": each.largest,
    }


def _show(to: Console, name: str, found: tuple[Replayed, ...]) -> None:
    if not found:
        said(to, f"The planner has proposed nothing in {name} yet.")
        return
    table = _table()
    table.add_column("batch", justify="right")
    table.add_column("entry", justify="right")
    table.add_column("experiments")
    table.add_column("replayed")
    table.add_column("what and why", ratio=1)
    for each in found:
        first, last = each.experiments[0], each.experiments[-1]
        spoken = "; ".join((*each.differences, *each.causes))
        table.add_row(
            str(each.batch),
            str(each.sequence),
            str(first) if first == last else f"{first} to {last}",
            Text(each.sameness.value, style=_STYLE[each.sameness]),
            Text(spoken),
        )
    to.print(table)
    same = sum(each.sameness is Sameness.IDENTICAL for each in found)
    said(to, "", f"{same} of {len(found)} proposals of {name} come out identical on this machine.")
