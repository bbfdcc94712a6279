"""labloop release."""

from __future__ import annotations

from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Reason, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import experiment_rows, said
from labloop.loop.claim import release
from labloop.records import experiment_id

__all__ = ["command"]


def command(
    words: Words = None,
    token: Annotated[int | None, typer.Option(min=1, help="All that is left of a claim, or only if it holds.")] = None,
    reason: Reason = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Give claimed experiments back, so that somebody else can run them.

    For example:

        labloop release hydrogel --token 12 --reason "the syringe pump broke"

        labloop release hydrogel 7 --reason "looked: it was never started"
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name)
    numbers = experiment_numbers(name, rest, command="release") if rest else None
    found = release(ws.store, name, numbers, token=token, reason=reason_or_ask(reason, json))
    text = "Released " + ", ".join(experiment_id(name, each.number) for each in found) + "."
    return Answer({"campaign": name, "experiments": experiment_rows(name, found)}, lambda to: said(to, text))
