from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labloop.spec.rules import Linear, RuleError, linearise, names_in, parse_rule


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("2*temp + time <= 200", {"temp": 80, "time": 40}, True),
        ("2*temp + time <= 200", {"temp": 80, "time": 41}, False),
        ("0.2 <= a + b <= 0.8", {"a": 0.1, "b": 0.2}, True),
        ("0.2 <= a + b <= 0.8", {"a": 0.05, "b": 0.1}, False),
        ("a + b + c == 1", {"a": 0.1, "b": 0.2, "c": 0.7}, True),
        ("a + b + c == 1", {"a": 0.1, "b": 0.2, "c": 0.70001}, False),
        ('if solvent == "water" then temp <= 95', {"solvent": "water", "temp": 96}, False),
        ('if solvent == "water" then temp <= 95', {"solvent": "EtOH", "temp": 96}, True),
        ('not (base == "NaH" and solvent in ["water", "EtOH"])', {"base": "NaH", "solvent": "EtOH"}, False),
        ('not (base == "NaH" and solvent in ["water", "EtOH"])', {"base": "NaH", "solvent": "DMF"}, True),
        ("temp * time <= 400", {"temp": 20, "time": 20}, True),
        ("a / b <= 2", {"a": 1, "b": 0}, False),
        ("a ≤ 3", {"a": 3}, True),
        ("dose in [0.1, 0.5]", {"dose": 0.5}, True),
        ("yield >= 50 and lambda < 3", {"yield": 60, "lambda": 2}, True),
        ('solvent == "yield"', {"solvent": "yield"}, True),
        ("dose != 0.5", {"dose": 0.5}, False),
    ],
)
def test_a_rule_means_what_a_chemist_reads(text: str, values: dict[str, object], expected: bool) -> None:
    assert bool(parse_rule(text).holds(values)) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("temp =< 5", "is not a rule"),
        ("temp = 5", "is not a rule"),
        ("__import__('os').system('x') == 0", "not something rules can compute with"),
        ("temp + 3", "neither true nor false"),
        ("if temp > 3", "'if' without a 'then'"),
        ("temp in 3", "'in' needs a list"),
        ("a.b <= 3", "not something rules can compute with"),
        ("temp <= 1e300", "out of range"),
        ("(" * 500 + "a" + ")" * 500 + " <= 1", "rule"),
        ("a" * 2000 + " <= 1", "characters"),
        ("lambda: 1", "is not a rule"),
    ],
)
def test_what_is_not_a_rule_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        parse_rule(text)


def test_a_single_equals_sign_is_answered_with_the_double_one() -> None:
    with pytest.raises(RuleError, match="is not a rule") as caught:
        parse_rule("temp = 5")
    assert "==" in caught.value.hint


def test_linear_rules_are_seen_through_brackets_and_both_sides() -> None:
    tree = parse_rule("3 - 2*(temp - time/2) >= time + 1").tree
    assert linearise(tree) == Linear((("temp", -2.0),), ">=", -2.0)
    assert linearise(parse_rule("temp * time <= 4").tree) is None


def test_names_are_found_in_every_corner() -> None:
    tree = parse_rule('if a in [1] and not b == "x" then c/d + 2 < e').tree
    assert list(names_in(tree)) == ["a", "b", "c", "d", "e"]


@given(st.lists(st.tuples(st.floats(-1e3, 1e3, width=32), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=20))
def test_arrays_and_scalars_agree(points: list[tuple[float, float]]) -> None:
    rules = ["2*a - b <= 10", "if a >= 0 then b <= 5", "a / b <= 2", "not (a in [1, 2] or b > 3)"]
    a, b = (np.array(column) for column in zip(*points, strict=True))
    for text in rules:
        rule = parse_rule(text)
        each = [bool(rule.holds({"a": x, "b": y})) for x, y in points]
        assert list(rule.holds({"a": a, "b": b})) == each, text


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    with suppress(RuleError):
        parse_rule(text)
