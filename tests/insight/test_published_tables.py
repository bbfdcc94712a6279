"""Effects and analyses of variance as printed in textbooks and certified by NIST, to the printed digits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from labloop.insight.effects import ladder
from labloop.insight.estimability import Design
from labloop.insight.linear import Fit, anova, fit
from labloop.insight.questions import Question, Region, questions_of
from labloop.insight.runs import Array, Runs
from labloop.insight.terms import Term, basis_of, first_order, second_order
from tests.insight.conftest import Coded


def two_level(factors: int) -> Array:
    """A full factorial in standard (Yates) order."""
    return np.array([row[::-1] for row in product((-1.0, 1.0), repeat=factors)])


def effects_of(runs: Runs) -> dict[str, tuple[float, float]]:
    """Estimate and p of every question about the second-order model."""
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    terms = [*design.mains, *design.seconds]
    questions = questions_of(runs, Region(runs), terms)
    fitted = design.full
    found = {}
    for question in questions:
        contrast = fitted.contrast(design.contrast(terms, question))
        found[question.name] = (contrast.estimate, contrast.p)
    return found


def simple(x: Array, y: Array) -> Fit:
    return fit(np.column_stack([np.ones(len(x)), x]), y, np.arange(len(y)))


def certified(found: Fit, j: int) -> tuple[float, float]:
    """A coefficient with its standard error."""
    c = np.eye(found.x.shape[1])[j]
    contrast = found.contrast(c)
    return contrast.estimate, contrast.se


def test_nist_norris_is_reproduced_to_the_certified_digits() -> None:
    # NIST/ITL StRD, linear regression, Norris (lower difficulty): itl.nist.gov/div898/strd/lls/data/Norris.shtml
    # fmt: off
    x = np.array([
        0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5,
        11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3, 229.2, 669.1,
        448.9, 0.5,
    ])
    y = np.array([
        0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9,
        10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6, 228.9, 668.4,
        449.2, 0.2,
    ])
    # fmt: on
    found = simple(x, y)
    assert certified(found, 0) == pytest.approx((-0.262323073774029, 0.232818234301152), rel=1e-10)
    assert certified(found, 1) == pytest.approx((1.00211681802045, 0.429796848199937e-03), rel=1e-10)
    assert found.residual_ss == pytest.approx(26.6173985294224, rel=1e-10)
    assert found.r_squared == pytest.approx(0.999993745883712, rel=1e-12)


def test_nist_longley_is_reproduced_although_its_columns_are_nearly_redundant() -> None:
    # NIST/ITL StRD, linear regression, Longley (higher difficulty); data of Longley, JASA 62 (1967) 819-841.
    # fmt: off
    columns = np.array([
        [83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2, 115.7, 116.9],
        [234289, 259426, 258054, 284599, 328975, 346999, 365385, 363112,
         397469, 419180, 442769, 444546, 482704, 502601, 518173, 554894],
        [2356, 2325, 3682, 3351, 2099, 1932, 1870, 3578, 2904, 2822, 2936, 4681, 3813, 3931, 4806, 4007],
        [1590, 1456, 1616, 1650, 3099, 3594, 3547, 3350, 3048, 2857, 2798, 2637, 2552, 2514, 2572, 2827],
        [107608, 108632, 109773, 110929, 112075, 113270, 115094, 116219,
         117388, 118734, 120445, 121950, 123366, 125368, 127852, 130081],
        list(range(1947, 1963)),
    ], dtype=float).T
    y = np.array([60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761,
                  66019, 67857, 68169, 66513, 68655, 69564, 69331, 70551], dtype=float)
    # fmt: on
    found = fit(np.column_stack([np.ones(16), columns]), y, np.arange(16))
    estimates = [
        (-3482258.63459582, 890420.383607373),
        (15.0618722713733, 84.9149257747669),
        (-0.0358191792925910, 0.0334910077722432),
        (-2.02022980381683, 0.488399681651699),
        (-1.03322686717359, 0.214274163161675),
        (-0.0511041056535807, 0.226073200069370),
        (1829.15146461355, 455.478499142212),
    ]
    for j, expected in enumerate(estimates):
        assert certified(found, j) == pytest.approx(expected, rel=1e-7)
    assert (found.residual_ss / found.df) ** 0.5 == pytest.approx(304.854073561965, rel=1e-9)


def test_montgomery_plasma_etching(coded: Coded) -> None:
    # Montgomery, Design and Analysis of Experiments (6th ed.), Example 6-1, Tables 6-4 to 6-6: a replicated 2^3.
    pairs = [(550, 604), (669, 650), (633, 601), (642, 635), (1037, 1052), (749, 868), (1075, 1063), (729, 860)]
    rows = np.repeat(two_level(3), 2, axis=0)
    runs = coded(rows, np.array(pairs, dtype=float).ravel())
    found = {name: round(each, 3) for name, (each, _) in effects_of(runs).items()}
    assert found == {
        "A": -101.625,
        "B": 7.375,
        "C": 306.125,
        "A × B": -24.875,
        "A × C": -153.625,
        "B × C": -2.125,
    }
    a, b, c = (rows[:, j : j + 1] for j in range(3))
    blocks = [("A", a), ("B", b), ("C", c), ("AB", a * b), ("AC", a * c), ("BC", b * c), ("ABC", a * b * c)]
    table = {each.source.strip(): each for each in anova(blocks, runs.y, runs.condition)}
    printed = {"A": 41310.5625, "B": 217.5625, "C": 374850.0625, "AB": 2475.0625, "AC": 94402.5625, "BC": 18.0625}
    for source, ss in printed.items():
        assert table[source].ss == pytest.approx(ss, abs=5e-5)
    assert table["residual"].ss == pytest.approx(18020.5)
    assert table["residual"].df == 8
    assert table["total"].ss == pytest.approx(531420.9375)
    assert [round(table[source].f or 0, 2) for source in ("A", "C", "AC")] == [18.34, 166.41, 41.91]
    assert round(table["A"].p or 0, 4) == 0.0027


def test_montgomery_filtration_rate(coded: Coded) -> None:
    # Montgomery (6th ed.), Example 6-2, Table 6-12: the effects of an unreplicated 2^4, in standard order.
    y = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]
    found = {name: each for name, (each, _) in effects_of(coded(two_level(4), y)).items()}
    printed = {"A": 21.625, "B": 3.125, "C": 9.875, "D": 14.625, "A × B": 0.125, "A × C": -18.125}
    printed |= {"A × D": 16.625, "B × C": 2.375, "B × D": -0.375, "C × D": -1.125}
    assert found == pytest.approx(printed, abs=5e-4)


def test_box_hunter_and_hunter_pilot_plant(coded: Coded) -> None:
    # Box, Hunter & Hunter, Statistics for Experimenters (1978), section 10.2, Tables 10.1 and 10.3: a 2^3.
    y = [60, 72, 54, 68, 52, 83, 45, 80]
    found = {name: each for name, (each, _) in effects_of(coded(two_level(3), y, ["T", "C", "K"])).items()}
    printed = {"T": 23.0, "C": -5.0, "K": 1.5, "T × C": 1.5, "T × K": 10.0, "C × K": 0.0}
    assert found == pytest.approx(printed, abs=5e-2)


def test_montgomery_chemical_process_first_order_with_centre_points(coded: Coded) -> None:
    # Montgomery (6th ed.), Example 11-1, Tables 11-1 and 11-2: 2^2 with five centre points.
    rows = np.vstack([two_level(2)[[0, 2, 1, 3]], np.zeros((5, 2))])
    y = np.array([39.3, 40.0, 40.9, 41.5, 40.3, 40.5, 40.7, 40.2, 40.6])
    runs = coded(rows, y)
    x1, x2 = rows[:, :1], rows[:, 1:]
    found = fit(np.column_stack([np.ones(9), x1, x2]), y, runs.condition)
    assert np.round(found.coefficients, 3).tolist() == [40.444, 0.775, 0.325]
    table = {each.source.strip(): each for each in anova([("first order", np.hstack([x1, x2]))], y, runs.condition)}
    assert round(table["first order"].ss, 4) == 2.825
    assert round(table["residual"].ss, 4) == 0.1772
    assert round(table["pure error"].ss, 4) == 0.172
    assert round(table["first order"].f or 0, 2) == 47.82  # printed as 47.83, from mean squares rounded before
    assert round(table["first order"].p or 0, 4) == 0.0002
    assert not found.lack_of_fit.shows


def test_montgomery_chemical_process_central_composite(coded: Coded) -> None:
    # Montgomery (6th ed.), Example 11-2, Tables 11-6 and 11-7: the fitted second-order model, in coded units.
    reach = 1.414
    rows = np.array(
        [[-1, -1], [-1, 1], [1, -1], [1, 1], *[[0, 0]] * 5, [reach, 0], [-reach, 0], [0, reach], [0, -reach]]
    )
    y = np.array([76.5, 77.0, 78.0, 79.5, 79.9, 80.3, 80.0, 79.7, 79.8, 78.4, 75.6, 78.5, 77.0])
    runs = coded(rows, y)
    x1, x2 = rows[:, 0], rows[:, 1]
    found = fit(np.column_stack([np.ones(13), x1, x2, x1 * x2, x1**2, x2**2]), y, runs.condition)
    assert np.round(found.coefficients, 3).tolist() == [79.94, 0.995, 0.515, 0.25, -1.376, -1.001]
    lack = found.lack_of_fit
    assert (round(lack.ss, 2), lack.df, round(lack.pure_ss, 2), lack.pure_df) == (0.28, 3, 0.21, 4)
    assert lack.f == pytest.approx(1.78, abs=0.015)  # printed so, from mean squares rounded before
    assert round(lack.p or 0, 4) == 0.2886
    # The same model found by itself, its effects in the words of labloop: over the whole range, 2 x 1.414.
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    assert ladder(design, Region(runs)).order == "second order"
    effects = {name: each for name, (each, _) in effects_of(runs).items()}
    assert effects["A"] == pytest.approx(2 * reach * found.coefficients[1])
    assert effects["A²"] == pytest.approx(-(reach**2) * found.coefficients[4])


def test_nist_one_way_analysis_of_variance() -> None:
    # NIST/SEMATECH e-Handbook of Statistical Methods, section 7.4.3.4, the one-way ANOVA table and its conclusion.
    y = np.array([6.9, 5.4, 5.8, 4.6, 4.0, 8.3, 6.8, 7.8, 9.2, 6.5, 8.0, 10.5, 8.1, 6.9, 9.3])
    level = np.repeat([0, 1, 2], 5)
    table = anova([("levels", (level[:, None] == np.arange(3)).astype(float))], y, level)
    found = {each.source.strip(): each for each in table}
    assert (round(found["levels"].ss, 3), found["levels"].df) == (27.897, 2)
    assert (round(found["residual"].ss, 3), found["residual"].df) == (17.452, 12)
    assert round(found["total"].ss, 3) == 45.349
    assert round(found["levels"].f or 0, 2) == 9.59
    assert (found["levels"].p or 1) < 0.05  # "the factor level ... is statistically significant"


def test_a_question_is_the_textbook_effect_whatever_the_units(coded: Coded) -> None:
    # A factor between 20 and 80 has the same effect as between -1 and 1: high against low.
    rows = two_level(2)
    y = rows @ [3.0, -1.0] + 2.0 * rows[:, 0] * rows[:, 1]
    runs = coded(rows, y, reach=7.0)
    asked: list[Question] = questions_of(runs, Region(runs), [Term("main", ("A",)), Term("interaction", ("A", "B"))])
    basis = basis_of(runs)
    terms = [*first_order(runs), Term("interaction", ("A", "B"))]
    found = fit(basis.matrix(terms, runs.rows), runs.y, runs.condition)
    estimates = [found.contrast(each.weights @ basis.matrix(terms, each.points)).estimate for each in asked]
    assert estimates == pytest.approx([6.0, 4.0])
