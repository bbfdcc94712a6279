"""What can be typed into labloop loop, line by line, and what it answers."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from tests.cli.conftest import Cli

ONE = """\
schema: labloop/1
name: glue
parameters:
  temperature: {bounds: [20, 80], step: 5, unit: degC}
  dose: {levels: [1, 2, 5]}
objectives:
  adhesion: {goal: maximize, unit: kPa}
planner: {batch: 2, budget: 30}
"""


class Sat:
    """A campaign at which lines are typed."""

    def __init__(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cli, self._patch = cli, monkeypatch

    def __call__(self, *lines: str) -> str:
        """Type the lines, then end the input; return all that was said."""
        self._patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        self.cli("loop")
        return " ".join(self.cli.err.split())

    def experiment(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.cli.json("show", str(number))["data"]["experiments"][0]
        return found

    def outcomes(self, number: int) -> list[dict[str, float]]:
        return [each["outcomes"] for each in self.experiment(number)["observations"]]

    @property
    def proposed(self) -> int:
        return len(self.cli.json("show")["data"]["experiments"])


@pytest.fixture
def several(reaction: Cli, monkeypatch: pytest.MonkeyPatch) -> Sat:
    """Two outcomes, three experiments open."""
    return Sat(reaction, monkeypatch)


@pytest.fixture
def glue(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Sat:
    """One outcome with a unit, two experiments open."""
    (cli.folder / "campaigns" / "glue.yaml").write_text(ONE)
    cli("suggest")
    return Sat(cli, monkeypatch)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fail pump", "'pump' is not a kind of failure; known: infeasible, equipment, operator, qc"),
        ("fail pump", "fix: for instance: fail equipment pump"),
        ("veto", "a veto needs a reason"),
        ("file", "which file?"),
        ("file .", "is a folder"),
        ("more abc", "more abc: expected a number of experiments, 1 to 384"),
        ("more 0", "expected a number of experiments, 1 to 384"),
        ("more -3", "expected a number of experiments, 1 to 384"),
        ("more 9999", "expected a number of experiments, 1 to 384"),
        ("3.2 MPa", "adhesion: '3.2 MPa' is in MPa, expected kPa fix: convert it to kPa"),
        ("adhesion=", "adhesion= has no value behind it"),
        ("3.2 adhesion=4", "'3.2' belongs to no name"),
        ("adhesoin=4", "no outcome 'adhesoin' fix: did you mean 'adhesion'?"),
        ("temperature=60 temperature=65", "temperature is given twice"),
        ("temperature=95 adhesion=3", "expected 20 to 80"),
        ("<5", "give the limit of detection as a number"),
        ("stpo", "did you mean 'stop'?"),
        ("#1", "what about #1?"),
        ("#99 adhesion=3", "no experiment glue#99"),
    ],
)
def test_a_line_that_cannot_be_is_answered_and_nothing_is_written(glue: Sat, line: str, said: str) -> None:
    before = glue.cli.json("status")["data"]["head"]
    assert said in glue(line)
    assert glue.cli.json("status")["data"]["head"] == before


@pytest.mark.parametrize("line", ["n.d.", "high", "1 or 2", "2024-03-01", "##"])
def test_no_answer_speaks_of_cells_and_columns(glue: Sat, line: str) -> None:
    said = glue(line)
    assert not any(word in said for word in ("cell", "column", "heading"))


@pytest.mark.parametrize(
    "line", ["83.2", "83.2 kPa", "83.2kPa", "adhesion=83.2", "adhesion = 83.2", "adhesion = 83.2 kPa;"]
)
def test_one_outcome_is_typed_as_people_type(glue: Sat, line: str) -> None:
    assert "recorded glue#1: adhesion = 83.2 kPa" in glue(line)
    assert glue.outcomes(1) == [{"adhesion": 83.2}]


def test_a_name_typed_again_is_a_replicate_and_nothing_is_lost(several: Sat) -> None:
    said = several("yield=50 yield=54 purity=97")
    assert "recorded reaction#1: yield = 50 and 54 %, purity = 97" in said
    assert several.outcomes(1) == [{"yield": 50, "purity": 97}, {"yield": 54}]


def test_a_number_alone_among_several_outcomes_is_refused(several: Sat) -> None:
    said = several("50")
    assert "'50' could be any of yield, purity fix: say which one: yield=50" in said
    assert several.experiment(1)["status"] == "proposed"
    assert "'seventy' is no result fix: write it as yield=VALUE purity=VALUE" in several("seventy")


def test_what_is_missing_is_asked_for_again_and_can_be_given_later(several: Sat) -> None:
    said = several("yield=50", "97", "yield=60", "", "stop")
    assert "still missing: purity. Type it now, or Enter, and later: #1 purity=VALUE" in said
    assert "reaction#1 purity: recorded reaction#1: purity = 97" in said
    assert several.outcomes(1) == [{"yield": 50, "purity": 97}]
    said = several("#2 purity=98")
    assert "Not measured yet: #2 (purity). Give one with, for instance: #2 purity=VALUE" in said
    assert several.outcomes(2) == [{"yield": 60, "purity": 98}]


def test_what_was_set_otherwise_is_recorded_with_the_result(glue: Sat) -> None:
    assert "recorded glue#1: adhesion = 3 kPa, temperature = 65 degC" in glue("adhesion=3 temperature=65")
    assert glue.experiment(1)["executed"]["temperature"] == 65


def test_what_is_only_done_in_the_shell_is_said_to_be(glue: Sat) -> None:
    said = glue("83.2", "#1 adhesion=38.2", "#1 fail", "#1 83.2")
    assert said.count("(in the shell: stop leaves the loop, which goes on later)") == 2
    assert "has adhesion = 83.2 written down, now 38.2 is handed in" in said
    assert "glue#1 has that already, left as it is" in said
    assert glue.outcomes(1) == [{"adhesion": 83.2}]


def test_a_failure_is_recorded_with_its_kind_and_why(glue: Sat) -> None:
    assert "recorded glue#1: no result (equipment): the pump stalled" in glue("fail equipment the pump stalled")
    assert glue.experiment(1)["failure"] == "equipment"
    assert "recorded glue#2: no result (infeasible)" in glue("fail")


def test_a_batch_is_shown_once_and_without_commands_of_the_shell(glue: Sat) -> None:
    said = glue("1", "2", "stop")
    assert "Batch 2 of glue" in said
    assert said.count("glue#3") == 3  # what to set, why, and the question
    assert "labloop record" not in said


def test_more_proposes_as_many_as_are_asked_for(glue: Sat) -> None:
    glue("more 3")
    assert glue.proposed == 5
    glue("more")
    assert glue.proposed == 7


def test_the_end_of_the_input_is_a_stop(glue: Sat) -> None:
    glue("83.2")
    assert "1 observation, best so far: glue#1" in glue.cli.out


def test_a_program_is_told_that_there_is_no_terminal(glue: Sat, monkeypatch: pytest.MonkeyPatch) -> None:
    before = glue.cli.json("status")["data"]["head"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    error = glue.cli.json("loop", code=2)["error"]
    assert "there is none" in error["message"]
    assert glue.cli.json("status")["data"]["head"] == before
