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
    found: list[tuple[Array, float, float]] = []
    for row, bound in zip(scene.upper, scene.upper_bound, strict=True):
        if np.count_nonzero(row) < 2:
            continue
        least, most = np.minimum(row * low, row * high).sum(), np.maximum(row * low, row * high).sum()
        scale = np.abs(row).max()
        floor = least
        for other, limit in zip(scene.upper, scene.upper_bound, strict=True):
            size = np.abs(other).max()
            if size > 0 and np.abs(row / scale + other / size).max() < 1e-9:
                floor = max(floor, -limit * scale / size)
        if most > least and (min(bound, most) - floor) < _THIN * (most - least):
            found.append((row, floor, min(bound, most)))
    kept: list[tuple[Array, float, float]] = []
    for row, floor, bound in found:
        unit = row / np.abs(row).max()
        if all(min(np.abs(unit - o).max(), np.abs(unit + o).max()) > 1e-9 for o in (r / np.abs(r).max() for r, *_ in kept)):
            kept.append((row, floor, bound))
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
    free = [j for j in grid.alone if not grid.axes[j].names and scene.first[j] < scene.last[j]]
    spacing = np.array([_spacing(grid.axes[j]) for j in free])
    reduced = rows.copy()
    chosen: list[int] = []
    used: list[int] = []
    for i in range(len(rows)):
        size = np.abs(reduced[i, free])
        size[[free.index(j) for j in chosen]] = 0.0
        if not len(size) or size.max() <= 1e-12 * max(np.abs(rows[i]).max(), 1e-300):
            continue
        # The column whose steps change the row least can hit it most exactly; among equals the widest.
        effect = np.where(size > 1e-9 * size.max(), size * spacing, np.inf)
        span = size * np.array([float(np.ptp(grid.axes[j].value(np.array([scene.first[j], scene.last[j]])))) for j in free])
        best = min(range(len(free)), key=lambda c: (round(float(np.log10(effect[c])), 6) if np.isfinite(effect[c]) else 99.0, -span[c]))
        pivot = free[best]
        reduced[i + 1 :] -= np.outer(reduced[i + 1 :, pivot] / reduced[i, pivot], reduced[i])
        chosen.append(int(pivot))
        used.append(i)
    open_ = [i for i in range(len(scene.equal)) if i not in used and np.count_nonzero(rows[i, grid.shares]) > 0]
    return Pivots(np.array(chosen, dtype=np.int64), rows[used], low[used], high[used], not open_)


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
    for j in grid.alone:
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
