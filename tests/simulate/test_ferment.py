"""The fermentation against what can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labloop.simulate import ferment

WARM = {"feed": 5.0, "induction": 4.0, "temperature": 37.0, "pH": 7.0, "inoculum": 0.1, "feed_strength": 500.0}


def test_the_first_hour_grows_at_the_rate_of_the_published_balance() -> None:
    # At 37 degC, pH 7, glucose in excess: q_s = 1.25 S/(S + 0.05)/(1 + A/6), 0.70 of it respired, the rest
    # overflows: mu = 0.5 * 0.70 + 0.15 * (q_s - 0.70) - 0.04 * 0.5.
    solved = ferment.run(WARM)
    early = solved.hours < 1.0
    hours, cells = solved.hours[early], solved.states[0, early]
    rate = float(np.polyfit(hours, np.log(cells), 1)[0])
    uptake = 1.25 * 8 / 8.05 / (1 + 0.1 / 6)
    assert rate == pytest.approx(0.35 + 0.15 * (uptake - 0.70) - 0.02, rel=0.01)


def test_the_volume_is_what_was_fed() -> None:
    solved = ferment.run(WARM)
    begin = solved.hours[np.argmax(solved.states[4] > 1.0) - 1]
    assert solved.states[4, -1] == pytest.approx(1.0 + 0.005 * (24.0 - begin), rel=1e-6)


def test_no_carbon_is_made_from_nothing() -> None:
    solved = ferment.run({**WARM, "feed": 15.0})
    cells, glucose, acetate, _, volume = solved.states[:, -1]
    supplied = 8.0 + 0.1 * 2 + 500.0 * (volume - 1.0)
    assert (cells * 0.5 + glucose + acetate) * volume < supplied
    assert solved.states.min() > -1e-6


def test_more_feed_means_more_acetate_and_eventually_less_product() -> None:
    peaks, titres = [], []
    for feed in (3.0, 12.0, 30.0):
        solved = ferment.run({**WARM, "temperature": 30.0, "feed": feed, "inoculum": 0.5})
        peaks.append(float(solved.states[2].max()))
        titres.append(float(solved.states[3, -1]))
    assert peaks[0] <= peaks[1] < peaks[2]
    assert titres[1] > titres[0]


def test_a_culture_too_cold_to_use_up_its_sugar_is_never_fed() -> None:
    solved = ferment.run({**WARM, "temperature": 22.0, "inoculum": 0.05})
    assert solved.states[4, -1] == pytest.approx(1.0)
    assert solved.states[3, -1] == 0.0


def test_factors_are_one_at_their_reference() -> None:
    assert ferment.growth_factor(37.0, 7.0) == pytest.approx(1.0)
    assert ferment.folding_factor(31.0, 7.15) == pytest.approx(0.5)
    assert math.isclose(ferment.growth_factor(27.0, 7.0), 0.4974, rel_tol=1e-3)
