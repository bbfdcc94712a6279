"""The marginal likelihood with its gradient in closed form, and the search for its modes.

Notation: n rows, y (n,) standardised, ``repeats`` (n,) measurements behind each y. The parameters are
theta = (log kernel parameters, log noise, c); noise is the variance of one measurement, c the constant mean.

    K = k(X, X) + diag(noise / repeats),   e = y - c,   a = K^-1 e
    log p(y | theta) = -1/2 e'a - 1/2 log|K| - n/2 log(2 pi)                 Rasmussen & Williams (2006), 5.8
    d log p / d theta_j = 1/2 sum((a a' - K^-1) * dK/d theta_j)             ibid., 5.9
    d log p / dc  =  sum(a)

Priors: those of the kernel's parameters (`kernel`), and log noise ~ N(location, width), without replicates
N(-5, 1.5): under BoTorch's default, LogNormal(-4, 1), the density of the noise is largest at exp(-5), and a
laboratory may have none or much. Densities are of the logs, which is what `sample` draws: the value is
that of GPyTorch's ``ExactMarginalLogLikelihood`` times n, priors included, plus the sum of all log parameters
with a prior, the Jacobian of the logs (held in tests), less what a warp of the inputs costs (`warp`).
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import blas, lapack

from labloop.planner.descent import descend
from labloop.planner.kernel import Array, Kernel, Pull, group_distances, pairs
from labloop.planner.warp import Shape, bent

__all__ = ["Evidence", "Hyper", "NoisePrior", "fit"]

# Outside these no data of a laboratory can tell the difference; inside, Cholesky succeeds.
NOISE_BOUNDS = (1e-6, 3.0)
_JITTER = 1e-8


@dataclass(frozen=True)
class NoisePrior:
    """LogNormal(location, width) on the variance of one measurement, in units of the variance of y."""

    location: float = -5.0
    width: float = 1.5

    def informed(self, variance: float, freedom: int) -> NoisePrior:
        """Return the product with what replicates say: log s2 is close to normal with variance 2 / df."""
        weight, evidence = self.width**-2, freedom / 2.0
        total = weight + evidence
        location = (weight * self.location + evidence * math.log(variance)) / total
        return replace(self, location=location, width=total**-0.5)


@dataclass(frozen=True)
class Hyper:
    """One mode: log kernel parameters, noise variance of one measurement, constant mean, log posterior."""

    log: Array
    noise: float
    mean: float
    value: float = 0.0

    @property
    def theta(self) -> Array:
        """Return the parameters as one array (size,)."""
        return np.array([*self.log, math.log(self.noise), self.mean])


class Evidence:
    """The log posterior of the hyperparameters given one outcome's data.

    Parameters
    ----------
    features : (n, F) rows of the model.
    y : (n,) standardised values.
    repeats : (n,) measurements behind each value.
    kernel : with its priors.
    prior : of the noise.
    known : the known variance of one measurement, or None to learn it.
    """

    def __init__(
        self,
        features: Array,
        y: Array,
        *,
        repeats: Array,
        kernel: Kernel,
        prior: NoisePrior,
        known: float | None = None,
    ) -> None:
        self.n, self.y, self.repeats = len(y), y, repeats
        self.kernel, self.prior, self.known = kernel, prior, known
        self._features = features
        self._distances = group_distances(kernel.warp(features), kernel.layout)
        # The pairs i >= j as places in a flat matrix, and what each counts in a sum over all pairs, halved.
        i, j = pairs(self.n)
        self._pairs = i, j, i * self.n + j
        self._counts = np.where(i == j, 0.5, 1.0)
        self._diagonal = np.arange(self.n) * (self.n + 1)
        self._set_priors()

    def under(self, kernel: Kernel) -> Evidence:
        """Return that of the same data under another kernel, of the same layout and with the same warp."""
        found = copy(self)
        found.kernel = kernel
        found._set_priors()
        return found

    @property
    def size(self) -> int:
        """Return the number of parameters, the kernel's + 2."""
        return self.kernel.size + 2

    def bounds(self) -> Array:
        """Return lower and upper bounds of theta, (2, size)."""
        low, high = NOISE_BOUNDS if self.known is None else (self.known, self.known)
        return np.hstack([self.kernel.bounds(), [[math.log(low), -10.0], [math.log(high), 10.0]]])

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the log posterior and its gradient at theta (size,)."""
        value, a, factor, pull = self._factored(theta)
        if not math.isfinite(value):
            return value, np.zeros_like(theta)
        inverse, _ = lapack.dpotri(factor, lower=0, overwrite_c=1)
        # K^-1 - a a', the upper triangle by columns, in place.
        by_k = blas.dsyr(-1.0, a, a=inverse, lower=0, overwrite_a=1)
        gradient = np.empty_like(theta)
        gradient[:-2] = -pull(self._counts * by_k.T.ravel()[self._pairs[2]])
        gradient[-2] = -0.5 * math.exp(theta[-2]) * float((by_k.diagonal() / self.repeats).sum())
        gradient[-1] = float(a.sum())
        return value, gradient - self._precision @ (theta - self._location)

    def value(self, theta: Array) -> float:
        """Return the log posterior alone at theta (size,), in half the time."""
        return self._factored(theta)[0]

    def shaped(self, theta: Array, column: int, shape: Shape) -> float:
        """Return the log posterior at theta (size,) with one feature, a number, in another shape."""
        warp, distances = self.kernel.warp, self._distances[self.kernel.layout.group[column]]
        x = bent(self._features[:, column], shape)
        i, j, _ = self._pairs
        before = distances.copy()
        # In place, and back again: a copy of all distances costs more than the rest.
        distances[:] = np.square(x[i] - x[j])
        value = self.value(theta)
        distances[:] = before
        return value + warp.nats - warp.with_shape(column, shape).nats

    def _factored(self, theta: Array) -> tuple[float, Array, Array, Pull]:
        """Return the log posterior, a, K's factor, and the pullback to the kernel's parameters."""
        n, noise, mean = self.n, math.exp(theta[-2]), theta[-1]
        values, pull = self.kernel.gram(self._distances, theta[:-2])
        flat = np.zeros(n * n)
        flat[self._pairs[2]] = values
        flat[self._diagonal] += noise / self.repeats + _JITTER
        # The lower triangle by rows is LAPACK's upper by columns: nothing is copied.
        factor, failed = lapack.dpotrf(flat.reshape(n, n).T, lower=0, overwrite_a=1)
        if failed:
            return -math.inf, flat, factor, pull
        e = self.y - mean
        a, _ = lapack.dpotrs(factor, e, lower=0)
        gap = theta - self._location
        value = self._constant - 0.5 * float(e @ a) - float(np.log(factor.diagonal()).sum())
        value -= 0.5 * float(gap @ self._precision @ gap)
        return value, a, factor, pull

    def _set_priors(self) -> None:
        """Keep location and inverse covariance of all parameters (0: no prior), and all that is constant."""
        size = self.kernel.size + (self.known is None)
        self._location, self._precision = np.zeros(self.size), np.zeros((self.size, self.size))
        self._location[:-2], self._precision[:-2, :-2] = self.kernel.prior()[0], self.kernel.precision()
        if self.known is None:
            self._location[-2], self._precision[-2, -2] = self.prior.location, self.prior.width**-2.0
        log_det = float(np.linalg.slogdet(self._precision[:size, :size])[1])
        self._constant = 0.5 * (log_det - (self.n + size) * math.log(2.0 * math.pi)) - self.kernel.warp.nats


def fit(evidence: Evidence, rng: np.random.Generator, *, starts: int = 2, warm: Hyper | None = None) -> list[Hyper]:
    """Return the distinct modes of the log posterior, best first.

    Batched L-BFGS-B (BoTorch's) from typical lengthscales, from short ones with hardly any noise, from long ones with
    much, in turn; ``warm`` (the last fit) in place of the first. An empty list means that no start could be evaluated.
    """
    bounds = evidence.bounds()
    groups = evidence.kernel.layout.groups
    # Of 840 modes two starts miss 3, three none, one 36 (`benchmarks/planner_starts.py`).
    turn = np.arange(starts) % 3
    thetas = np.zeros((starts, evidence.size))
    thetas[:, :-2] = evidence.kernel.prior()[0]
    typical = math.log(0.4) + 0.5 * math.log(groups)
    thetas[:, :groups] = typical + np.array([0.0, -1.0, 1.2])[turn, None]
    thetas[:, :groups] += rng.normal(0.0, 0.3, (starts, groups)) * (turn > 0)[:, None]
    thetas[:, -2] = np.array([-4.0, -6.0, -2.0])[turn]
    if warm is not None and len(warm.log) == evidence.kernel.size:
        thetas[0] = warm.theta
    thetas = np.clip(thetas, *bounds)

    def objective(batch: Array, _: list[int]) -> tuple[Array, Array]:
        found = [evidence(theta) for theta in batch]
        values = np.array([value for value, _ in found])
        return np.where(np.isfinite(values), -values, 1e10), np.array([-slope for _, slope in found])

    ends, values = descend(objective, thetas, bounds, most=200, change=3e-5, slope=1e-1)
    kept: list[Hyper] = []
    for i in np.argsort(values, kind="stable"):
        if values[i] >= 1e9 or any(_same(ends[i], each, groups) for each in kept):
            continue
        theta = ends[i]
        kept.append(Hyper(theta[:-2].copy(), math.exp(theta[-2]), float(theta[-1]), -float(values[i])))
    return kept


def _same(theta: Array, other: Hyper, groups: int) -> bool:
    # Two modes that differ only in lengthscales beyond the cube make the same predictions.
    near = np.exp(-theta[:groups]) - np.exp(-other.log[:groups])
    return bool(np.abs(near).max() < 0.05 and abs(theta[-2] - math.log(other.noise)) < 0.3)
