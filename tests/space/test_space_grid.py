"""Conditions to cube and back, exactly; grids that can be dialled."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labloop.errors import InvalidInput, InvalidSpec
from labloop.space import Space
from labloop.spec.models import Spec

GAIN = {"gain": {"goal": "maximize"}}


def space_of(parameters: dict[str, Any], **more: Any) -> Space:
    return Space(Spec.model_validate({"name": "trial", "parameters": parameters, "objectives": GAIN, **more}))


def values(space: Space) -> list[Any]:
    """Return every value of the first parameter, by way of the cube."""
    return [row[space.names[0]] for row in space.decode(np.array([[u] for u in space.columns[0].levels]))]


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["plain", "step", "log", "log step", "integer", "levels", "choice"]))
    places = draw(st.integers(-3, 6))
    low = draw(st.integers(-(10**6), 10**6))
    span = draw(st.integers(1, 10**5))
    scale = float(Decimal(10) ** -places)
    bounds = [low * scale, (low + span) * scale]
    if kind == "plain":
        return {"bounds": bounds}
    if kind == "step":
        return {"bounds": bounds, "step": draw(st.integers(1, span)) * scale * 0.999}
    if kind.startswith("log"):
        bounds = [span * scale, span * scale * draw(st.floats(1.01, 1e9))]
        return {"bounds": bounds, "scale": "log"} | ({"step": (bounds[1] - bounds[0]) / 7} if "step" in kind else {})
    if kind == "integer":
        return {"bounds": [low, low + span], "integer": True}
    if kind == "levels":
        return {"levels": sorted(draw(st.sets(st.floats(1e-6, 1e6), min_size=2, max_size=9))), "scale": "log"}
    return {"choices": draw(st.lists(st.text("abcdefgh", min_size=1), min_size=2, max_size=7, unique=True))}


@settings(max_examples=150, deadline=None)
@given(st.lists(parameters(), min_size=1, max_size=4), st.integers(0, 2**32))
def test_decoding_what_was_encoded_gives_the_same_conditions(kinds: list[dict[str, Any]], seed: int) -> None:
    space = space_of({f"p{i}": each for i, each in enumerate(kinds)} | {"operator": {"value": "robot"}})
    conditions = space.decode(np.random.default_rng(seed).random((20, space.dim)))
    assert space.decode(space.encode(conditions)) == conditions
    assert space.decode(space.encode(conditions), snap=True) == conditions
    assert (space.snap(space.encode(conditions)) == space.encode(conditions)).all()
    assert all(type(value) in (float, int, str) for row in conditions for value in row.values())


@st.composite
def mixtures(draw: st.DrawFn) -> dict[str, Any]:
    total = draw(st.sampled_from([1.0, 100.0, 0.7, 5.0, 1 / 3, 12.5]))
    count = draw(st.integers(2, 6))
    steps = draw(st.lists(st.sampled_from([None, 20, 50, 100, 4]), min_size=count, max_size=count))
    fields: list[dict[str, Any]] = [{"mixture": "blend"} for _ in range(count)]
    for field, step in zip(fields, steps, strict=True):
        if step is not None and total != 1 / 3:
            field["step"] = total / step
        if draw(st.booleans()):
            field["min"] = total * draw(st.sampled_from([0.02, 0.05, 0.1]))
    at_most = draw(st.integers(1, count))
    return {
        "parameters": {f"c{i}": field for i, field in enumerate(fields)},
        "mixtures": {"blend": {"total": total, "at_most": at_most}},
    }


@settings(max_examples=80, deadline=None)
@given(mixtures(), st.integers(0, 2**32))
def test_mixtures_on_the_grid_sum_exactly_and_come_back_the_same(fields: dict[str, Any], seed: int) -> None:
    space = space_of(**fields)
    mixture = space.spec.mixtures["blend"]
    rng = np.random.default_rng(seed)
    snapped = space.snap(rng.uniform(-0.2, 1.2, (30, space.dim)))
    for cube in (snapped, space.sample(30, rng)):
        conditions = space.decode(cube)
        for row in conditions:
            amounts = [float(each) for each in row.values()]
            assert abs(sum(amounts) - mixture.total) <= 1e-12 * mixture.total
            assert sum(each > 0 for each in amounts) <= (mixture.at_most or 6)
        for name, part in fields["parameters"].items():
            present = [float(row[name]) for row in conditions if float(row[name]) > 0]
            assert min(present, default=1e9) >= part.get("min", 0) * (1 - 1e-12)
            ratios = np.array(present) / part.get("step", mixture.total * 1e-9)
            assert np.abs(ratios - np.rint(ratios)).max(initial=0) < 1e-6 or "step" not in part
        assert space.decode(space.encode(conditions)) == conditions
    assert space.feasible(snapped).all()


def test_a_step_counts_from_the_lower_bound_and_prints_well() -> None:
    assert values(space_of({"x": {"bounds": [0.0, 1.0], "step": 0.1}}))[:4] == [0.0, 0.1, 0.2, 0.3]
    assert values(space_of({"x": {"bounds": [0.05, 1.0], "step": 0.3}})) == [0.05, 0.35, 0.65, 0.95]
    assert values(space_of({"x": {"bounds": [-1000.0, 1000.0], "step": 500.0}})) == [-1000, -500, 0, 500, 1000]


def test_without_a_step_values_are_round_decimals_and_both_bounds_are_reachable() -> None:
    space = space_of({"x": {"bounds": [0.01234567, 5.0]}})
    assert space.columns[0].count == 4989
    seen = [row["x"] for row in space.decode(np.linspace(0, 1, 50_000)[:, None])]
    assert min(seen) == 0.01234567
    assert max(seen) == 5.0
    assert all(len(repr(each)) <= 5 for each in seen if each != 0.01234567)


def test_a_log_scale_without_a_step_has_four_significant_digits() -> None:
    space = space_of({"x": {"bounds": [0.00123456, 123.4], "scale": "log"}})
    seen = [float(row["x"]) for row in space.decode(np.random.default_rng(0).random((3000, 1)))]
    assert all(float(f"{each:.4g}") == each for each in seen if each != 0.00123456)
    assert space.decode(np.array([[0.0], [1.0]])) == [{"x": 0.00123456}, {"x": 123.4}]


def test_the_cube_is_linear_in_the_value_or_its_logarithm() -> None:
    space = space_of(
        {
            "a": {"bounds": [20.0, 80.0]},
            "b": {"bounds": [1.0, 100.0], "scale": "log"},
            "c": {"levels": [0.0, 1.0, 4.0]},
            "d": {"choices": ["x", "y", "z"]},
            "e": {"bounds": [1, 5], "integer": True},
        }
    )
    cube = space.encode([{"a": 35.0, "b": 10.0, "c": 1.0, "d": "y", "e": 2}])
    assert cube[0].tolist() == pytest.approx([0.25, 0.5, 0.25, 0.5, 0.25])


def test_executed_values_off_the_grid_and_outside_the_bounds_survive() -> None:
    space = space_of({"a": {"bounds": [20.0, 80.0], "step": 5.0}, "b": {"bounds": [0.1, 100.0], "scale": "log"}})
    executed = [{"a": 33.3, "b": 0.0123456789012}, {"a": 81.25, "b": 250.0}]
    cube = space.encode(executed)
    assert cube[1, 0] > 1
    assert cube[0, 1] < 0
    assert space.decode(cube, snap=False) == executed
    assert space.decode(cube) == [{"a": 35.0, "b": 0.1}, {"a": 80.0, "b": 100.0}]


def test_whole_numbers_stay_whole_up_to_the_largest() -> None:
    space = space_of({"n": {"bounds": [0, 2**53], "integer": True}})
    assert space.decode(space.encode([{"n": 2**53}])) == [{"n": 2**53}]
    assert space.decode(np.array([[0.0]])) == [{"n": 0}]


def test_constants_are_added_and_covariates_are_not() -> None:
    space = space_of({"x": {"bounds": [0.0, 1.0]}, "who": {"value": "robot"}, "room": {"observed": True}})
    assert space.decode(np.array([[0.25]])) == [{"x": 0.25, "who": "robot"}]
    raw = space.raw(np.array([[0.25], [0.5]]))
    assert raw["who"].tolist() == ["robot", "robot"]
    assert raw["x"].tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"x": 0.5}, "no value for s"),
        ({"x": 0.5, "s": "watr"}, "s has no choice 'watr'"),
        ({"x": "much", "s": "water"}, "x is 'much', expected a number"),
        ({"x": float("nan"), "s": "water"}, "x is nan, expected a number"),
    ],
)
def test_encoding_refuses_what_is_no_value(conditions: dict[str, Any], message: str) -> None:
    space = space_of({"x": {"bounds": [0.0, 1.0]}, "s": {"choices": ["water", "EtOH"]}})
    with pytest.raises(InvalidInput, match=message):
        space.encode([conditions])


def test_steps_that_never_sum_to_the_total_are_refused() -> None:
    parts = {"a": {"mixture": "blend", "step": 0.3}, "b": {"mixture": "blend", "step": 0.3}}
    with pytest.raises(InvalidSpec, match=r"multiples of the steps \(a: 0.3, b: 0.3\) never sum to 1"):
        space_of(parts, mixtures={"blend": {}})


def test_one_fine_component_takes_what_coarse_ones_leave() -> None:
    parts = {"a": {"mixture": "blend", "step": 0.3}, "b": {"mixture": "blend", "step": 0.05}, "c": {"mixture": "blend"}}
    space = space_of(parts, mixtures={"blend": {}})
    (row,) = space.decode(np.array([[0.31, 0.33, 0.361]]))
    assert row == {"a": 0.3, "b": 0.35, "c": 0.35} or row == {"a": 0.3, "b": 0.3, "c": 0.4}
