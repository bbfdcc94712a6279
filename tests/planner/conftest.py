"""What the planner's tests share: small campaigns, and results looked up from a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labloop.planner.kernel import Array, Layout
from labloop.records import Conditions, Experiment, FailureKind, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec

Results = Callable[[Conditions], "Mapping[str, float] | None"]


def experiment(number: int, conditions: Conditions, outcomes: Mapping[str, float] | None) -> Experiment:
    """A completed experiment; None: the conditions turned out infeasible."""
    found = Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions)
    if outcomes is None:
        return replace(found, status=Status.FAILED, failure=FailureKind.INFEASIBLE)
    return replace(found, observations=(Observation(1, dict(outcomes)),))


@pytest.fixture
def result() -> Callable[[int, Conditions, Mapping[str, float] | None], Experiment]:
    return experiment


@pytest.fixture
def run() -> Callable[[Spec, int, Results], list[Experiment]]:
    """Run n random feasible experiments of a spec in a simulated laboratory."""

    def found(spec: Spec, n: int, outcome: Results, seed: int = 0) -> list[Experiment]:
        space = Space(spec)
        rows = space.sample(n, np.random.default_rng(seed)) if n else np.zeros((0, space.dim))
        return [experiment(i, each, outcome(each)) for i, each in enumerate(space.decode(rows), 1)]

    return found


@pytest.fixture
def cube() -> Callable[..., Spec]:
    """A campaign over the unit cube: ``cube(dim, fields..., planner=...)``."""

    def made(dim: int = 2, **fields: Any) -> Spec:
        standard: dict[str, Any] = {
            "name": "cube",
            "parameters": {f"x{j}": {"bounds": [0.0, 1.0]} for j in range(dim)},
            "objectives": {"y": {"goal": "maximize", "unit": "kPa"}},
        }
        return Spec.model_validate({**standard, **fields})

    return made


@pytest.fixture
def mixed() -> Spec:
    """Every kind of parameter, a mixture, constraints, a hard-to-change factor."""
    return Spec.model_validate(
        {
            "name": "mixed",
            "parameters": {
                "time": {"bounds": [1.0, 100.0], "scale": "log", "unit": "h"},
                "temperature": {"bounds": [20, 80], "step": 5, "change": "hard"},
                "cycles": {"bounds": [1, 8], "integer": True},
                "dose": {"levels": [0.1, 0.5, 2.5]},
                "solvent": {"choices": {"water": {"logp": -1.4}, "DMSO": {"logp": -1.3}, "EtOH": {"logp": -0.3}}},
                "salt": {"choices": ["NaCl", "KCl"]},
                "A": {"mixture": "m"},
                "B": {"mixture": "m", "min": 0.05},
                "C": {"mixture": "m"},
                "humidity": {"observed": True},
            },
            "mixtures": {"m": {"total": 1, "at_most": 2}},
            "constraints": ["2*temperature + time <= 200", 'if solvent == "water" then temperature <= 60'],
            "objectives": {"y": {"goal": "maximize"}},
        }
    )


@pytest.fixture
def numbers() -> tuple[Array, Array, Layout]:
    """(20, 3) rows of numbers, values, and their layout."""
    rng = np.random.default_rng(3)
    rows = rng.random((20, 3))
    y = np.sin(5 * rows[:, 0]) + rows[:, 1] ** 2 + 0.05 * rng.standard_normal(20)
    return rows, (y - y.mean()) / y.std(), Layout(np.arange(3), np.zeros(3, dtype=np.bool_))


@pytest.fixture
def choices() -> tuple[Array, Array, Layout]:
    """(24, 7) rows of two numbers and choices of two and three options, values, and their layout."""
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, 24), rng.integers(0, 3, 24)
    number = rng.random((24, 2))
    rows = np.hstack([number[:, :1], np.eye(2)[first] * 0.5**0.5, np.eye(3)[second] * 0.5**0.5, number[:, 1:]])
    y = np.sin(5 * number[:, 0]) * (first + 1) + second + number[:, 1]
    layout = Layout(np.array([0, 1, 1, 2, 2, 2, 3]), np.array([False, True, True, False]))
    return rows, (y - y.mean()) / y.std(), layout
