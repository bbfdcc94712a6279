"""Designs that fill the space, and blends: for when there is no model in mind yet, or only shares vary.

Notation: ``u`` (n, f) positions in the unit cube, one column a factor; ``x`` (n, q) shares that sum to 1.
"""

from __future__ import annotations

import math

import numpy as np

from labloop.errors import InvalidInput
from labloop.space.axis import Array

__all__ = ["latin_hypercube", "simplex_centroid", "simplex_lattice", "sobol"]

_DRAWS = 50
_SWAPS = 4000
_MOST = 4096


def latin_hypercube(n: int, f: int, rng: np.random.Generator) -> Array:
    """Return a Latin hypercube (n, f) whose closest points are far apart.

    The best of many random ones, then values of one column are swapped between two points while the smallest
    distance, or how often it occurs, improves (Morris & Mitchell 1995, doi:10.1016/0378-3758(94)00035-T).
    """
    # Half a second to import, and only these designs need it.
    from scipy.stats import qmc

    made = qmc.LatinHypercube(d=f, scramble=False, rng=rng)
    draws = [made.random(n) for _ in range(_DRAWS)]
    u = max(draws, key=_closest)
    if n < 3:
        return u
    distance = _squares(u, u)
    np.fill_diagonal(distance, np.inf)
    for _ in range(_SWAPS):
        near = int(distance.min(axis=1).argmin())
        a = near if rng.random() < 0.7 else int(rng.integers(n))
        b, j = int(rng.integers(n)), int(rng.integers(f))
        if a == b:
            continue
        trial = u.copy()
        trial[[a, b], j] = trial[[b, a], j]
        pair = _squares(trial[[a, b]], trial)
        pair[[0, 1], [a, b]] = np.inf
        if _energy(pair) < _energy(distance[[a, b]]) - 1e-12:
            u = trial
            distance[[a, b]] = pair
            distance[:, [a, b]] = pair.T
    return u


def _squares(a: Array, b: Array) -> Array:
    return np.asarray(((a[:, None] - b[None]) ** 2).sum(axis=2))


def _closest(u: Array) -> float:
    square = _squares(u, u)
    np.fill_diagonal(square, np.inf)
    return float(square.min())


def _energy(square: Array) -> float:
    # Morris and Mitchell's criterion: of the large powers the smallest distances count.
    return float((np.maximum(square, 1e-12) ** -7.5).sum())


def sobol(n: int, f: int, rng: np.random.Generator) -> Array:
    """Return the first n points (n, f) of a scrambled Sobol sequence (Owen's scrambling)."""
    from scipy.stats import qmc

    return np.asarray(qmc.Sobol(d=f, scramble=True, rng=rng).random_base2(max(math.ceil(math.log2(max(n, 1))), 0))[:n])


def simplex_lattice(q: int, degree: int) -> Array:
    """Return the {q, degree} simplex lattice: every share a multiple of 1 / degree (Scheffe 1958)."""
    # pydoe loads all of its designs at once.
    from pydoe import simplex_lattice_design

    if q < 2 or degree < 1 or math.comb(q + degree - 1, degree) > _MOST:
        raise InvalidInput(
            f"no simplex lattice of {q} components and degree {degree}", hint="expected a degree such as 2 or 3"
        )
    return np.asarray(simplex_lattice_design(q, degree), dtype=np.float64)


def simplex_centroid(q: int) -> Array:
    """Return the simplex centroid: every blend of equal shares of some components (Scheffe 1963)."""
    from pydoe import simplex_centroid_design

    if not 2 <= q <= 10:
        raise InvalidInput(f"no simplex centroid of {q} components", hint="it has 2 to 10; take a simplex lattice")
    return np.asarray(simplex_centroid_design(q), dtype=np.float64)
