"""What a study found, as numbers: by setting (lab, batch, noise) and strategy.

Notation: L_rsi the share left to gain on setting r with strategy s after i experiments, for one seed
(`labloop.simulate.scale`: 0 the optimum, 1 random; here at most 1, so that having found something poor is no worse than
having found nothing that holds the limits). Strategies are compared seed by seed, because campaigns with
the same seed share the lab's noise; a difference is D_j = L_other,j - L_reference,j over seeds j, so that above 0
the reference is better. Its interval is the bootstrap's: seeds drawn with replacement 4,000 times, the 2.5 %
and 97.5 % quantiles of the means (Efron, Ann. Statist. 7 (1979) 1, doi:10.1214/aos/1176344552).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloop.simulate.job import Job
from labloop.simulate.scale import FOUND
from labloop.simulate.trial import Course

__all__ = [
    "Band",
    "Difference",
    "Setting",
    "Standing",
    "Traces",
    "bands",
    "differences",
    "found_so_far",
    "interval",
    "left_by_cost",
    "mean_ranks",
    "standings",
    "traces_of",
]

Array = NDArray[np.float64]

LEAST_SEEDS = 6
"""With fewer pairs, even if all agree, a sign test does not reach 5 % (2 / 2^5 = 6 %): nothing is decided."""
_DRAWS = 4000
_BAND_DRAWS = 400
_COSTS = 120
"""So many costs, from 0 to the largest, at which strategies are looked at."""


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """Where strategies meet: a lab and its behaviour, a batch size, a noise."""

    lab: str
    batch: int
    noise: float | None
    budget: int
    behaviour: str = ""
    replicates: int = 1

    def __str__(self) -> str:
        noise = "" if self.noise is None else f", noise {self.noise:g}"
        repeated = f", {self.replicates} times" if self.replicates > 1 else ""
        return f"{self.lab}, batch {self.batch}{noise}{f', {self.behaviour}' if self.behaviour else ''}{repeated}"


@dataclass(frozen=True)
class Traces:
    """One setting's campaigns, by strategy: seeds (in order), what was left after every experiment, seconds."""

    setting: Setting
    seeds: Mapping[str, tuple[int, ...]]
    left: Mapping[str, Array]
    """(seeds, budget) by strategy, at most 1; a campaign that ran out of experiments keeps its last value."""
    regret: Mapping[str, Array]
    """The same in the outcome's unit; NaN while nothing feasible was found."""
    inference: Mapping[str, Array]
    """The regret of the experiment that looks best."""
    spent: Mapping[str, Array]
    """What all experiments so far have cost, in the lab's unit; NaN where the lab does not say."""
    seconds: Mapping[str, Array]
    """All suggestions' seconds, by strategy."""
    notes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one strategy did on one setting, at the end of the budget."""

    setting: Setting
    strategy: str
    seeds: int
    left: float
    """Mean share left to gain."""
    low: float
    high: float
    """95 % bootstrap interval of that mean."""
    regret: float
    """Median regret; NaN where a run found nothing feasible."""
    found: float
    """Share of the runs that found the global basin."""
    rank: float
    """Mean rank among the strategies, seed by seed: 1 is best, ties share."""
    seconds: float
    """Mean seconds of one suggestion."""
    cost: float = float("nan")
    """Mean cost of all experiments, in the lab's unit; NaN where the lab does not say."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A strategy against the reference on one setting, over the seeds that both have."""

    setting: Setting
    strategy: str
    seeds: int
    mean: float
    """Mean of L(strategy) - L(reference): above 0 the reference left less."""
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether there are enough seeds and the interval leaves 0 out; otherwise it is within noise."""
        return self.seeds >= LEAST_SEEDS and (self.low > 0 or self.high < 0)


def traces_of(courses: Iterable[tuple[Job, Course]]) -> list[Traces]:
    """Gather finished jobs by setting, settings and strategies in the order they come."""
    groups: dict[Setting, dict[str, list[tuple[Job, Course]]]] = {}
    for job, course in courses:
        setting = Setting(job.lab, job.batch, job.noise, job.budget // job.replicates, job.behaviour, job.replicates)
        groups.setdefault(setting, {}).setdefault(job.strategy, []).append((job, course))
    return [_traces(setting, by_strategy) for setting, by_strategy in groups.items()]


def _traces(setting: Setting, found: Mapping[str, Sequence[tuple[Job, Course]]]) -> Traces:
    def table(name: str, missing: float) -> dict[str, Array]:
        return {
            strategy: np.stack([_trace(course, name, setting.budget, missing) for _, course in several])
            for strategy, several in found.items()
        }

    return Traces(
        setting=setting,
        seeds={strategy: tuple(job.seed for job, _ in several) for strategy, several in found.items()},
        left={strategy: np.minimum(each, 1.0) for strategy, each in table("left", 1.0).items()},
        regret=table("regret", np.nan),
        inference=table("inference_regret", np.nan),
        spent={
            strategy: np.stack([_spent(course, setting.budget) for _, course in several])
            for strategy, several in found.items()
        },
        seconds={
            strategy: np.concatenate([np.asarray(course.seconds, dtype=np.float64) for _, course in several])
            for strategy, several in found.items()
        },
        notes={
            strategy: tuple(dict.fromkeys(note for _, course in several for note in course.notes))
            for strategy, several in found.items()
        },
    )


def _trace(course: Course, name: str, length: int, missing: float) -> Array:
    values = [missing if getattr(row, name) is None else float(getattr(row, name)) for row in course.rows[:length]]
    last = values[-1] if values else missing
    return np.array(values + [last] * (length - len(values)), dtype=np.float64)


def _spent(course: Course, length: int) -> Array:
    costs = [np.nan if row.cost is None else row.cost for row in course.rows[:length]]
    # What was never run costs nothing.
    return np.cumsum(np.array(costs + [0.0] * (length - len(costs)), dtype=np.float64))


def interval(values: Array, *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap interval of a mean; the same whenever it is asked for."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (_DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def standings(traces: Traces) -> list[Standing]:
    """Return how the strategies stand at the end of the budget, in the order of the study."""
    ranks = mean_ranks(traces)
    found = []
    for strategy, left in traces.left.items():
        last = left[:, -1]
        low, high = interval(last)
        found.append(
            Standing(
                setting=traces.setting,
                strategy=strategy,
                seeds=len(last),
                left=float(last.mean()),
                low=low,
                high=high,
                regret=float(np.median(traces.regret[strategy][:, -1])),
                found=float((last <= FOUND).mean()),
                rank=float(ranks[strategy][-1]) if len(ranks[strategy]) else float("nan"),
                seconds=float(traces.seconds[strategy].mean()),
                cost=float(traces.spent[strategy][:, -1].mean()),
            )
        )
    return found


@dataclass(frozen=True)
class Band:
    """A mean over seeds after every experiment, with its 95 % bootstrap interval, (budget,) each."""

    middle: Array
    low: Array
    high: Array


def bands(values: Mapping[str, Array], *, seed: int = 0) -> dict[str, Band]:
    """Return the mean over seeds, by strategy, of (seeds, budget) values."""
    found = {}
    for strategy, table in values.items():
        rng = np.random.default_rng(seed)
        picks = rng.integers(0, len(table), (_BAND_DRAWS, len(table)))
        means = np.stack([table[pick].mean(axis=0) for pick in picks])
        low, high = np.quantile(means, [0.025, 0.975], axis=0)
        found[strategy] = Band(table.mean(axis=0), low, high)
    return found


def left_by_cost(traces: Traces) -> tuple[Array, dict[str, Band]]:
    """Return costs (k,), and what is left to gain once so much is spent: the mean over seeds with its interval.

    An experiment counts when it is paid for. A strategy's band ends where its cheapest campaign does. Empty where
    the lab does not say what experiments cost.
    """
    last = {strategy: float(spent[:, -1].min()) for strategy, spent in traces.spent.items()}
    if not all(np.isfinite(end) and end > 0 for end in last.values()):
        return np.empty(0), {}
    costs = np.linspace(0.0, max(last.values()), _COSTS)
    found: dict[str, Band] = {}
    for strategy, spent in traces.spent.items():
        within = costs[costs <= last[strategy]]
        rows = [
            np.append(1.0, left)[np.searchsorted(paid, within, side="right")]
            for paid, left in zip(spent, traces.left[strategy], strict=True)
        ]
        found |= bands({strategy: np.stack(rows)})
    return costs, found


def found_so_far(traces: Traces) -> dict[str, Array]:
    """Return the share of runs that have found the global basin after every experiment, by strategy."""
    return {strategy: (left <= FOUND).mean(axis=0) for strategy, left in traces.left.items()}


def mean_ranks(traces: Traces) -> dict[str, Array]:
    """Return each strategy's mean rank after every experiment (budget,), over the seeds that all have."""
    common = sorted(set.intersection(*(set(each) for each in traces.seeds.values())))
    if not common:
        return {strategy: np.empty(0) for strategy in traces.left}
    stacked = np.stack([traces.left[s][[traces.seeds[s].index(seed) for seed in common]] for s in traces.left])
    better = (stacked[None] < stacked[:, None]).sum(axis=1)
    equal = (stacked[None] == stacked[:, None]).sum(axis=1)
    ranks = (better + (equal + 1) / 2).mean(axis=1)
    return dict(zip(traces.left, ranks, strict=True))


def differences(traces: Traces, reference: str) -> list[Difference]:
    """Return every other strategy against the reference; empty where the reference did not run."""
    if reference not in traces.left:
        return []
    found = []
    for strategy in traces.left:
        common = sorted(set(traces.seeds[strategy]) & set(traces.seeds[reference]))
        if strategy == reference or not common:
            continue
        theirs, ours = (
            traces.left[each][[traces.seeds[each].index(seed) for seed in common], -1] for each in (strategy, reference)
        )
        gap = theirs - ours
        low, high = interval(gap)
        found.append(Difference(traces.setting, strategy, len(common), float(gap.mean()), low, high))
    return found
