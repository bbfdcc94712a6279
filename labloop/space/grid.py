"""The space in grid indices: what every sampler works on.

Notation: ``k`` (n, d) int64 grid indices, one row an experiment; ``v`` (n, d) raw values; ``u`` (n, d) cube.
"""

from __future__ import annotations

import numpy as np

from labloop.space.axis import Array, Axis, Bools, Indices, ListedAxis, axis_of, choice_axis
from labloop.space.codes import Lookup, first_of_each
from labloop.space.formula import AllOf, AnyOf, Curve, Tree, compile_rule, holds, numeric
from labloop.space.mixture import Group, group_of
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Component, Continuous, Integer, Levels
from labloop.spec.rules import Logic

__all__ = ["Grid"]

# Amounts in a table were rounded by whoever wrote it: a sum may be off by this part of the total.
_LISTED_SUM = 1e-6
_CHUNK = 65_536


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
        self.table: Indices | None = None
        if listed:
            self.axes, self.table = _listed(spec)
        else:
            self.axes = self._axes(spec)
        self.counts = np.array([axis.count for axis in self.axes], dtype=np.int64)
        self.rules: list[Logic] = [numeric(spec, rule.tree) for rule in spec.rules]
        self.trees: list[Tree] = [compile_rule(rule, self.axes) for rule in self.rules]
        self.shares = np.zeros(self.dim, dtype=np.bool_)
        for group in self.groups:
            self.shares[group.columns] = True
        self.alone = np.flatnonzero(~self.shares)
        self._members = Lookup(self.table) if self.table is not None else None
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
        return np.ones(len(k), dtype=np.bool_) if self._members is None else self._members(k)

    def mixed_rows(self, k: Indices) -> dict[str, Bools]:
        """Whether rows of a candidate table sum to each mixture's total with an allowed number of components."""
        found: dict[str, Bools] = {}
        if not self._mixed:
            return found
        v = self.values(k)
        for name, (columns, mixture) in self._mixed.items():
            present = (v[:, columns] > 0).sum(axis=1)
            ok = np.abs(v[:, columns].sum(axis=1) - mixture.total) <= _LISTED_SUM * mixture.total
            ok &= (present >= mixture.at_least) & (present <= (mixture.at_most or len(columns)))
            found[name] = ok
        return found

    def feasible(self, k: Indices) -> Bools:
        """Whether every mixture sums up, every rule holds and, where there is a table, the row is in it."""
        if len(k) > _CHUNK:
            return np.concatenate([self.feasible(k[i : i + _CHUNK]) for i in range(0, len(k), _CHUNK)])
        ok = self.listed(k)
        for group in self.groups:
            ok &= group.holds(group.units(k[:, group.columns]))
        for mixed in self.mixed_rows(k).values():
            ok &= mixed
        if not self.rules:
            return ok
        v = self.values(k)
        columns_of = {name: v[:, j] for j, name in enumerate(self.names)}
        for rule in self.rules:
            ok &= holds(rule, columns_of, len(k))
        return ok


def _curved(tree: Tree) -> bool:
    if isinstance(tree, AllOf | AnyOf):
        return any(_curved(part) for part in tree.parts)
    return isinstance(tree, Curve)


def _listed(spec: Spec) -> tuple[list[Axis], Indices]:
    """Return a candidate table's axes, whose grids are the values that appear in it, and its rows, each once."""
    table = spec.candidates
    assert table is not None
    axes: list[Axis] = []
    k = np.empty((len(table.rows), len(spec.varied)), dtype=np.int64)
    for j, (name, parameter) in enumerate(spec.varied.items()):
        column = table.columns.index(name)
        if isinstance(parameter, Choice):
            axes.append(choice_axis(name, parameter.names))
            position = {option: i for i, option in enumerate(parameter.names)}
            k[:, j] = [position[str(row[column])] for row in table.rows]
            continue
        values, k[:, j] = np.unique(np.array([row[column] for row in table.rows], np.float64), return_inverse=True)
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
        axes.append(ListedAxis(name, type(parameter).__name__.lower(), values, bounds=bounds, log=log))
    first = first_of_each(k)
    return axes, k if len(first) == len(k) else k[first]
