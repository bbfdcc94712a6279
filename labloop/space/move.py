"""Random feasible neighbours of feasible points, for local search.

A trial makes one to three elementary changes: a column by a normal step in the cube, a choice to another option,
tied columns along a circuit (components exchange an amount, or one takes all of another's). Where a choice is tied
to other columns by a condition, it may take all of them from a feasible point elsewhere. Trials that the exact
check refuses are made again with smaller steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from labloop.space.axis import Array, Bools, Indices
from labloop.space.circuits import circuits_of
from labloop.space.draw import slabs_of
from labloop.space.formula import AllOf, AnyOf, Curve, Options, Row, Tree
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario

__all__ = ["Neighbours"]

_TRIES = 10
_JUMPS = 0.15
_TRANSPLANTS = 0.15


class Neighbours:
    """The changes that one grid allows.

    Parameters
    ----------
    base : the scenario of what holds in every branch.
    donors : gives feasible points (m, d) from all over the space, the same at every call.
    """

    def __init__(self, grid: Grid, base: Scenario, donors: Callable[[], Indices]) -> None:
        self.grid, self.donors = grid, donors
        self.low, self.high = grid.ends(base.first, base.last)
        sums = np.array([group.sum_row(grid.dim) for group in grid.groups]).reshape(-1, grid.dim)
        equal = np.vstack([base.equal, sums])
        slabs = slabs_of(grid, base)[0]
        free = [j for j, axis in enumerate(grid.axes) if not axis.names and base.first[j] < base.last[j]]
        systems = [equal, np.vstack([equal, slabs])] if len(slabs) else [equal]
        self.circuits = circuits_of(grid.axes, systems, np.maximum(self.high - self.low, 1e-300), free)
        self.single = [j for j in range(grid.dim) if not equal[:, j].any() and base.first[j] < base.last[j]]
        self.linked = _linked(grid)

    def move(self, k: Indices, rng: np.random.Generator, scale: Array, held: Collection[int] = ()) -> Indices:
        """Return a neighbour (n, d) of each row, about ``scale`` (n,) away; a row that has none comes back as it is."""
        moved = k.copy()
        open_ = np.arange(len(k))
        shrunk = 1.0
        for attempt in range(_TRIES):
            trial, wide = k[open_].copy(), scale[open_]
            transplanted = self._transplant(trial, rng, wide, held) if attempt % 2 == 0 else np.zeros(len(open_), bool)
            self._change(trial, ~transplanted, rng, shrunk * wide, held)
            changed = (trial != k[open_]).any(axis=1)
            accepted = changed.copy()
            accepted[changed] = self.grid.feasible(trial[changed])
            moved[open_[accepted]] = trial[accepted]
            open_ = open_[~accepted]
            if not len(open_):
                break
            shrunk *= 0.6
        return moved

    def _change(self, k: Indices, chosen: Bools, rng: np.random.Generator, scale: Array, held: Collection[int]) -> None:
        """Make one to three elementary changes to the chosen rows, in place."""
        circuits = self.circuits.without(np.array(sorted(held), dtype=np.int64))
        single = [j for j in self.single if j not in held]
        weights = np.ones((len(k), len(single) + 1))
        named = [position for position, j in enumerate(single) if self.grid.axes[j].names]
        weights[:, named] = np.clip(4.0 * scale, 0.1, 1.0)[:, None]
        weights[:, -1] = float(circuits.columns.sum())
        below = weights.cumsum(axis=1)
        if not below.any():
            return
        count = np.where(chosen, rng.integers(1, 4, len(k)), 0)
        for turn in range(3):
            picked = (rng.random((len(k), 1)) * below[:, -1:] >= below).sum(axis=1)
            picked[count <= turn] = -1
            for position, j in enumerate(single):
                rows = np.flatnonzero(picked == position)
                if len(rows):
                    k[rows, j] = self._nudged(j, k[rows, j], rng, scale[rows])
            rows = np.flatnonzero(picked == len(single))
            if len(rows):
                k[rows] = self._exchanged(k[rows], circuits.directions, circuits.multiples, rng=rng, scale=scale[rows])

    def _nudged(self, j: int, k: Indices, rng: np.random.Generator, scale: Array) -> Indices:
        axis = self.grid.axes[j]
        if axis.names:
            return np.asarray((k + rng.integers(1, axis.count, len(k))) % axis.count)
        u = axis.position(k) + scale * rng.standard_normal(len(k))
        u = 1.0 - np.abs(1.0 - np.abs(u))  # reflected at both bounds
        found = axis.nearest(u)
        side = np.where(rng.random(len(k)) < 0.5, 1, -1)
        side = np.where(k == 0, 1, np.where(k == axis.count - 1, -1, side))
        return np.asarray(np.where(found == k, k + side, found))

    def _exchanged(
        self,
        k: Indices,
        directions: Array,
        multiples: Callable[[Indices, np.random.Generator], Array],
        *,
        rng: np.random.Generator,
        scale: Array,
    ) -> Indices:
        v = self.grid.values(k)
        c = rng.integers(len(directions), size=len(k))
        d, quantum = directions[c], multiples(c, rng)
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = np.where(d > 0, (self.high - v) / d, np.where(d < 0, (self.low - v) / d, np.inf)).min(axis=1)
            back = np.where(d > 0, (v - self.low) / d, np.where(d < 0, (v - self.high) / d, np.inf)).min(axis=1)
        ahead, back = np.maximum(ahead, 0.0), np.maximum(back, 0.0)
        reach = (np.abs(d) / np.maximum(self.high - self.low, 1e-300)).max(axis=1)
        t = scale * rng.standard_normal(len(k)) / reach
        least = np.where(quantum > 0, quantum, 0.0)
        t = np.where(np.abs(t) < least, np.where(t < 0, -least, least), t)
        t = np.minimum(np.maximum(t, -back), ahead)
        jump = rng.random(len(k)) < _JUMPS
        t = np.where(jump, np.where(rng.random(len(k)) < 0.5, ahead, -back), t)
        whole = np.where(quantum > 0, np.rint(t / np.where(quantum > 0, quantum, 1.0)) * quantum, t)
        goal = v + whole[:, None] * d
        found = k.copy()
        for j in np.flatnonzero((d != 0).any(axis=0)):
            rows = d[:, j] != 0
            found[rows, j] = self.grid.axes[j].index(goal[rows, j])
        return found

    def _transplant(self, k: Indices, rng: np.random.Generator, scale: Array, held: Collection[int]) -> Bools:
        """Let some rows take a choice and all that is tied to it from a feasible point, in place."""
        linked = [columns for columns in self.linked if not set(columns) & set(held)]
        taken = np.zeros(len(k), dtype=np.bool_)
        if not linked:
            return taken
        taken = rng.random(len(k)) < _TRANSPLANTS * np.minimum(1.0, 0.2 + 2.0 * scale)
        donors = self.donors()
        for row in np.flatnonzero(taken):
            columns = linked[int(rng.integers(len(linked)))]
            k[row, columns] = donors[int(rng.integers(len(donors)))][columns]
        return taken


def _linked(grid: Grid) -> list[list[int]]:
    """Return, for each set of columns that conditions tie to each other, those columns."""
    found: list[set[int]] = []
    for tree in grid.trees:
        for each in tree.parts if isinstance(tree, AllOf) else (tree,):
            if isinstance(each, AnyOf):
                columns = set(_columns(each))
                for other in [group for group in found if group & columns]:
                    columns |= other
                    found.remove(other)
                found.append(columns)
    whole = []
    for columns in found:
        for group in grid.groups:
            if columns & set(group.columns.tolist()):
                columns |= set(group.columns.tolist())
        whole.append(sorted(columns))
    return whole


def _columns(tree: Tree) -> list[int]:
    match tree:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return [j for part in parts for j in _columns(part)]
        case Row(coefficients=coefficients):
            return [int(j) for j in np.flatnonzero(coefficients)]
        case Options(column=j):
            return [j]
        case Curve(columns=columns):
            return list(columns)
    return []
