"""Samples of the hyperparameters from their posterior, by Hamiltonian Monte Carlo.

With few experiments one best set of lengthscales is one guess among many, and a planner that believes it is
sure of what it cannot know. Averaging over the posterior (Snoek, Larochelle & Adams 2012, section 3.2)
needs some hundred evaluations of the likelihood and its gradient, which in closed form cost what one
fit by automatic differentiation costs.

The density is `likelihood.Evidence`, over the log parameters and the mean; a known noise stays put.
Leapfrog steps of a size that adapts while warming up (Neal 2011, section 5.2), from the mode; a step out of
bounds is refused. Every number comes from the caller's generator.
"""

from __future__ import annotations

import math

import numpy as np

from labloop.planner.kernel import Array
from labloop.planner.likelihood import Evidence, Hyper

__all__ = ["sample"]

_LEAPS = 5
_WARM = 8
_THIN = 3
_WANTED = 0.8


def sample(evidence: Evidence, mode: Hyper, count: int, rng: np.random.Generator) -> list[Hyper]:
    """Return ``count`` draws from the posterior of the hyperparameters; the mode alone if none can be had."""
    state = np.array([*mode.log, math.log(mode.noise), mode.mean])
    value, slope = evidence(state)
    if not math.isfinite(value):
        return [mode]
    free = np.ptp(evidence.bounds(), axis=0) > 0
    step, kept = 0.2, []
    for turn in range(_WARM + count * _THIN):
        size = step * rng.uniform(0.7, 1.3)
        momentum = rng.standard_normal(len(state)) * free
        energy = value - 0.5 * float(momentum @ momentum)
        found = _leapfrog(evidence, state, slope, momentum, size)
        ratio = math.exp(min(found[3] - energy, 0.0)) if found is not None else 0.0
        if found is not None and rng.random() < ratio:
            state, value, slope = found[0], found[1], found[2]
        if turn < _WARM:
            step *= math.exp(0.5 * (ratio - _WANTED))
        elif (turn - _WARM) % _THIN == _THIN - 1:
            kept.append(Hyper(state[:-2].copy(), math.exp(state[-2]), float(state[-1]), value))
    return kept


def _leapfrog(
    evidence: Evidence, state: Array, slope: Array, momentum: Array, size: float
) -> tuple[Array, float, Array, float] | None:
    """Return position, its density and slope, and the total energy after the leaps; None out of bounds."""
    lower, upper = evidence.bounds()
    free = lower < upper
    value = -math.inf
    for _ in range(_LEAPS):
        momentum = momentum + 0.5 * size * slope * free
        state = state + size * momentum
        if (state < lower).any() or (state > upper).any():
            return None
        value, slope = evidence(state)
        if not math.isfinite(value):
            return None
        momentum = momentum + 0.5 * size * slope * free
    return state, value, slope, value - 0.5 * float(momentum @ momentum)
