"""Every outcome's surrogate: data in, fitted processes out, one fit each.

A `Surrogate` is one outcome in its own scale, with the modes of its hyperparameters; `Models` holds one per
outcome (and one for whether conditions work at all), all over the same features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from labloop.planner.data import Data, Table
from labloop.planner.features import Features, features_of
from labloop.planner.kernel import Ard, Array, Kernel, TwoScale, kernel_for
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.sample import sample
from labloop.planner.surrogate import Process
from labloop.planner.transform import Scale, scale_of
from labloop.planner.worth import Weighed, weighed
from labloop.space import Space
from labloop.spec.models import Objective, Spec

__all__ = ["WORKS", "Models", "Surrogate", "fit_models", "noise_of", "rippled"]

WORKS = ""
"""The name under which 'these conditions work' is modelled: no outcome can be called that."""
# Known errors below the first share of the variance of y count as this: a noise-free process is singular.
_KNOWN_NOISE = (1e-4, 1e6)
# Hyperparameters are learnt from at most so many rows: an evaluation costs n^3, and says little more beyond.
_LEARNT_FROM = 600
# Where the modes lie, and which power the scale wants, is looked up in so many rows; the best mode goes on from there.
_SKETCHED_FROM = 150
# A bent scale has to earn it: a power of 0 or 2 costs two nats.
_BEND = 0.5
_BENT_FROM = 8
# Ripples are left out where the evidence with them is lower by so many nats. Of these 0.9 are what one more parameter
# costs of which nothing is learnt: the density of its prior, log sqrt(2 pi).
_AGAINST = 1.5
# Odds of ripples to look at before a fit, and to begin the fit with; a fit hardly finds more than so many nats.
_RIPPLES, _HOPELESS = (-3.0, -1.5), 2.5


@dataclass(frozen=True)
class Surrogate:
    """One outcome: its scale, its process under samples of the hyperparameters, and their mode.

    Attributes
    ----------
    alone : the process under the mode alone.
    discounted, striking : see `labloop.planner.worth.Weighed`.
    """

    name: str
    scale: Scale
    process: Process
    mode: Hyper
    alone: Process
    discounted: tuple[int, ...] = ()
    striking: int | None = None

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance of the true value in model units, over all samples, (b,) each."""
        means, variances = self.process.posterior(features)
        return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)


@dataclass(frozen=True)
class Models:
    """All surrogates of a campaign; ``dropped`` are outcomes that could not be modelled, with the reason."""

    features: Features
    surrogates: dict[str, Surrogate]
    dropped: dict[str, str]


def fit_models(spec: Spec, space: Space, data: Data, rng: np.random.Generator, *, straight: bool = False) -> Models:
    """Fit one surrogate per outcome that varies.

    ``straight`` keeps every scale affine, so that sums of it mean something, and every input as it is.
    """
    covariates = np.vstack([table.covariates for table in data.tables.values()])
    features = features_of(spec, space, covariates, data.median)
    surrogates: dict[str, Surrogate] = {}
    dropped: dict[str, str] = {}
    tables = dict(data.tables)
    if data.works is not None:
        tables[WORKS] = data.works
    for name, table in tables.items():
        outcome = spec.outcomes.get(name)
        sign = 0.0
        if isinstance(outcome, Objective) and not any(limit.outcome == name for limit in spec.limits):
            sign = {"maximize": 1.0, "minimize": -1.0, "target": 0.0}[outcome.goal]
        scale = scale_of(table.y, sign) if len(table) >= 2 else None
        if scale is None:
            dropped[name] = "never varied" if len(table) >= 2 else "was measured fewer than twice"
            continue
        error = outcome.error if outcome else None
        bends = bool(sign) and error is None and not straight
        warps = name != WORKS and not straight
        fitted = _best(features, table, scale, error=error, bends=bends, warps=warps, rng=rng)
        if fitted is None:
            dropped[name] = "could not be fitted"
            continue
        found = _weighed(features, table, fitted, sign, error=error, rng=rng) if warps else Weighed(fitted)
        if len(table) <= _SKETCHED_FROM:
            # After the weights: a few ripples could pass for an outlier, and would keep what contradicts all others.
            found = replace(found, fit=_with_ripples(found.fit, rng))
        surrogates[name] = _sampled(name, found, rng)
    return Models(features, surrogates, dropped)


