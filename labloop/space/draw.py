"""Independent draws from a scenario: uniform in its bounds, equalities and slabs solved for, then checked.

``p`` equalities and thin slabs ``lo <= a @ v <= hi`` are solved for as many *pivot* columns: the others are drawn
uniformly in the cube, the pivots follow from ``A_P v_P = r - A_N v_N`` with ``r`` uniform in the slab. What remains
is rejection: every row returned satisfies every rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.space.axis import Array, Axis, Indices
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario

__all__ = ["Pivots", "draw", "pivots_of", "slabs_of"]

_THIN = 0.1


@dataclass(frozen=True)
class Pivots:
    """Columns ``columns`` (p,) that follow from rows (p, d) with right sides between ``low`` and ``high`` (p,).

    ``complete`` where every equality between components has a pivot: otherwise draws meet it, if at all, only
    where both sides are 0.
    """

    columns: Indices
    rows: Array
    low: Array
    high: Array
    complete: bool


def slabs_of(grid: Grid, scene: Scenario) -> tuple[Array, Array, Array]:
    """Return rows (s, d), lower and upper bounds (s,) of the inequalities that leave little of their range."""
    low, high = grid.ends(scene.first, scene.last)
    kept: list[tuple[Array, float, float]] = []
    units = scene.upper / np.maximum(np.abs(scene.upper).max(axis=1, initial=0.0, keepdims=True), 1e-300)
    for i, row in enumerate(scene.upper):
        least, most = np.minimum(row * low, row * high).sum(), np.maximum(row * low, row * high).sum()
        scale = np.abs(row).max()
        opposite = np.abs(units + units[i]).max(axis=1) < 1e-9
        limits = -scene.upper_bound[opposite] * scale / np.abs(scene.upper[opposite]).max(axis=1, initial=0.0)
        floor, bound = max(least, limits.max(initial=-np.inf)), min(scene.upper_bound[i], most)
        again = any(min(np.abs(row / scale - r).max(), np.abs(row / scale + r).max()) < 1e-9 for r, *_ in kept)
        if np.count_nonzero(row) > 1 and not again and bound - floor < _THIN * (most - least):
            kept.append((row / scale, floor / scale, bound / scale))
    return (
        np.array([row for row, *_ in kept]).reshape(-1, grid.dim),
        np.array([floor for _, floor, _ in kept]),
        np.array([bound for *_, bound in kept]),
    )


def pivots_of(grid: Grid, scene: Scenario) -> Pivots:
    """Choose a pivot column for each equality and slab, where one outside the mixtures is left."""
    slabs, floor, ceiling = slabs_of(grid, scene)
    rows = np.vstack([scene.equal, slabs])
    low = np.concatenate([scene.equal_bound, floor])
    high = np.concatenate([scene.equal_bound, ceiling])
    ends = grid.ends(scene.first, scene.last)
    usable = ~grid.shares & np.array([not axis.names for axis in grid.axes]) & (scene.first < scene.last)
    spacing, span = np.array([_spacing(axis) for axis in grid.axes]), ends[1] - ends[0]
    reduced = rows.copy()
    chosen: list[int] = []
    used: list[int] = []
    for i, row in enumerate(rows):
        size = np.where(usable, np.abs(reduced[i]), 0.0)
        if size.max(initial=0.0) <= 1e-9 * np.abs(row).max(initial=0.0):
            continue
        # The column whose steps change the row least can hit it most exactly; among equals the widest.
        possible = np.flatnonzero(size > 1e-9 * size.max())
        effect = np.round(np.log10(size * spacing, where=size > 0, out=np.zeros(len(size))), 6)
        pivot = min(possible.tolist(), key=lambda j: (float(effect[j]), -float(size[j] * span[j])))
        reduced[i + 1 :] -= np.outer(reduced[i + 1 :, pivot] / reduced[i, pivot], reduced[i])
        usable[pivot] = False
        chosen.append(pivot)
        used.append(i)
    met = all(i in used or not rows[i, grid.shares].any() for i in range(len(scene.equal)))
    return Pivots(np.array(chosen, dtype=np.int64), rows[used], low[used], high[used], met)


def _spacing(axis: Axis) -> float:
    steps = [each.spacing for each in axis.segments if each.count > 1]
    return min(steps) if steps else (axis.high - axis.low) / max(axis.count - 1, 1)


def draw(grid: Grid, scene: Scenario, pivots: Pivots, n: int, rng: np.random.Generator) -> Indices:
    """Return at most n grid indices, unchecked but for the mixtures; fewer where mixtures are hard to fill."""
    k = np.empty((n, grid.dim), dtype=np.int64)
    for group in scene.groups:
        x = group.sample(n, rng)
        k = k[: len(x)]
        k[:, group.columns] = group.indices(x[: len(k)])
    n = len(k)
    for j in grid.alone.tolist():
        axis, first, last = grid.axes[j], scene.first[j], scene.last[j]
        if j in scene.options:
            k[:, j] = rng.choice(scene.options[j], n)
        elif first == last:
            k[:, j] = first
        else:
            ends = axis.position(np.array([first, last]))
            k[:, j] = np.clip(axis.nearest(ends[0] + (ends[1] - ends[0]) * rng.random(n)), first, last)
    if len(pivots.columns):
        _solve(grid, k, pivots, rng)
    return k


def _solve(grid: Grid, k: Indices, pivots: Pivots, rng: np.random.Generator) -> None:
    others = pivots.rows.copy()
    others[:, pivots.columns] = 0.0
    target = pivots.low + (pivots.high - pivots.low) * rng.random((len(k), len(pivots.low)))
    v = np.linalg.solve(pivots.rows[:, pivots.columns], (target - grid.values(k) @ others.T).T).T
    for i, j in enumerate(pivots.columns):
        k[:, j] = grid.axes[j].index(v[:, i])
