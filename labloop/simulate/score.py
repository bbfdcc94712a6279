"""How a campaign stands after every experiment: its best with one objective, its hypervolume with several.

Both know what is true and what was measured: the first says how far the campaign came, the second what its people
would hold for the best by then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from labloop.records import Outcomes
from labloop.simulate.lab import Front, Lab
from labloop.simulate.scale import Scale, gains_of, objective_of, score_of
from labloop.simulate.volume import Volume, hypervolume, undominated
from labloop.spec.models import Spec

__all__ = ["Mark", "Score", "score_for"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a campaign stands; the columns of a row that are named alike (`labloop.simulate.trial`)."""

    value: float | None
    true: float | None
    best: float | None
    regret: float | None
    inference_regret: float | None
    left: float


class Score(Protocol):
    """Takes in experiments one after the other."""

    def take(self, true: Outcomes, measured: Outcomes) -> Mark:
        """Return where the campaign stands with one more experiment; what gave no result measured nothing."""
        ...


def score_for(lab: Lab, spec: Spec, scale: Scale) -> Score:
    """Return how campaigns of a lab are scored.

    Raises
    ------
    InvalidInput
        If there are several objectives, and the lab does not say what they can reach together.
    """
    return _Best(spec, scale) if lab.front is None else _Reach(spec, scale, lab.front)


class _Best:
    """One objective: the best so far, and the one that looks best."""

    def __init__(self, spec: Spec, scale: Scale) -> None:
        self._spec, self._scale, self._outcome = spec, scale, objective_of(spec)
        self._best = self._looks = self._true_of_looks = -math.inf
        self._value: float | None = None

    def take(self, true: Outcomes, measured: Outcomes) -> Mark:
        score = score_of(self._spec, true) if measured else -math.inf
        if score > self._best:
            self._best, self._value = score, true[self._outcome]
        seems = score_of(self._spec, measured)
        if seems > self._looks:
            self._looks, self._true_of_looks = seems, score_of(self._spec, true)
        return Mark(
            value=measured.get(self._outcome),
            true=true.get(self._outcome),
            best=self._value,
            regret=_regret(self._scale, self._best),
            inference_regret=_regret(self._scale, self._true_of_looks),
            left=self._scale.left(self._best),
        )


class _Reach:
    """Several objectives: the hypervolume so far, and the true one of what looks undominated."""

    def __init__(self, spec: Spec, scale: Scale, front: Front) -> None:
        self._spec, self._scale, self._reference = spec, scale, front.reference
        self._true, self._measured = Volume(len(spec.objectives)), Volume(len(spec.objectives))
        # What looks undominated: the gains that were measured and the true ones, side by side.
        self._looks = np.empty((0, len(spec.objectives)))
        self._true_of_looks = self._looks

    def take(self, true: Outcomes, measured: Outcomes) -> Mark:
        if measured:
            real, seen = (gains_of(self._spec, self._reference, each) for each in (true, measured))
            self._true.add(real)
            self._measured.add(seen)
            self._look(real, seen)
        return Mark(
            value=self._measured.total,
            true=self._true.total,
            best=self._true.total,
            regret=_regret(self._scale, self._true.total),
            inference_regret=_regret(self._scale, hypervolume(self._true_of_looks)),
            left=self._scale.left(self._true.total),
        )

    def _look(self, real: np.ndarray, seen: np.ndarray) -> None:
        if not np.isfinite(seen).all():
            return
        looks, behind = np.vstack([self._looks, seen]), np.vstack([self._true_of_looks, real])
        kept = undominated(looks)
        self._looks, self._true_of_looks = looks[kept], behind[kept]


def _regret(scale: Scale, score: float) -> float | None:
    # The optimum is declared to so many digits; being better than it by less is no news.
    return max(scale.best - score, 0.0) if math.isfinite(score) else None
