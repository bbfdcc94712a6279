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
================ ===========================================================================
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from labloop.errors import NothingToSuggest
from labloop.loop.campaigns import create
from labloop.loop.record import record
from labloop.loop.suggest import suggest
from labloop.records import Experiment, Result
from labloop.simulate.behaviour import Hand, behaviour_of
from labloop.simulate.job import OWN, Job, place_of, scale_for, scatter_for
from labloop.simulate.lab import Lab
from labloop.simulate.plans import Chosen, common_start, plan_of
from labloop.simulate.scale import Scale, objective_of, score_of
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


@dataclass(frozen=True)
class Course:
    """A finished job: its rows, the seconds of every suggestion, and what had to be said about the strategy."""

    rows: tuple[Row, ...]
    seconds: tuple[float, ...]
    notes: tuple[str, ...] = ()


def run(job: Job) -> Course:
    """Run a job to its budget, or until no experiment is left.

    Raises
    ------
    LabloopError
        If the lab does not exist, the strategy is not installed, or it fails.
    """
    place = place_of(job)
    spec = _spec_of(place.campaign, job)
    keeper = _Keeper(spec, scale_for(job))
    chosen = plan_of(job.strategy, spec, job.seed)
    store = Store("sqlite://")
    try:
        create(store, spec)
        seconds = _go_round(store, _Bench(place, job), keeper, chosen)
    finally:
        store.close()
    return Course(tuple(keeper.rows), tuple(seconds), chosen.notes)


def _spec_of(own: Spec, job: Job) -> Spec:
    strategy = job.strategy if job.strategy in OWN else "explore"
    settings = {"strategy": strategy, "batch": job.batch, "budget": job.budget // job.replicates, "seed": job.seed}
    planner = type(own.planner).model_validate({**own.planner.model_dump(), **settings})
    return own.model_copy(update={"planner": planner})


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
        _hand_in(store, keeper, bench, bench.ready(suggestion.batch))
    _hand_in(store, keeper, bench, bench.ready(None))
    return seconds


def _hand_in(store: Store, keeper: _Keeper, bench: _Bench, done: Sequence[_Done]) -> None:
    if done:
        record(store, keeper.spec.name, [result for each in done for result in each.results])
        keeper.keep(bench.place, done)


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
    """Gathers rows, and knows the best so far."""

    def __init__(self, spec: Spec, scale: Scale) -> None:
        self.spec, self.scale = spec, scale
        self.rows: list[Row] = []
        self._outcome = objective_of(spec)
        self._best = self._looks = self._true_of_looks = -math.inf
        self._value: float | None = None

    def keep(self, place: Lab, done: Sequence[_Done]) -> None:
        """Take in results, in the order in which they came."""
        for each in done:
            self._keep(place, each)

    def _keep(self, place: Lab, done: _Done) -> None:
        experiment, first = done.experiment, done.results[0]
        measured = {
            name: sum(result.outcomes[name] for result in done.results) / len(done.results) for name in first.outcomes
        }
        true = place.truth(first.executed or experiment.planned)
        score = score_of(self.spec, true) if measured else -math.inf
        if score > self._best:
            self._best, self._value = score, true[self._outcome]
        seems = score_of(self.spec, measured)
        if seems > self._looks:
            self._looks, self._true_of_looks = seems, score_of(self.spec, true)
        self.rows.append(
            Row(
                iteration=done.batch,
                experiment=experiment.number,
                slot=experiment.slot,
                value=measured.get(self._outcome),
                true=true.get(self._outcome),
                best=self._value,
                regret=self._regret(self._best),
                inference_regret=self._regret(self._true_of_looks),
                left=self.scale.left(self._best),
            )
        )

    def _regret(self, score: float) -> float | None:
        # The optimum is declared to so many digits; being better than it by less is no news.
        return max(self.scale.best - score, 0.0) if math.isfinite(score) else None
