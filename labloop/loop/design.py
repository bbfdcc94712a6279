"""Design experiments: look at a design first, then take it into the ledger, whole and in the order to be run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labloop.design import Design, Request, Run, design, in_random_order
from labloop.errors import Busy, InvalidInput, NotFound
from labloop.exchange.columns import is_own
from labloop.exchange.layout import batch_sheet
from labloop.exchange.sheet import Blank, write_sheet
from labloop.loop.campaigns import spec_of
from labloop.loop.heads import PROPERTY, stamp
from labloop.loop.suggest import seed_of
from labloop.records import Conditions, Experiment, Origin, Status
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Snapshot, Store

__all__ = [
    "Designed",
    "RunSheet",
    "Taken",
    "accept",
    "preview",
    "run_sheet",
    "take",
    "unordered",
    "whole_plots",
    "write_run_sheet",
]

_ATTEMPTS = 5


@dataclass(frozen=True)
class Designed:
    """A design, and what became of it: ``entry`` and ``experiments`` are empty for one that was only looked at."""

    campaign: str
    design: Design
    notes: tuple[str, ...] = ()
    entry: int | None = None
    experiments: tuple[Experiment, ...] = ()


@dataclass(frozen=True)
class Taken:
    """Conditions that became a design: their numbers, in the order to be run, and the seed of that order."""

    entry: int
    numbers: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class RunSheet:
    """A design as it stands in the ledger: its experiments in the order to be run, and each one's place.

    ``lead`` maps headings to one value an experiment: block, whole plot, design order, what kind of point it is.
    ``about`` is what the entry says of the design. ``stamp`` is the head of the ledger that the sheet carries.
    """

    spec: Spec
    entry: int
    about: Mapping[str, Any]
    experiments: tuple[Experiment, ...]
    lead: Mapping[str, tuple[Blank, ...]]
    stamp: str = ""


def preview(store: Store, name: str, request: Request, *, seed: int | None = None) -> Designed:
    """Make a design and write nothing.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput, InvalidTable
        If the design does not suit it.
    """
    with store.read() as snapshot:
        moment = _moment(snapshot, name)
    return _made(moment, request, seed)


def accept(store: Store, name: str, request: Request, *, seed: int | None = None) -> Designed:
    """Make a design and write its experiments into the ledger, in one entry, numbered in the order to be run.

    Without a seed it follows from the campaign's and the ledger's head, so that what was looked at is what is
    written. They are open experiments from then on, whose results are recorded like any others.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput, InvalidTable
        If the design does not suit it.
    """
    for _ in range(_ATTEMPTS):
        with store.read() as snapshot:
            moment = _moment(snapshot, name)
        row, made = moment.row, _made(moment, request, seed)
        with store.write() as transaction:
            if transaction.campaign(name).head != row.head:
                continue
            entries = [
                _fields(run, _reason(made.design, run), row.experiments + 1 + i, i + 1)
                for i, run in enumerate(made.design.runs)
            ]
            entry = transaction.append(row, "added", _payload(row, _about(made.design), entries))
            numbers = [each["number"] for each in entry.payload["experiments"]]
            experiments = transaction.experiments(row, numbers=numbers)
        return Designed(name, made.design, made.notes, entry.sequence, experiments)
    raise Busy(f"others kept writing to {name} while the design was made", hint="try again")


def take(store: Store, name: str, conditions: Sequence[Conditions], *, kind: str, reason: str) -> Taken:
    """Write conditions that were chosen elsewhere into the ledger as a design, in random order, in one entry.

    The seed of the order follows from the campaign's and the ledger's head, and stands in the entry. What is hard to
    change is set once for all runs that share it, as in any design.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.write() as transaction:
        row = transaction.campaign(name)
        spec = spec_of(row)
        seed = seed_of(spec.planner.seed, f"{kind}/{row.head}")
        runs = in_random_order(spec, conditions, seed=seed)
        about = {"kind": kind, "model": "", "seed": seed, "settings": {}, "block_name": "block", "notes": []}
        entries = [_fields(run, reason, row.experiments + 1 + i, i + 1) for i, run in enumerate(runs)]
        entry = transaction.append(row, "added", _payload(row, about, entries))
    return Taken(entry.sequence, tuple(each["number"] for each in entries), seed)


def unordered(snapshot: Snapshot, row: CampaignRow) -> frozenset[int]:
    """Return the experiments of designs that were kept in the order in which they are printed: no chance took part."""
    return frozenset(
        each["number"]
        for entry in snapshot.entries(row, kinds=("added",))
        if entry.payload.get("design", {}).get("settings", {}).get("random") is False
        for each in entry.payload["experiments"]
    )


def whole_plots(snapshot: Snapshot, row: CampaignRow) -> dict[int, str]:
    """Return the whole plot of each experiment of a design that has any; those of two designs are never the same."""
    return {
        each["number"]: f"{each['place']['plot']} of entry {entry.sequence}"
        for entry in snapshot.entries(row, kinds=("added",))
        if "design" in entry.payload
        for each in entry.payload["experiments"]
        if each["place"]["plot"] is not None
    }


