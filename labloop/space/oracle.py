"""Is there a feasible grid point at all, and where do extreme ones lie? Asked of a mixed-integer solver (HiGHS).

Every parameter is bounded, so the rules' logic over linear atoms becomes big-M rows with one 0/1 variable a
branch; choices are one-hot, grid segments count in integers, components switch on and off. Curves are left out: a
point found is therefore checked exactly, and only ``nothing found`` over linear atoms alone is a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from labloop.space.axis import Array, Indices
from labloop.space.formula import AllOf, AnyOf, Curve, Never, Options, Row, Tree
from labloop.space.grid import Grid

__all__ = ["Found", "Oracle"]

# `<` stays this part of a grid step away from its bound: more than the solver's tolerance of 1e-6.
_STRICT = 1e-5
_UNSOLVED = 1


@dataclass(frozen=True)
class Found:
    """What the solver said: a point (grid indices), or none; ``proved`` where that is certain."""

    point: Indices | None
    proved: bool


@dataclass
class _Program:
    """Columns and rows of a mixed-integer program while it is written."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def column(self, low: float, high: float, *, whole: bool) -> int:
        self.low.append(low)
        self.high.append(high)
        self.whole.append(int(whole))
        return len(self.low) - 1

    def row(self, entries: Mapping[int, float], low: float, high: float) -> None:
        self.rows.append(dict(entries))
        self.least.append(low)
        self.most.append(high)

    def copy(self) -> _Program:
        """Return a program that can be added to without changing this one."""
        return _Program(*(list(getattr(self, each.name)) for each in fields(self)))

    def solve(self, cost: Mapping[int, float], seconds: float) -> tuple[Array | None, bool]:
        """Return the solution and whether the answer is certain."""
        c = np.zeros(len(self.low))
        for column, value in cost.items():
            c[column] = value
        constraints = []
        if self.rows:
            entries = [(i, j, a) for i, row in enumerate(self.rows) for j, a in row.items()]
            i, j, a = zip(*entries, strict=True)
            matrix = csr_matrix((a, (i, j)), shape=(len(self.rows), len(self.low)))
            constraints.append(LinearConstraint(matrix, self.least, self.most))
        found = milp(
            c,
            integrality=np.array(self.whole),
            bounds=Bounds(np.array(self.low), np.array(self.high)),
            constraints=constraints,
            options={"time_limit": seconds},
        )
        return found.x, found.status != _UNSOLVED


@dataclass(frozen=True)
class _Columns:
    """Where a parameter lives in the program: ``v = constant + sum(weights)``; one switch a segment or option."""

    value: Mapping[int, float]
    constant: float
    switches: tuple[int, ...]
    counters: tuple[int, ...]


