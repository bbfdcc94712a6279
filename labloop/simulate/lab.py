"""What a simulated laboratory is: a campaign, the truth behind it, and the noise in front of it.

A lab answers three questions about the same conditions: what is true (`Lab.truth`), what would be measured
(`Lab.measure`), and what would be handed in (`Lab.perform`). The last draws from a stream of its own for
every (seed, experiment, replicate), so that an experiment gives the same number whenever it is run, alone or
in a batch, first or last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from labloop.errors import InvalidInput, Problem, did_you_mean
from labloop.records import Conditions, FailureKind, Outcomes, Result, Value
from labloop.spec.check import misfit
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant

__all__ = ["Cost", "Drift", "Front", "Lab", "Noise", "Optimum", "idling"]


@dataclass(frozen=True, slots=True)
class Noise:
    """How a measured outcome scatters about the truth: normal, sd = sqrt(absolute^2 + (relative * truth)^2).

    Attributes
    ----------
    absolute : in the outcome's unit.
    relative : as a share of the true value.
    low, high : what the instrument can read; a value beyond is read as the end of the scale.
    decimals : decimals of the reading; None for all digits.
    """

    absolute: float = 0.0
    relative: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    decimals: int | None = None

    def sd(self, true: float) -> float:
        """Return the standard deviation of one reading of a true value, in the outcome's unit."""
        return math.hypot(self.absolute, self.relative * true)

    def read(self, true: float, rng: np.random.Generator) -> float:
        """Return one reading of a true value."""
        value = min(max(true + self.sd(true) * float(rng.standard_normal()), self.low), self.high)
        return value if self.decimals is None else round(value, self.decimals)