def _best(
    features: Features,
    table: Table,
    scale: Scale,
    *,
    error: float | None,
    bends: bool,
    warps: bool,
    rng: np.random.Generator,
) -> _Fitted | None:
    """Return the best mode in the best scale, and with the best warp.

    Of many rows, an even share is asked first, and whether there are ripples, too.
    """
    few = table.part(_part(len(table), _SKETCHED_FROM))
    found = _posed(features, few, scale, error=error).fitted(rng)
    if found is not None and bends:
        found = _bent(features, few, found, rng)
    if found is not None and warps:
        found = _warped(features, few, found, error=error, rng=rng)
    if found is None or len(few) == len(table):
        return found
    found = _with_ripples(found, rng)
    if found.scale.power != 1.0:
        scale = scale.powered(table.y, found.scale.power)
    posed = _posed(features, table, scale, error=error, kernel=found.evidence.kernel)
    return posed.fitted(rng, warm=found.mode, starts=1)


@dataclass(frozen=True)
class _Posed:
    """One outcome in one scale, and the density of its hyperparameters."""

    rows: Array
    y: Array
    repeats: Array
    evidence: Evidence
    scale: Scale
    nats: float
    """What makes the log posterior a density of the measured values, so that scales can be compared."""

    def fitted(self, rng: np.random.Generator, *, starts: int = 2, warm: Hyper | None = None) -> _Fitted | None:
        """Return it with the best mode of the hyperparameters; None where no start could be evaluated."""
        modes = fit(self.evidence, rng, starts=starts, warm=warm)
        if not modes:
            return None
        return _Fitted(self.rows, self.y, self.repeats, self.evidence, self.scale, self.nats, modes[0])


@dataclass(frozen=True)
class _Fitted(_Posed):
    """The same, and the best mode of the hyperparameters."""

    mode: Hyper

    @property
    def value(self) -> float:
        """The log posterior at the mode, as a density of the measured values."""
        return self.mode.value + self.nats

    @cached_property
    def alone(self) -> Process:
        """The process under the mode."""
        return Process.of(self.evidence.kernel, [self.mode], self.rows, self.y, self.repeats)


def _posed(
    features: Features, table: Table, scale: Scale, *, error: float | None, kernel: Kernel | None = None
) -> _Posed:
    slopes = scale.log_slopes(table.y)
    prior, known = noise_of(table, slopes, error)
    rows, y = features(table.cube, table.covariates), scale.to_model(table.y)
    part = _part(len(y), _LEARNT_FROM)
    evidence = Evidence(
        rows[part],
        y[part],
        repeats=table.repeats[part],
        kernel=kernel or kernel_for(features.layout),
        prior=prior,
        known=known,
    )
    bend = -0.5 * ((scale.power - 1.0) / _BEND) ** 2
    return _Posed(rows, y, table.repeats, evidence, scale, float(slopes[part].sum()) + bend)


def noise_of(table: Table, slopes: Array, error: float | None) -> tuple[NoisePrior, float | None]:
    """Return what is known of the noise in the model's unit: the prior, informed by replicates, and a known variance.

    ``slopes`` (n,) are the logs of the scale's, ``error`` the stated sd of one measurement in the user's unit.
    """
    known = None if error is None else float(np.clip(_carried(error, slopes), *_KNOWN_NOISE))
    prior = NoisePrior()
    if table.freedom and table.within > 0:
        prior = prior.informed(max(_carried(table.within, slopes), math.exp(-12.0)), table.freedom)
    return prior, known


def _carried(sd: float, slopes: Array) -> float:
    """Return the variance, in the model's unit, of an error ``sd`` in the user's: a typical slope carries it over."""
    # In logs, since squares of 1e-200 or 1e150 leave float64; beyond exp(20) variances of y all errors are alike.
    top = float(slopes.max())
    typical = top + 0.5 * math.log(float(np.exp(2.0 * (slopes - top)).mean()))
    return math.exp(min(2.0 * (math.log(sd) + typical), 20.0))


