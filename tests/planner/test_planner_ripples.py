"""Ripples on a trend: believed until the data speak against them, and what that is good for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from labloop.planner import models, plan
from labloop.planner.data import gather
from labloop.planner.kernel import SHORTER, Ard, Array, Kernel, Layout, TwoScale, group_distances, matern
from labloop.planner.models import Surrogate, fit_models
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import Spec

Run = Callable[..., list[Experiment]]
Cube = Callable[..., Spec]


def smooth(conditions: Conditions) -> dict[str, float]:
    """One broad hill."""
    x = np.array([float(conditions["x0"]), float(conditions["x1"])])
    return {"y": math.exp(-2.0 * float(np.sum((x - 0.4) ** 2)))}


def rippled(conditions: Conditions) -> dict[str, float]:
    """The same hill, and ripples on it."""
    x0, x1 = float(conditions["x0"]), float(conditions["x1"])
    return {"y": smooth(conditions)["y"] + 0.15 * math.sin(25.0 * x0) * math.cos(25.0 * x1)}


def fitted(spec: Spec, experiments: list[Experiment]) -> Surrogate:
    data = gather(spec, Space(spec), experiments, [])
    return fit_models(spec, Space(spec), data, np.random.default_rng(0)).surrogates["y"]


def test_the_kernel_is_a_trend_and_ripples(ripples: tuple[Array, Array, Kernel]) -> None:
    rows, _, kernel = ripples
    distances = group_distances(rows, kernel.layout)
    scales, share = np.array([0.3, 1.0, 2.0]), 0.2
    odds = math.log(share / (1.0 - share))
    found, _ = kernel.gram(distances, np.append(np.log(scales), odds))
    r2 = (1.0 / scales**2) @ distances
    expected = (1.0 - share) * matern(r2)[0] + share * matern(SHORTER**2 * r2)[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_slope_by_distance_is_that_of_differences(ripples: tuple[Array, Array, Kernel]) -> None:
    rows, _, kernel = ripples
    rng = np.random.default_rng(0)
    logs, where = rng.normal(-0.5, 0.3, (2, kernel.size)), rng.random((6, 3))
    weight = rng.standard_normal((2, 6, len(rows)))
    across = kernel.cross(rows, logs)
    slope = across(where)[1](weight)
    for j in range(3):
        step = 1e-6 * np.eye(3)[j]
        change = (across(where + step)[0] - across(where - step)[0]) / 2e-6
        np.testing.assert_allclose(slope[:, j], np.einsum("pbn,pbn->b", weight, change), atol=1e-6)


@pytest.mark.parametrize(("truth", "kept"), [(smooth, False), (rippled, True)])
def test_ripples_are_left_out_where_the_data_speak_against_them(
    truth: Callable[[Conditions], dict[str, float]], kept: bool, cube: Cube, run: Run
) -> None:
    found = fitted(cube(2), run(cube(2), 40, truth))
    assert isinstance(found.process.kernel, TwoScale) == kept


def test_few_results_cannot_speak_against_ripples(cube: Cube, run: Run) -> None:
    spec = cube(2)
    assert isinstance(fitted(spec, run(spec, 8, smooth)).process.kernel, TwoScale)


def test_what_ripples_is_predicted_better_with_them(cube: Cube, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cube(2)
    learnt, new = run(spec, 40, rippled), run(spec, 200, rippled)[40:]
    truth = np.array([rippled(each.planned)["y"] for each in new])

    def density() -> float:
        """Return the mean log density of what was not learnt from."""
        data = gather(spec, Space(spec), learnt, [])
        found = fit_models(spec, Space(spec), data, np.random.default_rng(0))
        surrogate = found.surrogates["y"]
        rows = found.features(Space(spec).encode([each.planned for each in new]))
        mean, variance = surrogate.predict(rows)
        z = (surrogate.scale.to_model(truth) - mean) / np.sqrt(variance)
        return float(np.mean(-0.5 * z**2 - 0.5 * np.log(variance)))

    with_them = density()
    monkeypatch.setattr(models, "_AGAINST", -math.inf)
    assert with_them > density() + 0.1


def test_the_account_says_how_much_of_the_variance_ripples_have(cube: Cube, run: Run) -> None:
    spec = cube(2)
    told = [plan(spec, run(spec, 40, truth), [], 1, 0).planner["outcomes"]["y"] for truth in (smooth, rippled)]
    assert told[0]["ripples"] == 0.0
    assert 0.02 < told[1]["ripples"] < 0.9
    assert all(len(each["lengthscales"]) == 2 and each["variances"] == [] for each in told)


def test_one_column_may_ripple_too() -> None:
    kernel = TwoScale(Layout(np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.bool_)))
    assert isinstance(kernel, Ard)
    assert kernel.size == 2
    np.testing.assert_allclose(kernel.variance(np.zeros((3, 2))), 1.0)
