"""Feasible grid points, as many as wanted: independent draws where they hit, chains where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from labloop.space.axis import Indices
from labloop.space.chain import Chains
from labloop.space.descent import descend
from labloop.space.draw import Pivots, draw, pivots_of
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario, scenarios

__all__ = ["Sampler"]

_TRIAL = 1024
_TRIALS = 16
_AFFORDABLE = 400_000
_BATCH = 32_768
_STARVED = 0.03
_SEEDS = 12
_MANY = 100
_SHAKEN = 4
_BURN_IN = 12


@dataclass
class _Source:
    """One scenario, how often a draw from it is feasible, and seeds for its chains."""

    scene: Scenario
    pivots: Pivots
    rate: float
    weight: float
    seeds: Indices
    chains: Chains | None = None


class Sampler:
    """Draws from one grid with some columns fixed (grid indices by column).

    What is learnt here (which scenarios hold anything, how often draws hit) comes from a generator of its
    own: the same call with the same generator gives the same rows, whatever was drawn before.
    """

    def __init__(self, grid: Grid, fixed: Mapping[int, int]) -> None:
        self.grid, self.fixed = grid, dict(fixed)
        rng = np.random.default_rng(0)
        found = [self._source(scene, rng) for scene in scenarios(grid, self.fixed)]
        for source in found:
            if not source.rate:
                self._search(source, rng)
        self.sources = [source for source in found if source.rate or len(source.seeds)]

    @property
    def empty(self) -> bool:
        """True where no feasible point was found."""
        return not self.sources

    def _source(self, scene: Scenario, rng: np.random.Generator) -> _Source:
        pivots = pivots_of(self.grid, scene)
        tried, seeds = 0, np.empty((0, self.grid.dim), dtype=np.int64)
        for _ in range(_TRIALS):
            k = draw(self.grid, scene, pivots, _TRIAL, rng)
            tried += _TRIAL
            seeds = np.vstack([seeds, k[self.grid.feasible(k)]])
            if len(seeds) >= _SEEDS or not len(k):
                break
        rate = len(seeds) / tried
        volume = rate * self._width(scene, pivots)
        return _Source(
            scene, pivots, rate if pivots.complete else 0.0, scene.share * max(volume, _STARVED), seeds[:256]
        )

    def _width(self, scene: Scenario, pivots: Pivots) -> float:
        """Return the part of the cube that the scenario's bounds leave, columns solved for not counted."""
        width = 1.0
        for j in self.grid.alone:
            axis = self.grid.axes[j]
            if axis.names or j in self.fixed or j in pivots.columns or scene.first[j] == scene.last[j]:
                continue
            ends = axis.position(np.array([scene.first[j], scene.last[j]]))
            whole = axis.position(np.array([0, axis.count - 1]))
            width *= float((ends[1] - ends[0]) / (whole[1] - whole[0]))
        return width

    def _search(self, source: _Source, rng: np.random.Generator) -> None:
        """Find seeds of a scenario that draws never hit, or hit only where an equality is trivial."""
        # The solver's module loads scipy.optimize, which most spaces never need.
        from labloop.space.seeds import corners

        found = corners(self.grid, source.scene, self.fixed, rng)
        source.seeds = np.vstack([found, source.seeds[: max(len(found), 1)]])
        if not len(source.seeds) and self.grid.curved:
            source.seeds = descend(self.grid, source.scene, source.pivots, rng)

    def sample(self, n: int, rng: np.random.Generator) -> Indices:
        """Return n feasible grid index rows (n, d), in random order."""
        weights = np.array([source.weight for source in self.sources])
        counts = rng.multinomial(n, weights / weights.sum())
        rows = [self._from(source, int(c), rng) for source, c in zip(self.sources, counts, strict=True) if c]
        found = np.vstack(rows) if rows else np.empty((0, self.grid.dim), dtype=np.int64)
        return found[rng.permutation(len(found))]

    def _from(self, source: _Source, n: int, rng: np.random.Generator) -> Indices:
        affordable = _AFFORDABLE / (4 if self.grid.groups else 1)  # mixtures are dear to draw
        rejected = source.rate > 0 and n / source.rate <= affordable
        found = self._draws(source, n, rng) if rejected else source.seeds[:0]
        if len(found) < n:
            found = np.vstack([found, self._walks(source, n - len(found), rng)])
        return found[:n]

    def _draws(self, source: _Source, n: int, rng: np.random.Generator) -> Indices:
        found: list[Indices] = []
        missing, budget = n, 4 * _AFFORDABLE
        while missing > 0 and budget > 0:
            size = int(np.clip(1.2 * missing / source.rate + 64, 256, _BATCH))
            k = draw(self.grid, source.scene, source.pivots, size, rng)
            kept = k[self.grid.feasible(k)][:missing]
            found.append(kept)
            missing -= len(kept)
            budget -= size
        return np.vstack(found)

    def _walks(self, source: _Source, n: int, rng: np.random.Generator) -> Indices:
        if source.chains is None:
            source.chains = Chains(self.grid, source.scene)
        abreast = int(np.clip(n // 8, 64, 512))
        start = source.seeds[rng.integers(len(source.seeds), size=abreast)]
        found: list[Indices] = []
        missing = n
        # Many seeds are draws already: they only need to be shaken apart.
        burn = _SHAKEN if len(source.seeds) >= _MANY else _BURN_IN + self.grid.dim
        for sweep, k in enumerate(source.chains.run(start, rng)):
            if sweep >= burn:
                found.append(k[:missing].copy())
                missing -= len(found[-1])
                if missing <= 0:
                    break
        return np.vstack(found)