@dataclass(frozen=True, slots=True)
class Drift:
    """A covariate: what it usually is, and how it scatters from one experiment to the next."""

    mean: float
    sd: float
    decimals: int = 2


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best feasible experiment and its true outcomes."""

    conditions: Conditions
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Front:
    """What several objectives can reach together.

    Attributes
    ----------
    reference : an outcome of each objective that is just not worth having: better ones count.
    volume : the largest hypervolume there is between it and outcomes of experiments (`labloop.simulate.volume`).
    """

    reference: Outcomes
    volume: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one measurement takes, whether it succeeds or not: the unit (h, EUR), and how much by conditions."""

    unit: str
    of: Callable[[Conditions], float]


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A simulated laboratory.

    Attributes
    ----------
    name, description : what it is called, and one line on what it shows.
    source : where its formulas come from, and what is simplified.
    spec : the lab's own campaign, as `Spec.model_validate` takes it.
    response : the true outcomes of conditions (covariates included), in the outcomes' units.
    noise : by outcome; an outcome without an entry is read exactly.
    optimum : the best there is to find; empty where several objectives are weighed against each other.
    front : what several objectives can reach together, if that is known; None with one objective.
    infeasible : says why conditions cannot give a result; an empty text where they can.
    covariates : by name; what is observed along with every experiment.
    cost : what a measurement takes; None where the lab does not say.
    responses : `response` of many conditions at once, where that is a great deal faster.
    """

    name: str
    description: str
    source: str
    spec: Mapping[str, Any]
    response: Callable[[Conditions], Outcomes]
    optimum: Optimum = field(default_factory=lambda: Optimum({}, {}))
    front: Front | None = None
    noise: Mapping[str, Noise] = field(default_factory=dict)
    infeasible: Callable[[Conditions], str] = lambda _: ""
    covariates: Mapping[str, Drift] = field(default_factory=dict)
    cost: Cost | None = None
    responses: Callable[[Sequence[Conditions]], Sequence[Outcomes]] | None = None

    @cached_property
    def campaign(self) -> Spec:
        """The lab's own campaign, checked."""
        return Spec.model_validate(self.spec)

    def truth(self, conditions: Conditions) -> Outcomes:
        """Return the outcomes without noise, every covariate at its mean; empty where none can come.

        Raises
        ------
        InvalidInput
            If a condition is missing or the lab's equipment cannot be set to it.
        """
        conditions = self._complete(conditions)
        if self.infeasible(conditions):
            return {}
        return self.response({**conditions, **{name: each.mean for name, each in self.covariates.items()}})

    def truths(self, rows: Sequence[Conditions]) -> list[Outcomes]:
        """Return `truth` of many conditions."""
        if self.responses is None:
            return [self.truth(row) for row in rows]
        assert not self.covariates, "a lab that answers many at once has no covariates"
        whole = [self._complete(row) for row in rows]
        possible = [row for row in whole if not self.infeasible(row)]
        found = iter(self.responses(possible))
        return [{} if self.infeasible(row) else next(found) for row in whole]

    def price(self, conditions: Conditions) -> float | None:
        """Return what one measurement costs, in the unit of `cost`; None where the lab does not say."""
        return None if self.cost is None else float(self.cost.of(self._complete(conditions)))

    def measure(self, conditions: Conditions, rng: np.random.Generator) -> Outcomes:
        """Return one noisy measurement of every outcome; empty where none can come.

        Raises
        ------
        InvalidInput
            If a condition is missing or the lab's equipment cannot be set to it.
        """
        return self._observe(conditions, rng)[0]

    def perform(self, number: int, conditions: Conditions, *, seed: int = 0, replicate: int = 1) -> Result:
        """Run one experiment and return what a laboratory would hand in about it.

        The same (seed, number, replicate) gives the same result, in whatever order experiments are run.

        Raises
        ------
        InvalidInput
            If a condition is missing or the lab's equipment cannot be set to it.
        """
        outcomes, covariates = self._observe(conditions, np.random.default_rng([seed, number, replicate]))
        return Result(
            experiment=number,
            outcomes=outcomes,
            covariates=covariates,
            replicate=replicate,
            failure=None if outcomes else FailureKind.INFEASIBLE,
            note="" if outcomes else self.infeasible(conditions),
        )

    def misfits(self, spec: Spec) -> tuple[Problem, ...]:
        """List why a campaign cannot be played on this lab; empty when it can."""
        own, problems = self.campaign, []

        def missing(what: str, name: str, path: str, known: Iterable[str]) -> None:
            problems.append(Problem(f"the lab {self.name!r} {what} {name!r}", path, did_you_mean(name, known)))

        for name in own.varied:
            if name not in spec.proposed:
                missing("needs a parameter", name, "parameters", spec.proposed)
        for name in spec.varied:
            if name not in own.proposed:
                missing("has nothing to set for", name, f"parameters.{name}", own.proposed)
        for name in spec.outcomes:
            if name not in own.outcomes:
                missing("does not measure", name, f"objectives.{name}", own.outcomes)
        return tuple(problems)

    def _observe(self, conditions: Conditions, rng: np.random.Generator) -> tuple[Outcomes, Outcomes]:
        conditions = self._complete(conditions)
        seen = {
            name: round(each.mean + each.sd * float(rng.standard_normal()), each.decimals)
            for name, each in self.covariates.items()
        }
        if self.infeasible(conditions):
            return {}, seen
        true = self.response({**conditions, **seen})
        exact = Noise()
        return {name: self.noise.get(name, exact).read(value, rng) for name, value in true.items()}, seen

    def _complete(self, conditions: Conditions) -> Conditions:
        """Return the conditions with the constants that were left out, once all of them are possible."""
        constants: dict[str, Value] = {}
        for name, parameter in self.campaign.proposed.items():
            if name not in conditions:
                if isinstance(parameter, Constant):
                    constants[name] = parameter.value
                    continue
                hint = did_you_mean(name, conditions)
                raise InvalidInput(f"the lab {self.name!r} needs a value for {name!r}", hint=hint, field=name)
            wrong = misfit(self.campaign, name, conditions[name])
            if wrong:
                raise self._refusal(wrong, name)
        for group, mixture in self.campaign.mixtures.items():
            total = sum(float(conditions[name]) for name in self.campaign.components(group))
            if abs(total - mixture.total) > 1e-6 * mixture.total:
                raise self._refusal(f"{group} sum to {total:g}, expected {mixture.total:g}", group)
        return {**conditions, **constants}

    def _refusal(self, wrong: str, field: str) -> InvalidInput:
        hint = "give the lab conditions that its equipment can be set to"
        return InvalidInput(f"the lab {self.name!r} cannot run this: {wrong}", hint=hint, field=field)


def idling(lab: Lab, count: int, *, name: str) -> Lab:
    """Return a lab with ``count`` more numbers between 0 and 1, idle1, idle2, ..., that change nothing at all."""
    more = [f"idle{k}" for k in range(1, count + 1)]
    bounds = {each: {"bounds": [0.0, 1.0]} for each in more}
    own, optimum = f"{lab.campaign.name}-idle{count}", lab.optimum
    if optimum.conditions:
        optimum = replace(optimum, conditions={**optimum.conditions, **dict.fromkeys(more, 0.5)})
    return replace(
        lab,
        name=name,
        description=f"{lab.description}; {count} numbers that do nothing",
        spec={**lab.spec, "name": own, "parameters": {**lab.spec["parameters"], **bounds}},
        optimum=optimum,
    )
