"""The Gaussian process of one outcome: posterior, joint draws and conditioning on them.

Notation: P sets of hyperparameters at once (`Process`); X (n, F) the rows learnt from, R the lower Cholesky
factor of K = k(X, X) + diag(noise / repeats), w = R^-1 (y - c) whitened residuals, V(x) = R^-1 k(X, x).

    mean(x) = c + V(x)'w,    var(x) = k(x, x) - |V(x)|^2          Rasmussen & Williams (2006), alg. 2.1

Conditioning on a drawn value f_s at a new row z appends one row to R and to V, and to w the standard
normal number that the draw was made of: f_s = mean_s(z) + lambda u_s, lambda^2 = var(z) + jitter, whence
w_new = (f_s - mean_s(z)) / lambda = u_s. A sample of S joint draws over B rows therefore costs B appended
rows and no further factorisation, and every later prediction is

    mean_s(x) = c + V(x)'W[:, s],  W = [w 1'; U],    var(x) = k(x, x) - |V(x)|^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from labloop.planner.kernel import Array, Cross, Kernel, Pull
from labloop.planner.likelihood import Hyper

__all__ = ["Conditioned", "Followed", "Process", "Slice"]

# A drawn value counts as measured this exactly (in prior variances): neighbours stay distinguishable.
_DRAW_JITTER = 1e-6
_JITTER = 1e-8
# Columns appended to what is followed are gathered after so many: each alone is a slow product.
_PARTS = 16
# So many numbers of a covariance at once: more leave the processor's cache, and are memory asked for anew each time.
_CACHED = 2**14


@dataclass(frozen=True)
class Process:
    """One outcome's process, in standardised units, under P sets of hyperparameters.

    Attributes
    ----------
    rows, y, repeats : (n, F), (n,), (n,) what it learnt from.
    logs, noise, mean : (P, size), (P,), (P,) the hyperparameters.
    """

    kernel: Kernel
    rows: Array
    y: Array
    repeats: Array
    logs: Array
    noise: Array
    mean: Array

    @classmethod
    def of(cls, kernel: Kernel, hypers: Sequence[Hyper], rows: Array, y: Array, repeats: Array) -> Process:
        """Return the process under each of the hyperparameters."""
        logs = np.stack([each.log for each in hypers])
        noise, mean = np.array([each.noise for each in hypers]), np.array([each.mean for each in hypers])
        return cls(kernel, rows, y, repeats, logs, noise, mean)

    def repeated(self, count: int) -> Process:
        """Return the process with its sets of hyperparameters repeated in turn up to ``count``."""
        turn = np.arange(count) % len(self.noise)
        data = (self.kernel, self.rows, self.y, self.repeats)
        return (
            self
            if count == len(turn) == len(self.noise)
            else Process(*data, self.logs[turn], self.noise[turn], self.mean[turn])
        )

    def believing(self, rows: Array, y: Array) -> Process:
        """Return the process with further (b, F) rows taken for measured once, at the values y (b,)."""
        return Process(
            self.kernel,
            np.vstack([self.rows, rows]),
            np.append(self.y, y),
            np.append(self.repeats, np.ones(len(rows))),
            self.logs,
            self.noise,
            self.mean,
        )

    @cached_property
    def against(self) -> Cross:
        """The covariance with the rows."""
        return self.kernel.cross(self.rows, self.logs)

    @cached_property
    def variance(self) -> Array:
        """The prior variance k(x, x), (P,)."""
        return self.kernel.variance(self.logs)

    @cached_property
    def inverse(self) -> Array:
        """The inverse R^-1 of the Cholesky factor, (P, n, n), lower triangular."""
        matrix = self.against(self.rows)[0]
        n = len(self.y)
        index = np.arange(n)
        diagonal = self.variance[:, None] * (1.0 + _JITTER) + self.noise[:, None] / self.repeats + _JITTER
        matrix[:, index, index] = diagonal
        return np.stack([lapack.dtrtri(root, lower=1)[0] for root in np.linalg.cholesky(matrix)])

    @cached_property
    def whitened(self) -> Array:
        """The residuals w, (P, n)."""
        residual = self.y - self.mean[:, None]
        return np.asarray(np.einsum("pij,pj->pi", self.inverse, residual))

    def posterior(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance of the true value at each of (b, F) rows, (P, b) each."""
        v = self.against(features)[0] @ np.swapaxes(self.inverse, 1, 2)
        mean = self.mean[:, None] + np.einsum("pbn,pn->pb", v, self.whitened)
        return mean, _positive(self.variance[:, None] - np.einsum("pbn,pbn->pb", v, v))

    def joint(self, features: Array) -> tuple[Array, Array]:
        """Return mean (P, b) and covariance (P, b, b) of the true values at (b, F) rows."""
        v = self.against(features)[0] @ np.swapaxes(self.inverse, 1, 2)
        prior = self.kernel.cross(features, self.logs)(features)[0]
        index = np.arange(len(features))
        prior[:, index, index] = self.variance[:, None]
        return self.mean[:, None] + np.einsum("pbn,pn->pb", v, self.whitened), prior - v @ np.swapaxes(v, 1, 2)

    def draw(self, features: Array, normal: Array) -> Array:
        """Return joint draws (P, S, b) of the true values from standard normal numbers (P, S, b)."""
        mean, covariance = self.joint(features)
        index = np.arange(len(features))
        covariance[:, index, index] += _DRAW_JITTER * self.variance[:, None]
        root = np.linalg.cholesky(covariance)
        found: Array = mean[:, None, :] + normal @ np.swapaxes(root, 1, 2)
        return found


