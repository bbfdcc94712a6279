"""How good a result is, relative to what the lab can give: the scale on which labs are compared.

Notation: s(x) the score of conditions by their true outcomes (larger is better, minus infinity where none come
or a limit is broken), s* the optimum's, m the mean of s over random feasible experiments. Regret is s* - s in
the outcome's unit; the share that is left to gain, (s* - s) / (s* - m), is 0 at the optimum and 1 at random.

With several objectives the score is that of a set of experiments: the hypervolume between what they give and the
lab's reference (`labloop.simulate.volume`); s* is the largest there is, m the mean over random experiments alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput
from labloop.records import Conditions, Outcomes
from labloop.simulate.behaviour import Scatter
from labloop.simulate.lab import Lab, Noise
from labloop.space import Space
from labloop.spec.models import Spec

__all__ = ["FOUND", "Scale", "gains_of", "noisy", "objective_of", "scale_of", "scatter_of", "score_of"]

FOUND = 0.1
"""A run found the global basin when at most this share of what random experiments leave is left to gain."""
_SAMPLE, _WIDE = 512, 16_384
_SEED = 20_240_601


@dataclass(frozen=True, slots=True)
class Scale:
    """The optimum's score, the mean score of random experiments, and the sd over them of what is improved."""

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
        If there are several.
    """
    names = list(spec.objectives)
    if len(names) != 1:
        raise InvalidInput(
            f"{spec.name} has {len(names)} objectives: {', '.join(names)}",
            hint="this needs a campaign with exactly one",
        )
    return names[0]


def score_of(spec: Spec, outcomes: Outcomes) -> float:
    """Return how good outcomes are; minus infinity where there are none or a limit is broken."""
    name = objective_of(spec)
    if name not in outcomes:
        return -math.inf
    return spec.objectives[name].score(outcomes[name]) if _holds(spec, outcomes) else -math.inf


def _holds(spec: Spec, outcomes: Outcomes) -> bool:
    return all(limit.holds(outcomes[limit.outcome]) for limit in spec.limits if limit.outcome in outcomes)


def gains_of(spec: Spec, reference: Outcomes, outcomes: Outcomes) -> NDArray[np.float64]:
    """Return how much better than the reference each objective is, (m,); minus infinity where a limit is broken."""
    if any(name not in outcomes for name in spec.objectives) or not _holds(spec, outcomes):
        return np.full(len(spec.objectives), -math.inf)
    return np.array([each.score(outcomes[n]) - each.score(reference[n]) for n, each in spec.objectives.items()])


def scale_of(lab: Lab) -> Scale:
    """Return a lab's scale, from its optimum and from the same random experiments whenever it is asked.

    Raises
    ------
    InvalidInput
        If random experiments are as good as the optimum: there is nothing to find.
    """
    spec = lab.campaign
    truths = lab.truths(_anywhere(spec))
    scores = _scores(lab, truths)
    if not scores:  # where hardly anything holds the limits
        scores = _scores(lab, lab.truths(_anywhere(spec, _WIDE)))
    if lab.front is None:
        name, best = objective_of(spec), score_of(spec, lab.optimum.outcomes)
        spread = float(np.std([true[name] for true in truths if name in true]))
    else:
        best, spread = lab.front.volume, float(np.std(scores)) if scores else 0.0
    if not scores or not math.isfinite(best) or best <= float(np.mean(scores)):
        raise InvalidInput(f"nothing can be found on the lab {lab.name!r}", hint="its optimum must beat random results")
    return Scale(best, float(np.mean(scores)), spread)


def _scores(lab: Lab, truths: Sequence[Outcomes]) -> list[float]:
    """Return the scores of experiments, each alone; those that break a limit or give nothing are left out."""
    if lab.front is None:
        return [score for true in truths if math.isfinite(score := score_of(lab.campaign, true))]
    gains = (gains_of(lab.campaign, lab.front.reference, true) for true in truths)
    return [float(np.maximum(each, 0.0).prod()) for each in gains if np.isfinite(each).all()]


def _anywhere(spec: Spec, n: int = _SAMPLE) -> list[Conditions]:
    space = Space(spec)
    return list(space.decode(space.sample(n, np.random.default_rng(_SEED))))


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
    spec = lab.campaign
    truths = [true for true in lab.truths(_anywhere(spec)) if true]
    found = {}
    for name in spec.outcomes:
        values = [true[name] for true in truths if name in true]
        score = spec.objectives[name].score if name in spec.objectives else float
        worst, best = min(values, key=score), max(values, key=score)
        found[name] = Scatter(float(np.std(values)), worst, best)
    return found
