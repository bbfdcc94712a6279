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
from labloop.store.audit import rebuild
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


@contextmanager
def timed(taken: list[float]) -> Iterator[None]:
    """Append how long a block took."""
    began = time.perf_counter()
    yield
    taken.append(time.perf_counter() - began)


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
    chance, taken = Random(1), []
    create(store, spec("imported"))
    for number in range(observations // ROWS):
        path = folder / f"{number}.csv"
        write_table(path, chance)
        each: list[float] = []
        with timed(each):
            import_rows(store, "imported", path)
        taken += each
        path.unlink()
    ends = f"first {taken[0]:.1f} s, last {taken[-1]:.1f} s, slowest {max(taken):.1f} s"
    said(f"import of {ROWS:,} rows from CSV, {len(taken)} times", "< 5 s", ends)


def fill_recorded(store: Store, observations: int) -> None:
    """Write a ledger of single observations: entry by entry as `record` writes them, but in one transaction."""
    chance = Random(2)
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
        rebuild(transaction, row.id, "recorded")


def _observation(number: int, previous: str, chance: Random) -> LedgerEntry:
    conditions = {f"x{i}": round(chance.random(), 6) for i in range(4)}
    outcomes = {"y": round(chance.random(), 6), "purity": round(chance.random(), 6)}
    own = {"number": number, "conditions": conditions, "observations": [{"index": 1, "outcomes": outcomes}]}
    payload: dict[str, Any] = {"origin": "manual", "experiments": [own], "source": ""}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return LedgerEntry("recorded", number + 1, "added", at, "bench", __version__, payload, previous, "")


def look(store: Store, name: str, folder: Path) -> None:
    """Time what a person waits for."""
    taken: list[float] = []
    for _ in range(5):
        with timed(taken):
            status(store, name)
    said(f"status of {name}, in process, median of 5", "< 1 s", f"{statistics.median(taken):.2f} s")
    command = [str(Path(sys.executable).parent / "labloop"), "status", name, "--store", store.url]
    taken = []
    for _ in range(5):
        with timed(taken):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    said(f"labloop status {name}, whole process, median of 5", "< 1 s", f"{statistics.median(taken):.2f} s")
    chance, taken = Random(3), []
    for _ in range(20):
        result = Result(None, {"y": chance.random()}, executed={f"x{i}": chance.random() for i in range(4)})
        with timed(taken):
            record(store, name, [result], origin=Origin.MANUAL)
    slowest = f"{statistics.median(taken) * 1000:.0f} ms, slowest {max(taken) * 1000:.0f} ms"
    said(f"record of one into {name}, in process, median of 20", "< 100 ms", slowest)


def check(store: Store, name: str, observations: int) -> None:
    """Time the walk along the chain with the comparison of all that follows, and the rebuilding."""
    taken: list[float] = []
    with timed(taken):
        row, problems = verify(store, name)
    assert problems == (), problems[0]
    rate = f"{taken[0]:.1f} s: {row.head / taken[0]:,.0f} entries/s, {observations / taken[0]:,.0f} observations/s"
    said(f"verify {name}, {row.head:,} entries, chain and read models", "50,000 entries/s", rate)
    with timed(taken):
        assert verify(store, name, chain_only=True)[1] == ()
    said(f"verify --chain {name}", "50,000 entries/s", f"{taken[1]:.1f} s: {row.head / taken[1]:,.0f} entries/s")
    with timed(taken):
        rebuilt(store, name)
    said(f"rebuild {name}", "", f"{taken[2]:.1f} s")


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
        if given.only != "recorded":
            fill_imported(store, given.observations, folder)
            look(store, "imported", folder)
            check(store, "imported", given.observations)
        if given.only != "imported":
            fill_recorded(store, given.observations)
            look(store, "recorded", folder)
            check(store, "recorded", given.observations)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        said("largest memory of the process", "", f"{peak:.1f} GB")
        if given.store is None:
            said("the file", "", f"{(folder / 'campaigns' / 'labloop.db').stat().st_size / 1e9:.1f} GB")
    print("\n| what | promised | measured |\n| --- | --- | --- |")
    for line in MEASURES:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
