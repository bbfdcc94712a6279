"""Run the winner again, beside a control, and say what is left of it.

A confirmation is one entry of the ledger: repeats of the winner and as many of the control, in an order that
follows from the ledger's head (so that nobody chose it), with what was known of both written down beforehand.
The control is a middling experiment: its first value was not chosen for being extreme, so that what its repeats
have moved by is the bench, not luck. Afterwards the same call reports `labloop.insight.shrinkage`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labloop.errors import InvalidInput, NothingToSuggest
from labloop.insight.shrinkage import Shrinkage, noise_of, shrinkage_of
from labloop.loop.campaigns import spec_of
from labloop.loop.lookup import find_experiment
from labloop.loop.ranking import keeps_limits, ranked
from labloop.loop.record import add
from labloop.records import Conditions, Experiment, LedgerEntry, Origin, experiment_id
from labloop.spec.models import Objective, Spec
from labloop.store import CampaignRow, Snapshot, Store

__all__ = ["Confirmation", "confirm"]

_PURPOSE = "confirm"


@dataclass(frozen=True)
class Confirmation:
    """A winner run again: what was chosen, what is still open, what is left.

    ``shrinkages`` holds the objectives for which at least one repeat is in; ``added`` the experiments that this
    call added; ``keeps`` whether the mean of the repeats keeps the limits (None where that is not known).
    """

    row: CampaignRow
    winner: int
    control: int
    repeats: tuple[int, ...]
    control_repeats: tuple[int, ...]
    open: tuple[int, ...]
    shrinkages: Mapping[str, Shrinkage]
    keeps: bool | None
    added: tuple[int, ...] = ()


def confirm(
    store: Store,
    name: str,
    *,
    repeats: int = 3,
    winner: int | None = None,
    control: int | None = None,
    again: bool = False,
) -> Confirmation:
    """Report the confirmation of the winner; begin one where there is none.

    Parameters
    ----------
    repeats : of the winner, and as many of the control.
    winner : the best so far if not given.
    control : the middling experiment if not given.
    again : begin another one, although there is one.

    Raises
    ------
    NothingToSuggest
        If fewer than two different conditions have been measured.
    NotFound, InvalidInput
        If a named experiment does not exist, or has no result to confirm.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        chosen = _chosen(snapshot, row, winner, control)
        entry = None if again else _latest(snapshot, row, chosen[0])
    if entry is None:
        return _begun(store, row, chosen, repeats)
    with store.read() as snapshot:
        return _report(snapshot, snapshot.campaign(name), entry)


