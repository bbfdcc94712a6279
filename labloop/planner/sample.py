"""Samples of the hyperparameters from their posterior, by Hamiltonian Monte Carlo.

With few experiments one best set of lengthscales is one guess among many, and a planner that believes it is
sure of what it cannot know. Averaging over the posterior (Snoek, Larochelle & Adams 2012, section 3.2)
needs some dozens of evaluations of the likelihood and its gradient, which in closed form cost what one
fit by automatic differentiation costs.

The density is `likelihood.Evidence`, over the log parameters and the mean; a known noise stays put. Directions are
scaled by the curvature at the mode (Neal 2011, section 5.4.1), H = U diag(w) U' from differences of the gradient:

    theta = mode + U diag(max(w, 1))^-1/2 z,

so that what the data say much about takes small steps, and the rest those that its prior allows. In z, leapfrog steps
of a size that adapts while warming up (section 5.2). Were the density normal, a trajectory of `_LEAPS` of them would
end nearly opposite to where it began: samples take turns on both sides, and their mean is better than that of
independent ones (`docs/planner.md` has what was measured). A step out of bounds is refused. Every number comes from
the caller's generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labloop.planner.kernel import Array
from labloop.planner.likelihood import Evidence, Hyper

__all__ = ["sample"]

_LEAPS = 5
_WARM = 3
_STEP = 0.4
_WANTED = 0.8
_APART = 1e-2
"""How far from the mode the gradient is taken for its curvature, in logs."""


@dataclass(frozen=True)
class _State:
    """Parameters theta (size,), their log density, and its gradient by z (size,)."""

    theta: Array
    value: float
    slope: Array


@dataclass(frozen=True)
class _Ground:
    """The density seen through z: theta changes by ``root`` times what z does."""

    evidence: Evidence
    bounds: Array
    root: Array

    def at(self, theta: Array) -> _State | None:
        """Return the state there; None out of bounds."""
        if (theta < self.bounds[0]).any() or (theta > self.bounds[1]).any():
            return None
        value, slope = self.evidence(theta)
        return _State(theta, value, slope @ self.root) if math.isfinite(value) else None

    def leapt(self, state: _State, momentum: Array, size: float) -> tuple[_State, float] | None:
        """Return the state after the leaps and its total energy; None out of bounds."""
        for _ in range(_LEAPS):
            momentum = momentum + 0.5 * size * state.slope
            found = self.at(state.theta + size * (self.root @ momentum))
            if found is None:
                return None
            state = found
            momentum = momentum + 0.5 * size * state.slope
        return state, state.value - 0.5 * float(momentum @ momentum)


def sample(evidence: Evidence, mode: Hyper, count: int, rng: np.random.Generator) -> list[Hyper]:
    """Return ``count`` draws from the posterior of the hyperparameters; the mode alone if none can be had."""
    theta = np.array([*mode.log, math.log(mode.noise), mode.mean])
    value, slope = evidence(theta)
    if not math.isfinite(value):
        return [mode]
    bounds = evidence.bounds()
    root = _root(evidence, theta, slope, np.ptp(bounds, axis=0) > 0)
    ground, state = _Ground(evidence, bounds, root), _State(theta, value, slope @ root)
    step = _STEP
    kept: list[Hyper] = []
    for turn in range(_WARM + count):
        size = step * rng.uniform(0.7, 1.3)
        momentum = rng.standard_normal(root.shape[1:])
        energy = state.value - 0.5 * float(momentum @ momentum)
        found = ground.leapt(state, momentum, size)
        ratio = math.exp(min(found[1] - energy, 0.0)) if found is not None else 0.0
        if found is not None and rng.random() < ratio:
            state = found[0]
        if turn < _WARM:
            step *= math.exp(0.5 * (ratio - _WANTED))
        else:
            at = state.theta
            kept.append(Hyper(at[:-2].copy(), math.exp(at[-2]), float(at[-1]), state.value))
    return kept


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
