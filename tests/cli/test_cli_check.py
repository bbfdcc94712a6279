"""labloop check says all that a campaign file asks for, and where it contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import CAMPAIGN, Cli

FULL = """\
schema: labloop/1
name: gel
parameters:
  A: {mixture: m, min: 0.05, step: 0.05}
  B: {mixture: m, required: true}
  C: {mixture: m, label: "Cement (%)"}
  temperature: {bounds: [20, 80], step: 5, unit: degC, change: hard}
  t: {value: 16, unit: h}
mixtures:
  m: {total: 1, at_most: 2, at_least: 2}
constraints:
  - A + B <= 0.9
objectives:
  adhesion: {goal: maximize, range: [0, 500], unit: kPa}
planner: {strategy: balanced, batch: 6, budget: 48, start: 9, seed: 7}
"""


def _written(cli: Cli, text: str) -> Path:
    name = next(line.removeprefix("name: ") for line in text.splitlines() if line.startswith("name: "))
    path = cli.folder / "campaigns" / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_the_file_asks_for_is_said(cli: Cli) -> None:
    _written(cli, FULL)
    said = " ".join(cli("check").split())
    for expected in [
        "A share of m (sum 1): 0, or 0.05 to 1 in steps of 0.05",
        "B share of m (sum 1): 0 to 1, never left out",
        "C share of m (sum 1): 0 to 1, in tables 'Cement (%)'",
        "temperature [degC] 20 to 80 in steps of 5; hard to change, so the same across a batch",
        "t [h] always 16 ",
        "adhesion [kPa] maximize, possible are 0 to 500",
        "mixture m: A + B + C = 1, at most 2 of 3 present, at least 2 present",
        "constraint: A + B <= 0.9",
        "planner: strategy balanced, 6 a batch, a budget of 48, 9 to fill the space first, seed 7",
        "campaigns/gel.yaml is in order",
    ]:
        assert expected in said, said
    assert str(cli.folder) not in said


def test_defaults_are_said_too(cli: Cli) -> None:
    _written(cli, CAMPAIGN.replace("planner: {batch: 3, budget: 40}\n", ""))
    assert "planner: strategy explore, 4 a batch, no budget, seed 0" in cli("check")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("step: 5", "step: 7", "temperature: steps of 7 from 20 end at 76; 80 is never proposed."),
        ("min: 0.05", "min: 0.07", "A: min 0.07 is no multiple of the step 0.05; it is never proposed."),
        ("batch: 6", "batch: 60", "a batch of 60 is more than the whole budget of 48"),
        ("start: 9", "start: 48", "the start of 48 spends the whole budget of 48"),
    ],
)
def test_what_may_not_be_meant_is_noted(cli: Cli, old: str, new: str, said: str) -> None:
    _written(cli, FULL)
    assert cli.json("check")["warnings"] == []
    _written(cli, FULL.replace(old, new))
    assert said in cli.json("check")["warnings"][0]


@pytest.mark.parametrize(
    ("rules", "line", "said", "fix"),
    [
        (["temperature >= 60", "temperature <= 50"], 11, "contradict each other", "relax one of them"),
        (["time >= 2", "temperature >= 90"], 12, "'temperature >= 90'", "widen temperature, or relax it"),
        (["temperature == 42"], 11, "'temperature == 42'", "write 40 <= temperature <= 45"),
        (["2*temperature + dose == 121.5"], 11, "satisfies", "write 121 <= 2*temperature + dose <= 122"),
        (["temperature == 300"], 11, "satisfies", "widen temperature, or relax it"),
    ],
)
@pytest.mark.parametrize("command", ["check", "suggest"])
def test_a_contradiction_is_named_with_file_line_and_fix(
    cli: Cli, rules: list[str], line: int, said: str, fix: str, command: str
) -> None:
    listed = "".join(f"  - {rule}\n" for rule in rules)
    text = CAMPAIGN.replace("  humidity", "  dose: {bounds: [1, 9], integer: true}\n  humidity")
    _written(cli, text.replace("objectives:", f"constraints:\n{listed}objectives:"))
    cli(command, code=3)
    shown = " ".join(cli.err.split())
    assert "error: campaigns/reaction.yaml: 1 problem" in shown
    assert f"line {line}, constraints." in shown
    assert said in shown
    assert fix in shown


def test_a_table_that_no_rule_allows_is_named_with_its_line(cli: Cli) -> None:
    (cli.folder / "campaigns" / "runs.csv").write_text("temperature,time,solvent\n20,2,water\n")
    text = CAMPAIGN.replace("objectives:", "constraints:\n  - temperature >= 60\ncandidates: runs.csv\nobjectives:")
    _written(cli, text)
    error = cli.json("check", code=3)["error"]
    assert error["problems"][0]["line"] == 11
    assert "none of the 1 rows" in error["message"]


def test_mistakes_name_the_file_as_it_is_seen_from_here(cli: Cli) -> None:
    _written(cli, CAMPAIGN.replace("maximize", "maximise"))
    cli("check", code=3)
    assert "error: campaigns/reaction.yaml: 1 problem" in cli.err
