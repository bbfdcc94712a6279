"""What is a surprise, whatever the model claims and however many results are looked at."""

from __future__ import annotations

import numpy as np

from labloop.insight.scores import Judged
from labloop.insight.surprise import odd_ones
from tests.insight.test_scores import judged


def found(scores: list[float]) -> list[int]:
    """The numbers of the surprises among results so many standard deviations off."""
    several: list[Judged] = [judged(z, number=i) for i, z in enumerate(scores)]
    return [each.judged.case.number for each in odd_ones({"yield": several})]


def test_a_result_far_outside_is_a_surprise_to_either_side() -> None:
    assert found([0.1, -0.5, 6.0, 0.3, -6.5, 1.0]) == [4, 2]


def test_the_same_result_among_many_needs_to_be_further_out() -> None:
    assert found([2.5]) == [0]
    assert found([2.5, *np.linspace(-1.9, 1.9, 60)]) == []


def test_chance_alone_makes_a_queue_in_one_campaign_of_ten_at_most() -> None:
    rng = np.random.default_rng(3)
    queues = sum(bool(found(list(rng.standard_normal(40)))) for _ in range(150))
    assert queues <= 24  # 15 expected; 25 or more have a chance of 1 %


def test_a_model_too_sure_of_itself_does_not_make_everything_a_surprise() -> None:
    rng = np.random.default_rng(4)
    scores = list(5 * rng.standard_normal(40))
    assert len(found(scores)) <= 2
    assert found([*scores, 60.0])[0] == 40
    (first, *_) = odd_ones({"yield": [judged(z, number=i) for i, z in enumerate([*scores, 60.0])]})
    assert 3 < first.widened < 8


def test_outcomes_are_judged_together_but_each_by_its_own_scale() -> None:
    several = {
        "yield": [judged(z, number=i) for i, z in enumerate([*([4.0, -4.0] * 10), 5.0])],
        "purity": [judged(z, number=i) for i, z in enumerate([*([0.5, -0.5] * 10), 5.0])],
    }
    assert [(each.outcome, each.judged.case.number) for each in odd_ones(several)] == [("purity", 20)]


def test_no_results_no_surprise() -> None:
    assert odd_ones({}) == ()
    assert odd_ones({"yield": []}) == ()
