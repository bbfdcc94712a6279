"""The queue of surprises: results to be repeated before anybody believes them or throws them away.

An outlier is either an error or the discovery, and no model can tell which; the same conditions run once more
can. A repeat is a further measurement of the experiment, or another experiment under the conditions it was
executed at, whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from labloop.errors import InvalidInput, NothingToSuggest
from labloop.insight.forecast import curve_of
from labloop.insight.surprise import RATE, Odd, odd_ones
from labloop.loop.campaigns import spec_of
from labloop.loop.look import experiments
from labloop.loop.record import Recorded, add
from labloop.loop.scorecard import scorecard
from labloop.records import Experiment, Origin
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Store

__all__ = ["Stage", "Surprise", "Surprises", "repeat_surprises", "surprises"]


class Stage(StrEnum):
    """Where a surprise stands."""

    OPEN = "to be repeated"
    UNDER_WAY = "repeat under way"
    CONFIRMED = "confirmed"
    REFUTED = "not confirmed"


@dataclass(frozen=True)
class Surprise:
    """One result that its prediction did not allow for.

    ``better`` says whether it is better than predicted (None for a limit's outcome); ``repeats`` are the values
    measured since under the same conditions, ``repeated_by`` the experiments that hold or await them.
    """

    experiment: Experiment
    odd: Odd
    better: bool | None
    stage: Stage
    repeats: tuple[float, ...]
    repeated_by: tuple[int, ...]


@dataclass(frozen=True)
class Surprises:
    """The queue, the rarest first; ``looked_at`` results were looked at, at the false discovery ``rate``."""

    row: CampaignRow
    found: tuple[Surprise, ...]
    looked_at: int
    rate: float

    @property
    def open(self) -> tuple[int, ...]:
        """The experiments that nobody has repeated yet."""
        waiting = (each.experiment.number for each in self.found if each.stage is Stage.OPEN)
        return tuple(dict.fromkeys(waiting))


def surprises(store: Store, name: str, *, rate: float = RATE) -> Surprises:
    """Return the results that lie too far outside their predictions.

    Raises
    ------
    InvalidInput
        If ``rate`` is not a share.
    NotFound
        If there is no such campaign.
    """
    if not 0 < rate < 1:
        raise InvalidInput(f"a rate of {rate:g}", hint="expected a share of chance findings, such as 0.1")
    card = scorecard(store, name)
    judged = {each.outcome: each.judged for each in card.cards}
    every = {each.number: each for each in experiments(store, name)}
    spec = spec_of(card.row)
    odd = odd_ones(judged, rate=rate)
    found = tuple(_surprise(spec, every, each) for each in odd if each.judged.case.number in every)
    return Surprises(card.row, found, sum(map(len, judged.values())), rate)


def repeat_surprises(store: Store, name: str, *, times: int = 1, rate: float = RATE) -> Recorded:
    """Add repeats of every surprise that nobody has repeated yet: controls, open from now on.

    Raises
    ------
    NothingToSuggest
        If there is none.
    """
    waiting = surprises(store, name, rate=rate).open
    if not waiting:
        raise NothingToSuggest(f"no surprise in {name} waits to be repeated", hint=f"labloop surprises {name}")
    chosen = experiments(store, name, numbers=waiting)
    conditions = [each.executed for each in chosen for _ in range(times)]
    return add(
        store,
        name,
        conditions,
        outside=True,
        origin=Origin.CONTROL,
        about={"purpose": "surprises", "repeats": [each.number for each in chosen for _ in range(times)]},
    )


def _surprise(spec: Spec, every: dict[int, Experiment], odd: Odd) -> Surprise:
    case = odd.judged.case
    experiment = every[case.number]
    twins = [
        each
        for each in every.values()
        if each.number != case.number
        and dict(each.executed) == dict(experiment.executed)
        and (each.observations or each.status.is_open)
    ]
    repeats = [*_values(experiment, odd.outcome)[1:], *(v for each in twins for v in _values(each, odd.outcome))]
    objective = spec.objectives.get(odd.outcome)
    better = None
    if objective is not None:
        better = objective.score(case.value) > objective.score(case.prediction.median)
    return Surprise(
        experiment,
        odd,
        better,
        _stage(spec, odd, repeats, any(each.status.is_open for each in twins)),
        tuple(repeats),
        tuple(each.number for each in twins),
    )


def _stage(spec: Spec, odd: Odd, repeats: Sequence[float], waiting: bool) -> Stage:
    """Judge the repeats: confirmed if their mean is itself outside the 90 % interval, on the same side."""
    if not repeats:
        return Stage.UNDER_WAY if waiting else Stage.OPEN
    case = odd.judged.case
    curve = curve_of(case.prediction, spec.outcomes[odd.outcome].range)
    place = curve.pit(sum(repeats) / len(repeats))
    outside = place > 0.95 if odd.judged.pit > 0.5 else place < 0.05
    return Stage.CONFIRMED if outside else Stage.REFUTED


def _values(experiment: Experiment, outcome: str) -> list[float]:
    return [each.outcomes[outcome] for each in experiment.observations if outcome in each.outcomes]
