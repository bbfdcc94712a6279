"""Depth: 1 in the centre of what is feasible, 0 on its boundary, whatever its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labloop.space import Space
from labloop.spec.models import Spec


def space_of(parameters: dict[str, Any], *constraints: str, **more: Any) -> Space:
    fields = {"name": "trial", "parameters": parameters, "objectives": {"gain": {"goal": "maximize"}}}
    return Space(Spec.model_validate({**fields, "constraints": constraints, **more}))


def box(dim: int) -> dict[str, Any]:
    return {f"x{j}": {"bounds": [0.0, 1.0]} for j in range(dim)}


def blend(parts: int, **fields: Any) -> dict[str, Any]:
    return {f"c{j}": {"mixture": "blend", **fields} for j in range(parts)}


def test_in_a_box_depth_is_the_share_of_the_way_to_the_nearest_bound() -> None:
    rows = np.array([[0.5, 0.5], [0.12, 0.5], [0.5, 0.94], [0.0, 0.3]])
    assert space_of(box(2)).depth(rows).tolist() == pytest.approx([1.0, 0.24, 0.12, 0.0])


def test_a_mixture_is_deep_where_every_component_has_its_share() -> None:
    space = space_of(blend(3), mixtures={"blend": {}})
    depth = space.depth(np.array([[1 / 3, 1 / 3, 1 / 3], [0.92, 0.04, 0.04], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]))
    assert depth[0] > 0.85
    assert depth[1] == pytest.approx(0.12, abs=0.02)
    assert depth[2:].tolist() == [0.0, 0.0]


def test_a_linear_rule_is_a_wall_like_any_other() -> None:
    space = space_of(box(2), "x0 + x1 <= 0.8")
    rows = space.sample(400, np.random.default_rng(0))
    depth = space.depth(rows)
    gap = 0.8 - rows.sum(axis=1)
    assert depth[gap < 0.02].max() < 0.1
    centroid = np.array([[0.8 / 3, 0.8 / 3]])
    assert space.depth(np.vstack([centroid, rows]))[0] > 0.85
    # The centroid of a triangle, shrunk by 12 % towards itself, leaves (1 - 0.12)^2 of the area.
    assert (depth >= 0.12).mean() == pytest.approx(0.88**2, abs=0.07)


def test_where_few_components_are_allowed_only_those_present_count() -> None:
    space = space_of(blend(4), mixtures={"blend": {"at_most": 2}})
    depth = space.depth(np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.97, 0.0, 0.03], [0.0, 0.0, 1.0, 0.0]]))
    assert depth[0] > 0.7
    assert depth[1] < 0.1
    assert depth[2] == 0.0


def test_an_amount_at_its_least_lies_on_the_boundary_and_none_of_it_does_not() -> None:
    space = space_of(blend(3, min=0.1), mixtures={"blend": {}})
    depth = space.depth(np.array([[0.1, 0.4, 0.5], [0.0, 0.45, 0.55]]))
    assert depth[0] == pytest.approx(0.0, abs=1e-9)
    assert depth[1] > 0.4


def test_columns_that_are_held_do_not_count() -> None:
    rows = np.array([[0.0, 0.5], [0.0, 0.25]])
    assert space_of(box(2)).depth(rows).tolist() == pytest.approx([1.0, 0.5])