def _chosen(
    snapshot: Snapshot, row: CampaignRow, winner: int | None, control: int | None
) -> tuple[Experiment, Experiment]:
    spec = spec_of(row)
    order = ranked(spec, snapshot.means(row))
    found = {each.number: each for each in snapshot.experiments(row, numbers=order)}
    if not order:
        raise NothingToSuggest(f"nothing is measured in {row.name} yet", hint=f"labloop suggest {row.name}")
    best = found[order[0]] if winner is None else _measured(snapshot, row, spec, winner)
    others = [found[number] for number in order if not _alike(found[number], best)]
    if control is not None:
        other = _measured(snapshot, row, spec, control)
        if _alike(other, best):
            raise InvalidInput(
                f"{experiment_id(row.name, control)} was run under the winner's own conditions",
                hint="name another --control",
            )
        return best, other
    if not others:
        raise NothingToSuggest(
            f"only one set of conditions is measured in {row.name}: there is nothing to compare with",
            hint="measure something else first",
        )
    return best, others[len(others) // 2]


def _measured(snapshot: Snapshot, row: CampaignRow, spec: Spec, number: int) -> Experiment:
    found = find_experiment(snapshot, row, number)
    missing = [name for name in spec.objectives if found.mean(name) is None]
    if missing:
        raise InvalidInput(
            f"{experiment_id(row.name, number)} has no {missing[0]} to confirm", hint="name one with results"
        )
    return found


def _alike(one: Experiment, other: Experiment) -> bool:
    return dict(one.executed) == dict(other.executed)


def _latest(snapshot: Snapshot, row: CampaignRow, winner: Experiment) -> LedgerEntry | None:
    """Return the last confirmation of the winner, or of an earlier experiment under the same conditions."""
    undone = snapshot.undone(row)
    for entry in reversed(list(snapshot.entries(row, kinds=("added",)))):
        about = entry.payload.get("about", {})
        if entry.sequence in undone or about.get("purpose") != _PURPOSE:
            continue
        (first,) = snapshot.experiments(row, numbers=[about["winner"]]) or (None,)
        if first is not None and _alike(first, winner):
            return entry
    return None


def _begun(store: Store, row: CampaignRow, chosen: tuple[Experiment, Experiment], repeats: int) -> Confirmation:
    best, other = chosen
    spec = spec_of(row)
    both = [each for each in chosen for _ in range(repeats)]
    order = sorted(range(len(both)), key=lambda i: hashlib.sha256(f"{row.head_hash}/{i}".encode()).hexdigest())
    conditions: list[Conditions] = [both[i].executed for i in order]
    about = {
        "purpose": _PURPOSE,
        "winner": best.number,
        "control": other.number,
        "repeats": [both[i].number for i in order],
        "known": {str(each.number): {name: _values(each, name) for name in spec.objectives} for each in chosen},
    }
    added = add(store, row.name, conditions, outside=True, origin=Origin.CONTROL, about=about).added
    with store.read() as snapshot:
        entry = next(iter(snapshot.entries(row, experiment=added[0])))
        report = _report(snapshot, snapshot.campaign(row.name), entry)
    return Confirmation(**{**vars(report), "added": added})


def _report(snapshot: Snapshot, row: CampaignRow, entry: LedgerEntry) -> Confirmation:
    spec, about = spec_of(row), entry.payload["about"]
    every = snapshot.experiments(row)
    by_number = {each.number: each for each in every}
    best, other = by_number[about["winner"]], by_number[about["control"]]
    numbers = [each["number"] for each in entry.payload["experiments"]]
    made = dict(zip(numbers, about["repeats"], strict=True))
    mine = [by_number[n] for n in numbers if made[n] == best.number and _as_planned(by_number[n])]
    theirs = [by_number[n] for n in numbers if made[n] == other.number and _as_planned(by_number[n])]
    shrinkages = {
        name: found
        for name in spec.objectives
        if (found := _shrinkage(spec, name, every, best.number, mine, theirs, about)) is not None
    }
    return Confirmation(
        row=row,
        winner=best.number,
        control=other.number,
        repeats=tuple(each.number for each in mine),
        control_repeats=tuple(each.number for each in theirs),
        open=tuple(n for n in numbers if by_number[n].status.is_open),
        shrinkages=shrinkages,
        keeps=_keeps(spec, mine),
    )


def _as_planned(experiment: Experiment) -> bool:
    return dict(experiment.executed) == dict(experiment.planned)


def _shrinkage(
    spec: Spec,
    name: str,
    every: Sequence[Experiment],
    winner: int,
    mine: Sequence[Experiment],
    theirs: Sequence[Experiment],
    about: Mapping[str, Any],
) -> Shrinkage | None:
    again = [value for each in mine for value in _values(each, name)]
    first = about["known"][str(about["winner"])][name]
    if not again or not first:
        return None
    objective = spec.objectives[name]
    return shrinkage_of(
        sum(first) / len(first),
        again,
        noise_of(_groups(every, name, without=winner), error=objective.error),
        sign=_sign(objective),
        control=[value for each in theirs for value in _values(each, name)],
        control_first=about["known"][str(about["control"])][name],
    )


def _sign(objective: Objective) -> float:
    return -1.0 if objective.goal == "minimize" else 1.0


def _groups(every: Sequence[Experiment], name: str, *, without: int) -> Iterator[list[float]]:
    """Yield the measurements under equal conditions; the winner's own, chosen for being good, are left out."""
    groups: dict[tuple[tuple[str, Any], ...], list[float]] = {}
    for each in every:
        if each.number != without:
            groups.setdefault(tuple(sorted(each.executed.items())), []).extend(_values(each, name))
    yield from groups.values()


def _keeps(spec: Spec, mine: Sequence[Experiment]) -> bool | None:
    measured = {name: [v for each in mine for v in _values(each, name)] for name in spec.outcomes}
    means = {name: sum(values) / len(values) for name, values in measured.items() if values}
    return keeps_limits(spec, means) if spec.limits else None


def _values(experiment: Experiment, name: str) -> list[float]:
    return [each.outcomes[name] for each in experiment.observations if name in each.outcomes]
