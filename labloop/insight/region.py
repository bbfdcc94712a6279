"""The set of conditions that meet the goals with a stated probability, and how far each factor may drift.

    P(x) = product over the goals of P(true mean at x meets it)        each under its own surrogate

the probability that the *true mean* at x holds all goals and limits, as far as the models know it; a single
measurement scatters around it by the noise. A goal of an objective is a threshold (at least, at most, or within a
tolerance of the target). Peterson (2004, doi:10.1080/00224065.2004.11980263) calls the set P(x) >= p the Bayesian
design space.

*Drift* of a factor: how far it may move from the centre with everything else held and P still at least p. The
*box* is what all may do at once: from the centre every side is moved outwards in turn as long as P stays at least p
at the corners tried and at random points of the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from labloop.insight.curves import Contour, contour_of, grid_of, plane
from labloop.insight.posterior import Posterior, fit
from labloop.insight.questions import Region, in_unit
from labloop.insight.runs import Array, Bools, Factor, Runs, runs_of
from labloop.records import Conditions, Experiment
from labloop.spec.models import Limit, Objective, Spec

__all__ = ["Drift", "Goal", "OperatingRegion", "goals_of", "operating_region"]

_POOL = 4096
_STEPS = 201
_BOX_STEPS = 20
_TRIED = 64
_CONTOUR = 41
_PAIRS = 6


@dataclass(frozen=True)
class Goal:
    """What must hold for an outcome: between two bounds, either of which may be infinite."""

    outcome: str
    low: float
    high: float
    why: str

    def __str__(self) -> str:
        if np.isinf(self.low):
            return f"{self.outcome} <= {self.high:.4g}"
        if np.isinf(self.high):
            return f"{self.outcome} >= {self.low:.4g}"
        return f"{self.outcome} between {self.low:.4g} and {self.high:.4g}"


@dataclass(frozen=True)
class Drift:
    """How far one factor may move on its own, and all at once; in its unit, or as names of options."""

    factor: str
    unit: str | None
    centre: float | str
    alone: tuple[float, float] | tuple[str, ...]
    together: tuple[float, float] | tuple[str, ...]
    explored: tuple[float, float] | tuple[str, ...]


@dataclass(frozen=True)
class OperatingRegion:
    """The answer: the share of the explored space that holds, its centre, and the drifts."""

    goals: tuple[Goal, ...]
    probability: float
    share: float
    best: float
    centre: Conditions
    drifts: tuple[Drift, ...]
    contours: tuple[Contour, ...]
    curves: tuple[tuple[str, str | None, tuple[float, ...], tuple[float, ...]], ...]
    says: str
    notes: tuple[str, ...]


def goals_of(spec: Spec, asked: Sequence[Limit], experiments: Sequence[Experiment]) -> list[Goal]:
    """Return what must hold: what was asked, the spec's limits, and a threshold for each objective without one.

    Without a threshold an objective must reach what the best tenth of the measured conditions reached; a target
    must be met within a tenth of the range of what was measured.
    """
    goals = [Goal(each.outcome, *_bounds(each), "asked for") for each in asked]
    given = {each.outcome for each in goals}
    limits = [each for each in spec.limits if each.outcome not in given]
    goals += [Goal(each.outcome, *_bounds(each), "a limit of the campaign") for each in limits]
    for name, objective in spec.objectives.items():
        if name not in given:
            goals.append(_default(name, objective, experiments))
    return goals


def _bounds(limit: Limit) -> tuple[float, float]:
    return (limit.bound, np.inf) if limit.at_least else (-np.inf, limit.bound)


def _default(name: str, objective: Objective, experiments: Sequence[Experiment]) -> Goal:
    values = np.array([mean for each in experiments if (mean := each.mean(name)) is not None])
    if not len(values):
        return Goal(name, -np.inf, np.inf, "never measured")
    if objective.target is not None:
        reach = 0.1 * float(np.ptp(values)) or 1e-9
        return Goal(name, objective.target - reach, objective.target + reach, "the target, within a tenth of the range")
    if objective.goal == "maximize":
        return Goal(name, float(np.quantile(values, 0.9)), np.inf, "what the best tenth reached")
    return Goal(name, -np.inf, float(np.quantile(values, 0.1)), "what the best tenth reached")


class _Chance:
    """P(x) over rows of the explored region."""

    def __init__(self, parts: Sequence[tuple[Goal, Posterior]]) -> None:
        self.parts = parts

    def __call__(self, rows: Array) -> Array:
        found = np.ones(len(rows))
        for goal, posterior in self.parts:
            forecast = posterior.truth(rows)
            above = ndtr((goal.high - forecast.means) / forecast.sds)
            found *= (above - ndtr((goal.low - forecast.means) / forecast.sds)).mean(axis=0)
        return found


def operating_region(
    spec: Spec, experiments: Sequence[Experiment], goals: Sequence[Goal], *, probability: float = 0.9, seed: int = 0
) -> OperatingRegion:
    """Find the conditions that meet all goals with a probability.

    Raises
    ------
    InvalidInput
        If an outcome of a goal was not measured yet.
    PlannerError
        If one cannot be modelled.
    """
    rng = np.random.default_rng(seed)
    everything = {goal.outcome: runs_of(spec, experiments, goal.outcome) for goal in goals}
    parts = [(goal, fit(everything[goal.outcome], rng)) for goal in goals]
    runs = everything[goals[-1].outcome]
    runs = replace(runs, factors=tuple(_whole(each) for each in runs.factors))
    region, chance = Region(runs, seed), _Chance(parts)
    pool = _pool(runs, region, seed)
    chances = chance(pool)
    centre = _centred(runs, region, chance, _centre(runs, pool, chances, chance, probability), probability)
    best = float(chance(centre[None])[0])
    box = _box(runs, region, chance, centre, probability, rng) if best >= probability else None
    varied = [each for each in runs.varied if each.kind != "covariate"]
    drifts = tuple(_drift(runs, region, chance, each, centre, box, probability) for each in varied)
    share = float(np.mean(chances >= probability))
    settings = runs.space.decode(centre[None, : runs.space.dim], snap=True)[0]
    return OperatingRegion(
        tuple(goals),
        probability,
        share,
        best,
        settings,
        drifts,
        _contours(runs, region, chance, varied, centre),
        tuple(_along(runs, region, chance, each, centre) for each in varied if each.kind != "choice"),
        _says(goals, probability, share, best),
        _notes(runs),
    )


def _whole(factor: Factor) -> Factor:
    """Take a component's range as all that was run: here it is where one may go, not where most went."""
    return replace(factor, low=factor.least, high=factor.most) if factor.kind == "component" else factor


