"""Every outcome's surrogate: data in, fitted processes out, one fit each.

A `Surrogate` is one outcome in its own scale, with the modes of its hyperparameters; `Models` holds one per
outcome (and one for whether conditions work at all), all over the same features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labloop.planner.data import Data, Table
from labloop.planner.features import Features, features_of
from labloop.planner.kernel import Array
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.sample import sample
from labloop.planner.surrogate import Process
from labloop.planner.transform import Scale, scale_of
from labloop.space import Space
from labloop.spec.models import Objective, Spec

__all__ = ["WORKS", "Models", "Surrogate", "fit_models"]

WORKS = ""
"""The name under which 'these conditions work' is modelled: no outcome can be called that."""
# Known errors below this share of the variance of y count as this: a noise-free process is singular.
_LEAST_NOISE = 1e-4


@dataclass(frozen=True)
class Surrogate:
    """One outcome: its scale, its process under samples of the hyperparameters, and their mode."""

    name: str
    scale: Scale
    process: Process
    mode: Hyper

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


def fit_models(spec: Spec, space: Space, data: Data, rng: np.random.Generator) -> Models:
    """Fit one surrogate per outcome that varies."""
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
        fitted = _fit_one(features, table, scale, error=outcome.error if outcome else None, rng=rng)
        if fitted is not None:
            surrogates[name] = Surrogate(name, scale, *fitted)
        else:
            dropped[name] = "could not be fitted"
    return Models(features, surrogates, dropped)


def _fit_one(
    features: Features, table: Table, scale: Scale, *, error: float | None, rng: np.random.Generator
) -> tuple[Process, Hyper] | None:
    rows = features(table.cube, table.covariates)
    y = scale.to_model(table.y)
    known = None if error is None else max((error / scale.spread) ** 2, _LEAST_NOISE)
    prior = NoisePrior()
    within = table.within / scale.spread**2 if table.freedom else 0.0
    if within > 0:
        prior = prior.informed(max(within, math.exp(-12.0)), table.freedom)
    evidence = Evidence(rows, y, repeats=table.repeats, layout=features.layout, prior=prior, known=known)
    modes = fit(evidence, rng)
    if not modes:
        return None
    count = samples_for(len(y))
    hypers = sample(evidence, modes[0], count, rng) if count > 1 else modes[:1]
    return Process.of(evidence.kernel, hypers, rows, y, table.repeats), modes[0]


def samples_for(n: int) -> int:
    """Return how many samples of the hyperparameters n rows call for: the more data, the less they differ."""
    return 8 if n <= 80 else 4 if n <= 200 else 1
