"""A wheel builds, and runs outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_the_wheel_runs_in_a_clean_environment_outside_the_checkout(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("labloop-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "labloop/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "campaigns/"))]
    # The dependencies are lent by the environment that runs the tests; labloop itself comes from the wheel.
    venv.create(tmp_path / "clean", with_pip=False)
    site = next((tmp_path / "clean").glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    lent = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    work = tmp_path / "work"
    work.mkdir()
    python = tmp_path / "clean" / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*words: str) -> str:
        code = (
            f"import sys; sys.path.append({str(lent)!r}); from labloop.cli.main import run; "
            f"import labloop; assert {str(site)!r} in labloop.__file__; sys.exit(run({list(words)!r}))"
        )
        done = subprocess.run(
            [python, "-c", code], cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "first", "--template", "reaction")
    assert "reaction" not in run("suggest", "first", "-n", "2", "--out", "b.csv").split("\n")[0]
    assert "filled in" in run("fill", "first", "b.csv", "--lab", "reaction")
    assert "Recorded" in run("record", "first", "b.csv")
    assert run("plot", "first", "--out", "p.html")
    assert (work / "p.html").read_text().startswith("<!doctype html>")
