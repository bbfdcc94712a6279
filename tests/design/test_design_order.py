"""Run sheets: blocks, whole plots, controls, centre points, and chance that follows from a seed."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from labloop.design import Design, Request, design
from labloop.design.blocks import _between, into_blocks
from labloop.design.coded import full_factorial
from labloop.design.order import Layout
from labloop.errors import InvalidInput
from tests.design.conftest import numbers, spec_of


def made(names: str, layout: Layout, *, hard: str = "", **asked: Any) -> Design:
    parameters = numbers(*names)
    for name in hard:
        parameters[name] = {**parameters[name], "change": "hard"}
    return design(spec_of(parameters), Request(layout=layout, **{"kind": "full-factorial", **asked}), seed=3)


def effects(found: Design, block: int) -> dict[str, float]:
    """Sums of every effect's column over one block, in coded units."""
    rows = np.array([list(run.conditions.values()) for run in found.runs if run.block == block], dtype=float) / 5 - 1
    names = list(found.runs[0].conditions)
    return {
        "".join(names[j] for j in chosen): float(rows[:, chosen].prod(axis=1).sum())
        for size in range(1, len(names) + 1)
        for chosen in combinations(range(len(names)), size)
    }


def test_two_blocks_of_a_two_cubed_factorial_confound_the_highest_interaction_only() -> None:
    # Montgomery, section 7.4; Box, Hunter & Hunter (2005), section 5.16: blocks by the sign of ABC.
    found = made("abc", Layout(blocks=2))
    sums = effects(found, 1)
    assert abs(sums.pop("abc")) == 4
    assert set(sums.values()) == {0}
    assert found.confounded == ()


def test_four_blocks_of_a_two_to_the_five_keep_main_effects_clear() -> None:
    # Montgomery, table 7.9: 2^5 in four blocks of eight, main effects clear (by ADE and BCE, and with them ABCD).
    found = made("abcde", Layout(blocks=4))
    assert all(effects(found, block)[name] == 0 for block in range(1, 5) for name in "abcde")
    assert not [each for each in found.confounded if "×" not in each.term]


def test_what_blocks_take_away_is_stated() -> None:
    # Eight blocks of two: of seven contrasts between blocks, at least some hit a two-factor interaction.
    found = made("abcd", Layout(blocks=8))
    assert found.confounded
    assert all(0 < each.share <= 1 for each in found.confounded)


def test_interchange_finds_the_best_split() -> None:
    """The slow way: every split of eight runs into two fours."""
    f = np.random.default_rng(1).standard_normal((8, 3))
    weights = np.array([1.0, 0.5, 0.1])
    x = (f - f.mean(axis=0)) / np.sqrt((f * f).sum(axis=0)) * np.sqrt(weights)
    splits = [np.isin(np.arange(8), chosen).astype(int) for chosen in combinations(range(8), 4)]
    best = min(_between(x, split, np.array([4.0, 4.0])) for split in splits)
    ours = into_blocks(f, weights, [4, 4], np.random.default_rng(2))
    assert _between(x, ours, np.array([4.0, 4.0])) == pytest.approx(best)


def test_blocks_follow_each_other_and_hold_equally_many_centre_points() -> None:
    found = made("abcd", Layout(blocks=2), centres=6)
    assert [run.block for run in found.runs] == [1] * 11 + [2] * 11
    for block in (1, 2):
        places = [i for i, run in enumerate(r for r in found.runs if r.block == block) if run.point == "centre"]
        assert places == [0, 5, 10]


def test_controls_open_and_close_every_block() -> None:
    found = made("abc", Layout(blocks=2, controls=4), control={"a": 2.0})
    points = [run.point for run in found.runs]
    assert [i for i, point in enumerate(points) if point == "control"] == [0, 5, 6, 11]
    controls = [dict(run.conditions) for run in found.runs if run.point == "control"]
    assert controls == [{"a": 2, "b": 5, "c": 5}] * 4
    assert all(run.order is None for run in found.runs if run.point == "control")


def test_a_control_that_cannot_be_run_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a cannot be held at 11"):
        made("abc", Layout(controls=1), control={"a": 11.0})


def test_the_order_is_random_follows_from_the_seed_and_keeps_the_design_order() -> None:
    one, other = made("abcd", Layout()), made("abcd", Layout())
    order = [run.order for run in one.runs]
    assert order == [run.order for run in other.runs]
    assert order != sorted(order, key=lambda each: each or 0)
    assert [tuple(run.conditions.values()) for run in sorted(one.runs, key=lambda run: run.order or 0)] == [
        tuple((row + 1) * 5) for row in full_factorial([2] * 4).runs
    ]


def test_every_order_is_about_equally_likely() -> None:
    spec = spec_of(numbers("a", "b"))
    first = [design(spec, Request(kind="full-factorial"), seed=seed).runs[0].order for seed in range(400)]
    counts = np.bincount(np.array(first, dtype=int), minlength=5)[1:]
    assert ((counts - 100) ** 2 / 100).sum() < 16.3  # chi squared with 3 degrees of freedom, 0.1 %


def test_in_order_is_in_order() -> None:
    found = made("abc", Layout(random=False), centres=2)
    assert [run.order for run in found.runs] == list(range(1, 11))


def test_what_is_hard_to_change_is_set_once_a_whole_plot() -> None:
    found = made("abc", Layout(), hard="a")
    plots = [(run.plot, run.conditions["a"]) for run in found.runs]
    assert len(set(plots)) == 2
    assert plots == sorted(plots, key=lambda pair: pair[0] or 0)
    assert any("nothing tells its effect from chance between whole plots: --plots 4" in note for note in found.notes)


def test_more_whole_plots_are_balanced_against_the_other_factors() -> None:
    found = made("abc", Layout(plots=4), hard="a")
    for plot in range(1, 5):
        rows = [run for run in found.runs if run.plot == plot]
        assert len(rows) == 2
        assert len({run.conditions["a"] for run in rows}) == 1
        assert {run.conditions["b"] for run in rows} == {run.conditions["c"] for run in rows} == {0, 10}
    assert any("2 degrees of freedom between whole plots" in note for note in found.notes)


def test_controls_never_break_up_a_whole_plot() -> None:
    found = made("abc", Layout(controls=3), hard="a")
    plots = [run.plot for run in found.runs]
    assert plots == [None, 1, 1, 1, 1, None, 2, 2, 2, 2, None]


def test_replicates_are_whole_designs() -> None:
    found = made("ab", Layout(), replicates=3)
    conditions = [tuple(run.conditions.values()) for run in found.runs]
    assert {conditions.count(each) for each in conditions} == {3}
    assert found.quality.pure == 8


@pytest.mark.parametrize(
    ("layout", "hard", "message"),
    [
        (Layout(blocks=9), "", "9 blocks for 8 runs"),
        (Layout(plots=4), "", "no factor is hard to change"),
        (Layout(plots=1), "a", "this design needs 2"),
        (Layout(plots=9), "a", "has 8 runs"),
    ],
)
def test_layouts_that_cannot_be_are_refused(layout: Layout, hard: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        made("abc", layout, hard=hard)
    assert message in f"{caught.value.message} {caught.value.hint}"


def test_chance_decides_which_half_is_run_first() -> None:
    spec = spec_of(numbers("a", "b", "c"))
    request = Request(kind="full-factorial", layout=Layout(blocks=2))
    signs = [
        np.prod([float(v) - 5 for v in design(spec, request, seed=s).runs[0].conditions.values()]) for s in range(40)
    ]
    assert 8 < sum(sign > 0 for sign in signs) < 32
