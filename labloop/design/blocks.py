"""Experiments into blocks of days, plates or operators, so that the blocks take away as little as possible.

Notation: ``F`` (n, p) model columns without the constant, centred; block b of size m has column means ``g_b``. A
term is orthogonal to the blocks where its means are equal in all of them, so what is minimised is

    sum over b of m |w g_b|^2,    weights w: main effects before interactions and quadratics,

by swapping experiments between blocks, from several starts (interchange: Cook & Nachtsheim 1989,
doi:10.1080/00401706.1989.10488552). What remains is stated: the share of a term's variation that lies between
blocks is lost to it, 1 is complete confounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.design.model import Model
from labloop.errors import InvalidInput
from labloop.space.axis import Array, Indices

__all__ = ["Confounding", "block_columns", "confounding", "into_blocks", "weights_of"]

_STARTS = 20
_ROUNDS = 30
_WEIGHTS = {"main": 1.0, "interaction": 0.1, "quadratic": 0.1, "blend": 0.1}
_SEEN = 0.01


@dataclass(frozen=True)
class Confounding:
    """A term of which a share of the variation lies between blocks; 1: it cannot be told from them."""

    term: str
    share: float


def into_blocks(f: Array, weights: Array, sizes: list[int], rng: np.random.Generator) -> Indices:
    """Return the block (n,), from 0, of each row of the columns f (n, p); chance decides which is the first.

    Raises
    ------
    InvalidInput
        If the sizes do not add up to the rows.
    """
    n = len(f)
    if sum(sizes) != n or min(sizes) < 1:
        raise InvalidInput(f"{len(sizes)} blocks for {n} experiments", hint="at least one experiment in each block")
    spread = np.sqrt((f * f).sum(axis=0))
    x = (f - f.mean(axis=0)) / np.where(spread > 0, spread, 1.0) * np.sqrt(weights)
    m = np.array(sizes, dtype=np.float64)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    best, least = labels, np.inf
    for _ in range(_STARTS if len(sizes) > 1 else 1):
        found = _improved(x, rng.permutation(labels), m)
        value = _between(x, found, m)
        if value < least - 1e-12:
            best, least = found, value
        if least < 1e-12:
            break
    return best


def _between(x: Array, block: Indices, m: Array) -> float:
    sums = np.zeros((len(m), x.shape[1]))
    np.add.at(sums, block, x)
    return float(((sums**2).sum(axis=1) / m).sum())


def _improved(x: Array, block: Indices, m: Array) -> Indices:
    """Swap the pair of rows of different blocks that helps most, until none does."""
    square = x @ x.T
    norm = np.diag(square)
    distance = norm[:, None] + norm[None] - 2.0 * square
    for _ in range(_ROUNDS * len(m)):
        sums = np.zeros((len(m), x.shape[1]))
        np.add.at(sums, block, x)
        mean = sums / m[:, None]
        toward = x @ mean.T
        own = toward[np.arange(len(x)), block]
        # Swapping i and j moves the sum of i's block by x_j - x_i and that of j's block by x_i - x_j.
        gain = 2.0 * (toward[:, block] - own[None]).T  # (i, j): 2 (x_j - x_i) . mean of i's block
        change = gain + gain.T + distance * (1.0 / m[block][:, None] + 1.0 / m[block][None])
        change[block[:, None] == block[None]] = 0.0
        i, j = np.unravel_index(int(change.argmin()), change.shape)
        if change[i, j] > -1e-12:
            break
        block = block.copy()
        block[i], block[j] = block[j], block[i]
    return block


def block_columns(block: Indices) -> Array:
    """Return what tells b blocks apart (n, b - 1): of mean 0, so that the constant stays the mean over all runs."""
    found = np.column_stack([block == b for b in np.unique(block)[1:]] or [np.zeros((len(block), 0))])
    return np.asarray(found - found.mean(axis=0))


def weights_of(model: Model) -> Array:
    """Return how much each term but the constant counts."""
    return np.array([_WEIGHTS[term.kind] for term in model.terms if term.kind != "constant"])


def confounding(model: Model, u: Array, block: Indices) -> tuple[Confounding, ...]:
    """Return the terms that the blocks take something away from, the most confounded first."""
    f = model.columns(u)
    found = []
    for j, term in enumerate(model.terms):
        x = f[:, j] - f[:, j].mean()
        total = float(x @ x)
        if term.kind == "constant" or total < 1e-12:
            continue
        between = sum(float(x[block == b].sum()) ** 2 / int((block == b).sum()) for b in np.unique(block))
        if between / total > _SEEN:
            found.append(Confounding(term.name, min(between / total, 1.0)))
    return tuple(sorted(found, key=lambda each: (-round(each.share, 6), each.term)))
