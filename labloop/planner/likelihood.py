"""The marginal likelihood with its gradient in closed form, and the search for its modes.

Notation: n rows, y (n,) standardised, ``repeats`` (n,) measurements behind each y, G lengthscale groups.
The parameters are theta = (log l_1 ... log l_G, log noise, c); noise is the variance of one measurement,
c the constant mean, the signal variance is 1 (y is standardised).

    K = k(X, X) + diag(noise / repeats) + diag(known),   e = y - c,   a = K^-1 e
    log p(y | theta) = -1/2 e'a - 1/2 log|K| - n/2 log(2 pi)                 Rasmussen & Williams (2006), 5.8
    d log p / d theta_j = 1/2 sum((a a' - K^-1) * dK/d theta_j)             ibid., 5.9
    dK/d log l_g  =  -2 D_g / l_g^2 * dk/d(r2)     (numeric),   K D_g / l_g  (a choice)
    d log p / dc  =  sum(a)

Priors (densities of l and of noise themselves, as GPyTorch counts them):
    l ~ LogNormal(sqrt2 + log(d) / 2, sqrt3)            Hvarfner, Hellsten & Nardi (2024), eq. 7; d = G
    noise ~ LogNormal(location, width); without replicates LogNormal(-4, 1), BoTorch's default

The value equals GPyTorch's ``ExactMarginalLogLikelihood`` times n, priors included (held in tests); the
posterior mode is the same in log parameters because the density is that of l, not of log l.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched
from scipy.linalg import lapack

from labloop.planner.kernel import Array, Layout, group_distances, matern

__all__ = ["Evidence", "Hyper", "NoisePrior", "fit"]

SCALE_WIDTH = 3.0**0.5
# Outside these no data of a laboratory can tell the difference; inside, Cholesky succeeds.
SCALE_BOUNDS = (2e-2, 1e3)
NOISE_BOUNDS = (1e-6, 3.0)
_JITTER = 1e-8
_MODES = 8


@dataclass(frozen=True)
class NoisePrior:
    """LogNormal(location, width) on the variance of one measurement, in units of the variance of y."""

    location: float = -4.0
    width: float = 1.0

    def informed(self, variance: float, freedom: int) -> NoisePrior:
        """Return the product with what replicates say: log s2 is close to normal with variance 2 / df."""
        weight, evidence = self.width**-2, freedom / 2.0
        total = weight + evidence
        location = (weight * self.location + evidence * math.log(variance)) / total
        return replace(self, location=location, width=total**-0.5)


@dataclass(frozen=True)
class Hyper:
    """One mode: lengthscales by group, noise variance of one measurement, constant mean, log posterior."""

    scale: Array
    noise: float
    mean: float
    value: float = 0.0


class Evidence:
    """The log posterior of the hyperparameters given one outcome's data.

    Parameters
    ----------
    features : (n, F) rows of the model.
    y : (n,) standardised values.
    repeats : (n,) measurements behind each value.
    layout : groups of features.
    prior : of the noise.
    known : the known variance of one measurement, or None to learn it.
    """

    def __init__(
        self,
        features: Array,
        y: Array,
        *,
        repeats: Array,
        layout: Layout,
        prior: NoisePrior,
        known: float | None = None,
    ) -> None:
        self.n, self.y, self.share = len(y), y, 1.0 / repeats
        self.layout, self.prior, self.known = layout, prior, known
        distances = group_distances(features, layout).reshape(layout.groups, -1)
        self._numeric = np.flatnonzero(~layout.named)
        self._named = np.flatnonzero(layout.named)
        self._near, self._differ = distances[self._numeric], distances[self._named]
        self.location = math.sqrt(2.0) + 0.5 * math.log(layout.groups)

    @property
    def size(self) -> int:
        """Return the number of parameters, G + 2."""
        return self.layout.groups + 2

    def bounds(self) -> Array:
        """Return lower and upper bounds of theta, (2, G + 2)."""
        groups = self.layout.groups
        low, high = NOISE_BOUNDS if self.known is None else (self.known, self.known)
        lower = [math.log(SCALE_BOUNDS[0])] * groups + [math.log(low), -10.0]
        upper = [math.log(SCALE_BOUNDS[1])] * groups + [math.log(high), 10.0]
        return np.array([lower, upper])

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the log posterior and its gradient at theta (G + 2,)."""
        n, groups = self.n, self.layout.groups
        scale = np.exp(theta[:groups])
        noise, mean = math.exp(theta[groups]), theta[groups + 1]
        r2 = (scale[self._numeric] ** -2) @ self._near
        s = (1.0 / scale[self._named]) @ self._differ if len(self._named) else 0.0
        value, slope = matern(r2, s)
        matrix = value.reshape(n, n).copy()
        matrix.flat[:: n + 1] += noise * self.share + _JITTER
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=1, overwrite_a=0)
        if failed:
            return -math.inf, np.zeros_like(theta)
        e = self.y - mean
        a, _ = lapack.dpotrs(factor, e, lower=1)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        likelihood = -0.5 * float(e @ a) - float(np.log(factor.flat[:: n + 1]).sum())
        likelihood -= 0.5 * n * math.log(2.0 * math.pi)
        half = 0.5 * (np.outer(a, a) - inverse)
        gradient = np.empty_like(theta)
        weight = half.ravel()
        gradient[self._numeric] = -2.0 * scale[self._numeric] ** -2 * (self._near @ (weight * slope))
        gradient[self._named] = (self._differ @ (weight * value)) / scale[self._named]
        gradient[groups] = noise * float(half.flat[:: n + 1] @ self.share)
        gradient[groups + 1] = float(a.sum())
        return self._add_priors(theta, likelihood, gradient)

    def _add_priors(self, theta: Array, value: float, gradient: Array) -> tuple[float, Array]:
        groups = self.layout.groups
        value += _log_normal(theta[:groups], self.location, SCALE_WIDTH, gradient[:groups])
        if self.known is None:
            noise = slice(groups, groups + 1)
            value += _log_normal(theta[noise], self.prior.location, self.prior.width, gradient[noise])
        return value, gradient


