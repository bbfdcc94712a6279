"""labloop claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Key, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.render import experiment_rows, results_table, said
from labloop.errors import UsageError
from labloop.loop.claim import Claimed, claim, read_lease, renew
from labloop.loop.look import read_spec_of
from labloop.records import experiment_id
from labloop.spec.models import Spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(
    words: Words = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who will run them.")] = None,
    lease: Annotated[str, typer.Option(help="How long until a word from you is expected: 30m, 4h, 2d.")] = "4h",
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=384, help="How many, if none is named.")] = 1,
    take_over: Annotated[
        str | None, typer.Option("--take-over", metavar="REASON", help="Take them from whoever claimed them.")
    ] = None,
    renew_: Annotated[
        int | None, typer.Option("--renew", metavar="TOKEN", help="Prolong a claim from now on.", min=1)
    ] = None,
    key: Key = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Claim experiments, so that nobody else runs them.

    Those named, or the first that are free. The answer holds a token: hand the results in with
    `labloop record --token`. When the lease has run out, `labloop status` asks for attention; nobody else gets the
    experiment by itself, and a late result is kept.

    For example:

        labloop claim hydrogel --as robot-1 --lease 4h

        labloop claim hydrogel 7 8 --as anna --lease 2d

        labloop claim hydrogel --renew 12 --lease 4h
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name)
    numbers = experiment_numbers(name, rest, command="claim") if rest else None
    if renew_ is not None:
        done = renew(ws.store, name, renew_, lease=read_lease(lease))
    elif as_ is None:
        raise UsageError("who claims it?", hint=f"labloop claim {name} --as robot-1")
    else:
        done = claim(
            ws.store,
            name,
            numbers,
            claimant=as_,
            lease=read_lease(lease),
            n=n,
            take_over=take_over,
            key=key,
        )
    data = {
        "campaign": name,
        "token": done.token,
        "claimant": done.claimant,
        "until": done.until,
        "experiments": experiment_rows(name, done.experiments),
    }
    spec = read_spec_of(ws.store, name)
    return Answer(data, lambda to: _show(to, spec, done), done.notes)


def _show(to: Console, spec: Spec, done: Claimed) -> None:
    to.print(results_table(spec, done.experiments))
    names = ", ".join(experiment_id(done.campaign, each.number) for each in done.experiments)
    until = done.until[:16].replace("T", " ")
    said(to, "", f"{done.claimant} runs {names} until {until} UTC, under token {done.token}. Then:")
    outcome = next(iter(spec.objectives))
    first = done.experiments[0].number
    said(to, f"  labloop record {done.campaign} {first} --result {outcome}=VALUE --token {done.token}")
