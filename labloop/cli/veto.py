"""labloop veto."""

from __future__ import annotations

from labloop.cli.answer import Answer
from labloop.cli.options import Json, Reason, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import experiment_rows, said
from labloop.loop.correct import veto
from labloop.records import experiment_id

__all__ = ["command"]


def command(words: Words = None, reason: Reason = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Refuse proposed experiments; they will not come back.

    For example:

        labloop veto hydrogel 7 --reason "the ligand is out of stock"

        labloop veto hydrogel 7 9 12-14 --reason "too viscous to stir"
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    numbers = experiment_numbers(name, rest, command="veto")
    ws.enrol(name, edited=True)
    found = veto(ws.store, name, numbers, reason=reason_or_ask(reason, json))
    text = "Vetoed " + ", ".join(experiment_id(name, each.number) for each in found) + "."
    return Answer(
        {"campaign": name, "experiments": experiment_rows(name, found)},
        lambda console: said(console, text, f"For others in their place: labloop suggest {name} -n {len(found)}"),
    )
