"""labloop record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import (
    Json,
    Key,
    StoreUrl,
    Words,
    Yes,
    assignments,
    campaign_and,
    experiment_numbers,
    workspace,
)
from labloop.cli.prompts import agreed, interactive
from labloop.cli.render import said, written_table
from labloop.errors import UsageError
from labloop.loop.handin import hand_in, type_in
from labloop.loop.look import read_spec_of, status
from labloop.loop.once import Delivery
from labloop.loop.record import Recorded
from labloop.loop.typed import condition, replicates
from labloop.records import FailureKind, Result, experiment_id
from labloop.spec.models import Spec
from labloop.tabular import read_stream, taken

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command", "doubted", "recorded_data", "show_recorded"]


def command(
    words: Words = None,
    result: Annotated[
        list[str] | None,
        typer.Option("--result", metavar="NAME=VALUE", help="A measured value; the same name again is a replicate."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="What was executed, where not as planned.")
    ] = None,
    failure: Annotated[
        FailureKind | None, typer.Option(help="It gave no result: the conditions cannot be run, or an accident.")
    ] = None,
    note: Annotated[str, typer.Option(help="Anything worth remembering.")] = "",
    replicate: Annotated[
        bool, typer.Option("--replicate", help="A further measurement of the same experiment.")
    ] = False,
    outside: Annotated[bool, typer.Option("--outside", help="It really was run outside the bounds.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Which sheet of a workbook.")] = None,
    key: Key = None,
    token: Annotated[int | None, typer.Option(min=1, help="The claim under which it was run.")] = None,
    yes: Yes = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Record results: typed, from a filled-in sheet, or JSON on standard input.

    All of it is recorded or nothing; the same file twice is recorded once; a blank cell is not measured.
    A row without an experiment's id is a new experiment and needs all its conditions.

    For example:

        labloop record hydrogel 7 --result adhesion=83.2

        labloop record hydrogel 7 --result adhesion=83.2 --result adhesion=85.0 --set temperature=61

        labloop record hydrogel 8 --failure infeasible --note "did not dissolve"

        labloop record hydrogel batch.xlsx

        labloop record hydrogel 7 --result adhesion=83.2 --key run-0042

        echo '[{"experiment": 7, "adhesion": 83.2}]' | labloop record hydrogel -
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name, edited=True)
    spec = read_spec_of(ws.store, name)
    delivery = Delivery(key, token)
    typed = bool(result or set_ or failure or note)
    target = rest[0] if rest else ("-" if not sys.stdin.isatty() and not typed else "")
    if len(rest) > 1 and not typed:
        raise UsageError("one file or one experiment at a time", hint=f"labloop record {name} {rest[0]}")
    if typed:
        numbers = experiment_numbers(name, rest, command="record")
        if len(numbers) > 1 and (result or set_):
            raise UsageError("typed results belong to one experiment", hint="use a sheet for several")
        results = _typed(spec, numbers, result, set_, Result(None, failure=failure, note=note))
        doubt = doubted if interactive(json) and not yes else None
        done = type_in(ws.store, name, results, replicate=replicate, outside=outside, delivery=delivery, doubt=doubt)
    elif not target:
        raise UsageError("record what?", hint=f"labloop record {name} 7 --result NAME=VALUE, or a file, or - for stdin")
    elif target.isdigit() or "#" in target:
        outcomes = " ".join(f"--result {each}=VALUE" for each in spec.outcomes)
        raise UsageError(f"no result given for experiment {target}", hint=f"labloop record {name} {target} {outcomes}")
    else:
        table = read_stream(taken(sys.stdin.buffer), source="standard input") if target == "-" else Path(target)
        ask = interactive(json) and not yes and target != "-"
        done = hand_in(
            ws.store,
            name,
            table,
            replicate=replicate,
            outside=outside,
            sheet=sheet,
            confirm=(lambda seen: _confirmed(spec, seen)) if ask else None,
            delivery=delivery,
        )
    standing = status(ws.store, name)
    best = [experiment_id(name, each) for each in standing.best]
    return Answer(recorded_data(done) | {"best": best}, lambda to: show_recorded(to, done), done.notes)


def _typed(
    spec: Spec, numbers: Sequence[int], result: list[str] | None, set_: list[str] | None, rest: Result
) -> list[Result]:
    executed = {name: condition(spec, name, text) for name, text in assignments(set_, "--set")}
    measured = assignments(result, "--result")
    results = [each for number in numbers for each in replicates(spec, number, executed, measured)]
    return [
        replace(each, failure=rest.failure, note="" if (each.replicate or 1) > 1 else rest.note) for each in results
    ]


def _confirmed(spec: Spec, seen: Recorded) -> bool:
    to = console(stderr=True)
    said(to, *seen.notes)
    to.print(written_table(spec, seen.written))
    said(to, *_sentences(seen, "Would record"))
    return agreed("record it?", yes=False, json=False)


def doubted(odd: Sequence[str]) -> bool:
    """Ask about values that are unusual though not impossible."""
    said(console(stderr=True), *odd)
    return agreed("record it all the same?", yes=False, json=False, default=False)


def recorded_data(done: Recorded) -> dict[str, Any]:
    """Write what was recorded as JSON values."""
    return {
        "campaign": done.campaign,
        "recorded": [experiment_id(done.campaign, each) for each in done.recorded],
        "added": [experiment_id(done.campaign, each) for each in done.added],
        "skipped": done.skipped,
    }


def show_recorded(to: Console, done: Recorded) -> None:
    """Say what was recorded."""
    said(to, *_sentences(done, "Recorded"))


def _sentences(done: Recorded, verb: str) -> list[str]:
    kinds: dict[int, tuple[int, str]] = {}
    for each in done.written:
        if each.experiment in done.recorded:
            kinds[each.experiment] = min(_kind(each), kinds.get(each.experiment, (9, "")))
    groups: dict[str, list[int]] = {}
    for number, (_, phrase) in kinds.items():
        groups.setdefault(phrase, []).append(number)
    lines = [f"{verb} {phrase.format(_named(done.campaign, numbers))}." for phrase, numbers in groups.items()]
    if done.added:
        lines.append(f"{verb} as new: {_named(done.campaign, done.added)}.")
    if done.skipped:
        lines.append(f"{done.skipped} already recorded, left as they are.")
    return lines or ["Nothing new: no row has a result."]


def _kind(result: Result) -> tuple[int, str]:
    """Return the most that a result says of its experiment, the most telling first in order."""
    if result.failure is not None:
        return 0, f"{{}} as failed ({result.failure.value})"
    if result.outcomes:
        return 1, "results of {}"
    if result.covariates:
        return 2, "what was observed along with {}"
    if result.executed:
        return 3, "what was executed of {}"
    return 4, "a note on {}"


def _named(campaign: str, numbers: Sequence[int]) -> str:
    if len(numbers) > 6:
        first, last = experiment_id(campaign, numbers[0]), experiment_id(campaign, numbers[-1])
        return f"{len(numbers)} experiments, {first} to {last}"
    return ", ".join(experiment_id(campaign, each) for each in numbers)
