"""From the user's units to the model's and back.

    z = (clip(y) - centre) / spread,    w = (YJ(z; power) - shift) / stretch,    y = centre + spread YJ^-1(...)

``clip`` winsorises the bad tail only: what lies further below the median (above it, when smaller is better)
than `TAIL` times the distance from the median to the upper quartile's side is as uninteresting as what lies
there, and would otherwise stretch the scale (a common habit: Ax's ``Winsorize``). The good tail is never
touched: a high outlier is what the campaign looks for. Targets and limits have no bad tail.

``YJ`` is the power transform of Yeo & Johnson (2000), the identity at power 1: it pulls in one tail and stretches
the other, which is what yields near 0, rates over decades and steep valleys need. The power is chosen with the
model (`models`), by the likelihood of y itself, whose Jacobian `Scale.log_slopes` is the sum of

    log dw/dy = sign(z) (power - 1) log(1 + |z|) - log(spread stretch).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import boxcox1p, inv_boxcox1p

from labloop.planner.kernel import Array

__all__ = ["Scale", "scale_of"]

TAIL = 5.0


@dataclass(frozen=True)
class Scale:
    """A monotone scale with one clipped tail; ``power`` within [0, 2]."""

    centre: float
    spread: float
    floor: float = -np.inf
    ceiling: float = np.inf
    power: float = 1.0
    shift: float = 0.0
    stretch: float = 1.0

    def _standard(self, y: Array) -> Array:
        return (np.clip(y, self.floor, self.ceiling) - self.centre) / self.spread

    def to_model(self, y: Array) -> Array:
        """Return model values of values in the user's unit."""
        return (_yeo_johnson(self._standard(y), self.power) - self.shift) / self.stretch

    def to_user(self, w: Array) -> Array:
        """Return values in the user's unit; the inverse within the clipped range."""
        return self.centre + self.spread * _unfolded(self.shift + self.stretch * w, self.power)

    def log_slopes(self, y: Array) -> Array:
        """Return log dw/dy at each value, in the user's unit."""
        z = self._standard(y)
        found: Array = np.sign(z) * (self.power - 1.0) * np.log1p(np.abs(z)) - np.log(self.spread * self.stretch)
        return found

    def powered(self, y: Array, power: float) -> Scale:
        """Return the scale with another power, standardised again on the values y."""
        z = _yeo_johnson(self._standard(y), power)
        return replace(self, power=power, shift=float(z.mean()), stretch=float(z.std(ddof=1)))


def _yeo_johnson(z: Array, power: float) -> Array:
    if power == 1.0:
        return z
    found: Array = np.where(z >= 0, boxcox1p(np.maximum(z, 0.0), power), -boxcox1p(np.maximum(-z, 0.0), 2.0 - power))
    return found


def _unfolded(w: Array, power: float) -> Array:
    if power == 1.0:
        return w
    upper, lower = inv_boxcox1p(np.maximum(w, 0.0), power), -inv_boxcox1p(np.maximum(-w, 0.0), 2.0 - power)
    found: Array = np.where(w >= 0, upper, lower)
    return found


def scale_of(y: Array, sign: float) -> Scale | None:
    """Return the scale for n values; None where they are constant to float64's precision.

    ``sign`` is 1 where larger is better, -1 where smaller is, 0 where neither tail is bad.
    """
    size = float(np.abs(y).max())
    if len(y) < 2 or float(np.ptp(y)) <= 1e-12 * size or float(np.ptp(y)) < 1e-290:
        return None
    floor, ceiling = -np.inf, np.inf
    if sign != 0:
        oriented = sign * y
        lower, middle, upper = np.quantile(oriented, [0.25, 0.5, 0.75])
        reach = TAIL * max(upper - middle, middle - lower)
        if reach > 0:
            worst = float(middle - reach)
            floor, ceiling = (worst, np.inf) if sign > 0 else (-np.inf, -worst)
    kept = np.clip(y, floor, ceiling)
    unit = float(np.ptp(kept))
    centre = float(kept.mean())
    spread = unit * float(np.std((kept - centre) / unit, ddof=1))
    return Scale(centre, spread, floor, ceiling)
