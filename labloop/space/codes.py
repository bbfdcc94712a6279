"""Rows of whole numbers as single numbers, so that millions of them are compared, sorted and looked up as arrays.

    c = mix(c + x_j) for each column j,   mix: the finaliser of SplitMix64 (Steele, Lea & Flood 2014, fig. 17)

Equal rows have equal codes; two different rows share one with chance 2^-64. `Lookup` and `first_of_each` compare the
rows themselves besides, so that no row is ever taken for another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labloop.space.axis import Bools, Indices

__all__ = ["Codes", "Lookup", "codes_of", "first_of_each"]

Codes = npt.NDArray[np.uint64]
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def codes_of(rows: Indices) -> Codes:
    """Return one code a row (n,) of whole numbers (n, d)."""
    code = np.zeros(len(rows), dtype=np.uint64)
    for j in range(rows.shape[1]):
        code += np.ascontiguousarray(rows[:, j]).view(np.uint64)
        code += _STEP
        for shift, factor in ((30, _FIRST), (27, _SECOND)):
            code ^= code >> np.uint64(shift)
            code *= factor
        code ^= code >> np.uint64(31)
    return code


def first_of_each(rows: Indices) -> Indices:
    """Return where each distinct row (n, d) stands first, increasing."""
    _, first, which = np.unique(codes_of(rows), return_index=True, return_inverse=True)
    if len(first) < len(rows) and (rows[first[which]] != rows).any():
        _, first = np.unique(rows, axis=0, return_index=True)
    return np.sort(first)


class Lookup:
    """Which of some rows (n, d) another row is, if any."""

    def __init__(self, rows: Indices) -> None:
        self.rows = rows
        codes = codes_of(rows)
        self._order = np.argsort(codes, kind="stable")
        self._codes = codes[self._order]

    def __call__(self, rows: Indices) -> Bools:
        """Say which rows (m, d) are among them."""
        place = np.minimum(np.searchsorted(self._codes, codes_of(rows)), len(self._codes) - 1)
        return np.asarray((self.rows[self._order[place]] == rows).all(axis=1))