@dataclass(frozen=True)
class _Moment:
    """All that a design depends on: the store is not held while it is searched for."""

    row: CampaignRow
    spec: Spec
    ran: tuple[Conditions, ...]
    spent: int


def _moment(snapshot: Snapshot, name: str) -> _Moment:
    row = snapshot.campaign(name)
    spec, experiments = spec_of(row), snapshot.experiments(row)
    # Measured experiments count as executed, open ones as planned.
    ran = tuple(
        each.executed
        for each in experiments
        if (each.status is Status.COMPLETED or each.status.is_open) and set(spec.varied) <= set(each.executed)
    )
    spent = sum(each.status not in (Status.VETOED, Status.CANCELLED) for each in experiments)
    return _Moment(row, spec, ran, spent)


def _made(moment: _Moment, request: Request, seed: int | None) -> Designed:
    spec = moment.spec
    _refuse_taken_heading(spec, request.block_name)
    seed = seed_of(spec.planner.seed, f"design/{moment.row.head}") if seed is None else seed
    made = design(spec, request, seed=seed, ran=moment.ran)
    notes, budget = made.notes, spec.planner.budget
    if budget is not None and moment.spent + len(made.runs) > budget:
        overdrawn = f"the budget of {budget} is overdrawn: {moment.spent} are spent."
        notes = (*notes, f"With these {len(made.runs)} experiments {overdrawn}")
    return Designed(moment.row.name, made, notes)


def _refuse_taken_heading(spec: Spec, block_name: str) -> None:
    """Refuse a block's name under which a sheet has another column."""
    declared = {**spec.parameters, **spec.outcomes}
    taken = {*(name.casefold() for name in declared), *((each.label or "").casefold() for each in declared.values())}
    word = block_name.strip().casefold()
    if not word or word in taken or is_own(word) or word in ("run order", "design order", "whole plot", "kind of run"):
        raise InvalidInput(
            f"{block_name!r} cannot be what a block is called: the sheet has a column of that name",
            hint="for instance --block-name day",
        )


def _payload(row: CampaignRow, about: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "origin": Origin.DESIGN.value,
        "source": "",
        "design": about,
        "spec_version": row.spec_version,
        "experiments": entries,
    }


def _about(made: Design) -> dict[str, Any]:
    return {
        "kind": made.kind,
        "model": made.model,
        "seed": made.seed,
        "settings": dict(made.settings),
        "block_name": made.block_name,
        "notes": list(made.notes),
    }


def _fields(run: Run, reason: str, number: int, place: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "number": number,
        "conditions": dict(run.conditions),
        "slot": run.point,
        "reason": reason,
        "place": {key: value for key, value in asdict(run).items() if key != "conditions"} | {"run": place},
    }
    return {**fields, "origin": Origin.CONTROL.value} if run.point == "control" else fields


def _reason(made: Design, run: Run) -> str:
    what = {"control": "Control", "centre": "Centre point"}.get(run.point, "Run")
    where = f" {run.order}" if run.order is not None else ""
    block = f", {made.block_name} {run.block}" if max(each.block for each in made.runs) > 1 else ""
    plot = f", whole plot {run.plot}" if run.plot is not None else ""
    return f"{what}{where} of a {made.kind} design{block}{plot}."


def run_sheet(store: Store, name: str, entry: int | None = None) -> RunSheet:
    """Return the run sheet of a design in the ledger: of the given entry, or of the latest.

    Raises
    ------
    NotFound
        If there is no such campaign, or no such design.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        undone = snapshot.undone(row)
        found = [
            each
            for each in snapshot.entries(row, kinds=("added",))
            if "design" in each.payload and each.sequence not in undone and entry in (None, each.sequence)
        ]
        if not found:
            what = f"entry {entry} of {name} is no design" if entry else f"no design in {name} yet"
            raise NotFound(what, hint=f"make one: labloop design {name} --goal screen --yes")
        last = found[-1]
        places = {each["number"]: each["place"] for each in last.payload["experiments"]}
        experiments = snapshot.experiments(row, numbers=list(places))
    about = last.payload["design"]
    ordered = [places[each.number] for each in experiments]
    return RunSheet(spec_of(row), last.sequence, about, experiments, _lead(about, ordered), stamp(row))


def _lead(about: Mapping[str, Any], places: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Blank, ...]]:
    lead: dict[str, tuple[Blank, ...]] = {"run order": tuple(each["run"] for each in places)}
    if any(each["block"] != 1 for each in places):
        lead[str(about["block_name"])] = tuple(each["block"] for each in places)
    if any(each["plot"] is not None for each in places):
        lead["whole plot"] = tuple(each["plot"] for each in places)
    lead["design order"] = tuple(each["order"] for each in places)
    lead["kind of run"] = tuple(each["point"] for each in places)
    return lead


def write_run_sheet(path: Path, sheet: RunSheet, *, force: bool = False) -> None:
    """Write a run sheet to a CSV, XLSX or JSON file, to be filled in and recorded.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    """
    made = batch_sheet(sheet.spec, sheet.experiments, lead=sheet.lead)
    write_sheet(path, made, force=force, properties={PROPERTY: sheet.stamp} if sheet.stamp else None)
