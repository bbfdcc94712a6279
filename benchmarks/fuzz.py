"""100,000 hostile inputs without a traceback in less than 500 MB: `python benchmarks/fuzz.py`.

Five kinds, in this process: CSV, XLSX and JSON tables (read, checked against a spec, imported into a store), YAML
campaign files, and command lines. An input is made by hypothesis, either from scratch or by damaging something whole.
It may be accepted or refused by one of labloop's own errors; anything else that is raised is a failure, and a command
line fails too if it ends with exit code 1 (a mistake of ours). On the first failure hypothesis shrinks and prints it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from labloop.cli.main import COMMANDS
from labloop.cli.main import run as run_command
from labloop.errors import LabloopError
from labloop.exchange.sheet import Column, Sheet, write_sheet
from labloop.loop.campaigns import create
from labloop.loop.handin import import_rows
from labloop.records import Conditions, Experiment, Proposal, ProposedExperiment
from labloop.spec.models import Spec
from labloop.spec.reader import parse_spec
from labloop.store import Store
from labloop.tabular import read_stream

__all__ = ["KINDS", "Kind", "fuzz"]

LIMIT_MB = 500
_CHUNK = 500

CAMPAIGN = """\
schema: labloop/1
name: film
question: Which film sticks best?
parameters:
  A: {mixture: blend, min: 0.05, unit: mol/mol}
  B: {mixture: blend, unit: mol/mol}
  temperature: {bounds: [20, 80], step: 5, unit: degC, change: hard}
  time: {bounds: [1, 100], scale: log, unit: h}
  cycles: {bounds: [1, 8], integer: true}
  dose: {levels: [0.1, 0.5, 2.5]}
  plate: {choices: ["007", MAR1, glass], label: Plate no.}
  humidity: {observed: true, unit: "%"}
  arm: {value: robot}
mixtures:
  blend: {total: 1}
constraints:
  - 2*temperature + time <= 250
  - if plate == "glass" then temperature <= 75
objectives:
  adhesion: {goal: maximize, unit: kPa, label: Glass (kPa)_max}
  yield: {goal: target, target: 50, unit: "%", range: [0, 100]}
limits:
  - purity >= 95
planner: {strategy: explore, batch: 3, budget: 96}
"""
SHEET = (
    "experiment,A,B,temperature,time,cycles,dose,plate,humidity,Glass (kPa)_max,yield,purity,note\n"
    ",0.4,0.6,40,2.5,3,0.5,glass,41,83.2,50,96,\n,0.05,0.95,60,10,8,2.5,007,,12,,99,a remark\n"
    ",0.3,0.7,20,1,1,0.1,MAR1,38.5,,71.5,,\n"
)
ROWS = (
    '[{"A": 0.4, "B": 0.6, "temperature": 40, "time": 2.5, "cycles": 3, "dose": 0.5, "plate": "glass", "yield": 50},'
    ' {"A": 0.3, "B": 0.7, "temperature": 25, "time": 9, "cycles": 1, "dose": 2.5, "plate": "007", "note": "x"}]'
)
_PIECES = [
    *",;\t|\n\r\"'=+-@ \x00{}[]:#&*!%?/\\", "\r\n", "''", "---", "...", "<<: *a", "&a", "*a",
    "!!python/object:os.system",
    "1", "0", "-5", "1e308", "1e-400", "NaN", "inf", "1,5", "1.234.567", "2024-03-01", "1-Mar", "1.2E+11", "=1+1",
    "true", "null", "~", "yield", "temperature", "film#1", "007", "mixture", "bounds", "choices", "goal", "é", "温度",
    "\u2028", "\ufeff", "\u202e", "\ud83e\udd2a", "[[[[[[[[[[", "{a: {a: {a: ", "A" * 500, "9" * 400,
]  # fmt: skip
_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "cp932", "latin-1", "utf-32"]

pieces = st.sampled_from(_PIECES) | st.text(max_size=4)
damage = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 12) | st.just(0), pieces), min_size=1, max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_PIECES) | st.text(max_size=8)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(pieces, v, max_size=4), max_leaves=12
)


def damaged(whole: str) -> st.SearchStrategy[str]:
    """Return a text with some of it cut out, and something else put there."""

    def apply(changes: list[tuple[int, int, str]]) -> str:
        text = whole
        for place, length, piece in changes:
            at = place % (len(text) + 1)
            text = text[:at] + piece + text[at + length :]
        return text

    return damage.map(apply)


def encoded(texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Texts in an encoding that files come in; what it lacks is left out."""
    return st.tuples(texts, st.sampled_from(_ENCODINGS)).map(lambda both: both[0].encode(both[1], errors="ignore"))


class Tables:
    """Reads tables against a spec and imports them into a store in memory."""

    def __init__(self) -> None:
        self.spec = parse_spec(CAMPAIGN)
        self.store = Store("sqlite://")
        create(self.store, self.spec)

    def __call__(self, raw: bytes) -> None:
        with contextlib.suppress(LabloopError):
            import_rows(self.store, "film", read_stream(raw, source="fuzz"))


