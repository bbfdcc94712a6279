"""The space of experiments: conditions <-> points of the unit cube, and where feasible ones are.

A cube row has one entry a varied parameter, in the order of ``Spec.varied``: numbers lie where their value lies
between the bounds (linearly, or by logarithm), option i of k at (i + 1/2) / k, a component at its share of the
total. Executed values off the grid or outside the bounds encode just the same. Every value proposed lies on its
parameter's grid; see `labloop.space.axis` for which that is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from labloop.errors import InvalidInput, NothingToSuggest, did_you_mean
from labloop.records import Conditions, Value
from labloop.space.axis import Array, Axis, Bools, Indices
from labloop.space.codes import Lookup, first_of_each
from labloop.space.depth import Depth
from labloop.space.finite import enumerate_grid
from labloop.space.grid import Grid
from labloop.space.linear import LinearRules, linear_rules
from labloop.space.move import Neighbours
from labloop.space.near import nearest_point
from labloop.space.sampler import Sampler
from labloop.space.scenario import base_scenario
from labloop.space.spread import maxpro
from labloop.space.table import Listed
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant

__all__ = ["Column", "Space"]

Fixed = Mapping[int, float]
_Pins = tuple[tuple[int, int], ...]
_LEVELS_SHOWN = 1000
_DONORS = 256
_MARGIN = 0.05
_MIDDLE = 1024
_SMALL = 50_000
_SAME = 1e-6


@dataclass(frozen=True)
class Column:
    """What a planner needs to know about one column of the cube.

    Attributes
    ----------
    name, kind : the parameter's; kind is ``continuous``, ``integer``, ``levels``, ``choice`` or ``component``.
    count : how many values the grid has.
    hard : the same value across a batch.
    levels : cube positions of all grid values, increasing, where there are at most 1,000; otherwise empty.
    """

    name: str
    kind: str
    count: int
    hard: bool
    levels: tuple[float, ...]


class Space:
    """Conditions <-> cube, and feasible points of one spec.

    All methods are pure: with generators in the same state the same calls give the same rows, whatever was
    called before. Cubes are float64 (n, dim).
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._grid = Grid(spec)
        self._listed = None if self._grid.table is None else Listed(self._grid, self._grid.table)
        self._donated: dict[_Pins, Indices] = {}
        self._samplers: dict[_Pins, Sampler] = {}
        self.names = self._grid.names
        self.dim = len(self.names)
        self.columns = tuple(self._column(axis) for axis in self._grid.axes)
        self.hard = tuple(j for j, column in enumerate(self.columns) if column.hard)

    def _column(self, axis: Axis) -> Column:
        levels = tuple(axis.position(np.arange(axis.count)).tolist()) if axis.count <= _LEVELS_SHOWN else ()
        hard = getattr(self.spec.parameters[axis.name], "change", "easy") == "hard"
        return Column(axis.name, axis.kind, axis.count, hard, levels)

    def encode(self, conditions: Sequence[Conditions]) -> Array:
        """Return conditions as a cube; values off the grid or outside the bounds too.

        On a log scale, a value not above 0 lies where a thousandth of the lower bound does.

        Raises
        ------
        InvalidInput
            If a parameter has no value, or one of the wrong kind.
        """
        u = np.empty((len(conditions), self.dim))
        for j, axis in enumerate(self._grid.axes):
            u[:, j] = axis.unit(np.array([_number(each, axis) for each in conditions], dtype=np.float64))
        return u

    def decode(self, cube: Array, *, snap: bool = True) -> list[dict[str, Value]]:
        """Return a cube as conditions, constants included, in the order of the spec.

        With ``snap`` every value lies on its grid and mixtures sum to their total. Without, numbers are what was
        encoded, to 12 digits of the parameter's range.
        """
        rows = np.asarray(cube, dtype=np.float64)
        k = self._snapped(rows) if snap else np.empty((0, self.dim), dtype=np.int64)
        columns: dict[str, list[Value]] = {}
        for j, axis in enumerate(self._grid.axes):
            v = axis.value(k[:, j]) if snap else axis.rounded(axis.raw(rows[:, j]))
            if axis.names:
                columns[axis.name] = [axis.names[int(each)] for each in v]
            elif axis.kind == "integer" and (snap or bool(np.all(v == np.rint(v)))):
                columns[axis.name] = [int(each) for each in v]
            else:
                columns[axis.name] = v.tolist()
        for name, parameter in self.spec.proposed.items():
            if isinstance(parameter, Constant):
                columns[name] = [parameter.value] * len(rows)
        return [{name: columns[name][i] for name in self.spec.proposed} for i in range(len(rows))]

    def snap(self, cube: Array) -> Array:
        """Put each row on the grid; mixtures keep their sum, how many are present, and each amount 0 or >= min.

        Constraints are not asked for. A candidate table's rows are its grid.
        """
        return self._grid.units(self._snapped(np.asarray(cube, dtype=np.float64)))

    def _snapped(self, rows: Array) -> Indices:
        grid = self._grid
        if self._listed is not None:
            return self._listed.snapped(rows)
        k = grid.nearest(rows)
        for group in grid.groups:
            bad = np.flatnonzero(~group.holds(group.units(k[:, group.columns])))
            if len(bad):
                wanted = rows[np.ix_(bad, group.columns)] * group.total
                k[np.ix_(bad, group.columns)] = group.indices(group.project(wanted))
        return k

    def feasible(self, cube: Array) -> Bools:
        """Whether the conditions at each row's nearest grid values satisfy every mixture and every rule, (n,)."""
        return self._grid.feasible(self._grid.nearest(np.asarray(cube, dtype=np.float64)))

    def raw(self, cube: Array) -> dict[str, npt.NDArray[Any]]:
        """Return the grid values nearest to each row, by parameter, constants included: floats, or texts (n,)."""
        k = self._grid.nearest(np.asarray(cube, dtype=np.float64))
        found: dict[str, npt.NDArray[Any]] = {}
        for j, axis in enumerate(self._grid.axes):
            v = axis.value(k[:, j])
            found[axis.name] = np.array(axis.names, dtype=object)[v.astype(np.int64)] if axis.names else v
        for name, parameter in self.spec.proposed.items():
            if isinstance(parameter, Constant):
                word = isinstance(parameter.value, str)
                found[name] = np.full(len(k), parameter.value, dtype=object if word else np.float64)
        return {name: found[name] for name in self.spec.proposed}

    def sample(self, n: int, rng: np.random.Generator, *, fixed: Fixed | None = None) -> Array:
        """Return n feasible grid points (n, dim), roughly uniform in the cube; ``fixed`` pins columns.

        Every branch of a condition gets its share, however thin (``if additive == "none" then amount == 0``).
        Rows may repeat, often where the space is small.

        Raises
        ------
        NothingToSuggest
            If no feasible experiment is found.
        """
        return self._grid.units(self._sample(n, rng, fixed))

    def _sample(self, n: int, rng: np.random.Generator, fixed: Fixed | None) -> Indices:
        if self._listed is None:
            return self._sampler(fixed).sample(n, rng)
        return self._listed.sample(self._rows(self._listed, fixed), n, rng)

    def _pinned(self, fixed: Fixed | None) -> dict[int, int]:
        return {int(j): int(self._grid.axes[j].nearest(np.array([u]))[0]) for j, u in (fixed or {}).items()}

    def _sampler(self, fixed: Fixed | None) -> Sampler:
        pinned = self._pinned(fixed)
        key = tuple(sorted(pinned.items()))
        if key not in self._samplers:
            self._samplers[key] = Sampler(self._grid, pinned)
        if self._samplers[key].empty:
            raise self._nothing(fixed)
        return self._samplers[key]

    def _nothing(self, fixed: Fixed | None) -> NothingToSuggest:
        pinned = ", ".join(f"{self.names[j]} = {self._shown(j, u)}" for j, u in (fixed or {}).items())
        where = f" with {pinned}" if pinned else ""
        return NothingToSuggest(
            f"no feasible experiment was found{where}",
            hint="relax a constraint, or check the bounds" if not pinned else "let another value be chosen",
        )

    def _shown(self, j: int, u: float) -> str:
        axis = self._grid.axes[j]
        v = axis.value(axis.nearest(np.array([u])))[0]
        return axis.names[int(v)] if axis.names else f"{v:g}"

    def _rows(self, listed: Listed, fixed: Fixed | None) -> Indices:
        rows = listed.rows(self._pinned(fixed))
        if not len(rows):
            raise self._nothing(fixed)
        return rows

    def middle(self, rng: np.random.Generator) -> Array | None:
        """Return the feasible grid point (dim,) nearest the centre of the region, choices at random.

        The centre is the middle of every range, and the mean over the region of what rules or a mixture tie together.
        None where every column is a choice.

        Raises
        ------
        NothingToSuggest
            If no feasible experiment is found.
        """
        numbers = [j for j, axis in enumerate(self._grid.axes) if not axis.names]
        if not numbers:
            return None
        rows = self.sample(_MIDDLE, rng)
        row = rows[0].copy()
        row[numbers] = np.where(self.linear().tied, rows.mean(axis=0), 0.5)[numbers]
        return self.nearest(row)

    def spread(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        avoid: Array | None = None,
        pool: int = 2048,
        fixed: Fixed | None = None,
    ) -> Array:
        """Return n distinct feasible grid points that fill the space, away from ``avoid`` (m, dim).

        Fewer than n only where the space has no more. Points keep off the bounds of fine-grained columns.

        Raises
        ------
        NothingToSuggest
            If no feasible experiment is found.
        """
        known = np.empty((0, self.dim)) if avoid is None else np.asarray(avoid, dtype=np.float64)
        k = self._fresh(self._sample(max(pool, 8 * n), rng, fixed), known)
        if len(k) < 2 * n and (every := self._every(fixed)) is not None:
            k = self._fresh(every[rng.permutation(len(every))], known)
        rows = self._grid.units(k)
        inside = self._inside(rows)
        if inside.sum() >= max(8 * n, 64):
            rows = rows[inside]
        return rows[maxpro(rows, n, self._grid.axes, known)]

    def _fresh(self, k: Indices, known: Array) -> Indices:
        """Return distinct rows that are none of the known ones, in order."""
        k = k[first_of_each(k)]
        near = self._grid.nearest(known)
        # What was executed beside a grid point leaves the point itself open, as everywhere in the planner.
        taken = near[(np.abs(self._grid.units(near) - known) < _SAME).all(axis=1)]
        return k[~Lookup(taken)(k)] if len(taken) else k

    def _every(self, fixed: Fixed | None) -> Indices | None:
        if self._listed is not None:
            return self._rows(self._listed, fixed)
        return enumerate_grid(self._grid, _SMALL, self._pinned(fixed))

    def _inside(self, rows: Array) -> Bools:
        fine = [j for j in self._grid.alone if not self._grid.axes[j].names and self._grid.axes[j].count > 20]
        return np.asarray((np.abs(rows[:, fine] - 0.5) <= 0.5 - _MARGIN).all(axis=1))

    def enumerate(self, limit: int) -> Array | None:
        """Return all feasible grid points (m, dim); None where there are too many to list.

        Too many: more than ``limit`` combinations before constraints, those of a mixture being the ones that
        sum to its total. A candidate table is listed whatever its length, and cannot be written to.
        """
        if self._listed is not None:
            return self._listed.u
        k = enumerate_grid(self._grid, limit, {})
        return None if k is None else self._grid.units(k)

    def nearest(self, cube_row: Array, *, fixed: Fixed | None = None) -> Array:
        """Return a feasible grid point (dim,) near a cube row, the row's own grid point where that is feasible.

        Raises
        ------
        NothingToSuggest
            If no feasible experiment is found.
        """
        row = np.array(cube_row, dtype=np.float64)
        for j, axis in enumerate(self._grid.axes):
            if axis.names:
                row[j] = axis.position(axis.nearest(row[j : j + 1]))[0]
        for j, u in (fixed or {}).items():
            row[j] = u
        if self._listed is not None:
            rows = self._grid.units(self._rows(self._listed, fixed))
            return np.asarray(rows[int(self.distances(rows, row[None])[:, 0].argmin())])
        k = self._snapped(row[None])
        pinned = self._pinned(fixed)
        if all(k[0, j] == value for j, value in pinned.items()) and self._grid.feasible(k)[0]:
            return np.asarray(self._grid.units(k)[0])
        k = nearest_point(self._grid, row, pinned, self._donors(fixed), self._neighbours)
        return np.asarray(self._grid.units(k[None])[0])

    @cached_property
    def _neighbours(self) -> Neighbours:
        return Neighbours(self._grid, base_scenario(self._grid), self._donors)

    def _donors(self, fixed: Fixed | None = None) -> Indices:
        # The same whenever asked for, so that a move depends on its own generator alone.
        key = tuple(sorted(self._pinned(fixed).items()))
        if key not in self._donated:
            self._donated[key] = self._sample(_DONORS, np.random.default_rng(0), fixed)
        return self._donated[key]

    def move(
        self, cube_rows: Array, rng: np.random.Generator, scale: float | Array, *, held: Collection[int] = ()
    ) -> Array:
        """Return a random feasible neighbour of each row (n, dim), about ``scale`` away in one to three columns.

        ``scale`` is one for all rows, or one a row (n,). Columns in ``held`` keep their values. A row without a
        neighbour in reach comes back as it is; an infeasible row starts from the nearest feasible point.
        """
        rows = np.asarray(cube_rows, dtype=np.float64)
        k = self._grid.nearest(rows)
        lost = np.flatnonzero(~self._grid.feasible(k))
        for i in lost:
            k[i] = self._grid.nearest(self.nearest(rows[i], fixed={j: rows[i, j] for j in held})[None])[0]
        scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(rows))
        if self._listed is not None:
            return self._listed.moved(self._grid.units(k), rng, scale, held)
        return self._grid.units(self._neighbours.move(k, rng, scale, held))

    def distances(self, a: Array, b: Array) -> Array:
        """Return distances (n, m) in [0, 1]: root mean square over columns of the gap, 0 or 1 for choices."""
        return self._grid.distances(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))

    def depth(self, cube: Array) -> Array:
        """Return how far inside the region of bounds, mixtures and linear rules rows lie (n,): 1 centre, 0 boundary.

        See `labloop.space.depth`. Columns in which all rows agree are not looked at.
        """
        return self._depth(np.asarray(cube, dtype=np.float64))

    @cached_property
    def _depth(self) -> Depth:
        return Depth(self._grid, self.linear(), self._grid.units(self._donors()))

    def linear(self) -> LinearRules:
        """Return what is linear in the cube as matrices, and what is not in words."""
        return linear_rules(self.spec, self._grid)


def _number(conditions: Conditions, axis: Axis) -> float:
    if axis.name not in conditions:
        raise InvalidInput(
            f"no value for {axis.name}", hint="give a value for every parameter that varies", field=axis.name
        )
    value = conditions[axis.name]
    if axis.names:
        if value not in axis.places:
            hint = did_you_mean(str(value), axis.names)
            raise InvalidInput(f"{axis.name} has no choice {value!r}", hint=hint, field=axis.name)
        return float(axis.places[str(value)])
    if isinstance(value, str) or not np.isfinite(value):
        raise InvalidInput(f"{axis.name} is {value!r}, expected a number", field=axis.name)
    return float(value)