def _pool(runs: Runs, region: Region, seed: int) -> Array:
    """Return points of the explored region; blends between those that were run, not only these."""
    pool = region.points(_POOL, seed)
    if runs.spec.mixtures:
        cube = runs.space.sample(_POOL, np.random.default_rng(seed))
        fresh = region.placed(np.asarray(cube))
        inside = np.ones(len(fresh), dtype=np.bool_)
        for each in runs.factors:
            if each.mixture:
                inside &= (fresh[:, each.column] >= each.low - 1e-9) & (fresh[:, each.column] <= each.high + 1e-9)
        pool = fresh[inside] if inside.sum() >= _TRIED else pool
    return np.asarray(pool[region.allowed(pool)])


def _centre(runs: Runs, pool: Array, chances: Array, chance: _Chance, probability: float) -> Array:
    """Return a grid point well inside: of the rows that hold, that whose neighbours hold best; else the likeliest."""
    order = np.argsort(-chances, kind="stable")[:256]
    inside = order[chances[order] >= probability]
    if not len(inside):
        inside = order[:1]
    cube = pool[:, : runs.space.dim]
    near = runs.space.distances(cube[inside], cube)
    kernel = np.exp(-0.5 * (near / 0.1) ** 2)
    smooth = kernel @ chances / kernel.sum(axis=1)
    row = pool[inside[int(smooth.argmax())]].copy()
    row[: runs.space.dim] = runs.space.snap(row[None, : runs.space.dim])[0]
    if float(chance(row[None])[0]) < probability <= float(chances.max()):
        row = pool[int(chances.argmax())]
    return np.asarray(row)


