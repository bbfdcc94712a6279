"""The whole way at the command line: a file in, experiments out, results in, again."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.cli.conftest import CAMPAIGN, Cli


def test_the_first_batch_fills_the_space_and_says_so(reaction: Cli) -> None:
    shown = reaction.json("show")["data"]["experiments"]
    assert [each["experiment"] for each in shown] == ["reaction#1", "reaction#2", "reaction#3"]
    assert all(each["status"] == "proposed" and each["slot"] == "start" and each["reason"] for each in shown)
    envelope = reaction.json("suggest", "-n", "2")
    assert "no model used" in envelope["warnings"][0]


def test_a_round_goes_through_a_csv_sheet(reaction: Cli) -> None:
    reaction("suggest", "-n", "2", "--out", "batch.csv")
    path = reaction.folder / "batch.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == (
        "experiment,temperature [degC],time [h],solvent,yield [%],purity,humidity [%],replicate,failure,note"
    )
    first, second = (line.split(",") for line in lines[1:])
    first[4:7] = "83.2", "96", "41"
    first[1], first[-1] = "33", "a bit colder"
    second[-2] = "infeasible"
    path.write_text("\n".join([lines[0], ",".join(first), ",".join(second)]), encoding="utf-8")
    said = reaction("record", "batch.csv")
    assert "Recorded results of reaction#4." in said
    assert "Recorded reaction#5 as failed (infeasible)." in said
    one, two = reaction.json("show", "4", "5")["data"]["experiments"]
    assert one["status"] == "completed"
    assert one["executed"]["temperature"] == 33
    assert one["planned"]["temperature"] != 33
    assert one["observations"][0]["outcomes"] == {"yield": 83.2, "purity": 96}
    assert one["observations"][0]["covariates"] == {"humidity": 41}
    assert two["status"] == "infeasible"
    assert "2 already recorded" in reaction("record", "batch.csv")


def test_a_round_goes_through_an_xlsx_sheet(reaction: Cli) -> None:
    reaction("export", "--batch", "1", "batch.xlsx")
    book = load_workbook(reaction.folder / "batch.xlsx")
    page = book["experiments"]
    assert page["A2"].value == "reaction#1"
    page["E2"], page["F2"] = 61.5, 99
    book.save(reaction.folder / "batch.xlsx")
    reaction("record", "batch.xlsx")
    assert reaction.json("status")["data"]["best"][0]["outcomes"]["yield"] == 61.5


def test_results_are_typed_with_replicates_failures_and_executed_conditions(reaction: Cli) -> None:
    reaction(
        "record",
        "1",
        "--result",
        "yield=83.2",
        "--result",
        "yield=84.2",
        "--result",
        "humidity=40 %",
        "--set",
        "temperature=41",
    )
    reaction("record", "reaction", "2", "--failure", "equipment", "--note", "pump")
    reaction("record", "reaction#1", "--result", "yield=85", "--replicate")
    one, two = reaction.json("show", "1", "2")["data"]["experiments"]
    assert [each["outcomes"]["yield"] for each in one["observations"]] == [83.2, 84.2, 85]
    assert one["observations"][0]["covariates"] == {"humidity": 40}
    assert one["executed"]["temperature"] == 41
    assert (two["status"], two["failure"], two["note"]) == ("failed", "equipment", "pump")


def test_json_comes_in_on_standard_input(reaction: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(
            json.dumps([{"experiment": 1, "yield": 70.5}, {"experiment": "reaction#2", "yield": None}]).encode()
        )

        @staticmethod
        def isatty() -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert reaction.json("record", "reaction", "-")["data"]["recorded"] == ["reaction#1"]


def test_own_experiments_come_with_and_without_results(reaction: Cli) -> None:
    reaction("add", "--set", "temperature=60", "--set", "time=5", "--set", "solvent=DMSO", "--note", "a hunch")
    reaction("add", "--set", "temperature=65", "--set", "time=5", "--set", "solvent=DMSO", "--result", "yield=71")
    four, five = reaction.json("show", "4-5")["data"]["experiments"]
    assert (four["status"], five["status"]) == ("accepted", "completed")
    assert five["observations"][0]["outcomes"] == {"yield": 71}


def test_an_own_experiment_that_failed_is_entered_as_failed(reaction: Cli) -> None:
    own = ("add", "--set", "temperature=80", "--set", "time=5", "--set", "solvent=water")
    assert "Recorded as new: reaction#4" in reaction(*own, "--failure", "infeasible", "--note", "it boiled")
    (found,) = reaction.json("show", "4")["data"]["experiments"]
    assert (found["status"], found["origin"], found["note"]) == ("infeasible", "manual", "it boiled")
    reaction(*own, "--failure", "qc", "--result", "yield=3", code=3)
    assert "failed, and yet it has results" in reaction.err
    reaction("add", "mine.csv", "--failure", "qc", code=2)
    assert "a table holds its own results" in reaction.err


def test_what_was_observed_along_with_an_own_experiment_is_kept(reaction: Cli) -> None:
    own = ("add", "--set", "temperature=60", "--set", "time=5", "--set", "solvent=water")
    reaction(*own, "--result", "yield=50", "--result", "humidity=41")
    (found,) = reaction.json("show", "4")["data"]["experiments"]
    assert found["observations"][0]["covariates"] == {"humidity": 41.0}


def test_a_file_that_has_grown_is_imported_again(reaction: Cli) -> None:
    path = reaction.folder / "old.csv"
    path.write_text("Temperature (°C);time;solvent;yield\n20,0;1,5;water;10,5\n25,0;1,5;ETOH;12\n")
    assert reaction.json("import", "old.csv")["data"]["added"] == ["reaction#4", "reaction#5"]
    path.write_text(path.read_text() + "30,0;1,5;water;11\n")
    again = reaction.json("import", "old.csv")["data"]
    assert (again["added"], again["skipped"]) == (["reaction#6"], 2)
    assert reaction.json("show", "5")["data"]["experiments"][0]["executed"]["solvent"] == "EtOH"


def test_corrections_are_entries_and_the_history_shows_them(reaction: Cli) -> None:
    reaction("record", "1", "--result", "yield=38.2")
    reaction("amend", "1", "--result", "yield=83.2", "--reason", "typo")
    reaction("veto", "2", "--reason", "no water")
    reaction("replace", "3", "--reason", "no DMSO")
    reaction("undo", "--entry", "5", "--reason", "water is back")
    kinds = [each["kind"] for each in reaction.json("history")["data"]["entries"]]
    assert kinds == ["created", "proposed", "recorded", "amended", "vetoed", "vetoed", "proposed", "undone"]
    history = reaction("history")
    assert "took back entry 5: water is back" in history
    assert "(undone)" in history
    assert "amended 1, yield = 83.2: typo" in reaction("history", "1")
    assert reaction.json("verify")["data"]["problems"] == []


def test_an_edited_file_is_a_conflict_until_it_is_revised(reaction: Cli) -> None:
    path = reaction.folder / "campaigns" / "reaction.yaml"
    path.write_text(CAMPAIGN + "# a remark changes nothing\n")
    reaction("status")
    path.write_text(CAMPAIGN.replace("[20, 80]", "[20, 90]"))
    reaction("suggest", code=5)
    assert "labloop revise reaction" in reaction.err
    # What was measured can always be written down, and looked at.
    reaction("record", "1", "--result", "yield=5")
    (said,) = reaction.json("show", "1")["warnings"]
    assert "version 1 holds until" in said
    assert "version 2" in reaction("revise", "--reason", "a better oven")
    assert "was edited" not in reaction("status") + reaction.err


def test_a_file_edited_before_the_first_experiment_is_simply_read_again(cli: Cli) -> None:
    path = cli.folder / "campaigns" / "reaction.yaml"
    path.write_text(CAMPAIGN)
    cli("status")
    path.write_text(CAMPAIGN.replace("[20, 80]", "[20, 90]"))
    cli("suggest")
    assert cli.json("status")["data"]["spec_version"] == 2


def test_everything_is_exported_and_comes_back_as_it_was(reaction: Cli) -> None:
    reaction("record", "1", "--result", "yield=83.2", "--set", "temperature=41", "--note", "=SUM(A1)")
    for name in ("all.csv", "all.xlsx", "all.json"):
        reaction("export", name)
        reaction("export", name, code=5)
        reaction("export", name, "--force")
    rows = json.loads((reaction.folder / "all.json").read_text())
    assert rows[0]["yield [%]"] == 83.2
    assert rows[0]["planned temperature"] != rows[0]["temperature [degC]"] == 41
    assert "'=SUM(A1)" in (reaction.folder / "all.csv").read_text(encoding="utf-8-sig")


def test_plots_are_written_and_drawn(reaction: Cli) -> None:
    for number, value in ((1, 20), (2, 60), (3, 40)):
        reaction("record", str(number), "--result", f"yield={value}")
    drawn = reaction("plot", "-o", "p.png", "-o", "p.svg", "-o", "p.html")
    assert "yield" in drawn
    assert (reaction.folder / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (reaction.folder / "p.svg").read_text()
    assert "reaction" in (reaction.folder / "p.html").read_text()


def test_a_campaign_starts_from_a_template_and_is_checked(cli: Cli) -> None:
    cli("init", "mine", "--template", "reaction")
    assert "is in order" in cli("check", "mine")
    cli("init", "mine", "--template", "reaction", code=5)
    cli("init", "other", "--template", "reacton", code=4)
    cli("init", code=2)


def test_a_campaign_starts_from_a_table(cli: Cli) -> None:
    rows = "\n".join(f"{20 + 5 * i},{s},{30 + 3 * i}" for i in range(8) for s in ("water", "EtOH"))
    (cli.folder / "old.csv").write_text(f"Temp (°C),solvent,yield (%)\n{rows}\n")
    found = cli.json("init", "mine", "--from", "old.csv")["data"]["spec"]
    assert set(found["parameters"]) == {"Temp", "solvent"}
    assert cli.json("import", "mine", "old.csv")["data"]["skipped"] == 0
    assert cli.json("status", "mine")["data"]["observations"] == 16


def test_doctor_finds_a_healthy_workspace_and_a_sick_one(reaction: Cli) -> None:
    assert "All is well" in reaction("doctor")
    (reaction.folder / "campaigns" / "reaction.yaml").write_text("schema: labloop/1\n\tname: x")
    assert "NO" in reaction("doctor", code=7)


def test_the_simulated_lab_fills_a_sheet(cli: Cli) -> None:
    cli("init", "--template", "reaction")
    cli("suggest", "reaction", "-o", "b.csv")
    cli("fill", "reaction", "b.csv")
    assert cli.json("record", "reaction", "b.csv")["data"]["recorded"]
    assert cli.json("fill", "reaction", "b.csv")["data"]["filled"] == 0


@pytest.mark.parametrize("strategy", ["explore", "balanced", "exploit", "learn"])
def test_every_strategy_answers_with_predictions_once_there_is_a_model(reaction: Cli, strategy: str) -> None:
    path = Path("old.csv")
    rows = [f"{20 + 5 * i},{1 + i},{('water', 'EtOH', 'DMSO')[i % 3]},{10 + i},97" for i in range(9)]
    path.write_text("temperature,time,solvent,yield,purity\n" + "\n".join(rows))
    reaction("import", "old.csv")
    batch = reaction.json("suggest", "-n", "2", "--strategy", strategy)["data"]["experiments"]
    for each in batch:
        prediction = each["predictions"]["yield"]
        assert prediction["low"] < prediction["median"] < prediction["high"]
        assert 0 <= each["chance_of_best"] <= 1
        assert each["distance"] > 0
        assert each["reason"].endswith(".")


def test_what_is_recorded_is_said_as_what_it_is(reaction: Cli) -> None:
    assert "Recorded reaction#1 as failed (equipment)." in reaction("record", "1", "--failure", "equipment")
    assert "Recorded a note on reaction#1." in reaction("record", "1", "--note", "the pump stalled")
    assert "Recorded what was executed of reaction#2." in reaction("record", "2", "--set", "temperature=33")
    assert "Recorded results of reaction#2." in reaction("record", "2", "--result", "yield=3")
    history = reaction("history")
    assert "recorded 1: note: the pump stalled" in history
    assert "executed at temperature = 33" in history
    assert "time =" not in history


def test_an_observed_parameter_is_not_set(reaction: Cli) -> None:
    reaction("record", "1", "--set", "humidity=44", code=3)
    assert "--result humidity=VALUE" in reaction.err


def test_a_hint_names_every_outcome(reaction: Cli) -> None:
    reaction("record", "1", code=2)
    assert "--result yield=VALUE --result purity=VALUE" in reaction.err
    assert "--result yield=VALUE --result purity=VALUE" in reaction("suggest", "-n", "1")
    assert "Still open from before: reaction#1, reaction#2, reaction#3" in reaction.err


def test_a_preview_shows_the_values_that_would_be_recorded(reaction: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labloop.cli.record.interactive", lambda json: not json)
    monkeypatch.setattr("labloop.cli.record.agreed", lambda *_, **__: False)
    Path("a.csv").write_text("experiment,yield,purity,temperature,failure,note\n1,83.25,,33,,slow\n2,,,,qc,\n")
    reaction("record", "a.csv", code=5)
    assert "you said no" in reaction.err
    first, second = (line.split() for line in reaction.err.splitlines() if line.startswith("reaction#"))
    assert first == ["reaction#1", "83.25", "33", "slow"]
    assert second == ["reaction#2", "qc"]


def test_show_has_notes_further_columns_and_what_was_amended(reaction: Cli) -> None:
    Path("a.csv").write_text("experiment,yield,purity,note,Colour\n1,18.82,96,peeled slowly,blue\n")
    reaction("record", "a.csv")
    assert "kept as notes: Colour" in reaction.err
    reaction("amend", "1", "--result", "yield=81.82", "--reason", "typed the wrong way round")
    shown = reaction("show", "1")
    assert "note: peeled slowly" in shown
    assert "Colour: blue" in shown
    assert "amended: yield was 18.82, is 81.82: typed the wrong way round" in shown
    assert all(line == line.rstrip() for line in shown.splitlines())
    data = reaction.json("show", "1")["data"]
    assert data["experiments"][0]["observations"][0]["extra"] == {"Colour": "blue"}
    assert data["corrections"][0]["changes"] == {"yield": {"before": 18.82, "after": 81.82}}


def test_an_experiment_that_was_not_run_has_nothing_executed(reaction: Cli) -> None:
    assert "executed" not in reaction("show", "1")
    assert reaction.json("show", "1")["data"]["experiments"][0]["executed"] == {}
    reaction("record", "1", "--result", "yield=3")
    assert "executed" in reaction("show", "1")
    assert reaction.json("show", "1")["data"]["experiments"][0]["executed"]["solvent"]


def test_a_failure_is_amended(reaction: Cli) -> None:
    reaction("record", "1", "--failure", "qc")
    reaction("record", "1", "--failure", "infeasible", code=5)
    assert "labloop amend reaction 1 --failure infeasible" in " ".join(reaction.err.split())
    reaction("amend", "1", "--failure", "none", "--reason", "the gauge was right")
    assert reaction.json("show", "1")["data"]["experiments"][0]["status"] == "proposed"
    reaction("amend", "1", "--failure", "wobbly", "--reason", "x", code=3)
    reaction("amend", "1", "--failure", "qc", "--set", "time=5", "--reason", "x", code=2)


def test_status_says_which_results_count(reaction: Cli) -> None:
    reaction("record", "1", "--result", "purity=97")
    assert "observations  1; 0 of 1 experiments with a result have yield" in reaction("status")
