"""From the unit cube to the model's features.

========================= =================================================== ==================
cube column               features                                            groups
========================= =================================================== ==================
number (any kind)         the cube's value                                    one
choice                    one-hot of width sqrt(1/2): options lie 1 apart     one, a named one
choice with descriptors   principal components of the standardised            one each, and a
                          descriptors, and the one-hot residual               named one
covariate                 (value - median) / range of the data                one
========================= =================================================== ==================

Descriptors are standardised over the options and reduced to the components that carry 95 % of their
variance, at most `COMPONENTS`; each is divided by the range of the first, so the most telling direction
spans the cube's length 1. The residual (Deshwal & Doppa style per-level deviation) lets an option differ
from what its descriptors say. A library of more than `LIBRARY` described options has none (hardly any option is
ever tried twice, and a one-hot block grows with the square of their number), and keeps four times the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labloop.planner.kernel import Array, Layout
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice

__all__ = ["LIBRARY", "Features", "features_of"]

COMPONENTS = 4
LIBRARY = 200


@dataclass(frozen=True)
class Features:
    """The map from (cube, covariates) to features.

    Attributes
    ----------
    layout : groups of features.
    tables : by cube column, one row of features per option; None for numbers.
    smooth : cube columns that a gradient may move, and ``moved``, their features.
    numbers : the features that are numbers of the cube, and their names.
    median, span : of the covariates.
    """

    layout: Layout
    tables: tuple[Array | None, ...]
    smooth: npt.NDArray[np.intp]
    moved: npt.NDArray[np.intp]
    numbers: Mapping[int, str]
    median: Array
    span: Array

    def __call__(self, cube: Array, covariates: Array | None = None) -> Array:
        """Return features (n, F) of rows (n, d); at the median covariates unless given (n, c)."""
        parts = []
        for j, table in enumerate(self.tables):
            column = cube[:, j]
            if table is None:
                parts.append(column[:, None])
            else:
                option = np.clip((column * len(table)).astype(np.intp), 0, len(table) - 1)
                parts.append(table[option])
        if len(self.median):
            given = np.tile(self.median, (len(cube), 1)) if covariates is None else covariates
            parts.append((given - self.median) / self.span)
        return np.hstack(parts)


def features_of(spec: Spec, space: Space, covariates: Array, median: Array) -> Features:
    """Lay out the features of a campaign; ``covariates`` (n, c) as measured give their scale."""
    tables: list[Array | None] = []
    group: list[int] = []
    named: list[bool] = []
    smooth, moved = [], []
    numbers: dict[int, str] = {}
    for j, column in enumerate(space.columns):
        parameter = spec.parameters[column.name]
        if isinstance(parameter, Choice):
            reduced = _reduced(parameter)
            for _ in range(reduced.shape[1]):
                group.append(len(named))
                named.append(False)
            if reduced.shape[1] and len(parameter.names) > LIBRARY:
                tables.append(reduced)
                continue
            onehot = np.eye(len(parameter.names)) * 0.5**0.5
            tables.append(np.hstack([reduced, onehot]))
            group.extend([len(named)] * onehot.shape[1])
            named.append(True)
            continue
        if column.kind in ("continuous", "component"):
            smooth.append(j)
            moved.append(len(group))
        numbers[len(group)] = column.name
        tables.append(None)
        group.append(len(named))
        named.append(False)
    span = np.ptp(covariates, axis=0) if len(covariates) else np.zeros(len(median))
    for _ in median:
        group.append(len(named))
        named.append(False)
    layout = Layout(np.array(group, dtype=np.intp), np.array(named, dtype=np.bool_))
    return Features(
        layout,
        tuple(tables),
        np.array(smooth, dtype=np.intp),
        np.array(moved, dtype=np.intp),
        numbers,
        median,
        np.where(span > 0, span, 1.0),
    )


def _reduced(parameter: Choice) -> Array:
    """Return (options, components) of the descriptors; no columns where there are none that vary."""
    described = parameter.descriptors
    if not described:
        return np.zeros((len(parameter.names), 0))
    names = sorted(next(iter(described.values())))
    raw = np.array([[described[option][name] for name in names] for option in parameter.names], dtype=np.float64)
    spread = raw.std(axis=0)
    raw, spread = raw[:, spread > 0], spread[spread > 0]
    if not len(spread):
        return np.zeros((len(parameter.names), 0))
    u, s, _ = np.linalg.svd((raw - raw.mean(axis=0)) / spread, full_matrices=False)
    share = np.cumsum(s**2) / np.sum(s**2)
    most = COMPONENTS * (4 if len(raw) > LIBRARY else 1)
    kept = min(int(np.searchsorted(share, 0.95) + 1), most)
    scores = u[:, :kept] * s[:kept]
    return np.asarray(scores / np.ptp(scores[:, 0]))
