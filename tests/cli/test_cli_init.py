"""labloop init: what is wrong with a table or an answer is said where it stands, and nothing typed is lost."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

import labloop.cli.init
from tests.cli.conftest import Cli


def test_a_cell_that_is_no_number_is_named_with_its_line(cli: Cli) -> None:
    (cli.folder / "en.csv").write_text("Temp (C),Yield\n20,50\n30,60\n40,nd\n50,70\n")
    cli("init", "--from", "en.csv", code=3)
    assert "line 4, row 3, Yield: 'nd' is not a number" in cli.err
    problem = cli.json("init", "--from", "en.csv", code=3)["error"]["problems"][0]
    assert (problem["line"], problem["row"], problem["field"]) == (4, 3, "Yield")


def test_the_file_is_named_as_it_is_seen_from_here(cli: Cli) -> None:
    assert "Wrote campaigns/reaction.yaml." in cli("init", "--template", "reaction")


class Asked:
    """labloop init, answered line by line."""

    def __init__(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cli, self._patch = cli, monkeypatch
        monkeypatch.setattr(labloop.cli.init, "interactive", lambda _=False: True)

    def __call__(self, *lines: str, code: int = 0, words: str = "init coupling") -> str:
        self._patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        self.cli(*words.split(), code=code)
        return " ".join(self.cli.err.split())

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cli.json("check", "coupling")["data"]["spec"]
        return found


@pytest.fixture
def asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(cli, monkeypatch)


TEMPERATURE = ("temperature", "number", "degC", "20", "120", "5")
YIELD = ("yield", "max", "%", "")


def test_every_answer_is_checked_where_it_is_given(asked: Asked) -> None:
    said = asked(
        "How fast?",
        *("temperature", "number", "degC", "120", "20", "12O", "130", "-1", "60", "5"),
        *("cycles", "whole", "", "1.5", "1", "1", "8"),
        *("dose", "levels", "mg", "2, 1, 2", "0,5", "0,5, 1,5", "0.5; 1; 2"),
        *("solvent", "choice", "water", "water, Water", "1,2-DCE; water"),
        "",
        *YIELD,
        *("-3", "0", "1.5", "many", "999", "6"),
    )
    for expected in [
        "expected a number above 120",
        "'12O' is not a number",
        "expected a step above 0 and at most 10, which is the whole range",
        "expected a whole number",
        "expected a whole number, 2 or more",
        "'2' is listed twice",
        "are these decimal commas?",
        "expected at least two, separated by commas or semicolons",
        "'Water' is listed twice",
        "expected a whole number, 1 to 384",
        "'many' is not a number",
    ]:
        assert expected in said
    assert asked.spec["parameters"] == {
        "temperature": {"bounds": [120, 130], "step": 5, "unit": "degC"},
        "cycles": {"bounds": [1, 8], "integer": True},
        "dose": {"levels": [0.5, 1, 2], "unit": "mg"},
        "solvent": {"choices": ["1,2-DCE", "water"]},
    }
    assert asked.spec["planner"] == {"batch": 6}


def test_a_name_is_used_once_whatever_it_names(asked: Asked) -> None:
    said = asked(
        "",
        *TEMPERATURE,
        "Temperature",
        *("gel", "mixture", "A, a", "A, temperature", "A, B", "", "0", "100"),
        *("b", ""),
        *("A", *YIELD),
        "4",
    )
    assert said.count("'temperature' is used already") == 2
    assert "'a' is listed twice" in said
    assert "'b' is used already" in said
    assert "'a' is used already" in said
    assert "expected a number above 0" in said
    assert list(asked.spec["parameters"]) == ["temperature", "A", "B"]
    assert list(asked.spec["objectives"]) == ["yield"]


def test_a_heading_that_is_no_name_stays_the_heading(asked: Asked) -> None:
    said = asked("", "Temp (C)", "", "number", "", "20", "80", "", "note", "", "observed", "", "", *YIELD, "4")
    assert "'Temp (C)' cannot stand in a constraint; it stays the heading in tables" in said
    assert "its name in constraints [Temp_C]" in said
    assert "'note' is a word of labloop's own" in said
    assert asked.spec["parameters"] == {
        "Temp_C": {"bounds": [20, 80], "label": "Temp (C)"},
        "note_1": {"observed": True},
    }


def test_something_has_to_be_set(asked: Asked) -> None:
    said = asked("", "", "humidity", "observed", "%", "", *TEMPERATURE, "", *YIELD, "4")
    assert said.count("at least one has to be set") == 2


def test_a_name_that_is_taken_is_refused_before_anything_else_is_asked(asked: Asked) -> None:
    (asked.cli.folder / "campaigns" / "coupling.yaml").write_text("mine")
    assert "there is a campaign 'coupling' already" in asked(code=5)
    assert "what is the question" not in asked.cli.err
    said = asked("coupling", "other", "", *TEMPERATURE, "", *YIELD, "4", words="init")
    assert "there is a campaign 'coupling' already; choose another name" in said
    assert (asked.cli.folder / "campaigns" / "coupling.yaml").read_text() == "mine"
    assert (asked.cli.folder / "campaigns" / "other.yaml").exists()


def test_what_cannot_be_written_is_shown_so_that_nothing_typed_is_lost(asked: Asked) -> None:
    (asked.cli.folder / "campaigns").rmdir()
    (asked.cli.folder / "campaigns").write_text("a file where the folder should be")
    said = asked("", *TEMPERATURE, "", *YIELD, "4", code=7)
    assert "This is what you answered:" in said
    assert "temperature: {bounds: [20, 120], unit: degC, step: 5}" in said


def test_no_line_is_named_of_a_file_that_is_not_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"name": "new", "parameters": {"x": {"bounds": [9, 1]}}, "objectives": {"y": {"goal": "maximize"}}}
    monkeypatch.setattr(labloop.cli.init, "_from_template", lambda *_: wrong)
    error = cli.json("init", "--template", "any", code=3)["error"]
    assert [each["line"] for each in error["problems"]] == [None]
    assert "line" not in error["message"]
