"""Look at a campaign without changing it: where it stands, what was run, what happened, what is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labloop.errors import IntegrityError, Problem
from labloop.loop.campaigns import spec_of
from labloop.loop.heads import kept_head
from labloop.loop.lookup import find_experiment, lease_ended
from labloop.loop.ranking import keeps_limits, leaders, ranked
from labloop.records import Experiment, LedgerEntry, Status, Value
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Snapshot, Store
from labloop.store.audit import audit
from labloop.store.expect import Tell
from labloop.store.fold import fold
from labloop.store.heads import missing_head

__all__ = [
    "Correction",
    "History",
    "Standing",
    "best",
    "corrections",
    "experiments",
    "history",
    "read_spec_of",
    "status",
    "verify",
]


@dataclass(frozen=True)
class Standing:
    """Where a campaign stands.

    ``complete`` counts the experiments that have every objective, out of ``measured`` that have any outcome.
    ``best`` holds experiment numbers: one for one objective, the Pareto set for several, none while nothing
    was measured; ``means`` their outcomes. ``broken`` is true while even these break a limit. ``overdue`` are
    those that somebody claimed and has not reported on in the time of the lease: look whether they were run.
    """

    row: CampaignRow
    spec: Spec
    counts: dict[Status, int]
    observations: int
    measured: int
    complete: int
    best: tuple[int, ...]
    means: dict[int, dict[str, float]]
    broken: bool
    open: tuple[int, ...]
    overdue: tuple[Experiment, ...] = ()


@dataclass(frozen=True)
class Correction:
    """An amendment of one experiment: what each value was, and what it is since (None: not there)."""

    number: int
    changes: Mapping[str, tuple[Value | None, Value | None]]
    reason: str
    replicate: int | None
    at: str
    sequence: int


@dataclass(frozen=True)
class History:
    """Entries of the ledger, in order, and which of them no longer count."""

    row: CampaignRow
    entries: tuple[LedgerEntry, ...]
    undone: frozenset[int]


def read_spec_of(store: Store, name: str) -> Spec:
    """Return the present spec of a campaign.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.read() as snapshot:
        return spec_of(snapshot.campaign(name))


def status(store: Store, name: str) -> Standing:
    """Say where a campaign stands.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        spec = spec_of(row)
        leading, means = _leading(snapshot, row, spec)
        tally = snapshot.tally(row)
        observed = sum(each.observed for each in tally.values())
        measured, complete = snapshot.coverage(row, list(spec.objectives), observed=observed)
        waiting = snapshot.experiments(row, statuses=[each for each in Status if each.is_open])
        return Standing(
            row=row,
            spec=spec,
            counts={status: each.experiments for status, each in tally.items()},
            observations=sum(each.observations for each in tally.values()),
            measured=measured,
            complete=complete,
            best=leading,
            means=means,
            broken=any(keeps_limits(spec, means[number]) is False for number in leading),
            open=tuple(each.number for each in waiting),
            overdue=tuple(each for each in waiting if lease_ended(each)),
        )


def _leading(snapshot: Snapshot, row: CampaignRow, spec: Spec) -> tuple[tuple[int, ...], dict[int, dict[str, float]]]:
    """Return the best experiments and their outcomes: for one objective found along an index, as `leaders` would."""
    if len(spec.objectives) > 1:
        means = snapshot.means(row)
        leading = leaders(spec, means)
    else:
        ((outcome, objective),) = spec.objectives.items()
        order: dict[str, Any] = {"largest": objective.goal == "maximize", "target": objective.target}
        limits = [(limit.outcome, limit.at_least, limit.bound) for limit in spec.limits]
        found = (snapshot.first_by(row, outcome, within=within, **order) for within in (limits, ()))
        leading = tuple(islice((each for each in found if each is not None), 1))
        means = snapshot.means(row, numbers=leading)
    return leading, {number: means[number] for number in leading}


def experiments(
    store: Store, name: str, *, numbers: tuple[int, ...] | None = None, batch: int | None = None, waiting: bool = False
) -> tuple[Experiment, ...]:
    """Return experiments in order of their number.

    Raises
    ------
    NotFound
        If there is no such campaign, or no such experiment.
    """
    statuses = [each for each in Status if each.is_open] if waiting else None
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        for number in numbers or ():
            find_experiment(snapshot, row, number)
        return snapshot.experiments(row, numbers=numbers, statuses=statuses, batch=batch)


def best(store: Store, name: str, *, top: int = 5) -> tuple[Experiment, ...]:
    """Return the best experiments, best first; with several objectives the Pareto set first."""
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        order = ranked(spec_of(row), snapshot.means(row))[:top]
        found = {each.number: each for each in snapshot.experiments(row, numbers=order)}
        return tuple(found[number] for number in order)


def history(store: Store, name: str, *, number: int | None = None) -> History:
    """Return what happened, to a campaign or to one experiment.

    Raises
    ------
    NotFound
        If there is no such campaign or experiment.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        entries = tuple(snapshot.entries(row, experiment=number))
        if number is not None and not entries:
            find_experiment(snapshot, row, number)
        return History(row, entries, snapshot.undone(row))


