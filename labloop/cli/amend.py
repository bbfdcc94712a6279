"""labloop amend."""

from __future__ import annotations

from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Reason, StoreUrl, Words, assignments, campaign_and, experiment_numbers, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import correction_rows, experiment_detail, experiment_rows
from labloop.errors import UsageError
from labloop.loop.correct import amend, amend_failure
from labloop.loop.look import corrections, read_spec_of
from labloop.loop.typed import condition, failure_kind, outcome

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
    failure: Annotated[
        str | None, typer.Option(metavar="KIND", help="The right kind of failure; none: it did not fail.")
    ] = None,
    replicate: Annotated[int | None, typer.Option(min=1, help="Which measurement, where there are several.")] = None,
    outside: Annotated[bool, typer.Option("--outside", help="It really was run outside the bounds.")] = False,
    reason: Reason = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Correct a result or what was executed; the original stays visible.

    Also the kind of a failure, or that it did not fail after all.

    For example:

        labloop amend hydrogel 7 --result adhesion=83.2 --reason "typed 38.2"

        labloop amend hydrogel 7 --set temperature=61 --reason "read off the logger"

        labloop amend hydrogel 8 --failure none --reason "it was experiment 9 that failed"
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
    if failure is not None:
        if outcomes or executed:
            raise UsageError("a failure is amended on its own", hint="amend the failure, then the rest")
        kind = failure_kind(failure)
        amended = amend_failure(ws.store, name, numbers[0], kind, reason=reason_or_ask(reason, json))
    else:
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
    told = corrections(ws.store, name, numbers)
    data = {
        "campaign": name,
        "experiments": experiment_rows(name, [amended]),
        "corrections": correction_rows(name, told),
    }
    return Answer(data, lambda console: console.print(experiment_detail(spec, amended, told)))
