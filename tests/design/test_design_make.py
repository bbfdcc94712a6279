"""Designs over a campaign's own space: placed on its grid, refused or repaired, judged, chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labloop.design import Design, Request, design
from labloop.design.words import KINDS
from labloop.errors import InvalidInput, InvalidTable
from labloop.space import Space
from labloop.spec.models import Spec
from tests.design.conftest import numbers, spec_of

REACTION = {
    "temperature": {"bounds": [20, 80], "step": 5},
    "time": {"bounds": [1, 100], "scale": "log"},
    "equivalents": {"bounds": [1, 3]},
}


def made(spec: Spec, **asked: Any) -> Design:
    return design(spec, Request(**asked), seed=7)


def values(found: Design, name: str) -> list[Any]:
    return [run.conditions[name] for run in found.runs]


def test_levels_lie_on_the_grid_and_log_scales_have_their_geometric_middle() -> None:
    found = made(spec_of(REACTION), kind="box-behnken")
    assert set(values(found, "temperature")) == {20, 50, 80}
    assert set(values(found, "time")) == {1, 10, 100}
    assert set(values(found, "equivalents")) == {1, 2, 3}


def test_levels_that_are_off_the_grid_are_moved_and_said() -> None:
    spec = spec_of({"temperature": {"bounds": [20, 85], "step": 5}, **numbers("a", "b")})
    found = made(spec, kind="box-behnken")
    assert set(values(found, "temperature")) == {20, 50, 85}
    assert any("temperature 52.5 is not on its grid: 50 is used" in note for note in found.notes)


def test_listed_levels_are_taken_in_their_order() -> None:
    spec = spec_of({"dose": {"levels": [0.1, 0.5, 2.5]}, **numbers("a", "b")})
    assert set(values(made(spec, kind="box-behnken"), "dose")) == {0.1, 0.5, 2.5}


def test_a_factorial_runs_every_option_of_a_choice() -> None:
    spec = spec_of({"solvent": {"choices": ["water", "EtOH", "DMSO"]}, **numbers("a")})
    found = made(spec, kind="full-factorial", levels=3)
    assert len({tuple(run.conditions.values()) for run in found.runs}) == 9


def test_runs_that_break_a_rule_are_refused_with_the_rule() -> None:
    spec = spec_of(REACTION, constraints=["2*temperature + time <= 200"])
    with pytest.raises(InvalidTable, match=r"temperature 80, time 100, .*cannot be run: 2\*temperature \+ time <= 200"):
        made(spec, kind="full-factorial")


def test_repair_moves_only_those_runs_and_says_where_to() -> None:
    spec = spec_of(REACTION, constraints=["2*temperature + time <= 200"])
    found = made(spec, kind="full-factorial", repair=True)
    whole = made(spec_of(REACTION), kind="full-factorial")
    here = {run.order: dict(run.conditions) for run in found.runs}
    there = {run.order: dict(run.conditions) for run in whole.runs}
    moved = [order for order, conditions in here.items() if conditions != there[order]]
    assert moved == [each for each in here if there[each]["temperature"] == 80 and there[each]["time"] == 100]
    assert len([note for note in found.notes if "is run instead" in note]) == len(moved) == 2
    space = Space(spec)
    assert space.feasible(space.encode([run.conditions for run in found.runs])).all()


def test_stars_outside_the_bounds_are_refused_by_name() -> None:
    with pytest.raises(InvalidTable, match=r"equivalents 0\.3182 is outside its bounds 1 to 3"):
        made(spec_of(REACTION), kind="central-composite", form="circumscribed")
    inside = made(spec_of(REACTION), kind="central-composite", form="inscribed")
    assert min(values(inside, "equivalents")) == 1
    assert max(values(inside, "equivalents")) == 3


MIXTURE = {name: {"mixture": "m", "step": 0.01} for name in "ABC"}


@pytest.mark.parametrize("kind", ["full-factorial", "plackett-burman", "box-behnken", "latin-hypercube"])
def test_shares_are_mixed_by_mixture_designs_only(kind: str) -> None:
    with pytest.raises(InvalidInput, match="A is a share of a mixture"):
        made(spec_of(MIXTURE, mixtures={"m": {}}), kind=kind)


def test_mixture_designs_are_for_mixtures_only() -> None:
    with pytest.raises(InvalidInput, match="a simplex-lattice design is for one mixture and nothing else"):
        made(spec_of({**MIXTURE, **numbers("x")}, mixtures={"m": {}}), kind="simplex-lattice")


def test_a_lattice_covers_what_the_least_amounts_leave() -> None:
    parts = {
        name: {"mixture": "m", "min": low, "required": True} for name, low in zip("ABC", (0.4, 0.2, 0.1), strict=True)
    }
    found = made(spec_of(parts, mixtures={"m": {"total": 1}}), kind="simplex-lattice")
    blends = sorted(tuple(run.conditions.values()) for run in found.runs)
    # Cornell's pseudo-components: 0.3 is left to be shared.
    expected = [
        (0.4, 0.2, 0.4),
        (0.4, 0.35, 0.25),
        (0.4, 0.5, 0.1),
        (0.55, 0.2, 0.25),
        (0.55, 0.35, 0.1),
        (0.7, 0.2, 0.1),
    ]
    assert np.array(blends, dtype=float) == pytest.approx(np.array(expected))


def test_thirds_are_rounded_to_the_step_and_still_sum_up() -> None:
    found = made(spec_of(MIXTURE, mixtures={"m": {}}), kind="simplex-centroid")
    middle = [run for run in found.runs if min(float(v) for v in run.conditions.values()) > 0.3]
    assert sorted(float(v) for v in middle[0].conditions.values()) == [0.33, 0.33, 0.34]
    assert "Shares were rounded to the steps of the mixture." in found.notes


def test_part_of_a_mixture_is_held_and_the_rest_is_shared_out() -> None:
    parts = {name: {"mixture": "m", "step": 0.05} for name in "ABC"}
    found = made(spec_of(parts, mixtures={"m": {}}), kind="simplex-lattice", hold={"A": 0.2})
    assert sorted(values(found, "B")) == [0, 0.4, 0.8]
    assert set(values(found, "A")) == {0.2}


def test_a_search_that_would_take_an_hour_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="the 466 terms of the interactions model is too large"):
        made(spec_of(numbers(*(f"x{i}" for i in range(30)))), kind="d-optimal")


def test_blends_of_too_many_components_are_refused_and_repaired() -> None:
    spec = spec_of(MIXTURE, mixtures={"m": {"at_most": 2}})
    with pytest.raises(InvalidTable, match="m has at most 2 components, not 3"):
        made(spec, kind="simplex-centroid")
    assert len(made(spec, kind="simplex-centroid", repair=True).runs) == 7


def test_what_does_not_vary_is_held_where_it_is_said() -> None:
    spec = spec_of({**REACTION, "solvent": {"choices": ["water", "EtOH", "DMSO"]}})
    found = made(spec, kind="full-factorial", factors=("temperature", "time"), hold={"solvent": "DMSO"})
    assert len(found.runs) == 4
    assert set(values(found, "solvent")) == {"DMSO"}
    assert set(values(found, "equivalents")) == {2}
    assert found.notes == ("equivalents does not vary; it is held at 2.",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "which design"),
        ({"kind": "taguchi"}, "no design 'taguchi'"),
        ({"goal": "optimise"}, "no goal 'optimise'"),
        ({"kind": "d-optimal", "model": "cubic"}, "no model 'cubic'"),
        ({"kind": "d-optimal", "runs": 3}, "has 7 terms, and 3 runs cannot estimate them"),
        ({"kind": "box-behnken", "hold": {"time": 7}, "factors": ("temperature",)}, "no Box-Behnken design of 1"),
        ({"kind": "full-factorial", "hold": {"time": 700}}, "time cannot be held at 700"),
        ({"kind": "full-factorial", "factors": ("pressure",)}, "'pressure' does not vary"),
        ({"kind": "full-factorial", "factors": ("time",), "hold": {"time": 10}}, "time is to vary and to be held"),
        ({"kind": "full-factorial", "effect": 2.0}, "power needs both"),
        ({"kind": "full-factorial", "effect": 2.0, "noise": -1.0}, "an effect of 2 against a noise of -1"),
        ({"kind": "full-factorial", "augment": True}, "nothing was run yet"),
        ({"kind": "full-factorial", "replicates": 0}, "replicates is 0"),
        ({"kind": "full-factorial", "replicates": 300}, "a design of 2400 runs"),
    ],
)
def test_what_cannot_be_is_refused_with_a_fix(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        made(spec_of(REACTION), **asked)
    assert caught.value.hint


def test_only_optimal_designs_augment() -> None:
    ran = [{"temperature": 50, "time": 10.0, "equivalents": 2.0}]
    with pytest.raises(InvalidInput, match="a full-factorial design takes no account of what was run"):
        design(spec_of(REACTION), Request(kind="full-factorial", augment=True), seed=1, ran=ran)


def test_augmenting_a_one_factor_series_adds_what_it_could_not_see() -> None:
    series = [{"a": x, "b": 0.0} for x in (0.0, 10.0)] + [{"a": 0.0, "b": 10.0}]
    request = Request(kind="d-optimal", model="interactions", runs=1, augment=True)
    found = design(spec_of(numbers("a", "b")), request, seed=1, ran=series)
    assert dict(found.runs[0].conditions) == {"a": 10, "b": 10}
    assert found.quality.n == 4
    assert not found.quality.lost


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("simplex")])
def test_every_kind_is_made_and_says_what_it_cannot_see(kind: str) -> None:
    found = made(spec_of(REACTION), kind=kind, runs=16 if kind in ("sobol", "latin-hypercube") else None)
    assert found.kind == kind
    assert found.sees
    assert found.blind
    assert sorted(run.order for run in found.runs if run.order) == list(range(1, len(found.runs) + 1))


def test_one_factor_at_a_time_is_warned_of() -> None:
    assert "Any interaction" in made(spec_of(REACTION), kind="one-factor-at-a-time").blind


def test_sobol_points_that_break_a_rule_are_passed_over() -> None:
    found = made(spec_of(REACTION, constraints=["2*temperature + time <= 150"]), kind="sobol", runs=16)
    assert len(found.runs) == 16
    assert all(2 * run.conditions["temperature"] + run.conditions["time"] <= 150 for run in found.runs)  # type: ignore[operator]
    assert any("were passed over" in note for note in found.notes)


def test_screening_many_numbers_is_definitive() -> None:
    found = made(spec_of(numbers(*"abcdef")), goal="screen")
    assert (found.kind, len(found.runs)) == ("definitive-screening", 13)
    assert found.advice is not None
    assert found.advice.why


@pytest.mark.parametrize(
    ("goal", "runs", "kind"),
    [
        ("screen", 12, "plackett-burman"),
        ("screen", 8, "plackett-burman"),
        ("screen", 7, "d-optimal"),
        ("interactions", None, "fractional-factorial"),
        ("interactions", 25, "d-optimal"),
        ("response-surface", None, "box-behnken"),
        ("response-surface", 40, "i-optimal"),
    ],
)
def test_the_goal_and_the_runs_decide(goal: str, runs: int | None, kind: str) -> None:
    found = made(spec_of(numbers(*"abcdef")), goal=goal, runs=runs)
    assert found.kind == kind
    assert runs is None or len(found.runs) <= runs


def test_for_a_goal_the_runs_are_those_of_all_replicates() -> None:
    found = made(spec_of(numbers(*"abcd")), goal="screen", runs=20, replicates=2)
    assert found.advice is not None
    assert len(found.runs) <= 20
    assert next(each for each in found.advice.options if each.kind == "fractional-factorial").runs == 16


def test_with_too_few_runs_the_fewest_are_named() -> None:
    with pytest.raises(InvalidInput, match="no design for screen of 6 parameters in 5 runs") as caught:
        made(spec_of(numbers(*"abcdef")), goal="screen", runs=5)
    assert "at least 7 runs" in caught.value.hint


def test_rules_that_cut_corners_off_lead_to_an_optimal_design() -> None:
    spec = spec_of(REACTION, constraints=["2*temperature + time <= 200"])
    found = made(spec, goal="screen")
    assert found.kind == "d-optimal"
    assert found.advice is not None
    refused = next(each for each in found.advice.options if each.kind == "fractional-factorial")
    assert not refused.serves
    assert "break a rule (2*temperature + time <= 200)" in refused.says


def test_mixtures_get_blends_and_mixed_spaces_an_optimal_design() -> None:
    blends = spec_of(MIXTURE, mixtures={"m": {}})
    assert made(blends, goal="interactions").kind == "simplex-lattice"
    assert made(blends, goal="response-surface").kind == "simplex-centroid"
    assert made(spec_of({**MIXTURE, **numbers("x")}, mixtures={"m": {}}), goal="interactions").kind == "d-optimal"


def test_the_design_is_repeated_for_the_power_that_is_asked_for() -> None:
    found = made(spec_of(numbers("a", "b", "c")), goal="screen", effect=1.0, noise=1.0)
    assert len([run for run in found.runs if run.point == "design"]) == 40  # 36 are needed, in whole eights
    assert all(each.chance is not None and each.chance > 0.8 for each in found.powers if " " not in each.name)


def test_a_chosen_design_can_be_made_again_from_its_settings() -> None:
    spec = spec_of(numbers(*"abcd"))
    one, other = (made(spec, goal="interactions", runs=20) for _ in range(2))
    assert one == other
    assert one.runs != design(spec, Request(goal="interactions", runs=20), seed=8).runs
