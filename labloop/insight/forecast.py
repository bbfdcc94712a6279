"""A frozen prediction as a whole distribution, and how a result scores against it.

A prediction is kept as quantiles. Between them its distribution function is F(y) = Phi(g(y)) with g linear from
knot to knot on the scale z = Phi^-1(F): exact at the knots, exact everywhere for a normal prediction, and
continued beyond the outermost knots by the last slope. What is physically possible (an outcome's ``range``)
cuts it off: all that lies beyond a bound sits on the bound.

Scores, for a result y (Gneiting and Raftery, "Strictly proper scoring rules", JASA 102, 2007):

    PIT     F(y); halfway up the step where y sits on a bound. Uniform on 0..1 if the predictions are calibrated
    CRPS    integral of (F(x) - [x >= y])^2 dx, in the outcome's unit; |y - p| for a prediction that is one point
    log     -log P(y - r < Y < y + r), for a reading y known to within r; lower is better

The CRPS is exact: with h(z) = z Phi^2 + 2 Phi phi - Phi(sqrt(2) z) / sqrt(pi), h' = Phi^2, a segment of slope s
contributes (h(z_b) - h(z_a)) / s below the result, and (h(-z_a) - h(-z_b)) / s above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from labloop.records import QUANTILES, Prediction

__all__ = ["Curve", "curve_of", "normal_curve"]

Array = NDArray[np.float64]

_THREE = (0.05, 0.5, 0.95)
_UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Curve:
    """A distribution by its knots: ``y`` and ``z`` (k,) both rise, k >= 2; ``bounds`` is what is possible.

    ``whole`` is false where only three quantiles were kept, so that what lies between and beyond is a guess.
    """

    y: Array
    z: Array
    bounds: tuple[float, float] = _UNBOUNDED
    whole: bool = True

    def score(self, value: float) -> float:
        """Return g(y): by how many standard deviations a result is off, on the normal scale."""
        if value < self.bounds[0]:
            return -math.inf
        if value >= self.bounds[1]:
            return math.inf
        return self._inner(value)

    def pit(self, value: float) -> float:
        """Return the probability integral transform of a result."""
        inner = float(ndtr(self._inner(value)))
        if value <= self.bounds[0]:
            return 0.5 * inner
        if value >= self.bounds[1]:
            return 0.5 * (inner + 1.0)
        return inner

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        z = float(ndtri(probability))
        return min(max(float(_broken(z, self.z, self.y)), self.bounds[0]), self.bounds[1])

    def log_score(self, value: float, resolution: float) -> float:
        """Return the log score of a reading known to within ``resolution``; lower is better."""
        a, b = self.score(value - resolution), self.score(value + resolution)
        if a > 0:  # the far upper tail is the far lower one of the mirror image, where no digits are lost
            a, b = -b, -a
        low, high = float(log_ndtr(a)), float(log_ndtr(b))
        return -(high + math.log1p(-math.exp(min(low - high, -1e-300))))

    def crps(self, value: float) -> float:
        """Return the continuous ranked probability score, in the outcome's unit; lower is better."""
        low, high = self.bounds
        inside = min(max(value, low), high)
        edges = sorted({low, high, inside, *(float(each) for each in self.y if low < each < high)})
        total = abs(value - inside)
        for a, b in pairwise(edges):
            za, zb = self._inner(a), self._inner(b)
            part = _h(zb) - _h(za) if b <= inside else _h(-za) - _h(-zb)
            total += part / self._slope(a, b)
        return total

    def _inner(self, value: float) -> float:
        """Return g as it is between the bounds."""
        return float(_broken(value, self.y, self.z)) if math.isfinite(value) else value

    def _slope(self, a: float, b: float) -> float:
        """Return dz/dy between two neighbouring edges, of which at most one is infinite."""
        middle = 0.5 * (a + b) if math.isfinite(a + b) else (b if math.isinf(a) else a)
        last = _segment(middle, self.y)
        return float((self.z[last] - self.z[last - 1]) / (self.y[last] - self.y[last - 1]))


def curve_of(prediction: Prediction, possible: tuple[float, float] | None = None) -> Curve:
    """Return the distribution that a prediction claims; ``possible`` is the outcome's range, if it has one."""
    levels = [*_THREE, *(QUANTILES if prediction.quantiles else ())]
    values = [prediction.low, prediction.median, prediction.high, *prediction.quantiles]
    order = np.argsort(levels)
    y = np.maximum.accumulate(np.asarray(values, dtype=np.float64)[order])
    z = ndtri(np.asarray(levels)[order])
    kept_y, kept_z = _distinct(y, z)
    if len(kept_y) == 1:
        spread = max(prediction.sd, 1e-9 * max(1.0, abs(float(kept_y[0]))))
        kept_y, kept_z = kept_y[0] + np.array([0.0, spread]), kept_z[0] + np.array([0.0, 1.0])
    bounds = possible or _UNBOUNDED
    return Curve(kept_y, _drawn_back(kept_y, kept_z, bounds), bounds, whole=bool(prediction.quantiles))


def _drawn_back(y: Array, z: Array, bounds: tuple[float, float]) -> Array:
    """Set z at a bound to where the last slope before it meets the bound: the knot there was pushed from beyond."""
    z = z.copy()
    if len(y) > 2 and y[-1] >= bounds[1]:
        z[-1] = min(z[-1], _broken(float(y[-1]), y[:-1], z[:-1]))
    if len(y) > 2 and y[0] <= bounds[0]:
        z[0] = max(z[0], _broken(float(y[0]), y[1:], z[1:]))
    return z


def normal_curve(mean: float, sd: float, possible: tuple[float, float] | None = None) -> Curve:
    """Return a normal distribution, cut off at what is possible."""
    return Curve(np.array([mean - sd, mean + sd]), np.array([-1.0, 1.0]), possible or _UNBOUNDED)


def _distinct(y: Array, z: Array) -> tuple[Array, Array]:
    """Keep one knot of those that a bound has pushed together: the one nearest the middle, which was not pushed."""
    kept_y, kept_z = [], []
    for value in np.unique(y):
        here = z[y == value]
        kept_y.append(float(value))
        kept_z.append(float(here[np.argmin(np.abs(here))]))
    return np.array(kept_y), np.array(kept_z)


def _broken(x: float, knots: Array, values: Array) -> float:
    """Return the broken line through the knots at x, its ends continued."""
    place = _segment(x, knots)
    a, b = knots[place - 1], knots[place]
    return float(values[place - 1] + (values[place] - values[place - 1]) * ((x - a) / (b - a)))


def _segment(x: float, knots: Array) -> int:
    """Return the number of the knot at the right end of the segment that x lies in, or nearest to."""
    return int(np.clip(np.searchsorted(knots, x), 1, len(knots) - 1))


def _h(z: float) -> float:
    if z == -math.inf:
        return 0.0
    below, density = float(ndtr(z)), math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z * below**2 + 2 * below * density - float(ndtr(math.sqrt(2) * z)) / math.sqrt(math.pi)
