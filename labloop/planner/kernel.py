"""The covariance: Matern-5/2 over numbers, times an exponential of disagreement over names.

Notation (all float64)
----------------------
F features, G groups of features, n and m rows; ``group`` (F,) names each feature's group, ``named`` (G,)
marks the groups that hold the one-hot columns of a choice; ``scale`` (G,) the lengthscales l_g.

    r2(x, x') = sum over numeric groups of |x_g - x'_g|^2 / l_g^2
    s(x, x')  = sum over named groups of [x_g != x'_g] / l_g
    k(x, x')  = (1 + sqrt5 r + 5/3 r2) exp(-sqrt5 r) exp(-s),     k(x, x) = 1

Matern-5/2: Rasmussen & Williams (2006), eq. 4.17. The factor of one choice, exp(-[a != b] / l), is the
exchangeable categorical kernel (BoTorch's ``CategoricalKernel`` without its division by the number of
columns); the product over choices and numbers lets every effect depend on every other one, at one scale each.
A one-hot block of width sqrt(1/2) has squared distance exactly 1 between two different options and 0
between equal ones, so one matrix product serves both sums.

Derivatives used: dk/d(r2) = -5/6 (1 + sqrt5 r) exp(-sqrt5 r) exp(-s), finite at r = 0; dk/ds = -k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Layout", "group_distances", "matern"]

Array = npt.NDArray[np.float64]
_ROOT5 = 5.0**0.5


@dataclass(frozen=True)
class Layout:
    """Which feature belongs to which group, and which groups are one-hot blocks of a choice."""

    group: npt.NDArray[np.intp]
    named: npt.NDArray[np.bool_]

    @property
    def groups(self) -> int:
        """Return G, the number of lengthscales."""
        return len(self.named)

    @cached_property
    def numeric(self) -> npt.NDArray[np.intp]:
        """Feature columns of the numeric groups."""
        return np.flatnonzero(~self.named[self.group])

    @cached_property
    def onehot(self) -> npt.NDArray[np.intp]:
        """Feature columns of the named groups."""
        return np.flatnonzero(self.named[self.group])

    def scaled(self, features: Array, scale: Array) -> tuple[Array, Array]:
        """Return the numeric columns over l and the one-hot columns over sqrt(l): distances become sums."""
        numeric = features[:, self.numeric] / scale[self.group[self.numeric]]
        onehot = features[:, self.onehot] / np.sqrt(scale[self.group[self.onehot]])
        return numeric, onehot


def matern(r2: Array, s: Array | float = 0.0) -> tuple[Array, Array]:
    """Return k and dk/d(r2) for squared scaled distances and disagreements of one shape."""
    r = np.sqrt(r2)
    r *= _ROOT5
    decay = np.exp(-r - s)
    r += 1.0
    slope = r * decay
    value = slope + (5.0 / 3.0) * r2 * decay
    slope *= -5.0 / 6.0
    return value, slope


def group_distances(features: Array, layout: Layout) -> Array:
    """Return squared distances by group, (G, n, n); a choice's group holds 0 and 1."""
    n = len(features)
    found = np.empty((layout.groups, n, n))
    for g in range(layout.groups):
        part = features[:, layout.group == g]
        difference = part[:, None, :] - part[None, :, :]
        found[g] = np.einsum("ijf,ijf->ij", difference, difference)
    return found


def squared_distances(a: Array, b: Array) -> Array:
    """Return |a_i - b_j|^2, (n, m), never negative."""
    found = a @ b.T
    found *= -2.0
    found += np.einsum("if,if->i", a, a)[:, None]
    found += np.einsum("jf,jf->j", b, b)[None, :]
    return np.maximum(found, 0.0, out=found)


@dataclass(frozen=True)
class Anchored:
    """The kernel between any rows and a fixed set of rows, with its derivative."""

    layout: Layout
    scale: Array
    rows: Array

    @cached_property
    def _scaled(self) -> tuple[Array, Array]:
        return self.layout.scaled(self.rows, self.scale)

    def __call__(self, features: Array) -> tuple[Array, Array]:
        """Return k and dk/d(r2) between ``features`` (b, F) and the rows, both (b, N)."""
        numeric, onehot = self.layout.scaled(features, self.scale)
        mine, ours = self._scaled
        r2 = squared_distances(numeric, mine)
        s = squared_distances(onehot, ours) if onehot.shape[1] else 0.0
        return matern(r2, s)

    def pullback(self, features: Array, weight: Array) -> Array:
        """Return sum over N of weight * d(r2)/dx, (b, F); zero for one-hot columns.

        ``weight`` (b, N) is dL/dk * dk/d(r2); d(r2)/dx_f = 2 (x_f - X_f) / l_f^2.
        """
        found = np.zeros_like(features)
        columns = self.layout.numeric
        inverse = 2.0 / self.scale[self.layout.group[columns]] ** 2
        moment = weight @ self.rows[:, columns]
        found[:, columns] = inverse * (features[:, columns] * weight.sum(axis=1, keepdims=True) - moment)
        return found


Pullback = Callable[[Array, Array], Array]
