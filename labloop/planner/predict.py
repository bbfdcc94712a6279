"""What is claimed about an experiment before it is run, in the user's units.

A prediction is of one new measurement: a mixture of normals (mean m, variance v + noise, one per set of
hyperparameters), carried to the user's unit by the outcome's scale; the quantiles are those of that mixture,
kept within what is physically possible.
The chance of being the best is P(u(x) > max over incumbents u) under the joint posterior, estimated over
joint draws; for several objectives it is the chance that nothing known is as good in all of them. Draws in
which a limit is broken count as lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from labloop.planner.goal import Aim
from labloop.planner.kernel import Array
from labloop.planner.models import WORKS, Models, Surrogate
from labloop.records import QUANTILES, Prediction
from labloop.spec.models import Spec

__all__ = ["Forecast", "predictions"]

_DRAWS = 512
_nodes, _weights = np.polynomial.hermite_e.hermegauss(21)
_HERMITE = (_nodes, _weights / _weights.sum())
"""Nodes and weights that integrate over a standard normal."""


def predictions(spec: Spec, models: Models, features: Array) -> list[dict[str, Prediction]]:
    """Return every modelled outcome's prediction at (b, F) rows."""
    found: list[dict[str, Prediction]] = [{} for _ in features]
    outcomes = spec.outcomes
    for name, surrogate in models.surrogates.items():
        if name == WORKS:
            continue
        possible = outcomes[name].range or (-np.inf, np.inf)
        for b, each in enumerate(_of_one(surrogate, features, possible)):
            found[b][name] = each
    return found


def _of_one(surrogate: Surrogate, features: Array, possible: tuple[float, float]) -> list[Prediction]:
    means, variances = surrogate.process.posterior(features)
    variances = variances + surrogate.process.noise[:, None]
    scale = surrogate.scale
    levels = np.array([0.05, 0.5, 0.95, *QUANTILES])
    low, middle, high, *others = np.clip(scale.to_user(mixture_quantiles(means, np.sqrt(variances), levels)), *possible)
    nodes, weights = _HERMITE
    spread = np.sqrt(variances)[..., None] * nodes
    drawn = scale.to_user(means[..., None] + spread)
    centre = (drawn @ weights).mean(axis=0)
    sd = np.sqrt(((drawn - centre[:, None]) ** 2 @ weights).mean(axis=0))
    mean = np.clip(centre, *possible)
    shape = np.stack(others, axis=1)
    return [
        Prediction(
            float(mean[b]), float(sd[b]), float(low[b]), float(middle[b]), float(high[b]), tuple(shape[b].tolist())
        )
        for b in range(len(features))
    ]


def mixture_quantiles(means: Array, sds: Array, levels: Array) -> Array:
    """Return the quantiles (L, b) of equally weighted normals (P, b), by bisection to float64's precision."""
    reach = ndtri(levels)[:, None, None] * sds
    low, high = (means + reach).min(axis=1), (means + reach).max(axis=1)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = ndtr((middle[:, None] - means) / sds).mean(axis=1) < levels[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


@dataclass(frozen=True)
class Chance:
    """The chance of one experiment to be the best, and joint draws (s,) of its utility."""

    best: float
    utility: Array


@dataclass(frozen=True)
class Forecast:
    """The chance that an experiment beats everything known, from joint draws over known rows and itself."""

    aim: Aim
    models: Models
    known: Array
    """(k, F) features of what has results."""

    def chances(self, features: Array, rng: np.random.Generator) -> list[Chance]:
        """Return the chance of each of (b, F) rows."""
        sets = max(len(each.process.noise) for each in self.models.surrogates.values())
        size = (sets, _DRAWS // sets, len(self.known) + 1)
        normal = {name: rng.standard_normal(size) for name in self.models.surrogates}
        return [self._of(row, sets, normal) for row in features]

    def _of(self, row: Array, sets: int, normal: dict[str, Array]) -> Chance:
        joint = np.vstack([self.known, row])
        drawn = {
            name: each.process.repeated(sets).draw(joint, normal[name]).reshape(-1, len(joint))
            for name, each in self.models.surrogates.items()
        }
        held = np.ones(next(iter(drawn.values())).shape, dtype=np.bool_)
        for margin in self.aim.margins:
            held &= margin.holds(drawn[margin.outcome])
        oriented = np.stack([part.of(drawn[part.outcome])[0] for part in self.aim.parts], axis=-1)
        old, new = np.where(held[:, :-1, None], oriented[:, :-1], -np.inf), oriented[:, -1:]
        beaten = np.any(np.all(old >= new, axis=2), axis=1)
        utility = self.aim.utility({name: values[:, -1] for name, values in drawn.items()})
        return Chance(float(np.mean(held[:, -1] & ~beaten)), utility)
