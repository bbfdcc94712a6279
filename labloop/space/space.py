"""The space of experiments: conditions <-> points of the unit cube, and where feasible ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labloop.errors import InvalidInput, NothingToSuggest, did_you_mean
from labloop.records import Conditions, Value
from labloop.space.axis import Array, Bools, Indices
from labloop.space.grid import Grid
from labloop.space.sampler import Sampler
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant

__all__ = ["Column", "Space"]

Fixed = Mapping[int, float]
_LISTED = 1000


@dataclass(frozen=True)
class Column:
    """One column of the cube: what a planner needs to know about it.

    ``count`` is the number of grid values; ``levels`` their cube positions, increasing, where there are at most 1,000 (empty otherwise).
    """

    name: str
    kind: str
    count: int
    hard: bool
    levels: tuple[float, ...]


class Space:
    """The space of one spec; see the module."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._grid = Grid(spec)
        self._samplers: dict[tuple[tuple[int, int], ...], Sampler] = {}
        self.names = self._grid.names
        self.dim = len(self.names)
        self.columns = tuple(self._column(j) for j in range(self.dim))
        self.hard = tuple(j for j, column in enumerate(self.columns) if column.hard)

    def _column(self, j: int) -> Column:
        axis = self._grid.axes[j]
        levels = tuple(axis.position(np.arange(axis.count)).tolist()) if axis.count <= _LISTED else ()
        hard = getattr(self.spec.parameters[axis.name], "change", "easy") == "hard"
        return Column(axis.name, axis.kind, axis.count, hard, levels)

    def encode(self, conditions: Sequence[Conditions]) -> Array:
        u = np.empty((len(conditions), self.dim))
        for j, axis in enumerate(self._grid.axes):
            v = np.array([self._number(each, j) for each in conditions], dtype=np.float64)
            u[:, j] = axis.unit(v)
        return u

    def _number(self, conditions: Conditions, j: int) -> float:
        axis = self._grid.axes[j]
        if axis.name not in conditions:
            raise InvalidInput(
                f"no value for {axis.name}", hint="give every parameter that varies", field=axis.name
            )
        value = conditions[axis.name]
        if axis.names:
            if value not in axis.names:
                raise InvalidInput(
                    f"{axis.name} has no choice {value!r}",
                    hint=did_you_mean(str(value), axis.names),
                    field=axis.name,
                )
            return float(axis.names.index(str(value)))
        if isinstance(value, str):
            raise InvalidInput(f"{axis.name} is {value!r}, expected a number", field=axis.name)
        return float(value)

    def decode(self, cube: Array, *, snap: bool = True) -> list[dict[str, Value]]:
        k = self._snapped(np.asarray(cube, dtype=np.float64)) if snap else None
        columns: dict[str, list[Value]] = {}
        for j, axis in enumerate(self._grid.axes):
            v = axis.value(k[:, j]) if k is not None else axis.rounded(axis.raw(cube[:, j]))
            if axis.names:
                columns[axis.name] = [axis.names[int(each)] for each in v]
            elif axis.kind == "integer" and snap:
                columns[axis.name] = [int(each) for each in v]
            else:
                columns[axis.name] = v.tolist()
        for name, parameter in self.spec.proposed.items():
            if isinstance(parameter, Constant):
                columns[name] = [parameter.value] * len(cube)
        order = list(self.spec.proposed)
        return [{name: columns[name][i] for name in order} for i in range(len(cube))]

    def _snapped(self, cube: Array) -> Indices:
        grid = self._grid
        k = grid.nearest(cube)
        for group in grid.groups:
            x = group.units(k[:, group.columns])
            bad = np.flatnonzero(~group.holds(x))
            if len(bad):
                wanted = cube[np.ix_(bad, group.columns)] * group.total
                k[np.ix_(bad, group.columns)] = group.indices(group.project(wanted, np.random.default_rng(0)))
        return k

    def snap(self, cube: Array) -> Array:
        return self._grid.units(self._snapped(np.asarray(cube, dtype=np.float64)))

    def feasible(self, cube: Array) -> Bools:
        return self._grid.feasible(self._grid.nearest(np.asarray(cube, dtype=np.float64)))

    def raw(self, cube: Array) -> dict[str, np.ndarray]:
        conditions = self.decode(cube)
        return {name: np.array([each[name] for each in conditions]) for name in self.spec.proposed}

    def sample(self, n: int, rng: np.random.Generator, *, fixed: Fixed | None = None) -> Array:
        sampler = self._sampler(fixed)
        if sampler.empty:
            raise NothingToSuggest("no feasible experiment was found", hint="relax a constraint")
        return self._grid.units(sampler.sample(n, rng))

    def _sampler(self, fixed: Fixed | None) -> Sampler:
        pinned = {int(j): int(self._grid.axes[j].nearest(np.array([u]))[0]) for j, u in (fixed or {}).items()}
        key = tuple(sorted(pinned.items()))
        if key not in self._samplers:
            self._samplers[key] = Sampler(self._grid, pinned)
        return self._samplers[key]

    def spread(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        avoid: Array | None = None,
        pool: int = 2000,
        fixed: Fixed | None = None,
    ) -> Array:
        rows = np.unique(self.sample(pool, rng, fixed=fixed), axis=0)
        rows = rows[rng.permutation(len(rows))]
        near = (
            self.distances(rows, avoid).min(axis=1)
            if avoid is not None and len(avoid)
            else np.full(len(rows), 9.0)
        )
        chosen: list[int] = []
        while len(chosen) < n and near.max() > 1e-9:
            i = int(near.argmax())
            chosen.append(i)
            near = np.minimum(near, self.distances(rows, rows[i : i + 1])[:, 0])
        return rows[chosen]

    def enumerate(self, limit: int) -> Array | None:
        if np.prod(self._grid.counts.astype(float)) > limit:
            return None
        k = (
            np.array(np.meshgrid(*[np.arange(c) for c in self._grid.counts], indexing="ij"))
            .reshape(self.dim, -1)
            .T
        )
        return self._grid.units(k[self._grid.feasible(k)])

    def nearest(self, cube_row: Array, *, fixed: Fixed | None = None) -> Array:
        rows = np.vstack(
            [self.snap(np.asarray(cube_row)[None]), self.sample(512, np.random.default_rng(0), fixed=fixed)]
        )
        rows = rows[self.feasible(rows)]
        return rows[self.distances(rows, np.asarray(cube_row)[None])[:, 0].argmin()]

    def move(self, cube_rows: Array, rng: np.random.Generator, scale: float) -> Array:
        rows = np.array(cube_rows, dtype=np.float64)
        done = np.zeros(len(rows), dtype=bool)
        for _ in range(20):
            trial = self.snap(
                np.clip(rows + scale * rng.standard_normal(rows.shape) * (rng.random(rows.shape) < 0.5), 0, 1)
            )
            ok = self.feasible(trial) & ~done
            rows[ok] = trial[ok]
            done |= ok
        return rows

    def distances(self, a: Array, b: Array) -> Array:
        total = np.zeros((len(a), len(b)))
        for j, axis in enumerate(self._grid.axes):
            gap = a[:, j][:, None] - b[:, j][None]
            total += (np.abs(gap) > 1e-9) if axis.names else np.minimum(gap * gap, 1.0)
        return np.sqrt(total / self.dim)
