"""The covariance: Matern-5/2 over numbers; with choices, main effects + pairs + everything at once.

Notation (all float64)
----------------------
F features in G groups (`Layout`): a numeric group is one column, a named group the one-hot block of a choice.
l_g the lengthscale of group g; x, x' two rows, bent by the kernel's `warp`; b, N, n numbers of rows; P sets of
parameters at once.

`Ard` (numbers only): Matern-5/2 with one lengthscale a column, variance 1.
    r2 = sum_g (x_g - x'_g)^2 / l_g^2,    k = (1 + sqrt5 r + 5/3 r2) exp(-sqrt5 r)
    Rasmussen & Williams (2006), eq. 4.17.

`TwoScale` (numbers only, where the data do not speak against it: `models`): a trend, and ripples on it, shorter than
    it by one factor in every column.
    k = (1 - s) Matern-5/2(r) + s Matern-5/2(c r),    c = 4
    One lengthscale a column has to choose between the two, and whoever chooses the trend is sure of what lies between
    experiments. A sum of kernels (Rasmussen & Williams 2006, sections 4.2.4 and 5.4.3).

`Layered` (as soon as there is a choice): with one factor per group,
    k_g = Matern-5/2(|x_g - x'_g| / l_g)  for a number,   exp(-[x_g != x'_g] / l_g)  for a choice,
    k = v1 mean_g k_g + v2 mean_{g<h} k_g k_h + v3 prod_g k_g
    The additive kernel of Duvenaud, Nickisch & Rasmussen (2011), orders 1, 2 and G: what a ligand does on
    average, what it does in one solvent, and what only one exact combination does. A product alone (as in
    BoTorch's ``MixedSingleTaskGP`` second term) forgets a ligand's average effect as soon as interactions
    are strong; see `docs/planner.md` for the leave-out comparison.
    Sums over pairs from elementary symmetric polynomials: with S = sum_g k_g, Q = sum_g k_g^2, P = prod k_g,
    sum_{g<h} k_g k_h = (S^2 - Q) / 2 and dk/dk_g = v1/G + v2 2/(G(G-1)) (S - k_g) + v3 P/k_g.

Parameters are logs: of l_1..l_G, then (`TwoScale`) of the odds s / (1 - s), or (`Layered`) of v1, v2, v3. Priors are
normal densities of these logs.
Numbers: log l ~ N(sqrt2 - 3 + log(G)/2, 0.7), centred where the density of l under the LogNormal(sqrt2 +
log(G)/2, sqrt3) of Hvarfner, Hellsten & Nardi (2024, eq. 7) is largest, which is where maximisers of it work
(`docs/planner.md` has what was measured). Where all are numbers, they share a further normal number of variance
s = 2 / G^2: how rough a lab is in all columns at once is known less than how they differ, and a few columns soon tell.
The covariance 0.7^2 I + s 11' has the inverse (I - s / (0.7^2 + G s) 11') / 0.7^2 (Sherman & Morrison 1950).
Choices: log l ~ N(1/2, 1), so two options correlate 0.55 at the median, and are neither the same nor unrelated before
the data say so. Variances: log v ~ N(log(1/3), 1).
Odds: N(-2, 1), so that ripples have 2 to 50 % of the variance, 12 % at the median.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from labloop.planner.warp import Warp

__all__ = [
    "Ard",
    "Array",
    "Cross",
    "Kernel",
    "Layered",
    "Layout",
    "Pull",
    "TwoScale",
    "group_distances",
    "kernel_for",
    "pairs",
]

Array = npt.NDArray[np.float64]
Pull = Callable[[Array], Array]
"""Carries dL/dk back: to log parameters (`gram`), or to features (`cross`, summed over P)."""
Cross = Callable[[Array], tuple[Array, Pull]]
"""Features (b, F) to their covariance (P, b, N) with fixed rows, and its pullback to (b, F)."""

_ROOT5 = 5.0**0.5
_VANISHED = 1e-300
SCALE_WIDTH, SHARED = 0.7, 2.0
SCALE_BOUNDS = (2e-2, 1e3)
VARIANCE_BOUNDS = (1e-3, 20.0)
SHORTER = 4
"""By so much ripples are shorter than the trend: a power of 2, for which no second exponential is needed."""
ODDS, ODDS_WIDTH, ODDS_BOUNDS = -2.0, 1.0, (-8.0, 4.0)


@dataclass(frozen=True)
class Layout:
    """Which feature belongs to which group (F,), and which groups are one-hot blocks (G,)."""

    group: npt.NDArray[np.intp]
    named: npt.NDArray[np.bool_]

    @property
    def groups(self) -> int:
        """Return G."""
        return len(self.named)

    @cached_property
    def columns(self) -> list[npt.NDArray[np.intp]]:
        """Feature columns by group."""
        return [np.flatnonzero(self.group == g) for g in range(self.groups)]


@lru_cache(maxsize=4)
def pairs(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows i and columns j of the m = n(n + 1)/2 pairs i >= j; every fit of a plan asks for the same."""
    found = np.tril_indices(n)
    for each in found:
        each.flags.writeable = False
    return found


