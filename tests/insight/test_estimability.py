"""What can be told apart, what cannot, with what it is entangled, and which experiments would help."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from labloop.insight.augment import extra_runs
from labloop.insight.estimability import Estimability, estimability
from labloop.insight.runs import runs_of
from labloop.insight.terms import Term
from labloop.records import Experiment
from labloop.spec.models import Spec
from tests.insight.conftest import Coded, coded_spec, completed


def verdict(found: Estimability, *names: str, kind: str = "") -> Any:
    term = Term(kind or ("interaction" if len(names) > 1 else "main"), names)  # type: ignore[arg-type]
    return found.of(term)


def factorial(count: int) -> list[tuple[float, ...]]:
    return list(product((-1.0, 1.0), repeat=count))


def test_everything_two_levels_can_show_is_clear_in_a_full_factorial(coded: Coded) -> None:
    found = estimability(coded(factorial(3), np.arange(8.0)))
    assert {each.grade for each in found.verdicts} == {"clear"}
    assert [each.vif for each in found.verdicts] == pytest.approx([1.0] * 6)
    assert found.unresolved == ()
    assert extra_runs(found).conditions == ()


def test_a_half_fraction_names_the_alias_of_every_effect(coded: Coded) -> None:
    # 2^(3-1) with C = AB: Box, Hunter & Hunter (2005), section 6.2; every main effect is a two-factor interaction.
    rows = [(a, b, a * b) for a, b in factorial(2)]
    found = estimability(coded(rows, np.arange(4.0)))
    for one, pair in (("A", "B × C"), ("B", "A × C"), ("C", "A × B")):
        told = verdict(found, one)
        assert told.grade == "conditional"
        assert [each.name for each in told.partners] == [pair]
        assert told.partners[0].correlation == pytest.approx(1.0)
    assert verdict(found, "A", "B").grade == "inseparable"
    assert [each.name for each in verdict(found, "A", "B").partners] == ["C"]
    assert verdict(found, "A", "B").says == "A × B cannot be separated from C."


def test_a_resolution_five_fraction_keeps_interactions_clear_of_each_other(coded: Coded) -> None:
    rows = [(*row, np.prod(row)) for row in factorial(4)]
    found = estimability(coded(rows, np.arange(16.0)))
    assert {each.grade for each in found.verdicts} == {"clear"}


def test_interactions_that_are_each_others_alias_are_inseparable(coded: Coded) -> None:
    # 2^(4-1) with D = ABC, resolution IV: AB = CD, AC = BD, AD = BC (Box, Hunter & Hunter 2005, section 6.5).
    rows = [(*row, np.prod(row)) for row in factorial(3)]
    found = estimability(coded(rows, np.arange(8.0)))
    assert {each.grade for each in found.verdicts if each.term.kind == "main"} == {"clear"}
    assert verdict(found, "A", "B").says == "A × B cannot be separated from C × D."
    assert [each.name for each in verdict(found, "A", "D").partners] == ["B × C"]
    assert len(extra_runs(found).conditions) == 3, "three pairs of aliases need three more experiments"


def test_one_factor_at_a_time_is_recognised_and_its_interactions_are_inseparable(coded: Coded) -> None:
    rows = [(0.0, 0.0, 0.0)] + [tuple(v if i == j else 0.0 for i in range(3)) for j in range(3) for v in (-1, 0.5, 1)]
    found = estimability(coded(rows, np.arange(10.0)))
    assert found.hub is not None
    assert (found.hub.experiment, found.hub.share, found.hub.shows) == (1, 1.0, True)
    assert any("one factor at a time cannot see an interaction" in note for note in found.notes)
    for pair in ("AB", "AC", "BC"):
        assert verdict(found, *pair).grade == "inseparable"
        assert verdict(found, *pair).says.endswith("one was held whenever the other moved.")
    assert verdict(found, "A").separable
    assert verdict(found, "A", kind="quadratic").separable


def test_settings_that_are_a_little_off_do_not_make_an_interaction_visible(coded: Coded) -> None:
    rng = np.random.default_rng(0)
    rows = np.array([[0.2, -0.1]] + [[v, -0.1] for v in (-1, -0.5, 0.6, 1)] + [[0.2, v] for v in (-1, -0.4, 0.5, 1)])
    found = estimability(coded(rows + rng.normal(0, 0.004, rows.shape), np.arange(9.0)))
    told = verdict(found, "A", "B")
    assert told.vif is not None
    assert told.vif > 100
    assert told.grade == "inseparable"


def test_a_factorial_is_not_one_factor_at_a_time(coded: Coded) -> None:
    hub = estimability(coded(factorial(2), np.arange(4.0))).hub
    assert hub is not None
    assert not hub.shows


def test_quadrants_count_the_corners_that_have_experiments(coded: Coded) -> None:
    found = estimability(coded([(-1, -1), (-1, 1), (1, -1), (0.9, -0.9)], np.arange(4.0)))
    (pair,) = found.quadrants
    assert (pair.pair, pair.filled, pair.cells, pair.least) == (("A", "B"), 3, 4, 0)


def with_days(days: list[str]) -> Estimability:
    rows = factorial(2) * 2
    spec = coded_spec(["temperature", "time"])
    experiments = [
        completed(i, dict(zip(("temperature", "time"), row, strict=True)), float(i), extra={"day": day})
        for i, (row, day) in enumerate(zip(rows, days, strict=True), 1)
    ]
    return estimability(runs_of(spec, experiments, "y"))


def test_an_interaction_that_always_fell_on_one_day_cannot_be_separated_from_the_day() -> None:
    days = ["monday" if a * b > 0 else "tuesday" for a, b in factorial(2) * 2]
    told = verdict(with_days(days), "temperature", "time")
    assert told.grade == "inseparable"
    assert told.says.startswith("temperature × time cannot be separated from day")
    assert verdict(with_days(days), "temperature").separable


def test_a_day_that_goes_across_the_factors_confounds_nothing() -> None:
    told = with_days(["monday"] * 4 + ["tuesday"] * 4)
    assert all(each.separable for each in told.verdicts)
    assert all("day" not in [c.name for c in each.circumstances] for each in told.verdicts)


def test_a_factor_that_drifted_with_the_order_is_named() -> None:
    spec = coded_spec(["temperature", "time"])
    rng = np.random.default_rng(1)
    experiments = [
        completed(i, {"temperature": i / 10 - 1, "time": float(rng.uniform(-1, 1))}, float(i)) for i in range(1, 20)
    ]
    told = verdict(estimability(runs_of(spec, experiments, "y")), "temperature")
    assert told.circumstances[0].name == "run order"
    assert told.circumstances[0].correlation > 0.99


def test_replicates_do_not_count_as_conditions(coded: Coded) -> None:
    found = estimability(coded(factorial(2) * 3, np.arange(12.0)))
    assert found.conditions == 4
    assert not any("repeated" in note for note in found.notes)


def mixed(*rows: tuple[float, str], flow: float = 0.5) -> tuple[Spec, list[Experiment]]:
    spec = Spec.model_validate(
        {
            "name": "mixed",
            "parameters": {
                "temperature": {"bounds": [20, 80], "unit": "degC"},
                "salt": {"choices": ["NaCl", "KCl", "LiCl"]},
                "flow": {"bounds": [0, 1]},
            },
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    made = [
        completed(i, {"temperature": t, "salt": salt, "flow": flow}, float(i)) for i, (t, salt) in enumerate(rows, 1)
    ]
    return spec, made


def test_what_never_varied_is_said_and_would_be_varied() -> None:
    spec, made = mixed((20.0, "NaCl"), (80.0, "NaCl"), (80.0, "KCl"), (20.0, "KCl"), (50.0, "LiCl"))
    found = estimability(runs_of(spec, made, "y"))
    assert verdict(found, "flow").grade == "never varied"
    extra = extra_runs(found)
    assert "flow" in extra.resolves
    assert len({each["flow"] for each in extra.conditions} - {0.5}) >= 1


@pytest.mark.parametrize("seed", range(3))
def test_the_extra_experiments_resolve_what_was_not_and_each_is_needed(seed: int, coded: Coded) -> None:
    rng = np.random.default_rng(seed)
    rows = [(0.0,) * 4] + [tuple(v if i == j else 0.0 for i in range(4)) for j in range(4) for v in (-1, 1)]
    runs = coded(rows, rng.normal(size=9))
    found = estimability(runs)
    extra = extra_runs(found, seed=seed)
    assert len(extra.resolves) == 6
    assert extra.remains == ()
    # Six interactions need six more parameters, and no experiment gives more than one.
    assert 6 <= len(extra.conditions) <= 8
    names = [each.name for each in runs.factors]
    more = [[float(each[name]) for name in names] for each in extra.conditions]
    after = estimability(coded(np.vstack([rows, more]), np.zeros(9 + len(more))))
    assert all(verdict(after, *pair).separable for pair in ("AB", "AC", "AD", "BC", "BD", "CD"))


def test_extra_experiments_keep_the_constraints_and_a_mixture_its_sum() -> None:
    spec = Spec.model_validate(
        {
            "name": "blend",
            "parameters": {
                "a": {"mixture": "m"},
                "b": {"mixture": "m"},
                "c": {"mixture": "m"},
                "temperature": {"bounds": [20, 80], "step": 5},
            },
            "mixtures": {"m": {"total": 1}},
            "constraints": ["temperature + 50*a <= 90"],
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    blends = [(0.2, 0.3, 0.5), (0.4, 0.3, 0.3), (0.3, 0.5, 0.2), (0.6, 0.2, 0.2)]
    made = [
        completed(i, {"a": a, "b": b, "c": c, "temperature": 50.0}, float(i)) for i, (a, b, c) in enumerate(blends, 1)
    ]
    extra = extra_runs(estimability(runs_of(spec, made, "y")))
    assert extra.conditions
    for each in extra.conditions:
        assert sum(float(each[name]) for name in "abc") == pytest.approx(1.0)
        assert float(each["temperature"]) + 50 * float(each["a"]) <= 90 + 1e-9


def test_combinations_of_choices_that_were_not_run_are_counted() -> None:
    parameters = {"acid": {"choices": ["x", "y", "z"]}, "salt": {"choices": ["k", "l", "m"]}}
    spec = coded_spec([], parameters=parameters)
    run = [("x", "k"), ("x", "l"), ("y", "l"), ("y", "m"), ("z", "m"), ("z", "k")]
    made = [completed(i, {"acid": a, "salt": s}, float(i)) for i, (a, s) in enumerate(run, 1)]
    told = verdict(estimability(runs_of(spec, made, "y")), "acid", "salt")
    assert told.says == "acid × salt cannot be told apart: only 6 of its 9 combinations were run."
