"""Predictions as distributions: compared with closed forms and with slow integration."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from labloop.insight.forecast import Curve, curve_of, normal_curve
from labloop.planner import plan
from labloop.planner.predict import mixture_quantiles
from labloop.records import QUANTILES, Experiment, Observation, Origin, Prediction, Status
from labloop.simulate.labs import lab
from labloop.simulate.play import earlier_results

LEVELS = (0.05, 0.5, 0.95, *QUANTILES)


def normal(mean: float, sd: float, *, whole: bool = True) -> Prediction:
    low, median, high, *rest = (float(norm.ppf(q, mean, sd)) for q in LEVELS)
    return Prediction(mean, sd, low, median, high, tuple(rest) if whole else ())


def mixture(means: np.ndarray, sds: np.ndarray, possible: tuple[float, float] = (-np.inf, np.inf)) -> Prediction:
    cut = np.clip(mixture_quantiles(means[:, None], sds[:, None], np.array(LEVELS))[:, 0], *possible).tolist()
    low, median, high, *rest = cut
    sd = math.sqrt(float(np.mean(sds**2) + np.var(means)))
    return Prediction(float(means.mean()), sd, low, median, high, tuple(rest))


def slow_crps(curve: Curve, value: float) -> float:
    """The definition, by integration over a wide range."""
    low, high = (max(curve.bounds[0], -300.0), min(curve.bounds[1], 300.0))
    breaks = sorted({value, *curve.y})

    def squared(x: float) -> float:
        return float(norm.cdf(curve.score(x)) - (x >= value)) ** 2

    return float(quad(squared, low, high, points=[x for x in breaks if low < x < high], limit=400)[0])


def normal_crps(mean: float, sd: float, y: float) -> float:
    """Gneiting and Raftery 2007, equation 21."""
    z = (y - mean) / sd
    return float(sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi)))


@given(st.floats(-50, 50), st.floats(0.1, 20), st.floats(-8, 8), st.booleans())
def test_a_normal_prediction_scores_as_the_closed_form(mean: float, sd: float, z: float, whole: bool) -> None:
    curve = curve_of(normal(mean, sd, whole=whole))
    y = mean + z * sd
    assert curve.whole is whole
    assert curve.crps(y) == pytest.approx(normal_crps(mean, sd, y), rel=1e-7, abs=1e-9 * sd)
    assert curve.score(y) == pytest.approx(z, abs=1e-8)
    assert curve.pit(y) == pytest.approx(float(norm.cdf(z)), abs=1e-9)
    expected = math.log(2e-6) + norm.logpdf(y, mean, sd) + math.log(sd)
    assert -curve.log_score(y, 1e-6 * sd) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("means", "sds", "off"),
    [([-0.5, 0.3, 0.8], [1.0, 0.7, 1.5], 0.01), ([-1.0, 0.5, 4.0], [1.0, 0.5, 2.0], 0.08)],
    ids=["models that agree", "models that do not"],
)
def test_a_mixture_is_followed_closely_between_its_quantiles(means: Any, sds: Any, off: float) -> None:
    means, sds = np.array(means), np.array(sds)
    curve = curve_of(mixture(means, sds))
    for y in np.linspace(-4, 10, 57):
        exact = float(np.mean(norm.cdf((y - means) / sds)))
        assert curve.pit(float(y)) == pytest.approx(exact, abs=off)
    for level in LEVELS:
        exact = float(mixture_quantiles(means[:, None], sds[:, None], np.array([level]))[0, 0])
        assert curve.quantile(level) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("possible", [None, (0.0, 10.0), (-300.0, 3.0)])
@pytest.mark.parametrize("y", [0.0, 0.7, 2.9, 3.0])
def test_the_crps_is_the_integral_that_defines_it(possible: tuple[float, float] | None, y: float) -> None:
    means, sds = np.array([1.0, 3.0]), np.array([2.0, 0.7])
    curve = curve_of(mixture(means, sds, possible or (-np.inf, np.inf)), possible)
    assert curve.crps(y) == pytest.approx(slow_crps(curve, y), rel=1e-5)


def test_a_bound_holds_all_that_lies_beyond_it() -> None:
    curve = curve_of(mixture(np.array([98.0]), np.array([4.0]), (0.0, 100.0)), (0.0, 100.0))
    beyond = 1 - float(norm.cdf(0.5))
    assert curve.pit(100.0) == pytest.approx(1 - beyond / 2, abs=0.02)
    assert curve.quantile(0.99) == 100.0
    assert -curve.log_score(100.0, 1e-6) == pytest.approx(math.log(beyond), abs=0.1)
    assert curve.score(99.0) == pytest.approx(0.25, abs=0.02)


def test_a_prediction_of_one_point_scores_the_distance() -> None:
    point = Prediction(5.0, 0.0, 5.0, 5.0, 5.0, (5.0,) * len(QUANTILES))
    assert curve_of(point).crps(7.5) == pytest.approx(2.5, abs=1e-6)
    assert curve_of(point).pit(5.0) == pytest.approx(0.5)
    assert curve_of(Prediction(100.0, 3.0, *(100.0,) * 3, (100.0,) * 8), (0.0, 100.0)).crps(100.0) >= 0


@pytest.mark.parametrize("z", [-38.0, -20.0, 20.0, 38.0])
def test_far_tails_keep_their_log_score_finite(z: float) -> None:
    score = normal_curve(0.0, 1.0).log_score(z, 0.01)
    assert score == pytest.approx(-math.log(0.02) - float(norm.logpdf(z)), rel=0.01)


def test_a_better_prediction_has_the_better_score_on_average() -> None:
    readings = norm.ppf((np.arange(400) + 0.5) / 400)
    true, vague, sure = normal_curve(0.0, 1.0), normal_curve(0.0, 2.0), normal_curve(0.0, 0.5)
    curves = (true, vague, sure)
    for means in (
        [float(np.mean([curve.crps(y) for y in readings])) for curve in curves],
        [float(np.mean([curve.log_score(y, 0.01) for y in readings])) for curve in curves],
    ):
        assert min(means) == means[0]


def test_the_planner_keeps_its_quantiles_in_the_order_that_they_are_read_in() -> None:
    branin = lab("branin")
    seen = [
        Experiment(i, Status.COMPLETED, Origin.IMPORT, each.executed or {}, each.executed or {})
        for i, each in enumerate(earlier_results(branin, 8, seed=1), 1)
    ]
    seen = [replace(each, observations=(Observation(1, branin.truth(each.executed)),)) for each in seen]
    for proposed in plan(branin.campaign, seen, [], 2, 3).experiments:
        (claim,) = proposed.predictions.values()
        curve = curve_of(claim)
        assert curve.whole
        assert len(claim.quantiles) == len(QUANTILES)
        assert list(claim.quantiles) == sorted(claim.quantiles)
        for level, value in zip(QUANTILES, claim.quantiles, strict=True):
            assert curve.quantile(level) == pytest.approx(value)
        assert claim.quantiles[2] < claim.median < claim.quantiles[5]
        assert claim.quantiles[1] < claim.low < claim.quantiles[2]
