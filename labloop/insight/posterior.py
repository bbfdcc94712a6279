"""The planner's surrogate of one outcome, refitted on any part of the measurements, in the outcome's unit.

Beside `even`, the one place where `labloop.insight` touches the planner. P sets of hyperparameters, each a Gaussian
process; their mixture is the posterior. Everything is refitted by `fit`: the scale of the outcome, the hyperparameters
and their samples, so that nothing of what is left out can leak into what is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from labloop.errors import PlannerError
from labloop.insight.even import evenly
from labloop.insight.runs import Array, Indices, Runs
from labloop.planner.data import gather
from labloop.planner.features import Features
from labloop.planner.models import Surrogate, fit_models
from labloop.records import Experiment, Observation, Status

__all__ = ["Forecast", "Posterior", "fit", "quantiles"]

_STRATA = 256


@dataclass(frozen=True)
class Forecast:
    """Predictions at b rows: component means and standard deviations (P, b) of one new measurement."""

    means: Array
    sds: Array

    @property
    def mean(self) -> Array:
        """The predicted mean, (b,)."""
        return np.asarray(self.means.mean(axis=0))

    @property
    def sd(self) -> Array:
        """The standard deviation of one new measurement, (b,)."""
        return np.asarray(np.sqrt((self.sds**2).mean(axis=0) + self.means.var(axis=0)))

    def below(self, y: Array | float) -> Array:
        """Return the probability (b,) that a new measurement is below y."""
        return np.asarray(ndtr((y - self.means) / self.sds).mean(axis=0))


@dataclass(frozen=True)
class Posterior:
    """A fitted surrogate in the outcome's unit; rows are (b, d + c) as in `Runs`."""

    surrogate: Surrogate
    features: Features
    dim: int

    @property
    def sets(self) -> int:
        """The number of sets of hyperparameters."""
        return len(self.surrogate.process.noise)

    @property
    def noise(self) -> float:
        """The standard deviation of one measurement."""
        return float(self.surrogate.scale.spread * np.sqrt(self.surrogate.process.noise.mean()))

    def _features(self, rows: Array) -> Array:
        return self.features(rows[:, : self.dim], rows[:, self.dim :])

    def truth(self, rows: Array) -> Forecast:
        """Return means and standard deviations of the true mean at rows."""
        means, variances = self.surrogate.process.posterior(self._features(rows))
        scale = self.surrogate.scale
        return Forecast(scale.to_user(means), scale.spread * np.sqrt(variances))

    def measurement(self, rows: Array) -> Forecast:
        """Return means and standard deviations of one new measurement at rows."""
        means, variances = self.surrogate.process.posterior(self._features(rows))
        scale = self.surrogate.scale
        return Forecast(scale.to_user(means), scale.spread * np.sqrt(variances + self.surrogate.process.noise[:, None]))

    def sums(self, rows: Array, weights: Array) -> tuple[Array, Array]:
        """Return means (P, q) and covariances (P, q, q) of weighted sums (q, m) of the true mean at rows (m, .)."""
        mean, covariance = self.surrogate.process.joint(self._features(rows))
        scale = self.surrogate.scale
        found = weights @ covariance @ weights.T * scale.spread**2
        return scale.to_user(mean) @ weights.T, found

    def draws(self, rows: Array, count: int, rng: np.random.Generator) -> Array:
        """Return joint draws (P * count, b) of the true mean at rows, one set of hyperparameters after the other."""
        process, scale = self.surrogate.process, self.surrogate.scale
        features = self._features(rows)
        found = []
        for i in range(self.sets):
            # One set at a time: all covariances at once would take a gigabyte.
            turn = slice(i, i + 1)
            one = replace(process, logs=process.logs[turn], noise=process.noise[turn], mean=process.mean[turn])
            found.append(one.draw(features, rng.standard_normal((1, count, len(rows))))[0])
        return np.asarray(scale.to_user(np.vstack(found)))


def fit(
    runs: Runs,
    rng: np.random.Generator,
    *,
    chosen: Indices | None = None,
    y: Array | None = None,
    even: bool = False,
) -> Posterior:
    """Fit the surrogate anew.

    Parameters
    ----------
    runs : the measurements.
    chosen : which of them to learn from (positions); all if not given.
    y : other values of the outcome (n,), for baselines.
    even : treat numbers and choices alike beforehand (see `even`), to compare what they do; otherwise exactly as
        the planner does, to know what its model is worth.

    Raises
    ------
    PlannerError
        If there is nothing to model.
    """
    places = np.arange(len(runs)) if chosen is None else np.asarray(chosen, dtype=np.int64)
    values = runs.y if y is None else y
    experiments = []
    for i in places:
        covariates = dict(zip(runs.spec.covariates, runs.rows[i, runs.space.dim :].tolist(), strict=True))
        observation = Observation(1, {runs.outcome: float(values[i])}, covariates)
        executed = runs.executed[i]
        experiments.append(
            Experiment(
                int(runs.number[i]), Status.COMPLETED, runs.origins[i], executed, executed, observations=(observation,)
            )
        )
    data = gather(runs.spec, runs.space, experiments, [])
    models = fit_models(runs.spec, runs.space, data, rng, straight=True)
    if runs.outcome not in models.surrogates:
        why = models.dropped.get(runs.outcome, "could not be modelled")
        raise PlannerError(
            f"{runs.outcome} {why}: there is nothing to learn from", hint="record results under different conditions"
        )
    found = models.surrogates[runs.outcome]
    if even:
        found = evenly(found, data.tables[runs.outcome], runs.spec.outcomes[runs.outcome].error, rng)
    return Posterior(found, models.features, runs.space.dim)


def quantiles(means: Array, variances: Array, levels: tuple[float, ...]) -> Array:
    """Return quantiles (levels, q) of an equal mixture of normals (P, q), from stratified values of each."""
    z = ndtri((np.arange(_STRATA) + 0.5) / _STRATA)
    values = means[:, None, :] + np.sqrt(np.maximum(variances, 0.0))[:, None, :] * z[None, :, None]
    return np.asarray(np.quantile(values.reshape(-1, means.shape[1]), levels, axis=0))
