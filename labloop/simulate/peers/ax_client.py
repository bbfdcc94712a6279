"""Ax, through its `Client` with every default: 5 Sobol' points (the centre first), then its modular BoTorch.

A mixture's last component is left out and two inequalities keep it between its bounds, as Ax's users do. An
experiment that Ax did not propose is attached.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

from labloop.records import Conditions, Value
from labloop.simulate.peers.form import SCORE, Form, Seen, is_log
from labloop.spec.parameters import Choice, Component, Continuous, Integer, Levels, Parameter

__all__ = ["STATES", "make"]

STATES = frozenset({"linear", "mixture", "limit", "log"})


def make(_name: str, form: Form, seed: int) -> _Ax:
    """Return Ax for one campaign."""
    return _Ax(form, seed)


class _Ax:
    def __init__(self, form: Form, seed: int) -> None:
        _hush()
        self._form = form
        self._left_out = {form.spec.components(group)[-1]: group for group in form.spec.mixtures}
        self._client = Client(random_seed=seed)
        self._client.configure_experiment(
            name="campaign",
            parameters=[_config(form, name, each) for name, each in form.factors.items() if name not in self._left_out],
            parameter_constraints=self._rules(),
        )
        self._client.configure_optimization(
            objective=SCORE,
            outcome_constraints=[
                f"{limit.outcome} {'>=' if limit.at_least else '<='} {limit.bound!r}" for limit in form.limits
            ],
        )
        self._trials: dict[int, int] = {}
        self._told: set[int] = set()

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        for each in seen:
            if each.number not in self._told:
                self._tell(each)
        rows: list[dict[str, Value]] = []
        # Ax gives fewer than asked for where its initial design ends within the batch.
        while len(rows) < n:
            trials = self._client.get_next_trials(max_trials=n - len(rows))
            if not trials:
                break
            for index, parameters in trials.items():
                self._trials[first + len(rows)] = index
                rows.append(self._whole(parameters))
        return rows

    def _tell(self, seen: Seen) -> None:
        index = self._trials.get(seen.number)
        if index is None:
            index = self._client.attach_trial(parameters=self._stated(seen.conditions))
        self._told.add(seen.number)
        if seen.score is None:
            self._client.mark_trial_failed(index)
            return
        outcomes = {limit.outcome: seen.outcomes[limit.outcome] for limit in self._form.limits}
        self._client.complete_trial(index, raw_data={SCORE: seen.score, **outcomes})

    def _rules(self) -> list[str]:
        found = []
        for rule in self._form.rules:
            terms = " + ".join(f"{value!r}*{name}" for name, value in rule.coefficients)
            if any(name in self._left_out for name, _ in rule.coefficients):
                continue  # put right afterwards: Ax does not know that component
            found += [
                f"{terms} {way} {rule.bound!r}" for way in (("<=", ">=") if rule.operator == "==" else (rule.operator,))
            ]
        for left_out, group in self._left_out.items():
            rest = " + ".join(name for name in self._form.spec.components(group) if name != left_out)
            total, (low, high) = self._form.spec.mixtures[group].total, self._form.span(left_out)
            found.append(f"{rest} <= {total - low!r}")
            if high < total:
                found.append(f"{rest} >= {total - high!r}")
        return found

    def _whole(self, parameters: Any) -> dict[str, Value]:
        row: dict[str, Value] = {name: _value(value) for name, value in parameters.items()}
        for left_out, group in self._left_out.items():
            others = [name for name in self._form.spec.components(group) if name != left_out]
            rest = self._form.spec.mixtures[group].total - sum(float(row[name]) for name in others)
            row[left_out] = max(rest, 0.0)
        return row

    def _stated(self, conditions: Conditions) -> dict[str, Any]:
        return {name: conditions[name] for name in self._form.factors if name not in self._left_out}


def _hush() -> None:
    # Every module of Ax has a logger with a level of its own.
    for name in ("ax", *(each for each in logging.root.manager.loggerDict if each.startswith("ax."))):
        logging.getLogger(name).setLevel(logging.ERROR)


def _value(value: Any) -> Value:
    return value if isinstance(value, str | int) else float(value)


def _config(form: Form, name: str, parameter: Parameter) -> RangeParameterConfig | ChoiceParameterConfig:
    match parameter:
        case Choice(names=names):
            return ChoiceParameterConfig(name=name, values=list(names), parameter_type="str", is_ordered=False)
        case Levels(levels=levels):
            return ChoiceParameterConfig(name=name, values=list(levels), parameter_type="float", is_ordered=True)
        case Integer() | Continuous() | Component():
            kind = "int" if isinstance(parameter, Integer) else "float"
            scaling = "log" if is_log(parameter) else None
            return RangeParameterConfig(name=name, bounds=form.span(name), parameter_type=kind, scaling=scaling)
    raise TypeError(f"{name} cannot be stated")
