"""What is left of a winner, on winners whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labloop.insight.shrinkage import Noise, noise_of, shrinkage_of


def test_noise_is_pooled_within_equal_conditions_only() -> None:
    noise = noise_of([[1.0, 3.0], [10.0, 14.0], [50.0]])
    assert noise == Noise(math.sqrt((2 + 8) / 2), 2)
    assert noise_of([[1.0], [2.0]]).known is False
    assert noise_of([[1.0], [2.0]], error=0.5) == Noise(0.5, math.inf)


def test_the_estimates_are_those_of_the_module() -> None:
    found = shrinkage_of(90.0, [80.0, 84.0], Noise(3.0, 10), sign=1, control=[50.0, 52.0], control_first=[49.0])
    t = 2.2281388519649385  # Student, 97.5 %, 10 degrees of freedom
    assert found.left.value == 82
    assert found.shrinkage.value == 8
    assert (found.left.low or 0) == pytest.approx(82 - t * 3 / math.sqrt(2))
    assert (found.shrinkage.high or 0) == pytest.approx(8 + t * 3 / math.sqrt(2))
    assert found.lead is not None
    assert (found.lead.value, found.lead_before) == (31, 41)
    assert (found.lead.low or 0) == pytest.approx(31 - t * 3)
    assert found.drift is not None
    assert found.drift.value == 2
    assert (found.drift.high or 0) == pytest.approx(2 + t * 3 * math.sqrt(1 / 2 + 1))
    assert not found.drift.certain


def test_where_smaller_is_better_a_larger_repeat_is_shrinkage() -> None:
    found = shrinkage_of(1.0, [3.0], Noise(1.0, math.inf), sign=-1, control=[9.0], control_first=[9.0])
    assert found.shrinkage.value == 2
    assert found.shrinkage.certain
    assert found.lead is not None
    assert found.lead.value == 6


def test_without_any_replicate_there_is_no_interval() -> None:
    found = shrinkage_of(1.0, [3.0], noise_of([[3.0], [4.0]]), sign=1)
    assert found.left.low is None
    assert found.lead is None
    assert not found.shrinkage.certain


def test_the_intervals_hold_the_truth_of_the_winner_of_many_equal_candidates() -> None:
    """Thirty candidates that are all worth 10: the winner looks better than it is, and its repeats say so."""
    rng = np.random.default_rng(5)
    held = flattered = 0
    for _ in range(600):
        first = 10 + rng.standard_normal(30)
        repeats, control = 10 + rng.standard_normal(3), 10 + rng.standard_normal(3)
        noise = noise_of([list(repeats), list(control)])
        found = shrinkage_of(float(first.max()), list(repeats), noise, sign=1, control=list(control))
        held += (found.left.low or 0) <= 10 <= (found.left.high or 0)
        flattered += found.shrinkage.value > 0
    assert 0.93 <= held / 600 <= 0.97
    assert flattered / 600 > 0.95
