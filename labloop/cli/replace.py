"""labloop replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Reason, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.progress import working
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import experiment_rows, proposals, said
from labloop.errors import UsageError
from labloop.loop.look import read_spec_of
from labloop.loop.suggest import replacement
from labloop.records import experiment_id

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(words: Words = None, reason: Reason = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Refuse one proposed experiment and get another in its place.

    For example:

        labloop replace hydrogel 7 --reason "the ligand is out of stock"
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    numbers = experiment_numbers(name, rest, command="replace")
    if len(numbers) > 1:
        raise UsageError("one experiment at a time", hint=f"labloop replace {name} {numbers[0]}")
    ws.enrol(name)
    why = reason_or_ask(reason, json)
    with working("planning another experiment"):
        suggestion = replacement(ws.store, name, numbers[0], reason=why)
    spec = read_spec_of(ws.store, name)

    def show(console: Console) -> None:
        said(console, f"In place of {experiment_id(name, numbers[0])}:", "")
        console.print(proposals(spec, suggestion.experiments))

    data = {"campaign": name, "replaced": experiment_id(name, numbers[0])}
    return Answer({**data, "experiments": experiment_rows(name, suggestion.experiments)}, show, suggestion.notes)
