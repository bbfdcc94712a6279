"""Least squares: honest errors, lack of fit in words, contrasts that the data do not determine."""

from __future__ import annotations

import numpy as np
import pytest

from labloop.insight.linear import anova, fit


def test_a_contrast_that_the_rows_do_not_span_is_not_estimable() -> None:
    x = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    found = fit(x, np.array([1.0, 2.0, 1.5, 2.5]), np.arange(4))
    assert found.rank == 2
    assert not found.estimable(np.array([0.0, 1.0, 0.0]))
    assert found.estimable(np.array([0.0, 1.0, 1.0]))


def test_units_do_not_decide_what_is_redundant() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(30), rng.normal(size=30), rng.normal(size=30)])
    y = x @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=30)
    small = fit(x * [1.0, 1e-12, 1e9], y, np.arange(30))
    assert small.rank == 3
    a, b = fit(x, y, np.arange(30)).contrast(np.array([0, 1.0, 0])), small.contrast(np.array([0, 1e-12, 0]))
    assert (b.estimate, b.se) == pytest.approx((a.estimate, a.se), rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(12), rng.normal(size=(12, 3))])
    hits = 0
    for _ in range(2000):
        contrast = fit(x, x @ [1.0, 2.0, 0.0, -1.0] + rng.normal(size=12), np.arange(12)).contrast(np.eye(4)[1])
        hits += contrast.low <= 2.0 <= contrast.high
    assert 0.88 < hits / 2000 < 0.92


def test_a_wrong_model_with_many_replicates_has_wide_intervals() -> None:
    # A parabola fitted by a line: twenty replicates of three conditions are not sixty independent witnesses.
    x = np.repeat([-1.0, 0.0, 1.0], 20)
    rng = np.random.default_rng(2)
    y = 5 * x**2 + 0.1 * rng.normal(size=60)
    found = fit(np.column_stack([np.ones(60), x]), y, (x + 1).astype(int))
    assert found.lack_of_fit.shows
    assert "does not fit" in found.lack_of_fit.words
    assert found.error[1] == 1
    assert found.contrast(np.array([0.0, 1.0])).se > 10 * np.sqrt(found.residual_ss / 58 / 40) / 10
    assert found.contrast(np.array([0.0, 1.0])).p > 0.5


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([-1, 0, 1], [1, 2, 3.1], "No condition was repeated"),
        ([-1, -1, 1, 1], [1, 1.1, 2, 2.2], "cannot be tested"),
        ([-1, -1, 0, 1], [1, 1, 2, 3.3], "agree exactly"),
        ([-1, -1, 0, 1], [1, 1.2, 2, 3.1], "fits as well as replicates agree"),
    ],
)
def test_lack_of_fit_is_said_in_words(x: list[float], y: list[float], said: str) -> None:
    column = np.array(x, dtype=float)
    found = fit(np.column_stack([np.ones(len(x)), column]), np.array(y), (column + 1).astype(int))
    assert said in found.lack_of_fit.words


def test_the_sequential_table_adds_up() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(20, 1)), rng.normal(size=(20, 2))
    y = rng.normal(size=20)
    table = anova([("a", a), ("b", b), ("a again", a)], y, np.arange(20))
    assert [each.source for each in table] == ["a", "b", "residual", "total"]
    assert sum(each.ss for each in table[:-1]) == pytest.approx(table[-1].ss)
    assert sum(each.df for each in table[:-1]) == table[-1].df
