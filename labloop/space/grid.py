"""The space in grid indices: what every sampler works on.

Notation: ``k`` (n, d) int64 grid indices, one row an experiment; ``v`` (n, d) raw values; ``u`` (n, d) cube.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labloop.space.axis import Array, Axis, Bools, Indices, axis_of, levels_axis
from labloop.space.formula import Tree, compile_rule, holds, numeric
from labloop.space.mixture import Group, group_of
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Component
from labloop.spec.rules import Logic

__all__ = ["Grid"]


class Grid:
    """Axes, mixtures and rules of one spec, over grid indices."""

    def __init__(self, spec: Spec) -> None:
        self.names = tuple(spec.varied)
        self.dim = len(self.names)
        self.groups: list[Group] = []
        axes: dict[str, Axis] = {}
        for name in spec.mixtures:
            columns = np.array([self.names.index(each) for each in spec.components(name)], dtype=np.int64)
            group, parts = group_of(spec, name, columns)
            self.groups.append(group)
            axes |= {axis.name: axis for axis in parts}
        for name, parameter in spec.varied.items():
            if not isinstance(parameter, Component):
                axes[name] = axis_of(name, parameter)  # type: ignore[arg-type]
        self.axes = [axes[name] for name in self.names]
        self.counts = np.array([axis.count for axis in self.axes], dtype=np.int64)
        self.rules: list[Logic] = [numeric(spec, rule.tree) for rule in spec.rules]
        self.trees: list[Tree] = [compile_rule(rule, self.axes) for rule in self.rules]
        grouped = {int(j) for group in self.groups for j in group.columns}
        self.alone = np.array([j for j in range(self.dim) if j not in grouped], dtype=np.int64)

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

    def feasible(self, k: Indices) -> Bools:
        """Whether every mixture sums up and every rule holds."""
        ok = np.ones(len(k), dtype=np.bool_)
        for group in self.groups:
            ok &= group.holds(group.units(k[:, group.columns]))
        v = self.values(k)
        columns = {name: v[:, j] for j, name in enumerate(self.names)}
        for rule in self.rules:
            ok &= holds(rule, columns, len(k))
        return ok
