"""Run one job: a real campaign in a store in memory, the lab in place of the bench.

Nothing here proposes or records by itself: `labloop.loop.suggest` and `labloop.loop.record` do, with the
strategy's plan handed in where it is not labloop's own. What a row says:

================ ===========================================================================
iteration        the suggestion it came from, from 1; rows stand in the order in which results came
experiment       its number in the campaign
value            what was measured (blank: nothing came)
true             the same without noise
best             the best true value so far
regret           the optimum's score less the best one's
inference_regret the same for the experiment that *looks* best by what was measured so far
left             regret as a share of what random experiments leave (`labloop.simulate.scale`)
cost             what it took, every replicate counted, in the lab's unit (blank: the lab does not say)
outcomes         all that was measured, as JSON, where that is more than one outcome
================ ===========================================================================

With several objectives `value`, `true` and `best` are hypervolumes: of what was measured so far, of the truth, again
of the truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass

from labloop.errors import NothingToSuggest
from labloop.loop.campaigns import create
from labloop.loop.record import record
from labloop.loop.suggest import suggest, with_strategy
from labloop.records import Experiment, Result
from labloop.simulate.behaviour import Hand, behaviour_of
from labloop.simulate.job import Job, is_own, place_of, scale_for, scatter_for
from labloop.simulate.lab import Lab
from labloop.simulate.plans import Chosen, common_start, plan_of
from labloop.simulate.score import Score, score_for
from labloop.spec.models import Spec
from labloop.store import Store

__all__ = ["Course", "Row", "run"]


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one experiment; see the head of this module."""

    iteration: int
    experiment: int
    slot: str
    value: float | None
    true: float | None
    best: float | None
    regret: float | None
    inference_regret: float | None
    left: float
    cost: float | None = None
    outcomes: str = ""


@dataclass(frozen=True)
class Course:
    """A finished job: its rows, the seconds of every suggestion, and what had to be said about the strategy."""

    rows: tuple[Row, ...]
    seconds: tuple[float, ...]
    notes: tuple[str, ...] = ()


def run(job: Job, store: Store | None = None) -> Course:
    """Run a job to its budget, or until no experiment is left.

    Parameters
    ----------
    store : where the campaign is kept, for whoever wants to look at it afterwards; in memory, and gone, if not given.

    Raises
    ------
    LabloopError
        If the lab does not exist, the strategy is not installed, or it fails.
    """
    place = place_of(job)
    spec = _spec_of(place.campaign, job)
    keeper = _Keeper(place, spec, score_for(place, spec, scale_for(job)))
    chosen = plan_of(job.strategy, spec, job.seed)
    with nullcontext(store) if store else closing(Store("sqlite://")) as kept:
        create(kept, spec)
        seconds = _go_round(kept, _Bench(place, job), keeper, chosen)
    return Course(tuple(keeper.rows), tuple(seconds), chosen.notes)


def _spec_of(own: Spec, job: Job) -> Spec:
    settings = {"batch": job.batch, "budget": job.budget // job.replicates, "seed": job.seed}
    planner = type(own.planner).model_validate({**own.planner.model_dump(), **settings})
    spec = own.model_copy(update={"planner": planner})
    return with_strategy(spec, job.strategy if is_own(job.strategy) else "explore")


def _go_round(store: Store, bench: _Bench, keeper: _Keeper, chosen: Chosen) -> list[float]:
    seconds: list[float] = []
    job, name, proposed = bench.job, keeper.spec.name, 0
    while proposed < job.budget // job.replicates:
        starting = not proposed and job.start
        plan = common_start(job.seed) if starting else chosen.plan
        began = time.perf_counter()
        try:
            suggestion = suggest(store, name, job.start if starting else None, plan=plan)
        except NothingToSuggest:
            break
        seconds.append(time.perf_counter() - began)
        proposed += len(suggestion.experiments)
        bench.take(suggestion.experiments, suggestion.batch)
        _hand_in(store, keeper, bench.ready(suggestion.batch))
    _hand_in(store, keeper, bench.ready(None))
    return seconds


def _hand_in(store: Store, keeper: _Keeper, done: Sequence[_Done]) -> None:
    if done:
        record(store, keeper.spec.name, [result for each in done for result in each.results])
        for each in done:
            keeper.keep(each)


@dataclass(frozen=True)
class _Done:
    """An experiment of a batch with its results, one a replicate, and the batch after which they come in."""

    experiment: Experiment
    batch: int
    results: tuple[Result, ...]
    due: int


class _Bench:
    """Runs experiments in the lab, and hands results in when they come: at once, or late and out of order."""

    def __init__(self, place: Lab, job: Job) -> None:
        self.place, self.job = place, job
        self._behaviour = behaviour_of(job.behaviour) if job.behaviour else None
        self._scatter = scatter_for(job) if self._behaviour else {}
        self._waiting: list[_Done] = []

    def take(self, experiments: Sequence[Experiment], batch: int) -> None:
        """Start the experiments of a batch."""
        if self._behaviour is None:
            self._waiting += [_Done(each, batch, self._measured(each), batch) for each in experiments]
            return
        hand = Hand(self._behaviour, self.place, self._scatter, self.job.seed)
        for each in experiments:
            result = hand.perform(each.number, each.planned, batch)
            self._waiting.append(
                _Done(each, batch, (result,), batch + self._behaviour.late(each.number, self.job.seed))
            )

    def _measured(self, experiment: Experiment) -> tuple[Result, ...]:
        first = self.place.perform(experiment.number, experiment.planned, seed=self.job.seed)
        if not first.outcomes:
            return (first,)
        more = range(2, self.job.replicates + 1)
        return (
            first,
            *(self.place.perform(experiment.number, experiment.planned, seed=self.job.seed, replicate=k) for k in more),
        )

    def ready(self, batch: int | None) -> list[_Done]:
        """Return what has come in after a batch, the earliest due first; None: everything that is left."""
        done = [each for each in self._waiting if batch is None or each.due <= batch]
        self._waiting = [each for each in self._waiting if batch is not None and each.due > batch]
        return sorted(done, key=lambda each: (each.due, each.experiment.number))


class _Keeper:
    """Gathers rows."""

    def __init__(self, place: Lab, spec: Spec, score: Score) -> None:
        self.place, self.spec, self.rows = place, spec, list[Row]()
        self._score = score

    def keep(self, done: _Done) -> None:
        """Take in an experiment with its results."""
        experiment, first = done.experiment, done.results[0]
        measured = {
            name: sum(result.outcomes[name] for result in done.results) / len(done.results) for name in first.outcomes
        }
        executed = first.executed or experiment.planned
        mark = self._score.take(self.place.truth(executed), measured)
        price = self.place.price(executed)
        self.rows.append(
            Row(
                iteration=done.batch,
                experiment=experiment.number,
                slot=experiment.slot,
                **asdict(mark),
                cost=None if price is None else price * len(done.results),
                outcomes=json.dumps(measured) if len(self.spec.outcomes) > 1 else "",
            )
        )
