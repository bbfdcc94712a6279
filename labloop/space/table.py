"""A candidate table: its feasible rows are the whole space."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from labloop.space.axis import Array, Indices
from labloop.space.grid import Grid

__all__ = ["Listed"]

_LOOKED_AT = 4096


class Listed:
    """The rows of a grid's candidate table that satisfy every rule, as indices ``k`` and cube ``u`` (r, d)."""

    def __init__(self, grid: Grid, table: Indices) -> None:
        self.grid = grid
        kept = grid.feasible(table)
        self.k = table if kept.all() else table[kept]
        self.u = grid.units(self.k)
        self.u.flags.writeable = False

    def rows(self, fixed: Mapping[int, int]) -> Indices:
        """Return the rows that have the fixed grid indices."""
        if not fixed:
            return self.k
        kept = np.ones(len(self.k), dtype=np.bool_)
        for j, k in fixed.items():
            kept &= self.k[:, j] == k
        return self.k[kept]

    def snapped(self, u: Array) -> Indices:
        """Return the table's row at each cube row, feasible or not; the nearest feasible one where there is none."""
        k = self.grid.nearest(u)
        for i in np.flatnonzero(~self.grid.listed(k)):
            k[i] = self.k[int(self.grid.distances(self.u, u[i : i + 1])[:, 0].argmin())]
        return k

    @staticmethod
    def sample(rows: Indices, n: int, rng: np.random.Generator) -> Indices:
        """Return n of some rows in random order, each once before any comes twice."""
        again = rng.integers(len(rows), size=max(n - len(rows), 0))
        return np.asarray(rows[np.concatenate([rng.permutation(len(rows))[:n], again])])

    def moved(self, u: Array, rng: np.random.Generator, scale: Array, held: Collection[int]) -> Array:
        """Return for each cube row another row of the table, near a random place about ``scale`` (n,) away."""
        pool = self.u[rng.permutation(len(self.u))[:_LOOKED_AT]]
        wanted = u + scale[:, None] * rng.standard_normal(u.shape) * (rng.random(u.shape) < 0.5)
        gaps = self.grid.distances(wanted, pool)
        gaps[self.grid.distances(u, pool) < 1e-9] = np.inf
        for j in held:
            gaps[np.abs(u[:, j][:, None] - pool[:, j][None]) > 1e-9] = np.inf
        best = gaps.argmin(axis=1)
        stay = ~np.isfinite(gaps[np.arange(len(u)), best])
        return np.where(stay[:, None], u, pool[best])
