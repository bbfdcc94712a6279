"""How much an experiment is expected to improve on the best: noisy log EI, Rao-Blackwellised.

Notation: P sets of hyperparameters; B rows whose true values are uncertain and may already be the best
(plausible incumbents, pending experiments, experiments already picked); S joint draws f_s(B); u the utility
(larger is better); b_s = max over B of u(f_s). Given a draw, the value at a candidate x is normal with mean
m_s(x) and standard deviation sd(x), so its expected improvement is a known integral: x needs no sampling.

    alpha(x) = log 1/(P S) sum_ps E[max(u(f(x)) - b_s, 0) | f_s(B)] P(x holds every limit and works | f_s(B))

One maximised outcome, u(f) = f:  E = sd h(z), h(z) = phi(z) + z Phi(z), z = (m_s - b_s) / sd.
    This is qLogNoisyExpectedImprovement (Ament et al. 2023, eq. 10; Balandat et al. 2020) with the last
    point integrated in closed form (Rao-Blackwell), as in Letham et al. (2019), eq. 7, for q = 1.
    log h below z = -1: log phi(z) + log1p(-|z| sqrt(pi/2) erfcx(|z| / sqrt2)), Ament et al. (2023), eq. 9.
Any other utility (a target: -|f - t|; several outcomes: the augmented Chebyshev minimum of Knowles (2006),
    eq. 2, weights drawn per pick as in qLogNParEGO): T further normal numbers for x, and
    E = 1/T sum_t tau softplus((u(m_s + sd e_t) - b_s) / tau), tau = 0.01: smooth, never exactly 0.
Limits: log Phi of the signed margin of every limited outcome (Gardner et al. 2014), independent outcomes.

The product is taken draw by draw: where a pick failed in a draw, its neighbours fail there too.

Gradients are exact: each term returns dL/dmean and dL/dsd, `surrogate.Slice` carries them to x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, log_ndtr, ndtr

from labloop.planner.kernel import Array
from labloop.planner.surrogate import Conditioned, Followed, Slice

__all__ = ["Acquisition", "Direct", "Feasible", "Held", "Margin", "Mean", "Sampled", "Score", "log_h"]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_ROOT_HALF_PI, _ROOT2 = math.sqrt(math.pi / 2.0), math.sqrt(2.0)
_SMOOTH = 1e-2


def log_h(z: Array) -> Array:
    """Return log(phi(z) + z Phi(z)), accurate for every z."""
    found = np.empty_like(z)
    upper = z > -1.0
    a = z[upper]
    found[upper] = np.log(np.exp(-0.5 * a * a - _LOG_ROOT_2PI) + a * ndtr(a))
    b = -z[~upper]
    with np.errstate(under="ignore"):
        tail = np.log1p(-np.minimum(_ROOT_HALF_PI * b * erfcx(b / _ROOT2), 1.0 - 1e-16))
        # Beyond 1e4 the series 1 - b sqrt(pi/2) erfcx(b / sqrt2) = 1 / b^2 is exact to 1e-8.
        far = b >= 1e4
        tail[far] = -2.0 * np.log(b[far])
    found[~upper] = -0.5 * b * b - _LOG_ROOT_2PI + tail
    return found


def log_sum_exp(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Return log sum exp along axes, kept as axes of length 1; SciPy's costs ten times as much at this size."""
    top = values.max(axis=axis, keepdims=True)
    found: Array = top + np.log(np.exp(values - top).sum(axis=axis, keepdims=True))
    return found


class Score(Protocol):
    """Something to maximise over features (b, F), with its gradient (b, F) if asked."""

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return values (b,) and gradient (b, F), the latter empty unless asked for."""


Slopes = dict[str, tuple[Array, Array]]
"""By outcome, derivatives by mean (P, b, S) and by sd (P, b)."""
Term = tuple[Array, Callable[[Array], Slopes]]
"""A log value by draw (P, b, S), and its derivatives when weighted by each draw's share (P, b, S)."""


