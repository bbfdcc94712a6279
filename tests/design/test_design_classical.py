"""Classical designs against the tables they are printed in."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from labloop.design.coded import (
    box_behnken,
    central_composite,
    definitive_screening,
    fractional_factorial,
    full_factorial,
    one_factor_at_a_time,
    plackett_burman,
)
from labloop.design.filling import latin_hypercube, simplex_centroid, simplex_lattice, sobol
from labloop.design.fraction import Fraction, best_fraction
from labloop.errors import InvalidInput
from labloop.space.axis import Array


def signs(text: str) -> Array:
    """Read a table of + and - as it is printed, one line a run."""
    return np.array([[1.0 if sign == "+" else -1.0 for sign in line.split()] for line in text.strip().splitlines()])


def crossed(runs: Array) -> Array:
    """All two-factor interactions."""
    return np.column_stack([runs[:, i] * runs[:, j] for i, j in combinations(range(runs.shape[1]), 2)])


def same_rows(a: Array, b: Array) -> bool:
    """Whether two designs hold the same runs, in whatever order."""
    return sorted(map(tuple, np.round(a, 4))) == sorted(map(tuple, np.round(b, 4)))


def test_the_two_cubed_factorial_stands_in_yates_order() -> None:
    # Box, Hunter & Hunter (2005), table 5.2: the pilot plant.
    printed = signs("- - -\n+ - -\n- + -\n+ + -\n- - +\n+ - +\n- + +\n+ + +")
    assert np.array_equal(full_factorial([2, 2, 2]).runs, printed)


def test_a_factorial_of_mixed_levels_holds_every_combination_once() -> None:
    runs = full_factorial([3, 2, 4]).runs
    assert runs.shape == (24, 3)
    assert len(np.unique(runs, axis=0)) == 24
    assert np.allclose(np.unique(runs[:, 2]), [-1, -1 / 3, 1 / 3, 1])


def test_the_half_fraction_of_the_filtration_experiment() -> None:
    # Montgomery, table 8.3: 2^(4-1), I = ABCD; (1), ad, bd, ab, cd, ac, bc, abcd.
    made = fractional_factorial(4)
    printed = signs("- - - -\n+ - - +\n- + - +\n+ + - -\n- - + +\n+ - + -\n- + + -\n+ + + +")
    assert np.array_equal(made.runs, printed)
    assert made.fraction is not None
    assert made.fraction.words == ("ABCD",)
    assert made.fraction.roman == "IV"
    chains = {chain[0]: chain[1:] for chain in made.fraction.aliases(2, shown=3)}
    assert chains["A"] == ("BCD",)
    assert chains["AB"] == ("CD",)


def test_the_quarter_fraction_of_injection_molding() -> None:
    # Montgomery, table 8.8: 2^(6-2), E = ABC, F = BCD.
    made = best_fraction(6, 16)
    assert set(made.words) == {"ABCE", "BCDF", "ADEF"}
    pairs = {frozenset(chain) for chain in made.aliases() if len(chain[0]) == 2}
    printed = ["AB CE", "AC BE", "AD EF", "AE BC DF", "AF DE", "BD CF", "BF CD"]
    assert pairs == {frozenset(chain.split()) for chain in printed}
    assert [chain for chain in made.aliases() if len(chain[0]) == 1] == [(letter,) for letter in "ABCDEF"]


def test_the_saturated_fraction_of_seven_factors() -> None:
    # Montgomery, section 8.5.1: 2^(7-4), the defining relation in full; A = BD = CE = FG.
    made = best_fraction(7, 8)
    printed = "ABD ACE BCF ABCG BCDE ACDF CDG ABEF BEG AFG DEF ADEG CEFG BDFG ABCDEFG"
    assert set(made.words) == set(printed.split())
    assert made.aliases()[0] == ("A", "BD", "CE", "FG")


@pytest.mark.parametrize(
    ("k", "runs", "resolution", "fours"),
    [
        # Resolutions: NIST/SEMATECH e-Handbook, table 5.3.3.4.7 (Montgomery, table 8.14); how many words have length
        # four: Chen, Sun & Wu 1993, doi:10.2307/1403599, the first (minimum-aberration) design of each size.
        (3, 4, "III", 0), (4, 8, "IV", 1), (5, 16, "V", 0), (5, 8, "III", 1), (6, 32, "VI", 0), (6, 16, "IV", 3),
        (6, 8, "III", 3), (7, 64, "VII", 0), (7, 32, "IV", 1), (7, 16, "IV", 7), (7, 8, "III", 7), (8, 64, "V", 0),
        (8, 32, "IV", 3), (8, 16, "IV", 14), (9, 128, "VI", 0), (9, 64, "IV", 1), (9, 32, "IV", 6), (9, 16, "III", 14),
        (10, 128, "V", 0), (10, 64, "IV", 2), (10, 32, "IV", 10), (10, 16, "III", 18), (11, 64, "IV", 4),
        (11, 32, "IV", 25), (11, 16, "III", 26), (15, 16, "III", 105),
    ],
)  # fmt: skip
def test_fractions_have_the_published_resolution(k: int, runs: int, resolution: str, fours: int) -> None:
    made = best_fraction(k, runs)
    assert made.roman == resolution
    assert (made.pattern[1] if k > 3 else 0) == fours
    levels = made.runs()
    assert levels.shape == (runs, k)
    assert np.array_equal(levels.T @ levels, runs * np.eye(k))


@pytest.mark.parametrize(("k", "runs"), [(5, 8), (6, 16), (7, 32), (9, 16), (12, 32)])
def test_aliases_are_what_the_columns_show(k: int, runs: int) -> None:
    """The slow way: two effects are aliased when their columns are equal, up to the sign."""
    made = best_fraction(k, runs)
    levels = made.runs()
    effects = {
        "".join("ABCDEFGHJKLM"[j] for j in chosen): levels[:, chosen].prod(axis=1)
        for size in (1, 2)
        for chosen in combinations(range(k), size)
    }
    slow = {
        frozenset(other for other, column in effects.items() if abs(column @ here) == runs) for here in effects.values()
    }
    assert {frozenset(word.lstrip("-") for word in chain) for chain in made.aliases()} == slow


def test_a_negative_generator_gives_the_other_half() -> None:
    other = Fraction.parse(4, ["D=-ABC"])
    assert other.words == ("-ABCD",)
    assert not {tuple(run) for run in other.runs()} & {tuple(run) for run in best_fraction(4, 8).runs()}
    assert ("AB", "-CD") in other.aliases()


@pytest.mark.parametrize(
    ("generators", "message"),
    [
        (["E=AB", "F=AB"], "make two factors the same"),
        (["E=AA", "F=BC"], "not a generator of factor E"),
        (["E=ABC", "G=BCD"], "not a generator of factor F"),
        (["E=ABF", "F=BCD"], "not a generator of factor E"),
    ],
)
def test_what_is_no_generator_is_refused(generators: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Fraction.parse(6, generators)


def test_plackett_burman_in_twelve_runs_as_printed() -> None:
    # Plackett & Burman (1946), p. 323; Montgomery, table 8.23.
    printed = signs(
        """
        + + - + + + - - - + -
        - + + - + + + - - - +
        + - + + - + + + - - -
        - + - + + - + + + - -
        - - + - + + - + + + -
        - - - + - + + - + + +
        + - - - + - + + - + +
        + + - - - + - + + - +
        + + + - - - + - + + -
        - + + + - - - + - + +
        + - + + + - - - + - +
        - - - - - - - - - - -
        """
    )
    assert np.array_equal(plackett_burman(11).runs, printed)


@pytest.mark.parametrize("n", [8, 12, 16, 20, 24])
def test_plackett_burman_designs_are_orthogonal(n: int) -> None:
    runs = plackett_burman(n - 1, n).runs
    assert np.array_equal(runs.T @ runs, n * np.eye(n - 1))
    assert not runs.sum(axis=0).any()


def test_definitive_screening_of_six_factors() -> None:
    # Jones & Nachtsheim (2011): 13 runs in fold-over pairs, three zeros a column; main effects free of second-order
    # ones, quadratics correlated by 0.133, two-factor interactions with each other by 0.25 or 0.5.
    runs = definitive_screening(6).runs
    assert runs.shape == (13, 6)
    assert (runs == 0).sum(axis=0).tolist() == [3] * 6
    assert same_rows(runs, -runs)
    assert np.array_equal(runs.T @ runs, 10 * np.eye(6))
    squares, pairs = runs**2, crossed(runs)
    assert not (runs.T @ squares).any()
    assert not (runs.T @ pairs).any()
    between = np.asarray(np.corrcoef(squares.T))
    assert between[~np.eye(6, dtype=bool)] == pytest.approx(np.full(30, 2 / 15))
    apart = np.abs(np.asarray(np.corrcoef(pairs.T))[~np.eye(15, dtype=bool)])
    assert set(np.round(apart, 3)) == {0.25, 0.5}


@pytest.mark.parametrize(("k", "runs"), [(4, 9), (5, 13), (6, 13), (7, 17), (8, 17), (10, 21), (12, 25)])
def test_definitive_screening_needs_two_runs_a_factor_and_one(k: int, runs: int) -> None:
    # Jones & Nachtsheim (2011); an odd number of factors takes the next even design (Xiao, Lin & Bai 2012).
    made = definitive_screening(k).runs
    assert made.shape == (runs, k)
    assert np.count_nonzero(made.T @ made - np.diag(np.diag(made.T @ made))) == 0


def test_definitive_screening_takes_choices_of_two() -> None:
    runs = definitive_screening(4, 2).runs
    assert runs.shape == (14, 6)  # Jones & Nachtsheim (2013): 2 m + 2
    assert set(np.unique(runs[:, 4:])) == {-1.0, 1.0}


def test_box_behnken_of_three_factors() -> None:
    # NIST/SEMATECH e-Handbook, table 5.3.3.6.2 (3.24), and Montgomery, table 11.8.
    edges = "- - 0\n+ - 0\n- + 0\n+ + 0\n- 0 -\n+ 0 -\n- 0 +\n+ 0 +\n0 - -\n0 + -\n0 - +\n0 + +"
    value = {"-": -1.0, "0": 0.0, "+": 1.0}
    printed = [[value[sign] for sign in line.split()] for line in edges.splitlines()] + [[0.0] * 3] * 3
    assert np.array_equal(box_behnken(3).runs, np.array(printed))


@pytest.mark.parametrize(("k", "runs"), [(3, 15), (4, 27), (5, 46), (6, 54), (7, 62)])
def test_box_behnken_designs_have_the_published_size_and_balance(k: int, runs: int) -> None:
    # NIST/SEMATECH e-Handbook, table 5.3.3.6.3; Box & Behnken (1960), table 4.
    made = box_behnken(k).runs
    assert made.shape == (runs, k)
    assert set(np.unique(made)) == {-1.0, 0.0, 1.0}
    assert len({int(count) for count in (made != 0).sum(axis=0)}) == 1
    assert len({int(count) for count in np.count_nonzero(made, axis=1)} - {0}) == 1
    assert np.count_nonzero(made.T @ crossed(made)) == 0


@pytest.mark.parametrize(
    ("k", "alpha"), [(2, 1.414), (3, 1.682), (4, 2.000), (5, 2.000), (6, 2.378)]
)  # NIST/SEMATECH e-Handbook, table 5.3.3.6.1 (3.23); five and six factors on a half fraction
def test_the_rotatable_stars_lie_where_the_handbook_puts_them(k: int, alpha: float) -> None:
    made = central_composite(k, "circumscribed")
    assert made.settings["alpha"] == pytest.approx(alpha, abs=5e-4)
    assert np.abs(made.runs).max() == pytest.approx(alpha, abs=5e-4)


@pytest.mark.parametrize(("k", "runs"), [(2, 13), (3, 20), (4, 30), (5, 33), (6, 54)])
def test_central_composite_designs_have_the_published_size(k: int, runs: int) -> None:
    # NIST/SEMATECH e-Handbook, table 5.3.3.6.3: runs of central composite designs.
    assert len(central_composite(k).runs) == runs


def test_a_rotatable_design_predicts_equally_well_in_every_direction() -> None:
    runs = central_composite(3, "circumscribed").runs
    f = np.column_stack([np.ones(len(runs)), runs, runs**2, crossed(runs)])
    inverse = np.linalg.inv(f.T @ f)
    x = np.random.default_rng(1).standard_normal((50, 3))
    x *= 1.3 / np.linalg.norm(x, axis=1)[:, None]
    g = np.column_stack([np.ones(50), x, x**2, crossed(x)])
    assert np.ptp(((g @ inverse) * g).sum(axis=1)) < 1e-10


def test_faced_and_inscribed_composites_stay_within_the_bounds() -> None:
    assert set(np.unique(central_composite(3).runs)) == {-1.0, 0.0, 1.0}
    inscribed = central_composite(3, "inscribed").runs
    # NIST/SEMATECH e-Handbook, table 5.3.3.6.1: the cube of the inscribed design lies at 1 / 1.682 = 0.595.
    assert set(np.round(np.unique(np.abs(inscribed)), 3)) == {0.0, 0.595, 1.0}


def test_the_simplex_lattice_of_three_components_and_degree_two() -> None:
    # NIST/SEMATECH e-Handbook, section 5.5.4.2: the {3, 2} simplex lattice.
    printed = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    assert same_rows(simplex_lattice(3, 2), np.array(printed))


@pytest.mark.parametrize(("q", "degree", "runs"), [(3, 3, 10), (4, 2, 10), (5, 3, 35), (6, 4, 126), (8, 2, 36)])
def test_simplex_lattices_have_the_published_size(q: int, degree: int, runs: int) -> None:
    # NIST/SEMATECH e-Handbook, table 5.5.4.2: points of simplex lattices.
    made = simplex_lattice(q, degree)
    assert made.shape == (runs, q)
    assert made.sum(axis=1) == pytest.approx(np.ones(runs))


def test_the_simplex_centroid_of_three_components() -> None:
    # NIST/SEMATECH e-Handbook, section 5.5.4.3.
    third = 1 / 3
    printed = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [third] * 3]
    assert same_rows(simplex_centroid(3), np.array(printed))
    assert len(simplex_centroid(5)) == 2**5 - 1


def test_latin_hypercubes_have_one_point_a_stratum_and_keep_apart() -> None:
    rng = np.random.default_rng(3)
    u = latin_hypercube(12, 3, rng)
    assert np.array_equal(np.sort(np.floor(u * 12), axis=0), np.tile(np.arange(12.0)[:, None], 3))

    def closest(x: Array) -> float:
        return float(min(np.linalg.norm(a - b) for a, b in combinations(x, 2)))

    random = [np.column_stack([rng.permutation(12) for _ in range(3)]) / 12 for _ in range(200)]
    assert closest(u) > np.quantile([closest(each) for each in random], 0.99)


def test_sobol_points_fill_every_cell_once() -> None:
    u = sobol(16, 2, np.random.default_rng(1))
    for rows, columns in ((16, 1), (8, 2), (4, 4), (2, 8), (1, 16)):  # a (0, 4, 2)-net in base 2
        cells = np.floor(u[:, 0] * rows) * columns + np.floor(u[:, 1] * columns)
        assert len(np.unique(cells)) == 16


def test_one_factor_at_a_time_never_changes_two() -> None:
    runs = one_factor_at_a_time([2, 3, 2]).runs
    assert len(runs) == 5
    assert ((runs != -1).sum(axis=1) <= 1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: full_factorial([10] * 5), "has 100000 runs"),
        (lambda: best_fraction(6, 4), "no two-level fraction of 6 factors in 4 runs"),
        (lambda: best_fraction(30), "a two-level fraction of 30 factors"),
        (lambda: plackett_burman(24), "no Plackett-Burman design of 24 factors"),
        (lambda: plackett_burman(9, 8), "no Plackett-Burman design of 9 factors in 8 runs"),
        (lambda: box_behnken(8), "no Box-Behnken design of 8 factors"),
        (lambda: central_composite(3, "round"), "no central composite 'round'"),
        (lambda: central_composite(3, "inscribed", alpha=0.5), "stars inside the cube"),
        (lambda: definitive_screening(1), "a definitive screening of 1 numbers"),
        (lambda: simplex_lattice(20, 8), "no simplex lattice of 20 components"),
        (lambda: simplex_centroid(12), "no simplex centroid of 12 components"),
    ],
)
def test_designs_that_do_not_exist_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidInput, match=message):
        make()
