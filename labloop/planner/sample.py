"""Samples of the hyperparameters from their posterior, each side of the mode as wide as it is.

With few experiments one best set of lengthscales is one guess among many, and a planner that believes it is
sure of what it cannot know; averaging over the posterior is the remedy (Snoek, Larochelle & Adams 2012, section 3.2).
A chain needs some dozens of evaluations of the likelihood and its gradient for eight samples that depend on each
other. Here the density is looked at, and then drawn from directly, as in Rue, Martino & Chopin (2009, section 6.5).

The density is `likelihood.Evidence`, over the log parameters and the mean; a known noise stays put. With its curvature
at the mode, H = U diag(w) U' from differences of the gradient,

    theta = mode + U diag(max(w, 1))^-1/2 z,

so that z would be standard normal were the density normal. It is skewed: what the data say little about may be much
larger, hardly smaller. In every direction j the density is looked at a step of delta = sqrt(2) to either side; it
falls by drop(j, +-), by 1 were it normal, and z_j is normal on either side of 0 with its own width,

    s(j, +-) = drop(j, +-)^-1/2,     P(z_j > 0) = s+ / (s+ + s-).

Samples come in pairs: where one lies at the u-quantile of every z_j, the other lies at the (1 - u)-quantile, so that
errors of their mean cancel (`docs/planner.md` has what was measured). Every number comes from the caller's generator.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from labloop.planner.kernel import Array
from labloop.planner.likelihood import Evidence, Hyper

__all__ = ["sample"]

_DELTA = math.sqrt(2.0)
_APART = 1e-2
"""How far from the mode the gradient is taken for its curvature, in logs."""
_WIDEST = 4.0
"""A side is at most so much wider, or narrower, than the curvature says: what two evaluations are good for."""

_FARTHEST = 1e-12
"""Quantiles closer to 0 or 1 are as far off as this one; that of 0 is nowhere."""


def sample(evidence: Evidence, mode: Hyper, count: int, rng: np.random.Generator) -> list[Hyper]:
    """Return ``count`` draws from the posterior of the hyperparameters; the mode alone if none can be had."""
    centre = mode.theta
    value, slope = evidence(centre)
    if not math.isfinite(value):
        return [mode]
    bounds = evidence.bounds()
    root = _root(evidence, centre, slope, np.ptp(bounds, axis=0) > 0)
    sides = centre + _DELTA * np.stack([-root.T, root.T])
    drops = np.array([[value - evidence.value(np.clip(theta, *bounds)) for theta in side] for side in sides])
    below, above = np.clip(drops, _WIDEST**-2, _WIDEST**2) ** -0.5
    u = np.clip(rng.random((-(-count // 2), root.shape[1])), _FARTHEST, 1.0 - _FARTHEST)
    z = _split_normal(np.stack([u, 1.0 - u], axis=1).reshape(-1, root.shape[1])[:count], below, above)
    thetas = np.clip(centre + z @ root.T, *bounds)
    return [Hyper(theta[:-2].copy(), math.exp(theta[-2]), float(theta[-1])) for theta in thetas]


def _split_normal(u: Array, below: Array, above: Array) -> Array:
    """Return the u-quantiles (count, k) of densities that are normal on either side of 0, of widths (k,)."""
    share = below / (below + above)
    left = below * ndtri(np.minimum(0.5 * u / share, 0.5))
    right = -above * ndtri(np.minimum(0.5 * (1.0 - u) / (1.0 - share), 0.5))
    found: Array = np.where(u < share, left, right)
    return found


def _root(evidence: Evidence, mode: Array, slope: Array, free: npt.NDArray[np.bool_]) -> Array:
    """Return the columns (size, free) by which z moves theta; ``slope`` is the gradient at the mode."""
    upper = evidence.bounds()[1]
    moving = np.flatnonzero(free)
    curvature = np.empty((len(moving), len(moving)))
    for row, j in enumerate(moving):
        beside = mode.copy()
        beside[j] += _APART if mode[j] + _APART <= upper[j] else -_APART
        _, there = evidence(beside)
        curvature[row] = (slope - there)[moving] / (beside[j] - mode[j])
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    root = np.zeros((len(mode), len(moving)))
    root[moving] = vectors / np.sqrt(np.maximum(values, 1.0))
    return root