def group_distances(features: Array, layout: Layout) -> Array:
    """Return squared distances by group of the m = n(n + 1)/2 pairs i >= j, (G, m); a choice's are 0 and 1."""
    i, j = pairs(len(features))
    found = np.zeros((layout.groups, len(i)))
    for g, column in zip(layout.group, np.ascontiguousarray(features.T), strict=True):
        difference = column[i] - column[j]
        found[g] += difference * difference
    return found


def matern(r2: Array) -> tuple[Array, Array]:
    """Return k and dk/d(r2) = -5/6 (1 + sqrt5 r) exp(-sqrt5 r), finite at r = 0."""
    # In place: at this size a new array costs as much as what is computed in it.
    slope = np.sqrt(r2)
    slope *= _ROOT5
    value = np.negative(slope)
    np.exp(value, out=value)
    slope += 1.0
    slope *= value
    value *= r2
    value *= 5.0 / 3.0
    value += slope
    slope *= -5.0 / 6.0
    return value, slope


def two_scales(r2: Array, share: float | Array) -> tuple[Array, Array, Array]:
    """Return k = (1 - s) Matern-5/2(r) + s Matern-5/2(`SHORTER` r), dk/d(r2), and dk/ds."""
    # In place, as in `matern`.
    root = np.sqrt(r2)
    root *= _ROOT5
    decay = np.negative(root)
    np.exp(decay, out=decay)
    slope = root + 1.0
    value = (5.0 / 3.0) * r2
    value += slope
    value *= decay
    slope *= decay
    # exp(-c r) = exp(-r)^c.
    for _ in range(SHORTER.bit_length() - 1):
        decay *= decay
    root *= SHORTER
    root += 1.0
    by_share = (5.0 / 3.0 * SHORTER**2) * r2
    by_share += root
    by_share *= decay
    by_share -= value
    decay *= SHORTER**2
    root *= decay
    root -= slope
    root *= share
    slope += root
    slope *= -5.0 / 6.0
    value += np.multiply(by_share, share, out=decay)
    return value, slope, by_share


def squared_distances(a: Array, b: Array) -> Array:
    """Return |a_i - b_j|^2, (..., n, m), of (..., n, F) and (..., m, F), never negative."""
    found = a @ np.swapaxes(b, -1, -2)
    found *= -2.0
    found += np.einsum("...if,...if->...i", a, a)[..., :, None]
    found += np.einsum("...jf,...jf->...j", b, b)[..., None, :]
    return np.maximum(found, 0.0, out=found)


def _scale_prior(layout: Layout) -> tuple[Array, Array]:
    location = np.where(layout.named, 0.5, math.sqrt(2.0) - 3.0 + 0.5 * math.log(layout.groups))
    return location, np.where(layout.named, 1.0, SCALE_WIDTH)


def _apart(width: Array) -> Array:
    return np.diag(width**-2.0)


