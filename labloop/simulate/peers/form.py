"""A campaign as other optimisers can be told it: plain factors, linear rules, one number to maximise.

Notation: the number to maximise is the objective's score (`Objective.score`: larger is better), so that no
adapter has to know which way is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from labloop.records import Conditions, Experiment, Outcomes, Value
from labloop.simulate.scale import objective_of
from labloop.spec.models import Limit, Spec
from labloop.spec.parameters import Component, Continuous, Integer, Levels, Parameter
from labloop.spec.rules import Linear, linearise

__all__ = ["Adapter", "Form", "Numeric", "Seen", "is_log"]

Numeric = Continuous | Integer | Levels

SCORE = "score"
"""What adapters call the number to maximise."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One experiment with what came of it; ``score`` is None where nothing did."""

    number: int
    conditions: Conditions
    score: float | None
    outcomes: Outcomes


class Adapter(Protocol):
    """What an adapter does: it is made once a campaign, and keeps its package's own state."""

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        """Return up to n experiments; they get the numbers first, first + 1, ...

        ``seen`` holds everything with a result, in order; of the numbers below ``first`` that are not in it,
        results have not come yet.
        """
        ...


def is_log(parameter: Parameter) -> bool:
    """Whether equal ratios of a parameter matter rather than equal differences."""
    return isinstance(parameter, Numeric) and parameter.scale == "log"


class Form:
    """What there is to state about a campaign."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.factors: Mapping[str, Parameter] = spec.varied
        self._objective = objective_of(spec)

    @cached_property
    def rules(self) -> tuple[Linear, ...]:
        """The constraints that are linear in numbers that are varied linearly."""
        found = (linearise(rule.tree) for rule in self.spec.rules)
        return tuple(each for each in found if each is not None and self._plain(each))

    def _plain(self, rule: Linear) -> bool:
        parameters = [self.factors.get(name) for name, _ in rule.coefficients]
        return all(isinstance(each, Continuous | Integer | Component) and not is_log(each) for each in parameters)

    @property
    def others(self) -> int:
        """How many constraints are not among `rules`: conditions, products, choices."""
        return len(self.spec.constraints) - len(self.rules)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits on outcomes."""
        return self.spec.limits

    def seen(self, observed: Sequence[Experiment]) -> list[Seen]:
        """Return what came of experiments, replicates averaged."""
        found = []
        for each in observed:
            means = {name: each.mean(name) for name in self.spec.outcomes}
            outcomes = {name: value for name, value in means.items() if value is not None}
            value = outcomes.get(self._objective)
            score = None if value is None else self.spec.objectives[self._objective].score(value)
            found.append(Seen(each.number, each.executed, score, outcomes))
        return found

    def penalised(self, seen: Sequence[Seen]) -> list[Seen]:
        """Return what was seen with the worst score so far where a limit is broken.

        What users of a package that knows no limits do about them.
        """
        scores = [each.score for each in seen if each.score is not None]
        worst = min(scores, default=math.nan)
        return [each if each.score is None or self.holds(each) else _scored(each, worst) for each in seen]

    def holds(self, seen: Seen) -> bool:
        """Whether no limit is broken."""
        return all(limit.holds(seen.outcomes[limit.outcome]) for limit in self.limits if limit.outcome in seen.outcomes)

    def span(self, name: str) -> tuple[float, float]:
        """Return the lowest and the highest value of a number, or of a component when it is present or not."""
        parameter = self.factors[name]
        match parameter:
            case Continuous(bounds=(low, high)) | Integer(bounds=(low, high)):
                return float(low), float(high)
            case Levels(levels=levels):
                return levels[0], levels[-1]
            case Component(mixture=mixture):
                top = self.spec.mixtures[mixture].total if parameter.max is None else parameter.max
                return (parameter.min if parameter.required else 0.0), top
        raise TypeError(f"{name} has no span")

    def coded(self, name: str, value: Value) -> float:
        """Return a number as adapters without a log scale are given it: its decimal logarithm where that is asked."""
        return math.log10(float(value)) if is_log(self.factors[name]) else float(value)

    def uncoded(self, name: str, value: float) -> float:
        """Return the number behind `coded`."""
        low, high = self.span(name)
        plain = 10.0**value if is_log(self.factors[name]) else float(value)
        return float(np.clip(plain, low, high))


def _scored(seen: Seen, score: float) -> Seen:
    return Seen(seen.number, seen.conditions, score, seen.outcomes)