def corrections(store: Store, name: str, numbers: Sequence[int]) -> tuple[Correction, ...]:
    """Return the amendments of experiments that still count, with the values as they were before each.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        undone = snapshot.undone(row)
        found: list[Correction] = []
        for number in numbers:
            entries = [each for each in snapshot.entries(row, experiment=number) if each.sequence not in undone]
            for place, entry in enumerate(entries):
                if entry.kind == "amended":
                    before, after = fold(number, entries[:place]), fold(number, entries[: place + 1])
                    found.append(_correction(entry, before, after))
        return tuple(found)


def _correction(entry: LedgerEntry, before: Experiment | None, after: Experiment | None) -> Correction:
    payload = entry.payload
    index = payload.get("observation")
    old, new = _values(before, index), _values(after, index)
    named = (*payload.get("outcomes", {}), *payload.get("covariates", {}), *payload.get("executed", {}))
    if "failure" in payload:
        named = (*named, "failure")
    changes = {each: (old.get(each), new.get(each)) for each in named}
    return Correction(payload["experiment"], changes, payload["reason"], index, entry.at, entry.sequence)


def _values(state: Experiment | None, index: int | None) -> dict[str, Value]:
    if state is None:
        return {}
    found: dict[str, Value] = dict(state.executed)
    for each in state.observations:
        if each.index == index:
            found |= {**each.outcomes, **each.covariates}
    return {**found, "failure": state.failure.value} if state.failure else found


def verify(
    store: Store,
    name: str,
    *,
    against: str | Path | None = None,
    chain_only: bool = False,
    tell: Tell | None = None,
) -> tuple[CampaignRow, tuple[Problem, ...]]:
    """Walk the chain of a campaign's ledger and compare the read models with it; list all that is wrong.

    ``against`` is a head that was kept elsewhere, or a file that carries one: only with it can a cut tail be found.
    ``chain_only`` leaves the read models out, which takes a fifth of the time. ``tell`` is told now and then how many
    entries are done.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If ``against`` is no head, and no file that carries the campaign's.
    IntegrityError
        If the ledger knows the campaign, but its row is gone.
    """
    head = None if against is None else kept_head(against, name)
    with store.read() as snapshot:
        row = snapshot.find(name)
        if row is None and snapshot.lost(name) is not None:
            raise IntegrityError(
                f"the campaign {name} is in the ledger, but not among the campaigns", hint=f"labloop rebuild {name}"
            )
        row = snapshot.campaign(name)
        problems = audit(snapshot, row, chain_only=chain_only, tell=tell)
        wrong = None if head is None else missing_head(snapshot, row, head)
        return row, (*problems, *([wrong] if wrong else []))
