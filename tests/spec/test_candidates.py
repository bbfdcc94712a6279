"""Candidate tables: long ones are taken as they are, every wrong cell is still named."""

from __future__ import annotations

import math
from typing import Any

import pytest

from labloop.errors import InvalidSpec
from labloop.spec.models import Candidates
from labloop.spec.reader import parse_spec

FIELDS: dict[str, Any] = {
    "schema": "labloop/1",
    "name": "table",
    "parameters": {
        "t": {"bounds": [0, 100]},
        "n": {"bounds": [1, 9], "integer": True},
        "d": {"levels": [0.1, 0.5]},
        "s": {"choices": ["water", "DMSO"]},
        "a": {"mixture": "m", "min": 0.2},
        "b": {"mixture": "m"},
    },
    "mixtures": {"m": {}},
    "objectives": {"y": {"goal": "maximize"}},
}
ROW: list[Any] = [20.0, 3.0, 0.5, "water", 0.4, 0.6]


def table(*rows: list[Any]) -> dict[str, Any]:
    return {**FIELDS, "candidates": {"columns": ["t", "n", "d", "s", "a", "b"], "rows": [ROW, *rows]}}


def test_whole_numbers_and_negative_zeros_are_kept_as_numbers() -> None:
    rows = Candidates.model_validate({"columns": ["a", "b"], "rows": [[1, -0.0], (2.5, "x")]}).rows
    assert rows == ((1.0, 0.0), (2.5, "x"))
    assert [type(value) for value in rows[0]] == [float, float]
    assert math.copysign(1.0, float(rows[0][1])) == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200, True, None, 10**400], ids=lambda value: str(value)[:5])
def test_what_is_no_usual_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidSpec, match="candidates"):
        parse_spec(table([value, *ROW[1:]]))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, 101.0, "t is 101, expected 0 to 100"),
        (1, 2.5, "n is 2.5, expected a whole number"),
        (2, 0.3, "d is 0.3, expected one of 0.1, 0.5"),
        (3, "EtOH", "s has no choice 'EtOH'"),
        (4, 0.1, "a is 0.1, expected 0 or at least 0.2"),
        (5, "much", "b is 'much', expected a number"),
    ],
)
def test_a_cell_that_fits_no_parameter_is_named(column: int, value: object, said: str) -> None:
    wrong = [*ROW]
    wrong[column] = value
    with pytest.raises(InvalidSpec, match=said):
        parse_spec(table(ROW, wrong))