def read_campaign(text: str) -> None:
    """Parse a campaign file and write it again."""
    with contextlib.suppress(LabloopError):
        parse_spec(text, source="fuzz.yaml")


def read_mapping(fields: object) -> None:
    """Parse a campaign from plain values."""
    whole = parse_spec(CAMPAIGN).to_dict()
    with contextlib.suppress(LabloopError):
        parse_spec({**whole, **fields} if isinstance(fields, dict) else {"schema": fields})


def read_any_campaign(given: object) -> None:
    """Parse a text or plain values."""
    if isinstance(given, str):
        read_campaign(given)
    else:
        read_mapping(given)


def workbook() -> dict[str, bytes]:
    """Return the parts of a workbook as labloop writes it."""
    rows = [line.split(",") for line in SHEET.splitlines()]
    cells = tuple(tuple(_cell(text) for text in row) for row in rows[1:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.xlsx"
        write_sheet(path, Sheet(tuple(Column(heading) for heading in rows[0]), cells))
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _cell(text: str) -> str | float | None:
    try:
        return float(text) if text != "007" else text
    except ValueError:
        return text or None


def packed(parts: dict[str, bytes]) -> bytes:
    """Return an archive of the parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def workbooks() -> st.SearchStrategy[bytes]:
    """Workbooks with a damaged part, without a part, or with damaged bytes."""
    parts = workbook()
    whole = packed(parts)

    def with_part(name: str) -> st.SearchStrategy[bytes]:
        texts = damaged(parts[name].decode("utf-8"))
        return texts.map(lambda text: packed({**parts, name: text.encode("utf-8", errors="ignore")}))

    def broken(changes: list[tuple[int, int]]) -> bytes:
        raw = bytearray(whole)
        for place, value in changes:
            raw[place % len(raw)] = value
        return bytes(raw)

    names = st.sampled_from(sorted(parts))
    bytes_changed = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=8).map(broken)
    without = names.map(lambda name: packed({key: part for key, part in parts.items() if key != name}))
    cut = st.integers(0, len(whole)).map(lambda end: whole[:end])
    return names.flatmap(with_part) | names.flatmap(with_part) | bytes_changed | without | cut


_WORDS = [
    "film", "1", "2", "film#1", "film#9", "3-5", "sheet.csv", "out.csv", "out.xlsx", "out.json", "d.zip", "-", "--json",
    "--yes", "--force", "--result", "adhesion=5", "yield=50", "yield=1e9", "--set", "time=5", "--reason", "why",
    "--replicate", "--outside", "--note", "-n", "--batch", "--open", "--out", "c.svg", "--entry", "--failure",
    "infeasible", "--repeat", "--times", "--rate", "0.5", "--again", "--winner", "--control", "--as", "nimo", "edbo",
    "--from", "--experiment", "--all", "--strategy", "exploit", "--lab", "--help", "--store", "--version", "-1", "0",
    "",
]  # fmt: skip
_LINES = [
    "suggest film", "suggest film -n 2 --strategy exploit", "status film", "show film 1", "best film -n 3",
    "history film",
    "record film 1 --result adhesion=5 --result yield=50", "record film 2 --failure infeasible --note boiled",
    "record film 1 --result adhesion=5 --replicate", "record film sheet.csv --yes", "import film sheet.csv",
    "import film sheet.csv --from edbo", "add film sheet.csv --from nimo", "export film out.csv --force",
    "export film out.xlsx --open --force", "export film c.csv --as edbo --force", "export film --batch 1 b.csv --force",
    "amend film 1 --result adhesion=6 --reason typo", "undo film --reason wrong", "veto film 2 --reason no",
    "replace film 2 --reason no", "verify film", "replay film --all", "replay film --experiment 1", "scorecard film",
    "surprises film --repeat --times 2", "confirm film -n 2", "confirm film --winner 1 --control 2 --again",
    "dossier film d.zip --force", "check film", "plot film", "doctor", "schema", "fill film b.csv --lab hydrogel",
    "revise film --reason why",
]  # fmt: skip


class Commands:
    """Calls the command line in a workspace of its own, with a planner that only walks."""

    # These ask, play for minutes, or wait for Ctrl-C.
    left_out = frozenset({"demo", "loop", "init"})

    def __init__(self) -> None:
        planner: Any = importlib.import_module("labloop.planner")
        planner.plan = walk
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        (root / "campaigns").mkdir()
        (root / "campaigns" / "film.yaml").write_text(CAMPAIGN, encoding="utf-8")
        (root / "sheet.csv").write_text(SHEET, encoding="utf-8")
        self.root = root
        self([["import", "film", "sheet.csv"], ["suggest"]])

    def __call__(self, lines: list[list[str]]) -> None:
        with _inside(self.root):
            for words in lines:
                silent = io.StringIO()
                with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
                    try:
                        code = run_command(words)
                    except SystemExit as ended:
                        code = int(ended.code or 0)
                assert code != 1, f"labloop {words}: a mistake of ours\n{silent.getvalue()[-2000:]}"

    def lines(self) -> st.SearchStrategy[list[list[str]]]:
        """Two commands in a row, so that the second meets what the first left."""
        names = sorted(set(COMMANDS) - self.left_out)
        # No separators of paths: whatever is written stays in the workspace.
        odd = st.text(st.characters(codec="utf-8", exclude_characters="/\\\x00"), max_size=12)
        words = st.sampled_from(_WORDS) | odd.filter(lambda text: ".." not in text)
        loose = st.tuples(st.sampled_from(names) | odd, st.lists(words, max_size=5)).map(
            lambda both: [both[0], *both[1]]
        )

        def changed(change: tuple[str, list[tuple[int, int, str]]]) -> list[str]:
            line = change[0].split()
            for place, length, word in change[1]:
                at = 1 + place % len(line)
                line[at : at + length] = [word]
            return line

        changes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), words), max_size=2)
        whole = st.tuples(st.sampled_from(_LINES), changes).map(changed)
        return st.lists(whole | whole | loose, min_size=2, max_size=2)


def walk(spec: Spec, observed: Any, pending: Any, n: int, seed: int) -> Proposal:
    """Propose the middle of everything, moved along by how much was seen: a planner without a model."""
    step = (len(observed) + len(pending)) % 13
    conditions: Conditions = {
        "A": 0.4, "B": 0.6, "temperature": 20.0 + 5 * step, "time": 2.0, "cycles": 3, "dose": 0.5, "plate": "007",
        "arm": "robot",
    }  # fmt: skip
    assert all(isinstance(each, Experiment) for each in observed)
    return Proposal((ProposedExperiment(conditions, "start", "it walks"),) * min(n, 1), seed, spec.planner.strategy)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before, stdin = Path.cwd(), sys.stdin
    os.chdir(folder)
    sys.stdin = io.TextIOWrapper(io.BytesIO(b""))
    try:
        yield
    finally:
        os.chdir(before)
        sys.stdin = stdin


@dataclass(frozen=True)
class Kind:
    """One kind of input: how it is made, what takes it, and how many inputs one example holds."""

    make: Callable[[], tuple[st.SearchStrategy[Any], Callable[[Any], None]]]
    share: float
    inputs: int = 1


def _csv() -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    loose = st.lists(pieces, max_size=40).map("".join)
    return encoded(damaged(SHEET)) | encoded(loose) | st.binary(max_size=200), Tables()


def _json() -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    import json

    rows = st.lists(st.dictionaries(pieces, values, max_size=5), max_size=4)
    whole = rows.map(lambda each: json.dumps(each, ensure_ascii=False).encode("utf-8", errors="ignore"))
    return whole | encoded(damaged(ROWS)) | encoded(damaged(ROWS)), Tables()


def _yaml() -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    keys = st.sampled_from(["parameters", "objectives", "limits", "constraints", "mixtures", "planner", "name", "x"])
    return damaged(CAMPAIGN) | damaged(CAMPAIGN) | st.dictionaries(keys, values, max_size=3), read_any_campaign


def _xlsx() -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    return workbooks(), Tables()


def _arguments() -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    commands = Commands()
    return commands.lines(), commands


KINDS = {
    "csv": Kind(_csv, 0.40),
    "json": Kind(_json, 0.25),
    "yaml": Kind(_yaml, 0.15),
    "xlsx": Kind(_xlsx, 0.10),
    "arguments": Kind(_arguments, 0.10, inputs=2),
}


def fuzz(name: str, inputs: int, *, start: int = 0) -> int:
    """Try so many inputs of one kind and return how many there were; raises on the first failure.

    In chunks, since hypothesis remembers all it tried within one run.
    """
    kind, done = KINDS[name], 0
    os.environ["LABLOOP_DEBUG"] = "1"  # a mistake of ours is raised, not turned into a message
    while done < inputs:
        strategy, target = kind.make()
        examples = min(_CHUNK, max(1, (inputs - done) // kind.inputs))
        done += kind.inputs * _tried(strategy, target, examples, start + done)
    return done


def _tried(strategy: st.SearchStrategy[Any], target: Callable[[Any], None], examples: int, start: int) -> int:
    tried = 0

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def once(example: Any) -> None:
        nonlocal tried
        tried += 1
        target(example)

    once()
    return tried


def main() -> None:
    """Print promised against measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # ruamel's, of anchors that damage has doubled
    print("| kind | inputs | tracebacks | s | RSS so far, MB |\n| --- | --- | --- | --- | --- |")
    total = 0
    for name, kind in KINDS.items():
        began = time.perf_counter()
        done = fuzz(name, round(kind.share * chosen.inputs), start=chosen.seed)
        total += done
        print(f"| {name} | {done:,} | 0 | {time.perf_counter() - began:.0f} | {peak():.0f} |", flush=True)
    print(f"\n{total:,} inputs, 0 tracebacks, peak {peak():.0f} MB (promised: under {LIMIT_MB})")
    if peak() > LIMIT_MB:
        sys.exit(f"more than {LIMIT_MB} MB")


def peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage's, this one does not begin with what the parent had when it forked.
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(found.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


if __name__ == "__main__":
    main()
