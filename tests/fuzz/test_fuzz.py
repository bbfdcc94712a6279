"""A short version of `benchmarks/fuzz.py`: some hostile inputs of every kind, none ends in a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1])


def test_fifteen_hundred_hostile_inputs_end_without_a_traceback() -> None:
    done = run("--inputs", "1500", "--seed", "1000000")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "0 tracebacks" in done.stdout
    assert {line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")} >= {
        "csv", "json", "yaml", "xlsx", "arguments",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_hostile_inputs_end_without_a_traceback_in_500_mb() -> None:
    done = run()
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_harness_fails_when_a_reader_lets_an_error_escape(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import runpy, sys\n"
        "import labloop.tabular.reading as reading\n"
        "def decode(raw, source):\n    return raw.decode('utf-8')\n"
        "reading.decode = decode\n"
        "sys.argv = ['fuzz', '--inputs', '1000']\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, str(broken)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "UnicodeDecodeError" in done.stderr
