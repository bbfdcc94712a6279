"""How much an experiment is expected to improve on the best: noisy log EI, Rao-Blackwellised.

Notation: B rows whose true values are uncertain and may already be the best (plausible incumbents, pending
experiments, the experiments already picked); S joint draws f_s(B); u the utility (larger is better);
b_s = max over B of u(f_s). Given a draw, the value at a candidate x is normal with mean m_s(x) and standard
deviation sd(x), so its expected improvement is an integral that is known, and no sample of x is needed:

    alpha(x) = log 1/S sum_s E[max(u(f(x)) - b_s, 0) | f_s(B)] + log P(x holds every limit and works)

One maximised outcome, u(f) = f:  E = sd h(z), h(z) = phi(z) + z Phi(z), z = (m_s - b_s) / sd.
    This is qLogNoisyExpectedImprovement (Ament et al. 2023, eq. 10; Balandat et al. 2020) with the last
    point integrated in closed form (Rao-Blackwell), as in Letham et al. (2019), eq. 7, for q = 1.
    log h below z = -1: log phi(z) + log1p(-|z| sqrt(pi/2) erfcx(|z| / sqrt2)), Ament et al. (2023), eq. 9.
Any other utility (a target: -|f - t|; several outcomes: the augmented Chebyshev minimum of Knowles (2006),
    eq. 2, weights drawn per pick as in qLogNParEGO): T further normal numbers for x, and
    E = 1/T sum_t tau softplus((u(m_s + sd e_t) - b_s) / tau), tau = 0.01: smooth, never exactly 0.
Limits: log Phi of the signed margin of every limited outcome (Gardner et al. 2014), independent outcomes.

Gradients are exact: each term returns dL/dmean and dL/dsd, `surrogate.Slice` carries them to x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, log_ndtr

from labloop.planner.kernel import Array
from labloop.planner.surrogate import Conditioned, Slice

__all__ = ["Acquisition", "Direct", "Margin", "Sampled", "log_h"]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_SMOOTH = 1e-2


def log_h(z: Array) -> Array:
    """Return log(phi(z) + z Phi(z)), accurate for every z."""
    found = np.empty_like(z)
    upper = z > -1.0
    a = z[upper]
    found[upper] = np.log(np.exp(-0.5 * a * a - _LOG_ROOT_2PI) + a * np.exp(log_ndtr(a)))
    b = -z[~upper]
    with np.errstate(under="ignore"):
        # Beyond 1e4 the series 1 - b sqrt(pi/2) erfcx(b / sqrt2) = 1 / b^2 is exact to 1e-8.
        ratio = np.where(b < 1e4, -b * math.sqrt(math.pi / 2.0) * erfcx(np.minimum(b, 1e4) / math.sqrt(2.0)), -1.0)
        tail = np.where(b < 1e4, np.log1p(np.maximum(ratio, -1.0 + 1e-16)), -2.0 * np.log(np.maximum(b, 1.0)))
    found[~upper] = -0.5 * b * b - _LOG_ROOT_2PI + tail
    return found


def log_sum_exp(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Return log sum exp along axes, kept as axes of length 1; SciPy's costs ten times as much at this size."""
    top = values.max(axis=axis, keepdims=True)
    found: Array = top + np.log(np.exp(values - top).sum(axis=axis, keepdims=True))
    return found


Term = tuple[Array, dict[str, tuple[Array, Array]]]
"""A value (b,) and, by outcome, its derivatives by mean (b, S) and by sd (b,)."""


