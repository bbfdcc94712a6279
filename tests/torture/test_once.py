"""Exactly once: the reply never comes, the request is made again under its key, and is there once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from labloop.loop.look import experiments
from labloop.loop.once import Delivery
from labloop.loop.record import record
from labloop.records import Origin, Result
from labloop.store import Store
from tests.torture import bench


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _request(store: Store, number: int) -> str:
    """One of three requests that would each be harmful twice: a batch, a replicate, a row without an id."""
    key = f"request-{number}"
    match number % 3:
        case 0:
            return f"batch {bench.propose(store, 1, key=key).batch}"
        case 1:
            result = Result(1, {"y": float(number)})
            done = record(store, "kill", [result], replicate=True, delivery=Delivery(key))
            return f"recorded {done.recorded}"
        case _:
            row = Result(None, {"y": 5.0}, executed={"x": 900_000 + number})
            return f"added {record(store, 'kill', [row], origin=Origin.IMPORT, delivery=Delivery(key)).added}"


def _killed_before_the_reply(url: str, number: int, reply: int) -> None:
    """Write, and be killed between the commit and the reply."""
    os.write(reply, b"begins\n")
    answer = _request(Store(url), number)
    _die()
    os.write(reply, answer.encode())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("retries", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_is_asked_again_under_its_key_is_written_once(tmp_path: Path, retries: int) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}"
    store = bench.begin(url)
    bench.propose(store, 1)
    for number in range(retries):
        assert bench.killed(_killed_before_the_reply, url, number) == ["begins"]
        again = _request(store, number)
        assert again == _request(store, number), "the same request, the same answer"
    asked = Counter(number % 3 for number in range(retries))
    found = experiments(store, "kill")
    assert len(found) == 1 + asked[0] + asked[2]
    assert sorted(o.outcomes["y"] for o in found[0].observations) == [float(n) for n in range(retries) if n % 3 == 1]
    with store.read() as snapshot:
        assert snapshot.campaign("kill").head == 2 + retries
    assert bench.whole(store)
    print(f"\n{retries} killed between commit and reply, asked again twice: {retries} entries")
