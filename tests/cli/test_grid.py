"""Tables on narrow terminals: every number is whole, decimal points stand below each other."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from labloop.cli.grid import Grid, Ruled, aligned
from labloop.cli.render import conditions_table, proposals, results_table
from labloop.planner.words import reason_of
from labloop.records import Experiment, Observation, Origin, Prediction, Status
from labloop.spec.models import Spec

MANY = Spec.model_validate(
    {
        "name": "big",
        "parameters": {f"parameter_{i}": {"bounds": [0, 10], "unit": "mol/mol"} for i in range(30)},
        "objectives": {"adhesion": {"goal": "maximize", "unit": "kPa"}, "cost": {"goal": "minimize"}},
    }
)


def _drawn(what: object, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(what)
    return out.getvalue()


def _experiments(*, measured: bool = False) -> list[Experiment]:
    rows = []
    for number in range(1, 4):
        conditions = {f"parameter_{i}": round(0.152 * number + 0.00137 * i, 5) for i in range(30)}
        seen = (Observation(1, {"adhesion": 81.82 * number}),) if measured else ()
        status = Status.COMPLETED if measured else Status.PROPOSED
        rows.append(Experiment(number, status, Origin.PLANNER, conditions, conditions, observations=seen))
    return rows


@pytest.mark.parametrize("width", [200, 100, 80, 40])
def test_a_number_is_never_cut_or_broken_and_no_line_is_too_long(width: int) -> None:
    batch = _experiments()
    text = _drawn(conditions_table(MANY, batch), width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for each in batch:
        assert all(str(value) in words for value in each.planned.values())
    assert "…" not in text


@pytest.mark.parametrize("width", [100, 40])
def test_every_part_of_a_wide_table_begins_with_the_experiment(width: int) -> None:
    text = _drawn(results_table(MANY, _experiments(measured=True), ranked=True), width)
    parts = text.split("\n\n")
    assert len(parts) > 1
    assert all(f"{n}  big#{n}" in part for part in parts for n in (1, 2, 3))
    assert "245.5" in text


def test_headings_break_only_between_name_and_unit() -> None:
    text = _drawn(conditions_table(MANY, _experiments()), 60)
    words = text.split()
    assert words.count("[mol/mol]") == 30
    assert all(f"parameter_{i}" in words for i in range(30))


def test_decimal_points_stand_below_each_other() -> None:
    assert aligned(["0.1", "0.55", "1"], zeros=True) == ["0.10", "0.55", "1.00"]
    assert aligned(["3.2", "147", "81.82"]) == ["  3.2 ", "147   ", " 81.82"]
    assert aligned(["84.2 (n=2)", "9", ""]) == ["84.2 (n=2)", " 9        ", "          "]
    assert aligned(["1e-05", "3"], zeros=True) == ["1e-05", "    3"]
    assert aligned(["20", "35"], zeros=True) == ["20", "35"]


def test_no_line_ends_in_blanks() -> None:
    table = Ruled()
    for heading in ("a", "b"):
        table.add_column(heading)
    table.add_row("x", "y" * 9)
    table.add_row("x" * 5, "")
    grid = Grid(indent=2, caption="always: x")
    grid.add("a", ["x", Text("yy")])
    grid.add("b", ["long enough", ""])
    for what in (table, grid):
        text = _drawn(what, 60)
        assert all(line == line.rstrip() for line in text.splitlines())
    assert "  a   b" in _drawn(grid, 60)


@pytest.mark.parametrize("slot", ["novelty", "learn", "climb", "improve"])
def test_why_does_not_repeat_the_prediction_beside_it(slot: str) -> None:
    predicted = {"adhesion": Prediction(1.0, 0.1, 0.9, 1.234, 2.5), "cost": Prediction(5.0, 1.0, 4.0, 5.5, 6.0)}
    reason = reason_of(slot, distance=0.2, spec=MANY, predicted=predicted, chance=0.3)
    conditions = _experiments()[0].planned
    each = Experiment(
        1,
        Status.PROPOSED,
        Origin.PLANNER,
        conditions,
        conditions,
        slot=slot,
        reason=reason,
        # The ledger keeps them in the order of the alphabet, whatever the order of the spec.
        predictions=dict(reversed(predicted.items())),
    )
    text = " ".join(_drawn(proposals(MANY, [each]), 200).split())
    assert len(re.findall(r"1\.23", text)) == len(re.findall(r"5\.5", text)) == 1
    assert "( " not in text
    assert "()" not in text
