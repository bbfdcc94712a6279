"""How laboratories behave: each behaviour does what it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labloop.errors import InvalidInput
from labloop.records import FailureKind
from labloop.simulate import lab
from labloop.simulate.behaviour import Behaviour, Hand, Scatter, behaviour_of
from labloop.simulate.job import Job
from labloop.simulate.scale import noisy, scatter_of
from labloop.simulate.trial import run

BEST = {"x1": 3.141592653589793, "x2": 2.275}
SCATTER = scatter_of(lab("branin"))
SPREAD = SCATTER["value"].spread


def hand(noise: float = 0.0, **behaviour: float) -> Hand:
    return Hand(Behaviour(**behaviour), noisy(lab("branin"), noise), SCATTER, seed=3)  # type: ignore[arg-type]


def readings(hand: Hand, n: int, batch: int = 1) -> np.ndarray:
    return np.array([hand.perform(number, BEST, batch).outcomes["value"] for number in range(1, n + 1)])


TRUE = 0.397887357729738


def test_without_a_behaviour_a_lab_only_measures() -> None:
    place = noisy(lab("branin"), 0.1)
    assert Hand(Behaviour(), place, SCATTER, 3).perform(5, BEST, 1).outcomes == place.perform(5, BEST, seed=3).outcomes


def test_heavy_tails_have_the_same_sd_and_more_outliers() -> None:
    normal, heavy = readings(hand(0.1), 4000) - TRUE, readings(hand(0.1, tails=3.0), 4000) - TRUE
    assert heavy.std() == pytest.approx(0.1 * SPREAD, rel=0.25)
    assert (np.abs(heavy) > 4 * 0.1 * SPREAD).sum() > 10 > (np.abs(normal) > 4 * 0.1 * SPREAD).sum()


def test_noise_may_grow_with_how_good_a_result_is() -> None:
    assert readings(hand(0.1, growing=3.0), 2000).std() == pytest.approx(0.3 * SPREAD, rel=0.08)
    assert Scatter(1.0, worst=10.0, best=0.0).goodness(10.0) == 0.0
    assert Scatter(1.0, worst=10.0, best=0.0).goodness(2.5) == 0.75


def test_readings_drift_from_day_to_day() -> None:
    days = (readings(hand(drift=0.02, day=4), 12) - TRUE) / SPREAD
    assert days == pytest.approx(np.repeat([0.0, 0.02, 0.04], 4))


def test_wells_at_the_edge_of_a_plate_read_lower() -> None:
    low = readings(hand(edge=0.1), 192) < TRUE - 0.05 * SPREAD
    # 2 x 12 + 2 x 6 wells of 96, on each of two plates.
    assert low.sum() == 72
    assert low[:12].all()
    assert not low[13:23].any()


def test_a_share_of_the_experiments_fails_by_accident() -> None:
    bench = hand(failures=0.2)
    results = [bench.perform(number, BEST, 1) for number in range(1, 1001)]
    failed = [each for each in results if each.failure is not None]
    assert 150 < len(failed) < 250
    assert {each.failure for each in failed} == {FailureKind.EQUIPMENT}
    assert all(not each.outcomes for each in failed)


def test_a_batch_shares_its_lot() -> None:
    bench = hand(lots=0.1)
    lots = np.array([readings(bench, 3, batch) - TRUE for batch in range(1, 300)])
    assert np.ptp(lots, axis=1).max() < 1e-9
    assert lots[:, 0].std() == pytest.approx(0.1 * SPREAD, rel=0.15)


def test_an_operator_says_what_was_set_instead() -> None:
    bench = hand(deviation=0.02)
    executed = [bench.perform(number, {"x1": 2.0, "x2": 7.0}, 1).executed for number in range(1, 500)]
    offs = np.array([float(each["x1"]) - 2.0 for each in executed if each is not None])
    assert len(offs) == 499
    assert offs.std() == pytest.approx(0.02 * 15, rel=0.15)
    at_the_bound = hand(deviation=0.5).perform(1, {"x1": 10.0, "x2": 15.0}, 1).executed
    assert at_the_bound is not None
    assert all(float(value) <= 15 for value in at_the_bound.values())


def test_late_results_come_out_of_order_and_none_is_lost() -> None:
    job = Job(lab="branin", strategy="sobol", seed=1, batch=2, budget=20, behaviour="delay=3")
    rows = run(job).rows
    numbers = [row.experiment for row in rows]
    assert sorted(numbers) == list(range(1, 21))
    assert numbers != sorted(numbers)
    assert [row.true for row in sorted(rows, key=lambda row: row.experiment)] == [
        row.true for row in run(replace(job, behaviour="")).rows
    ]


def test_labloop_plans_with_pending_and_failed_experiments() -> None:
    behaviour = "failures=0.3,delay=2,deviation=0.02"
    rows = run(Job(lab="hills2", strategy="explore", seed=0, batch=3, budget=18, behaviour=behaviour)).rows
    assert len(rows) == 18
    assert any(row.value is None for row in rows)
    assert "improve" in {row.slot for row in rows}


def test_a_behaviour_is_the_same_whenever_it_is_run() -> None:
    job = Job(
        lab="branin", strategy="sobol", seed=1, noise=0.1, behaviour="tails=3,failures=0.1,lots=0.1,deviation=0.05"
    )
    assert run(job).rows == run(job).rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fails=0.1", "no behaviour 'fails'"),
        ("failures=often", "failures=often is not a number"),
        ("delay=0.5", "delay=0.5 is not a whole number"),
        ("failures=1", "failures=1 is no behaviour"),
        ("tails=2", "tails=2 is no behaviour"),
        ("deviation=-1", "deviation=-1 is no behaviour"),
    ],
)
def test_a_behaviour_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        behaviour_of(text)
    with pytest.raises(InvalidInput, match=message):
        Job(lab="branin", strategy="sobol", seed=0, behaviour=text)
