"""The feasible point nearest to a wanted one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloop.space.axis import Array, Indices
from labloop.space.grid import Grid
from labloop.space.move import Neighbours

__all__ = ["nearest_point"]

_STARTS = 4
_TIMES = 24
_SCALES = (0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002)


def nearest_point(grid: Grid, row: Array, fixed: Mapping[int, int], donors: Indices, neighbours: Neighbours) -> Indices:
    """Return the feasible grid indices (d,) nearest to a cube row (d,): asked of the solver, then searched for.

    The solver minimises the sum of absolute gaps, the search their root mean square.
    """
    start = donors[np.argsort(grid.distances(grid.units(donors), row[None])[:, 0], kind="stable")[:_STARTS]]
    solved = _solved(grid, row, fixed)
    if solved is not None:
        start = np.vstack([solved[None], start[:1]])
    if solved is not None and not grid.curved:
        scales: tuple[float, ...] = _SCALES[3::2]
    else:
        scales = _SCALES
    rng = np.random.default_rng(0)
    here, gap = start, grid.distances(grid.units(start), row[None])[:, 0]
    for scale in scales:
        near = neighbours.move(np.repeat(here, _TIMES, axis=0), rng, scale, tuple(fixed))
        gaps = grid.distances(grid.units(near), row[None])[:, 0].reshape(len(here), _TIMES)
        best = gaps.argmin(axis=1)
        least = gaps[np.arange(len(here)), best]
        better = least < gap
        here = np.where(better[:, None], near.reshape(len(here), _TIMES, -1)[np.arange(len(here)), best], here)
        gap = np.where(better, least, gap)
    return _straightened(grid, here[int(gap.argmin())], row, fixed)


def _straightened(grid: Grid, k: Indices, row: Array, fixed: Mapping[int, int]) -> Indices:
    """Return the point with each column set to what is wanted there, where that keeps it feasible."""
    wanted = grid.nearest(row[None])[0]
    for j in range(grid.dim):
        trial = k.copy()
        trial[j] = wanted[j]
        if j not in fixed and grid.feasible(trial[None])[0]:
            k = trial
    return k


def _solved(grid: Grid, row: Array, fixed: Mapping[int, int]) -> Indices | None:
    # The solver's module loads scipy.optimize, which a space without hard constraints never needs.
    from labloop.space.oracle import Oracle

    v = np.array([float(axis.raw(np.array([u]))[0]) for axis, u in zip(grid.axes, row, strict=True)])
    spans = [
        max(abs(float(axis.raw(np.array([u + 1e-3]))[0]) - each), 1e-300)
        for axis, u, each in zip(grid.axes, row, v, strict=True)
    ]
    weight = np.array([1.0 if axis.names else 1e-3 / span for axis, span in zip(grid.axes, spans, strict=True)])
    for margin in (0.0, 1e-4):
        found = Oracle(grid, margin=margin).nearest(v, weight, fixed=fixed)
        if found.point is not None and grid.feasible(found.point[None])[0]:
            return found.point
    return None
