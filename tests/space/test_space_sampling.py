"""Feasible samples: of every kind of constraint, quickly, and spread as theory says."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from labloop.errors import NothingToSuggest
from labloop.space import Space
from labloop.spec.models import Spec

Parameters = dict[str, dict[str, Any]]


def space_of(parameters: Parameters, *constraints: str, **mixtures: dict[str, Any]) -> Space:
    return Space(
        Spec.model_validate(
            {
                "name": "trial",
                "parameters": parameters,
                "mixtures": mixtures,
                "constraints": constraints,
                "objectives": {"gain": {"goal": "maximize"}},
            }
        )
    )


def box(count: int) -> Parameters:
    return {f"x{i}": {"bounds": [0.0, 1.0]} for i in range(count)}


def blend(count: int, **fields: Any) -> Parameters:
    return {f"c{i}": {"mixture": "blend", **fields} for i in range(count)}


def _parameter(rng: np.random.Generator) -> dict[str, Any]:
    low = float(np.round(rng.uniform(-50, 50), 1))
    span = float(np.round(10 ** rng.uniform(-1, 3), 2))
    return [
        {"bounds": [low, low + span]},
        {"bounds": [0.0, 1.0]},
        {"bounds": [low, low + span], "step": span / int(rng.integers(4, 60))},
        {"bounds": [0.01, float(10 ** rng.integers(0, 4))], "scale": "log"},
        {"bounds": [0, int(rng.integers(4, 40))], "integer": True},
        {"levels": [0.1, 0.5, 2.5, 7.0]},
        {"choices": ["a", "b", "c", "d"][: int(rng.integers(2, 5))]},
    ][int(rng.integers(0, 7))]


def random_set(seed: int) -> tuple[Parameters, list[str], dict[str, Any]]:
    """Parameters with constraints that a known point satisfies, so that something is feasible."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 13))
    parameters: Parameters = {}
    mixtures: dict[str, Any] = {}
    if rng.random() < 0.5 and count >= 4:
        parts = int(rng.integers(3, min(count, 7)))
        for i in range(parts):
            parameters[f"c{i}"] = {"mixture": "blend", **([{}, {"min": 0.05}, {"step": 0.05}][int(rng.integers(0, 3))])}
        mixtures["blend"] = {"at_most": int(rng.integers(2, parts + 1))} if rng.random() < 0.5 else {}
    while len(parameters) < count:
        parameters[f"x{len(parameters)}"] = _parameter(rng)
    point = space_of(parameters, **mixtures)
    known = point.decode(point.sample(1, rng))[0]
    axes = {column.name: column for column in point.columns}
    numbers = [name for name, column in axes.items() if column.kind != "choice"]
    words = [name for name, column in axes.items() if column.kind == "choice"]
    corners = point.raw(point.sample(200, rng))
    spans = {name: float(np.ptp(corners[name])) or 1.0 for name in numbers}
    constraints = []
    for _ in range(int(rng.integers(1, 4))):
        names = list(rng.permutation(numbers)[: int(rng.integers(2, 5))])
        if len(names) < 2:
            continue
        weights = [float(np.round(rng.uniform(-2, 2), 2)) / spans[name] for name in names]
        text = " + ".join(f"{weight!r}*{name}" for weight, name in zip(weights, names, strict=True))
        value = sum(weight * float(known[name]) for weight, name in zip(weights, names, strict=True))
        scale = sum(abs(weight) * spans[name] for weight, name in zip(weights, names, strict=True))
        kind = rng.random()
        if kind < 0.35:
            constraints.append(f"{value - 0.0005 * scale!r} <= {text} <= {value + 0.0005 * scale!r}")
        elif kind < 0.7:
            constraints.append(f"{text} <= {value + 0.02 * scale!r}")
        else:
            a, b = names[:2]
            total = float(known[a]) + float(known[b])
            constraints.append(f"{a} + {b} == {total!r}")
    if words and numbers:
        word, number = words[0], numbers[0]
        constraints.append(f'if {word} == "{known[word]}" then {number} >= {float(known[number])!r}')
    return parameters, constraints, mixtures


@pytest.mark.parametrize("seed", range(20))
def test_ten_thousand_samples_of_a_random_constraint_set_are_feasible_and_take_two_seconds(seed: int) -> None:
    parameters, constraints, mixtures = random_set(seed)
    started = time.process_time()
    space = space_of(parameters, *constraints, **mixtures)
    cube = space.sample(10_000, np.random.default_rng(seed))
    elapsed = time.process_time() - started
    assert cube.shape == (10_000, len(parameters))
    assert _obeyed(space, cube, constraints)
    assert elapsed < 2.0


def _obeyed(space: Space, cube: np.ndarray, constraints: list[str]) -> bool:
    """An obvious check, one decoded experiment at a time, on the rules as written."""
    rules = space.spec.rules
    rows = space.decode(cube[:: max(1, len(cube) // 300)])
    for conditions in rows:
        for group, mixture in space.spec.mixtures.items():
            amounts = [float(conditions[name]) for name in space.spec.components(group)]
            if abs(sum(amounts) - mixture.total) > 1e-12 * mixture.total:
                return False
        if not all(bool(rule.holds(conditions)) for rule in rules):
            return False
    return len(rules) == len(constraints) and bool(space.feasible(cube).all())
