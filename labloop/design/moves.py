"""Where an experiment of a design may move to: every other feasible point that differs in little.

Notation: ``k`` (s, d) grid indices, one row a start of the search; candidates are (s, c, d) with (s, c) flags of
which are feasible. A number moves to evenly spread values of its grid and by steps of 1, 3, 10, ... from where it
is; a choice to each option; two shares of a mixture exchange amounts. Rules can shut such moves in, so points from
all over the space, and neighbours along the rules, are candidates too. What is hard to change can be kept to a few
values, so that a design has few settings of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloop.space import Space
from labloop.space.axis import Array, Bools, Indices
from labloop.space.grid import Grid
from labloop.space.mixture import Group

__all__ = ["Moves"]

_SPREAD = 11
_STRIDES = (1, 3, 10, 30, 100, 300)
_POOL = 1024
_STRANGERS = 48
_NEIGHBOURS = 6
_LISTED = 400


class Moves:
    """The feasible points of one space, as a search visits them.

    Parameters
    ----------
    held : grid index by column of what does not vary.
    kept : grid indices by column of the only values that a column may take.
    """

    def __init__(
        self,
        space: Space,
        grid: Grid,
        held: Mapping[int, int],
        rng: np.random.Generator,
        *,
        kept: Mapping[int, Indices] | None = None,
    ) -> None:
        self.space, self.grid, self.held, self.kept = space, grid, dict(held), dict(kept or {})
        fixed = {j: float(grid.axes[j].position(np.array([k]))[0]) for j, k in held.items()}
        every = space.enumerate(_POOL) if grid.table is None else space.enumerate(1)
        listed = None if every is None else grid.nearest(every)
        if listed is not None:
            listed = listed[np.all([listed[:, j] == k for j, k in held.items()], axis=0)] if held else listed
        self.listed = grid.table is not None or (listed is not None and len(listed) <= _LISTED)
        self.pool = self._few(grid.nearest(space.sample(_POOL, rng, fixed=fixed)) if listed is None else listed)
        self.tied = bool(grid.trees)
        self.free = [int(j) for j in grid.alone if int(j) not in held]
        self.mixed = [g for g in grid.groups if sum(int(j) not in held for j in g.columns) > 1]

    def _few(self, k: Indices) -> Indices:
        """Return feasible rows with the kept columns at the nearest of their values; no longer kept if none is left."""
        found = k.copy()
        for j, values in self.kept.items():
            found[:, j] = values[np.abs(k[:, [j]] - values[None]).argmin(axis=1)]
        found = np.unique(found[self.grid.feasible(found)], axis=0) if self.kept else found
        if len(found):
            return found
        self.kept = {}
        return k

    def _is_few(self, k: Indices) -> Bools:
        return np.asarray(np.all([np.isin(k[..., j], values) for j, values in self.kept.items()], axis=0))

    def random(self, s: int, n: int, rng: np.random.Generator) -> Indices:
        """Return random designs (s, n, d)."""
        return np.asarray(self.pool[rng.integers(len(self.pool), size=(s, n))])

    def cube(self, k: Indices) -> Array:
        """Return cube rows (..., d) of grid indices."""
        return self.grid.units(k.reshape(-1, self.grid.dim)).reshape(k.shape)

    def candidates(self, k: Indices, rng: np.random.Generator, *, wide: bool = True) -> tuple[Indices, Bools]:
        """Return where each row (s, d) may move to (s, c, d), and which of those are feasible (s, c).

        With ``wide``, also points from all over the space and neighbours along the rules, where there are rules.
        """
        if self.listed:
            rows = self.pool if len(self.pool) <= _LISTED else self.pool[rng.permutation(len(self.pool))[:_LISTED]]
            return np.broadcast_to(rows, (len(k), *rows.shape)), np.ones((len(k), len(rows)), dtype=np.bool_)
        parts = [self._along(k, j) for j in self.free] + [self._exchanged(k, group) for group in self.mixed]
        found = np.concatenate(parts, axis=1) if parts else k[:, None]
        ok = np.asarray((found >= 0).all(axis=2))
        flat = np.where(ok[..., None], found, 0).reshape(-1, self.grid.dim)
        ok = ok & self.grid.feasible(flat).reshape(ok.shape)
        if parts and not (wide and self.tied):
            return found, ok
        # Dear, and needed only where rules shut the moves above in.
        strangers = self.pool[rng.integers(len(self.pool), size=(len(k), _STRANGERS))]
        near = np.repeat(k, _NEIGHBOURS, axis=0)
        scale = float(rng.choice([0.3, 0.1, 0.02]))
        moved = self.grid.nearest(self.space.move(self.grid.units(near), rng, scale, held=tuple(self.held)))
        more = np.concatenate([strangers, moved.reshape(len(k), _NEIGHBOURS, -1)], axis=1)
        sound = self._is_few(more) if self.kept else np.ones(more.shape[:2], dtype=np.bool_)
        return np.concatenate([found, more], axis=1), np.concatenate([ok, sound], axis=1)

    def _along(self, k: Indices, j: int) -> Indices:
        """Return the rows with column j at other values; -1 marks a value off the grid."""
        axis = self.grid.axes[j]
        if j in self.kept:
            values = np.broadcast_to(self.kept[j], (len(k), len(self.kept[j])))
        elif axis.names or axis.count <= _SPREAD:
            values = np.broadcast_to(np.arange(axis.count), (len(k), axis.count))
        else:
            spread = np.unique(axis.nearest(np.linspace(0.0, 1.0, _SPREAD)))
            strides = np.array([s for s in _STRIDES if s < axis.count])
            near = k[:, [j]] + np.concatenate([-strides, strides])
            near = np.where((near < 0) | (near >= axis.count), -1, near)
            values = np.concatenate([np.broadcast_to(spread, (len(k), len(spread))), near], axis=1)
        found = np.repeat(k[:, None], values.shape[1], axis=1)
        found[:, :, j] = values
        return found

    def _exchanged(self, k: Indices, group: Group) -> Indices:
        """Return the rows with an amount moved from one share to another; -1 where that is not on the grid."""
        x = group.units(k[:, group.columns])
        active = [i for i, j in enumerate(group.columns) if int(j) not in self.held]
        pairs = np.array([(i, j) for i in active for j in active if i != j])
        step = np.lcm(group.stride[pairs[:, 0]], group.stride[pairs[:, 1]])
        giver, taker = x[:, pairs[:, 0]], x[:, pairs[:, 1]]
        least, room = giver - group.low[pairs[:, 0]], group.high[pairs[:, 1]] - taker
        gap, missing = giver - taker, group.low[pairs[:, 1]] - taker
        amounts = [giver, least, room, (giver + 1) // 2, room // 2, gap, gap // 2, missing]
        amounts += [np.broadcast_to(step * times, giver.shape) for times in _STRIDES[::2]]
        t = np.stack(amounts, axis=2) // step[:, None] * step[:, None]
        change = np.zeros((len(pairs), x.shape[1]), dtype=np.int64)
        change[np.arange(len(pairs)), pairs[:, 0]] = -1
        change[np.arange(len(pairs)), pairs[:, 1]] = 1
        y = x[:, None, None] + t[..., None] * change[:, None]
        moved = np.where((t > 0)[..., None], self._on_grid(y.reshape(-1, x.shape[1]), group).reshape(y.shape), -1)
        result = np.repeat(k[:, None], t.shape[1] * t.shape[2], axis=1)
        result[:, :, group.columns] = moved.reshape(len(k), -1, x.shape[1])
        return result

    def _on_grid(self, x: Indices, group: Group) -> Indices:
        counts = self.grid.counts[group.columns]
        k = np.minimum(np.maximum(group.indices(x), 0), counts - 1)
        return np.where((group.units(k) == x).all(axis=1)[:, None], k, -1)