@dataclass(frozen=True)
class Direct:
    """One outcome, larger (``sign`` 1) or smaller (-1) is better."""

    outcome: str
    sign: float = 1.0

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes it depends on."""
        return (self.outcome,)

    def of(self, values: Mapping[str, Array]) -> Array:
        """Return the utility of drawn values of any shape."""
        return self.sign * values[self.outcome]

    def improvement(self, slices: Mapping[str, Slice], best: Array) -> Term:
        """Return the log expected improvement over ``best`` (S,)."""
        part = slices[self.outcome]
        z = (self.sign * part.mean - best) / part.sd[:, None]
        logs = log_h(z)
        with np.errstate(under="ignore"):
            total = log_sum_exp(logs, 1)
            weight = np.exp(logs - total)
            slope = np.exp(np.minimum(log_ndtr(z) - logs, 700.0)) * weight
        value = np.log(part.sd) + total[:, 0] - math.log(z.shape[1])
        by_mean = self.sign * slope / part.sd[:, None]
        by_sd = (1.0 - np.einsum("bs,bs->b", slope, z)) / part.sd
        return value, {self.outcome: (by_mean, by_sd)}


Utility = Callable[[Array], tuple[Array, Array]]
"""Values (..., k) of k outcomes to utility (...) and its derivative (..., k)."""


@dataclass(frozen=True)
class Sampled:
    """Any utility of one or several outcomes, integrated over T fixed normal numbers (T, k)."""

    outcomes: tuple[str, ...]
    utility: Utility
    normal: Array

    def of(self, values: Mapping[str, Array]) -> Array:
        """Return the utility of drawn values of any shape."""
        return self.utility(np.stack([values[name] for name in self.outcomes], axis=-1))[0]

    def improvement(self, slices: Mapping[str, Slice], best: Array) -> Term:
        """Return the log expected (softened) improvement over ``best`` (S,)."""
        parts = [slices[name] for name in self.outcomes]
        f = np.stack(
            [
                part.mean[:, :, None] + part.sd[:, None, None] * self.normal[:, j]
                for j, part in enumerate(parts)
            ],
            axis=-1,
        )
        u, slope = self.utility(f)
        z = (u - best[None, :, None]) / _SMOOTH
        soft = np.logaddexp(0.0, z)
        logs = np.where(z < -30.0, z, np.log(np.maximum(soft, 1e-300)))
        total = log_sum_exp(logs, (1, 2))
        with np.errstate(under="ignore"):
            sigmoid_over_soft = np.exp(np.minimum(-np.logaddexp(0.0, -z) - logs, 50.0))
            weight = np.exp(logs - total) * sigmoid_over_soft / _SMOOTH
        terms = {}
        for j, name in enumerate(self.outcomes):
            by_f = weight * slope[..., j]
            terms[name] = (by_f.sum(axis=2), np.einsum("bst,t->b", by_f, self.normal[:, j]))
        value = total[:, 0, 0] + math.log(_SMOOTH) - math.log(z.shape[1] * z.shape[2])
        return value, terms


@dataclass(frozen=True)
class Margin:
    """A limit on one outcome: ``sign * (f - bound) >= 0``; the log probability that it holds."""

    outcome: str
    bound: float
    sign: float

    def log_probability(self, slices: Mapping[str, Slice]) -> Term:
        """Return the log of the probability averaged over draws."""
        part = slices[self.outcome]
        z = self.sign * (part.mean - self.bound) / part.sd[:, None]
        logs = log_ndtr(z)
        total = log_sum_exp(logs, 1)
        with np.errstate(under="ignore"):
            density = np.exp(-0.5 * z * z - _LOG_ROOT_2PI - total)
        by_mean = self.sign * density / part.sd[:, None]
        by_sd = -np.einsum("bs,bs->b", density, z) / part.sd
        return total[:, 0] - math.log(z.shape[1]), {self.outcome: (by_mean, by_sd)}

    def holds(self, values: Array) -> npt.NDArray[np.bool_]:
        """Say which values keep the limit."""
        return np.asarray(self.sign * (values - self.bound) >= 0.0)


@dataclass
class Particle:
    """One set of hyperparameters: every outcome's process, and what was drawn at B, each (S, |B|)."""

    processes: dict[str, Conditioned]
    drawn: dict[str, Array]

    def append(self, row: Array, normal: Mapping[str, Array]) -> None:
        """Draw an experiment's outcomes from (S,) normal numbers each and take them as known."""
        for name, process in self.processes.items():
            values = process.append(row, normal[name])
            self.drawn[name] = np.hstack([self.drawn[name], values[:, None]])


@dataclass
class Acquisition:
    """The score of candidates, averaged over particles.

    ``floor`` is the utility to beat in a draw where nothing holds the limits.
    """

    particles: Sequence[Particle]
    goal: Direct | Sampled
    margins: tuple[Margin, ...] = ()
    floor: float = -3.0

    def best(self, particle: Particle) -> Array:
        """Return the utility to beat by draw, (S,)."""
        utility = self.goal.of(particle.drawn)
        for margin in self.margins:
            utility = np.where(margin.holds(particle.drawn[margin.outcome]), utility, -np.inf)
        return np.asarray(np.maximum(utility.max(axis=1, initial=-np.inf), self.floor))

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return alpha (b,) and, if asked, its gradient (b, F); otherwise an empty array."""
        values, slopes = [], []
        for particle in self.particles:
            slices = {name: process.evaluate(features) for name, process in particle.processes.items()}
            terms = [margin.log_probability(slices) for margin in self.margins]
            terms.append(self.goal.improvement(slices, self.best(particle)))
            values.append(np.sum([term[0] for term in terms], axis=0))
            if gradient:
                slopes.append(_pull(slices, [term[1] for term in terms]))
        stacked = np.stack(values)
        total = log_sum_exp(stacked, 0)[0]
        slope = np.zeros((0, 0))
        if gradient:
            slope = np.einsum("pb,pbf->bf", np.exp(stacked - total), np.stack(slopes))
        return total - math.log(len(values)), slope


def _pull(slices: Mapping[str, Slice], terms: Sequence[Mapping[str, tuple[Array, Array]]]) -> Array:
    total: Array | None = None
    for name, part in slices.items():
        given = [term[name] for term in terms if name in term]
        if not given:
            continue
        mean = np.sum([each[0] for each in given], axis=0)
        sd = np.sum([each[1] for each in given], axis=0)
        found = part.pullback(mean, sd)
        total = found if total is None else total + found
    assert total is not None
    return total
