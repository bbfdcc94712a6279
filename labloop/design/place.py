"""From coded levels to experiments that can be run: every level on its grid, every rule kept or named.

Notation: ``runs`` (n, f) coded levels of the factors, or shares of a mixture; ``k`` (n, d) grid indices. A level c
of a number lies at the cube position (c + 1) / 2, on a log scale too; of a list of levels and of a choice it is
the value that far along the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.design.region import Region
from labloop.errors import InvalidTable, Problem
from labloop.space.axis import Array, Axis, Indices
from labloop.space.formula import holds
from labloop.space.mixture import Group

__all__ = ["Placed", "place", "place_blends", "settle"]

_LISTED = 12


@dataclass(frozen=True)
class Placed:
    """Where a design's runs lie.

    Attributes
    ----------
    k : (n, d) grid indices.
    wanted : (n, d) cube positions that the coded levels ask for.
    broken : by row, what forbids it; a row that is not there can be run.
    notes : which levels were moved onto the grid.
    """

    k: Indices
    wanted: Array
    broken: dict[int, tuple[str, ...]]
    notes: tuple[str, ...]


def place(region: Region, runs: Array) -> Placed:
    """Put coded levels (n, f), one column a factor of the region, onto the grid."""
    k = np.tile(region.based(), (len(runs), 1))
    wanted = region.grid.units(k)
    reasons: dict[int, list[str]] = {}
    notes: list[str] = []
    for column, j in enumerate(region.factors):
        axis, coded = region.axis(j), runs[:, column]
        if axis.names or axis.kind == "levels":
            along = (coded + 1.0) / 2.0 * (axis.count - 1)
            k[:, j] = np.clip(np.rint(along), 0, axis.count - 1)
            wanted[:, j] = axis.position(k[:, j])
        else:
            wanted[:, j] = (coded + 1.0) / 2.0
            k[:, j] = axis.nearest(wanted[:, j])
            notes += _moved(axis, wanted[:, j], k[:, j])
        for row in np.flatnonzero(np.abs(coded) > 1.0 + 1e-9):
            value = axis.raw(np.array([(coded[row] + 1.0) / 2.0]))[0]
            reasons.setdefault(int(row), []).append(
                f"{axis.name} {value:.4g} is outside its bounds {axis.low:g} to {axis.high:g}"
            )
        notes += _merged(axis, coded, k[:, j])
    return _checked(region, k, wanted, reasons, notes)


def place_blends(region: Region, shares: Array) -> Placed:
    """Put shares (n, q) of the region's one mixture onto the grid.

    Where components are never left out, the design covers what their least amounts leave (pseudo-components).
    """
    grid = region.grid
    group = next(g for g in grid.groups if set(g.columns.tolist()) & set(region.factors))
    active = [i for i, j in enumerate(group.columns) if int(j) in region.factors]
    least = np.where(group.required, group.low, 0)
    fixed = group.units(region.based()[group.columns][None])[0]
    fixed[active] = 0
    k = np.tile(region.based(), (len(shares), 1))
    left = group.total - least[active].sum() - fixed.sum()
    x = np.tile(fixed.astype(np.float64), (len(shares), 1))
    x[:, active] = least[active] + left * shares
    whole = _rounded(x, group, active)
    k[:, group.columns] = np.minimum(np.maximum(group.indices(whole), 0), grid.counts[group.columns] - 1)
    notes = [] if np.all(np.abs(whole - x) < 1e-6) else ["Shares were rounded to the steps of the mixture."]
    if least[active].sum():
        notes.append("Shares are of what the least amounts leave (pseudo-components).")
    reasons = {row: found for row in range(len(x)) if (found := _blend_reasons(region, group, whole[row]))}
    wanted = grid.units(k)
    wanted[:, group.columns] = x / group.total
    return _checked(region, k, wanted, reasons, notes)


def settle(region: Region, placed: Placed, *, repair: bool) -> tuple[Indices, tuple[str, ...]]:
    """Return runs that can all be run, and what was changed: refused unless ``repair``.

    Raises
    ------
    InvalidTable
        Naming every run that cannot be run and what forbids it.
    """
    if not placed.broken:
        return placed.k, ()
    if not repair:
        problems = [
            Problem(f"{_shown(region, placed.wanted[row])} cannot be run: {'; '.join(reasons)}", row=row + 1)
            for row, reasons in placed.broken.items()
        ]
        hint = "move these runs to the nearest that can be run: --repair; or a design made for the rules: d-optimal"
        raise InvalidTable("design", problems, hint=hint)
    k = placed.k.copy()
    fixed = {j: float(region.axis(j).position(np.array([v]))[0]) for j, v in region.held.items()}
    notes = []
    for row, reasons in placed.broken.items():
        u = np.clip(placed.wanted[row], 0.0, 1.0)
        k[row] = region.grid.nearest(region.space.nearest(u, fixed=fixed)[None])[0]
        here = region.grid.units(k[row : row + 1])[0]
        notes.append(
            f"Run {row + 1} ({_shown(region, placed.wanted[row])}) breaks {'; '.join(reasons)}: "
            f"{_shown(region, here)} is run instead."
        )
    return k, tuple(notes)


def _checked(region: Region, k: Indices, wanted: Array, reasons: dict[int, list[str]], notes: list[str]) -> Placed:
    grid = region.grid
    v = grid.values(k)
    columns = {name: v[:, j] for j, name in enumerate(grid.names)}
    for text, rule in zip(region.spec.constraints, grid.rules, strict=True):
        for row in np.flatnonzero(~holds(rule, columns, len(k))):
            reasons.setdefault(int(row), []).append(text)
    for row in np.flatnonzero(~grid.feasible(k)):
        if int(row) not in reasons:
            what = "it is not in the candidate table" if grid.table is not None else "the shares do not sum up"
            reasons[int(row)] = [what]
    return Placed(k, wanted, {row: tuple(reasons[row]) for row in sorted(reasons)}, tuple(dict.fromkeys(notes)))


def _moved(axis: Axis, wanted: Array, k: Indices) -> list[str]:
    """Say which values were moved by more than the digits that anybody sets."""
    notes = []
    for u in np.unique(wanted[(wanted >= 0) & (wanted <= 1)]):
        asked, got = axis.raw(np.array([u]))[0], axis.value(axis.nearest(np.array([u])))[0]
        if abs(axis.unit(np.array([got]))[0] - u) > 2e-3:
            notes.append(f"{axis.name} {asked:.4g} is not on its grid: {got:g} is used.")
    return (
        notes if len(k) and len(notes) <= _LISTED else [*notes[:1], f"{axis.name}: {len(notes)} values were rounded."]
    )


def _merged(axis: Axis, coded: Array, k: Indices) -> list[str]:
    levels = len(np.unique(np.round(coded[np.abs(coded) <= 1], 9)))
    kept = len(np.unique(k[np.abs(coded) <= 1]))
    if kept < min(levels, axis.count) and levels <= _LISTED:
        return [f"{axis.name}: the {levels} levels of the design become {kept} on its grid."]
    return []


def _rounded(x: Array, group: Group, active: list[int]) -> Indices:
    """Round amounts to strides so that the sum stays: the largest remainders are rounded up."""
    stride = group.stride.astype(np.float64)
    whole = np.floor(x / stride + 1e-9) * stride
    for row in range(len(x)):
        for _ in range(len(active)):
            short = group.total - whole[row].sum()
            rest = np.where(np.isin(np.arange(len(stride)), active), x[row] - whole[row], -np.inf)
            i = int(np.argmax(rest - (stride > short + 1e-9) * 1e12))
            if short < 1e-9 or stride[i] > short + 1e-9 or rest[i] <= 1e-9:
                break
            whole[row, i] += stride[i]
    return np.rint(whole).astype(np.int64)


def _blend_reasons(region: Region, group: Group, x: Indices) -> list[str]:
    reasons = []
    scale = group.amount / group.total
    present = int((x > 0).sum())
    for i, j in enumerate(group.columns):
        name = region.grid.names[j]
        if x[i] > group.high[i]:
            reasons.append(f"{name} {x[i] * scale:.4g} is more than its max {group.high[i] * scale:g}")
        elif 0 < x[i] < group.low[i]:
            reasons.append(f"{name} {x[i] * scale:.4g} is less than its min {group.low[i] * scale:g}")
    if present > group.at_most:
        reasons.append(f"{group.name} has at most {group.at_most} components, not {present}")
    if present < group.at_least:
        reasons.append(f"{group.name} has at least {group.at_least} components, not {present}")
    return reasons


def _shown(region: Region, u: Array) -> str:
    parts = []
    for j in region.factors:
        axis = region.axis(j)
        v = axis.raw(u[j : j + 1])[0]
        parts.append(f"{axis.name} {axis.names[int(v)] if axis.names else f'{v:.4g}'}")
    return ", ".join(parts)
