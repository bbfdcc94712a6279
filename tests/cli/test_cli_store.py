"""The commands that look after the store, as a person types them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from labloop.cli.main import run
from labloop.store import clock
from tests.cli.conftest import Cli
from tests.store.frozen.freeze import HERE


def _tamper(cli: Cli, *statements: str) -> None:
    with closing(sqlite3.connect(cli.folder / "campaigns" / "labloop.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def _data(cli: Cli, *words: str) -> Any:
    return cli.json(*words)["data"]


def test_verify_says_that_all_agrees_and_where_the_ledger_stands(reaction: Cli) -> None:
    assert "is whole, what follows from it agrees: 2 entries" in reaction("verify")
    assert "is whole: 2 entries" in reaction("verify", "--chain")
    head = _data(reaction, "verify")["head"]
    assert head == "2:" + _data(reaction, "status")["head"]["hash"]
    assert _data(reaction, "export", "all.csv")["head"] == head
    assert "is whole" in reaction("verify", "--against", head)


def test_verify_names_what_was_changed_and_its_exit_code_is_9(reaction: Cli) -> None:
    _tamper(reaction, "UPDATE ledger SET actor = 'somebody' WHERE sequence = 2")
    assert "entry 2: was changed after it was written" in reaction("verify", code=9)
    assert "is broken" in reaction("doctor", code=7)


def test_a_read_model_that_was_changed_is_named_and_rebuilt(reaction: Cli) -> None:
    _tamper(reaction, "UPDATE experiment SET status = 'completed' WHERE number = 2")
    said = reaction("verify", code=9)
    assert "experiment 2: is ('completed'" in said.replace("\n", " ")
    assert "fix: the ledger itself is whole: labloop rebuild" in said
    assert reaction("verify", "--chain")
    assert "Rebuilt reaction from 2 entries: 3 experiments" in reaction("rebuild")
    assert reaction("verify")


def test_a_cut_tail_is_found_against_a_head(reaction: Cli) -> None:
    head = _data(reaction, "verify")["head"]
    _tamper(reaction, "DELETE FROM ledger WHERE sequence = 2")
    reaction("rebuild")
    assert reaction("verify")
    assert "the ledger was cut off after entry 1" in reaction("verify", "--against", head, code=9)
    reaction("verify", "--against", "nonsense", code=3)


def test_backup_and_restore(reaction: Cli) -> None:
    for name in ("copy.db", "copy.jsonl"):
        said = reaction("backup", name)
        assert "Copied 1 campaigns" in said
        head = json.loads((reaction.folder / f"{name}.heads.json").read_text())["heads"]["reaction"]
        assert head in said
        reaction("backup", name, code=5)
        reaction("restore", name, code=5)
        other = f"other-{name}.db"
        assert "Restored 1 campaigns" in reaction("restore", name, "--store", other)
        assert "is whole" in reaction("verify", "--store", other, "--against", head)
    (reaction.folder / "campaigns" / "labloop.db").rename(reaction.folder / "away.db")
    reaction("restore", "copy.db")
    assert "proposed" in reaction("status")


def test_an_older_store_names_upgrade_and_upgrade_brings_it_up(cli: Cli) -> None:
    shutil.copyfile(HERE / "v1.db", cli.folder / "campaigns" / "labloop.db")
    cli("status", "reaction", code=7)
    assert "labloop upgrade" in cli.err
    cli("doctor", code=7)
    assert "Layout 1 became 2" in cli("upgrade")
    assert "the layout is 2 already" in cli("upgrade")
    assert "is whole" in cli("verify", "reaction")


def test_doctor_tries_a_write_that_reaches_the_file(reaction: Cli) -> None:
    with closing(sqlite3.connect(reaction.folder / "campaigns" / "labloop.db")) as database:
        stuck = "CREATE TRIGGER stuck BEFORE UPDATE ON labloop_meta BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        database.execute(stuck)
        database.commit()
    assert "the disk reports an input/output error" in reaction("doctor", code=7)


def test_doctor_says_how_the_store_is_kept_and_why(reaction: Cli) -> None:
    (store,) = (each for each in _data(reaction, "doctor")["checks"] if each["what"] == "store")
    assert "DELETE/EXTRA" in store["message"] or "WAL/FULL" in store["message"]
    assert "every commit" in store["message"]
    with closing(sqlite3.connect(reaction.folder / "campaigns" / "labloop.db")) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0].upper()
    assert f"{mode}/" in store["message"]


def test_doctor_on_a_server_says_its_version_and_that_it_waits_for_the_disk(cli: Cli, postgres: str) -> None:
    checks = _data(cli, "doctor", "--store", postgres)["checks"]
    (store,) = (each for each in checks if each["what"] == "store")
    assert store["ok"]
    assert "PostgreSQL 1" in store["message"]
    assert "synchronous_commit = on" in store["message"]


def test_experiments_are_claimed_reported_on_and_released(reaction: Cli) -> None:
    held = _data(reaction, "claim", "--as", "robot-1", "--lease", "1s", "-n", "2")
    token = str(held["token"])
    assert [each["experiment"] for each in held["experiments"]] == ["reaction#1", "reaction#2"]
    reaction("claim", "1", "--as", "anna", code=5)
    reaction("claim", "1", code=2)
    reaction("claim", "3", "--as", "anna", "--lease", "soon", code=3)
    assert "Recorded results of reaction#1" in reaction("record", "1", "--result", "yield=50", "--token", token)
    assert "Released reaction#2" in reaction("release", "--token", token, "--reason", "the pump broke")
    assert "robot-1 claimed 1, 2 until" in reaction("history")
    assert "released 2: the pump broke" in reaction("history")


def test_status_asks_for_attention_when_a_lease_has_run_out(reaction: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    token = str(_data(reaction, "claim", "2", "--as", "robot-1", "--lease", "4h")["token"])
    moment = clock.now() + timedelta(hours=5)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert "attention     reaction#2: robot-1 claimed it until" in reaction("status")
    assert _data(reaction, "status")["overdue"][0]["experiment"] == "reaction#2"
    assert _data(reaction, "claim", "--renew", token, "--lease", "4h")["token"] == int(token)
    assert "attention" not in reaction("status")


def test_a_key_makes_a_command_safe_to_repeat(reaction: Cli) -> None:
    twice = [_data(reaction, "suggest", "-n", "2", "--key", "s") for _ in range(2)]
    assert twice[0] == twice[1]
    words = ("record", "4", "--result", "yield=50", "--replicate", "--key", "r")
    assert _data(reaction, *words)["recorded"] == _data(reaction, *words)["recorded"] == ["reaction#4"]
    reaction("record", "4", "--result", "yield=51", "--replicate", "--key", "r", code=5)
    own = ("add", "--set", "temperature=60", "--set", "time=5", "--set", "solvent=DMSO", "--key", "a")
    assert _data(reaction, *own)["added"] == _data(reaction, *own)["added"] == ["reaction#6"]


SECRETS = ("geheim", "auchgeheim")
SECRET = "postgresql://anna:geheim@127.0.0.1:1/lab?sslpassword=auchgeheim"


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("doctor",),
        ("suggest",),
        ("verify",),
        ("record", "1", "--result", "yield=1"),
        ("backup", "copy.jsonl"),
        ("restore", "copy.jsonl"),
        ("upgrade",),
        ("status", "--nonsense"),
        ("status", "--help"),
        ("nonsense",),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("url", [SECRET, SECRET.replace("127.0.0.1:1", "127.0.0.1:x1"), SECRET.replace("@", "%%@")])
def test_no_secret_of_a_url_is_said_whatever_goes_wrong(
    reaction: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], as_json: bool, url: str
) -> None:
    (reaction.folder / "copy.jsonl").write_text("{}\n")
    monkeypatch.setattr("tempfile.tempdir", str(reaction.folder))
    given = [*words, "--store", url, *(["--json"] if as_json else [])]
    monkeypatch.setenv("LABLOOP_STORE", url)
    assert (run(given) == 0) == ("--help" in words)
    said = "".join(reaction._capsys.readouterr())
    assert said
    for path in reaction.folder.glob("*.log"):  # details of a mistake of ours
        said += path.read_text()
    assert not any(secret in said for secret in SECRETS), said


def test_no_secret_of_a_url_is_kept_in_a_ledger_a_report_or_a_backup(
    reaction: Cli, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = postgres.rpartition("://")[2].partition("@")[0].partition(":")[2]
    monkeypatch.setenv("LABLOOP_STORE", postgres)
    said = ""
    for words in (
        ("suggest",),
        ("record", "1", "--result", "yield=50"),
        ("status",),
        ("history",),
        ("doctor",),
        ("verify",),
        ("backup", "copy.jsonl"),
        ("plot", "--out", "progress.html"),
        ("export", "all.json"),
    ):
        said += reaction(*words) + reaction.err + reaction("history", "--json")
    query = postgres.rpartition("?")[2]
    kept: list[Path] = [each for each in reaction.folder.rglob("*") if each.is_file() and each.suffix != ".db"]
    assert len(kept) >= 5
    everything = said + "".join(each.read_text(errors="replace") for each in kept)
    assert query not in everything
    assert f":{secret}@" not in everything
