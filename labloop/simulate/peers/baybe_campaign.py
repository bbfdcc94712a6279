"""BayBE, through its `Campaign` with every default: a random first batch, then its Gaussian process.

A number without a step is continuous; one with a step or levels is discrete, a choice one-hot encoded. A mixture
is a linear equality. BayBE lists the discrete part of a space, so a fine step over many factors can become
large; that is its users' experience too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from baybe import Campaign
from baybe.constraints import ContinuousLinearConstraint
from baybe.parameters import CategoricalParameter, NumericalContinuousParameter, NumericalDiscreteParameter
from baybe.searchspace import SearchSpace
from baybe.targets import NumericalTarget
from baybe.utils.random import temporary_seed

from labloop.records import Conditions, Value
from labloop.simulate.peers.form import SCORE, Form, Seen
from labloop.spec.parameters import Choice, Integer, Levels, Parameter

__all__ = ["STATES", "make"]

STATES = frozenset({"mixture"})


def make(_name: str, form: Form, seed: int) -> _BayBE:
    """Return BayBE for one campaign."""
    return _BayBE(form, seed)


class _BayBE:
    def __init__(self, form: Form, seed: int) -> None:
        self._form, self._seed = form, seed
        constraints = [
            ContinuousLinearConstraint(list(form.spec.components(group)), "=", rhs=mixture.total)
            for group, mixture in form.spec.mixtures.items()
        ]
        parameters = [_parameter(form, name, each) for name, each in form.factors.items()]
        space = SearchSpace.from_product(parameters=parameters, constraints=constraints or None)
        self._campaign = Campaign(space, NumericalTarget(name=SCORE).to_objective())
        self._told: set[int] = set()

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        fresh = [each for each in self._form.penalised(seen) if each.number not in self._told]
        self._told |= {each.number for each in fresh}
        measured = [{**self._coded(each.conditions), SCORE: each.score} for each in fresh if each.score is not None]
        if measured:
            self._campaign.add_measurements(
                pd.DataFrame(measured), numerical_measurements_must_be_within_tolerance=False
            )
        # BayBE draws from global generators; the seed of this batch follows from the campaign's.
        with temporary_seed(int(np.random.default_rng([self._seed, first]).integers(2**31))):
            found = self._campaign.recommend(batch_size=n)
        return [self._row(each) for each in found.to_dict("records")]

    def _coded(self, conditions: Conditions) -> dict[str, Value]:
        return {
            name: str(conditions[name]) if isinstance(each, Choice) else self._form.coded(name, conditions[name])
            for name, each in self._form.factors.items()
        }

    def _row(self, found: Any) -> dict[str, Value]:
        row: dict[str, Value] = {}
        for name, parameter in self._form.factors.items():
            if isinstance(parameter, Choice):
                row[name] = str(found[name])
            else:
                value = self._form.uncoded(name, float(found[name]))
                row[name] = _landed(parameter, value)
        return row


def _landed(parameter: Parameter, value: float) -> Value:
    if isinstance(parameter, Integer):
        return round(value)
    if isinstance(parameter, Levels):
        return min(parameter.levels, key=lambda level: abs(level - value))
    return value


def _parameter(form: Form, name: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return CategoricalParameter(name, list(parameter.names))
    low, high = form.span(name)
    if isinstance(parameter, Levels):
        return NumericalDiscreteParameter(name, [form.coded(name, each) for each in parameter.levels])
    if isinstance(parameter, Integer):
        return NumericalDiscreteParameter(name, [form.coded(name, each) for each in range(int(low), int(high) + 1)])
    step = getattr(parameter, "step", None)
    if step and not hasattr(parameter, "mixture"):
        values = low + step * np.arange(int(np.floor((high - low) / step + 1e-9)) + 1)
        return NumericalDiscreteParameter(name, [form.coded(name, each) for each in values.tolist()])
    return NumericalContinuousParameter(name, (form.coded(name, low), form.coded(name, high)))
