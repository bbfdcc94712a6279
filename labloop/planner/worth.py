"""How many measurements each result is worth: fewer where it contradicts all others, or where noise is larger.

Everything that learns from results counts row i as r_i measurements of variance noise / r_i. Here r_i is corrected,
from the number of replicates to what they are worth, so that nothing else need know why.

**Outliers** (relevance pursuit; Ament et al., NeurIPS 2024, arXiv:2410.24222). A few rows have a variance rho_i of
their own. With residual e_i and variance v_i of the row's true value as predicted from all other rows,

    K = k(X, X) + diag(noise / r),   a = K^-1 (y - c),
    e_i = a_i / [K^-1]_ii,   v_i = 1 / [K^-1]_ii - noise / r_i            Rasmussen & Williams (2006), eq. 5.10-5.12

the likelihood of row i given the rest is largest at rho_i = e_i^2 - v_i - noise / r_i. The most surprising row,
by t_i = e_i^2 / (v_i + noise / r_i), is given its rho_i, and the hyperparameters are fitted again, since an outlier
hides behind the noise that it pretends; so on, row by row. Of the sets on this path the one with the largest log
posterior less log C(n, k) is kept: any k of n rows might have been the ones.

What is better than all around it is never discounted unless it was measured again: it is an error or the
discovery, and `striking` until a repeat tells which.

**Growing noise.** With enough replicates, log variance = a + b m is fitted to the variances s_i^2 of f_i = r_i - 1
degrees of freedom, m the means: f_i s_i^2 / sigma_i^2 is chi-squared. It counts where it gains more than `_EARNED`
nats over one noise for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from labloop.planner.data import Table
from labloop.planner.kernel import Array
from labloop.planner.surrogate import Process

__all__ = ["Weighed", "discounted", "growth", "left_out", "weighed"]

Bools = npt.NDArray[np.bool_]

# Fewer rows cannot tell an outlier from a steep place; among many single results hardly matter, and each suspect costs
# a fit.
_ROWS = (12, 200)
# Where replicates agree to this share of the outcome's sd, what stands out does so in truth.
_EXACT = 1e-3
# From so many squared standard deviations on a row is a suspect; at most a tenth of the rows are outliers, and the
# search goes on for so many that have not paid yet, since outliers hide each other.
_SUSPECT, _OUTLIERS, _BEYOND = 6.5, 0.1, 3
_EARNED = 2.0
_REPLICATED, _FREEDOM = 5, 10
_STEEPEST = 3.0
"""By so much the log variance may change with a standard deviation of the outcome."""


class Fit(Protocol):
    """Hyperparameters fitted to rows: the process under them, and the log posterior."""

    @property
    def alone(self) -> Process:
        """The process under this one set of hyperparameters."""

    @property
    def value(self) -> float:
        """The log posterior."""


F = TypeVar("F", bound=Fit)


@dataclass(frozen=True)
class Weighed(Generic[F]):
    """A fit to rows that count as what they are worth.

    Attributes
    ----------
    discounted : rows that contradict all others, and count for less than they were measured.
    striking : the row that is too good to be believed before it was measured again.
    """

    fit: F
    discounted: tuple[int, ...] = ()
    striking: int | None = None


def weighed(
    fit: F, refit: Callable[[Array], F], table: Table, spreads: Array, *, sign: float, stated: bool
) -> Weighed[F]:
    """Return a fit in which every row counts as what it is worth.

    Parameters
    ----------
    fit : to rows that count as often as they were measured.
    refit : fits again, given what the rows (n,) are worth.
    table : the rows.
    spreads : (n,) the standard deviation of each row's replicates, in the model's unit.
    sign : 1 where larger is better, -1 where smaller is. 0 for a limit or a target: nothing is discounted, since what
        breaks a limit once may well do so again.
    stated : whether the campaign states the error of a measurement: then it is the same for all.
    """
    if not _ROWS[0] <= len(table) <= _ROWS[1]:
        return Weighed(fit)
    counted = table.repeats
    steep = 0.0 if stated else growth(fit.alone.y, spreads, counted)
    if steep:
        # What is predicted at a row says more about its noise than its own mean, which is noisy.
        means = fit.alone.posterior(fit.alone.rows)[0][0]
        counted = counted * np.exp(-steep * (means - means.mean()))
        fit = refit(counted)
    if not sign or (table.freedom and table.within <= _EXACT * float(table.y.std())):
        return Weighed(fit)
    # Replicates that agree among themselves are no error, however far off they are: there is no telling of one alone.
    agree = (table.repeats > 1) & (spreads < np.abs(left_out(fit.alone)[0]))
    found, sides = _pursued(fit, refit, counted, agree)
    good = [i for i, side in sides.items() if sign * side > 0 and table.repeats[i] == 1]
    bad = sorted(set(sides) - set(good))
    if good:
        found = refit(discounted(found.alone, counted, bad)) if bad else fit
    return Weighed(found, tuple(bad), max(good, key=lambda i: float(sign * table.y[i]), default=None))


def _pursued(fit: F, refit: Callable[[Array], F], counted: Array, sure: Bools) -> tuple[F, dict[int, float]]:
    """Return the best fit on the path of relevance pursuit, and which rows have a variance of their own, on which side.

    Rows that are ``sure`` (n,) are left alone.
    """
    n = len(counted)
    best, chosen, found, value = fit, 0, fit, fit.value
    sides: dict[int, float] = {}
    while len(sides) < max(int(_OUTLIERS * n), 1) and len(sides) < chosen + _BEYOND:
        t, side = _surprise(found.alone)
        t[sure] = 0.0
        t[list(sides)] = 0.0
        i = int(np.argmax(t))
        if t[i] < _SUSPECT:
            break
        sides[i] = float(side[i])
        found = refit(discounted(found.alone, counted, list(sides)))
        reached = found.value - math.log(math.comb(n, len(sides)))
        if reached > value:
            best, chosen, value = found, len(sides), reached
    return best, dict(list(sides.items())[:chosen])


def left_out(process: Process) -> tuple[Array, Array]:
    """Return every row's residual e (n,) and the variance v (n,) of its true value, as predicted by all others."""
    inverse = process.inverse[0]
    precision = np.einsum("ij,ij->j", inverse, inverse)
    residual = inverse.T @ process.whitened[0] / precision
    return residual, np.maximum(1.0 / precision - process.noise[0] / process.repeats, 0.0)


