"""labloop amend."""

from __future__ import annotations

from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Reason, StoreUrl, Words, assignments, campaign_and, experiment_numbers, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import experiment_detail, experiment_rows
from labloop.errors import UsageError
from labloop.loop.correct import amend
from labloop.loop.look import read_spec_of
from labloop.loop.typed import condition, outcome

__all__ = ["command"]


def command(
    words: Words = None,
    result: Annotated[
        list[str] | None,
        typer.Option("--result", metavar="NAME=VALUE", help="The right value; NAME=none: not measured."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="What was executed in truth.")
    ] = None,
    replicate: Annotated[int | None, typer.Option(min=1, help="Which measurement, where there are several.")] = None,
    outside: Annotated[bool, typer.Option("--outside", help="It really was run outside the bounds.")] = False,
    reason: Reason = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Correct a result or what was executed; the original stays visible.

    For example:

        labloop amend hydrogel 7 --result adhesion=83.2 --reason "typed 38.2"

        labloop amend hydrogel 7 --set temperature=61 --reason "read off the logger"
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    numbers = experiment_numbers(name, rest, command="amend")
    if len(numbers) > 1:
        raise UsageError("one experiment at a time", hint=f"labloop amend {name} {numbers[0]}")
    ws.enrol(name, edited=True)
    spec = read_spec_of(ws.store, name)
    outcomes = {
        key: None if text.casefold() == "none" else outcome(spec, key, text)
        for key, text in assignments(result, "--result")
    }
    executed = {key: condition(spec, key, text) for key, text in assignments(set_, "--set")}
    amended = amend(
        ws.store,
        name,
        numbers[0],
        replicate=replicate,
        outcomes=outcomes,
        executed=executed,
        outside=outside,
        reason=reason_or_ask(reason, json),
    )
    data = {"campaign": name, "experiments": experiment_rows(name, [amended])}
    return Answer(data, lambda console: console.print(experiment_detail(spec, amended)))
