"""Markov chains on the grid, for scenarios that independent draws hardly ever meet.

Many chains run abreast, one row each. A sweep moves each free column within the interval that the linear rows
leave (exact Gibbs), each choice to another option, and takes steps along *circuits*: directions that keep every
equality, every mixture's sum and every thin slab, in whole multiples that stay on the grid. A step that the exact
check refuses is drawn again from the interval shrunk towards where it came from (slice sampling with shrinkage,
Neal 2003, doi:10.1214/aos/1056562461, section 4), so that rules of any form bound the walk. What is left
uniform is the cube: on log scales the slice carries the density 1/v.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np

from labloop.space.axis import Array, Axis, Bools, Indices
from labloop.space.draw import slabs_of
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario

__all__ = ["Chains"]

_CIRCUITS = 400
_SHRINKS = 6
_JUMPS = 0.2
_LARGEST_MULTIPLE = 10**6


@dataclass(frozen=True)
class _Circuits:
    """Directions (c, d) in raw values and the multiples (c,) of them that stay on the grid (0: any)."""

    directions: Array
    quanta: Array
    coarsest: Array


class Chains:
    """The moves that a scenario allows."""

    def __init__(self, grid: Grid, scene: Scenario) -> None:
        self.grid, self.scene = grid, scene
        self.low, self.high = grid.ends(scene.first, scene.last)
        rng = np.random.default_rng(0)  # which circuits are kept is a property of the scenario
        sums = np.array([group.sum_row(grid.dim) for group in scene.groups]).reshape(-1, grid.dim)
        equal = np.vstack([scene.equal, sums])
        slabs = slabs_of(grid, scene)[0]
        free = [j for j, axis in enumerate(grid.axes) if not axis.names and scene.first[j] < scene.last[j]]
        tied = {int(j) for j in np.flatnonzero(np.abs(equal).sum(axis=0))}
        self.single = [j for j in free if j not in tied]
        self.turned = [j for j, allowed in scene.options.items() if len(allowed) > 1]
        span = np.maximum(self.high - self.low, 1e-300)
        found = _circuits(equal, span, free, rng)
        if len(slabs):
            found += _circuits(np.vstack([equal, slabs]), span, free, rng)
        self.circuits = _measured(grid.axes, found) if found else None
        self.log = np.array([axis.log for axis in grid.axes], dtype=np.bool_)
        self.shares = np.zeros(grid.dim, dtype=np.bool_)
        for group in scene.groups:
            self.shares[group.columns] = True

    def run(self, k: Indices, rng: np.random.Generator) -> Iterator[Indices]:
        """Yield the states after each sweep, starting from feasible states k (m, d); the array is reused."""
        k = k.copy()
        steps = len(self.single) + len(self.turned)
        rounds = 0 if self.circuits is None else max(2, int((np.abs(self.circuits.directions).sum(axis=0) > 0).sum()))
        while True:
            for move in rng.permutation(steps + rounds):
                if move < len(self.single):
                    self._slide(k, self.single[move], rng)
                elif move < steps:
                    self._turn(k, self.turned[move - len(self.single)], rng)
                else:
                    self._walk(k, rng)
            yield k

    def _turn(self, k: Indices, j: int, rng: np.random.Generator) -> None:
        trial = k.copy()
        trial[:, j] = rng.choice(self.scene.options[j], len(k))
        accepted = self.grid.feasible(trial)
        k[accepted] = trial[accepted]

    def _slide(self, k: Indices, j: int, rng: np.random.Generator) -> None:
        axis = self.grid.axes[j]
        v = self.grid.values(k)
        e = np.zeros(self.grid.dim)
        e[j] = 1.0
        below, above = self._reach(v, np.broadcast_to(e, v.shape))
        low, high = axis.unit(v[:, j] + below), axis.unit(v[:, j] + above)
        here = axis.position(k[:, j])
        open_ = np.arange(len(k))
        for _ in range(_SHRINKS):
            u = low + (high - low) * rng.random(len(low))
            trial = k[open_]
            trial[:, j] = axis.nearest(u)
            accepted = self.grid.feasible(trial)
            k[open_[accepted], j] = trial[accepted, j]
            open_ = open_[~accepted]
            if not len(open_):
                break
            low, high, here, u = low[~accepted], high[~accepted], here[~accepted], u[~accepted]
            low, high = np.where(u < here, u, low), np.where(u > here, u, high)

    def _reach(self, v: Array, d: Array) -> tuple[Array, Array]:
        """Return how far (m,) one may go back and forth along ``d`` (m, d) within the bounds and the rows."""
        slack = [self.high - v, v - self.low]
        rate = [d, -d]
        if len(self.scene.upper):
            slack.append(self.scene.upper_bound - v @ self.scene.upper.T)
            rate.append(d @ self.scene.upper.T)
        gaps, rates = np.maximum(np.hstack(slack), 0.0), np.hstack(rate)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = gaps / np.abs(rates)
        above = np.where(rates > 1e-300, ratio, np.inf).min(axis=1)
        below = np.where(rates < -1e-300, ratio, np.inf).min(axis=1)
        return -below, above

    def _walk(self, k: Indices, rng: np.random.Generator) -> None:
        assert self.circuits is not None
        v = self.grid.values(k)
        c = rng.integers(len(self.circuits.directions), size=len(k))
        d = self.circuits.directions[c]
        quantum = self._quantum(c, rng)
        below, above = self._reach(v, d)
        level = self._density(v) + np.log(rng.random(len(k)))
        jump = (rng.random(len(k)) < _JUMPS) & ((d != 0) & self.shares).any(axis=1)
        t = np.where(jump, np.where(rng.random(len(k)) < 0.5, below, above), below + (above - below) * rng.random(len(k)))
        open_ = np.arange(len(k))
        for _ in range(_SHRINKS):
            trial = self._stepped(v, d, t, quantum)
            index = self._indices(k[open_], trial, d)
            accepted = (self._density(trial) >= level) & self.grid.feasible(index)
            k[open_[accepted]] = index[accepted]
            kept = ~accepted
            open_ = open_[kept]
            if not len(open_):
                break
            v, d, level, quantum, t = v[kept], d[kept], level[kept], quantum[kept], t[kept]
            below, above = np.where(t < 0, t, below[kept]), np.where(t > 0, t, above[kept])
            t = below + (above - below) * rng.random(len(t))

    def _quantum(self, c: Indices, rng: np.random.Generator) -> Array:
        assert self.circuits is not None
        finest, coarsest = self.circuits.quanta[c], self.circuits.coarsest[c]
        return finest * 10.0 ** np.floor(rng.random(len(c)) * (coarsest + 1))

    @staticmethod
    def _stepped(v: Array, d: Array, t: Array, quantum: Array) -> Array:
        whole = np.where(quantum > 0, np.rint(t / np.where(quantum > 0, quantum, 1.0)) * quantum, t)
        return np.asarray(v + whole[:, None] * d)

    def _indices(self, k: Indices, v: Array, d: Array) -> Indices:
        found = k.copy()
        for j in np.flatnonzero((d != 0).any(axis=0)):
            moved = d[:, j] != 0
            found[moved, j] = self.grid.axes[j].index(v[moved, j])
        return found

    def _density(self, v: Array) -> Array:
        if not self.log.any():
            return np.zeros(len(v))
        return np.asarray(-np.log(np.maximum(v[:, self.log], 1e-300)).sum(axis=1))


def _circuits(rows: Array, span: Array, free: list[int], rng: np.random.Generator) -> list[Array]:
    """Return directions (d,) with few nonzero entries along which no row changes."""
    found: list[Array] = []
    seen: set[bytes] = set()
    for block_rows, block_columns in _blocks(rows * span, free):
        scaled = (rows * span)[np.ix_(block_rows, block_columns)]
        size = int(np.linalg.matrix_rank(scaled)) + 1
        for subset in _subsets(len(block_columns), size, rng):
            _, singular, right = np.linalg.svd(scaled[:, subset])
            rank = int((singular > 1e-9 * max(singular.max(initial=0.0), 1e-300)).sum())
            if rank != size - 1:
                continue
            part = right[-1]
            part = np.where(np.abs(part) > 1e-9 * np.abs(part).max(), part, 0.0)
            direction = np.zeros(len(span))
            direction[[block_columns[i] for i in subset]] = part / part[np.abs(part).argmax()]
            direction *= span
            key = np.round(direction / np.abs(direction).max(), 9).tobytes()
            if key not in seen:
                seen.add(key)
                found.append(direction)
    return found


def _blocks(rows: Array, free: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield groups of rows that share free columns, with those columns."""
    waiting = [i for i in range(len(rows)) if np.any(rows[i, free])]
    while waiting:
        block, columns = [waiting.pop(0)], np.zeros(rows.shape[1], dtype=np.bool_)
        columns[free] = rows[block[0], free] != 0
        while more := next((i for i in waiting if np.any(rows[i, columns])), None):
            waiting.remove(more)
            block.append(more)
            columns[free] |= rows[more, free] != 0
        yield block, np.flatnonzero(columns).tolist()


