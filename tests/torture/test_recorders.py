"""Many recorders at once: nothing lost, nothing doubled, nobody told that the store is locked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from labloop.errors import Busy
from labloop.loop.look import experiments
from labloop.loop.record import record
from labloop.records import Origin, Result
from labloop.store import Store
from tests.torture import bench

# Processes and results of each: the short run, and the one that was promised.
SHORT = {"sqlite": (6, 10), "postgresql": (8, 10)}
PROMISED = {"sqlite": (16, 200), "postgresql": (32, 500)}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'labloop.db'}"
    found: str = request.getfixturevalue("postgres")
    return found


def _record_own(url: str, first: int, count: int) -> None:
    store = Store(url)
    for number in range(first, first + count):
        bench.measure(store, number)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sizes", [SHORT, pytest.param(PROMISED, marks=pytest.mark.slow)], ids=["short", "promised"])
def test_recorders_that_meet_wait_for_each_other(url: str, sizes: dict[str, tuple[int, int]]) -> None:
    store = bench.begin(url)
    processes, each = sizes[store.backend]
    bench.propose(store, processes * each)
    codes = bench.together(_record_own, [(url, 1 + i * each, each) for i in range(processes)])
    assert codes == [0] * processes, "a recorder was told that the store is locked, or failed otherwise"
    found = experiments(store, "kill")
    assert len(found) == processes * each
    assert all([o.outcomes for o in e.observations] == [{"y": e.number * 1.5}] for e in found)
    with store.read() as snapshot:
        row = snapshot.campaign("kill")
        assert row.head == 2 + processes * each
    assert bench.whole(store)


def _record_the_same(url: str, number: int) -> None:
    record(Store(url), "kill", [Result(number, {"y": 1.0})])


def _add_the_same(url: str, _number: int) -> None:
    row = Result(None, {"y": 7.0}, executed={"x": 77})
    record(Store(url), "kill", [row], origin=Origin.IMPORT)


def _propose_some(url: str, _number: int) -> None:
    bench.propose(Store(url), 2)


@pytest.mark.parametrize("act", [_record_the_same, _add_the_same, _propose_some])
def test_those_who_do_the_same_at_once_do_it_once(url: str, act: Callable[[str, int], None]) -> None:
    store = bench.begin(url)
    bench.propose(store, 1)
    # A proposal is planned without holding the store and made again when somebody came between, five times at most.
    racers = 3 if act is _propose_some else 8
    assert bench.together(act, [(url, 1)] * racers) == [0] * racers
    found = experiments(store, "kill")
    with store.read() as snapshot:
        head = snapshot.campaign("kill").head
    if act is _record_the_same:
        assert len(found[0].observations) == 1
        assert head == 3, "one entry: the others saw that it was written"
    if act is _add_the_same:
        assert len(found) == 2
        assert head == 3
    if act is _propose_some:
        assert Counter(each.batch for each in found) == {1: 1, 2: 2, 3: 2, 4: 2}
        assert len({each.planned["x"] for each in found}) == 7
    assert bench.whole(store)


def test_a_store_that_many_open_first_is_laid_out_once(url: str) -> None:
    assert bench.together(_look, [(url,)] * 6) == [0] * 6
    assert Store(url).upgrade()[0] == Store(url).upgrade()[1]


def _look(url: str) -> None:
    with Store(url).read() as snapshot:
        assert snapshot.campaigns() == ()


def test_a_writer_waits_its_turn_and_says_so_when_it_never_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.begin(f"sqlite:///{tmp_path / 'labloop.db'}")
    bench.propose(store, 1)
    monkeypatch.setattr("labloop.store.engine.BUSY_SECONDS", 0.2)
    with store.write(), pytest.raises(Busy, match="in use by another process"):
        bench.measure(Store(store.url), 1)
    bench.measure(store, 1)
    assert bench.whole(store)