@dataclass
class Conditioned:
    """A process that takes drawn values at further rows as known; the one growing object of a plan.

    Attributes
    ----------
    rows : (N, F) the data's rows, then the appended ones.
    inverse : (P, N, N) R^-1, lower triangular.
    white : (P, N, S) whitened residuals by draw.
    """

    process: Process
    rows: Array
    inverse: Array
    white: Array
    against: Cross = field(init=False)
    followed: list[Followed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.against = self.process.kernel.cross(self.rows, self.process.logs)

    @classmethod
    def on(cls, process: Process, draws: int) -> Conditioned:
        """Start from a process with nothing drawn yet."""
        white = np.repeat(process.whitened[:, :, None], draws, axis=2)
        return cls(process, process.rows, process.inverse, white)

    def append(self, row: Array, normal: Array) -> Array:
        """Draw the value at ``row`` (F,) from ``normal`` (P, S), take it as known, return the draws (P, S)."""
        v = np.einsum("pij,pj->pi", self.inverse, self.against(row[None])[0][:, 0])
        prior = self.process.variance
        spread = np.sqrt(np.maximum(prior - np.einsum("pi,pi->p", v, v), 0.0) + _DRAW_JITTER * prior)
        drawn = self.process.mean[:, None] + np.einsum("pi,pis->ps", v, self.white) + spread[:, None] * normal
        for each in self.followed:
            each.add(row, v, spread, normal)
        sets, size = v.shape
        grown = np.zeros((sets, size + 1, size + 1))
        grown[:, :size, :size] = self.inverse
        grown[:, size, :size] = -np.einsum("pi,pij->pj", v, self.inverse) / spread[:, None]
        grown[:, size, size] = 1.0 / spread
        self.inverse = grown
        self.white = np.concatenate([self.white, normal[:, None, :]], axis=1)
        self.rows = np.vstack([self.rows, row])
        self.against = self.process.kernel.cross(self.rows, self.process.logs)
        return np.asarray(drawn)

    def evaluate(self, features: Array) -> Slice:
        """Return means by draw and the standard deviation at (b, F) rows, ready to be differentiated."""
        k, pull = self.against(features)
        v = k @ np.swapaxes(self.inverse, 1, 2)
        variance = _positive(self.process.variance[:, None] - np.einsum("pbn,pbn->pb", v, v))
        return Slice(self, pull, v, self.process.mean[:, None, None] + v @ self.white, np.sqrt(variance))

    @property
    def block(self) -> int:
        """How many rows are best evaluated at once."""
        return max(_CACHED // (len(self.white) * len(self.rows)), 32)

    def follow(self, features: Array) -> Followed:
        """Return predictions at (b, F) rows that are kept up to date with every draw appended from now on."""
        parts = [self.evaluate(features[i : i + self.block]) for i in range(0, max(len(features), 1), self.block)]
        v = np.concatenate([part.v for part in parts], axis=1)
        mean = np.concatenate([part.mean for part in parts], axis=1)
        variance = np.concatenate([part.sd for part in parts], axis=1) ** 2
        found = Followed(self.process.kernel.cross(features, self.process.logs), [v], mean, variance)
        self.followed.append(found)
        return found


@dataclass
class Followed:
    """Means by draw (P, b, S) and variances (P, b) at fixed rows, brought up to date one appended draw at a time.

    An appended row z with whitened residual u adds one column to V, c / lambda with c = cov(f(x), f(z) | all so
    far) and lambda^2 = var(z) + jitter (head of this module): mean_s += column u_s, var -= column^2. That costs
    b N where evaluating anew costs b N^2.
    """

    against: Cross
    v: list[Array]
    mean: Array
    variance: Array

    def add(self, row: Array, v: Array, spread: Array, normal: Array) -> None:
        """Take in the draw at ``row`` (F,), of v (P, N), spread lambda (P,) and normal numbers (P, S)."""
        covariance = self.against(row[None])[0][:, 0]
        start = 0
        for part in self.v:
            width = part.shape[2]
            covariance = covariance - np.einsum("pbn,pn->pb", part, v[:, start : start + width])
            start += width
        column = covariance / spread[:, None]
        self.v.append(column[:, :, None])
        if len(self.v) > _PARTS:
            self.v = [np.concatenate(self.v, axis=2)]
        self.mean = self.mean + column[:, :, None] * normal[:, None, :]
        self.variance = self.variance - column**2

    def slice(self, source: Conditioned, chosen: npt.NDArray[np.intp]) -> Slice:
        """Return the predictions at some of the rows; they cannot be differentiated."""
        sd = np.sqrt(_positive(self.variance[:, chosen]))
        return Slice(source, _fixed, np.zeros((0, 0, 0)), self.mean[:, chosen], sd)


def _fixed(_: Array) -> Array:
    raise NotImplementedError("what is followed stays where it is")


@dataclass(frozen=True)
class Slice:
    """Predictions at b rows: ``mean`` (P, b, S) by draw, ``sd`` (P, b) of the true value; ``v`` (P, b, N)."""

    source: Conditioned
    pull: Pull
    v: Array
    mean: Array
    sd: Array

    def pullback(self, mean: Array, sd: Array) -> Array:
        """Return dL/dx (b, F) from dL/dmean (P, b, S) and dL/dsd (P, b).

        dmean_s = dV'W[:, s] and dsd = -V'dV / sd, V = R^-1 k(x).
        """
        by_v = mean @ np.swapaxes(self.source.white, 1, 2) - (sd / self.sd)[:, :, None] * self.v
        return self.pull(by_v @ self.source.inverse)


def _positive(variance: Array) -> Array:
    return np.maximum(variance, 1e-12)
