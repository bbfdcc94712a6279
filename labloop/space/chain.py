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

import numpy as np

from labloop.space.axis import Array, Indices
from labloop.space.circuits import circuits_of
from labloop.space.draw import slabs_of
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario

__all__ = ["Chains"]

_SHRINKS = 4
_JUMPS = 0.2


class Chains:
    """The moves that a scenario allows."""

    def __init__(self, grid: Grid, scene: Scenario) -> None:
        self.grid, self.scene = grid, scene
        self.low, self.high = grid.ends(scene.first, scene.last)
        sums = np.array([group.sum_row(grid.dim) for group in scene.groups]).reshape(-1, grid.dim)
        equal = np.vstack([scene.equal, sums])
        slabs = slabs_of(grid, scene)[0]
        free = [j for j, axis in enumerate(grid.axes) if not axis.names and scene.first[j] < scene.last[j]]
        self.single = [j for j in free if not equal[:, j].any()]
        self.turned = [j for j, allowed in scene.options.items() if len(allowed) > 1]
        systems = [equal, np.vstack([equal, slabs])] if len(slabs) else [equal]
        self.circuits = circuits_of(grid.axes, systems, np.maximum(self.high - self.low, 1e-300), free)
        self.log = np.array([axis.log for axis in grid.axes], dtype=np.bool_)

    def run(self, k: Indices, rng: np.random.Generator) -> Iterator[Indices]:
        """Yield the states after each sweep, starting from feasible states k (m, d); the array is reused."""
        k = k.copy()
        steps = len(self.single) + len(self.turned)
        rounds = int(self.circuits.columns.sum())
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
        v = self.grid.values(k)
        c = rng.integers(len(self.circuits.directions), size=len(k))
        d = self.circuits.directions[c]
        quantum = self.circuits.multiples(c, rng)
        below, above = self._reach(v, d)
        level = self._density(v) + np.log(rng.random(len(k)))
        jump = (rng.random(len(k)) < _JUMPS) & ((d != 0) & self.grid.shares).any(axis=1)
        t = np.where(
            jump, np.where(rng.random(len(k)) < 0.5, below, above), below + (above - below) * rng.random(len(k))
        )
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
