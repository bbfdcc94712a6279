"""A workspace of its own for every test, and the command line called in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labloop.cli.main import run

CAMPAIGN = """\
schema: labloop/1
name: reaction
question: Which solvent couples best?
parameters:
  temperature: {bounds: [20, 80], step: 5, unit: degC}
  time: {bounds: [1, 100], scale: log, unit: h}
  solvent: {choices: [water, EtOH, DMSO]}
  humidity: {observed: true, unit: "%"}
objectives:
  yield: {goal: maximize, unit: "%", range: [0, 100]}
limits:
  - purity >= 95
planner: {batch: 3, budget: 40}
"""


class Cli:
    """Calls labloop and keeps what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.out = self.err = ""
        self._capsys = capsys

    def __call__(self, *words: str | Path, code: int = 0) -> str:
        self._capsys.readouterr()
        found = run([str(word) for word in words])
        self.out, self.err = self._capsys.readouterr()
        assert found == code, f"exit code {found}, expected {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.out + self.err
        return self.out

    def json(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        envelope: dict[str, Any] = json.loads(self(*words, "--json", code=code))
        assert set(envelope) == {"schema", "command", "ok", "data", "warnings", "error"}
        assert envelope["schema"] == "labloop.cli/1"
        assert envelope["ok"] is (code == 0)
        return envelope


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """An empty workspace to call labloop in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("LABLOOP_STORE", raising=False)
    (tmp_path / "campaigns").mkdir()
    return Cli(tmp_path, capsys)


@pytest.fixture
def reaction(cli: Cli) -> Cli:
    """A workspace with one campaign that has a first batch."""
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    cli("suggest")
    return cli


Words = Callable[..., str]
