"""Whatever leaves the store carries the head of the ledger, and shows later that the ledger's end was cut off."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from labloop.exchange.layout import export_sheet
from labloop.exchange.sheet import write_sheet
from labloop.loop.campaigns import spec_of
from labloop.store import Store
from labloop.tabular.reading import read_table
from tests.cli.conftest import Cli

_RESULTS = "experiment,yield,purity\nreaction#1,50,99\nreaction#2,60,98\nreaction#3,70,97\n"


@pytest.fixture
def measured(reaction: Cli) -> Cli:
    (reaction.folder / "results.csv").write_text(_RESULTS)
    reaction("record", "results.csv")
    design = ("--goal", "screen", "--effect", "5", "--noise", "2", "--yes")
    reaction("design", "reaction", *design, "--out", "run.html", "--out", "run.xlsx")
    return reaction


def _saved_answer(cli: Cli) -> None:
    (cli.folder / "status.json").write_text(cli("status", "--json"))


def _written_already(cli: Cli) -> None:
    assert (cli.folder / "run.html").is_file(), "the design wrote its sheets"


CARRIERS: dict[str, Callable[[Cli], object]] = {
    "all.csv": lambda cli: cli("export", "all.csv"),
    "all.json": lambda cli: cli("export", "all.json"),
    "all.xlsx": lambda cli: cli("export", "all.xlsx"),
    "open.xlsx": lambda cli: cli("export", "--open", "open.xlsx"),
    "batch.xlsx": lambda cli: cli("suggest", "-n", "1", "--out", "batch.xlsx"),
    "all.csv.heads.json": lambda cli: cli("export", "all.csv"),
    "status.json": _saved_answer,
    "copy.db": lambda cli: cli("backup", "copy.db"),
    "copy.jsonl": lambda cli: cli("backup", "copy.jsonl"),
    "supplement.zip": lambda cli: cli("dossier", "reaction", "supplement.zip"),
    "supplement": lambda cli: cli("dossier", "reaction", "supplement"),
    "progress.html": lambda cli: cli("plot", "--out", "progress.html"),
    "run.html": _written_already,
    "run.xlsx": _written_already,
}


@pytest.mark.parametrize("name", CARRIERS)
def test_a_file_that_labloop_wrote_shows_that_the_end_was_cut_off(measured: Cli, name: str) -> None:
    CARRIERS[name](measured)
    assert "is whole" in measured("verify", "--against", name)
    with closing(sqlite3.connect(measured.folder / "campaigns" / "labloop.db", isolation_level=None)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("DELETE FROM ledger WHERE sequence > 3")
    measured("rebuild")
    assert measured("verify")
    assert "the ledger was cut off after entry 3" in measured("verify", "--against", name, code=9)


@pytest.mark.parametrize("name", ["copy.db", "copy.jsonl"])
def test_a_backup_carries_its_head_without_its_companion_too(measured: Cli, name: str) -> None:
    measured("backup", name)
    (measured.folder / f"{name}.heads.json").unlink()
    before = (measured.folder / name).read_bytes()
    assert "is whole" in measured("verify", "--against", name)
    assert (measured.folder / name).read_bytes() == before


def test_an_export_is_the_same_table_with_the_head_as_without(measured: Cli) -> None:
    for name in ("all.csv", "all.json", "all.xlsx"):
        measured("export", name)
        table = read_table(measured.folder / name)
        bare = measured.folder / f"bare-{name}"
        with Store(f"sqlite:///{measured.folder / 'campaigns' / 'labloop.db'}").read() as snapshot:
            row = snapshot.campaign("reaction")
            write_sheet(bare, export_sheet(spec_of(row), snapshot.experiments(row)))
        assert (read_table(bare).headings, read_table(bare).rows) == (table.headings, table.rows)
        assert "3 already recorded" in measured("record", name)


def test_the_words_of_a_page_name_the_head_and_can_be_pasted(measured: Cli) -> None:
    measured("plot", "--out", "progress.html")
    head = measured.json("status")["data"]["head"]
    said = f"{head['sequence']}:{head['hash']}"
    text = (measured.folder / "progress.html").read_text()
    assert f"The ledger of reaction stood at <code>{said}</code>." in text
    assert f'content="reaction {said}"' in text
    assert "is whole" in measured("verify", "--against", f"reaction {said}")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bare.csv", "a,b\n1,2\n", "its companion bare.csv.heads.json is not beside it"),
        ("bare.json", '[{"a": 1}]', "its companion bare.json.heads.json is not beside it"),
        ("odd.json", '{"heads": {"reaction": 5}}', "carries no head"),
        ("page.html", "<html><body>15:dcff2a689155</body></html>", "carries no head"),
        ("broken.xlsx", "PK\x03\x04 and then nothing", "is not an XLSX workbook"),
        ("broken.zip", "PK\x03\x04 and then nothing", "is not a dossier"),
        ("broken.db", "SQLite format 3\x00 and then nothing", "restore a backup"),
        ("other.csv.heads.json", '{"heads": {"glue": "3:dcff2a689155"}}', "carries the head of glue, not of reaction"),
    ],
)
def test_a_file_without_the_head_is_refused_with_the_reason(reaction: Cli, name: str, content: str, words: str) -> None:
    (reaction.folder / name).write_text(content)
    reaction("verify", "--against", name, code=7 if name == "broken.db" else 3)
    assert words in reaction.err.replace("\n", " ")


def test_a_folder_that_is_watched_takes_no_companion_for_results(measured: Cli) -> None:
    drop = measured.folder / "drop"
    drop.mkdir()
    measured("export", "drop/all.csv")
    companion = drop / "all.csv.heads.json"
    heads = json.loads(companion.read_text())["heads"]
    measured("import", "reaction", "--watch", "drop", "--settle", "0", "--once")
    assert json.loads(companion.read_text())["heads"] == heads
    assert not (drop / "rejected").exists() or not list((drop / "rejected").iterdir())
    assert Path(drop / "done").is_dir()
