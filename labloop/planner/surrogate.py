"""The Gaussian process of one outcome: posterior, joint draws and conditioning on them.

Notation: X (n, F) the rows learnt from, R the lower Cholesky factor of K = k(X, X) + diag(noise / repeats),
w = R^-1 (y - c) whitened residuals, V(x) = R^-1 k(X, x).

    mean(x) = c + V(x)'w,    var(x) = 1 - |V(x)|^2                Rasmussen & Williams (2006), alg. 2.1

Conditioning on a drawn value f_s at a new row z appends one row to R and to V, and to w the standard
normal number that the draw was made of: f_s = mean_s(z) + lambda u_s, lambda^2 = var(z) + jitter, whence
w_new = (f_s - mean_s(z)) / lambda = u_s. A sample of S joint draws over B rows therefore costs B appended
rows and no further factorisation, and every later prediction is

    mean_s(x) = c + V(x)'W[:, s],  W = [w 1'; U],    var(x) = 1 - |V(x)|^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from labloop.planner.kernel import Anchored, Array, Layout, squared_distances, matern
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

    layout: Layout
    hyper: Hyper
    rows: Array
    y: Array
    repeats: Array

    @cached_property
    def kernel(self) -> Anchored:
        """The kernel against the rows."""
        return Anchored(self.layout, self.hyper.scale, self.rows)

    @cached_property
    def factor(self) -> Array:
        """The lower Cholesky factor R, (n, n)."""
        matrix = self.kernel(self.rows)[0]
        matrix.flat[:: len(matrix) + 1] = 1.0 + self.hyper.noise / self.repeats + _JITTER
        found: Array = cholesky(matrix, lower=True, check_finite=False)
        return found

    @cached_property
    def whitened(self) -> Array:
        """The residuals w, (n,)."""
        found: Array = solve_triangular(self.factor, self.y - self.hyper.mean, lower=True, check_finite=False)
        return found

    def posterior(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance of the true value at each of (b, F) rows."""
        v = solve_triangular(self.factor, self.kernel(features)[0].T, lower=True, check_finite=False)
        mean = self.hyper.mean + v.T @ self.whitened
        return mean, np.maximum(1.0 - np.einsum("nb,nb->b", v, v), 1e-12)

    def joint(self, features: Array) -> tuple[Array, Array]:
        """Return mean (b,) and covariance (b, b) of the true values at (b, F) rows."""
        v = solve_triangular(self.factor, self.kernel(features)[0].T, lower=True, check_finite=False)
        prior = Anchored(self.layout, self.hyper.scale, features)(features)[0]
        prior.flat[:: len(prior) + 1] = 1.0
        return self.hyper.mean + v.T @ self.whitened, prior - v.T @ v

    def draw(self, features: Array, normal: Array) -> Array:
        """Return joint draws (S, b) of the true values from standard normal numbers (S, b)."""
        mean, covariance = self.joint(features)
        covariance.flat[:: len(covariance) + 1] += _DRAW_JITTER
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

    layout: Layout
    hyper: Hyper
    rows: Array
    inverse: Array
    white: Array
    kernel: Anchored = field(init=False)

    def __post_init__(self) -> None:
        self.kernel = Anchored(self.layout, self.hyper.scale, self.rows)

    @classmethod
    def on(cls, gp: GP, draws: int) -> Conditioned:
        """Start from a process with nothing drawn yet."""
        n = len(gp.y)
        inverse = solve_triangular(gp.factor, np.eye(n), lower=True, check_finite=False)
        return cls(gp.layout, gp.hyper, gp.rows, inverse, np.repeat(gp.whitened[:, None], draws, axis=1))

    def append(self, row: Array, normal: Array) -> Array:
        """Draw the value at ``row`` (F,) from ``normal`` (S,), take it as known, return the draws (S,)."""
        v = self.inverse @ self.kernel(row[None])[0][0]
        spread = np.sqrt(max(1.0 - float(v @ v), 0.0) + _DRAW_JITTER)
        drawn: Array = self.hyper.mean + v @ self.white + spread * normal
        size = len(v)
        grown = np.zeros((size + 1, size + 1))
        grown[:size, :size] = self.inverse
        grown[size, :size] = -(v @ self.inverse) / spread
        grown[size, size] = 1.0 / spread
        self.inverse = grown
        self.white = np.vstack([self.white, normal])
        self.rows = np.vstack([self.rows, row])
        self.kernel = Anchored(self.layout, self.hyper.scale, self.rows)
        return drawn

    def evaluate(self, features: Array) -> Slice:
        """Return means by draw and the standard deviation at (b, F) rows, ready to be differentiated."""
        k, slope = self.kernel(features)
        v = k @ self.inverse.T
        mean = self.hyper.mean + v @ self.white
        variance = np.maximum(1.0 - np.einsum("bn,bn->b", v, v), 1e-12)
        return Slice(self, features, slope, v, mean, np.sqrt(variance))


@dataclass(frozen=True)
class Slice:
    """Predictions at b rows: ``mean`` (b, S) by draw, ``sd`` (b,) of the true value."""

    source: Conditioned
    features: Array
    slope: Array
    v: Array
    mean: Array
    sd: Array

    def pullback(self, mean: Array, sd: Array) -> Array:
        """Return dL/dx (b, F) from dL/dmean (b, S) and dL/dsd (b,).

        dmean_s = dV'W[:, s] and dsd = -V'dV / sd, V = R^-1 k(x).
        """
        by_v = mean @ self.source.white.T - (sd / self.sd)[:, None] * self.v
        by_k = by_v @ self.source.inverse
        return self.source.kernel.pullback(self.features, by_k * self.slope)


def covariance(layout: Layout, scale: Array, a: Array, b: Array) -> Array:
    """Return the prior covariance between rows (n, F) and (m, F)."""
    first, second = layout.scaled(a, scale), layout.scaled(b, scale)
    s = squared_distances(first[1], second[1]) if first[1].shape[1] else 0.0
    return matern(squared_distances(first[0], second[0]), s)[0]