def _part(n: int, most: int) -> npt.NDArray[np.intp]:
    """Return which rows to learn from: all, or an even random share of many."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(n).choice(n, most, replace=False))


def _bent(features: Features, table: Table, straight: _Fitted, rng: np.random.Generator) -> _Fitted:
    """Return the fit in the likeliest power of the scale: by halves, the way that begins better, while it gains."""
    if len(table) < _BENT_FROM:
        return straight

    def posed(power: float) -> _Posed:
        return _posed(features, table, straight.scale.powered(table.y, power), error=None)

    ways = {step: posed(1.0 + step) for step in (0.5, -0.5)}
    # At the mode of the straight scale, which never mistook the better of the two (docs/planner.md).
    step = max(ways, key=lambda step: ways[step].evidence.value(straight.mode.theta) + ways[step].nats)
    best, way = straight, ways[step]
    while (found := way.fitted(rng, warm=best.mode, starts=1)) is not None and found.value > best.value:
        best = found
        if best.scale.power in (0.0, 2.0):
            break
        way = posed(best.scale.power + step)
    return best


def _warped(
    features: Features, table: Table, straight: _Fitted, *, error: float | None, rng: np.random.Generator
) -> _Fitted:
    """Return the fit with numbers bent, one exponent doubled or halved at a time, while that gains."""
    best = straight
    while len(table) >= _BENT_FROM:
        warp = best.evidence.kernel.warp
        steps = [(column, shape) for column in features.numbers for shape in warp.beside(column)]
        values = [best.evidence.shaped(best.mode.theta, column, shape) for column, shape in steps]
        if not steps or max(values) <= best.mode.value:
            break
        kernel = replace(best.evidence.kernel, warp=warp.with_shape(*steps[int(np.argmax(values))]))
        found = _posed(features, table, best.scale, error=error, kernel=kernel).fitted(rng, warm=best.mode, starts=1)
        if found is None or found.value <= best.value:
            break
        best = found
    return best


def _with_ripples(fitted: _Fitted, rng: np.random.Generator) -> _Fitted:
    ripples = rippled(fitted.evidence, fitted.mode, rng)
    return fitted if ripples is None else replace(fitted, evidence=ripples[0], mode=ripples[1])


def rippled(evidence: Evidence, mode: Hyper, rng: np.random.Generator) -> tuple[Evidence, Hyper] | None:
    """Return the evidence with ripples on the trend and its best mode; None where the data speak against them.

    Parameters
    ----------
    evidence : without ripples, of at least `_BENT_FROM` rows, all of numbers: None otherwise.
    mode : its best.
    """
    kernel = evidence.kernel
    if type(kernel) is not Ard or evidence.n < _BENT_FROM:
        return None
    found = evidence.under(TwoScale(kernel.layout, kernel.warp))
    # A look before a fit: few ripples, with the noise as it is and with what ripples may take from it.
    few = replace(mode, log=np.append(mode.log, _RIPPLES[0]))
    looks = [found.value(replace(few, noise=share * mode.noise).theta) for share in (1.0, 0.3)]
    if max(looks) < mode.value - _HOPELESS:
        return None
    modes = fit(found, rng, warm=replace(mode, log=np.append(mode.log, _RIPPLES[1])), starts=1)
    return (found, modes[0]) if modes and modes[0].value >= mode.value - _AGAINST else None


def _weighed(
    features: Features, table: Table, fitted: _Fitted, sign: float, *, error: float | None, rng: np.random.Generator
) -> Weighed[_Fitted]:
    def refit(repeats: Array) -> _Fitted:
        part = replace(table, repeats=repeats)
        posed = _posed(features, part, fitted.scale, error=error, kernel=fitted.evidence.kernel)
        return posed.fitted(rng, warm=fitted.mode, starts=1) or fitted

    spreads = table.spreads * np.exp(fitted.scale.log_slopes(table.y))
    return weighed(fitted, refit, table, spreads, sign=sign, stated=error is not None)


def _sampled(name: str, weighed: Weighed[_Fitted], rng: np.random.Generator) -> Surrogate:
    fitted, mode = weighed.fit, weighed.fit.mode
    count = samples_for(len(fitted.y))
    hypers = sample(fitted.evidence, mode, count, rng) if count > 1 else [mode]
    process = Process.of(fitted.evidence.kernel, hypers, fitted.rows, fitted.y, fitted.repeats)
    return Surrogate(name, fitted.scale, process, mode, fitted.alone, weighed.discounted, weighed.striking)


def samples_for(n: int) -> int:
    """Return how many samples of the hyperparameters n rows call for: the more data, the less they differ."""
    return 8 if n <= 80 else 4 if n <= 200 else 1
