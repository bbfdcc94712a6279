"""kill -9 at random moments: what was acknowledged is there, nothing is half there, the next command works."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labloop.loop.correct import undo
from labloop.loop.look import experiments
from labloop.store import Store
from labloop.store.fold import fold
from tests.torture import bench


def _work(url: str, acknowledged: int) -> None:
    """Suggest and record for ever; write one line after each call that returned."""
    store = Store(url)
    while True:
        batch = bench.propose(store, 3)
        numbers = [each.number for each in batch.experiments]
        os.write(acknowledged, f"suggested {batch.batch} {len(numbers)}\n".encode())
        bench.measure(store, *numbers)
        os.write(acknowledged, f"recorded {' '.join(map(str, numbers))}\n".encode())


def _told(lines: list[str]) -> Iterator[tuple[str, list[int]]]:
    for line in lines:
        word, *numbers = line.split()
        yield word, [int(each) for each in numbers]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_acknowledged_observation_is_lost_when_the_process_is_killed(tmp_path: Path, kills: int) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}"
    store = bench.begin(url)
    chance = bench.chance(20)
    recorded: set[int] = set()
    batches: dict[int, int] = {}
    for _ in range(kills):
        for word, numbers in _told(bench.killed(_work, url, after=chance.uniform(0.0, 0.05))):
            if word == "recorded":
                recorded |= set(numbers)
            else:
                batches[numbers[0]] = numbers[1]
    assert len(batches) >= kills, "the kills came too early to prove anything"
    found = experiments(store, "kill")
    measured = {each.number for each in found if each.observations}
    assert recorded <= measured
    by_batch: dict[int | None, set[int]] = {}
    for each in found:
        by_batch.setdefault(each.batch, set()).add(each.number)
    assert all(len(by_batch[batch]) == size for batch, size in batches.items())
    for numbers_of_one in by_batch.values():
        assert len(numbers_of_one) == 3, "half a batch was written"
        assert len(numbers_of_one & measured) in (0, 3), "half a batch was recorded"
    assert bench.whole(store)
    assert bench.sound(tmp_path / "labloop.db")
    with store.read() as snapshot:
        entries = list(snapshot.entries(snapshot.campaign("kill")))
    for each in found[:: max(1, len(found) // 40)]:
        assert fold(each.number, entries) == each
    bench.propose(store, 1)
    undo(store, "kill", reason="the next command works")
    print(f"\n{kills} kills: {len(recorded)} observations acknowledged, 0 lost; {len(batches)} batches, 0 half-written")


def test_the_store_waits_for_the_disk_at_every_commit(tmp_path: Path) -> None:
    bench.begin(f"sqlite:///{tmp_path / 'labloop.db'}")
    store = Store(f"sqlite:///{tmp_path / 'labloop.db'}")
    with store.write() as transaction:
        found = transaction.settings("synchronous", "journal_mode", "foreign_keys")
    assert found["synchronous"] in ("2", "3"), "FULL or EXTRA, never NORMAL"
    assert (found["synchronous"], found["journal_mode"]) in (("3", "delete"), ("2", "wal"))
    assert found["foreign_keys"] == "1"
    with closing(sqlite3.connect(tmp_path / "labloop.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] in ("delete", "wal")
