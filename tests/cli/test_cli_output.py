"""Where the answer goes: readers that leave, disks that are full, streams that are closed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from labloop import __version__
from labloop.cli import progress
from tests.cli.conftest import CAMPAIGN, Cli

LABLOOP = f"{sys.executable} -m labloop.cli.main"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    return tmp_path


def typed(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-o", "pipefail", "-c", line.replace("labloop ", f"{LABLOOP} ")]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("words", ["--help", "status", "check", "schema"])
def test_a_reader_that_leaves_early_is_no_error(folder: Path, words: str) -> None:
    done = typed(folder, f"labloop {words} | true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT RUN: this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_said_and_nothing_is_lost(folder: Path) -> None:
    row = "temperature=40 time=5 solvent=water"
    sets = " ".join(f"--set {each}" for each in row.split())
    done = typed(folder, f"labloop add reaction {sets} --result yield=5 --json >/dev/full")
    assert done.returncode == 7
    assert done.stderr.startswith("error: the answer cannot be written to standard output: No space left")
    assert "what the command did is done" in done.stderr
    assert '"observations": 1' in typed(folder, "labloop status --json").stdout


def test_a_closed_output_is_no_mistake_of_ours(folder: Path) -> None:
    done = typed(folder, "labloop status >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_labloop_alone_says_what_it_can_do(folder: Path) -> None:
    done = typed(folder, "labloop ")
    assert done.returncode == 0
    assert "suggest" in done.stdout
    assert done.stderr == ""


def test_the_version_is_said_for_people_and_for_programs(cli: Cli) -> None:
    assert cli("--version") == f"labloop {__version__}\n"
    for words in (("--version", "--json"), ("--json", "--version")):
        answer = json.loads(cli(*words))
        assert (answer["command"], answer["data"]) == ("version", {"version": __version__})
    cli("--version", "status", code=2)
    cli("--json", "schema", code=2)
    assert "labloop schema --json" in cli.out


class Terminal(Console):
    """A terminal that keeps what it was shown."""

    def __init__(self, *, stderr: bool) -> None:
        assert stderr, "progress is no part of an answer"
        super().__init__(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"})
        SHOWN.append(self)


SHOWN: list[Terminal] = []


@pytest.mark.parametrize(
    ("total", "quiet", "seen"), [(1_000_000, False, True), (5_000, False, False), (1_000_000, True, False)]
)
def test_a_long_check_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch, total: int, quiet: bool, seen: bool) -> None:
    monkeypatch.setattr(progress, "console", Terminal)
    with progress.going_along("checking the ledger", quiet=quiet) as tell:
        assert (tell is None) is quiet
        if tell is not None:
            tell(total // 2, total)
    file = SHOWN.pop().file
    assert isinstance(file, io.StringIO)
    assert ("50%" in file.getvalue()) is seen


@pytest.mark.parametrize("words", [("verify",), ("rebuild",), ("verify", "--chain")])
def test_nobody_who_does_not_look_is_shown_progress(
    reaction: Cli, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    reaction(*words)
    assert reaction.err == ""
    # A program at a terminal: standard error is looked at, but the answer is JSON.
    monkeypatch.setattr(progress, "console", Terminal)
    reaction.json(*words)
    file = SHOWN.pop().file
    assert isinstance(file, io.StringIO)
    assert file.getvalue() == ""


def test_a_store_that_is_not_there_is_not_made_by_a_slip(cli: Cli) -> None:
    cli("status", "--store", "foo", code=2)
    assert "no store foo" in cli.err
    assert not (cli.folder / "foo").exists()


def test_a_second_demonstration_leaves_the_first_alone(cli: Cli) -> None:
    first = cli.json("demo", "--rounds", "1", "-n", "2")["data"]["folder"]
    written = (cli.folder / first / "campaigns" / "hydrogel.yaml").stat().st_mtime_ns
    second = cli.json("demo", "--rounds", "1", "-n", "2")["data"]["folder"]
    assert (first, second) == ("demo", "demo-2")
    assert (cli.folder / first / "campaigns" / "hydrogel.yaml").stat().st_mtime_ns == written
