"""What is claimed about an experiment before it is run, in the user's units.

A prediction is of one new measurement: model-space mean m and variance v + noise, carried to the user's unit
by the outcome's scale; the quantiles are those of that normal, kept within what is physically possible.
The chance of being the best is P(u(x) > max over incumbents u) under the joint posterior, estimated over
joint draws; for several objectives it is the chance that nothing known is as good in all of them. Draws in
which a limit is broken count as lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.planner.goal import Aim
from labloop.planner.kernel import Array
from labloop.planner.models import WORKS, Models, Surrogate
from labloop.records import Prediction
from labloop.spec.models import Spec

__all__ = ["Forecast", "predictions"]

_Z = 1.6448536269514722
_DRAWS = 512


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
    mean, variance = surrogate.predict(features)
    sd = np.sqrt(variance + surrogate.noise)
    scale = surrogate.scale
    low, middle, high = (np.clip(scale.to_user(mean + q * sd), *possible) for q in (-_Z, 0.0, _Z))
    wide = scale.spread * sd
    return [
        Prediction(float(middle[b]), float(wide[b]), float(low[b]), float(middle[b]), float(high[b]))
        for b in range(len(features))
    ]


@dataclass(frozen=True)
class Forecast:
    """The chance that an experiment beats everything known, from joint draws over known rows and itself."""

    aim: Aim
    models: Models
    known: Array
    """(k, F) features of what has results."""

    def chance(self, features: Array, rng: np.random.Generator) -> list[float]:
        """Return the chance of each of (b, F) rows."""
        normal = {name: rng.standard_normal((_DRAWS, len(self.known) + 1)) for name in self.models.surrogates}
        return [self._of(row, normal) for row in features]

    def _of(self, row: Array, normal: dict[str, Array]) -> float:
        joint = np.vstack([self.known, row])
        drawn = {
            name: each.modes[s % len(each.modes)].draw(joint, normal[name])
            for s, (name, each) in enumerate(self.models.surrogates.items())
        }
        held = np.ones((_DRAWS, len(joint)), dtype=np.bool_)
        for margin in self.aim.margins:
            held &= margin.holds(drawn[margin.outcome])
        oriented = np.stack([part.of(drawn[part.outcome])[0] for part in self.aim.parts], axis=-1)
        old, new = np.where(held[:, :-1, None], oriented[:, :-1], -np.inf), oriented[:, -1:]
        beaten = (old >= new).all(axis=2).any(axis=1)
        return float(np.mean(held[:, -1] & ~beaten))

