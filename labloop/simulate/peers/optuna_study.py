"""Optuna, asked and told: `GPSampler` (10 random trials first) or `TPESampler`, each with its defaults.

Shares of a mixture are drawn as Optuna's documentation says ("How do I suggest variables which represent the
proportion?"): x_i = -log(u_i), divided by their sum. Levels are suggested by their place, so that their order
counts. A value belongs to the trial that was asked for it, as where an objective function repairs its input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from labloop.records import Value
from labloop.simulate.peers.form import Form, Seen, is_log
from labloop.spec.parameters import Choice, Component, Continuous, Integer, Levels, Parameter

__all__ = ["STATES", "make"]

STATES = frozenset({"limit", "log"})
_SLACKS = "slacks"


def make(name: str, form: Form, seed: int) -> _Optuna:
    """Return Optuna with one of its samplers for one campaign."""
    return _Optuna(name, form, seed)


def _constraints(trial: FrozenTrial) -> Sequence[float]:
    found: Sequence[float] = trial.user_attrs[_SLACKS]
    return found


class _Optuna:
    def __init__(self, name: str, form: Form, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._form = form
        constraints = _constraints if form.limits else None
        sampler: optuna.samplers.BaseSampler
        if name == "optuna-tpe":
            sampler = optuna.samplers.TPESampler(seed=seed, constraints_func=constraints)
        else:
            sampler = optuna.samplers.GPSampler(seed=seed, constraints_func=constraints)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._trials: dict[int, Trial] = {}
        self._told: set[int] = set()

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        for each in seen:
            if each.number not in self._told:
                self._tell(each)
        rows = []
        for position in range(n):
            trial = self._study.ask()
            self._trials[first + position] = trial
            rows.append(self._row(trial))
        return rows

    def _tell(self, seen: Seen) -> None:
        trial = self._trials.get(seen.number)
        if trial is None:
            self._study.enqueue_trial(self._params(seen))
            trial = self._study.ask()
            self._row(trial)
        self._told.add(seen.number)
        # Above 0 is broken. A failed trial has no constraints, but the sampler asks for them all the same.
        slacks = [
            (seen.outcomes.get(limit.outcome, math.inf) - limit.bound) * (-1.0 if limit.at_least else 1.0)
            for limit in self._form.limits
        ]
        trial.set_user_attr(_SLACKS, slacks)
        if seen.score is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, seen.score)

    def _row(self, trial: Trial) -> dict[str, Value]:
        row = {name: _suggested(trial, name, each) for name, each in self._form.factors.items()}
        for group, mixture in self._form.spec.mixtures.items():
            names = self._form.spec.components(group)
            parts = [-math.log(max(float(row[name]), 1e-12)) for name in names]
            whole = max(sum(parts), 1e-12)
            row |= {name: mixture.total * part / whole for name, part in zip(names, parts, strict=True)}
        return row

    def _params(self, seen: Seen) -> dict[str, Value]:
        params: dict[str, Value] = {}
        for name, parameter in self._form.factors.items():
            value = seen.conditions[name]
            match parameter:
                case Levels(levels=levels):
                    params[name] = min(range(len(levels)), key=lambda i: abs(levels[i] - float(value)))
                case Component(mixture=group):
                    # Any vector in proportion stands for the same mixture; this one's parts are the shares themselves.
                    params[name] = math.exp(-float(value) / self._form.spec.mixtures[group].total)
                case _:
                    params[name] = value
        return params


def _suggested(trial: Trial, name: str, parameter: Parameter) -> Value:
    match parameter:
        case Choice(names=names):
            return str(trial.suggest_categorical(name, list(names)))
        case Levels(levels=levels):
            return levels[int(trial.suggest_int(name, 0, len(levels) - 1))]
        case Integer(bounds=(low, high)):
            return int(trial.suggest_int(name, low, high, log=is_log(parameter)))
        case Continuous(bounds=(low, high)):
            return float(trial.suggest_float(name, low, high, log=is_log(parameter)))
        case Component():
            return float(trial.suggest_float(name, 0.0, 1.0))
    raise TypeError(f"{name} cannot be stated")
