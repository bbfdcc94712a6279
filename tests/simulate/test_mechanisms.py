"""The mechanistic labs against published or hand-derived values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import lambertw

from labloop.simulate import lab
from labloop.simulate.colours import ABSORBANCES, CARD, channels
from labloop.simulate.enzyme import Kinetics, converted, kinetics_at
from labloop.simulate.scale import score_of
from labloop.simulate.snar import STEPS, outlet


def test_the_snar_constants_are_the_published_ones() -> None:
    # Hone et al. (2017): 57.9, 2.70, 0.865 and 1.63 x 10^-2 l/mol/s at 90 degC.
    assert [step.at(363.15) / 0.6 for step in STEPS] == pytest.approx([57.9, 2.70, 0.865, 1.63])
    assert STEPS[0].at(303.15) / STEPS[0].at(363.15) == pytest.approx(
        math.exp(-33.3e3 / 8.314462618 * (1 / 303.15 - 1 / 363.15))
    )


def test_a_single_second_order_step_has_its_closed_form() -> None:
    # A + B -> P with B in excess: (1 / (B0 - A0)) ln(A0 B / (B0 A)) = k t.
    k, a0, b0, t = 3.0, 0.2, 0.5, 1.5
    grown = math.exp((b0 - a0) * k * t)
    product = a0 * b0 * (grown - 1) / (b0 * grown - a0)
    assert outlet((k, 0.0, 0.0, 0.0), a0, b0, t)[2] == pytest.approx(product, rel=1e-6)


def test_the_snar_reactor_keeps_its_rings_and_amines() -> None:
    out = outlet((30.0, 2.0, 0.5, 1.0), 0.3, 1.0, 2.0)
    assert out[[0, 2, 3, 4]].sum() == pytest.approx(0.3, rel=1e-7)
    assert out[1] + out[2] + out[3] + 2 * out[4] == pytest.approx(1.0, rel=1e-7)
    early = outlet((30.0, 2.0, 0.5, 1.0), 0.3, 1.0, 1e-4)
    assert early[2] / early[3] == pytest.approx(15.0, rel=1e-3), "isomers form in the ratio of k_a to k_b"


def test_an_enzyme_without_inhibition_follows_lamberts_w() -> None:
    # Schnell and Mendoza (1997), with the enzyme dying as it works.
    k = Kinetics(turnover=90.0, michaelis=8.0, product=1e12, substrate=1e12, decay=0.3)
    worked = 90.0 * 0.4 * (1 - math.exp(-0.3 * 5.0)) / 0.3
    left = 8.0 * float(np.real(lambertw(50.0 / 8.0 * math.exp((50.0 - worked) / 8.0))))
    assert converted(k, 50.0, 0.4, 5.0) == pytest.approx(50.0 - left, rel=1e-6)


def test_product_substrate_heat_and_ph_slow_the_enzyme_down() -> None:
    plain = Kinetics(turnover=90.0, product=1e12, substrate=1e12)
    free = converted(plain, 100.0, 0.3, 2.0)
    assert converted(Kinetics(turnover=90.0, substrate=1e12), 100.0, 0.3, 2.0) < 0.95 * free
    assert converted(Kinetics(turnover=90.0, product=1e12), 100.0, 0.3, 2.0) < 0.95 * free
    assert kinetics_at(45, 7.4).turnover > kinetics_at(25, 7.4).turnover > kinetics_at(25, 5.5).turnover
    # At 25 degC nine tenths are alive after a day; at 55 degC a tenth is dead within minutes.
    assert math.exp(-24 * kinetics_at(25, 7.4).decay) == pytest.approx(0.9, abs=0.02)
    assert math.exp(-0.2 * kinetics_at(55, 7.4).decay) < 0.9


def test_absorbances_add_up() -> None:
    one, two = channels(0.1, 0.0, 0.2), channels(0.2, 0.0, 0.4)
    assert np.log10(255 / two) == pytest.approx(2 * np.log10(255 / one))
    assert channels(0, 0, 0) == pytest.approx([255, 255, 255])
    assert channels(1, 0, 0) == pytest.approx(255 * 10.0 ** -ABSORBANCES[0])


def test_only_the_recipe_has_the_colour_on_the_card() -> None:
    place = lab("colours")
    assert place.truth(place.optimum.conditions)["distance"] == 0.0
    best = min(
        math.dist(channels(red / 100, yellow / 100, blue / 100), CARD)
        for red, yellow, blue in itertools.product(range(0, 101, 2), repeat=3)
        if red + yellow + blue <= 100 and (red, yellow, blue) != (6, 28, 17)
    )
    assert best > 1.0


STEPS_OF = {
    "snar": {"residence_time": 0.05, "equivalents": 0.1, "concentration": 0.01, "temperature": 1.0},
    "enzyme": {"temperature": 1.0, "pH": 0.1, "time": 0.25, "substrate": 0.1, "enzyme": 0.001},
}


@pytest.mark.parametrize("name", STEPS_OF)
def test_no_neighbour_on_the_grid_is_better_than_the_declared_optimum(name: str) -> None:
    place = lab(name)
    declared = score_of(place.campaign, place.optimum.outcomes)
    best = {key: float(value) for key, value in place.optimum.conditions.items()}
    for (one, a), (two, b) in itertools.combinations(STEPS_OF[name].items(), 2):
        for i, j in itertools.product((-1, 0, 1), repeat=2):
            moved = {**best, one: best[one] + i * a, two: best[two] + j * b}
            boxes = {key: each.bounds for key, each in place.campaign.varied.items() if hasattr(each, "bounds")}
            if all(low <= moved[key] <= high for key, (low, high) in boxes.items()):
                assert score_of(place.campaign, place.truth(moved)) <= declared + 1e-9
