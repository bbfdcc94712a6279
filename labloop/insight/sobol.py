"""Functional ANOVA of the surrogate: which share of the variation is whose, with intervals.

Notation: x in the region explored, factors independent of each other, f one draw from the posterior, V = Var f(x).

    S_i  = Var E[f | x_i] / V                    first order: what i does alone
    S_ij = Var E[f | x_i, x_j] / V - S_i - S_j   second order: what i and j do only together
    T_i  = E Var[f | x_~i] / V                   total: what would be left unexplained without i

by pick-freeze over a quasi-random design (Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018): A, B two
independent halves (N, d) of one scrambled Sobol sequence, A_B^i is A with column i from B,

    T_i = mean((f(A) - f(A_B^i))^2) / 2V                        Jansen's estimator (ibid., table 2, f)
    S_i = mean(f(B) (f(A_B^i) - f(A))) / V                      (ibid., table 2, b), f centred
    S_ij = mean(f(B) (f(A_B^ij) - f(A_B^i) - f(A_B^j) + f(A))) / V

The last two are exactly 0 for a factor without effect and for an additive f. All designs are one joint sample per
draw, so every draw has indices of its own and the indices have intervals (Le Gratiet, Cannamela & Iooss 2014,
doi:10.1137/130926869). N is small, because joint draws are dear; so every numerator, and V, is corrected by what
the same sums over the posterior mean, which is cheap, miss at N against `FINE` points (a control variate).

A component i of a mixture is drawn along Cox's
direction over the blends that were run: its share from B, the ratios of the others from A. For blends uniform over
a simplex the share and the ratios are independent (a Dirichlet distribution is neutral), so these are Sobol indices
as well; for others, shares of the variation that such exchanges make. Where constraints tie factors, comparisons
that would leave what is allowed are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labloop.insight.posterior import Posterior
from labloop.insight.questions import Region
from labloop.insight.runs import Array, Bools, Factor, Runs

__all__ = ["Index", "Shares", "decompose", "variance_shares"]

_POINTS = 1500
_DRAWS = 128
_LEAST = 16
FINE = 1024


@dataclass(frozen=True)
class Index:
    """A share of the variance: median and 90 % interval over the posterior."""

    names: tuple[str, ...]
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Shares:
    """First, second and total order; ``sd`` is how much the true mean varies over the region (median)."""

    first: tuple[Index, ...]
    second: tuple[Index, ...]
    total: tuple[Index, ...]
    sd: float
    draws: int
    left_out: float

    def of(self, *names: str) -> Index:
        """Return the first-order index of one factor, or the second-order one of two."""
        return next(each for each in (*self.first, *self.second) if set(each.names) == set(names))


def variance_shares(
    runs: Runs, region: Region, posterior: Posterior, rng: np.random.Generator, *, pairs: bool = True
) -> Shares | None:
    """Return the shares of all factors that were set; None where fewer than two varied."""
    factors = [each for each in runs.varied if each.kind != "covariate"]
    if len(factors) < 2:
        return None
    asked = list(combinations(range(len(factors)), 2)) if pairs else []
    blocks = 2 + len(factors) + len(asked)
    n = max(_LEAST, 2 ** int(np.floor(np.log2(_POINTS / blocks))))
    while asked and blocks * n > 2 * _POINTS:
        asked, blocks = [], 2 + len(factors)
        n = max(_LEAST, 2 ** int(np.floor(np.log2(_POINTS / blocks))))
    names = [each.name for each in factors]
    coarse, fine = _design(region, factors, asked, n), _design(region, factors, asked, FINE)
    draws = posterior.draws(np.vstack(coarse.rows), max(_DRAWS // posterior.sets, 8), rng)
    parts = _parts(draws, coarse, asked)
    missed = _parts(_means(posterior, fine), fine, asked) - _parts(_means(posterior, coarse), coarse, asked)
    return _shares(names, asked, parts, np.repeat(missed, len(draws) // posterior.sets, axis=0), coarse)


def _means(posterior: Posterior, design: _Design) -> Array:
    """Return the posterior mean under every set of hyperparameters, (P, blocks * N)."""
    return np.hstack([posterior.truth(rows).means for rows in design.rows])


@dataclass(frozen=True)
class _Design:
    rows: list[Array]
    kept: Bools


def _design(region: Region, factors: list[Factor], asked: list[tuple[int, int]], n: int) -> _Design:
    a, b = _halves(region, n)
    rows = [a, b]
    rows += [region.moved(a, factor, b[:, factor.column]) for factor in factors]
    for i, j in asked:
        rows.append(_from(region, a, b, factors[i], factors[j]))
    kept = np.stack([region.allowed(a, b, each) for each in rows])
    return _Design(rows, kept)


def _halves(region: Region, n: int) -> tuple[Array, Array]:
    """Return two independent designs: the first and the second d columns of one sequence, or two random samples."""
    if region.tied:
        return region.points(n, 11), region.points(n, 12)
    from scipy.stats import qmc

    d = region.space.dim
    sequence = qmc.Sobol(2 * d, rng=np.random.default_rng(11)).random_base2(int(np.log2(n)))
    return region.placed(sequence[:, :d]), region.placed(sequence[:, d:])


def _from(region: Region, a: Array, b: Array, first: Factor, second: Factor) -> Array:
    """Return A with two factors from B."""
    if not first.mixture or first.mixture != second.mixture:
        return region.moved(region.moved(a, first, b[:, first.column]), second, b[:, second.column])
    return region.both(a, [(first, b[:, first.column]), (second, b[:, second.column])])


def _parts(draws: Array, design: _Design, asked: list[tuple[int, int]]) -> Array:
    """Return V, then the numerators of S_i, S_ij and T_i, by draw: (draws, 1 + d + pairs + d)."""
    blocks, kept = len(design.rows), design.kept
    values = draws.reshape(len(draws), blocks, -1)
    values = values - values[:, :2].mean(axis=(1, 2), keepdims=True)
    d = blocks - 2 - len(asked)
    a, b = values[:, 0], values[:, 1]
    variance = 0.5 * (a.var(axis=1) + b.var(axis=1))

    def over(product: Array, *used: int) -> Array:
        rows = np.logical_and.reduce([kept[block] for block in used])
        return np.asarray(product[:, rows].mean(axis=1))

    first = [over(b * (values[:, 2 + i] - a), 2 + i) for i in range(d)]
    total = [over(0.5 * (a - values[:, 2 + i]) ** 2, 2 + i) for i in range(d)]
    second = []
    for k, (i, j) in enumerate(asked):
        both, one, two = 2 + d + k, 2 + i, 2 + j
        beyond = b * (values[:, both] - values[:, one] - values[:, two] + a)
        second.append(over(beyond, both, one, two))
    return np.stack([variance, *first, *second, *total], axis=1)


def _shares(names: list[str], asked: list[tuple[int, int]], parts: Array, missed: Array, design: _Design) -> Shares:
    d = len(names)
    corrected = parts + missed
    variance = np.maximum(corrected[:, 0], 0.1 * parts[:, 0]) + 1e-300
    shares = corrected[:, 1:] / variance[:, None]
    first, second, total = shares[:, :d], shares[:, d : d + len(asked)], shares[:, d + len(asked) :]
    return Shares(
        tuple(_index((names[i],), first[:, i]) for i in range(d)),
        tuple(_index((names[i], names[j]), second[:, k]) for k, (i, j) in enumerate(asked)),
        tuple(_index((names[i],), total[:, i]) for i in range(d)),
        float(np.median(np.sqrt(variance))),
        len(parts),
        float(1.0 - design.kept.mean()),
    )


def _index(names: tuple[str, ...], draws: Array) -> Index:
    low, middle, high = np.clip(np.quantile(draws, [0.05, 0.5, 0.95]), 0.0, 1.0)
    return Index(names, float(middle), float(low), float(high))


def decompose(values: Array) -> dict[tuple[int, ...], float]:
    """Return the exact shares of a full table (one axis a factor): the oracle that the estimators are held to.

    For every subset of axes the variance of its pure interaction, by averaging and subtracting (Hoeffding 1948).
    """
    axes = range(values.ndim)
    total = float(values.var())
    parts: dict[tuple[int, ...], Array] = {(): values.mean(keepdims=True)}
    found: dict[tuple[int, ...], float] = {}
    for size in range(1, values.ndim + 1):
        for subset in combinations(axes, size):
            part = values.mean(axis=tuple(j for j in axes if j not in subset), keepdims=True)
            for smaller in (each for k in range(size) for each in combinations(subset, k)):
                part = part - parts[smaller]
            parts[subset] = part
            found[subset] = float((part**2).mean()) / total if total > 0 else 0.0
    return found
