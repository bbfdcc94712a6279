"""What the campaign wants, in the model's units: the utility to improve and the limits to hold.

One maximised or minimised objective is used directly. Anything else is a utility of several values:

    v_k = (oriented value - worst seen) / (best seen - worst seen)         each objective on [0, 1] as seen
    u = min_k w_k v_k + 0.05 sum_k w_k v_k,   w ~ Dirichlet(1)             Knowles (2006), eq. 2

oriented: f, -f, or -|f - target|. New weights for every pick spread a batch over the trade-off, so no
objective is ever dropped. While nothing has held all limits (or limits are all there is left to learn from),
the utility is the smallest signed margin, so that the search is for feasibility itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.planner.acquisition import Direct, Margin, Sampled
from labloop.planner.kernel import Array
from labloop.planner.models import WORKS, Models
from labloop.spec.models import Spec

__all__ = ["Aim", "Goal", "aim_of"]

Goal = Direct | Sampled
_AUGMENT = 0.05
_INNER = 32


@dataclass(frozen=True)
class Oriented:
    """One objective in model units: ``sign`` f, or -|f - target| where ``sign`` is 0."""

    outcome: str
    sign: float
    target: float = 0.0

    def of(self, f: Array) -> tuple[Array, Array]:
        """Return the oriented value and its derivative."""
        if self.sign:
            return self.sign * f, np.full_like(f, self.sign)
        return -np.abs(f - self.target), -np.sign(f - self.target)


@dataclass(frozen=True)
class Chebyshev:
    """The augmented Chebyshev utility of k oriented objectives."""

    parts: tuple[Oriented, ...]
    worst: Array
    span: Array
    weights: Array
    augment: float = _AUGMENT

    def __call__(self, f: Array) -> tuple[Array, Array]:
        """Return the utility (...) of values (..., k) and its derivative (..., k)."""
        found = [part.of(f[..., k]) for k, part in enumerate(self.parts)]
        v = self.weights * (np.stack([value for value, _ in found], axis=-1) - self.worst) / self.span
        slope = self.weights * np.stack([each for _, each in found], axis=-1) / self.span
        least = np.argmin(v, axis=-1)[..., None] == np.arange(v.shape[-1])
        return v.min(axis=-1) + self.augment * v.sum(axis=-1), slope * (least + self.augment)


@dataclass(frozen=True)
class Smallest:
    """The smallest signed margin of k limits, in model units."""

    margins: tuple[Margin, ...]

    def __call__(self, f: Array) -> tuple[Array, Array]:
        """Return the smallest margin (...) of values (..., k) and its derivative (..., k)."""
        v = np.stack([m.sign * (f[..., k] - m.bound) for k, m in enumerate(self.margins)], axis=-1)
        least = np.argmin(v, axis=-1)[..., None] == np.arange(v.shape[-1])
        return v.min(axis=-1), least * np.array([m.sign for m in self.margins])


@dataclass(frozen=True)
class Aim:
    """The oriented objectives, the limits, and what was seen of them."""

    parts: tuple[Oriented, ...]
    margins: tuple[Margin, ...]
    worst: Array
    span: Array
    seeking: bool
    """Nothing seen holds every limit: look for feasibility first."""

    @property
    def single(self) -> bool:
        """One objective."""
        return len(self.parts) == 1

    def limits(self) -> tuple[Margin, ...]:
        """Return the limits that are multiplied in; while feasibility is sought, only that it works."""
        return tuple(m for m in self.margins if m.outcome == WORKS) if self.seeking else self.margins

    def goal(self, rng: np.random.Generator) -> Goal:
        """Return the utility for the next pick."""
        if self.seeking:
            sought = tuple(m for m in self.margins if m.outcome != WORKS) or self.margins
            if len(sought) == 1:
                return Direct(sought[0].outcome, sought[0].sign)
            names = tuple(m.outcome for m in sought)
            return Sampled(names, Smallest(sought), _normal(rng, len(names)))
        if self.single and self.parts[0].sign:
            return Direct(self.parts[0].outcome, self.parts[0].sign)
        names = tuple(part.outcome for part in self.parts)
        weights = rng.dirichlet(np.ones(len(names)))
        return Sampled(names, Chebyshev(self.parts, self.worst, self.span, weights), _normal(rng, len(names)))

    def utility(self, means: dict[str, Array]) -> Array:
        """Return an equally weighted utility of values by outcome (n,), to rank what is known."""
        if self.seeking:
            sought = tuple(m for m in self.margins if m.outcome != WORKS) or self.margins
            return Smallest(sought)(np.stack([means[m.outcome] for m in sought], axis=-1))[0]
        if self.single:
            return self.parts[0].of(means[self.parts[0].outcome])[0]
        weights = np.full(len(self.parts), 1.0 / len(self.parts))
        f = np.stack([means[part.outcome] for part in self.parts], axis=-1)
        return Chebyshev(self.parts, self.worst, self.span, weights)(f)[0]


def _normal(rng: np.random.Generator, outcomes: int) -> Array:
    return rng.standard_normal((_INNER, outcomes))


def aim_of(spec: Spec, models: Models, means: dict[str, Array]) -> Aim:
    """Return the aim given posterior means at everything observed, by outcome (n,), in model units.

    Limits and objectives whose outcome could not be modelled are left out (`Models.dropped` names them).
    """
    parts = []
    for name, objective in spec.objectives.items():
        if name not in models.surrogates:
            continue
        sign = {"maximize": 1.0, "minimize": -1.0, "target": 0.0}[objective.goal]
        scale = models.surrogates[name].scale
        target = 0.0 if objective.target is None else float(scale.to_model(np.array([objective.target]))[0])
        parts.append(Oriented(name, sign, target))
    margins = []
    for limit in spec.limits:
        if limit.outcome in models.surrogates:
            bound = models.surrogates[limit.outcome].scale.to_model(np.array([limit.bound]))[0]
            margins.append(Margin(limit.outcome, float(bound), 1.0 if limit.at_least else -1.0))
    held = np.ones(len(next(iter(means.values()))), dtype=np.bool_)
    for margin in margins:
        held &= margin.holds(means[margin.outcome])
    if WORKS in models.surrogates:
        bound = models.surrogates[WORKS].scale.to_model(np.zeros(1))[0]
        margins.append(Margin(WORKS, float(bound), 1.0))
    oriented = [part.of(means[part.outcome])[0] for part in parts]
    worst = np.array([value.min() for value in oriented])
    span = np.array([max(float(np.ptp(value)), 0.1) for value in oriented])
    return Aim(tuple(parts), tuple(margins), worst, span, seeking=not held.any())
