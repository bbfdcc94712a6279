"""Clocks that jump: what came first is said by the sequence, never by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labloop.loop.campaigns import create
from labloop.loop.claim import claim
from labloop.loop.correct import amend, undo
from labloop.loop.look import experiments, history, status, verify
from labloop.loop.upkeep import rebuilt
from labloop.store import Store, clock
from tests.torture import bench

YEARS = timedelta(days=3653)
JUMPS = [timedelta(0), YEARS, -YEARS, YEARS, timedelta(0), -YEARS, timedelta(0)]


def _worked(monkeypatch: pytest.MonkeyPatch, jumps: list[timedelta]) -> Store:
    """Do the same things, the clock set anew before each."""
    steady = datetime(2026, 3, 1, 12, tzinfo=UTC)
    shift = iter(jumps)

    def jump() -> None:
        now = steady + next(shift)
        monkeypatch.setattr(clock, "now", lambda: now)

    store = Store("sqlite://")
    for act in (
        lambda: create(store, bench.spec()),
        lambda: bench.propose(store, 3),
        lambda: bench.measure(store, 1, 2),
        lambda: amend(store, "kill", 1, reason="typed wrong", outcomes={"y": 9.0}),
        lambda: bench.measure(store, 3),
        lambda: undo(store, "kill", reason="the wrong vial"),
        lambda: bench.propose(store, 1),
    ):
        jump()
        act()
    return store


def _without_time(store: Store) -> list[object]:
    return [
        (e.number, e.status, e.executed, [(o.index, o.outcomes) for o in e.observations])
        for e in experiments(store, "kill")
    ]


def test_the_order_is_the_same_however_the_clock_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, jumping = _worked(monkeypatch, [timedelta(0)] * 7), _worked(monkeypatch, JUMPS)
    kinds = [[(e.sequence, e.kind) for e in history(each, "kill").entries] for each in (steady, jumping)]
    assert kinds[0] == kinds[1]
    assert len({e.at[:4] for e in history(jumping, "kill").entries}) == 3, "2016, 2026 and 2036"
    assert _without_time(steady) == _without_time(jumping)
    assert status(steady, "kill").best == status(jumping, "kill").best
    assert verify(jumping, "kill")[1] == ()
    rebuilt(jumping, "kill")
    assert _without_time(steady) == _without_time(jumping)


@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_a_clock_that_jumps_gives_nobody_an_experiment_twice(monkeypatch: pytest.MonkeyPatch, jump: timedelta) -> None:
    store = _worked(monkeypatch, [timedelta(0)] * 7)
    first = claim(store, "kill", [4], claimant="robot-1", lease=timedelta(hours=1))
    now = datetime(2026, 3, 1, 12, tzinfo=UTC) + jump
    monkeypatch.setattr(clock, "now", lambda: now)
    second = claim(store, "kill", claimant="robot-2", lease=timedelta(hours=1))
    assert [each.number for each in first.experiments] == [4]
    assert [each.number for each in second.experiments] == [3]
    assert second.token > first.token
