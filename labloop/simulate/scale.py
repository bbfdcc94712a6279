"""How good a result is, relative to what the lab can give: the scale on which labs are compared.

Notation: s(x) the score of conditions by their true outcomes (larger is better, minus infinity where none come
or a limit is broken), s* the optimum's, m the mean of s over random feasible experiments. Regret is s* - s in
the outcome's unit; the share that is left to gain, (s* - s) / (s* - m), is 0 at the optimum and 1 at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from labloop.errors import InvalidInput
from labloop.records import Outcomes
from labloop.simulate.behaviour import Scatter
from labloop.simulate.lab import Lab, Noise
from labloop.space import Space
from labloop.spec.models import Spec

__all__ = ["FOUND", "Scale", "noisy", "scale_of", "scatter_of", "score_of"]

FOUND = 0.1
"""A run found the global basin when at most this share of what random experiments leave is left to gain."""
_SAMPLE = 512
_SEED = 20_240_601


@dataclass(frozen=True, slots=True)
class Scale:
    """The optimum's score, the mean score of random experiments, and the sd of the objective over them."""

    best: float
    typical: float
    spread: float

    def left(self, score: float) -> float:
        """Return the share that is left to gain; 1 while nothing feasible was found."""
        if not math.isfinite(score):
            return 1.0
        return max((self.best - score) / (self.best - self.typical), 0.0)


def objective_of(spec: Spec) -> str:
    """Return the name of the one objective.

    Raises
    ------
    InvalidInput
        If there are several: regret is defined for one.
    """
    names = list(spec.objectives)
    if len(names) != 1:
        raise InvalidInput(
            f"{spec.name} has {len(names)} objectives: {', '.join(names)}",
            hint="a study measures regret, which needs exactly one",
        )
    return names[0]


def score_of(spec: Spec, outcomes: Outcomes) -> float:
    """Return how good outcomes are; minus infinity where there are none or a limit is broken."""
    name = objective_of(spec)
    if name not in outcomes:
        return -math.inf
    if any(not limit.holds(outcomes[limit.outcome]) for limit in spec.limits if limit.outcome in outcomes):
        return -math.inf
    return spec.objectives[name].score(outcomes[name])


def scale_of(lab: Lab) -> Scale:
    """Return a lab's scale, from its optimum and from the same random experiments whenever it is asked.

    Raises
    ------
    InvalidInput
        If random experiments are as good as the optimum: there is nothing to find.
    """
    spec = lab.campaign
    space = Space(spec)
    rows = space.decode(space.sample(_SAMPLE, np.random.default_rng(_SEED)))
    truths = [lab.truth(row) for row in rows]
    name = objective_of(spec)
    values = [true[name] for true in truths if name in true]
    scores = [score for true in truths if math.isfinite(score := score_of(spec, true))]
    best = score_of(spec, lab.optimum.outcomes)
    if not scores or not math.isfinite(best) or best <= float(np.mean(scores)):
        raise InvalidInput(f"nothing can be found on the lab {lab.name!r}", hint="its optimum must beat random results")
    return Scale(best, float(np.mean(scores)), float(np.std(values)))


def noisy(lab: Lab, share: float) -> Lab:
    """Return a lab whose outcomes scatter by a share of the objective's sd over the space, normally.

    Raises
    ------
    InvalidInput
        If the share is below 0.
    """
    if not 0 <= share < math.inf:
        raise InvalidInput(f"noise {share:g} is not a share", hint="0 for exact, 0.1 for a tenth of the outcome's sd")
    noise = {name: Noise(absolute=share * each.spread) for name, each in scatter_of(lab).items()}
    return replace(lab, noise=noise)


def scatter_of(lab: Lab) -> dict[str, Scatter]:
    """Return how each outcome scatters over random experiments, and its values from the worst to the best."""
    spec, space = lab.campaign, Space(lab.campaign)
    rows = space.decode(space.sample(_SAMPLE, np.random.default_rng(_SEED)))
    truths = [true for row in rows if (true := lab.truth(row))]
    found = {}
    for name in spec.outcomes:
        values = [true[name] for true in truths if name in true]
        score = spec.objectives[name].score if name in spec.objectives else float
        worst, best = min(values, key=score), max(values, key=score)
        found[name] = Scatter(float(np.std(values)), worst, best)
    return found
