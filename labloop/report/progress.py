"""What a picture of a campaign's progress shows, computed once for the terminal, the figure and the page.

A *track* is one outcome over the experiments in order of their number: measured mean, spread of the replicates,
whether the limits hold, the best so far, and what was predicted before the result existed. The best so far
counts only experiments that are not known to break a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from labloop.loop.ranking import keeps_limits, leaders
from labloop.records import Experiment, Origin, Outcomes, Prediction, Status
from labloop.spec.models import Limit, Objective, Spec

__all__ = ["Point", "Progress", "Track", "heading", "kind_of", "number", "progress_frame"]

Goal = Literal["maximize", "minimize", "target"]


@dataclass(frozen=True, slots=True)
class Point:
    """One outcome of one experiment, in the outcome's unit.

    Attributes
    ----------
    number, batch, status : as in the records.
    kind : who asked for it: the planner's slot (``start``, ``improve``, ``novelty``, ...) or the origin.
    value : mean over the replicates; None while nothing was measured.
    low, high : the lowest and the highest replicate; None while nothing was measured.
    keeps : whether all limits hold; None where that is not known.
    best : the best value so far, this experiment included; None before the first, and for a mere limit.
    leads : whether this experiment set the best.
    prediction : what was claimed before the result existed.
    """

    number: int
    batch: int | None
    kind: str
    status: Status
    value: float | None
    low: float | None
    high: float | None
    keeps: bool | None
    best: float | None
    leads: bool
    prediction: Prediction | None


@dataclass(frozen=True, slots=True)
class Track:
    """One outcome over all experiments; ``goal`` is None for an outcome that only has limits."""

    outcome: str
    unit: str | None
    goal: Goal | None
    target: float | None
    limits: tuple[Limit, ...]
    points: tuple[Point, ...]

    @property
    def heading(self) -> str:
        """The axis label: the outcome with its unit."""
        return heading(self.outcome, self.unit)

    @property
    def aim(self) -> str:
        """What is wanted, in words."""
        parts = [f"hit {number(self.target)}" if self.target is not None else self.goal] if self.goal else []
        parts += [f"{'at least' if each.at_least else 'at most'} {number(each.bound)}" for each in self.limits]
        return ", ".join(str(part) for part in parts)

    @property
    def measured(self) -> tuple[Point, ...]:
        """The experiments in which this outcome was measured."""
        return tuple(point for point in self.points if point.value is not None)

    @property
    def awaited(self) -> tuple[Point, ...]:
        """The experiments still to be run for which there is a prediction."""
        return tuple(p for p in self.points if p.value is None and p.status.is_open and p.prediction)

    @property
    def fruitless(self) -> tuple[Point, ...]:
        """The experiments that gave no result."""
        return tuple(p for p in self.points if p.status in (Status.FAILED, Status.INFEASIBLE))

    @property
    def judged(self) -> tuple[tuple[Point, Prediction, float], ...]:
        """The experiments with both a prediction and a result: the point, the prediction, the value."""
        return tuple((p, p.prediction, p.value) for p in self.points if p.prediction and p.value is not None)

    @property
    def best(self) -> Point | None:
        """The experiment that holds the best value; None while there is none."""
        return next((point for point in reversed(self.points) if point.leads), None)


@dataclass(frozen=True)
class Progress:
    """A campaign so far: its spec, its experiments in order of number, one track an outcome.

    ``leading`` holds the numbers of the best experiment, or of the Pareto set of several objectives.
    """

    spec: Spec
    experiments: tuple[Experiment, ...]
    tracks: tuple[Track, ...]
    leading: tuple[int, ...]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Who asked for experiments, in order of appearance."""
        return tuple(dict.fromkeys(kind_of(each) for each in self.experiments))

    @cached_property
    def batches(self) -> tuple[tuple[int, int, int], ...]:
        """The batches as (batch, first number, last number), in order."""
        spans: dict[int, tuple[int, int]] = {}
        for each in self.experiments:
            if each.batch is not None:
                first, last = spans.get(each.batch, (each.number, each.number))
                spans[each.batch] = min(first, each.number), max(last, each.number)
        return tuple((batch, *span) for batch, span in sorted(spans.items()))


def progress_frame(experiments: Iterable[Experiment], spec: Spec) -> Progress:
    """Return what a picture of the progress shows.

    Vetoed and cancelled experiments are left out: nobody ran them.
    """
    never = (Status.VETOED, Status.CANCELLED)
    run = sorted((each for each in experiments if each.status not in never), key=lambda each: each.number)
    means = {each.number: _means(each, spec) for each in run}
    keeps = {each: keeps_limits(spec, outcomes) for each, outcomes in means.items()}
    tracks = tuple(
        _track(name, spec, [(each, means[each.number].get(name), keeps[each.number]) for each in run])
        for name in spec.outcomes
    )
    measured = {each: outcomes for each, outcomes in means.items() if outcomes}
    return Progress(spec, tuple(run), tracks, leaders(spec, measured))


def _means(experiment: Experiment, spec: Spec) -> Outcomes:
    found = ((name, experiment.mean(name)) for name in spec.outcomes)
    return {name: value for name, value in found if value is not None}


def _track(name: str, spec: Spec, rows: Sequence[tuple[Experiment, float | None, bool | None]]) -> Track:
    outcome = spec.outcomes[name]
    objective = spec.objectives.get(name)
    limits = tuple(each for each in spec.limits if each.outcome == name)
    points, best = [], None
    for each, value, keeps in rows:
        leads = objective is not None and value is not None and keeps is not False and _better(objective, value, best)
        best = value if leads else best
        replicates = [o.outcomes[name] for o in each.observations if name in o.outcomes]
        points.append(
            Point(
                number=each.number,
                batch=each.batch,
                kind=kind_of(each),
                status=each.status,
                value=value,
                low=min(replicates, default=None),
                high=max(replicates, default=None),
                keeps=keeps,
                best=best,
                leads=leads,
                prediction=each.predictions.get(name),
            )
        )
    goal = objective.goal if objective else None
    target = objective.target if objective else None
    unit = outcome.unit or next((limit.unit for limit in limits if limit.unit), None)
    return Track(name, unit, goal, target, limits, tuple(points))


def _better(objective: Objective, value: float, best: float | None) -> bool:
    return best is None or objective.score(value) > objective.score(best)


def kind_of(experiment: Experiment) -> str:
    """Name who asked for an experiment: the planner's slot, or the origin of what it did not propose."""
    return experiment.slot if experiment.origin is Origin.PLANNER and experiment.slot else experiment.origin.value


def heading(name: str, unit: str | None) -> str:
    """Write a name with its unit, as in a column's heading."""
    return f"{name} [{unit}]" if unit else name


def number(value: float, digits: int = 4) -> str:
    """Write a measured or predicted number with a few significant digits."""
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text else text
