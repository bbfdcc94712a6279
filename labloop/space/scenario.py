"""The feasible set as a union of simpler ones: one branch of every disjunction, bounds made tight.

``if additive == "none" then amount == 0`` holds on two sets of different dimension; drawing from the whole box
would never meet the second. Each branch becomes a `Scenario`: index bounds, allowed options, linear rows and
tightened mixtures. What a scenario does not capture (curves, disjunctions beyond the limit) is left to the exact
check that everything drawn goes through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labloop.space.axis import Array, Indices
from labloop.space.formula import AllOf, AnyOf, Curve, Never, Options, Row, Tree, all_of
from labloop.space.grid import Grid
from labloop.space.mixture import Group

__all__ = ["Scenario", "base_scenario", "scenarios"]

LIMIT = 32
_PASSES = 4


@dataclass(frozen=True)
class Scenario:
    """One branch; see the module.

    Attributes
    ----------
    first, last : (d,) the least and the largest grid index of each column.
    options : allowed grid indices of each choice column.
    upper, upper_bound : (r, d) and (r,) rows ``upper @ v <= upper_bound``.
    equal, equal_bound : (q, d) and (q,) rows ``equal @ v == equal_bound``, the mixtures' sums not among them.
    groups : the mixtures within the bounds.
    share : the part of all combinations of options that is allowed.
    """

    first: Indices
    last: Indices
    options: Mapping[int, Indices]
    upper: Array
    upper_bound: Array
    equal: Array
    equal_bound: Array
    groups: tuple[Group, ...]
    share: float


def scenarios(grid: Grid, fixed: Mapping[int, int]) -> list[Scenario]:
    """Return the branches that are not empty at first sight; ``fixed`` maps columns to grid indices."""
    whole = all_of(grid.trees)
    if isinstance(whole, Never):
        return []
    parts = whole.parts if isinstance(whole, AllOf) else (whole,)
    found = [scene] if (scene := _scenario(grid, parts, fixed)) else []
    branches = [parts]
    while found:
        disjunction = _next(branches)
        if disjunction is None:
            break
        wider = [more for branch in branches for more in _split(grid, branch, disjunction)]
        scenes = [(branch, scene) for branch in wider if (scene := _scenario(grid, branch, fixed))]
        if len(scenes) > LIMIT:
            break
        branches, found = [branch for branch, _ in scenes], [scene for _, scene in scenes]
    return found


def base_scenario(grid: Grid) -> Scenario:
    """Return what holds in every branch; where that contradicts itself, the whole grid without rules."""
    whole = all_of(grid.trees)
    parts = whole.parts if isinstance(whole, AllOf) else (whole,)
    found = _scenario(grid, [part for part in parts if isinstance(part, Row | Options)], {})
    if found is None:
        found = _scenario(grid, [], {})
    assert found is not None  # only a mixture that cannot be filled gets here, and the sampler refused it before
    return found


def _next(branches: Sequence[tuple[Tree, ...]]) -> AnyOf | None:
    """Return the disjunction to resolve next: those with an equality first, they are hardest to hit."""
    waiting = [part for branch in branches for part in branch if isinstance(part, AnyOf)]
    return next((each for each in waiting if _thin(each)), waiting[0] if waiting else None)


def _thin(tree: Tree) -> bool:
    match tree:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return any(_thin(part) for part in parts)
        case Row(equal=equal) | Curve(equal=equal):
            return equal
    return False


def _split(grid: Grid, branch: tuple[Tree, ...], disjunction: AnyOf) -> list[tuple[Tree, ...]]:
    """Return the branch once for each part; later parts exclude the options of earlier ones."""
    if disjunction not in branch:
        return [branch]
    rest = tuple(each for each in branch if each != disjunction)
    found: list[tuple[Tree, ...]] = []
    excluded: list[Tree] = []
    for part in disjunction.parts:
        merged = all_of([*rest, *excluded, part])
        if not isinstance(merged, Never):
            found.append(merged.parts if isinstance(merged, AllOf) else (merged,))
        if isinstance(part, Options):
            every = frozenset(range(grid.axes[part.column].count))
            excluded.append(Options(part.column, every - part.allowed))
        elif isinstance(part, Row) and not part.equal:
            excluded.append(Row(tuple(-a for a in part.coefficients), -part.bound, strict=not part.strict))
    return found


def _scenario(grid: Grid, parts: Sequence[Tree], fixed: Mapping[int, int]) -> Scenario | None:
    first, last = np.zeros(grid.dim, dtype=np.int64), grid.counts - 1
    for j, k in fixed.items():
        first[j] = last[j] = k
    options, share = _options(grid, parts, fixed)
    rows = [each for each in parts if isinstance(each, Row)]
    upper = [row for row in rows if not row.equal]
    equal = [row for row in rows if row.equal]
    sums = [(each.sum_row(grid.dim), each.amount) for each in grid.groups]
    a = _matrix([*(r.coefficients for r in upper), *(s * r for r in _both(equal, sums) for s in (1.0, -1.0))], grid.dim)
    b = np.array([*(r.bound for r in upper), *(s * t for t in _totals(equal, sums) for s in (1.0, -1.0))])
    if share == 0 or not _tighten(grid, first, last, a, b):
        return None
    groups = [group.tightened(first[group.columns], last[group.columns]) for group in grid.groups]
    if any(group is None for group in groups):
        return None
    return Scenario(
        first=first,
        last=last,
        options=options,
        upper=_matrix([r.coefficients for r in upper], grid.dim),
        upper_bound=np.array([r.bound for r in upper]),
        equal=_matrix([r.coefficients for r in equal], grid.dim),
        equal_bound=np.array([r.bound for r in equal]),
        groups=tuple(group for group in groups if group is not None),
        share=share,
    )


def _both(equal: Sequence[Row], sums: Sequence[tuple[Array, float]]) -> list[Array]:
    return [*(np.array(row.coefficients) for row in equal), *(row for row, _ in sums)]


def _totals(equal: Sequence[Row], sums: Sequence[tuple[Array, float]]) -> list[float]:
    return [*(row.bound for row in equal), *(total for _, total in sums)]


def _matrix(rows: Sequence[object], dim: int) -> Array:
    return np.array(rows, dtype=np.float64).reshape(-1, dim)


def _options(grid: Grid, parts: Sequence[Tree], fixed: Mapping[int, int]) -> tuple[dict[int, Indices], float]:
    found: dict[int, Indices] = {}
    share = 1.0
    for j, axis in enumerate(grid.axes):
        if not axis.names:
            continue
        allowed = {fixed[j]} if j in fixed else set(range(axis.count))
        free = len(allowed)
        for part in parts:
            if isinstance(part, Options) and part.column == j:
                allowed &= part.allowed
        found[j] = np.array(sorted(allowed), dtype=np.int64)
        share *= len(allowed) / free
    return found, share


def _tighten(grid: Grid, first: Indices, last: Indices, a: Array, b: Array) -> bool:
    """Narrow the index bounds in place to what the rows ``a @ v <= b`` leave; False where that is nothing."""
    axes = grid.axes
    for _ in range(_PASSES):
        low = np.array([float(axis.value(first[j])) for j, axis in enumerate(axes)])
        high = np.array([float(axis.value(last[j])) for j, axis in enumerate(axes)])
        before = (first.copy(), last.copy())
        for row, bound in zip(a, b, strict=True):
            least = np.where(row > 0, row * low, row * high)
            slack = bound + 1e-9 * (1 + abs(bound) + np.abs(least).sum()) - least.sum()
            if slack < 0:
                return False
            for j in np.flatnonzero(row):
                axis = axes[j]
                edge = np.array([(least[j] + slack) / row[j]])
                k = int(axis.floor(edge)[0])
                if row[j] > 0:
                    if float(axis.value(np.array([k]))[0]) > edge[0] + 1e-9 * (1 + abs(edge[0])):
                        return False
                    last[j] = min(last[j], k)
                else:
                    below = float(axis.value(np.array([k]))[0]) < edge[0] - 1e-9 * (1 + abs(edge[0]))
                    first[j] = max(first[j], min(k + below, axis.count - 1))
        if (first > last).any():
            return False
        if (before[0] == first).all() and (before[1] == last).all():
            break
    return True
