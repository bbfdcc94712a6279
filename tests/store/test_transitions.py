"""Whatever is done to a campaign, in whatever order: the chain holds, and both ways to the read models agree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from labloop.errors import LabloopError
from labloop.loop.campaigns import create
from labloop.loop.claim import claim, release
from labloop.loop.correct import amend, mark, undo, veto
from labloop.loop.look import experiments, verify
from labloop.loop.once import Delivery
from labloop.loop.record import add, record
from labloop.loop.suggest import replacement, suggest
from labloop.loop.upkeep import rebuilt
from labloop.records import FailureKind, Origin, Result, Status
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

NAME = "reaction"
HOUR = timedelta(hours=1)
ACTS: dict[str, Callable[[Store, int, float], object]] = {
    "suggest": lambda s, n, _: suggest(s, NAME, 1 + n % 3, plan=grid_plan),
    "suggest under a key": lambda s, n, _: suggest(s, NAME, 1, plan=grid_plan, key=f"s{n % 2}"),
    "record": lambda s, n, y: record(s, NAME, [Result(n, {"yield": y}), Result(n + 1, {"purity": y})]),
    "replicate": lambda s, n, y: record(s, NAME, [Result(n, {"yield": y}, {"humidity": y})], replicate=True),
    "record late": lambda s, n, y: record(s, NAME, [Result(n, {"yield": y})], delivery=Delivery(token=n + 2)),
    "fail": lambda s, n, _: record(s, NAME, [Result(n, failure=list(FailureKind)[n % 4], note="?")]),
    "import": lambda s, n, y: record(s, NAME, [_own(n, y), _own(n, y)], origin=Origin.IMPORT),
    "import under a key": lambda s, n, y: record(s, NAME, [_own(n, y)], delivery=Delivery(f"i{n % 3}")),
    "add": lambda s, n, _: add(s, NAME, [_own(n, 0.0).executed or {}]),
    "amend": lambda s, n, y: amend(s, NAME, n, reason="typo", outcomes={"yield": y}, replicate=1),
    "take a value back": lambda s, n, _: amend(s, NAME, n, reason="typo", outcomes={"yield": None}, replicate=1),
    "amend conditions": lambda s, n, _: amend(s, NAME, n, reason="hot", executed={"temperature": 25.0}),
    "undo": lambda s, _n, _y: undo(s, NAME, reason="no"),
    "undo an entry": lambda s, n, _: undo(s, NAME, reason="no", sequence=n + 1),
    "veto": lambda s, n, _: veto(s, NAME, [n], reason="no"),
    "replace": lambda s, n, _: replacement(s, NAME, n, reason="no", plan=grid_plan),
    "mark": lambda s, n, _: mark(s, NAME, [n], [Status.RUNNING, Status.CANCELLED, Status.ACCEPTED][n % 3]),
    "claim": lambda s, n, _: claim(s, NAME, claimant=f"robot-{n}", lease=HOUR, n=2),
    "take over": lambda s, n, _: claim(s, NAME, [n], claimant="anna", lease=HOUR, take_over="no word"),
    "release": lambda s, n, _: release(s, NAME, [n], reason="no"),
}


def _own(n: int, y: float) -> Result:
    return Result(None, {"yield": y}, executed={"temperature": 20.0 + 5 * (n % 13), "time": 5.0, "solvent": "DMSO"})


DONE = st.tuples(st.sampled_from(sorted(ACTS)), st.integers(1, 9), st.integers(0, 9))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(1, 9), st.integers(0, 9)), min_size=5, max_size=25)
)
def test_the_read_models_follow_from_the_ledger_whatever_was_done(acts: list[tuple[str, int, int]]) -> None:
    store = Store("sqlite://")
    create(store, make_spec())
    suggest(store, NAME, 3, plan=grid_plan)
    for act, number, value in acts:
        # What cannot be done is refused, and then nothing is written.
        with suppress(LabloopError):
            ACTS[act](store, number, float(value))
    assert verify(store, NAME)[1] == ()
    before = experiments(store, NAME)
    rebuilt(store, NAME)
    assert experiments(store, NAME) == before
    assert verify(store, NAME)[1] == ()
    store.close()
