"""What random campaigns and tortures found, kept as small as it could be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from labloop.planner import plan
from labloop.planner.kernel import Layered, Layout, group_distances
from labloop.records import Conditions, Experiment, Proposal
from labloop.space import Space
from labloop.spec.models import Spec

Result = Callable[..., Experiment]
Faults = Callable[[Spec, Proposal, Sequence[Experiment], Sequence[Conditions]], list[str]]


def spec_of(parameters: dict[str, Any], **fields: Any) -> Spec:
    return Spec.model_validate(
        {"name": "found", "parameters": parameters, "objectives": {"y": {"goal": "maximize"}}, **fields}
    )


def test_an_experiment_far_outside_the_bounds_beside_choices(result: Result, faults: Faults) -> None:
    """A factor of the kernel vanished, and 0 was divided by 0."""
    spec = spec_of({"x": {"bounds": [1e5, 1e5 + 2]}, "s": {"choices": ["a", "b"]}}, planner={"start": 2})
    rows = [{"x": 1e5 + i / 4, "s": "ab"[i % 2]} for i in range(8)] + [{"x": 9.9e4, "s": "a"}]
    observed = [result(i, each, {"y": float(i % 5)}) for i, each in enumerate(rows, 1)]
    assert faults(spec, plan(spec, observed, [], 3, 0), observed, []) == []


def test_a_vanished_factor_has_no_slope() -> None:
    kernel = Layered(Layout(np.array([0, 1, 1]), np.array([False, True])))
    rows = np.array([[0.0, 0.5**0.5, 0.0], [1e6, 0.0, 0.5**0.5]])
    value, pull = kernel.gram(group_distances(rows, kernel.layout), kernel.prior()[0])
    assert np.isfinite(value).all()
    assert np.isfinite(pull(np.ones(3))).all()


def test_a_grid_point_beside_which_something_was_executed_is_still_open(result: Result) -> None:
    """The space-filling start took 0.4998 for 0.5, the planner did not: a batch came up short."""
    parameters = {"a": {"levels": [0.0, 1.0]}, "t": {"bounds": [0.1, 0.5], "step": 0.1, "change": "hard"}}
    spec = spec_of(parameters)
    space = Space(spec)
    every = space.enumerate(100)
    assert every is not None
    rest = [each for each in space.decode(every) if each["t"] != 0.5]
    observed = [result(i, each, None) for i, each in enumerate([*rest, {"a": 0.0, "t": 0.4998}], 1)]
    proposal = plan(spec, observed, [], 2, 0)
    assert sorted(float(each.conditions["a"]) for each in proposal.experiments) == [0.0, 1.0]
    assert {each.conditions["t"] for each in proposal.experiments} == {0.5}


def test_replicates_and_errors_of_any_size_leave_float64_nowhere(result: Result, faults: Faults) -> None:
    """Squares of 1e-200 are 0, those of 1e160 are infinite."""
    for unit in (1e-200, 1e140):
        goal = {"goal": "maximize", "error": 1e140}
        spec = spec_of({"x": {"bounds": [0.0, 1.0]}}, objectives={"y": {"goal": "maximize"}, "z": goal})
        rows = [{"x": (i // 2) / 8} for i in range(16)]
        observed = [result(i, each, {"y": unit * (i + each["x"]), "z": unit * i}) for i, each in enumerate(rows, 1)]
        assert faults(spec, plan(spec, observed, [], 2, 0), observed, []) == []
