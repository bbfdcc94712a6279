"""Every outcome's surrogate: data in, fitted processes out, one fit each.

A `Surrogate` is one outcome in its own scale, with the modes of its hyperparameters; `Models` holds one per
outcome (and one for whether conditions work at all), all over the same features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from labloop.planner.data import Data, Table
from labloop.planner.features import Features, features_of
from labloop.planner.kernel import Array
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.sample import sample
from labloop.planner.surrogate import Process
from labloop.planner.transform import Scale, scale_of
from labloop.planner.worth import discounted, growth, left_out, surprise
from labloop.space import Space
from labloop.spec.models import Objective, Spec

__all__ = ["WORKS", "Models", "Surrogate", "fit_models", "noise_of"]

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
# Outliers are looked for among so many rows: fewer cannot tell them from a steep place, and each suspect costs a fit.
_WEIGHED = (12, 200)
# Where replicates agree to this share of the outcome's sd, what stands out does so in truth.
_EXACT = 1e-3
# From so many squared standard deviations on a row is a suspect; at most a tenth of the rows are outliers, and the
# search goes on for so many that have not paid yet, since outliers hide each other.
_SUSPECT, _OUTLIERS, _BEYOND = 6.5, 0.1, 3


Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Surrogate:
    """One outcome: its scale, its process under samples of the hyperparameters, and their mode.

    Attributes
    ----------
    discounted : rows that contradict all others, and count for less than they were measured.
    striking : the row that is too good to be believed before it was measured again.
    """

    name: str
    scale: Scale
    process: Process
    mode: Hyper
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
    """Fit one surrogate per outcome that varies; ``straight`` keeps every scale affine (sums of it mean something)."""
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
        fitted = _best(features, table, scale, error=error, bends=bends, rng=rng)
        if fitted is None:
            dropped[name] = "could not be fitted"
            continue
        if straight or name == WORKS:
            surrogates[name] = _sampled(name, fitted, rng)
            continue
        fitted, discounted_rows, striking = _weighed(features, table, fitted, sign, error=error, rng=rng)
        sampled = _sampled(name, fitted, rng)
        surrogates[name] = replace(sampled, discounted=discounted_rows, striking=striking)
    return Models(features, surrogates, dropped)


def _best(
    features: Features, table: Table, scale: Scale, *, error: float | None, bends: bool, rng: np.random.Generator
) -> _Fitted | None:
    """Return the best mode in the best scale; of many rows, an even share is asked first."""
    few = table.part(_part(len(table), _SKETCHED_FROM))
    found = _fitted(features, few, scale, error=error, rng=rng)
    if found is not None and bends:
        found = _bent(features, few, found, rng)
    if found is None or len(few) == len(table):
        return found
    if found.scale.power != 1.0:
        scale = scale.powered(table.y, found.scale.power)
    return _fitted(features, table, scale, error=error, rng=rng, warm=found.mode, starts=1)


@dataclass(frozen=True)
class _Fitted:
    """One outcome in one scale, and the best mode of its hyperparameters."""

    rows: Array
    y: Array
    repeats: Array
    evidence: Evidence
    scale: Scale
    mode: Hyper
    value: float
    """Log posterior as a density of the measured values, so that scales can be compared."""


def _fitted(
    features: Features,
    table: Table,
    scale: Scale,
    *,
    error: float | None,
    rng: np.random.Generator,
    warm: Hyper | None = None,
    starts: int = 4,
) -> _Fitted | None:
    slopes = scale.log_slopes(table.y)
    prior, known = noise_of(table, slopes, error)
    rows, y = features(table.cube, table.covariates), scale.to_model(table.y)
    part = _part(len(y), _LEARNT_FROM)
    evidence = Evidence(
        rows[part], y[part], repeats=table.repeats[part], layout=features.layout, prior=prior, known=known
    )
    modes = fit(evidence, rng, starts=starts, warm=warm)
    if not modes:
        return None
    bend = -0.5 * ((scale.power - 1.0) / _BEND) ** 2
    return _Fitted(rows, y, table.repeats, evidence, scale, modes[0], modes[0].value + float(slopes[part].sum()) + bend)


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
    """Return the fit in the likeliest power of the scale: outward from 1, either way, while it gains."""
    best = straight
    if len(table) < _BENT_FROM:
        return best
    for step in (0.5, -0.5):
        before = straight
        for turn in (1, 2):
            scale = straight.scale.powered(table.y, 1.0 + turn * step)
            found = _fitted(features, table, scale, error=None, rng=rng, warm=before.mode, starts=1)
            if found is None or found.value <= before.value:
                break
            before = found
        if before.value > best.value:
            best = before
            break
    return best


def _weighed(
    features: Features, table: Table, fitted: _Fitted, sign: float, *, error: float | None, rng: np.random.Generator
) -> tuple[_Fitted, tuple[int, ...], int | None]:
    """Return the fit with every row counted as what it is worth (`worth`), the rows discounted, the striking one.

    Of an outcome with a limit or a target nothing is discounted: what breaks a limit once may well do so again.
    """
    if not _WEIGHED[0] <= len(table) <= _WEIGHED[1]:
        return fitted, (), None

    def refitted(repeats: Array) -> _Fitted:
        part = replace(table, repeats=repeats)
        return _fitted(features, part, fitted.scale, error=error, rng=rng, warm=fitted.mode, starts=1) or fitted

    counted = table.repeats
    spreads = table.spreads * np.exp(fitted.scale.log_slopes(table.y))
    steep = growth(fitted.y, spreads, counted) if error is None else 0.0
    if steep:
        # What is predicted at a row says more about its noise than its own mean, which is noisy.
        means = _alone(fitted).posterior(fitted.rows)[0][0]
        counted = counted * np.exp(-steep * (means - means.mean()))
        fitted = refitted(counted)
    if not sign or (table.freedom and table.within <= _EXACT * float(table.y.std())):
        return fitted, (), None
    # Replicates that agree among themselves are no error, however far off they are: there is no telling of one alone.
    agree = (table.repeats > 1) & (spreads < np.abs(left_out(_alone(fitted))[0]))
    found, rows, sides = _pursued(fitted, refitted, counted, agree)
    protected = [i for i in rows if sign * sides[i] > 0 and table.repeats[i] == 1]
    striking = max(protected, key=lambda i: float(sign * fitted.y[i]), default=None)
    if protected:
        rows = [i for i in rows if i not in protected]
        found = refitted(discounted(_alone(found), counted, rows)) if rows else fitted
    return found, tuple(sorted(rows)), striking


def _pursued(
    fitted: _Fitted, refitted: Callable[[Array], _Fitted], counted: Array, sure: Bools
) -> tuple[_Fitted, list[int], dict[int, float]]:
    """Return the best fit on the path of relevance pursuit, its rows of a variance of their own, and their sides.

    Rows that are ``sure`` (n,) are left alone.
    """
    n = len(counted)
    best, chosen, found = fitted, 0, fitted
    sides: dict[int, float] = {}
    value = fitted.value
    while len(sides) < max(int(_OUTLIERS * n), 1) and len(sides) < chosen + _BEYOND:
        t, side = surprise(_alone(found))
        t[sure] = 0.0
        t[list(sides)] = 0.0
        i = int(np.argmax(t))
        if t[i] < _SUSPECT:
            break
        sides[i] = float(side[i])
        found = refitted(discounted(_alone(found), counted, list(sides)))
        reached = found.value - math.log(math.comb(n, len(sides)))
        if reached > value:
            best, chosen, value = found, len(sides), reached
    rows = list(sides)[:chosen]
    return best, rows, {i: sides[i] for i in rows}


def _alone(fitted: _Fitted) -> Process:
    return Process.of(fitted.evidence.kernel, [fitted.mode], fitted.rows, fitted.y, fitted.repeats)


def _sampled(name: str, fitted: _Fitted, rng: np.random.Generator) -> Surrogate:
    mode = fitted.mode
    count = samples_for(len(fitted.y))
    hypers = sample(fitted.evidence, mode, count, rng) if count > 1 else [mode]
    process = Process.of(fitted.evidence.kernel, hypers, fitted.rows, fitted.y, fitted.repeats)
    return Surrogate(name, fitted.scale, process, mode)


def samples_for(n: int) -> int:
    """Return how many samples of the hyperparameters n rows call for: the more data, the less they differ."""
    return 8 if n <= 80 else 4 if n <= 200 else 1
