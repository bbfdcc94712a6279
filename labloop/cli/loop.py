"""labloop loop."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from labloop.cli.answer import Answer, console
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.prompts import ask
from labloop.cli.render import conditions_table, proposals, said
from labloop.cli.sitting import Sitting, commands
from labloop.errors import LabloopError, NothingToSuggest, UsageError
from labloop.loop.look import experiments, read_spec_of, status
from labloop.loop.suggest import suggest
from labloop.loop.workspace import Workspace
from labloop.records import Experiment, Status, experiment_id
from labloop.spec.models import Spec

__all__ = ["command"]

_STOP = ("stop", "quit", "exit", "q")
_LACKING_SHOWN = 8


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
    if json and not sys.stdin.isatty():
        raise UsageError(
            "labloop loop asks at a terminal, and there is none",
            hint="programs use: labloop suggest --json, then labloop record --json",
        )
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    to = console(stderr=True)
    spec = read_spec_of(ws.store, name)
    said(to, f"{name}: type the result of each experiment, or:", *commands(spec), "")
    said(to, *_lacking(spec, experiments(ws.store, name)))
    loop = _Loop(ws, name, n)
    try:
        while loop.round():
            pass
    except NothingToSuggest as error:
        said(to, error.message, f"  fix: {error.hint}")
    except EOFError:
        said(to, "")
    return _closing(ws, name)


def _closing(ws: Workspace, name: str) -> Answer:
    standing = status(ws.store, name)
    best = ", ".join(experiment_id(name, each) for each in standing.best) or "nothing measured yet"
    count = f"{standing.observations} observation{'' if standing.observations == 1 else 's'}"
    text = f"{count}, best so far: {best}. Go on with: labloop loop {name}"
    return Answer(
        {"campaign": name, "observations": standing.observations, "best": list(standing.best)},
        lambda out: said(out, text),
    )


def _lacking(spec: Spec, known: Sequence[Experiment]) -> list[str]:
    """Say which finished experiments wait for a further outcome: they are not asked for again."""
    if len(spec.outcomes) == 1:
        return []
    missing = {
        each.number: [name for name in spec.outcomes if each.mean(name) is None]
        for each in known
        if each.status is Status.COMPLETED
    }
    found = {number: names for number, names in missing.items() if names}
    if not found:
        return []
    shown = ", ".join(f"#{number} ({', '.join(names)})" for number, names in list(found.items())[:_LACKING_SHOWN])
    more = f" and {len(found) - _LACKING_SHOWN} more" if len(found) > _LACKING_SHOWN else ""
    number, names = next(iter(found.items()))
    return [f"Not measured yet: {shown}{more}. Give one with, for instance:  #{number} {names[0]}=VALUE", ""]


@dataclass
class _Loop:
    """One run of the command; ``shown`` are the experiments whose conditions were printed since the last pass."""

    ws: Workspace
    name: str
    n: int | None
    shown: set[int] = field(default_factory=set)

    def round(self) -> bool:
        """Ask for every open experiment, until something changes; False when the person wants to stop."""
        spec = read_spec_of(self.ws.store, self.name)
        waiting = experiments(self.ws.store, self.name, waiting=True)
        if not waiting:
            self._propose(spec, self.n)
            return True
        unseen = [each for each in waiting if each.number not in self.shown]
        if unseen:
            console(stderr=True).print(conditions_table(spec, unseen))
            self.shown |= {each.number for each in unseen}
        sitting = Sitting(self.ws, self.name, spec)
        for each in waiting:
            going = self._until_done(sitting, each.number)
            if going is not None:
                return going
        self.shown.clear()
        return True

    def _until_done(self, sitting: Sitting, number: int) -> bool | None:
        """Ask until one experiment is dealt with; True to look again what is open, False to stop."""
        wanted = tuple(sitting.spec.outcomes)
        while True:
            line = ask(f"{experiment_id(self.name, number)} {sitting.headings(wanted)}", "")
            if line.casefold() in _STOP:
                return False
            try:
                taken = sitting.take(number, line, wanted)
                said(console(stderr=True), *(f"  {each}" for each in taken.lines))
                if taken.more is not None:
                    self._propose(sitting.spec, taken.more or self.n)
            except LabloopError as error:
                _refused(error)
                continue
            if taken.changed or taken.more is not None:
                return True
            if taken.done and not taken.missing:
                return None
            wanted = taken.missing or wanted

    def _propose(self, spec: Spec, n: int | None) -> None:
        with working("planning the next experiments"):
            suggestion = suggest(self.ws.store, self.name, n)
        to = console(stderr=True)
        to.print(proposals(spec, suggestion.experiments))
        said(to, "", f"Batch {suggestion.batch} of {self.name}, strategy {suggestion.strategy}.")
        said(to, *(f"note: {note}" for note in suggestion.notes), "")
        self.shown |= {each.number for each in suggestion.experiments}


def _refused(error: LabloopError) -> None:
    said(console(stderr=True), f"  {error.message}")
    if error.hint:
        # Hints of the other rooms name commands and their options, which are typed elsewhere.
        shell = " (in the shell: stop leaves the loop, which goes on later)"
        elsewhere = "--" in error.hint or "labloop " in error.hint
        said(console(stderr=True), f"  fix: {error.hint}{shell if elsewhere else ''}")
