"""Feasible points where draws find none: corners of a scenario, from the solver, for chains to start from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloop.space.axis import Indices
from labloop.space.formula import Options, Row, Tree
from labloop.space.grid import Grid
from labloop.space.oracle import Oracle
from labloop.space.scenario import Scenario

__all__ = ["corners"]

_CORNERS = 6
_SECONDS = 2.0
# The solver may be off by 1e-6 of a grid step, the rules by 1e-9 of their bound: then ask again, further inside.
_MARGINS = (0.0, 1e-4, 0.3)


def corners(grid: Grid, scene: Scenario, fixed: Mapping[int, int], rng: np.random.Generator) -> Indices:
    """Return a few feasible points of a scenario, as far apart as random costs push them; (0, d) where none is."""
    trees = [*grid.trees, *_atoms(scene)]
    span = np.maximum(np.ptp(np.vstack(grid.ends(scene.first, scene.last)), axis=0), 1e-300)
    found: list[Indices] = []
    for margin in _MARGINS:
        oracle = Oracle(grid, trees=trees, margin=margin)
        for _ in range(_CORNERS):
            answer = oracle.point(rng.standard_normal(grid.dim) / span, fixed=fixed, seconds=_SECONDS)
            if answer.point is None:
                return np.array(found, dtype=np.int64).reshape(-1, grid.dim)
            if grid.feasible(answer.point[None])[0]:
                found.append(answer.point)
        if found:
            break
    return np.array(found, dtype=np.int64).reshape(-1, grid.dim)


def _atoms(scene: Scenario) -> list[Tree]:
    rows = [Row(tuple(row), float(b)) for row, b in zip(scene.upper, scene.upper_bound, strict=True)]
    rows += [Row(tuple(row), float(b), equal=True) for row, b in zip(scene.equal, scene.equal_bound, strict=True)]
    options = [Options(j, frozenset(int(k) for k in allowed)) for j, allowed in scene.options.items()]
    return [*rows, *options]
