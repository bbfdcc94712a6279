"""How far inside the feasible region points lie: 1 in its centre, 0 on its boundary.

The region is the polytope of bounds, mixtures and linear rules, ``a_i @ u <= b_i``; its centre c is the centroid
(1/2 for a column that nothing ties to another). Shrunk towards c by a share m, the region is

    {c + (1 - m) (u - c)}  =  {u : depth(u) >= m},     depth(u) = min_i (b_i - a_i @ u) / (b_i - a_i @ c)

so that one definition serves a box, a simplex and whatever rules cut off. A component that is left out lies on no
boundary where leaving out is a choice of its own (`at_most`, a least amount): then only what is present counts,
against what there is of it when it is present.
"""

from __future__ import annotations

import numpy as np

from labloop.space.axis import Array, Bools
from labloop.space.grid import Grid
from labloop.space.linear import LinearRules

__all__ = ["Depth"]

_FLAT = 1e-6


class Depth:
    """The depth of cube rows in one space.

    Parameters
    ----------
    sample : (m, d) feasible rows from all over the space, by whose mean the centre is known.
    """

    def __init__(self, grid: Grid, rules: LinearRules, sample: Array) -> None:
        self.upper, self.upper_bound = rules.upper, rules.upper_bound
        middle = np.where(rules.tied, sample.mean(axis=0), 0.5)
        self.columns = [j for j, axis in enumerate(grid.axes) if axis.kind in ("continuous", "component")]
        self.low, self.high = np.zeros(grid.dim), np.ones(grid.dim)
        # What a candidate table leaves out, it leaves out on purpose.
        self.leaves = np.array([axis.kind == "component" and grid.table is not None for axis in grid.axes])
        for group in grid.groups:
            low = np.where(group.low > group.stride, group.low, 0)
            self.low[group.columns] = np.minimum(low, group.total) / group.total
            self.high[group.columns] = group.high / group.total
            few = group.at_most < len(group.columns)
            self.leaves[group.columns] = (group.optional > 0) & (few | (low > 0))
        self.centre = middle.copy()
        for j in np.flatnonzero(self.leaves):
            present = sample[sample[:, j] > 0, j]
            self.centre[j] = present.mean() if len(present) else 0.0
        self._slack = self.upper_bound - self.upper @ middle

    def __call__(self, rows: Array) -> Array:
        """Return the depth (n,) of cube rows; columns in which all of them agree are not looked at."""
        depth = np.ones(len(rows))
        for j in self.columns:
            if np.ptp(rows[:, j], axis=0) < _FLAT:
                continue
            counted = (rows[:, j] > 0) | ~self.leaves[j]
            for end, sign in ((self.low[j], 1.0), (self.high[j], -1.0)):
                self._lower(depth, sign * (rows[:, j] - end), sign * (self.centre[j] - end), counted)
        for row, bound, slack in zip(self.upper, self.upper_bound, self._slack, strict=True):
            self._lower(depth, bound - rows @ row, slack, np.ones(len(rows), dtype=np.bool_))
        return np.maximum(depth, 0.0)

    @staticmethod
    def _lower(depth: Array, gap: Array, most: float, counted: Bools) -> None:
        if most > _FLAT:
            depth[counted] = np.minimum(depth[counted], gap[counted] / most)
