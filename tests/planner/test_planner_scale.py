"""The power of an outcome's scale: what it does to values, and which is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labloop.planner.data import gather
from labloop.planner.models import Surrogate, fit_models
from labloop.planner.transform import scale_of
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import Spec

Cube = Callable[..., Spec]
Run = Callable[..., list[Experiment]]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_values_come_back_and_slopes_are_those_of_the_scale(power: float) -> None:
    y = np.random.default_rng(0).lognormal(2.0, 1.0, 40)
    straight = scale_of(y, 0.0)
    assert straight is not None
    scale = straight.powered(y, power)
    w = scale.to_model(y)
    assert [w.mean(), w.std(ddof=1)] == pytest.approx([0.0, 1.0], abs=1e-12)
    np.testing.assert_allclose(scale.to_user(w), y, rtol=1e-10)
    step = 1e-6 * y
    slopes = (scale.to_model(y + step) - scale.to_model(y - step)) / (2.0 * step)
    np.testing.assert_allclose(scale.log_slopes(y), np.log(slopes), atol=1e-6)


def wave(conditions: Conditions) -> float:
    return math.sin(5.0 * float(conditions["x0"])) + math.cos(4.0 * float(conditions["x1"]))


def fitted(spec: Spec, run: Run, of: Callable[[float], float], **given: Any) -> Surrogate:
    space = Space(spec)
    observed = run(spec, 40, lambda conditions: {"y": of(wave(conditions))})
    return fit_models(spec, space, gather(spec, space, observed, []), np.random.default_rng(0), **given).surrogates["y"]


@pytest.mark.parametrize(
    ("of", "powers"),
    [
        (lambda m: math.exp(2.0 * m), (0.0, 0.5)),
        (lambda m: m, (1.0,)),
        (lambda m: -math.exp(-2.0 * m), (1.5, 2.0)),
    ],
    ids=["over decades", "evenly", "a steep valley"],
)
def test_the_power_is_that_under_which_the_outcome_is_even(
    cube: Cube, run: Run, of: Callable[[float], float], powers: tuple[float, ...]
) -> None:
    assert fitted(cube(2), run, of).scale.power in powers
    assert fitted(cube(2), run, of, straight=True).scale.power == 1.0
