"""A hostile half hour: files as they really come; a clear error, the documented exit code, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

HEAD = "temperature,time,solvent,yield\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        (HEAD, "no rows"),
        (HEAD + "40,2,water,nan\n", "leave the cell blank"),
        (HEAD + "40,2,water,inf\n", "is not a number"),
        (HEAD + "40,2,water,1e308\n", "too large"),
        (HEAD + "40,2,water,high\n", "'high' is not a number"),
        (HEAD + "40,2,water,2024-03-01\n", "spreadsheet made a date"),
        (HEAD + "1-Mar,2,water,50\n", "spreadsheet made a date"),
        (HEAD + "40,2,wasser,50\n", "no choice 'wasser'"),
        (HEAD + "40,2,water,500\n", "outside its range"),
        (HEAD + "400,2,water,50\n", "expected 20 to 80"),
        (HEAD + "40,2,water\n40,2,water,50,60\n", "cells"),
        (HEAD + ",2,water,50\n", "lacks temperature"),
        ("temperatur,time,solvent,yield\n40,2,water,50\n", "did you mean 'temperature'"),
        ("temperature,time,solvent,yield,yield\n40,2,water,50,51\n", "appears twice"),
        ("temperature (K),time,solvent,yield\n40,2,water,50\n", "is in K, temperature is declared in degC"),
        ("temperature,,solvent,yield\n40,2,water,50\n", "has no heading"),
        ("a,b\n1,2\n", "no column that the campaign knows"),
        ("temperature;time;solvent;yield\n40;1,234;water;50\n", "could be"),
        ("temperature;time;solvent;yield\n40,5;1.5;water;50\n", "one table"),
        ('temperature,time,solvent,yield\n40,2,"water,50\n', "quote"),
        ("\x00\x01\x02\x03", "zero bytes"),
        ('[{"temperature": NaN}]', "holds NaN"),
        ('[{"temperature": 1, "temperature": 2}]', "twice"),
        ('[{"temperature": {"a": 1}}]', "neither a number nor a text"),
        ("{", "not JSON"),
    ],
)
def test_a_hostile_file_is_refused_whole(reaction: Cli, content: str, said: str) -> None:
    before = reaction.json("status")["data"]["head"]
    path = reaction.folder / ("old.json" if content[:1] in ("[", "{") else "old.csv")
    path.write_text(content, encoding="utf-8")
    reaction("import", path, code=3)
    assert said in " ".join(reaction.err.split())
    error = reaction.json("import", path, code=3)["error"]
    assert error["message"]
    assert reaction.json("status")["data"]["head"] == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "cp1252"])
def test_a_table_means_the_same_in_every_encoding(reaction: Cli, encoding: str) -> None:
    heading = "湿度" if encoding == "cp932" else "remarqué"
    text = f"temperature;time;solvent;yield;purity;{heading}\n60,5;1,25;water;50,5;;20\n"
    path = reaction.folder / "old.csv"
    path.write_bytes(text.encode(encoding))
    reaction("import", path)
    executed = reaction.json("show", "4")["data"]["experiments"][0]["executed"]
    assert (executed["temperature"], executed["time"]) == (60.5, 1.25)


def test_ids_that_repeat_belong_elsewhere_or_do_not_exist_are_refused(reaction: Cli) -> None:
    for rows, said in [
        ("1,50\n1,51\n", "repeats the experiment of row 1"),
        ("other#1,50\n", "belongs to the campaign 'other'"),
        ("1.5,50\n", "is not an experiment"),
        ("-1,50\n", "is not an experiment"),
        ("\uff11,50\n", "is not an experiment"),
    ]:
        (reaction.folder / "b.csv").write_text("experiment,yield\n" + rows, encoding="utf-8")
        reaction("record", "b.csv", code=3)
        assert said in " ".join(reaction.err.split())
    (reaction.folder / "b.csv").write_text("experiment,yield\n9,50\n")
    reaction("record", "b.csv", code=4)


@pytest.mark.parametrize("name", ["../x", "CON", "con.yaml", "a b", "-x", "x" * 80, "", "ä", "a/b", "a\x00b", "."])
def test_a_name_that_is_no_name_is_refused(cli: Cli, name: str) -> None:
    cli("suggest", "--", name, code=3)
    assert "is not a campaign's name" in cli.err
    assert sorted(path.name for path in cli.folder.iterdir()) == ["campaigns"]
    assert not list((cli.folder / "campaigns").iterdir())


def test_a_read_only_folder_is_a_storage_error_and_nothing_is_lost(
    reaction: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind root, who runs the tests in containers: the database is told to refuse.
    import sqlite3

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3.dbapi2, "connect", lambda path, **more: real(f"file:{path}?mode=ro", uri=True, **more))
    reaction("record", "1", "--result", "yield=50", code=7)
    assert "read-only" in reaction.err
    monkeypatch.undo()


def test_a_crash_of_ours_is_said_without_a_traceback(reaction: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import labloop.cli.status as command

    monkeypatch.delenv("LABLOOP_DEBUG", raising=False)
    monkeypatch.setattr(command, "status", lambda *_: 1 / 0)
    reaction("status", code=1)
    assert "a mistake of ours" in reaction.err
    report = Path(reaction.err.split("details are in ")[1].strip())
    assert "ZeroDivisionError" in report.read_text()
    report.unlink()