def _centred(runs: Runs, region: Region, chance: _Chance, row: Array, probability: float) -> Array:
    """Move each number to the middle of its drift, as long as what is on the grid there still holds."""
    for factor in [each for each in runs.varied if each.kind in ("number", "component")] * 2:
        x = np.linspace(factor.low, factor.high, _STEPS)
        low, high = _stretch(chance(_line(region, factor, row, x)) >= probability, x, float(row[factor.column]))
        moved = region.moved(row[None], factor, 0.5 * (low + high))
        moved[:, : runs.space.dim] = runs.space.snap(moved[:, : runs.space.dim])
        if high > low and float(chance(moved)[0]) >= probability and region.allowed(moved)[0]:
            row = moved[0]
    return row


def _stretch(holds: Bools, x: Array, here: float) -> tuple[float, float]:
    """Return the ends of the unbroken stretch of what holds around a place; the place itself where it does not."""
    place = low = high = int(np.abs(x - here).argmin())
    if not holds[place]:
        return here, here
    while low > 0 and holds[low - 1]:
        low -= 1
    while high < len(x) - 1 and holds[high + 1]:
        high += 1
    return float(x[low]), float(x[high])


Box = dict[str, tuple[float, float] | tuple[int, ...]]


def _box(
    runs: Runs, region: Region, chance: _Chance, centre: Array, probability: float, rng: np.random.Generator
) -> Box:
    """Grow a box around the centre, one side and one step at a time."""
    sides: dict[str, list[float]] = {}
    options: dict[str, list[int]] = {}
    varied = [each for each in runs.varied if each.kind != "covariate"]
    for each in varied:
        if each.kind == "choice":
            options[each.name] = [int(each.option(centre[None])[0])]
        else:
            sides[each.name] = [float(centre[each.column])] * 2
    open_ = [(each, side) for each in varied if each.kind != "choice" for side in (0, 1)]
    while open_:
        still = []
        for factor, side in open_:
            tried = {name: list(ends) for name, ends in sides.items()}
            step = (factor.high - factor.low) / _BOX_STEPS * (1 if side else -1)
            tried[factor.name][side] = float(np.clip(tried[factor.name][side] + step, factor.low, factor.high))
            moved = tried[factor.name][side] != sides[factor.name][side]
            if moved and _holds(runs, region, chance, centre, tried, options, probability, rng):
                sides = tried
                still += [(factor, side)]
        open_ = still
    for each in varied:
        if each.kind != "choice":
            continue
        for option in each.seen:
            more = {**options, each.name: [*options[each.name], option]}
            if option not in options[each.name] and _holds(runs, region, chance, centre, sides, more, probability, rng):
                options = more
    found: Box = {name: (ends[0], ends[1]) for name, ends in sides.items()}
    found |= {name: tuple(sorted(each)) for name, each in options.items()}
    return found


