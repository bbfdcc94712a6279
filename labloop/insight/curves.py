"""What the surrogate says along a factor and over a pair: the data of curves, slices and contours.

A *main-effect curve* averages over the other factors of the explored region (partial dependence of the posterior,
with its own uncertainty, not the scatter over the others); a *slice* goes through one condition; an *interaction
plot* is the curve of one factor at the low and at the high end of another; a *contour* is a slice over a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labloop.insight.posterior import Posterior, quantiles
from labloop.insight.questions import Region, in_unit, shown
from labloop.insight.runs import Array, Factor, Runs

__all__ = ["Contour", "Curve", "Interplay", "contour", "curve", "grid_of", "interplay", "slice_through"]

_STEPS = 17
_BASE = 16
_CONTOUR = 41


@dataclass(frozen=True)
class Curve:
    """The true mean along a factor with its 90 % band; ``x`` in the user's unit, or the options' positions.

    ``at`` are measured values (x, y) to draw along; empty for an averaged curve.
    """

    factor: str
    unit: str | None
    options: tuple[str, ...]
    log: bool
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    label: str = ""
    at: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Interplay:
    """The curve of one factor at each of a few values of another."""

    first: str
    second: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Contour:
    """A slice over two factors: the mean (rows: the second factor) and half the width of the 90 % interval.

    ``value`` is in ``unit``; ``of`` says what it is; ``points`` are conditions that were run, in the pair's units.
    """

    first: str
    second: str
    first_unit: str | None
    second_unit: str | None
    log: tuple[bool, bool]
    x: tuple[float, ...]
    y: tuple[float, ...]
    value: tuple[tuple[float, ...], ...]
    of: str
    unit: str | None
    points: tuple[tuple[float, float], ...] = ()
    best: tuple[float, float] | None = None


def grid_of(factor: Factor, steps: int = _STEPS) -> Array:
    """Return where to look along a factor, in units of the rows: the options that were run, or even steps."""
    if factor.kind == "choice":
        return np.array([factor.at_option(option) for option in factor.seen])
    return np.linspace(factor.low, factor.high, steps)


def curve(runs: Runs, region: Region, posterior: Posterior, factor: Factor) -> Curve:
    """Return the main-effect curve of a factor."""
    return _averaged(runs, region, posterior, factor, region.base[:_BASE], "")


def interplay(runs: Runs, region: Region, posterior: Posterior, a: Factor, b: Factor) -> Interplay:
    """Return the curve of ``a`` at the ends of ``b``, or at each of its options."""
    ends = grid_of(b)[:4] if b.kind == "choice" else np.array([b.low, b.high])
    found = []
    for end in ends:
        label = b.options[int(end * len(b.options))] if b.kind == "choice" else shown(runs, b, float(end))
        rows = region.moved(region.base[:_BASE], b, float(end))
        found.append(_averaged(runs, region, posterior, a, rows, f"{b.name} = {label}"))
    return Interplay(a.name, b.name, tuple(found))


def slice_through(runs: Runs, region: Region, posterior: Posterior, factor: Factor, row: Array) -> Curve:
    """Return the slice along a factor through one row, with the measurements that were made at that row's others."""
    x = grid_of(factor)
    rows = np.vstack([region.moved(row[None], factor, float(value)) for value in x])
    near = np.abs(runs.rows - row[None])
    near[:, factor.column] = 0.0
    if factor.mixture:
        near[:, [each.column for each in runs.factors if each.mixture == factor.mixture]] = 0.0
    same = near.max(axis=1) < 0.02 if not factor.mixture else np.zeros(len(runs), dtype=np.bool_)
    at = tuple(
        (_axis(runs, factor, float(runs.rows[i, factor.column])), float(runs.y[i])) for i in np.flatnonzero(same)
    )
    forecast = posterior.truth(rows)
    low, high = quantiles(forecast.means, forecast.sds**2, (0.05, 0.95))
    return _curve(runs, factor, x, forecast.mean, low, high, at=at)


def contour(
    runs: Runs, region: Region, posterior: Posterior, pair: tuple[Factor, Factor], row: Array, unit: str | None
) -> Contour:
    """Return the slice over two numbers through one row."""
    x, y = (np.linspace(each.low, each.high, _CONTOUR) for each in pair)
    first, second = np.meshgrid(x, y)
    rows = plane(region, row, pair, first.ravel(), second.ravel())
    value = posterior.truth(rows).mean.reshape(len(y), len(x))
    return contour_of(runs, pair, (x, y), value, row, of=runs.outcome, unit=unit)


def plane(region: Region, row: Array, pair: tuple[Factor, Factor], first: Array, second: Array) -> Array:
    """Return one row moved over a plane of two factors."""
    rows = np.repeat(row[None], len(first), axis=0)
    a, b = pair
    if a.mixture and a.mixture == b.mixture:
        return region.both(rows, [(a, first), (b, second)])
    return region.moved(region.moved(rows, a, first), b, second)


def contour_of(
    runs: Runs,
    pair: tuple[Factor, Factor],
    axes: tuple[Array, Array],
    value: Array,
    row: Array,
    *,
    of: str,
    unit: str | None,
) -> Contour:
    """Put a surface over two factors into the user's units; impossible blends are NaN."""
    a, b = pair
    if a.mixture and a.mixture == b.mixture:
        total = axes[0][None, :] + axes[1][:, None]
        value = np.where(total <= 1.0 + 1e-9, value, np.nan)
    points = {(_axis(runs, a, float(each[a.column])), _axis(runs, b, float(each[b.column]))) for each in runs.rows}
    return Contour(
        a.name,
        b.name,
        a.unit,
        b.unit,
        (_is_log(runs, a), _is_log(runs, b)),
        tuple(in_unit(runs, a, float(each)) for each in axes[0]),
        tuple(in_unit(runs, b, float(each)) for each in axes[1]),
        tuple(tuple(float(each) for each in line) for line in value),
        of,
        unit,
        tuple(sorted(points)),
        (_axis(runs, a, float(row[a.column])), _axis(runs, b, float(row[b.column]))),
    )


def _averaged(runs: Runs, region: Region, posterior: Posterior, factor: Factor, base: Array, label: str) -> Curve:
    x = grid_of(factor)
    blocks = [region.moved(base, factor, float(value)) for value in x]
    count = len(base)
    weights = np.kron(np.eye(len(x)), np.full(count, 1.0 / count))
    means, covariance = posterior.sums(np.vstack(blocks), weights)
    low, high = quantiles(means, np.einsum("pqq->pq", covariance), (0.05, 0.95))
    return _curve(runs, factor, x, means.mean(axis=0), low, high, label=label)


def _curve(
    runs: Runs,
    factor: Factor,
    x: Array,
    mean: Array,
    low: Array,
    high: Array,
    *,
    label: str = "",
    at: Sequence[tuple[float, float]] = (),
) -> Curve:
    return Curve(
        factor.name,
        factor.unit,
        tuple(factor.options[option] for option in factor.seen) if factor.kind == "choice" else (),
        _is_log(runs, factor),
        tuple(_axis(runs, factor, float(each)) for each in x),
        tuple(mean.tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        label,
        tuple(at),
    )


def _axis(runs: Runs, factor: Factor, value: float) -> float:
    """Return where a value lies on the factor's axis: in the user's unit, or the position among options run."""
    if factor.kind == "choice":
        return float(factor.seen.index(min(int(value * len(factor.options)), len(factor.options) - 1)))
    return in_unit(runs, factor, value)


def _is_log(runs: Runs, factor: Factor) -> bool:
    return getattr(runs.spec.parameters[factor.name], "scale", "linear") == "log"
