"""Specs in which nothing can be run are refused, and the contradiction is named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from labloop.errors import InvalidSpec
from labloop.space import check_feasible
from labloop.spec.models import Spec

NUMBERS = {name: {"bounds": [0.0, 10.0]} for name in "ABC"}


def spec_of(parameters: dict[str, Any], *constraints: str, **more: Any) -> Spec:
    fields = {"name": "trial", "parameters": parameters, "objectives": {"gain": {"goal": "maximize"}}}
    return Spec.model_validate({**fields, "constraints": constraints, **more})


def test_a_feasible_spec_passes() -> None:
    check_feasible(spec_of(NUMBERS, "A + B == 3", "C >= 9.5", "A*B <= 2"))


def test_only_the_constraints_that_contradict_each_other_are_named() -> None:
    spec = spec_of(NUMBERS, "A >= 8", "C <= 5", "B >= 8", "A + B <= 12", "if A > 5 then C > 1")
    with pytest.raises(InvalidSpec, match="contradict each other") as caught:
        check_feasible(spec)
    (problem,) = caught.value.problems
    assert [text for text in spec.constraints if repr(text) in problem.message] == ["A >= 8", "B >= 8", "A + B <= 12"]
    assert problem.path == "constraints.0"


def test_a_mixture_is_named_where_it_takes_part() -> None:
    parts = {name: {"mixture": "blend", "required": name == "D"} for name in "ABCD"}
    spec = spec_of(parts, "A <= 0.5", "A + B + C >= 1", mixtures={"blend": {}})
    with pytest.raises(InvalidSpec, match=r"'A \+ B \+ C >= 1'; the mixture blend \(total 1\)"):
        check_feasible(spec)


@pytest.mark.parametrize(
    ("parameters", "constraint"),
    [
        ({name: {"bounds": [0.0, 10.0], "step": 3.0} for name in "AB"}, "A + B == 10"),
        ({name: {"bounds": [0, 10], "integer": True} for name in "AB"}, "2*A + 4*B == 11"),
        ({"A": {"levels": [1.0, 2.0]}, "B": {"choices": ["x", "y"]}}, "1.2 < A < 1.8"),
        ({"A": {"bounds": [1.0, 100.0], "scale": "log"}}, "A > 100"),
        ({"A": {"bounds": [0.0, 1.0]}, "B": {"choices": ["x", "y"]}}, '(B == "x" and A > 1) or (B == "y" and A < 0)'),
    ],
)
def test_a_grid_that_misses_a_constraint_altogether_is_noticed(parameters: dict[str, Any], constraint: str) -> None:
    with pytest.raises(InvalidSpec, match="no experiment within the bounds and steps satisfies"):
        check_feasible(spec_of(parameters, constraint))


def test_every_branch_of_the_conditions_is_closed_before_a_spec_is_refused() -> None:
    parameters = {"s": {"choices": ["water", "EtOH"]}, "A": {"bounds": [0.0, 10.0]}}
    check_feasible(spec_of(parameters, 'if s == "water" then A >= 11', "A == 3"))
    with pytest.raises(InvalidSpec, match="contradict each other"):
        check_feasible(spec_of(parameters, 'if s == "water" then A >= 11', 'if s == "EtOH" then A <= 2', "A == 3"))


def test_a_curved_rule_is_searched_and_the_search_says_so() -> None:
    check_feasible(spec_of(NUMBERS, "A**2 + B**2 + C**2 <= 0.0001"))
    with pytest.raises(InvalidSpec, match=r"no feasible experiment found in [\d,]+ tries for: 'A\*B >= 200'"):
        check_feasible(spec_of(NUMBERS, "A*B >= 200"))


def test_a_candidate_table_without_a_feasible_row_is_refused() -> None:
    table = {"columns": ["A"], "rows": [[1.0], [2.0]]}
    check_feasible(spec_of({"A": {"bounds": [0.0, 10.0]}}, "A > 1", candidates=table))
    with pytest.raises(InvalidSpec, match="none of the 2 rows satisfies the constraints: 'A > 3'"):
        check_feasible(spec_of({"A": {"bounds": [0.0, 10.0]}}, "A > 3", candidates=table))


def test_a_candidate_table_whose_mixture_never_sums_up_is_refused() -> None:
    parts = {name: {"mixture": "blend"} for name in "AB"}
    table = {"columns": ["A", "B"], "rows": [[0.5, 0.4], [0.2, 0.7]]}
    with pytest.raises(InvalidSpec, match="no row of the table has a blend that sums to 1"):
        check_feasible(spec_of(parts, mixtures={"blend": {}}, candidates=table))


def test_an_ordinary_space_loads_no_solver() -> None:
    code = (
        "import sys\n"
        "from labloop.space import check_feasible\n"
        "from labloop.spec.models import Spec\n"
        "check_feasible(Spec.model_validate({'name': 'a', 'parameters': {'x': {'bounds': [0.0, 1.0]}},"
        " 'constraints': ['x <= 0.5'], 'objectives': {'y': {'goal': 'maximize'}}}))\n"
        "print([name for name in ('scipy', 'torch', 'pandas') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("rule", "fix"),
    [
        ("a + b == 1.23456789", "write 1.2 <= a + b <= 1.3"),
        ("a - 2*b == 0.123", "write 0.1 <= a - 2*b <= 0.2"),
        ("c + 2*d == 0.512", "write 0.5 <= c + 2*d <= 0.52"),
        ("a + b == 5", "widen a or b"),
        ("a == a + 1", "widen"),
    ],
)
def test_an_equality_between_two_steps_is_answered_with_the_range_around_it(rule: str, fix: str) -> None:
    parameters = {
        "a": {"bounds": [0, 1], "step": 0.1},
        "b": {"bounds": [0, 1], "step": 0.1},
        **{name: {"mixture": "blend", "min": 0.05, "step": 0.01} for name in "cde"},
    }
    spec = spec_of(parameters, rule, mixtures={"blend": {"total": 1}})
    with pytest.raises(InvalidSpec, match="no experiment within the bounds and steps satisfies") as caught:
        check_feasible(spec)
    hint = caught.value.problems[0].hint
    assert fix in hint
    if hint.startswith("it lies"):
        said = hint.removeprefix("it lies between two steps: write ").partition(", or give")[0]
        check_feasible(spec_of(parameters, said, mixtures={"blend": {"total": 1}}))
