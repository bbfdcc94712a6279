"""The space in grid indices: what every sampler works on.

Notation: ``k`` (n, d) int64 grid indices, one row an experiment; ``v`` (n, d) raw values; ``u`` (n, d) cube.
"""

from __future__ import annotations

import numpy as np

from labloop.space.axis import Array, Axis, Bools, Indices, axis_of, choice_axis, levels_axis
from labloop.space.formula import AllOf, AnyOf, Curve, Tree, compile_rule, holds, numeric
from labloop.space.mixture import Group, group_of
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Component, Continuous, Integer, Levels
from labloop.spec.rules import Logic

__all__ = ["Grid"]

# Amounts in a table were rounded by whoever wrote it: a sum may be off by this part of the total.
_LISTED_SUM = 1e-6


class Grid:
    """Axes, mixtures and rules of one spec, over grid indices.

    Attributes
    ----------
    axes, counts : one a column; the number of values of each.
    groups : the mixtures; ``shares`` (d,) marks their columns, ``alone`` lists the others.
    rules, trees : the constraints over numbers, and compiled to atoms.
    table : (r, d) all rows of a candidate table, which then is the whole space; None without one.
    """

    def __init__(self, spec: Spec) -> None:
        self.names = tuple(spec.varied)
        self.dim = len(self.names)
        self.groups: list[Group] = []
        listed = spec.candidates is not None
        self.axes = _listed_axes(spec) if listed else self._axes(spec)
        self.counts = np.array([axis.count for axis in self.axes], dtype=np.int64)
        self.rules: list[Logic] = [numeric(spec, rule.tree) for rule in spec.rules]
        self.trees: list[Tree] = [compile_rule(rule, self.axes) for rule in self.rules]
        self.shares = np.zeros(self.dim, dtype=np.bool_)
        for group in self.groups:
            self.shares[group.columns] = True
        self.alone = np.flatnonzero(~self.shares)
        self.table = _rows(spec, self.axes) if listed else None
        self._members = {row.tobytes() for row in self.table} if self.table is not None else set()
        self._mixed = {
            name: (np.array([self.names.index(each) for each in spec.components(name)]), mixture)
            for name, mixture in spec.mixtures.items()
            if listed
        }

    @property
    def curved(self) -> bool:
        """Whether some comparison is not linear, so that a solver cannot know it."""
        return any(_curved(tree) for tree in self.trees)

    def _axes(self, spec: Spec) -> list[Axis]:
        axes: dict[str, Axis] = {}
        for name in spec.mixtures:
            columns = np.array([self.names.index(each) for each in spec.components(name)], dtype=np.int64)
            group, parts = group_of(spec, name, columns)
            self.groups.append(group)
            axes |= {axis.name: axis for axis in parts}
        for name, parameter in spec.varied.items():
            if isinstance(parameter, Continuous | Integer | Levels | Choice):
                axes[name] = axis_of(name, parameter)
        return [axes[name] for name in self.names]

    def values(self, k: Indices) -> Array:
        """Return raw values."""
        v = np.empty(k.shape)
        for j, axis in enumerate(self.axes):
            v[:, j] = axis.value(k[:, j])
        return v

    def ends(self, first: Indices, last: Indices) -> tuple[Array, Array]:
        """Return the raw values (d,) at two index vectors (d,)."""
        both = self.values(np.vstack([first, last]))
        return both[0], both[1]

    def units(self, k: Indices) -> Array:
        """Return cube positions."""
        u = np.empty(k.shape)
        for j, axis in enumerate(self.axes):
            u[:, j] = axis.position(k[:, j])
        return u

    def nearest(self, u: Array) -> Indices:
        """Return grid indices of cube positions, column by column: mixtures may be off their total."""
        k = np.empty(u.shape, dtype=np.int64)
        for j, axis in enumerate(self.axes):
            k[:, j] = axis.nearest(u[:, j])
        return k

    def distances(self, a: Array, b: Array) -> Array:
        """Return distances (n, m) between cube rows: root mean square of the gaps, 0 or 1 for choices."""
        total = np.zeros((len(a), len(b)))
        for j, axis in enumerate(self.axes):
            gap = a[:, j][:, None] - b[:, j][None]
            total += (np.abs(gap) > 1e-9) if axis.names else np.minimum(gap * gap, 1.0)
        return np.asarray(np.sqrt(total / self.dim))

    def listed(self, k: Indices) -> Bools:
        """Whether each row is a row of the candidate table."""
        return np.array([row.tobytes() in self._members for row in np.ascontiguousarray(k)], dtype=np.bool_)

    def mixed_rows(self, k: Indices) -> dict[str, Bools]:
        """Whether rows of a candidate table sum to each mixture's total with an allowed number of components."""
        v = self.values(k)
        found = {}
        for name, (columns, mixture) in self._mixed.items():
            present = (v[:, columns] > 0).sum(axis=1)
            ok = np.abs(v[:, columns].sum(axis=1) - mixture.total) <= _LISTED_SUM * mixture.total
            ok &= (present >= mixture.at_least) & (present <= (mixture.at_most or len(columns)))
            found[name] = ok
        return found

    def feasible(self, k: Indices) -> Bools:
        """Whether every mixture sums up, every rule holds and, where there is a table, the row is in it."""
        ok = np.ones(len(k), dtype=np.bool_) if self.table is None else self.listed(k)
        for group in self.groups:
            ok &= group.holds(group.units(k[:, group.columns]))
        v = self.values(k)
        if self.table is not None:
            for mixed in self.mixed_rows(k).values():
                ok &= mixed
        if not self.rules:
            return ok
        columns_of = {name: v[:, j] for j, name in enumerate(self.names)}
        for rule in self.rules:
            ok &= holds(rule, columns_of, len(k))
        return ok


def _curved(tree: Tree) -> bool:
    if isinstance(tree, AllOf | AnyOf):
        return any(_curved(part) for part in tree.parts)
    return isinstance(tree, Curve)


def _listed_axes(spec: Spec) -> list[Axis]:
    """Return axes whose grids are the values that appear in the candidate table."""
    table = spec.candidates
    assert table is not None
    axes = []
    for name, parameter in spec.varied.items():
        if isinstance(parameter, Choice):
            axes.append(choice_axis(name, parameter.names))
            continue
        column = table.columns.index(name)
        values = sorted({float(row[column]) for row in table.rows})
        match parameter:
            case Levels(levels=levels):
                bounds = (levels[0], levels[-1])
            case Continuous(bounds=(low, high)) | Integer(bounds=(low, high)):
                bounds = (float(low), float(high))
            case Component(mixture=group):
                bounds = (0.0, spec.mixtures[group].total)
            case _:
                raise AssertionError(name)
        log = getattr(parameter, "scale", "linear") == "log"
        axes.append(levels_axis(name, type(parameter).__name__.lower(), values, log=log, bounds=bounds))
    return axes


def _rows(spec: Spec, axes: list[Axis]) -> Indices:
    """Return the candidate table as grid indices, each row once, in its order."""
    table = spec.candidates
    assert table is not None
    k = np.empty((len(table.rows), len(axes)), dtype=np.int64)
    for j, axis in enumerate(axes):
        column = table.columns.index(axis.name)
        if axis.names:
            k[:, j] = [axis.names.index(str(row[column])) for row in table.rows]
        else:
            k[:, j] = axis.index(np.array([float(row[column]) for row in table.rows]))
    _, first = np.unique(k, axis=0, return_index=True)
    return k[np.sort(first)]
