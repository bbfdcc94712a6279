"""The hypervolume of several objectives: how much of what is worth having a set of outcomes dominates.

Notation: Z (n, m) gains, one row an outcome, each objective as far better than the reference as it is (0: no better).
The hypervolume is the volume of the union of the boxes from 0 to z_i (Zitzler and Thiele, PPSN V, LNCS 1498 (1998)
292, doi:10.1007/BFb0056872). It is taken slice by slice along the last objective, down to two where it is an area of
steps; what one more outcome adds is its own box less what the others have of it (While, Bradstreet and Barone, IEEE
Trans. Evol. Comput. 16 (2012) 86, doi:10.1109/TEVC.2010.2077298)::

    V(Z + z) - V(Z) = prod(z) - V({min(z_i, z)})
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Volume", "hypervolume", "undominated"]

Array = NDArray[np.float64]


def undominated(points: Array) -> NDArray[np.bool_]:
    """Return which rows no other row is better than or equal to in every objective; of equal rows the first."""
    n = len(points)
    at_least = (points[:, None, :] >= points[None, :, :]).all(axis=2)
    better = at_least & ~at_least.T
    earlier = at_least & at_least.T & (np.arange(n)[:, None] < np.arange(n)[None, :])
    return np.asarray(~(better | earlier).any(axis=0))


def hypervolume(gains: Array) -> float:
    """Return the hypervolume of gains (n, m); rows without a gain in every objective count nothing."""
    gains = gains[(gains > 0).all(axis=1)]
    return _volume(gains[undominated(gains)]) if len(gains) else 0.0


def _volume(front: Array) -> float:
    """Return the hypervolume of rows of which none dominates another."""
    if front.shape[1] == 1:
        return float(front.max())
    order = np.argsort(-front[:, -1], kind="stable")
    front = front[order]
    depth = front[:, -1] - np.append(front[1:, -1], 0.0)
    if front.shape[1] == 2:
        return float(np.maximum.accumulate(front[:, 0]) @ depth)
    slices = (front[: i + 1, :-1] for i in range(len(front)))
    return float(sum(d * _volume(each[undominated(each)]) for d, each in zip(depth, slices, strict=True) if d > 0))


class Volume:
    """The hypervolume of outcomes as they come in."""

    def __init__(self, objectives: int) -> None:
        self.total = 0.0
        self._front: Array = np.empty((0, objectives))

    def add(self, gains: Array) -> float:
        """Take in one more outcome's gains (m,), and return the hypervolume with it."""
        if (gains > 0).all() and not (self._front >= gains).all(axis=1).any():
            self.total += float(gains.prod()) - hypervolume(np.minimum(self._front, gains))
            self._front = np.vstack([self._front[~(self._front <= gains).all(axis=1)], gains])
        return self.total
