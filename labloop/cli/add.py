"""labloop add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Key, StoreUrl, Words, assignments, campaign_and, workspace
from labloop.cli.record import recorded_data, show_recorded
from labloop.errors import UsageError
from labloop.exchange.foreign import Layout
from labloop.loop.handin import add_proposed, hand_in, type_in
from labloop.loop.look import read_spec_of
from labloop.loop.once import Delivery
from labloop.loop.record import add
from labloop.loop.typed import condition, outcome
from labloop.records import FailureKind, Result

__all__ = ["command"]


def command(
    words: Words = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A condition; all of them are needed.")
    ] = None,
    result: Annotated[
        list[str] | None, typer.Option("--result", metavar="NAME=VALUE", help="A measured value, if there is one.")
    ] = None,
    failure: Annotated[
        FailureKind | None, typer.Option(help="It gave no result: the conditions cannot be run, or an accident.")
    ] = None,
    note: Annotated[str, typer.Option(help="Anything worth remembering.")] = "",
    outside: Annotated[bool, typer.Option("--outside", help="It really was run outside the bounds.")] = False,
    key: Key = None,
    layout: Annotated[
        Layout | None, typer.Option("--from", help="What another tool proposes: NIMO's proposals.csv, EDBO+'s table.")
    ] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Add experiments of your own, with or without results.

    The planner learns from them like from any other; without a result they count as under way.

    For example:

        labloop add reaction --set temperature=60 --set time=5 --set solvent=DMSO

        labloop add reaction --set temperature=60 --set time=5 --set solvent=DMSO --result yield=71

        labloop add reaction --set temperature=80 --set time=5 --set solvent=water --failure infeasible

        labloop add reaction mine.csv

        labloop add reaction proposals.csv --from nimo
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name, edited=True)
    spec = read_spec_of(ws.store, name)
    if rest and not set_:
        path = Path(rest[0])
        if result or failure is not None:
            raise UsageError("a table holds its own results", hint="give a table, or --set with --result or --failure")
        if layout is not None:
            done = add_proposed(ws.store, name, path, layout, outside=outside)
        else:
            done = hand_in(ws.store, name, path, outside=outside, delivery=Delivery(key))
        return Answer(recorded_data(done), lambda to: show_recorded(to, done), done.notes)
    if not set_:
        conditions = " ".join(f"--set {each}=VALUE" for each in spec.varied)
        raise UsageError("add what?", hint=f"labloop add {name} {conditions}, or a file")
    conditions_ = {each: condition(spec, each, text) for each, text in assignments(set_, "--set")}
    outcomes = {each: outcome(spec, each, text) for each, text in assignments(result, "--result")}
    measured = {k: v for k, v in outcomes.items() if k in spec.outcomes}
    along = {k: v for k, v in outcomes.items() if k in spec.covariates}
    row = Result(None, measured, along, executed=conditions_, failure=failure, note=note)
    if outcomes or failure is not None:
        added = type_in(ws.store, name, [row], outside=outside, delivery=Delivery(key))
    else:
        added = add(ws.store, name, [conditions_], note=note, outside=outside, key=key)
    return Answer(recorded_data(added), lambda to: show_recorded(to, added), added.notes)
