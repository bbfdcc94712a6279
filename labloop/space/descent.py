"""Feasible points where rules are curved and rare: from many starts, smaller violations until there is none.

How far a rule is from holding is a number (a comparison's excess over its size, a conjunction's sum, a
disjunction's least); each start takes random grid steps and keeps those that bring it down.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloop.space.axis import Array, Indices
from labloop.space.draw import Pivots, draw
from labloop.space.formula import holds, sides
from labloop.space.grid import Grid
from labloop.space.scenario import Scenario
from labloop.spec.rules import And, Compare, Logic, Member, Not, Or

__all__ = ["TRIES", "descend"]

_STARTS = 256
_ROUNDS = 150
TRIES = _STARTS * (_ROUNDS + 1)


def descend(grid: Grid, scene: Scenario, pivots: Pivots, rng: np.random.Generator) -> Indices:
    """Return distinct feasible points of a scenario (m, d), at most one a start."""
    k = draw(grid, scene, pivots, 4 * _STARTS, rng)
    if not len(k):
        return k
    # Rules are weighed by how badly a typical draw violates them.
    each = np.stack([violation(rule, _columns(grid, k), len(k)) for rule in grid.rules], axis=1)
    scale = np.maximum(np.median(np.minimum(each, 1e100), axis=0), 1e-12)
    total = np.minimum(each / scale, 1e100).sum(axis=1)
    order = total.argsort(kind="stable")[:_STARTS]
    k, total = k[order], total[order]
    movable = np.array([j for j in grid.alone if scene.first[j] < scene.last[j]], dtype=np.int64)
    for turn in range(_ROUNDS):
        trial = k.copy()
        fresh = draw(grid, scene, pivots, len(k), rng)
        if len(fresh) < len(k):
            break
        _step(grid, scene, trial, fresh, movable, reach=0.3 * 0.95**turn, rng=rng)
        found = np.stack([violation(rule, _columns(grid, trial), len(k)) for rule in grid.rules], axis=1)
        score = np.minimum(found / scale, 1e100).sum(axis=1)
        better = score <= total
        k[better], total[better] = trial[better], score[better]
    return np.unique(k[grid.feasible(k)], axis=0)


def _step(
    grid: Grid, scene: Scenario, k: Indices, fresh: Indices, movable: Indices, *, reach: float, rng: np.random.Generator
) -> None:
    """Change each row in place: one or two columns by a normal step, or one mixture or choice altogether."""
    n = len(k)
    for group in scene.groups:
        again = np.flatnonzero(rng.random(n) < 0.2)
        k[np.ix_(again, group.columns)] = fresh[np.ix_(again, group.columns)]
    if not len(movable):
        return
    for _ in range(2):
        picked = rng.choice(movable, n)
        for j in movable:
            rows, axis = np.flatnonzero(picked == j), grid.axes[j]
            if axis.names:
                k[rows, j] = fresh[rows, j]
            else:
                u = axis.position(k[rows, j]) + reach * rng.standard_normal(len(rows))
                k[rows, j] = np.clip(axis.nearest(u), scene.first[j], scene.last[j])


def _columns(grid: Grid, k: Indices) -> dict[str, Array]:
    v = grid.values(k)
    return {name: v[:, j] for j, name in enumerate(grid.names)}


def violation(node: Logic, values: Mapping[str, Array], n: int, *, negated: bool = False) -> Array:
    """Return how far (n,) a numeric rule is from holding: 0 where it holds."""
    match node:
        case Not(part=part):
            return violation(part, values, n, negated=not negated)
        case And(parts=parts) | Or(parts=parts):
            found = np.stack([violation(part, values, n, negated=negated) for part in parts])
            every = isinstance(node, And) != negated
            return np.asarray(found.sum(axis=0) if every else found.min(axis=0))
        case Compare():
            truth = holds(node, values, n) != negated
            left, right = sides(node, values, n)
            gap = np.abs(left - right)
            return np.where(truth, 0.0, np.where(np.isfinite(gap), gap, 1e100) + 1e-9)
        case Member():
            raise AssertionError(node)  # `in` was written out by `numeric`
