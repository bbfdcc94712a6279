"""kill -9 at random moments: what was acknowledged is there, nothing is half there, the next command works."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from labloop.loop.campaigns import create
from labloop.loop.correct import undo
from labloop.loop.look import experiments, verify
from labloop.loop.record import record
from labloop.loop.suggest import suggest
from labloop.records import Conditions, Proposal, ProposedExperiment, Result
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.store.fold import fold

KILLS = 200


def _spec() -> Spec:
    fields = {"x": {"bounds": [0, 1_000_000], "integer": True}}
    return Spec.model_validate({"name": "kill", "parameters": fields, "objectives": {"y": {"goal": "maximize"}}})


def _plan(_spec: Spec, observed: object, pending: list[Conditions], n: int, seed: int) -> Proposal:
    taken = len(observed) + len(pending)  # type: ignore[arg-type]
    picked = [ProposedExperiment({"x": taken + i}, "novelty", "next") for i in range(n)]
    return Proposal(tuple(picked), seed, "explore")


def _work(url: str, acknowledged: int) -> None:
    """Suggest and record for ever; write one line after each call that returned."""
    store = Store(url)
    while True:
        batch = suggest(store, "kill", 3, plan=_plan)  # type: ignore[arg-type]
        os.write(acknowledged, f"suggested {batch.batch} {len(batch.experiments)}\n".encode())
        results = [Result(each.number, {"y": each.number * 1.5}) for each in batch.experiments]
        record(store, "kill", results)
        os.write(acknowledged, f"recorded {' '.join(str(each.number) for each in batch.experiments)}\n".encode())


@pytest.mark.timeout(600)
def test_no_acknowledged_observation_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}"
    store = Store(url)
    create(store, _spec())
    forked = multiprocessing.get_context("fork")
    chance = random.Random(20)
    recorded: set[int] = set()
    batches: dict[int, int] = {}
    for _ in range(KILLS):
        reader, writer = os.pipe()
        process = forked.Process(target=_work, args=(url, writer))
        process.start()
        os.close(writer)
        time.sleep(chance.uniform(0.0, 0.12))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with os.fdopen(reader) as lines:
            for line in lines:
                word, *told = line.split()
                if word == "recorded":
                    recorded |= {int(each) for each in told}
                else:
                    batches[int(told[0])] = int(told[1])
    assert len(recorded) > KILLS, "the kills came too early to prove anything"
    found = experiments(store, "kill")
    measured = {each.number for each in found if each.observations}
    assert recorded <= measured
    for batch, size in batches.items():
        assert sum(each.batch == batch for each in found) == size
    by_batch = {each.batch: {e.number for e in found if e.batch == each.batch} for each in found}
    for numbers in by_batch.values():
        assert len(numbers) == 3, "half a batch was written"
        assert len(numbers & measured) in (0, 3), "half a batch was recorded"
    assert verify(store, "kill")[1] == ()
    with store.read() as snapshot:
        entries = list(snapshot.entries(snapshot.campaign("kill")))
    for each in found[:: max(1, len(found) // 40)]:
        assert fold(each.number, entries) == each
    suggest(store, "kill", 1, plan=_plan)  # type: ignore[arg-type]
    undo(store, "kill", reason="the next command works")


def test_writers_that_meet_wait_for_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}"
    store = Store(url)
    create(store, _spec())
    suggest(store, "kill", 60, plan=_plan)  # type: ignore[arg-type]
    forked = multiprocessing.get_context("fork")
    workers = [forked.Process(target=_record_some, args=(url, start)) for start in range(1, 61, 15)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert all(each.observations for each in experiments(store, "kill"))
    assert verify(store, "kill")[1] == ()


def _record_some(url: str, first: int) -> None:
    store = Store(url)
    for number in range(first, first + 15):
        record(store, "kill", [Result(number, {"y": float(number)})])