@dataclass(frozen=True)
class Direct:
    """One outcome, larger (``sign`` 1) or smaller (-1) is better."""

    outcome: str
    sign: float = 1.0

    def of(self, values: Mapping[str, Array]) -> Array:
        """Return the utility of drawn values of any shape."""
        return self.sign * values[self.outcome]

    def improvement(self, slices: Mapping[str, Slice], best: Array) -> Term:
        """Return the log expected improvement over ``best`` (P, S)."""
        part = slices[self.outcome]
        sd = part.sd[:, :, None]
        z = (self.sign * part.mean - best[:, None, :]) / sd
        logs = log_h(z)

        def slopes(share: Array) -> Slopes:
            # d log h / dz = Phi / h.
            by_z = share * np.exp(np.minimum(log_ndtr(z) - logs, 700.0))
            by_sd = (share.sum(axis=2) - np.einsum("pbs,pbs->pb", by_z, z)) / part.sd
            return {self.outcome: (self.sign * by_z / sd, by_sd)}

        return np.log(sd) + logs, slopes


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
        """Return the log expected (softened) improvement over ``best`` (P, S)."""
        parts = [slices[name] for name in self.outcomes]
        drawn = [part.mean[..., None] + part.sd[:, :, None, None] * self.normal[:, j] for j, part in enumerate(parts)]
        u, by_value = self.utility(np.stack(drawn, axis=-1))
        z = (u - best[:, None, :, None]) / _SMOOTH
        logs = np.where(z < -30.0, z, np.log(np.logaddexp(0.0, np.maximum(z, -31.0))))
        total = log_sum_exp(logs, 3)

        def slopes(share: Array) -> Slopes:
            # d softplus / dz = sigmoid.
            weight = share[..., None] * np.exp(np.minimum(-np.logaddexp(0.0, -z) - total, 700.0)) / _SMOOTH
            found = {}
            for j, name in enumerate(self.outcomes):
                by_f = weight * by_value[..., j]
                found[name] = (by_f.sum(axis=3), np.einsum("pbst,t->pb", by_f, self.normal[:, j]))
            return found

        return total[..., 0] + math.log(_SMOOTH / z.shape[3]), slopes


@dataclass(frozen=True)
class Margin:
    """A limit on one outcome: ``sign * (f - bound) >= 0``; the log probability that it holds."""

    outcome: str
    bound: float
    sign: float

    def log_probability(self, slices: Mapping[str, Slice]) -> Term:
        """Return the log of the probability."""
        part = slices[self.outcome]
        sd = part.sd[:, :, None]
        z = self.sign * (part.mean - self.bound) / sd
        logs = log_ndtr(z)

        def slopes(share: Array) -> Slopes:
            by_z = share * np.exp(np.minimum(-0.5 * z * z - _LOG_ROOT_2PI - logs, 700.0))
            by_sd = -np.einsum("pbs,pbs->pb", by_z, z) / part.sd
            return {self.outcome: (self.sign * by_z / sd, by_sd)}

        return logs, slopes

    def holds(self, values: Array) -> npt.NDArray[np.bool_]:
        """Say which values keep the limit."""
        return np.asarray(self.sign * (values - self.bound) >= 0.0)


