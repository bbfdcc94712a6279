"""From the user's units to the model's and back.

    z = (clip(y) - centre) / spread,     y = centre + spread z

``clip`` winsorises the bad tail only: what lies further below the median (above it, when smaller is better)
than `TAIL` times the distance from the median to the upper quartile's side is as uninteresting as what lies
there, and would otherwise stretch the scale (a common habit: Ax's ``Winsorize``). The good tail is never
touched: a high outlier is what the campaign looks for. Targets and limits have no bad tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.planner.kernel import Array

__all__ = ["Scale", "scale_of"]

TAIL = 5.0


@dataclass(frozen=True)
class Scale:
    """An affine scale with one clipped tail."""

    centre: float
    spread: float
    floor: float = -np.inf
    ceiling: float = np.inf

    def to_model(self, y: Array) -> Array:
        """Return standardised values of values in the user's unit."""
        return (np.clip(y, self.floor, self.ceiling) - self.centre) / self.spread

    def to_user(self, z: Array) -> Array:
        """Return values in the user's unit; the inverse within the clipped range."""
        return self.centre + self.spread * z


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
