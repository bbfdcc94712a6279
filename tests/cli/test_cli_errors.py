"""Every mistake has its exit code, its message and its fix; nothing is written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from labloop.cli.main import COMMANDS, load
from tests.cli.conftest import CAMPAIGN, Cli


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("sugest", 2, "did you mean 'suggest'"),
        ("suggest --nope", 2, "nope"),
        ("suggest -n many", 2, "many"),
        ("suggest -n 0", 2, "0"),
        ("suggest --strategy bold", 2, "explore"),
        ("suggest --out b.pdf", 2, ".csv or .xlsx"),
        ("suggest nothing", 4, "no campaign 'nothing'"),
        ("suggest reacton", 4, "did you mean 'reaction'"),
        ("suggest ../x", 3, "is not a campaign's name"),
        ("suggest CON", 3, "device name"),
        ("record 99 --result yield=3", 4, "no experiment reaction#99"),
        ("record 1 --result yield=3000", 3, "outside its range 0 to 100"),
        ("record 1 --result yeild=30", 3, "did you mean 'yield'"),
        ("record 1 --result yield=high", 3, "'high' is not a number"),
        ("record 1 --result yield=nan", 3, "leave it out if it was not measured"),
        ("record 1 --result yield=inf", 3, "is not a number"),
        ("record 1 --result purity=1e308", 3, "too large"),
        ("record 1 --result yield=60,5", 3, "decimal point"),
        ("record 1 --result yield", 2, "is not NAME=VALUE"),
        ("record 1 --result yield=30 --set temperature=95", 3, "expected 20 to 80"),
        ("record 1 --result yield=30 --set solvent=Water2", 3, "did you mean 'water'"),
        ("record 1 --failure bored", 2, "bored"),
        ("record 1", 2, "no result given"),
        ("record 1 2 --result yield=3", 2, "belong to one experiment"),
        ("record other#1 --result yield=3", 4, "no campaign 'other'"),
        ("record no.csv", 4, "no file"),
        ("record campaigns", 3, "is a folder"),
        ("add --set temperature=60", 3, "solvent"),
        ("amend 1 --result yield=3 --reason x", 5, "has no result to amend"),
        ("amend 1 --result yield=3", 2, "needs a reason"),
        ("veto 1", 2, "needs a reason"),
        ("veto 77 --reason x", 4, "no experiment reaction#77"),
        ("replace 1 2 --reason x", 2, "one experiment at a time"),
        ("undo --entry 1 --reason x", 5, "the campaign itself"),
        ("undo --entry 55 --reason x", 4, "no entry 55"),
        ("show seven", 4, "no campaign 'seven'"),
        ("show 5-3", 3, "not a range"),
        ("export x.pdf", 3, ".csv, .xlsx, .json"),
        ("export --batch 9 x.csv", 4, "no batch 9"),
        ("plot -o x.gif", 2, ".png, .svg or .html"),
        ("import", 2, "import which file"),
        ("fill x.csv --lab moon", 4, "moon"),
        ("check no.yaml", 4, "no file"),
        ("status --store mysql://x/y", 3, "expected sqlite or postgresql"),
    ],
)
def test_a_mistake_is_answered_with_its_code_and_its_fix(reaction: Cli, words: str, code: int, said: str) -> None:
    before = reaction.json("status")["data"]["head"]
    reaction(*words.split(), code=code)
    assert said in " ".join(reaction.err.split())
    envelope = reaction.json(*words.split(), code=code)
    assert envelope["data"] is None
    assert envelope["error"]["message"]
    assert set(envelope["error"]) >= {"code", "message", "hint", "field", "row"}
    assert reaction.json("status")["data"]["head"] == before


def test_a_spent_budget_is_nothing_to_suggest(reaction: Cli) -> None:
    reaction("suggest", "-n", "37")
    reaction("suggest", code=8)
    assert "budget of reaction is spent: 40 of 40" in reaction.err


def test_a_broken_ledger_is_an_integrity_error(reaction: Cli) -> None:
    import sqlite3

    connection = sqlite3.connect(reaction.folder / "campaigns" / "labloop.db")
    connection.execute("DROP TRIGGER ledger_refuses_update")
    connection.execute("UPDATE ledger SET actor = 'somebody else' WHERE sequence = 2")
    connection.commit()
    connection.close()
    reaction("verify", code=9)
    assert "entry 2: was changed" in reaction.out
    assert reaction.json("verify", code=9)["data"]["problems"][0]["place"] == "entry 2"


def test_a_store_that_is_not_one_is_a_storage_error(reaction: Cli) -> None:
    (reaction.folder / "x.db").write_text("not a database " * 100)
    reaction("status", "--store", "x.db", code=7)
    assert "not a labloop store" in reaction.err


def test_several_campaigns_must_be_told_apart(reaction: Cli) -> None:
    (reaction.folder / "campaigns" / "other.yaml").write_text(CAMPAIGN.replace("reaction", "other"))
    reaction("suggest", code=2)
    assert "which campaign? There are 2: other, reaction" in reaction.err


def test_an_empty_folder_says_how_to_begin(cli: Cli) -> None:
    cli("status", code=4)
    assert "labloop init" in cli.err


def test_a_wrong_campaign_file_lists_everything_with_lines(cli: Cli) -> None:
    path = cli.folder / "campaigns" / "reaction.yaml"
    path.write_text(CAMPAIGN.replace("[20, 80]", "[80, 20]").replace("maximize", "maximise"))
    envelope = cli.json("suggest", code=3)
    assert [each["line"] for each in envelope["error"]["problems"]] == [5, 10]
    assert not (cli.folder / "campaigns" / "labloop.db").exists()


def test_contradicting_constraints_are_named(cli: Cli) -> None:
    text = CAMPAIGN.replace(
        "limits:", "constraints:\n  - temperature >= 60\n  - time >= 2\n  - temperature + time <= 50\nlimits:"
    )
    (cli.folder / "campaigns" / "reaction.yaml").write_text(text)
    cli("check", code=3)
    assert "temperature >= 60" in cli.err
    assert "temperature + time <= 50" in cli.err
    assert "time >= 2" not in cli.err


@pytest.mark.skipif(not hasattr(stat, "S_IWUSR"), reason="needs POSIX permissions")
def test_a_missing_folder_for_a_sheet_is_said_before_anything_is_proposed(reaction: Cli) -> None:
    before = reaction.json("status")["data"]["head"]
    reaction("suggest", "--out", Path("no/such/batch.csv"), code=7)
    assert reaction.json("status")["data"]["head"] == before


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(cli: Cli, name: str) -> None:
    cli(name, "--help")
    assert "bool" not in cli.out, "an option that takes no value shows what kind of value it takes"
    assert f"labloop {name}" in cli.out
    documented = (load(name).help or "").strip().splitlines()[0]
    assert documented == COMMANDS[name][1], "the list in --help says something else than the command"
