"""Space-filling designs from a pool of feasible points.

Points are chosen one by one so that ``sum over pairs of 1 / prod_j (gap_j^2 + c_j)`` grows least, then exchanged
while that helps: the MaxPro criterion (Joseph, Gul and Ba 2015, doi:10.1093/biomet/asv002, eq. 6; for levels and
choices Joseph, Gul and Ba 2020, doi:10.1080/00224065.2019.1611351). Points that are far apart in every projection
neither share values of one factor nor gather in the corners, as maximin designs do.
"""

from __future__ import annotations

import numpy as np

from labloop.space.axis import Array, Axis

__all__ = ["maxpro"]

_EXCHANGES = 3
_CHUNK = 4_000_000


def maxpro(pool: Array, n: int, axes: list[Axis], avoid: Array, first: int | None = None) -> list[int]:
    """Return the positions of n rows of the pool (p, d), spread out among themselves and away from ``avoid`` (m, d)."""
    soft = np.array([_softness(axis, n) for axis in axes])
    words = np.array([bool(axis.names) for axis in axes])
    known = np.zeros(len(pool))
    for start in range(0, len(avoid), 64):
        known += _potential(pool, avoid[start : start + 64], soft, words).sum(axis=1)
    energy = known.copy()
    chosen: list[int] = []
    columns: list[Array] = []
    taken = np.zeros(len(pool), dtype=np.bool_)
    for _ in range(min(n, len(pool))):
        if not chosen and not len(avoid):
            i = 0 if first is None else first
        else:
            i = int(np.where(taken, np.inf, energy).argmin())
        chosen.append(i)
        taken[i] = True
        columns.append(_potential(pool, pool[i : i + 1], soft, words)[:, 0])
        energy = energy + columns[-1]
    for _ in range(_EXCHANGES if len(chosen) > 1 else 0):
        improved = False
        for position, i in enumerate(chosen):
            without = energy - columns[position]
            taken[i] = False
            best = int(np.where(taken, np.inf, without).argmin())
            taken[best] = True
            if best != i:
                chosen[position], improved = best, True
                columns[position] = _potential(pool, pool[best : best + 1], soft, words)[:, 0]
                energy = without + columns[position]
        if not improved:
            break
    return chosen


def _softness(axis: Axis, n: int) -> float:
    """Return what is added to a squared gap: values that must repeat (few levels, many points) cost little more."""
    values = min(axis.count, 4 * n)
    return 1.0 / values**2


def _potential(a: Array, b: Array, soft: Array, words: Array) -> Array:
    """Return ``1 / prod (gap^2 + c)`` between rows (p, d) and (m, d)."""
    total = np.zeros((len(a), len(b)))
    for j in range(a.shape[1]):
        gap = a[:, j][:, None] - b[:, j][None]
        square = (np.abs(gap) > 1e-9).astype(np.float64) if words[j] else gap * gap
        total -= np.log(square + soft[j])
    # A root tames the criterion where there are many columns: 1 / prod overflows nothing, but sees only the nearest.
    return np.asarray(np.exp(total * (2.0 / max(a.shape[1], 2))))
