"""Constraints as matrices over the cube, for whoever optimises there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.space.axis import Array, Bools
from labloop.space.formula import AllOf, Row, Tree
from labloop.space.grid import Grid
from labloop.spec.models import Spec

__all__ = ["LinearRules", "linear_rules"]


@dataclass(frozen=True)
class LinearRules:
    """``upper @ u <= upper_bound`` and ``equal @ u == equal_bound`` over cube rows u (dim,).

    ``others`` lists, in words, what those rows do not say: conditions, curves, logarithmic columns, grids with a
    gap between 0 and a least amount, limits on how many components are present. Empty: the matrices (and the
    grid) are the whole truth.
    """

    upper: Array
    upper_bound: Array
    equal: Array
    equal_bound: Array
    others: tuple[str, ...]

    @property
    def tied(self) -> Bools:
        """Which columns (dim,) rules or a mixture tie to others; the rest of the region is a box."""
        return np.asarray((self.upper != 0).any(axis=0) | (self.equal != 0).any(axis=0))


def linear_rules(spec: Spec, grid: Grid) -> LinearRules:
    """Translate rows over raw values into rows over the cube."""
    log = np.array([axis.log for axis in grid.axes], dtype=np.bool_)
    low = np.array([axis.low for axis in grid.axes])
    span = np.array([axis.high - axis.low for axis in grid.axes])
    upper: list[tuple[Array, float]] = []
    equal: list[tuple[Array, float]] = []
    others: list[str] = []
    for text, tree in zip(spec.constraints, grid.trees, strict=True):
        parts: tuple[Tree, ...] = tree.parts if isinstance(tree, AllOf) else (tree,)
        for part in parts:
            if isinstance(part, Row) and not (np.array(part.coefficients) != 0)[log].any():
                a = np.array(part.coefficients)
                (equal if part.equal else upper).append((a * span, part.bound - float(a @ low)))
            elif text not in others:
                others.append(text)
    for group in grid.groups:
        equal.append((grid_row(group.columns, grid.dim), 1.0))
        if group.at_most < len(group.columns) or group.at_least > max(int(group.required.sum()), 1):
            others.append(f"{group.name}: {group.at_least} to {group.at_most} components are present")
        gaps = [
            grid.names[j] for i, j in enumerate(group.columns) if group.optional[i] and group.low[i] > group.stride[i]
        ]
        others.extend(f"{name} is 0 or at least its min" for name in gaps)
    if grid.table is not None:
        others.append("only the rows of the candidate table")
    return LinearRules(*_stacked(upper, grid.dim), *_stacked(equal, grid.dim), tuple(others))


def grid_row(columns: Array | np.ndarray, dim: int) -> Array:
    """Return a row (dim,) with ones at some columns."""
    row = np.zeros(dim)
    row[columns] = 1.0
    return row


def _stacked(rows: list[tuple[Array, float]], dim: int) -> tuple[Array, Array]:
    return np.array([row for row, _ in rows]).reshape(-1, dim), np.array([bound for _, bound in rows])
