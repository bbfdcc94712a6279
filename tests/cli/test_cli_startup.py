"""What a fresh process loads: whoever only looks must not wait for torch or pandas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CAMPAIGN

HEAVY = {"torch", "gpytorch", "botorch", "pandas", "matplotlib", "scipy", "numpy", "openpyxl"}


def _loaded(folder: Path, *words: str) -> set[str]:
    code = (
        f"import sys; from labloop.cli.main import run; run({list(words)!r}); "
        "import json; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    modules: list[str] = json.loads(done.stderr.strip().splitlines()[-1])
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "words", [("--help",), ("status",), ("show",), ("history",), ("best",), ("record", "1", "--result", "yield=3")]
)
def test_looking_and_recording_load_nothing_heavy(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    loaded = _loaded(tmp_path, *words)
    assert "labloop" in loaded
    assert not loaded & HEAVY


def test_help_does_not_even_load_the_store(tmp_path: Path) -> None:
    assert not _loaded(tmp_path, "--help") & {"sqlalchemy", "pydantic", "ruamel"}


def test_the_library_loads_torch_only_when_it_plans(tmp_path: Path) -> None:
    code = "import labloop, sys; labloop.Campaign; assert 'torch' not in sys.modules; assert 'pandas' in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
