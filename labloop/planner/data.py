"""What was observed, as arrays: one table per outcome, replicates collapsed, failures labelled.

Rows that agree in their executed conditions (to 1e-6 of the cube) and in their covariates are one row: its
value is the mean of r measurements, whose variance is noise / r. What the replicates say about the noise is
pooled: s2 = sum of squares within rows / sum (r - 1), kept as s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from labloop.planner.kernel import Array
from labloop.records import Conditions, Experiment, FailureKind, Status
from labloop.space import Space
from labloop.space.codes import Codes, codes_of
from labloop.spec.models import Spec

__all__ = ["Data", "Table", "gather", "keys_of"]

_CHUNK = 65_536


@dataclass(frozen=True)
class Table:
    """One outcome, rows that are the same experiment merged.

    Attributes
    ----------
    cube, covariates : (n, d), (n, c) where it was measured.
    y, repeats, spreads : (n,) mean of the replicates, their number, their standard deviation (0 of one alone).
    within, freedom : the pooled standard deviation, and its degrees of freedom.
    """

    cube: Array
    covariates: Array
    y: Array
    repeats: Array
    spreads: Array
    within: float = 0.0
    freedom: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def part(self, chosen: npt.NDArray[np.intp]) -> Table:
        """Return the table of some of its rows; the pooled noise stays what all of them say."""
        if len(chosen) == len(self):
            return self
        return replace(
            self,
            cube=self.cube[chosen],
            covariates=self.covariates[chosen],
            y=self.y[chosen],
            repeats=self.repeats[chosen],
            spreads=self.spreads[chosen],
        )


@dataclass(frozen=True)
class Data:
    """Everything a plan learns from.

    Attributes
    ----------
    tables : by outcome; an outcome never measured has an empty table.
    works : whether conditions work at all: 1 where an experiment gave a result, -1 where it was infeasible;
        None while nothing was infeasible.
    tried : (t, d) conditions not to be proposed again, and ``numbers``, of their experiments.
    pending : (p, d) conditions in flight.
    median : (c,) the covariates at which candidates are predicted.
    """

    tables: dict[str, Table]
    works: Table | None
    tried: Array
    pending: Array
    median: Array
    numbers: tuple[int, ...] = ()

    @property
    def known(self) -> Array:
        """Tried and pending conditions, (t + p, d)."""
        return np.vstack([self.tried, self.pending])


def keys_of(rows: Array) -> Codes:
    """Return, for (n, d) rows, the numbers (n,) that two of them share exactly when they are the same experiment."""
    chunks = [codes_of(np.rint(1e6 * rows[i : i + _CHUNK]).astype(np.int64)) for i in range(0, len(rows), _CHUNK)]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *chunks])


def gather(spec: Spec, space: Space, observed: Sequence[Experiment], pending: Sequence[Conditions]) -> Data:
    """Turn experiments into arrays; what gave no result by accident (equipment, operator, qc) teaches nothing."""
    cubes = _encode(space, [each.executed for each in observed])
    covariates, median = _covariates(spec, observed)
    tables = {name: _table(name, observed, cubes, covariates, median) for name in spec.outcomes}
    broken = [_is_infeasible(each) for each in observed]
    done = [bool(each.observations) for each in observed]
    works = None
    if any(broken):
        chosen = [i for i in range(len(observed)) if broken[i] or done[i]]
        label = np.array([-1.0 if broken[i] else 1.0 for i in chosen])
        middle = np.tile(median, (len(chosen), 1))
        works = _collapse(cubes[chosen], middle, label)
    accident = [each.status is Status.FAILED and not broken[i] for i, each in enumerate(observed)]
    tried = cubes[[not each for each in accident]] if len(cubes) else cubes
    numbers = tuple(each.number for each, lost in zip(observed, accident, strict=True) if not lost)
    return Data(tables, works, tried, _encode(space, pending), median, numbers)


def _encode(space: Space, conditions: Sequence[Conditions]) -> Array:
    if not conditions:
        return np.zeros((0, space.dim))
    return np.asarray(space.encode(conditions), dtype=np.float64)


def _is_infeasible(experiment: Experiment) -> bool:
    return experiment.status is Status.INFEASIBLE or experiment.failure is FailureKind.INFEASIBLE


def _covariates(spec: Spec, observed: Sequence[Experiment]) -> tuple[list[Array], Array]:
    """Return each experiment's covariates by observation, NaN where not measured, and their medians."""
    names = spec.covariates
    found = []
    for each in observed:
        values = [[o.covariates.get(name, math.nan) for name in names] for o in each.observations]
        found.append(np.array(values, dtype=np.float64).reshape(len(each.observations), len(names)))
    stacked = np.vstack([np.zeros((0, len(names))), *found])
    median = np.zeros(len(names))
    for j in range(len(names)):
        column = stacked[:, j]
        measured = column[np.isfinite(column)]
        median[j] = float(np.median(measured)) if len(measured) else 0.0
    return found, median


def _table(name: str, observed: Sequence[Experiment], cubes: Array, covariates: list[Array], median: Array) -> Table:
    rows, extra, values = [], [], []
    for i, experiment in enumerate(observed):
        for j, observation in enumerate(experiment.observations):
            value = observation.outcomes.get(name)
            if value is None or not math.isfinite(value):
                continue
            rows.append(cubes[i])
            extra.append(np.where(np.isfinite(covariates[i][j]), covariates[i][j], median) if len(median) else median)
            values.append(float(value))
    if not rows:
        empty = np.zeros(0)
        return Table(np.zeros((0, cubes.shape[1])), np.zeros((0, len(median))), empty, empty, empty)
    return _collapse(np.array(rows), np.array(extra), np.array(values))


def _collapse(cube: Array, covariates: Array, y: Array) -> Table:
    """Merge equal rows, in order of first appearance."""
    places: dict[tuple[int, bytes], int] = {}
    keys = zip(keys_of(cube).tolist(), covariates, strict=True)
    merged = np.array([places.setdefault((key, extra.tobytes()), len(places)) for key, extra in keys])
    repeats = np.bincount(merged).astype(np.float64)
    means = np.bincount(merged, y) / repeats
    residuals, freedom = y - means[merged], len(y) - len(means)
    spreads = _pooled(residuals, merged, repeats - 1.0)
    within = _pooled(residuals, np.zeros_like(merged), np.array([float(freedom)]))
    first = np.unique(merged, return_index=True)[1]
    return Table(cube[first], covariates[first], means, repeats, spreads, float(within[0]), freedom)


def _pooled(residuals: Array, group: npt.NDArray[np.intp], freedom: Array) -> Array:
    """Return the standard deviation (g,) that each group's residuals show; squared in units of the largest of it."""
    largest = np.zeros(len(freedom))
    np.maximum.at(largest, group, np.abs(residuals))
    # So that no square leaves float64.
    shares = residuals / np.where(largest > 0, largest, 1.0)[group]
    return np.asarray(largest * np.sqrt(np.bincount(group, shares**2) / np.maximum(freedom, 1.0)))
