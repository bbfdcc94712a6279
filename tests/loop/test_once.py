"""Idempotency keys: the same request once, another request under the same key never."""

from __future__ import annotations

import pytest

from labloop.errors import Conflict, InvalidInput
from labloop.loop.campaigns import create
from labloop.loop.correct import undo
from labloop.loop.look import experiments, history, verify
from labloop.loop.once import Delivery
from labloop.loop.record import Recorded, add, record
from labloop.loop.suggest import suggest
from labloop.loop.upkeep import rebuilt
from labloop.records import Result, Value
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

OWN: dict[str, Value] = {"temperature": 60.0, "time": 5.0, "solvent": "DMSO"}


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec())
    suggest(store, "reaction", 3, plan=grid_plan)
    return store


def _record(store: Store, value: float, key: str, **more: object) -> Recorded:
    results = [Result(1, {"yield": value}), Result(None, {"yield": 9.0}, executed=OWN)]
    return record(store, "reaction", results, delivery=Delivery(key), **more)  # type: ignore[arg-type]


def _entries(store: Store) -> int:
    return len(history(store, "reaction").entries)


def test_the_same_request_is_answered_from_the_ledger(reaction: Store) -> None:
    first = _record(reaction, 50.0, "k", replicate=True)
    assert (first.recorded, first.added) == ((1,), (4,))
    entries = _entries(reaction)
    assert _record(reaction, 50.0, "k", replicate=True) == first
    assert _entries(reaction) == entries
    assert len(experiments(reaction, "reaction")[0].observations) == 1


def test_the_same_key_with_other_content_is_a_conflict(reaction: Store) -> None:
    _record(reaction, 50.0, "k")
    entries = _entries(reaction)
    for value, replicate in ((51.0, False), (50.0, True)):
        with pytest.raises(Conflict, match="the key 'k' was used for something else: entry 3"):
            _record(reaction, value, "k", replicate=replicate)
    with pytest.raises(Conflict, match="the key 'k' was used for something else"):
        suggest(reaction, "reaction", plan=grid_plan, key="k")
    assert _entries(reaction) == entries


def test_another_key_is_another_request(reaction: Store) -> None:
    _record(reaction, 50.0, "k", replicate=True)
    _record(reaction, 50.0, "l", replicate=True)
    assert len(experiments(reaction, "reaction")[0].observations) == 2


def test_a_key_is_kept_even_where_nothing_new_came(reaction: Store) -> None:
    _record(reaction, 50.0, "k")
    assert _record(reaction, 50.0, "l").skipped == 2
    with pytest.raises(Conflict, match="the key 'l' was used for something else"):
        _record(reaction, 52.0, "l")


def test_a_request_that_was_undone_is_not_done_again_by_a_late_retry(reaction: Store) -> None:
    record(reaction, "reaction", [Result(1, {"yield": 50.0})], delivery=Delivery("k"))
    undo(reaction, "reaction", reason="the wrong vial")
    entries = _entries(reaction)
    record(reaction, "reaction", [Result(1, {"yield": 50.0})], delivery=Delivery("k"))
    assert _entries(reaction) == entries
    assert not experiments(reaction, "reaction")[0].observations


def test_the_same_key_gives_the_same_batch_with_what_was_said_about_it(reaction: Store) -> None:
    first = suggest(reaction, "reaction", 50, plan=grid_plan, key="k")
    assert "Still open from before: reaction#1" in first.notes[-1]
    assert suggest(reaction, "reaction", 50, plan=grid_plan, key="k") == first


def test_added_experiments_are_added_once_under_a_key(reaction: Store) -> None:
    first = add(reaction, "reaction", [OWN, OWN], key="k")
    assert first.added == (4, 5)
    assert add(reaction, "reaction", [OWN, OWN], key="k") == first
    with pytest.raises(Conflict, match="used for something else"):
        add(reaction, "reaction", [OWN], key="k")


def test_keys_follow_from_the_ledger(reaction: Store) -> None:
    first = _record(reaction, 50.0, "k")
    suggest(reaction, "reaction", 2, plan=grid_plan, key="l")
    rebuilt(reaction, "reaction")
    assert verify(reaction, "reaction")[1] == ()
    assert _record(reaction, 50.0, "k") == first


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb", "a\x00"])
def test_what_is_no_key_is_refused(reaction: Store, key: str) -> None:
    with pytest.raises(InvalidInput, match="not an idempotency key"):
        _record(reaction, 1.0, key)
