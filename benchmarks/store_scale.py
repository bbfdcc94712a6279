"""How the store carries a million observations: `python benchmarks/store_scale.py [--observations N] [--store URL]`.

Two campaigns in one store: `imported`, filled with tables of 10,000 rows, and `recorded`, where every observation is
an entry of its own (the longest chain for its size). Figures are of one process, the file in the system's cache.
"""

from __future__ import annotations

import argparse
import csv
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from labloop import __version__
from labloop.loop.campaigns import create
from labloop.loop.handin import import_rows
from labloop.loop.look import status, verify
from labloop.loop.record import record
from labloop.loop.upkeep import rebuilt
from labloop.records import LedgerEntry, Origin, Result
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.store import tables as t
from labloop.store.chain import canonical, entry_hash

ROWS = 10_000
MEASURES: list[tuple[str, str, str]] = []


def spec(name: str) -> Spec:
    """Return a campaign of four parameters, one objective and a limit."""
    return Spec.model_validate(
        {
            "name": name,
            "parameters": {f"x{i}": {"bounds": [0, 1]} for i in range(4)},
            "objectives": {"y": {"goal": "maximize"}},
            "limits": ["purity >= 0.2"],
        }
    )


class Stopwatch:
    """Keeps what blocks took: by the clock on the wall, and in processor time, which other work disturbs less."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time one block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def median(self, unit: str = "s") -> str:
        """Return the medians of both."""
        scale = 1000 if unit == "ms" else 1
        wall, cpu = statistics.median(self.wall) * scale, statistics.median(self.cpu) * scale
        return f"{wall:.2f} {unit} (processor {cpu:.2f} {unit})"

    def rate(self, count: int) -> str:
        """Return how many a second, by both."""
        return f"{count / self.wall[-1]:,.0f}/s (processor time: {count / self.cpu[-1]:,.0f}/s)"


def said(what: str, promised: str, measured: str) -> None:
    """Keep a line of the table, and show it at once."""
    MEASURES.append((what, promised, measured))
    print(f"{what}: {measured} (promised: {promised})", flush=True)


def write_table(path: Path, chance: Random) -> None:
    """Write a table of random results."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*(f"x{i}" for i in range(4)), "y", "purity"])
        for _ in range(ROWS):
            out.writerow([f"{chance.random():.6f}" for _ in range(6)])


def fill_imported(store: Store, observations: int, folder: Path) -> None:
    """Import tables until so many observations are there."""
    chance, watch = Random(1), Stopwatch()
    create(store, spec("imported"))
    for number in range(observations // ROWS):
        path = folder / f"{number}.csv"
        write_table(path, chance)
        with watch.running():
            import_rows(store, "imported", path)
        path.unlink()
    last = f"the last {watch.wall[-1]:.1f} s (processor {watch.cpu[-1]:.1f} s)"
    said(f"import of {ROWS:,} rows from CSV, median of {len(watch.wall)}", "< 5 s", f"{watch.median()}; {last}")


def fill_recorded(store: Store, observations: int) -> None:
    """Write a ledger of single observations, entries as `record` writes them, and rebuild what follows from it."""
    chance, watch = Random(2), Stopwatch()
    create(store, spec("recorded"))
    with store.write() as transaction:
        row = transaction.campaign("recorded")
        previous, waiting = row.head_hash, []
        for number in range(1, observations + 1):
            entry = _observation(number, previous, chance)
            previous = entry_hash(entry)
            fields = {name: getattr(entry, name) for name in LedgerEntry.__slots__ if name != "campaign"}
            waiting.append({**fields, "campaign_id": row.id, "payload": canonical(entry.payload), "hash": previous})
            if len(waiting) == ROWS or number == observations:
                transaction.execute(t.ledger.insert(), waiting)
                waiting = []
    with watch.running():
        rebuilt(store, "recorded")
    said(f"rebuild recorded, {observations:,} entries", "", watch.rate(observations))


def _observation(number: int, previous: str, chance: Random) -> LedgerEntry:
    conditions = {f"x{i}": round(chance.random(), 6) for i in range(4)}
    outcomes = {"y": round(chance.random(), 6), "purity": round(chance.random(), 6)}
    own = {"number": number, "conditions": conditions, "observations": [{"index": 1, "outcomes": outcomes}]}
    payload: dict[str, Any] = {"origin": "manual", "experiments": [own], "source": ""}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return LedgerEntry("recorded", number + 1, "added", at, "bench", __version__, payload, previous, "")


def look(store: Store, name: str, folder: Path) -> None:
    """Time what a person waits for."""
    watch = Stopwatch()
    for _ in range(5):
        with watch.running():
            status(store, name)
    said(f"status of {name}, in process, median of 5", "< 1 s", watch.median())
    command = [str(Path(sys.executable).parent / "labloop"), "status", name, "--store", store.url]
    watch = Stopwatch()
    for _ in range(5):
        with watch.running():
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    said(f"labloop status {name}, whole process, median of 5", "< 1 s", f"{statistics.median(watch.wall):.2f} s")
    chance, watch = Random(3), Stopwatch()
    for _ in range(20):
        result = Result(None, {"y": chance.random()}, executed={f"x{i}": chance.random() for i in range(4)})
        with watch.running():
            record(store, name, [result], origin=Origin.MANUAL)
    said(f"record of one into {name}, in process, median of 20", "< 100 ms", watch.median("ms"))


def check(store: Store, name: str, observations: int) -> None:
    """Time the walk along the chain, alone and with the comparison of all that follows from it."""
    watch = Stopwatch()
    with watch.running():
        row, problems = verify(store, name, chain_only=True)
    assert problems == (), problems[0]
    said(f"verify --chain {name}, entries", "50,000/s", watch.rate(row.head))
    with watch.running():
        row, problems = verify(store, name)
    assert problems == (), problems[0]
    said(f"verify {name}, entries", "50,000/s", watch.rate(row.head))
    said(f"verify {name}, observations", "", watch.rate(observations))


def main() -> None:
    """Print promised against measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=1_000_000)
    parser.add_argument("--store", help="another store than a SQLite file of its own; it must be empty")
    parser.add_argument("--only", choices=["imported", "recorded"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "campaigns").mkdir()
        store = Store(given.store or f"sqlite:///{folder / 'campaigns' / 'labloop.db'}")
        if given.only != "imported":
            fill_recorded(store, given.observations)
            look(store, "recorded", folder)
            check(store, "recorded", given.observations)
        if given.only != "recorded":
            fill_imported(store, given.observations, folder)
            look(store, "imported", folder)
            check(store, "imported", given.observations)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        said("largest memory of the process", "", f"{peak:.1f} GB")
        if given.store is None:
            said("the file", "", f"{(folder / 'campaigns' / 'labloop.db').stat().st_size / 1e9:.1f} GB")
    print("\n| what | promised | measured |\n| --- | --- | --- |")
    for line in MEASURES:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
