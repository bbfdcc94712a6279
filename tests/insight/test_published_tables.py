"""Effects and analyses of variance as printed in textbooks and certified by NIST, to the printed digits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import fdtrc

from labloop.design.coded import box_behnken
from labloop.insight.effects import ladder
from labloop.insight.estimability import Design
from labloop.insight.linear import AnovaRow, Fit, anova, fit
from labloop.insight.questions import Question, Region, questions_of
from labloop.insight.runs import Array, Indices, Runs
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


def indicators(label: Indices) -> Array:
    """One column a label."""
    return np.asarray(label[:, None] == np.unique(label)[None], dtype=np.float64)


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
    # Montgomery, Design and Analysis of Experiments (6th ed.), Example 6-1, Tables 6-4 to 6-6: a replicated 2^3. Total
    # and error sums of squares and the main effects also at transtutors.com/questions/...-1913860.htm (the example's
    # text); the sixteen values are those of the 2^4 below, without its pressure.
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
    # Montgomery (6th ed.), Example 6-2, Table 6-12: the effects of an unreplicated 2^4, in standard order. The squares
    # of five of them, times 4, are printed below (8th ed., Table 6.24).
    y = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]
    found = {name: each for name, (each, _) in effects_of(coded(two_level(4), y)).items()}
    printed = {"A": 21.625, "B": 3.125, "C": 9.875, "D": 14.625, "A × B": 0.125, "A × C": -18.125}
    printed |= {"A × D": 16.625, "B × C": 2.375, "B × D": -0.375, "C × D": -1.125}
    assert found == pytest.approx(printed, abs=5e-4)


def test_montgomery_chemical_process_first_order_with_centre_points(coded: Coded) -> None:
    # Montgomery (6th ed.), Example 11-1, Tables 11-1 and 11-2: 2^2 with five centre points. No open copy of the table
    # of results was found; the example is Table 11.1 of the R package MontgomeryDAE.
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
    # Printed is 47.83: what the printed sums of squares give. The sum for the residual is 0.177222, not 0.1772.
    assert round((2.8250 / 2) / (0.1772 / 6), 2) == 47.83
    assert table["first order"].f == pytest.approx(47.8213, abs=5e-5)
    assert round(table["first order"].p or 0, 4) == 0.0002
    assert not found.lack_of_fit.shows


def partial(columns: dict[str, Array], y: Array, groups: Indices) -> dict[str, AnovaRow]:
    """Each term given all others, as Design-Expert prints it: the last line of a table in which it comes last."""
    found = {}
    for name in columns:
        order = [*(each for each in columns if each != name), name]
        table = anova([(each, columns[each][:, None]) for each in order], y, groups)
        found[name] = next(each for each in table if each.source == name)
    return found


def test_montgomery_chemical_process_central_composite(coded: Coded) -> None:
    # Montgomery (5th ed. 2001), p. 431: data and analysis of variance as reprinted at
    # reliawiki.org/index.php/Central_Composite_Response_Surface_Method. The stars are printed at 1.414; they lie at the
    # root of 2, with which every printed digit comes out (with 1.414 some of the last do not).
    reach = 2**0.5
    rows = np.array(
        [[-1, -1], [-1, 1], [1, -1], [1, 1], *[[0, 0]] * 5, [reach, 0], [-reach, 0], [0, reach], [0, -reach]]
    )
    y = np.array([76.5, 77.0, 78.0, 79.5, 79.9, 80.3, 80.0, 79.7, 79.8, 78.4, 75.6, 78.5, 77.0])
    runs = coded(rows, y)
    x1, x2 = rows[:, 0], rows[:, 1]
    columns = {"A": x1, "B": x2, "A²": x1**2, "B²": x2**2, "AB": x1 * x2}
    found = fit(np.column_stack([np.ones(13), *columns.values()]), y, runs.condition)
    assert np.round(found.coefficients, 3).tolist() == [79.94, 0.995, 0.515, -1.376, -1.001, 0.25]
    table = partial(columns, y, runs.condition)
    printed = {"A": (7.92, 111.93), "B": (2.12, 30.01), "A²": (13.18, 186.22), "B²": (6.97, 98.56), "AB": (0.25, 3.53)}
    assert {name: (round(row.ss, 2), round(row.f or 0, 2)) for name, row in table.items()} == printed
    assert (round(table["B"].p or 0, 4), round(table["AB"].p or 0, 4)) == (0.0009, 0.1022)
    whole = anova([("model", np.column_stack(list(columns.values())))], y, runs.condition)
    assert (round(whole[0].ss, 2), round(whole[0].f or 0, 2)) == (28.25, 79.85)
    lack = found.lack_of_fit
    assert (round(lack.ss, 2), lack.df, round(lack.pure_ss, 2), lack.pure_df) == (0.28, 3, 0.21, 4)
    assert (round(lack.f or 0, 2), round(lack.p or 0, 4)) == (1.78, 0.2897)
    # The same model found by itself, its effects in the words of labloop: over the whole range, 2 x the root of 2.
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    assert ladder(design, Region(runs)).order == "second order"
    effects = {name: each for name, (each, _) in effects_of(runs).items()}
    assert effects["A"] == pytest.approx(2 * reach * found.coefficients[1])
    assert effects["A²"] == pytest.approx(-(reach**2) * found.coefficients[3])


def test_myers_and_montgomery_box_behnken(coded: Coded) -> None:
    # Myers & Montgomery, Response Surface Methodology (2nd ed. 2002), Example 7.5, p. 347: viscosity of a resin; data
    # and analysis of variance as reprinted at reliawiki.org/index.php/Box_Behnken_RSM.
    rows = box_behnken(3).runs
    # Factors A, B, C in pairs AB, AC, BC and three centre points, which is the order of the table.
    y = np.array([53, 58, 59, 56, 64, 45, 35, 60, 59, 64, 53, 65, 65, 59, 62], dtype=float)
    runs = coded(rows, y)
    a, b, c = rows.T
    columns = {"A": a, "B": b, "C": c, "A²": a**2, "B²": b**2, "C²": c**2, "AB": a * b, "AC": a * c, "BC": b * c}
    table = partial(columns, y, runs.condition)
    printed = {
        "A": (8.00, 0.78, 0.4174),
        "B": (55.125, 5.38, 0.0681),
        "C": (45.125, 4.40, 0.0900),
        "A²": (200.83, 19.59, 0.0069),
        "B²": (12.98, 1.27, 0.3115),
        "C²": (48.52, 4.73, 0.0816),
        "AB": (16.00, 1.56, 0.2668),
        "AC": (484.00, 47.22, 0.0010),
        "BC": (12.25, 1.20, 0.3241),  # F is printed as 1.22, against 12.25 / 10.25 and against its own p
    }
    for name, (ss, f, p) in printed.items():
        assert table[name].ss == pytest.approx(ss, abs=5.1e-3), name
        assert (round(table[name].f or 0, 2), round(table[name].p or 0, 4)) == (f, p), name
    whole = anova([("model", np.column_stack(list(columns.values())))], y, runs.condition)
    assert (round(whole[0].ss, 2), round(whole[0].f or 0, 2), round(whole[0].p or 0, 4)) == (882.48, 9.57, 0.0114)
    lack = fit(np.column_stack([np.ones(15), *columns.values()]), y, runs.condition).lack_of_fit
    assert (lack.ss, lack.df, lack.pure_ss, lack.pure_df) == pytest.approx((33.25, 3, 18.0, 2))
    assert (round(lack.f or 0, 2), round(lack.p or 0, 4)) == (1.23, 0.4774)
    assert effects_of(runs)["A × C"][0] == pytest.approx(2 * 11.0)


def test_montgomery_two_squared_with_three_replicates(coded: Coded) -> None:
    # Montgomery (5th ed. 2001), p. 223 and Table 6-1: concentration and catalyst; data and analysis of variance as
    # reprinted at reliawiki.org/index.php/Two_Level_Factorial_Design.
    rows = np.repeat(two_level(2), 3, axis=0)
    y = np.array([28, 25, 27, 36, 32, 32, 18, 19, 23, 31, 30, 29], dtype=float)
    runs = coded(rows, y)
    a, b = rows.T
    table = {
        each.source.strip(): each
        for each in anova([("A", a[:, None]), ("B", b[:, None]), ("AB", (a * b)[:, None])], y, runs.condition)
    }
    printed = {"A": (208.33, 53.15, 0.0001), "B": (75.00, 19.13, 0.0024), "AB": (8.33, 2.13, 0.1826)}
    for source, (ss, f, p) in printed.items():
        row = table[source]
        assert round(row.ss, 2) == ss
        # Printed are quotients of rounded numbers, by 3.92 = 31.34 / 8 where the error is 94 / 24, and their p.
        assert ss / 3.92 == pytest.approx(f, abs=5.1e-3)
        assert round(float(fdtrc(1, 8, f)), 4) == p
        assert row.f == pytest.approx(row.ss / (94 / 24))
        assert row.p == pytest.approx(p, abs=2.1e-4)
    # The error is printed as 31.34, what is left of 323 by subtracting the rounded others.
    assert round(323.00 - 208.33 - 75.00 - 8.33, 2) == 31.34
    assert table["residual"].ss == pytest.approx(94 / 3)
    assert round(table["total"].ss, 2) == 323.00


def test_montgomery_and_runger_plasma_etch_in_four_factors(coded: Coded) -> None:
    # Montgomery & Runger, Applied Statistics and Probability for Engineers (3rd ed. 2002), Example 14-5, p. 538-539: an
    # unreplicated 2^4 of Yin & Jillie (1987); all effects as printed there (issuhub.com/view/index/5218?pageIndex=634).
    y = [550, 669, 604, 650, 633, 642, 601, 635, 1037, 749, 1052, 868, 1075, 860, 1063, 729]
    found = {name: each for name, (each, _) in effects_of(coded(two_level(4), y)).items()}
    printed = {"A": -101.625, "B": -1.625, "C": 7.375, "D": 306.125, "A × B": -7.875, "A × C": -24.875}
    printed |= {"A × D": -153.625, "B × C": -43.875, "B × D": -0.625, "C × D": -2.125}
    assert found == pytest.approx(printed, abs=5e-4)


def test_montgomery_filtration_rate_with_centre_points(coded: Coded) -> None:
    # Montgomery (8th ed. 2013), Example 6.6 and Table 6.24: the filtration rate with four centre points, the reduced
    # model A, C, D, AC, AD (fliphtml5.com/zroi/dqkv, p. 288).
    y = np.array([45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96, 73, 75, 66, 69], dtype=float)
    rows = np.vstack([two_level(4), np.zeros((4, 4))])
    runs = coded(rows, y)
    a, _, c, d = rows.T
    columns = {"A": a, "C": c, "D": d, "AC": a * c, "AD": a * d}
    blocks = [(name, column[:, None]) for name, column in columns.items()]
    centre = (np.abs(rows).sum(axis=1) == 0).astype(float)[:, None]
    table = {each.source.strip(): each for each in anova([*blocks, ("curvature", centre)], y, runs.condition)}
    printed = {"A": (1870.56, 99.71), "C": (390.06, 20.79), "D": (855.56, 45.61), "AC": (1314.06, 70.05)}
    printed |= {"AD": (1105.56, 58.93)}
    for source, (ss, f) in printed.items():
        assert (round(table[source].ss, 2), round(table[source].f or 0, 2)) == (ss, f), source
    assert round(table["C"].p or 0, 4) == 0.0005
    curved = table["curvature"]
    assert (round(curved.ss, 2), round(curved.f or 0, 3), round(curved.p or 0, 4)) == (1.51, 0.081, 0.7809)
    assert table["residual"].ss == pytest.approx(243.875)  # printed as 243.87
    assert table["residual"].df == 13
    assert round(table["pure error"].ss, 2) == 48.75
    lack = table["lack of fit"]
    assert lack.ss == pytest.approx(195.125)  # printed as 195.12
    assert lack.df == 10
    assert (round(lack.f or 0, 2), round(lack.p or 0, 4)) == (1.20, 0.4942)
    assert round(table["total"].ss, 2) == 5781.20


def test_montgomery_oxygen_purity_first_order_with_curvature(coded: Coded) -> None:
    # Montgomery (9th ed. 2017), solutions to chapter 11, problem 11.1, Design-Expert's output
    # (studylib.net/doc/25646983): 2^2 with four centre points.
    rows = np.vstack([two_level(2)[[0, 2, 1, 3]], np.zeros((4, 2))])
    y = np.array([82.8, 83.5, 84.7, 85.0, 84.1, 84.5, 83.9, 84.3])
    runs = coded(rows, y)
    centre = (np.abs(rows).sum(axis=1) == 0).astype(float)[:, None]
    blocks = [("A", rows[:, :1]), ("B", rows[:, 1:]), ("curvature", centre)]
    table = {each.source.strip(): each for each in anova(blocks, y, runs.condition)}
    printed = {"A": (2.89, 48.17, 0.0023), "B": (0.25, 4.17, 0.1108), "curvature": (0.08, 1.33, 0.3125)}
    for source, (ss, f, p) in printed.items():
        row = table[source]
        assert (round(row.ss, 2), round(row.f or 0, 2), round(row.p or 0, 4)) == (ss, f, p)
    assert (round(table["lack of fit"].f or 0, 2), round(table["lack of fit"].p or 0, 4)) == (0.60, 0.4950)
    assert (round(table["lack of fit"].ss, 2), round(table["pure error"].ss, 2)) == (0.04, 0.20)
    found = fit(np.column_stack([np.ones(8), rows, centre]), y, runs.condition)
    assert np.round(found.coefficients, 2).tolist() == [84.0, 0.85, 0.25, 0.2]
    errors = [round(certified(found, j)[1], 2) for j in range(4)]
    assert errors == [0.12, 0.12, 0.12, 0.17]


def test_nist_silicon_resistivity_is_reproduced_to_the_certified_digits() -> None:
    # NIST/ITL StRD, analysis of variance, SiRstv (lower difficulty): itl.nist.gov/div898/strd/anova/SiRstv.html; the
    # data also at numerics.net/documentation/statistics/analysis-of-variance/one-way-anova.
    # fmt: off
    y = np.array([
        196.3052, 196.1240, 196.1890, 196.2569, 196.3403, 196.3042, 196.3825, 196.1669, 196.3257, 196.0422,
        196.1303, 196.2005, 196.2889, 196.0343, 196.1811, 196.2795, 196.1748, 196.1494, 196.1485, 195.9885,
        196.2119, 196.1051, 196.1850, 196.0052, 196.2090,
    ])
    # fmt: on
    instrument = np.repeat(np.arange(5), 5)
    between, within, _ = anova([("instrument", indicators(instrument))], y, instrument)
    assert (between.df, within.df) == (4, 20)
    assert between.ss == pytest.approx(5.11462616e-02, rel=1e-8)
    assert within.ss == pytest.approx(2.16636560e-01, rel=1e-8)
    assert between.f == pytest.approx(1.18046237440255, rel=1e-8)


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
