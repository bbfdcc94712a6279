"""labloop loop and the wizard, on a real terminal: typed at, interrupted, taken up again."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labloop.cli.main import run
from tests.cli.conftest import CAMPAIGN, Cli


class Terminal:
    """A labloop process on a pseudo-terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.leader, follower = pty.openpty()
        environment = {**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "labloop.cli.main", *words],
            cwd=folder,
            env=environment,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            # Whatever started the tests may ignore Ctrl-C, and its children with it: a terminal's does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(follower)
        self.text = ""
        self._seen = 0

    def wait_for(self, words: str, *, seconds: float = 60) -> str:
        """Read until the words appear behind those waited for before; return what came up to them."""
        start, end = self._seen, time.monotonic() + seconds
        while words not in self.text[start:]:
            if time.monotonic() > end:
                raise AssertionError(f"no {words!r} in:\n{self.text}")
            if select.select([self.leader], [], [], 0.2)[0]:
                try:
                    chunk = os.read(self.leader, 65536)
                except OSError:
                    chunk = b""
                if not chunk:
                    raise AssertionError(f"ended without {words!r}:\n{self.text}")
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chunk.decode(errors="replace"))
        self._seen = self.text.index(words, start) + len(words)
        return self.text[start : self._seen]

    def type(self, line: str) -> None:
        os.write(self.leader, (line + "\n").encode())

    def end(self) -> int:
        code = self.process.wait(timeout=60)
        os.close(self.leader)
        return code


@pytest.fixture
def folder(cli: Cli) -> Path:
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    return cli.folder


def test_the_loop_takes_typed_results_and_goes_on_after_an_interruption(folder: Path, cli: Cli) -> None:
    first = Terminal(folder, "loop", "reaction")
    first.wait_for("reaction#1 yield [%], purity")
    first.type("seventy")
    first.wait_for("'seventy' is no result")
    first.type("yield=70.5 purity=97 humidity=41")
    first.wait_for("reaction#2 yield")
    first.type("fail equipment")
    first.wait_for("reaction#3 yield")
    os.killpg(first.process.pid, signal.SIGINT)
    assert first.end() == 130
    assert "Traceback" not in first.text
    found = cli.json("show")["data"]["experiments"]
    assert [each["status"] for each in found] == ["completed", "failed", "proposed"]
    assert found[0]["observations"][0]["outcomes"] == {"yield": 70.5, "purity": 97}
    second = Terminal(folder, "loop", "reaction")
    second.wait_for("reaction#3 yield")
    second.type("yield=61 purity=96")
    second.wait_for("Batch 2 of reaction")
    second.wait_for("reaction#4 yield")
    second.type("veto too cold")
    second.wait_for("reaction#5 yield")
    second.type("stop")
    assert "3 observations" not in second.wait_for("2 observations, best so far")
    assert second.end() == 0
    assert cli.json("show", "4")["data"]["experiments"][0]["status"] == "vetoed"
    assert run(["verify"]) == 0


def test_the_loop_takes_a_filled_in_sheet(folder: Path, cli: Cli) -> None:
    cli("suggest", "-o", "b.csv")
    text = (folder / "b.csv").read_text(encoding="utf-8-sig").splitlines()
    (folder / "b.csv").write_text("\n".join([text[0], *(line.replace(",,,,,", ",50,99,40,,") for line in text[1:])]))
    terminal = Terminal(folder, "loop")
    terminal.wait_for("reaction#1 yield")
    terminal.type("file nowhere.csv")
    terminal.wait_for("no file")
    terminal.type("file b.csv")
    terminal.wait_for("Recorded results of reaction#1, reaction#2, reaction#3")
    terminal.wait_for("reaction#4 yield")
    terminal.type("q")
    terminal.wait_for("3 observations")
    assert terminal.end() == 0


def test_the_wizard_asks_until_it_understands(cli: Cli) -> None:
    terminal = Terminal(cli.folder, "init")
    for question, answer in [
        ("name of the campaign", "my campaign"),
        ("name of the campaign", "coupling"),
        ("what is the question", "How fast?"),
        ("parameter", "temperature"),
        ("kind", "number"),
        ("unit", "degC"),
        ("lowest value", "twenty"),
        ("lowest value", "20"),
        ("highest value", "80"),
        ("step", "5"),
        ("parameter", "solvent"),
        ("kind", "choice"),
        ("choices", "water, EtOH"),
        ("parameter", "gel"),
        ("kind", "mix"),
        ("components", "A, B, C"),
        ("unit", ""),
        ("sum up to", "100"),
        ("parameter", ""),
        ("outcome", "yield"),
        ("goal", "max"),
        ("unit", "%"),
        ("outcome", ""),
        ("experiments in a batch", "6"),
    ]:
        terminal.wait_for(question)
        terminal.type(answer)
    terminal.wait_for("Wrote")
    assert terminal.end() == 0
    spec = cli.json("check", "coupling")["data"]["spec"]
    assert spec["parameters"]["temperature"] == {"bounds": [20.0, 80.0], "step": 5.0, "unit": "degC"}
    assert spec["parameters"]["B"] == {"mixture": "gel"}
    assert spec["mixtures"] == {"gel": {"total": 100.0}}
    assert spec["planner"] == {"batch": 6}


def test_a_sheet_is_shown_before_it_is_recorded(folder: Path, cli: Cli) -> None:
    cli("suggest")
    (folder / "b.csv").write_text("experiment,yield\n1,50\n2,60\n")
    terminal = Terminal(folder, "record", "b.csv")
    terminal.wait_for("Would record results of reaction#1, reaction#2")
    terminal.type("n")
    assert terminal.process.wait(timeout=60) == 5
    assert cli.json("status")["data"]["observations"] == 0