@dataclass
class Acquisition:
    """The score of candidates, averaged over draws and over P sets of hyperparameters.

    Attributes
    ----------
    processes : by outcome, each under the same number P of sets.
    drawn : by outcome, what was drawn at B, (P, S, |B|).
    floor : the utility to beat in a draw where nothing holds the limits.
    """

    processes: Mapping[str, Conditioned]
    goal: Direct | Sampled
    margins: tuple[Margin, ...] = ()
    floor: float = -3.0
    drawn: dict[str, Array] = field(default_factory=dict)

    def append(self, row: Array, normal: Mapping[str, Array]) -> None:
        """Draw an experiment's outcomes from (P, S) normal numbers each, and take them as known."""
        for name, process in self.processes.items():
            values = process.append(row, normal[name])[:, :, None]
            before = self.drawn.get(name)
            self.drawn[name] = values if before is None else np.concatenate([before, values], axis=2)

    def best(self) -> Array:
        """Return the utility to beat by draw, (P, S)."""
        utility = self.goal.of(self.drawn)
        for margin in self.margins:
            utility = np.where(margin.holds(self.drawn[margin.outcome]), utility, -np.inf)
        return np.asarray(np.maximum(utility.max(axis=2), self.floor))

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return alpha (b,) and, if asked, its gradient (b, F); otherwise an empty array."""
        block = min(self.processes[name].block for name in self._needed())
        if not gradient and len(features) > block:
            parts = [self(features[i : i + block])[0] for i in range(0, len(features), block)]
            return np.concatenate(parts), np.zeros((0, 0))
        slices = {name: self.processes[name].evaluate(features) for name in self._needed()}
        terms = self._terms(slices)
        total, by_draw = _averaged(terms)
        slope = _pulled(slices, terms, np.exp(by_draw - total[None, :, None])) if gradient else np.zeros((0, 0))
        return total - math.log(by_draw.shape[0] * by_draw.shape[2]), slope

    def follow(self, features: Array) -> dict[str, Followed]:
        """Return predictions at (b, F) rows that every later `append` brings up to date."""
        return {name: each.follow(features) for name, each in self.processes.items()}

    def at(self, followed: Mapping[str, Followed], chosen: npt.NDArray[np.intp]) -> Array:
        """Return alpha at some of the rows that are followed."""
        slices = {name: followed[name].slice(self.processes[name], chosen) for name in self._needed()}
        total, by_draw = _averaged(self._terms(slices))
        return total - math.log(by_draw.shape[0] * by_draw.shape[2])

    def _terms(self, slices: Mapping[str, Slice]) -> list[Term]:
        held = [margin.log_probability(slices) for margin in self.margins]
        return [*held, self.goal.improvement(slices, self.best())]

    def _needed(self) -> list[str]:
        wanted = (self.goal.outcome,) if isinstance(self.goal, Direct) else self.goal.outcomes
        return sorted({*wanted, *(margin.outcome for margin in self.margins)})


@dataclass(frozen=True)
class Feasible:
    """The log of the probability that every limit holds, averaged over the acquisition's draws."""

    acquisition: Acquisition

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return the value (b,) and, if asked, its gradient (b, F); zeros where there are no limits."""
        margins = self.acquisition.margins
        if not margins:
            return np.zeros(len(features)), np.zeros(features.shape if gradient else (0, 0))
        names = sorted({margin.outcome for margin in margins})
        slices = {name: self.acquisition.processes[name].evaluate(features) for name in names}
        terms = [margin.log_probability(slices) for margin in margins]
        total, by_draw = _averaged(terms)
        slope = _pulled(slices, terms, np.exp(by_draw - total[None, :, None])) if gradient else np.zeros((0, 0))
        return total - math.log(by_draw.shape[0] * by_draw.shape[2]), slope


@dataclass(frozen=True)
class Held:
    """A score, and the log probability that every limit holds."""

    score: Score
    acquisition: Acquisition

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return the sum (b,) and, if asked, its gradient (b, F)."""
        value, slope = self.score(features, gradient=gradient)
        held, by_held = Feasible(self.acquisition)(features, gradient=gradient)
        return value + held, slope + by_held


@dataclass(frozen=True)
class Mean:
    """The predicted utility, averaged over draws, where the limits hold: what a pure climber follows."""

    acquisition: Acquisition

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return the value (b,) and, if asked, its gradient (b, F), that of the utility for a direct goal only."""
        goal = self.acquisition.goal
        slices = {name: each.evaluate(features) for name, each in self.acquisition.processes.items()}
        held, slope = Feasible(self.acquisition)(features, gradient=gradient)
        value = goal.of({name: part.mean for name, part in slices.items()}).mean(axis=(0, 2)) + held
        if gradient and isinstance(goal, Direct):
            part = slices[goal.outcome]
            share = goal.sign / (part.mean.shape[0] * part.mean.shape[2])
            slope = slope + part.pullback(np.full_like(part.mean, share), np.zeros_like(part.sd))
        return value, slope


def _averaged(terms: Sequence[Term]) -> tuple[Array, Array]:
    """Return the log of the sum over draws and sets (b,), and the log by draw (P, b, S)."""
    by_draw = np.sum([value for value, _ in terms], axis=0)
    return log_sum_exp(by_draw, (0, 2))[0, :, 0], by_draw


def _pulled(slices: Mapping[str, Slice], terms: Sequence[Term], share: Array) -> Array:
    """Return the gradient (b, F); ``share`` (P, b, S) is each draw's part of the averaged value."""
    found = [slopes(share) for _, slopes in terms]
    total: list[Array] = []
    for name, part in slices.items():
        given = [each[name] for each in found if name in each]
        mean = np.sum([each[0] for each in given], axis=0)
        sd = np.sum([each[1] for each in given], axis=0)
        total.append(part.pullback(mean, sd))
    return np.asarray(np.sum(total, axis=0))
