"""Rehearse a campaign before it is run: how many experiments it needs, in which batches, measured how often.

The campaign is played again and again in its own space, each time with another truth that its surrogate holds
possible (`labloop.simulate.draws`). What is asked is when 90 % of the attainable is reached: the best of that truth
that holds the limits, counted from what random experiments give that hold them. Measurements are counted, not
conditions: two replicates are two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput
from labloop.loop.look import experiments, read_spec_of
from labloop.simulate.draws import keep
from labloop.simulate.driver import Driver
from labloop.simulate.job import Job
from labloop.simulate.scale import FOUND, objective_of
from labloop.simulate.study import Study
from labloop.simulate.trial import Course
from labloop.spec.models import Spec
from labloop.store import Store

__all__ = ["Plan", "Rehearsal", "plans", "rehearsal"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How a way of running the campaign did over all truths.

    Attributes
    ----------
    batch, replicates : the way of running it.
    reached : share of the truths of which 90 % of the attainable was reached within the budget.
    needed : measurements until then: lower quartile, median, upper quartile; None where the budget ends before.
    gained : share of the attainable after every measurement, (budget,): mean, and 80 % of the truths between.
    """

    batch: int
    replicates: int
    reached: float
    needed: tuple[int | None, int | None, int | None]
    gained: Array
    low: Array
    high: Array


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What is rehearsed: how many truths, which batch sizes and replicates, with how many measurements in all."""

    draws: int = 16
    batches: Sequence[int] = (1, 4, 8)
    replicates: Sequence[int] = (1, 2)
    budget: int = 48
    noise: float | None = None
    """The sd of one measurement in the outcome's unit; as learnt from the results if not given."""


def rehearsal(store: Store, name: str, wanted: Rehearsal, folder: Path) -> Driver:
    """Write what truths are drawn from into a folder, and return the study that is to be run there.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If it has several objectives, or the budget does not even hold one batch.
    """
    spec = read_spec_of(store, name)
    for batch in wanted.batches:
        for replicates in wanted.replicates:
            if batch * replicates > wanted.budget:
                raise InvalidInput(
                    f"a budget of {wanted.budget} does not hold a batch of {batch} measured {replicates} times",
                    hint="raise --budget",
                )
    path = folder / "campaign.json"
    keep(path, _plain(spec), experiments(store, name), noise=wanted.noise)
    labs = [f"draw:{path.resolve()}:seed={seed}" for seed in range(wanted.draws)]
    study = Study(
        labs=tuple(labs),
        strategies=(spec.planner.strategy,),
        seeds=(spec.planner.seed,),
        batch=tuple(wanted.batches),
        replicates=tuple(wanted.replicates),
        budget=wanted.budget,
    )
    return Driver(study, folder)


def _plain(spec: Spec) -> Spec:
    """Return the spec of which truths are drawn: its outcomes without a range, since a draw knows no bounds."""
    name = objective_of(spec)
    objective = spec.objectives[name].model_copy(update={"range": None})
    limits = tuple(limit.model_copy(update={"range": None}) for limit in spec.limits)
    return spec.model_copy(update={"objectives": {name: objective}, "limits": limits})


def plans(driver: Driver) -> list[Plan]:
    """Sum a finished rehearsal up, by batch size and replicates."""
    groups: dict[tuple[int, int], list[tuple[Job, Course]]] = {}
    for job, course in driver.courses():
        groups.setdefault((job.batch, job.replicates), []).append((job, course))
    return [_plan(*key, several) for key, several in groups.items()]


def _plan(batch: int, replicates: int, several: Sequence[tuple[Job, Course]]) -> Plan:
    left = np.stack([_by_measurement(job, course) for job, course in several])
    needed = [int(np.argmax(row <= FOUND)) + 1 if (row <= FOUND).any() else None for row in left]
    gained = 1.0 - left
    low, high = np.quantile(gained, [0.1, 0.9], axis=0)
    return Plan(
        batch=batch,
        replicates=replicates,
        reached=sum(each is not None for each in needed) / len(needed),
        needed=(_quantile(needed, 0.25), _quantile(needed, 0.5), _quantile(needed, 0.75)),
        gained=gained.mean(axis=0),
        low=low,
        high=high,
    )


def _by_measurement(job: Job, course: Course) -> Array:
    """Return what is left to gain after each measurement, (budget,); 1 before the first result."""
    found = np.ones(job.budget)
    for position, row in enumerate(course.rows, 1):
        found[position * job.replicates - 1 :] = min(row.left, 1.0)
    return found


def _quantile(needed: Sequence[int | None], share: float) -> int | None:
    """Return an order statistic, runs that never got there counting as the largest."""
    ordered = sorted(needed, key=lambda each: np.inf if each is None else each)
    return ordered[min(int(np.ceil(share * len(ordered))), len(ordered)) - 1]