class Oracle:
    """The program of one grid under some of its rules.

    Parameters
    ----------
    trees : the rules that count; all of the grid's if not given.
    mixtures : positions of the mixtures that count; all if not given.
    margin : how far, in units of the finest grid step, inequalities stay away from their bound.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        trees: Sequence[Tree] | None = None,
        mixtures: Sequence[int] | None = None,
        margin: float = 0.0,
    ) -> None:
        self.grid, self.margin = grid, margin
        self.program = _Program()
        self.columns = [self._parameter(j) for j in range(grid.dim)]
        for position in range(len(grid.groups)):
            if mixtures is None or position in mixtures:
                self._mixture(position)
        for tree in grid.trees if trees is None else trees:
            self._require(tree, None)

    def _parameter(self, j: int) -> _Columns:
        axis, program = self.grid.axes[j], self.program
        if axis.names:
            switches = [program.column(0, 1, whole=True) for _ in axis.names]
            program.row(dict.fromkeys(switches, 1.0), 1, 1)
            return _Columns({s: float(i) for i, s in enumerate(switches)}, 0.0, tuple(switches), ())
        if len(axis.segments) == 1:
            only = axis.segments[0]
            counter = program.column(0, only.count - 1, whole=True)
            return _Columns({counter: only.spacing}, only.low, (), (counter,))
        value: dict[int, float] = {}
        switches, counters = [], []
        for segment in axis.segments:
            switch = program.column(0, 1, whole=True)
            counter = program.column(0, segment.count - 1, whole=True)
            if segment.count > 1:
                program.row({counter: 1.0, switch: 1.0 - segment.count}, -np.inf, 0)
            value[switch] = segment.low
            value[counter] = segment.spacing if segment.count > 1 else 0.0
            switches.append(switch)
            counters.append(counter)
        program.row(dict.fromkeys(switches, 1.0), 1, 1)
        return _Columns(value, 0.0, tuple(switches), tuple(counters))

    def _mixture(self, position: int) -> None:
        """Sum up in units, where every coefficient is a whole number, and count what is present."""
        group = self.grid.groups[position]
        total: dict[int, float] = {}
        constant = 0.0
        present: dict[int, float] = {}
        always = 0
        for i, j in enumerate(group.columns):
            columns = self.columns[j]
            stride, base = float(group.stride[i]), float(group.base[i])
            if not group.optional[i]:
                always += 1
                total[columns.counters[0]] = stride
                constant += base
            elif len(columns.switches) == 2:
                total[columns.counters[1]] = stride
                total[columns.switches[1]] = base
                present[columns.switches[1]] = 1.0
        self.program.row(total, group.total - constant, group.total - constant)
        if present:
            self.program.row(present, group.at_least - always, group.at_most - always)

    def _require(self, tree: Tree, gate: int | None) -> None:
        """Demand a tree; with a gate only where that 0/1 variable is 1."""
        match tree:
            case AllOf(parts=parts):
                for part in parts:
                    self._require(part, gate)
            case AnyOf(parts=parts):
                gates = [self.program.column(0, 1, whole=True) for _ in parts]
                entries = dict.fromkeys(gates, 1.0)
                if gate is not None:
                    entries[gate] = -1.0
                self.program.row(entries, 1 if gate is None else 0, np.inf)
                for part, each in zip(parts, gates, strict=True):
                    self._require(part, each)
            case Options(column=j, allowed=allowed):
                entries = {self.columns[j].switches[i]: 1.0 for i in allowed}
                if gate is not None:
                    entries[gate] = -1.0
                self.program.row(entries, 1 if gate is None else 0, np.inf)
            case Never():
                self.program.row({} if gate is None else {gate: 1.0}, *((1, 1) if gate is None else (0, 0)))
            case Row():
                self._linear(tree, gate)
            case Curve():
                pass

    def _linear(self, row: Row, gate: int | None) -> None:
        entries, constant, least, most = {}, 0.0, 0.0, 0.0
        for j in np.flatnonzero(row.coefficients):
            a, axis = row.coefficients[j], self.grid.axes[j]
            constant += a * self.columns[j].constant
            for column, weight in self.columns[j].value.items():
                entries[column] = a * weight
            ends = (a * axis.segments[0].low, a * axis.segments[-1].high)
            least, most = least + min(ends), most + max(ends)
        scale = 1.0 / max((abs(a) for a in entries.values()), default=1.0)
        finest = 1.0 / scale
        inside = 0.0 if row.equal else max(self.margin, _STRICT if row.strict else 0.0) * finest
        bound = row.bound - inside
        entries = {column: a * scale for column, a in entries.items()}
        high, low = (bound - constant) * scale, (row.bound - constant) * scale
        if gate is None:
            self.program.row(entries, low if row.equal else -np.inf, high)
            return
        self.program.row(entries | {gate: (most - bound) * scale}, -np.inf, high + (most - bound) * scale)
        if row.equal:
            self.program.row(entries | {gate: (least - bound) * scale}, low + (least - bound) * scale, np.inf)

    def point(
        self, cost: Array | None = None, *, fixed: Mapping[int, int] | None = None, seconds: float = 2.0
    ) -> Found:
        """Return a point that minimises ``cost @ v`` (any, if not given), columns ``fixed`` to grid indices."""
        program = self._pinned(fixed or {})
        weights: dict[int, float] = {}
        for j, columns in enumerate(self.columns):
            for column, weight in columns.value.items():
                if cost is not None:
                    weights[column] = weights.get(column, 0.0) + float(cost[j]) * weight
        x, certain = program.solve(weights, seconds)
        return Found(None if x is None else self._indices(x), certain)

    def _pinned(self, fixed: Mapping[int, int]) -> _Program:
        program = self.program.copy()
        for j, k in fixed.items():
            columns, axis = self.columns[j], self.grid.axes[j]
            if axis.names:
                program.low[columns.switches[k]] = 1.0
                continue
            before = 0
            for s, segment in enumerate(axis.segments):
                if before <= k < before + segment.count:
                    counter = columns.counters[s]
                    program.low[counter] = program.high[counter] = float(k - before)
                    if columns.switches:
                        program.low[columns.switches[s]] = 1.0
                before += segment.count
        return program

    def _indices(self, x: Array) -> Indices:
        k = np.zeros(self.grid.dim, dtype=np.int64)
        for j, columns in enumerate(self.columns):
            axis = self.grid.axes[j]
            if axis.names:
                k[j] = int(np.argmax(x[list(columns.switches)]))
            elif not columns.switches:
                k[j] = round(x[columns.counters[0]])
            else:
                s = int(np.argmax(x[list(columns.switches)]))
                k[j] = sum(each.count for each in axis.segments[:s]) + round(x[columns.counters[s]])
        return k
