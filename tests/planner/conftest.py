"""What the planner's tests share: small campaigns, and results looked up from a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labloop.planner.kernel import Ard, Array, Kernel, Layered, Layout, TwoScale
from labloop.records import Conditions, Experiment, FailureKind, Observation, Origin, Proposal, Status
from labloop.space import Space
from labloop.spec.models import Spec

Results = Callable[[Conditions], "Mapping[str, float] | None"]


def experiment(number: int, conditions: Conditions, outcomes: Mapping[str, float] | None) -> Experiment:
    """A completed experiment; None: the conditions turned out infeasible."""
    found = Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions)
    if outcomes is None:
        return replace(found, status=Status.FAILED, failure=FailureKind.INFEASIBLE)
    return replace(found, observations=(Observation(1, dict(outcomes)),))


def faults(spec: Spec, proposal: Proposal, observed: Sequence[Experiment], pending: Sequence[Conditions]) -> list[str]:
    """What is wrong with a proposal, whatever went in; an empty list: nothing."""
    space = Space(spec)
    conditions = [dict(each.conditions) for each in proposal.experiments]
    rows = space.encode(conditions) if conditions else np.zeros((0, space.dim))
    lessons = [each for each in observed if each.status is not Status.FAILED or each.failure is FailureKind.INFEASIBLE]
    known = {_key(each) for each in [*(one.executed for one in lessons), *pending]}
    mine = [_key(each) for each in conditions]
    found = [f"{list(each)} are not all parameters" for each in conditions if list(each) != list(spec.proposed)]
    found += [f"{conditions[i]} is infeasible" for i in np.flatnonzero(~space.feasible(rows))]
    found += [f"{a} is off the grid: {b}" for a, b in zip(conditions, space.decode(rows), strict=True) if a != b]
    found += [f"{each} twice" for each in set(mine) if mine.count(each) > 1]
    anew = [key for key, each in zip(mine, proposal.experiments, strict=True) if each.slot != "replicate"]
    found += [f"{each} was tried before" for each in anew if each in known]
    found += [f"{space.names[j]} is hard to change, and varies" for j in space.hard if len(rows) and np.ptp(rows[:, j])]
    for name, mixture in spec.mixtures.items():
        sums = [sum(float(each[part]) for part in spec.components(name)) for each in conditions]
        found += [f"{name} sums to {each}" for each in sums if abs(each - mixture.total) > 1e-9 * mixture.total]
    found += [f"the reason {each.reason!r}" for each in proposal.experiments if not each.reason.endswith(".")]
    found += [f"the note {each!r}" for each in proposal.notes if not each.endswith(".")]
    for each in proposal.experiments:
        for name, p in each.predictions.items():
            if not np.isfinite([p.mean, p.sd, p.low, p.median, p.high, *p.quantiles]).all():
                found.append(f"{name} is predicted as {p}")
            elif not (p.low <= p.median <= p.high and p.sd >= 0 and np.all(np.diff(p.quantiles) >= 0)):
                found.append(f"the quantiles of {name} do not increase: {p}")
        if each.chance_of_best is not None and not 0 <= each.chance_of_best <= 1:
            found.append(f"a chance of {each.chance_of_best}")
        if each.distance is not None and not 0 <= each.distance <= 1:
            found.append(f"a distance of {each.distance}")
    if any(each.slot == "start" for each in proposal.experiments) and "no model used" not in " ".join(proposal.notes):
        found.append(f"no model, and no word of it: {proposal.notes}")
    json.dumps(dict(proposal.planner), allow_nan=False)
    return found


def _key(conditions: Conditions) -> str:
    return json.dumps(dict(conditions), sort_keys=True)


@pytest.fixture(name="faults")
def _faults() -> Callable[[Spec, Proposal, Sequence[Experiment], Sequence[Conditions]], list[str]]:
    return faults


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
def numbers() -> tuple[Array, Array, Kernel]:
    """(20, 3) rows of numbers, values, and their kernel."""
    rng = np.random.default_rng(3)
    rows = rng.random((20, 3))
    y = np.sin(5 * rows[:, 0]) + rows[:, 1] ** 2 + 0.05 * rng.standard_normal(20)
    return rows, (y - y.mean()) / y.std(), Ard(Layout(np.arange(3), np.zeros(3, dtype=np.bool_)))


@pytest.fixture
def ripples(numbers: tuple[Array, Array, Kernel]) -> tuple[Array, Array, Kernel]:
    """The same rows and values, and a kernel with ripples on the trend."""
    rows, y, kernel = numbers
    return rows, y, TwoScale(kernel.layout)


@pytest.fixture
def choices() -> tuple[Array, Array, Kernel]:
    """(24, 7) rows of two numbers and choices of two and three options, values, and their kernel."""
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, 24), rng.integers(0, 3, 24)
    number = rng.random((24, 2))
    rows = np.hstack([number[:, :1], np.eye(2)[first] * 0.5**0.5, np.eye(3)[second] * 0.5**0.5, number[:, 1:]])
    y = np.sin(5 * number[:, 0]) * (first + 1) + second + number[:, 1]
    layout = Layout(np.array([0, 1, 1, 2, 2, 2, 3]), np.array([False, True, True, False]))
    return rows, (y - y.mean()) / y.std(), Layered(layout)
