"""A value of another size than all others asks before it is believed."""

from __future__ import annotations

import pytest

import labloop.cli.record as record_module
from tests.cli.conftest import Cli

TYPED = ("record", "3", "--result", "purity=98000")


@pytest.fixture
def measured(reaction: Cli) -> Cli:
    rows = "".join(f"40,{2 + i},water,50,{95 + i}\n" for i in range(4))
    (reaction.folder / "old.csv").write_text("temperature,time,solvent,yield,purity\n" + rows)
    reaction("import", "old.csv")
    return reaction


def test_a_program_gets_a_warning_and_the_value_is_recorded(measured: Cli) -> None:
    answer = measured.json(*TYPED)
    assert answer["warnings"] == ["purity = 98000 is over 100 times the median 97; check its unit."]
    assert answer["data"]["recorded"] == ["reaction#3"]


@pytest.mark.parametrize(("said", "code", "recorded"), [("y", 0, 1), ("", 5, 0)])
def test_a_person_is_asked(measured: Cli, monkeypatch: pytest.MonkeyPatch, said: str, code: int, recorded: int) -> None:
    asked: list[str] = []

    def answered(question: str, _: object) -> str:
        asked.append(question)
        return said

    monkeypatch.setattr(record_module, "interactive", lambda _=False: True)
    monkeypatch.setattr("labloop.cli.prompts.interactive", lambda _=False: True)
    monkeypatch.setattr("labloop.cli.prompts.ask", answered)
    measured(*TYPED, code=code)
    assert asked == ["record it all the same? [y/N]"]
    assert "over 100 times the median" in measured.err
    (shown,) = measured.json("show", "3")["data"]["experiments"]
    assert len(shown["observations"]) == recorded


def test_yes_accepts_and_still_says_it(measured: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "interactive", lambda _=False: True)
    monkeypatch.setattr("labloop.cli.prompts.ask", lambda *_: pytest.fail("it asked"))
    measured(*TYPED, "--yes")
    assert "over 100 times the median" in measured.err


def test_a_watched_folder_is_emptied_and_each_file_said(reaction: Cli) -> None:
    drop = reaction.folder / "drop"
    drop.mkdir()
    (drop / "good.csv").write_text("temperature,time,solvent,yield\n40,2,water,50\n")
    (drop / "bad.csv").write_text("temperature,time,solvent,yield\n400,2,water,50\n")
    said = reaction("import", "reaction", "--watch", "drop", "--once", "--settle", "0.1")
    assert "1 files taken, 1 rejected" in said
    assert "bad.csv: rejected; bad.csv: line 2, row 1, temperature" in reaction.err
    (drop / "good.csv").write_text("temperature,time,solvent,yield\n40,2,water,50\n")
    (taken,) = reaction.json("import", "reaction", "--watch", "drop", "--once", "--settle", "0")["data"]["files"]
    assert (taken["ok"], taken["added"], taken["skipped"]) == (True, [], 1)
    reaction("import", "reaction", "old.csv", "--watch", "drop", code=2)
    reaction("import", "reaction", "--watch", "nowhere", code=4)


def test_tables_of_other_tools_go_in_and_out(cli: Cli) -> None:
    (cli.folder / "campaigns" / "alloy.yaml").write_text(
        "schema: labloop/1\nname: alloy\nparameters:\n  x: {levels: [0, 0.5, 1]}\n"
        "objectives:\n  hardness: {goal: maximize}\n"
    )
    (cli.folder / "candidates.csv").write_text("x,hardness\n0,\n0.5,12\n1,\n")
    (cli.folder / "proposals.csv").write_text("actions,x\n2,1.0\n")
    cli("import", "alloy", "candidates.csv", "--from", "nimo")
    cli("add", "alloy", "proposals.csv", "--from", "nimo")
    cli("export", "alloy", "scope.csv", "--as", "edbo")
    assert (cli.folder / "scope.csv").read_text() == "x,priority,hardness\n1,1,PENDING\n0,0,PENDING\n0.5,-1,12\n"
    cli("export", "alloy", "scope.csv", "--as", "edbo", code=5)
    cli("export", "alloy", "p.csv", "--as", "nimo", "--open")
    assert (cli.folder / "p.csv").read_text() == "actions,x\n2,1\n"
