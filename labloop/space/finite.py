"""All feasible points of a small space."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloop.space.axis import Indices
from labloop.space.grid import Grid
from labloop.space.mixture import Group

__all__ = ["enumerate_grid"]


def enumerate_grid(grid: Grid, limit: int, fixed: Mapping[int, int]) -> Indices | None:
    """Return all feasible rows (m, d); None where there are more than ``limit`` combinations before constraints.

    The combinations of a mixture are those that sum to its total.
    """
    columns: list[Indices] = []
    blocks: list[Indices] = []
    size = 1
    for group in grid.groups:
        x = _compositions(group, limit // size)
        if x is None:
            return None
        k = group.indices(x)
        for i, j in enumerate(group.columns):
            if int(j) in fixed:
                k = k[k[:, i] == fixed[int(j)]]
        columns.append(group.columns)
        blocks.append(k)
        size *= len(k)
    for j in grid.alone:
        count = 1 if int(j) in fixed else int(grid.counts[j])
        size *= count
        if size > limit:
            return None
        columns.append(np.array([j]))
        blocks.append(np.array([[fixed[int(j)]]]) if int(j) in fixed else np.arange(count)[:, None])
    if size > limit:
        return None
    k = np.empty((size, grid.dim), dtype=np.int64)
    inner = 1
    for column, block in zip(columns, blocks, strict=True):
        rows = np.repeat(block, inner, axis=0)
        k[:, column] = np.tile(rows, (size // max(len(rows), 1), 1)) if size else rows[:0]
        inner *= len(block)
    return k[grid.feasible(k)]


def _compositions(group: Group, limit: int) -> Indices | None:
    """Return all amounts (m, parts) that sum to the total, most components first to fail; None if over limit."""
    low = np.where(group.required, group.low, 0)
    x = np.zeros((1, 0), dtype=np.int64)
    for i in range(len(group.columns)):
        steps = np.arange(group.low[i], group.high[i] + 1, group.stride[i]) if group.high[i] else np.zeros(0, np.int64)
        values = steps if group.required[i] else np.concatenate([[0], steps]).astype(np.int64)
        left = group.total - x.sum(axis=1)
        least, most = left - group.high[i + 1 :].sum(), left - low[i + 1 :].sum()
        first = np.searchsorted(values, least, side="left")
        count = np.maximum(np.searchsorted(values, most, side="right") - first, 0)
        # Every partial sum that can still be completed leads to at least one whole row, steps permitting.
        if (size := int(count.sum())) > 4 * limit + 1000:
            return None
        row = np.repeat(np.arange(len(x)), count)
        value = np.arange(size) - np.repeat(np.cumsum(count) - count, count) + first[row]
        x = np.column_stack([x[row], values[value]])
    x = x[group.holds(x)]
    return x if len(x) <= limit else None
