"""Directions along which sums stay what they are: how one moves where columns are tied to each other.

A *circuit* of some rows is a direction with as few nonzero entries as possible along which no row changes: two
components of a mixture that exchange an amount, three columns where two equalities meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np

from labloop.space.axis import Array, Axis, Bools, Indices

__all__ = ["Circuits", "circuits_of"]

_MOST = 400
_LARGEST_MULTIPLE = 10**6


@dataclass(frozen=True)
class Circuits:
    """Directions and the steps along them that stay on the grid.

    Attributes
    ----------
    directions : (c, d) in raw values.
    quanta : (c,) the least multiple of each that leads from grid value to grid value; 0 where none is known.
    coarsest : (c,) the power of ten between the finest and the coarsest step of its columns (log scales).
    """

    directions: Array
    quanta: Array
    coarsest: Array

    @property
    def columns(self) -> Bools:
        """Which columns (d,) some direction moves."""
        return np.asarray((self.directions != 0).any(axis=0))

    def without(self, held: Indices) -> Circuits:
        """Return those that leave some columns alone."""
        kept = ~(self.directions[:, held] != 0).any(axis=1)
        return Circuits(self.directions[kept], self.quanta[kept], self.coarsest[kept])

    def multiples(self, c: Indices, rng: np.random.Generator) -> Array:
        """Return a step for each of some circuits: at random from the finest to the coarsest of its columns."""
        return np.asarray(self.quanta[c] * 10.0 ** np.floor(rng.random(len(c)) * (self.coarsest[c] + 1)))


def circuits_of(axes: list[Axis], systems: list[Array], span: Array, free: list[int]) -> Circuits:
    """Return the circuits of several systems of rows (r, d), over the ``free`` columns.

    ``span`` (d,) are the columns' ranges, by which their sizes are compared.
    """
    rng = np.random.default_rng(0)  # which circuits are kept is a property of the rows
    found: dict[bytes, Array] = {}
    for rows in systems:
        for direction in _directions(rows * span, free, rng):
            found.setdefault(np.round(direction, 9).tobytes(), direction * span)
    directions = list(found.values())
    quanta, coarsest = [], []
    for direction in directions:
        support = np.flatnonzero(direction)
        steps = [[each.spacing for each in axes[j].segments if each.count > 1] for j in support]
        quanta.append(_quantum(direction[support], np.array([min(each, default=0.0) for each in steps])))
        ratio = max((max(each) / min(each) for each in steps if each), default=1.0)
        coarsest.append(float(np.round(np.log10(ratio))))
    return Circuits(np.array(directions).reshape(-1, len(span)), np.array(quanta), np.array(coarsest))


def _directions(scaled: Array, free: list[int], rng: np.random.Generator) -> Iterator[Array]:
    for rows, columns in _blocks(scaled, free):
        block = scaled[np.ix_(rows, columns)]
        size = int(np.linalg.matrix_rank(block)) + 1
        for subset in _subsets(len(columns), size, rng):
            _, singular, right = np.linalg.svd(block[:, subset])
            if int((singular > 1e-9 * singular.max(initial=1e-300)).sum()) != size - 1:
                continue
            part = right[-1] / right[-1][np.abs(right[-1]).argmax()]
            direction = np.zeros(scaled.shape[1])
            direction[[columns[i] for i in subset]] = np.where(np.abs(part) > 1e-9, part, 0.0)
            yield direction


def _blocks(rows: Array, free: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield groups of rows that share free columns, with those columns."""
    waiting = [i for i in range(len(rows)) if np.any(rows[i, free])]
    while waiting:
        block, columns = [waiting.pop(0)], np.zeros(rows.shape[1], dtype=np.bool_)
        columns[free] = rows[block[0], free] != 0
        while (more := next((i for i in waiting if np.any(rows[i, columns])), None)) is not None:
            waiting.remove(more)
            block.append(more)
            columns[free] |= rows[more, free] != 0
        yield block, np.flatnonzero(columns).tolist()


def _subsets(n: int, size: int, rng: np.random.Generator) -> list[list[int]]:
    if size > n:
        return []
    if comb(n, size) <= _MOST:
        return [list(each) for each in combinations(range(n), size)]
    # A ring through all columns connects them; the rest is drawn.
    order = rng.permutation(n)
    ring = [np.roll(order, i)[:size] for i in range(n)]
    rest = [rng.permutation(n)[:size] for _ in range(_MOST - n)]
    return [sorted(int(i) for i in each) for each in (*ring, *rest)]


def _quantum(direction: Array, pitch: Array) -> float:
    """Return the least t > 0 for which ``t * direction`` is a whole multiple of each pitch; 0 where none is small."""
    if (pitch <= 0).any():
        return 0.0
    multiples = direction / pitch
    base = multiples[np.abs(multiples).argmin()]
    ratios = multiples / base
    whole = 1
    for ratio in ratios:
        close = Fraction(float(ratio)).limit_denominator(1000)
        if abs(float(close) - ratio) > 1e-9 * abs(ratio):
            return 0.0
        whole = int(np.lcm(whole, close.denominator))
    return float(whole / abs(base)) if whole * np.abs(ratios).max() <= _LARGEST_MULTIPLE else 0.0
