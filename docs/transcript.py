"""Types every `$` line of docs/tutorial.md in an empty folder; `--write` puts the answers under them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TUTORIAL = Path(__file__).parent / "tutorial.md"
_BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<answer>.*?)```", re.DOTALL)
_COLUMNS = "126"


@dataclass(frozen=True)
class Step:
    """One typed line: the command, what the tutorial says it answers, and what it did answer."""

    command: str
    written: str
    answer: str
    code: int


def steps(folder: Path, data: Path | None) -> Iterator[Step]:
    """Type the tutorial's lines one after the other in a folder.

    ``data`` is a folder with the tables that the tutorial names; without it the lines that need one are
    left out.
    """
    (folder / "campaigns").mkdir(exist_ok=True)
    for block in _BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        words = shlex.split(block["command"])
        for word in words:
            if data is not None and word.endswith(".csv") and (data / word).exists():
                shutil.copy(data / word, folder / word)
        if "gels" in words and not (folder / "hydrogel_180.csv").exists():
            continue
        code, answer = typed(words, folder)
        yield Step(block["command"], block["answer"], answer, code)


def typed(words: list[str], folder: Path) -> tuple[int, str]:
    """Run one command as a person would, on a terminal of a fixed width; return its code and its words."""
    environment = {**os.environ, "COLUMNS": _COLUMNS, "LABLOOP_ACTOR": "anna", "NO_COLOR": "1"}
    environment.pop("LABLOOP_STORE", None)
    done = subprocess.run(
        [sys.executable, "-m", "labloop.cli.main", *words[1:]],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=300,
        check=False,
    )
    answer = done.stdout.replace(str(folder) + "/", "")
    return done.returncode, "\n".join(line.rstrip() for line in answer.strip("\n").splitlines()) + "\n"


def main() -> None:
    """Type the tutorial; with ``--write`` keep what came."""
    data = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
    with tempfile.TemporaryDirectory() as folder:
        taken = list(steps(Path(folder).resolve(), data))
    failed = [step for step in taken if step.code]
    for step in failed:
        sys.stderr.write(f"$ {step.command}\n{step.answer}\n")
    if failed:
        sys.exit(1)

    left = list(taken)

    def answered(block: re.Match[str]) -> str:
        if not left or left[0].command != block["command"]:
            return block[0]
        step = left.pop(0)
        return f"```console\n$ {step.command}\n{step.answer}```"

    if "--write" in sys.argv:
        TUTORIAL.write_text(_BLOCK.sub(answered, TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