def _subsets(n: int, size: int, rng: np.random.Generator) -> list[list[int]]:
    if size > n:
        return []
    if comb(n, size) <= _CIRCUITS:
        return [list(each) for each in combinations(range(n), size)]
    # A ring through all columns connects them; the rest is drawn.
    order = rng.permutation(n)
    ring = [np.roll(order, i)[:size] for i in range(n)]
    rest = [rng.permutation(n)[:size] for _ in range(_CIRCUITS - n)]
    return [sorted(int(i) for i in each) for each in (*ring, *rest)]


def _measured(axes: list[Axis], directions: list[Array]) -> _Circuits:
    quanta, coarsest = [], []
    for direction in directions:
        support = np.flatnonzero(direction)
        steps = [[each.spacing for each in axes[j].segments if each.count > 1] for j in support]
        finest = np.array([min(each) if each else 0.0 for each in steps])
        quanta.append(_quantum(direction[support], finest))
        ratio = max((max(each) / min(each) for each in steps if each), default=1.0)
        coarsest.append(float(np.round(np.log10(ratio))))
    return _Circuits(np.array(directions), np.array(quanta), np.array(coarsest))


def _quantum(direction: Array, pitch: Array) -> float:
    """Return the least t > 0 for which ``t * direction`` is a whole multiple of each pitch; 0 where none is small."""
    if (pitch <= 0).any():
        return 0.0
    multiples = direction / pitch
    base = multiples[np.abs(multiples).argmin()]
    ratios = multiples / base
    denominators = [1]
    for ratio in ratios:
        close = Fraction(float(ratio)).limit_denominator(1000)
        if abs(float(close) - ratio) > 1e-9 * abs(ratio):
            return 0.0
        denominators.append(close.denominator)
    whole = int(np.lcm.reduce(denominators))
    if whole * np.abs(ratios).max() > _LARGEST_MULTIPLE:
        return 0.0
    return float(whole / abs(base))