def _holds(
    runs: Runs,
    region: Region,
    chance: _Chance,
    centre: Array,
    sides: dict[str, list[float]],
    options: dict[str, list[int]],
    probability: float,
    rng: np.random.Generator,
) -> bool:
    """Whether P is at least p at random corners and random points of a box."""
    rows = np.repeat(centre[None], _TRIED, axis=0)
    for factor in runs.varied:
        if factor.name in options:
            rows[:, factor.column] = [factor.at_option(each) for each in rng.choice(options[factor.name], _TRIED)]
        elif factor.name in sides:
            low, high = sides[factor.name]
            share = np.where(np.arange(_TRIED) < _TRIED // 2, rng.integers(2, size=_TRIED), rng.random(_TRIED))
            rows = region.moved(rows, factor, low + share * (high - low))
    return bool((chance(rows) >= probability).all())


def _drift(
    runs: Runs, region: Region, chance: _Chance, factor: Factor, centre: Array, box: Box | None, probability: float
) -> Drift:
    if factor.kind == "choice":
        option = int(factor.option(centre[None])[0])
        rows = np.repeat(centre[None], len(factor.seen), axis=0)
        rows[:, factor.column] = [factor.at_option(each) for each in factor.seen]
        holds = chance(rows) >= probability
        alone = tuple(factor.options[o] for o, good in zip(factor.seen, holds, strict=True) if good)
        together = tuple(factor.options[int(o)] for o in (box[factor.name] if box else ()))
        explored = tuple(factor.options[o] for o in factor.seen)
        return Drift(factor.name, factor.unit, factor.options[option], alone, together, explored)
    x = np.linspace(factor.low, factor.high, _STEPS)
    here = float(np.clip(centre[factor.column], factor.low, factor.high))
    ends = _stretch(chance(_line(region, factor, centre, x)) >= probability, x, here)
    side = box[factor.name] if box else (here, here)

    def said(value: float) -> float:
        return in_unit(runs, factor, value)

    return Drift(
        factor.name,
        factor.unit,
        said(float(centre[factor.column])),
        (said(ends[0]), said(ends[1])),
        (said(float(side[0])), said(float(side[1]))),
        (said(factor.low), said(factor.high)),
    )


def _line(region: Region, factor: Factor, centre: Array, x: Array) -> Array:
    return region.moved(np.repeat(centre[None], len(x), axis=0), factor, x)


def _along(
    runs: Runs, region: Region, chance: _Chance, factor: Factor, centre: Array
) -> tuple[str, str | None, tuple[float, ...], tuple[float, ...]]:
    x = grid_of(factor, 81)
    values = chance(_line(region, factor, centre, x))
    return factor.name, factor.unit, tuple(in_unit(runs, factor, float(v)) for v in x), tuple(values.tolist())


def _contours(
    runs: Runs, region: Region, chance: _Chance, varied: Sequence[Factor], centre: Array
) -> tuple[Contour, ...]:
    """Return P over the pairs of numbers along which it changes most."""
    numbers = [each for each in varied if each.kind != "choice"]
    change = {each.name: float(np.ptp(chance(_line(region, each, centre, grid_of(each))))) for each in numbers}
    numbers.sort(key=lambda each: -change[each.name])
    pairs = [(a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :]][:_PAIRS]
    found = []
    for pair in pairs:
        axes = tuple(np.linspace(each.low, each.high, _CONTOUR) for each in pair)
        first, second = np.meshgrid(*axes)
        values = chance(plane(region, centre, pair, first.ravel(), second.ravel())).reshape(_CONTOUR, _CONTOUR)
        found.append(contour_of(runs, pair, (axes[0], axes[1]), values, centre, of="probability", unit=None))
    return tuple(found)


def _says(goals: Sequence[Goal], probability: float, share: float, best: float) -> str:
    wanted = " and ".join(str(each) for each in goals)
    if best < probability:
        return (
            f"Nowhere in the explored space is it {100 * probability:.0f} % certain that {wanted}; the best chance is "
            f"{100 * best:.0f} %. Ask for less, or run more experiments near there."
        )
    return (
        f"{wanted} holds with at least {100 * probability:.0f} % probability in {100 * share:.2g} % of the explored "
        f"space."
    )


def _notes(runs: Runs) -> tuple[str, ...]:
    notes = ["The probability is about the true mean; one measurement scatters around it by the noise."]
    if runs.spec.covariates:
        notes.append(f"Covariates ({', '.join(runs.spec.covariates)}) are taken at their median.")
    return tuple(notes)
