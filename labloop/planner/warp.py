"""Bent inputs: Kumaraswamy's distribution function of a number, in place of the number.

    W(x) = 1 - (1 - z^a)^b,   z = EPS + (1 - 2 EPS) x               Snoek et al. (2014), with Kumaraswamy's for Beta's

with x in [0, 1] and a, b > 0: a factor that acts by its logarithm, or only near one of its bounds, is seen by the
covariance as one that acts evenly. It is BoTorch's ``Warp`` with fixed concentrations (c1 = a, c0 = b; held in tests),
but for a larger EPS, so that no slope is beyond what a search by gradients can follow.

A shape is believed as the data pay for it: with every doubling or halving of an exponent from 1 its prior loses `TURN`
nats, a factor of 20, since the best of many possible steps gains something by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["EPS", "Shape", "Warp"]

Array = npt.NDArray[np.float64]
Shape = tuple[float, float]
"""The exponents a and b."""

EPS = 1e-3
TURN = 3.0
FARTHEST = 2
"""So often an exponent is doubled or halved at most."""


@dataclass(frozen=True)
class Warp:
    """Which features are bent, and how; none unless given."""

    shapes: Mapping[int, Shape] = field(default_factory=dict)

    def __call__(self, features: Array) -> Array:
        """Return features (n, F), bent."""
        if not self.shapes:
            return features
        found = features.copy()
        for column, shape in self.shapes.items():
            found[:, column] = bent(features[:, column], shape)
        return found

    def slope(self, features: Array) -> Array:
        """Return the derivative (n, F) at features (n, F)."""
        found = np.ones_like(features)
        for column, (a, b) in self.shapes.items():
            z = _inside(features[:, column])
            found[:, column] = (1.0 - 2.0 * EPS) * a * b * z ** (a - 1.0) * (1.0 - z**a) ** (b - 1.0)
        return found

    @property
    def nats(self) -> float:
        """Return by how much its prior log probability is below that of no warp."""
        return TURN * sum(abs(math.log2(each)) for shape in self.shapes.values() for each in shape)

    def beside(self, column: int) -> list[Shape]:
        """Return the shapes of a feature with one exponent doubled or halved."""
        a, b = self.shapes.get(column, (1.0, 1.0))
        found = [(2.0 * a, b), (0.5 * a, b), (a, 2.0 * b), (a, 0.5 * b)]
        return [shape for shape in found if max(abs(math.log2(each)) for each in shape) <= FARTHEST]

    def with_shape(self, column: int, shape: Shape) -> Warp:
        """Return the warp with one more feature bent, or one in another shape."""
        return Warp({**self.shapes, column: shape})


def bent(x: Array, shape: Shape) -> Array:
    """Return W(x)."""
    a, b = shape
    return np.asarray(1.0 - (1.0 - _inside(x) ** a) ** b)


def _inside(x: Array) -> Array:
    return np.clip(EPS + (1.0 - 2.0 * EPS) * x, EPS, 1.0 - EPS)
