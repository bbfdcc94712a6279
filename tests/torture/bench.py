"""What the torture tests share: a campaign that needs no model, workers that are killed, and a look at what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from labloop.loop.campaigns import create
from labloop.loop.look import verify
from labloop.loop.record import record
from labloop.loop.suggest import Suggestion, suggest
from labloop.records import Conditions, Proposal, ProposedExperiment, Result
from labloop.spec.models import Spec
from labloop.store import Store

FORKED = multiprocessing.get_context("fork")


def spec() -> Spec:
    fields = {"x": {"bounds": [0, 1_000_000], "integer": True}}
    return Spec.model_validate({"name": "kill", "parameters": fields, "objectives": {"y": {"goal": "maximize"}}})


def plan(_spec: Spec, observed: object, pending: list[Conditions], n: int, _seed: int) -> Proposal:
    taken = len(observed) + len(pending)  # type: ignore[arg-type]
    picked = [ProposedExperiment({"x": taken + i}, "novelty", "next") for i in range(n)]
    return Proposal(tuple(picked), 1, "explore")


def begin(url: str) -> Store:
    store = Store(url)
    create(store, spec())
    return store


def propose(store: Store, n: int, *, key: str | None = None) -> Suggestion:
    return suggest(store, "kill", n, plan=plan, key=key)  # type: ignore[arg-type]


def measure(store: Store, *numbers: int) -> None:
    record(store, "kill", [Result(number, {"y": number * 1.5}) for number in numbers])


def whole(store: Store) -> bool:
    """Whether the chain is unbroken and all that follows from it agrees."""
    return verify(store, "kill")[1] == ()


def sound(path: Path) -> bool:
    """Whether SQLite itself finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False


def together(target: Callable[..., None], arguments: list[tuple[Any, ...]]) -> list[int | None]:
    """Run one process for each set of arguments, all at once; return their exit codes."""
    workers = [FORKED.Process(target=target, args=each) for each in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [worker.exitcode for worker in workers]


def killed(target: Callable[..., None], *arguments: Any, after: float | None = None) -> list[str]:
    """Run a worker, kill -9 it, and return the lines that it had written to its last argument, a descriptor.

    ``after`` counts from its first line; without it the worker kills itself.
    """
    reader, writer = os.pipe()
    process = FORKED.Process(target=target, args=(*arguments, writer))
    process.start()
    os.close(writer)
    with os.fdopen(reader) as lines:
        found = []
        if after is not None:
            found = [lines.readline()]
            time.sleep(after)
            process.kill()
        process.join()
        found += lines.readlines()
    return [line.rstrip("\n") for line in found]


def chance(seed: int) -> random.Random:
    return random.Random(seed)
