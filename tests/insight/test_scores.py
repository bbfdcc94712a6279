"""Scorecards of predictions whose worth is known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import binomtest, norm

from labloop.insight.scores import LEVELS, Card, Case, Judged, Known, judge, share_interval, tally
from labloop.insight.verdict import verdict
from labloop.records import QUANTILES, Prediction

KNOWN = Known.of([0.0, 10.0, 20.0, 30.0, 40.0])


def prediction(mean: float, sd: float, *, whole: bool = True) -> Prediction:
    low, median, high, *rest = (mean + sd * float(ndtri(q)) for q in (0.05, 0.5, 0.95, *QUANTILES))
    return Prediction(mean, sd, low, median, high, tuple(rest) if whole else ())


def judged(z: float, *, number: int = 1, turn: int = 1, claimed: float = 2.0, mean: float = 20.0) -> Judged:
    """A result z standard deviations of 2 away from the mean, under a claim of another width."""
    return judge(Case(number, turn, prediction(mean, claimed), mean + 2.0 * z, KNOWN))


def card(rounds: int, each: int, claimed: float, *, shift: float = 0.0, seed: int = 0) -> Card:
    """Predictions of standard deviation ``claimed`` of results that scatter with 2."""
    rng = np.random.default_rng(seed)
    found = [
        judged(rng.standard_normal() + shift, number=i, turn=i // each + 1, claimed=claimed, mean=rng.uniform(0, 40))
        for i in range(rounds * each)
    ]
    return Card("yield", "%", tuple(found))


def test_intervals_hold_exactly_what_lies_between_their_quantiles() -> None:
    for z in (0.0, 0.6, 0.7, 1.2, 1.3, 1.6, 1.7, 1.9, 2.0):
        expected = tuple(2 * norm.cdf(z) - 1 <= level for level in LEVELS)
        assert judged(z).inside == judged(-z).inside == expected


def test_the_baseline_is_the_mean_of_what_was_known_with_its_own_uncertainty() -> None:
    found = judged(0.0)
    sd = float(np.std([0, 10, 20, 30, 40], ddof=1)) * math.sqrt(1.2)
    assert found.crps_mean == pytest.approx(sd * (2 * norm.pdf(0) - 1 / math.sqrt(math.pi)))
    assert found.log_mean == pytest.approx(-norm.logpdf(0, 0, sd), abs=1e-4)
    assert found.log == pytest.approx(-norm.logpdf(0, 0, 2), rel=1e-2)


@pytest.mark.parametrize("values", [(), (5.0,), (5.0, 5.0)])
def test_without_two_different_values_there_is_no_baseline(values: tuple[float, ...]) -> None:
    found = judge(Case(1, 1, prediction(5, 1), 5.5, Known.of(values)))
    assert found.crps_mean is None
    total = tally([found])
    assert (total.skill, total.log_gain, total.compared) == (None, None, 0)
    assert "nothing to compare with" in verdict(Card("y", None, (found,)))[-1]


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (5, 5), (11, 18), (90, 100)])
def test_the_interval_of_a_share_is_clopper_and_pearsons(hits: int, of: int) -> None:
    exact = binomtest(hits, of).proportion_ci(0.95, method="exact")
    assert share_interval(hits, of, 0.95) == pytest.approx((exact.low, exact.high))


def test_a_calibrated_model_is_said_to_be_as_good_as_it_claims() -> None:
    said = " ".join(verdict(card(10, 6, 2.0)))
    assert "as often as they claim" in said
    assert "confident" not in said
    assert "than predicted" not in said
    assert "the model has learnt something" in said


@pytest.mark.parametrize(("claimed", "said"), [(0.7, "overconfident"), (8.0, "underconfident")])
def test_a_model_too_sure_or_not_sure_enough_is_named(claimed: float, said: str) -> None:
    assert f"the model is {said}" in verdict(card(10, 6, claimed))[0]


@pytest.mark.parametrize(("shift", "way"), [(0.8, "higher"), (-0.8, "lower")])
def test_a_biased_model_is_named_with_its_direction(shift: float, way: str) -> None:
    assert f"Results come out {way} than predicted" in " ".join(verdict(card(10, 6, 2.0, shift=shift)))


def test_few_results_cannot_tell_and_the_verdict_says_so() -> None:
    said = verdict(card(1, 4, 2.0))
    assert "so few results cannot tell" in said[0]
    assert "it takes 5 rounds" in said[1]
    assert verdict(Card("yield", "%", ())) == ("No prediction of yield has met its result yet.",)


def test_a_model_that_knows_nothing_is_not_praised() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(20, 16, 60)
    guesses = [prediction(float(each), 1.0) for each in rng.normal(20, 30, 60)]
    cases = [Case(i, i // 6 + 1, guesses[i], float(value), KNOWN) for i, value in enumerate(values)]
    said = " ".join(verdict(Card("yield", "%", tuple(judge(each) for each in cases))))
    assert "do not rely on this model" in said


def test_verdicts_on_calibrated_models_are_wrong_in_one_of_twenty_at_most() -> None:
    wrong = 0
    for seed in range(120):
        said = " ".join(verdict(card(6, 4, 2.0, seed=seed)))
        wrong += "overconfident" in said or "underconfident" in said or "than predicted" in said
    assert wrong <= 10  # 6 expected at the very most; 11 or more have a chance of 4 %


def test_predictions_of_three_quantiles_are_scored_and_said_to_be_approximate() -> None:
    case = Case(1, 1, prediction(20, 2, whole=False), 21.0, KNOWN)
    found = judge(case)
    assert found.crps == pytest.approx(judge(Case(1, 1, prediction(20, 2), 21.0, KNOWN)).crps)
    assert "scores" in verdict(Card("yield", "%", (found,)))[-1]
    assert "approximate" in verdict(Card("yield", "%", (found,)))[-1]


def test_a_result_on_the_bound_has_a_place_and_a_score() -> None:
    high = prediction(98, 4)
    clipped = Prediction(98, 4, high.low, 98, 100, tuple(min(each, 100.0) for each in high.quantiles))
    found = judge(Case(1, 1, clipped, 100.0, KNOWN), (0.0, 100.0))
    assert 0.8 < found.pit < 0.9
    assert 0.8 < found.score < 1.3
    assert all(found.inside[1:])
    assert math.isfinite(found.log)
