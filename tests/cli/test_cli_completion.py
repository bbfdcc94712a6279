"""The shell completes commands, campaigns and strategies, and stays silent where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labloop.cli.options import known_campaigns
from tests.cli.conftest import CAMPAIGN, Cli


def _completed(folder: Path, line: str) -> list[str]:
    environment = {
        **os.environ,
        "_LABLOOP_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    command = [sys.executable, "-m", "labloop.cli.main"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("labloop sug", ["suggest"]),
        ("labloop suggest rea", ["reaction"]),
        ("labloop record r", ["reaction"]),
        ("labloop suggest reaction --strategy ex", ["explore", "exploit"]),
    ],
)
def test_the_shell_offers_what_can_be_typed(cli: Cli, line: str, offered: list[str]) -> None:
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    assert _completed(cli.folder, line) == offered


def test_a_store_that_cannot_be_read_offers_nothing(cli: Cli) -> None:
    (cli.folder / "campaigns" / "labloop.db").write_text("not a database " * 100)
    assert known_campaigns("") == []
