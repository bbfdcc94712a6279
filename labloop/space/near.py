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
_ROUNDS = 10
_SCALES = (0.3, 0.1, 0.03, 0.01, 0.003)


def nearest_point(grid: Grid, row: Array, fixed: Mapping[int, int], donors: Indices, neighbours: Neighbours) -> Indices:
    """Return feasible grid indices (d,) near a cube row (d,): from the nearest donors, shrinking random moves.

    A solver was tried first; it minimises the sum of absolute gaps, took longer and led to no nearer points.
    """
    gaps = grid.distances(grid.units(donors), row[None])[:, 0]
    here = donors[np.argsort(gaps, kind="stable")[:_STARTS]]
    gap = np.sort(gaps, kind="stable")[:_STARTS]
    rng = np.random.default_rng(0)
    for scale in _SCALES:
        wide = np.full(len(here) * _TIMES, scale)
        for _ in range(_ROUNDS):
            near = neighbours.move(np.repeat(here, _TIMES, axis=0), rng, wide, tuple(fixed))
            gaps = grid.distances(grid.units(near), row[None])[:, 0].reshape(len(here), _TIMES)
            best = gaps.argmin(axis=1)
            least = gaps[np.arange(len(here)), best]
            better = least < gap
            here = np.where(better[:, None], near.reshape(len(here), _TIMES, -1)[np.arange(len(here)), best], here)
            gap = np.where(better, least, gap)
            if not better.any():
                break
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