@dataclass(frozen=True)
class Ard:
    """Matern-5/2 with one lengthscale per column; every group is a number."""

    layout: Layout
    warp: Warp = field(default_factory=Warp)

    @property
    def size(self) -> int:
        """Return the number of parameters, G."""
        return self.layout.groups

    def prior(self) -> tuple[Array, Array]:
        """Return location and own width of the log-normal prior by parameter."""
        return _scale_prior(self.layout)

    def precision(self) -> Array:
        """Return the inverse covariance of the prior, (size, size)."""
        groups, own, shared = self.layout.groups, SCALE_WIDTH**2, SHARED / self.layout.groups**2
        found = _apart(self.prior()[1])
        found[:groups, :groups] -= shared / (own * (own + groups * shared))
        return found

    def bounds(self) -> Array:
        """Return lower and upper bounds of the log parameters, (2, G)."""
        return np.repeat(np.log(SCALE_BOUNDS)[:, None], self.size, axis=1)

    def variance(self, logs: Array) -> Array:
        """Return k(x, x) by set of parameters, (P,) of (P, G)."""
        return np.ones(len(logs))

    def gram(self, distances: Array, log: Array) -> tuple[Array, Pull]:
        """Return k (m,) from group distances (G, m), and the pullback to the log parameters."""
        weight = np.exp(-2.0 * log)
        value, slope = matern(weight @ distances)

        def pull(by_k: Array) -> Array:
            found: Array = -2.0 * weight * (distances @ (by_k * slope))
            return found

        return value, pull

    def _radial(self, r2: Array, logs: Array) -> tuple[Array, Array]:
        """Return k and dk/d(r2) at scaled distances (P, b, N), for each of (P, size) parameters."""
        del logs
        return matern(r2)

    def cross(self, rows: Array, logs: Array) -> Cross:
        """Return the covariance with (N, F) rows, for each of (P, size) parameters, as a function of features."""
        inverse = np.exp(-logs[:, : self.layout.groups])[:, None, :]
        scaled = self.warp(rows) * inverse

        def against(features: Array) -> tuple[Array, Pull]:
            mine = self.warp(features) * inverse
            value, slope = self._radial(squared_distances(mine, scaled), logs)

            def pull(by_k: Array) -> Array:
                weight = by_k * slope
                moment = mine * weight.sum(axis=2, keepdims=True) - weight @ scaled
                return np.asarray(np.einsum("pf,pbf->bf", 2.0 * inverse[:, 0], moment)) * self.warp.slope(features)

            return value, pull

        return against


@dataclass(frozen=True)
class TwoScale(Ard):
    """A trend and ripples: two Matern-5/2, one `SHORTER` in every column."""

    @property
    def size(self) -> int:
        """Return the number of parameters, G + 1."""
        return self.layout.groups + 1

    def prior(self) -> tuple[Array, Array]:
        """Return location and width of the prior by parameter."""
        location, width = super().prior()
        return np.append(location, ODDS), np.append(width, ODDS_WIDTH)

    def bounds(self) -> Array:
        """Return lower and upper bounds of the log parameters, (2, G + 1)."""
        found = super().bounds()
        found[:, -1] = ODDS_BOUNDS
        return found

    def gram(self, distances: Array, log: Array) -> tuple[Array, Pull]:
        """Return k (m,) from group distances (G, m), and the pullback to the log parameters."""
        weight, share = np.exp(-2.0 * log[:-1]), float(expit(log[-1]))
        value, slope, by_share = two_scales(weight @ distances, share)

        def pull(by_k: Array) -> Array:
            by_scales = -2.0 * weight * (distances @ (by_k * slope))
            return np.append(by_scales, share * (1.0 - share) * float(by_k @ by_share))

        return value, pull

    def _radial(self, r2: Array, logs: Array) -> tuple[Array, Array]:
        value, slope, _ = two_scales(r2, expit(logs[:, -1])[:, None, None])
        return value, slope