def _log_normal(log: Array, location: float, width: float, gradient: Array) -> float:
    """Return the summed log density of exp(log) and add its derivative by log to ``gradient``."""
    z = (log - location) / width
    gradient -= z / width + 1.0
    constant = math.log(width * math.sqrt(2.0 * math.pi))
    return float(-(0.5 * z * z + log + constant).sum())


def fit(evidence: Evidence, rng: np.random.Generator, *, starts: int = 4, warm: Hyper | None = None) -> list[Hyper]:
    """Return the distinct modes of the log posterior, best first.

    Batched L-BFGS-B (BoTorch's) from short and from long lengthscales at several noise levels, from the
    prior, and from ``warm`` (the last fit). An empty list means that no start could be evaluated.
    """
    groups = evidence.layout.groups
    bounds = evidence.bounds()
    thetas = np.zeros((starts, evidence.size))
    typical = math.log(0.4) + 0.5 * math.log(groups)
    thetas[:, :groups] = np.array([typical + shift for shift in (0.0, 1.2, -1.0, 2.2)])[np.arange(starts) % 4, None]
    thetas[:, :groups] += rng.normal(0.0, 0.3, (starts, groups)) * (np.arange(starts) > 0)[:, None]
    thetas[:, groups] = np.array([-4.0, -2.0, -6.0, -3.0])[np.arange(starts) % 4]
    if warm is not None and len(warm.scale) == groups:
        thetas[0] = [*np.log(warm.scale), math.log(warm.noise), warm.mean]
    thetas = np.clip(thetas, *bounds)

    def objective(batch: Array) -> tuple[Array, Array]:
        found = [evidence(theta) for theta in batch]
        values = np.array([value for value, _ in found])
        return np.where(np.isfinite(values), -values, 1e10), np.array([-slope for _, slope in found])

    ends, values, _ = fmin_l_bfgs_b_batched(objective, thetas, bounds=bounds.T, factr=None, ftol=1e-7, pgtol=1e-3, maxiter=200)
    order = np.argsort(values, kind="stable")
    kept: list[Hyper] = []
    for i in order:
        if values[i] >= 1e9 or any(_same(ends[i], each, groups) for each in kept):
            continue
        theta = ends[i]
        kept.append(Hyper(np.exp(theta[:groups]), math.exp(theta[groups]), float(theta[-1]), -float(values[i])))
    return kept[:_MODES]


def _same(theta: Array, other: Hyper, groups: int) -> bool:
    # Two modes that differ only in lengthscales beyond the cube make the same predictions.
    near = np.exp(-theta[:groups]) - 1.0 / other.scale
    return bool(np.abs(near).max() < 0.05 and abs(theta[groups] - math.log(other.noise)) < 0.3)
