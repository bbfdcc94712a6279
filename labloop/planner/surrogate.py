"""The Gaussian process of one outcome: posterior, joint draws and conditioning on them.

Notation: X (n, F) the rows learnt from, R the lower Cholesky factor of K = k(X, X) + diag(noise / repeats),
w = R^-1 (y - c) whitened residuals, V(x) = R^-1 k(X, x).

    mean(x) = c + V(x)'w,    var(x) = k(x, x) - |V(x)|^2                Rasmussen & Williams (2006), alg. 2.1

Conditioning on a drawn value f_s at a new row z appends one row to R and to V, and to w the standard
normal number that the draw was made of: f_s = mean_s(z) + lambda u_s, lambda^2 = var(z) + jitter, whence
w_new = (f_s - mean_s(z)) / lambda = u_s. A sample of S joint draws over B rows therefore costs B appended
rows and no further factorisation, and every later prediction is

    mean_s(x) = c + V(x)'W[:, s],  W = [w 1'; U],    var(x) = k(x, x) - |V(x)|^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from labloop.planner.kernel import Array, Cross, Kernel, Pull
from labloop.planner.likelihood import Hyper

__all__ = ["GP", "Conditioned"]

# A drawn value counts as measured this exactly (in variances of y): neighbours stay distinguishable.
_DRAW_JITTER = 1e-6
_JITTER = 1e-8


@dataclass(frozen=True)
class GP:
    """One outcome's process at one set of hyperparameters, in standardised units.

    ``rows`` (n, F), ``y`` (n,), ``repeats`` (n,).
    """

    kernel: Kernel
    hyper: Hyper
    rows: Array
    y: Array
    repeats: Array

    @cached_property
    def against(self) -> Cross:
        """The covariance with the rows."""
        return self.kernel.cross(self.rows, self.hyper.log)

    @cached_property
    def variance(self) -> float:
        """The prior variance k(x, x)."""
        return self.kernel.variance(self.hyper.log)

    @cached_property
    def factor(self) -> Array:
        """The lower Cholesky factor R, (n, n)."""
        matrix = self.against(self.rows)[0]
        matrix.flat[:: len(matrix) + 1] = self.variance + self.hyper.noise / self.repeats + _JITTER
        found: Array = cholesky(matrix, lower=True, check_finite=False)
        return found

    @cached_property
    def whitened(self) -> Array:
        """The residuals w, (n,)."""
        return _solved(self.factor, self.y - self.hyper.mean)

    def posterior(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance of the true value at each of (b, F) rows."""
        v = _solved(self.factor, self.against(features)[0].T)
        return self.hyper.mean + v.T @ self.whitened, _positive(self.variance - np.einsum("nb,nb->b", v, v))

    def joint(self, features: Array) -> tuple[Array, Array]:
        """Return mean (b,) and covariance (b, b) of the true values at (b, F) rows."""
        v = _solved(self.factor, self.against(features)[0].T)
        prior = self.kernel.cross(features, self.hyper.log)(features)[0]
        prior.flat[:: len(prior) + 1] = self.variance
        return self.hyper.mean + v.T @ self.whitened, prior - v.T @ v

    def draw(self, features: Array, normal: Array) -> Array:
        """Return joint draws (S, b) of the true values from standard normal numbers (S, b)."""
        mean, covariance = self.joint(features)
        covariance.flat[:: len(covariance) + 1] += _DRAW_JITTER * self.variance
        root = cholesky(covariance, lower=True, check_finite=False)
        found: Array = mean + normal @ root.T
        return found


@dataclass
class Conditioned:
    """A process that takes drawn values at further rows as known; the one growing object of a plan.

    Attributes
    ----------
    rows : (N, F) the data's rows, then the appended ones.
    inverse : (N, N) R^-1, lower triangular.
    white : (N, S) whitened residuals by draw.
    """

    gp: GP
    rows: Array
    inverse: Array
    white: Array
    against: Cross = field(init=False)

    def __post_init__(self) -> None:
        self.against = self.gp.kernel.cross(self.rows, self.gp.hyper.log)

    @classmethod
    def on(cls, gp: GP, draws: int) -> Conditioned:
        """Start from a process with nothing drawn yet."""
        inverse = _solved(gp.factor, np.eye(len(gp.y)))
        return cls(gp, gp.rows, inverse, np.repeat(gp.whitened[:, None], draws, axis=1))

    def append(self, row: Array, normal: Array) -> Array:
        """Draw the value at ``row`` (F,) from ``normal`` (S,), take it as known, return the draws (S,)."""
        v = self.inverse @ self.against(row[None])[0][0]
        prior = self.gp.variance
        spread = np.sqrt(max(prior - float(v @ v), 0.0) + _DRAW_JITTER * prior)
        drawn: Array = self.gp.hyper.mean + v @ self.white + spread * normal
        size = len(v)
        grown = np.zeros((size + 1, size + 1))
        grown[:size, :size] = self.inverse
        grown[size, :size] = -(v @ self.inverse) / spread
        grown[size, size] = 1.0 / spread
        self.inverse = grown
        self.white = np.vstack([self.white, normal])
        self.rows = np.vstack([self.rows, row])
        self.against = self.gp.kernel.cross(self.rows, self.gp.hyper.log)
        return drawn

    def evaluate(self, features: Array) -> Slice:
        """Return means by draw and the standard deviation at (b, F) rows, ready to be differentiated."""
        k, pull = self.against(features)
        v = k @ self.inverse.T
        variance = _positive(self.gp.variance - np.einsum("bn,bn->b", v, v))
        return Slice(self, pull, v, self.gp.hyper.mean + v @ self.white, np.sqrt(variance))


@dataclass(frozen=True)
class Slice:
    """Predictions at b rows: ``mean`` (b, S) by draw, ``sd`` (b,) of the true value; ``v`` (b, N)."""

    source: Conditioned
    pull: Pull
    v: Array
    mean: Array
    sd: Array

    def pullback(self, mean: Array, sd: Array) -> Array:
        """Return dL/dx (b, F) from dL/dmean (b, S) and dL/dsd (b,).

        dmean_s = dV'W[:, s] and dsd = -V'dV / sd, V = R^-1 k(x).
        """
        by_v = mean @ self.source.white.T - (sd / self.sd)[:, None] * self.v
        return self.pull(by_v @ self.source.inverse)


def _solved(factor: Array, right: Array) -> Array:
    found: Array = solve_triangular(factor, right, lower=True, check_finite=False)
    return found


def _positive(variance: Array) -> Array:
    return np.maximum(variance, 1e-12)