def _surprise(process: Process) -> tuple[Array, Array]:
    """Return t (n,), how surprising every row is, and whether it lies above (1) or below (-1) what others predict."""
    residual, variance = left_out(process)
    return residual**2 / (variance + process.noise[0] / process.repeats), np.sign(residual)


def discounted(process: Process, counted: Array, rows: list[int]) -> Array:
    """Return what rows are worth (n,) if some have a variance of their own: ``counted`` elsewhere."""
    residual, variance = left_out(process)
    noise = float(process.noise[0])
    own = noise / counted
    found = counted.copy()
    found[rows] = noise / np.maximum(residual[rows] ** 2 - variance[rows], own[rows])
    return found


def growth(means: Array, spreads: Array, measured: Array) -> float:
    """Return b, by how much the log variance of a measurement grows with a unit of the outcome; 0 if that is not sure.

    Parameters
    ----------
    means, spreads, measured : (n,) mean and standard deviation of each row's replicates, and their number.
    """
    freedom = measured - 1.0
    chosen = (freedom > 0) & (spreads > 0)
    if chosen.sum() < _REPLICATED or freedom[chosen].sum() < _FREEDOM:
        return 0.0
    f, m, logs = freedom[chosen], means[chosen], 2.0 * np.log(spreads[chosen])

    def cost(b: float) -> float:
        # With b given the likeliest a is known: exp(a) = sum f s^2 exp(-b m) / sum f.
        a = float(np.logaddexp.reduce(np.log(f) + logs - b * m)) - math.log(f.sum())
        return 0.5 * float((f * (a + b * m)).sum())

    found = minimize_scalar(cost, bounds=(-_STEEPEST, _STEEPEST), method="bounded")
    return float(found.x) if cost(0.0) - float(found.fun) > _EARNED else 0.0
