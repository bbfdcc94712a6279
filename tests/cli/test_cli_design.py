"""labloop design at the command line: looked at, taken in, printed, filled in."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.cli.conftest import CAMPAIGN, Cli


@pytest.fixture
def lab(cli: Cli) -> Cli:
    """A workspace with one campaign and nothing run."""
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    return cli


def test_a_design_is_only_shown_until_it_is_taken(lab: Cli) -> None:
    shown = lab("design", "--kind", "full-factorial", "--hold", "solvent=EtOH")
    assert "Nothing is written yet" in shown
    assert "Cannot see:" in shown
    assert lab.json("show")["data"]["experiments"] == []
    taken = lab("design", "--kind", "full-factorial", "--hold", "solvent=EtOH", "--yes")
    assert "Experiments 1 to 4 of reaction are in the ledger" in taken
    assert [each["origin"] for each in lab.json("show")["data"]["experiments"]] == ["design"] * 4
    assert "added 1 to 4 (design)" in lab("history")


def test_a_goal_is_answered_with_a_design_and_the_reason(lab: Cli) -> None:
    data = lab.json("design", "reaction", "--goal", "screen", "--effect", "20", "--noise", "8")["data"]
    assert data["kind"] == "d-optimal"
    assert data["advice"]["why"]
    assert data["advice"]["options"][0]["serves"]
    assert data["cannot_see"]
    assert {each["name"] for each in data["power"]} == {"temperature", "time", "solvent"}
    assert data["entry"] is None
    assert len(data["quality"]["leverage"]) == len(data["runs"])


def test_the_sheets_of_a_blocked_design(lab: Cli) -> None:
    words = ["design", "reaction", "--kind", "full-factorial", "--hold", "solvent=EtOH", "--replicates", "2"]
    words += ["--blocks", "2", "--block-name", "day", "--controls", "2", "--centres", "2"]
    envelope = lab.json(*words, "--yes", "--out", "days.xlsx", "--out", "days.html")
    assert envelope["data"]["files"] == ["days.xlsx", "days.html"]
    page = load_workbook(lab.folder / "days.xlsx")["experiments"]
    headings = [cell.value for cell in page[1]]
    assert headings[:5] == ["experiment", "run order", "day", "design order", "kind of run"]
    assert [row[2].value for row in page.iter_rows(min_row=2)] == [1] * 6 + [2] * 6
    assert [row[4].value for row in page.iter_rows(min_row=2)].count("control") == 2
    text = (lab.folder / "days.html").read_text(encoding="utf-8")
    assert text.count("<table") == 2
    assert "<h2>day 2</h2>" in text
    entry = envelope["data"]["entry"]
    lab("design", "reaction", "--sheet", str(entry), "--out", "again.csv")
    rows = (lab.folder / "again.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 13


def test_augmenting_adds_to_what_was_run(lab: Cli) -> None:
    lab("design", "--kind", "one-factor-at-a-time", "--hold", "solvent=EtOH", "--yes")
    assert "Any interaction" in lab.json("design", "--kind", "one-factor-at-a-time")["warnings"][0]
    data = lab.json(
        "design", "--kind", "d-optimal", "--hold", "solvent=EtOH", "--model", "interactions", "-n", "1", "--augment"
    )["data"]
    assert data["runs"][0]["conditions"]["temperature"] == 80
    assert data["runs"][0]["conditions"]["time"] == 100
    assert data["quality"]["n"] == 4


def test_generators_and_aliases_are_said(lab: Cli) -> None:
    names = [f"  {letter}: {{bounds: [0, 1]}}\n" for letter in "pqrst"]
    (lab.folder / "campaigns" / "five.yaml").write_text(
        "schema: labloop/1\nname: five\nparameters:\n" + "".join(names) + "objectives:\n  y: {goal: maximize}\n"
    )
    shown = lab("design", "five", "--kind", "fractional-factorial", "--generators", "D=AB, E=AC")
    assert "Defining relation: I = ABD = ACE = BCDE" in shown
    assert "A + BD + CE" in shown
    assert "Factors: A = p, B = q, C = r, D = s, E = t." in shown


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--kind", "taguchi"], 3, "no design 'taguchi'"),
        (["--goal", "screening"], 3, "no goal 'screening'"),
        (["--kind", "box-behnken"], 3, "solvent has 3 choices without an order"),
        (["--kind", "full-factorial", "--hold", "solvent=ethanol"], 3, "solvent has no choice 'ethanol'"),
        (["--kind", "full-factorial", "--hold", "solvent"], 2, "is not NAME=VALUE"),
        (["--kind", "full-factorial", "--out", "sheet.csv"], 2, "not in the ledger yet"),
        (["--kind", "full-factorial", "--out", "sheet.pdf", "--yes"], 2, "ends in '.pdf'"),
        (["--sheet", "1"], 4, "entry 1 of reaction is no design"),
        ([], 3, "which design?"),
    ],
)
def test_what_cannot_be_is_an_error_with_a_fix(lab: Cli, words: list[str], code: int, message: str) -> None:
    lab("design", "reaction", *words, code=code)
    assert message in " ".join(lab.err.split())
    assert "fix:" in lab.err
    assert not list(Path(lab.folder).glob("sheet.*"))


def test_a_sheet_that_exists_is_not_overwritten_and_nothing_is_written(lab: Cli) -> None:
    (lab.folder / "sheet.csv").write_text("mine")
    lab("design", "reaction", "--goal", "screen", "--yes", "--out", "sheet.csv", code=5)
    assert lab.json("show")["data"]["experiments"] == []


def test_a_batch_is_randomised_on_request(lab: Cli) -> None:
    lab("suggest", "-n", "3", "--randomise")
    entry = lab.json("history")["data"]["entries"][-1]
    assert sorted(entry["payload"]["planner"]["planned_order"]) == [1, 2, 3]


def test_power_curves_are_drawn_of_a_design_that_is_only_looked_at(lab: Cli) -> None:
    words = ["design", "--kind", "full-factorial", "--hold", "solvent=EtOH", "--replicates", "2"]
    said = lab(*words, "--effect", "5", "--noise", "2", "--out", "power.png")
    assert "Wrote power.png." in said
    assert (lab.folder / "power.png").stat().st_size > 4000
    lab(*words, "--yes", "--out", "other.png", code=3)
    assert "no power to draw" in lab.err
    assert lab.json("show")["data"]["experiments"] == [], "said before anything is written"
    lab("design", "--sheet", "1", "--out", "more.svg", code=2)
    assert "--sheet writes the run sheet only" in lab.err
