"""Claims: one owner for each experiment, a lease that asks for attention, results that are never thrown away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labloop.errors import Conflict, InvalidInput, NotFound, NothingToSuggest
from labloop.loop.campaigns import create
from labloop.loop.claim import claim, read_lease, release, renew
from labloop.loop.correct import veto
from labloop.loop.look import experiments, status, verify
from labloop.loop.once import Delivery
from labloop.loop.record import record
from labloop.loop.suggest import suggest
from labloop.records import Experiment, Result, Status
from labloop.store import Store, clock
from tests.conftest import grid_plan, make_spec

HOUR = timedelta(hours=1)


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec())
    suggest(store, "reaction", 4, plan=grid_plan)
    return store


def _pass(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    moment = clock.now() + time
    monkeypatch.setattr(clock, "now", lambda: moment)


def _one(store: Store, number: int) -> Experiment:
    return experiments(store, "reaction", numbers=(number,))[0]


def _record(store: Store, number: int, value: float, token: int | None) -> tuple[str, ...]:
    return record(store, "reaction", [Result(number, {"yield": value})], delivery=Delivery(token=token)).notes


def test_the_first_that_nobody_runs_are_claimed(reaction: Store) -> None:
    first = claim(reaction, "reaction", claimant="robot-1", lease=HOUR)
    second = claim(reaction, "reaction", claimant="robot-2", lease=HOUR, n=2)
    assert [each.number for each in first.experiments] == [1]
    assert [each.number for each in second.experiments] == [2, 3]
    assert second.token > first.token
    assert {each.status for each in second.experiments} == {Status.RUNNING}
    assert verify(reaction, "reaction")[1] == ()


def test_when_none_is_free_that_is_said(reaction: Store) -> None:
    claim(reaction, "reaction", claimant="robot-1", lease=HOUR, n=4)
    with pytest.raises(NothingToSuggest, match="no open experiment of reaction is free"):
        claim(reaction, "reaction", claimant="robot-2", lease=HOUR)


def test_all_of_those_named_are_claimed_or_none(reaction: Store) -> None:
    claim(reaction, "reaction", [2], claimant="anna", lease=HOUR)
    with pytest.raises(Conflict, match="anna claimed reaction#2 until"):
        claim(reaction, "reaction", [1, 2], claimant="robot-1", lease=HOUR)
    assert _one(reaction, 1).status is Status.PROPOSED
    veto(reaction, "reaction", [3], reason="out of stock")
    with pytest.raises(Conflict, match="no longer open"):
        claim(reaction, "reaction", [3], claimant="anna", lease=HOUR)
    with pytest.raises(NotFound, match="no experiment"):
        claim(reaction, "reaction", [99], claimant="anna", lease=HOUR)


def test_an_expired_lease_asks_for_attention_and_is_not_handed_on(
    reaction: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    assert status(reaction, "reaction").overdue == ()
    _pass(monkeypatch, 2 * HOUR)
    assert [each.number for each in status(reaction, "reaction").overdue] == [1]
    again = claim(reaction, "reaction", claimant="robot-2", lease=HOUR)
    assert [each.number for each in again.experiments] == [2]
    assert "reaction#1 asks for attention: robot-1 claimed it" in again.notes[0]
    with pytest.raises(Conflict, match="has not been heard of since: it may have been run"):
        claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR)


def test_a_claim_is_taken_over_with_a_reason_only(reaction: Store) -> None:
    old = claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    with pytest.raises(InvalidInput, match="no reason given"):
        claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR, take_over=" ")
    new = claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR, take_over="the pump broke")
    assert new.token > old.token
    found = _one(reaction, 1).claim
    assert found is not None
    assert (found.token, found.claimant) == (new.token, "robot-2")


def test_whoever_was_taken_over_can_neither_prolong_nor_release(reaction: Store) -> None:
    old = claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR, take_over="the pump broke")
    with pytest.raises(Conflict, match=f"nothing is left of claim {old.token}"):
        renew(reaction, "reaction", old.token, lease=HOUR)
    with pytest.raises(Conflict, match="robot-2 holds it under claim"):
        release(reaction, "reaction", [1], token=old.token, reason="done")


def test_a_late_result_is_kept_beside_that_of_the_new_owner(reaction: Store) -> None:
    old = claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    new = claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR, take_over="no word")
    assert _record(reaction, 1, 70.0, new.token) == ()
    (note,) = _record(reaction, 1, 60.0, old.token)
    assert f"reaction#1 was no longer under claim {old.token}, but with robot-2" in note
    assert [each.outcomes["yield"] for each in _one(reaction, 1).observations] == [70.0, 60.0]
    assert record(reaction, "reaction", [Result(1, {"yield": 60.0})], delivery=Delivery(token=old.token)).skipped == 1
    assert len(_one(reaction, 1).observations) == 2
    with pytest.raises(Conflict, match="70 written down, now 71"):
        _record(reaction, 1, 71.0, new.token)


def test_a_late_result_that_comes_first_is_kept_too(reaction: Store) -> None:
    old = claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    new = claim(reaction, "reaction", [1], claimant="robot-2", lease=HOUR, take_over="no word")
    assert _record(reaction, 1, 60.0, old.token)
    assert _record(reaction, 1, 60.0, new.token) == ()
    assert [each.extra["claim"] for each in _one(reaction, 1).observations] == [str(old.token), str(new.token)]
    assert verify(reaction, "reaction")[1] == ()


def test_a_result_after_the_lease_is_kept(reaction: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = claim(reaction, "reaction", [1], claimant="robot-1", lease=HOUR)
    _pass(monkeypatch, 2 * HOUR)
    assert _record(reaction, 1, 60.0, held.token) == ()
    assert _one(reaction, 1).status is Status.COMPLETED
    assert status(reaction, "reaction").overdue == ()


def test_a_claim_is_prolonged_under_the_same_token(reaction: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = claim(reaction, "reaction", [1, 2], claimant="robot-1", lease=HOUR)
    _record(reaction, 2, 60.0, held.token)
    _pass(monkeypatch, 2 * HOUR)
    longer = renew(reaction, "reaction", held.token, lease=HOUR)
    assert longer.token == held.token
    assert [each.number for each in longer.experiments] == [1]
    assert longer.until > held.until
    assert status(reaction, "reaction").overdue == ()
    again = renew(reaction, "reaction", held.token, lease=2 * HOUR)
    assert again.until > longer.until


def test_what_was_released_is_free_again(reaction: Store) -> None:
    held = claim(reaction, "reaction", claimant="robot-1", lease=HOUR, n=2)
    assert [each.number for each in release(reaction, "reaction", token=held.token, reason="the pump broke")] == [1, 2]
    assert _one(reaction, 1).status is Status.PROPOSED
    assert _one(reaction, 1).claim is None
    again = claim(reaction, "reaction", claimant="robot-2", lease=HOUR)
    assert [each.number for each in again.experiments] == [1]
    with pytest.raises(Conflict, match="nobody claims it"):
        release(reaction, "reaction", [3], reason="a mistake")
    with pytest.raises(InvalidInput, match="nothing to release"):
        release(reaction, "reaction", reason="a mistake")
    with pytest.raises(Conflict, match="entry 1 of reaction is no claim"):
        release(reaction, "reaction", token=1, reason="a mistake")


def test_a_claim_under_a_key_is_given_again(reaction: Store) -> None:
    first = claim(reaction, "reaction", claimant="robot-1", lease=HOUR, key="k")
    assert claim(reaction, "reaction", claimant="robot-1", lease=HOUR, key="k") == first
    with pytest.raises(Conflict, match="the key 'k' was used for something else"):
        claim(reaction, "reaction", claimant="robot-2", lease=HOUR, key="k")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("30m", 1800), ("5 min", 300), ("4h", 14_400), ("2d", 172_800)]
)
def test_a_lease_is_read(text: str, seconds: int) -> None:
    assert read_lease(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "4", "h", "-4h", "4 weeks", "1e3s", "4h30m"])
def test_what_is_no_lease_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time"):
        read_lease(text)


@pytest.mark.parametrize("lease", [timedelta(0), timedelta(days=400)])
def test_a_lease_is_neither_nothing_nor_for_ever(reaction: Store, lease: timedelta) -> None:
    with pytest.raises(InvalidInput, match="a lease of"):
        claim(reaction, "reaction", claimant="robot-1", lease=lease)


@pytest.mark.parametrize("claimant", ["", "  ", "x" * 101])
def test_a_claim_needs_a_name(reaction: Store, claimant: str) -> None:
    with pytest.raises(InvalidInput, match="who claims it"):
        claim(reaction, "reaction", claimant=claimant, lease=HOUR)
