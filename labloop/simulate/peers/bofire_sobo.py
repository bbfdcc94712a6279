"""BoFire's `SoboStrategy` with its defaults, after 10 points sampled from its domain, as its documentation begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bofire.strategies.api as strategies
import pandas as pd
from bofire.data_models.constraints.api import LinearEqualityConstraint, LinearInequalityConstraint, NChooseKConstraint
from bofire.data_models.domain.api import Constraints, Domain, Inputs, Outputs
from bofire.data_models.features.api import CategoricalInput, ContinuousInput, ContinuousOutput, DiscreteInput
from bofire.data_models.objectives.api import MaximizeObjective
from bofire.data_models.strategies.api import RandomStrategy, SoboStrategy

from labloop.records import Conditions, Value
from labloop.simulate.peers.form import SCORE, Form, Seen
from labloop.spec.parameters import Choice, Continuous, Integer, Levels, Parameter

__all__ = ["STATES", "make"]

STATES = frozenset({"linear", "mixture", "count"})
_START = 10


def make(_name: str, form: Form, seed: int) -> _BoFire:
    """Return BoFire for one campaign."""
    return _BoFire(form, seed)


class _BoFire:
    def __init__(self, form: Form, seed: int) -> None:
        self._form = form
        domain = Domain(
            inputs=Inputs(features=[_input(form, name, each) for name, each in form.factors.items()]),
            outputs=Outputs(features=[ContinuousOutput(key=SCORE, objective=MaximizeObjective())]),
            constraints=Constraints(constraints=_constraints(form)),
        )
        self._start = strategies.map(RandomStrategy(domain=domain, seed=seed))
        self._strategy = strategies.map(SoboStrategy(domain=domain, seed=seed))

    def suggest(self, seen: Sequence[Seen], _first: int, n: int) -> list[dict[str, Value]]:
        measured = [each for each in self._form.penalised(seen) if each.score is not None]
        if len(measured) < _START:
            return self._rows(self._start.ask(n))
        rows = [{**self._coded(each.conditions), SCORE: each.score, f"valid_{SCORE}": 1} for each in measured]
        self._strategy.tell(pd.DataFrame(rows), replace=True)
        return self._rows(self._strategy.ask(n))

    def _coded(self, conditions: Conditions) -> dict[str, Value]:
        return {
            name: str(conditions[name]) if isinstance(each, Choice) else self._form.coded(name, conditions[name])
            for name, each in self._form.factors.items()
        }

    def _rows(self, found: pd.DataFrame) -> list[dict[str, Value]]:
        return [{name: self._value(name, row[name]) for name in self._form.factors} for row in found.to_dict("records")]

    def _value(self, name: str, value: Any) -> Value:
        parameter = self._form.factors[name]
        if isinstance(parameter, Choice):
            return str(value)
        number = self._form.uncoded(name, float(value))
        if isinstance(parameter, Levels):
            return min(parameter.levels, key=lambda level: abs(level - number))
        return round(number) if isinstance(parameter, Integer) else number


def _input(form: Form, name: str, parameter: Parameter) -> Any:
    match parameter:
        case Choice(names=names):
            return CategoricalInput(key=name, categories=list(names))
        case Levels(levels=levels):
            return DiscreteInput(key=name, values=[form.coded(name, each) for each in levels])
        case Integer(bounds=(low, high)):
            return DiscreteInput(key=name, values=[form.coded(name, each) for each in range(low, high + 1)])
    least, most = form.span(name)
    step = parameter.step if isinstance(parameter, Continuous) and parameter.scale == "linear" else None
    return ContinuousInput(key=name, bounds=(form.coded(name, least), form.coded(name, most)), stepsize=step)


def _constraints(form: Form) -> list[Any]:
    found: list[Any] = []
    for rule in form.rules:
        names, values = [name for name, _ in rule.coefficients], [value for _, value in rule.coefficients]
        if rule.operator == "==":
            found.append(LinearEqualityConstraint(features=names, coefficients=values, rhs=rule.bound))
        else:
            sign = 1.0 if rule.operator == "<=" else -1.0
            flipped = [sign * value for value in values]
            found.append(LinearInequalityConstraint(features=names, coefficients=flipped, rhs=sign * rule.bound))
    for group, mixture in form.spec.mixtures.items():
        names = list(form.spec.components(group))
        found.append(LinearEqualityConstraint(features=names, coefficients=[1.0] * len(names), rhs=mixture.total))
        if mixture.at_most is not None:
            found.append(
                NChooseKConstraint(
                    features=names, min_count=mixture.at_least, max_count=mixture.at_most, none_also_valid=False
                )
            )
    return found