@dataclass(frozen=True)
class Layered:
    """Main effects, pairs and the full product, with one variance each."""

    layout: Layout
    warp: Warp = field(default_factory=Warp)

    @property
    def size(self) -> int:
        """Return the number of parameters, G + 3."""
        return self.layout.groups + 3

    def prior(self) -> tuple[Array, Array]:
        """Return location and width of the log-normal prior by parameter."""
        location, width = _scale_prior(self.layout)
        return np.append(location, [-math.log(3.0)] * 3), np.append(width, [1.0] * 3)

    def precision(self) -> Array:
        """Return the inverse covariance of the prior, (size, size)."""
        return _apart(self.prior()[1])

    def bounds(self) -> Array:
        """Return lower and upper bounds of the log parameters, (2, G + 3)."""
        scales = np.repeat(np.log(SCALE_BOUNDS)[:, None], self.layout.groups, axis=1)
        return np.hstack([scales, np.repeat(np.log(VARIANCE_BOUNDS)[:, None], 3, axis=1)])

    def variance(self, logs: Array) -> Array:
        """Return k(x, x) by set of parameters, (P,) of (P, G + 3)."""
        return np.asarray(np.exp(logs[:, -3:]).sum(axis=1))

    def _layers(self, factors: list[Array], variances: Array) -> tuple[Array, Callable[[int], Array]]:
        """Return k and, as a function of g, dk/dk_g; ``variances`` (3,) or (3, P, 1, 1)."""
        groups = len(factors)
        main, pairs, full = variances[0] / groups, variances[1] / (groups * (groups - 1) / 2.0), variances[2]
        total, squares, product = factors[0].copy(), factors[0] ** 2, factors[0].copy()
        for each in factors[1:]:
            total += each
            squares += each * each
            product *= each
        value = main * total + (0.5 * pairs) * (total * total - squares) + full * product

        def slope(g: int) -> Array:
            # Where a factor has vanished (an experiment far outside the bounds), the product has too.
            return np.asarray(main + pairs * (total - factors[g]) + full * product / np.maximum(factors[g], _VANISHED))

        return value, slope

    def gram(self, distances: Array, log: Array) -> tuple[Array, Pull]:
        """Return k (m,) from group distances (G, m), and the pullback to the log parameters."""
        factors, slopes = [], []
        for g, named in enumerate(self.layout.named):
            if named:
                rate = math.exp(-log[g])
                factors.append(np.exp(-rate * distances[g]))
                slopes.append(factors[-1] * rate * distances[g])
            else:
                r2 = distances[g] * math.exp(-2.0 * log[g])
                value, slope = matern(r2)
                factors.append(value)
                slopes.append(-2.0 * r2 * slope)
        variances = np.exp(log[-3:])
        value, by_factor = self._layers(factors, variances)

        def pull(by_k: Array) -> Array:
            found = np.empty(self.size)
            for g, slope in enumerate(slopes):
                found[g] = np.vdot(by_k, by_factor(g) * slope)
            for layer in range(3):
                alone = np.where(np.arange(3) == layer, variances, 0.0)
                found[self.layout.groups + layer] = np.vdot(by_k, self._layers(factors, alone)[0])
            return found

        return value, pull

    def cross(self, rows: Array, logs: Array) -> Cross:
        """Return the covariance with (N, F) rows, for each of (P, G + 3) parameters, as a function of features."""
        scale = np.exp(-logs)[:, :, None, None]
        variances = np.moveaxis(np.exp(logs[:, -3:]), 1, 0)[:, :, None, None]
        rows = self.warp(rows)

        def against(features: Array) -> tuple[Array, Pull]:
            bent = self.warp(features)
            factors: list[Array] = []
            slopes: dict[int, Array] = {}
            for g, columns in enumerate(self.layout.columns):
                if self.layout.named[g]:
                    apart = np.exp(-scale[:, g])
                    factors.append(apart + (1.0 - apart) * (2.0 * (bent[:, columns] @ rows[:, columns].T)))
                    continue
                gap = bent[:, columns] - rows[:, columns].T
                weight = scale[:, g] ** 2
                value, slope = matern(gap * gap * weight)
                factors.append(value)
                slopes[g] = 2.0 * weight * gap * slope
            value, by_factor = self._layers(factors, variances)

            def pull(by_k: Array) -> Array:
                found = np.zeros_like(features)
                for g, slope in slopes.items():
                    found[:, self.layout.columns[g][0]] = np.einsum("pbn,pbn->b", by_k, by_factor(g) * slope)
                return found * self.warp.slope(features)

            return value, pull

        return against


Kernel = Ard | Layered


def kernel_for(layout: Layout) -> Kernel:
    """Return the kernel that a layout begins with: layered as soon as there is a choice beside something else."""
    kind = Layered if layout.named.any() and layout.groups > 1 else Ard
    return kind(layout)
