"""labloop loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.prompts import ask
from labloop.cli.record import doubted, show_recorded
from labloop.cli.render import conditions_table, said
from labloop.cli.suggest import show_suggestion
from labloop.errors import LabloopError, NothingToSuggest
from labloop.loop.correct import veto
from labloop.loop.handin import hand_in, type_in
from labloop.loop.look import experiments, read_spec_of, status
from labloop.loop.suggest import suggest
from labloop.loop.typed import outcome
from labloop.loop.workspace import Workspace
from labloop.records import Experiment, FailureKind, Result, experiment_id
from labloop.spec.models import Spec

__all__ = ["command"]

_HELP = """\
  VALUE            the result (with several outcomes: NAME=VALUE NAME=VALUE)
  Enter            not yet: go on to the next
  fail [KIND]      it gave no result: infeasible (default), equipment, operator, qc
  veto WHY         it will not be run
  file PATH        take results from a filled-in sheet
  more [N]         propose a further batch without waiting
  stop             stop here; labloop loop goes on from here"""


def command(
    campaign: CampaignName = None,
    n: Annotated[int | None, typer.Option("-n", "--number", min=1, max=384, help="Experiments a batch.")] = None,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Alternate between suggesting and recording until you stop; resumes where it stopped.

    Shows what is open and takes results one by one, typed or from a file; when nothing is open it proposes
    the next batch. Every answer is recorded at once: it can be interrupted at any prompt.

    For example:

        labloop loop hydrogel
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    to = console(stderr=True)
    said(to, f"{name}: type the result of each experiment, or:", _HELP, "")
    try:
        while _round(ws, name, n):
            pass
    except NothingToSuggest as error:
        said(to, error.message, error.hint)
    except EOFError:
        pass
    standing = status(ws.store, name)
    best = ", ".join(experiment_id(name, each) for each in standing.best) or "nothing measured yet"
    text = f"{standing.observations} observations, best so far: {best}. Go on with: labloop loop {name}"
    return Answer(
        {"campaign": name, "observations": standing.observations, "best": list(standing.best)},
        lambda out: said(out, text),
    )


def _round(ws: Workspace, name: str, n: int | None) -> bool:
    """Ask once for every open experiment; False when the person wants to stop."""
    spec = read_spec_of(ws.store, name)
    waiting = experiments(ws.store, name, waiting=True)
    to = console(stderr=True)
    if not waiting:
        _propose(ws, name, n, spec)
        return True
    to.print(conditions_table(spec, waiting))
    for each in waiting:
        while True:
            answer = ask(f"{experiment_id(name, each.number)} {_wanted(spec)}", "")
            if answer.casefold() in ("stop", "quit", "exit", "q"):
                return False
            try:
                done = _take(ws, name, spec, each, answer, n)
            except LabloopError as error:
                said(to, f"  {error.message}", f"  {error.hint}")
                continue
            if done == "again":
                return True
            break
    return True


def _propose(ws: Workspace, name: str, n: int | None, spec: Spec) -> None:
    with working("planning the next experiments"):
        suggestion = suggest(ws.store, name, n)
    to = console(stderr=True)
    show_suggestion(to, spec, suggestion, None)
    said(to, *suggestion.notes, "")


def _wanted(spec: Spec) -> str:
    return ", ".join(f"{name} [{each.unit}]" if each.unit else name for name, each in spec.outcomes.items())


def _take(ws: Workspace, name: str, spec: Spec, each: Experiment, answer: str, n: int | None) -> str:
    """Do what one answer says; "again" when what is open has changed."""
    word, _, rest = answer.partition(" ")
    match word.casefold():
        case "":
            return ""
        case "help" | "?":
            said(console(stderr=True), _HELP)
            return "again"
        case "fail":
            kind = FailureKind(rest.strip().casefold()) if rest.strip() else FailureKind.INFEASIBLE
            type_in(ws.store, name, [Result(each.number, failure=kind)])
        case "veto":
            veto(ws.store, name, [each.number], reason=rest)
        case "file":
            done = hand_in(ws.store, name, Path(rest.strip()).expanduser())
            show_recorded(console(stderr=True), done)
            return "again"
        case "more":
            _propose(ws, name, int(rest) if rest.strip().isdigit() else n, spec)
            return "again"
        case _:
            type_in(ws.store, name, [_result(spec, each, answer)], doubt=doubted)
    return ""


def _result(spec: Spec, each: Experiment, answer: str) -> Result:
    pairs = [word.partition("=") for word in answer.replace(";", " ").split()]
    if len(pairs) == 1 and not pairs[0][1]:
        first = next(iter(spec.objectives))
        return Result(each.number, {first: outcome(spec, first, answer)})
    values = {key: outcome(spec, key, text) for key, _, text in pairs}
    measured = {key: value for key, value in values.items() if key in spec.outcomes}
    return Result(each.number, measured, {key: value for key, value in values.items() if key not in spec.outcomes})
