"""What a design can say, against textbook values and slow computations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from labloop.design import Design, Layout, Request, design
from labloop.design.model import model_of
from labloop.design.power import power_of, powers_of, runs_needed
from labloop.errors import InvalidInput
from labloop.space import Space
from labloop.space.grid import Grid
from tests.design.conftest import numbers, spec_of


def made(parameters: dict[str, Any], **asked: Any) -> Design:
    return design(spec_of(parameters), Request(**asked), seed=1)


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_two_groups_have_the_power_that_cohen_prints(d: float, n: int) -> None:
    # Cohen (1988), table 2.4.1: cases a group for a power of 0.80, two sides, 5 %.
    assert power_of(n * d**2 / 2, 1, 2 * n - 2) >= 0.7995
    assert power_of((n - 1) * d**2 / 2, 1, 2 * n - 4) < 0.8


@pytest.mark.parametrize(("f", "n"), [(0.10, 322), (0.25, 52), (0.40, 21)])
def test_three_groups_have_the_power_that_cohen_prints(f: float, n: int) -> None:
    # Cohen (1988), table 8.4.4, u = 2: cases a group for a power of 0.80.
    assert power_of(3 * n * f**2, 2, 3 * n - 3) == pytest.approx(0.80, abs=0.01)


def test_the_power_of_a_factorial_is_that_of_a_simulation() -> None:
    spec = spec_of(numbers("a", "b", "c"))
    grid = Grid(spec)
    model = model_of(grid, "main")
    corners = Space(spec).encode([{"a": a, "b": b, "c": c} for a in (0, 10) for b in (0, 10) for c in (0, 10)])
    found = powers_of(model, corners, effect=2.5, noise=1.0)
    f = model.columns(corners)
    y = np.random.default_rng(1).standard_normal((20_000, 8)) + f @ [0.0, 1.25, 0.0, 0.0]
    fitted = y @ f / 8
    error = np.sqrt(((y - fitted @ f.T) ** 2).sum(axis=1) / 4 / 8)
    seen = np.abs(fitted[:, 1] / error) > stats.t.ppf(0.975, 4)
    assert found[0].chance == pytest.approx(seen.mean(), abs=0.012)
    assert [each.name for each in found] == ["a", "b", "c"]


def test_a_choice_is_tested_as_a_whole() -> None:
    """One-way analysis of variance: two of three groups differ by the effect, the third lies between."""
    spec = spec_of({"solvent": {"choices": ["u", "v", "w"]}})
    u = Space(spec).encode([{"solvent": each} for each in "uvw" * 6])
    (found,) = powers_of(model_of(Grid(spec), "main"), u, effect=2.0, noise=1.0)
    assert found.chance == pytest.approx(power_of(6 * 2.0, 2, 15))
    assert found.name == "solvent"


def test_an_interaction_counts_alike_however_its_factors_are_written() -> None:
    as_numbers = numbers("a", "b")
    as_choices = {name: {"choices": ["no", "yes"]} for name in "ab"}
    found = [
        made(each, kind="full-factorial", replicates=2, effect=2.0, noise=1.0).powers
        for each in (as_numbers, as_choices)
    ]
    assert [each.chance for each in found[0]] == pytest.approx([each.chance for each in found[1]])
    assert len({round(each.chance or 0, 9) for each in found[0]}) == 1


def test_the_runs_that_an_effect_takes() -> None:
    # Two levels, 2 sd / sqrt(N) a standard error: 36 runs see one sd four times in five, 32 do not.
    n = runs_needed(2, effect=1.0, noise=1.0)
    assert n == 36
    assert power_of(n * 0.25, 1, n - 2) >= 0.8 > power_of((n - 4) * 0.25, 1, n - 6)
    with pytest.raises(InvalidInput, match="takes more than 20000 runs"):
        runs_needed(2, effect=0.001, noise=1.0)


def test_without_degrees_of_freedom_there_is_no_power() -> None:
    found = made(numbers("a", "b"), kind="full-factorial", effect=2.0, noise=1.0)
    assert found.quality.error == 0
    assert [each.chance for each in found.powers] == [None] * 3


def test_an_orthogonal_design_has_the_textbook_measures() -> None:
    q = made(numbers("a", "b", "c"), kind="full-factorial", model="main").quality
    assert q.d_efficiency == pytest.approx(1.0)
    assert q.leverage == pytest.approx([0.5] * 8)
    assert [each.error for each in q.estimates] == pytest.approx([8**-0.5] * 4)
    assert [each.inflation for each in q.estimates[1:]] == pytest.approx([1.0] * 3)
    # Over the cube the mean of 1 + a^2 + b^2 + c^2 is 2, its largest value 4.
    assert q.mean_variance == pytest.approx(2 / 8, rel=0.05)
    assert q.worst_variance == pytest.approx(4 / 8)


def test_the_leverage_sums_up_to_the_terms() -> None:
    q = made(numbers("a", "b", "c"), kind="central-composite").quality
    assert sum(q.leverage) == pytest.approx(10)
    assert q.pure == 5


def test_plackett_burman_spreads_interactions_by_thirds() -> None:
    # Montgomery, section 8.6.3: in 12 runs every interaction is in the alias chain of each other factor, by 1/3.
    q = made(numbers(*"abcdefghijk"), kind="plackett-burman", runs=12).quality
    mains = [each for each in q.aliases if each.term != "constant"]
    assert {round(abs(each.share), 6) for each in mains} == {round(1 / 3, 6)}
    assert len([each for each in mains if each.term == "a"]) == 45  # of 55 pairs, the 10 with a itself left out


def test_a_fraction_has_the_aliases_in_its_alias_matrix() -> None:
    found = made(numbers(*"abcde"), kind="fractional-factorial", runs=8)
    shares = {(each.term, each.partner): each.share for each in found.quality.aliases}
    assert shares["a", "b × d"] == pytest.approx(1.0)  # D = AB
    assert shares["a", "c × e"] == pytest.approx(1.0)  # E = AC
    assert ("a", "b × c") not in shares


def test_what_cannot_be_estimated_is_lost_not_guessed() -> None:
    found = made(numbers("a", "b"), kind="one-factor-at-a-time", model="interactions")
    assert found.quality.lost
    assert "a × b" in found.quality.lost
    assert found.quality.d_efficiency == 0
    assert found.quality.mean_variance is None
    assert next(each.error for each in found.quality.estimates if each.term == "a × b") is None


def test_pure_error_counts_repeats_only() -> None:
    q = made(numbers("a", "b", "c"), kind="box-behnken").quality
    assert (q.n, q.p, q.error, q.pure) == (15, 10, 5, 2)


def test_blocks_cost_degrees_of_freedom_and_what_is_mixed_up_with_them() -> None:
    """Blocks are terms like others: compared with the model that has a column a block."""
    asked: dict[str, Any] = {"kind": "full-factorial", "effect": 2.0, "noise": 1.0, "model": "main"}
    plain = made(numbers("a", "b", "c"), **asked)
    blocked = made(numbers("a", "b", "c"), **asked, layout=Layout(blocks=4))
    assert (plain.quality.error, blocked.quality.error) == (4, 1)
    assert all((b.chance or 0) < (p.chance or 0) for b, p in zip(blocked.powers, plain.powers, strict=True))
    assert blocked.quality.d_efficiency == pytest.approx(1.0)
    pairs = made(numbers("a", "b", "c"), kind="full-factorial", model="interactions", layout=Layout(blocks=4)).quality
    assert pairs.lost  # four blocks of two have three contrasts, and ABC is only one that is free


def test_what_is_judged_between_whole_plots_gets_no_power() -> None:
    parameters = {**numbers("a", change="hard"), **numbers("b", "c")}
    found = made(parameters, kind="full-factorial", replicates=2, effect=2.0, noise=1.0)
    chances = {each.name: each.chance for each in found.powers}
    assert chances["a"] is None
    assert chances["b"] is not None
    assert chances["a × b"] is not None
