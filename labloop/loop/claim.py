"""One owner for each experiment: claim it, prolong the claim, give it back.

A claim has a lease. When it has run out nobody knows whether the experiment was run, so it is never handed on by
itself: it asks for attention (`labloop status`), and a person releases it or lets somebody take it over, with a
reason. Results are kept however late they come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from labloop.errors import Conflict, InvalidInput, NothingToSuggest
from labloop.loop.correct import needed_reason
from labloop.loop.lookup import find_experiment, lease_ended, open_experiment
from labloop.loop.once import answered, asked
from labloop.records import Experiment, Status, experiment_id
from labloop.store import CampaignRow, Snapshot, Store, clock, retried

__all__ = ["Claimed", "claim", "read_lease", "release", "renew"]

_LONGEST = timedelta(days=366)
_LEASE = re.compile(r"(\d{1,7})\s*(s|m|min|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Claimed:
    """What a claimant now owns: hand the results in with the token."""

    campaign: str
    token: int
    claimant: str
    until: str
    experiments: tuple[Experiment, ...]
    notes: tuple[str, ...] = ()


def read_lease(text: str) -> timedelta:
    """Read ``30m``, ``4h`` or ``2d``.

    Raises
    ------
    InvalidInput
        If it is none of these.
    """
    found = _LEASE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{text!r} is not a time", hint="a number with s, m, h or d: 30m, 4h, 2d", field="lease")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@retried
def claim(
    store: Store,
    name: str,
    numbers: Sequence[int] | None = None,
    *,
    claimant: str,
    lease: timedelta,
    n: int = 1,
    take_over: str | None = None,
    key: str | None = None,
) -> Claimed:
    """Claim experiments: those named, all or none of them, or the first ``n`` that nobody runs.

    ``take_over`` is the reason for taking experiments from whoever claimed them; without one that is a conflict,
    also when their lease has run out.

    Raises
    ------
    NothingToSuggest
        If no open experiment is free.
    NotFound, Conflict
        If one does not exist, is no longer open, or is claimed.
    """
    claimant, until = _claimant(claimant), _until(lease)
    if take_over is not None:
        take_over = needed_reason(take_over)
    content = {"numbers": None if numbers is None else list(numbers), "n": n, "claimant": claimant}
    request = asked(key, "claim", content)
    with store.write() as transaction:
        row = transaction.campaign(name)
        before = answered(transaction, row, request)
        if before is not None:
            payload = before[0].payload
            return _claimed(transaction, row, before[0].sequence, payload["experiments"])
        notes: tuple[str, ...] = ()
        if numbers is None:
            numbers = transaction.free(row, n)
            notes = _overdue(transaction, row)
            if not numbers:
                raise NothingToSuggest(
                    " ".join((f"no open experiment of {name} is free.", *notes)), hint=f"labloop suggest {name}"
                )
        numbers = list(dict.fromkeys(numbers))
        for number in numbers:
            _refuse_claimed(row, open_experiment(transaction, row, number), take_over)
        payload = {"experiments": numbers, "claimant": claimant, "until": until}
        if take_over is not None:
            payload["reason"] = take_over
        entry = transaction.append(row, "claimed", payload, asked=request)
        return _claimed(transaction, row, entry.sequence, numbers, notes)


@retried
def renew(store: Store, name: str, token: int, *, lease: timedelta) -> Claimed:
    """Prolong a claim from now on; also one that has run out, as long as nobody took it over.

    Raises
    ------
    NotFound, Conflict
        If there is no such claim, or nothing of it is left to run.
    """
    until = _until(lease)
    with store.write() as transaction:
        row = transaction.campaign(name)
        held = _held(transaction, row, token)
        payload = {"experiments": held, "claimant": _owner(transaction, row, held), "until": until, "renews": token}
        transaction.append(row, "claimed", payload)
        return _claimed(transaction, row, token, held)


@retried
def release(
    store: Store, name: str, numbers: Sequence[int] | None = None, *, token: int | None = None, reason: str
) -> tuple[Experiment, ...]:
    """Give experiments back: all that are left of a claim, or those named; they can be claimed again.

    Raises
    ------
    NotFound, Conflict
        If there is no such claim, or an experiment is not claimed, or by somebody else than the token says.
    InvalidInput
        If no reason is given, or nothing to release.
    """
    reason = needed_reason(reason)
    with store.write() as transaction:
        row = transaction.campaign(name)
        if numbers is None:
            if token is None:
                raise InvalidInput("nothing to release", hint="name experiments, or a claim with --token")
            numbers = _held(transaction, row, token)
        for number in numbers:
            _refuse_unclaimed(row, open_experiment(transaction, row, number), token)
        transaction.append(row, "released", {"experiments": list(dict.fromkeys(numbers)), "reason": reason})
        return transaction.experiments(row, numbers=numbers)


def _refuse_claimed(row: CampaignRow, found: Experiment, take_over: str | None) -> None:
    if found.status is not Status.RUNNING or take_over is not None:
        return
    named = experiment_id(row.name, found.number)
    if found.claim is None:
        raise Conflict(
            f"{named} is running", hint=f"if it is not: labloop claim {row.name} {found.number} --take-over ..."
        )
    who = f"{found.claim.claimant} claimed {named} until {_shown(found.claim.until)}"
    if lease_ended(found):
        raise Conflict(
            f"{who} and has not been heard of since: it may have been run",
            hint="look first; then record its result, labloop release it, or claim it with --take-over REASON",
        )
    raise Conflict(who, hint="claim another, or take it over with --take-over REASON")


def _refuse_unclaimed(row: CampaignRow, found: Experiment, token: int | None) -> None:
    named = experiment_id(row.name, found.number)
    if found.status is not Status.RUNNING:
        raise Conflict(f"{named} is {found.status.value}, nobody claims it", hint=f"labloop show {row.name}")
    if token is not None and (found.claim is None or found.claim.token != token):
        raise Conflict(
            f"{named} is no longer under claim {token}: {_holder(found)}", hint="leave it to whoever holds it now"
        )


def _holder(found: Experiment) -> str:
    if found.claim is None:
        return "it was released"
    return f"{found.claim.claimant} holds it under claim {found.claim.token}"


def _held(snapshot: Snapshot, row: CampaignRow, token: int) -> list[int]:
    entry = snapshot.entry(row, token)
    if entry.kind != "claimed" or "renews" in entry.payload:
        raise Conflict(f"entry {token} of {row.name} is no claim", hint="a token is the number that labloop claim gave")
    states = snapshot.experiments(row, numbers=entry.payload["experiments"])
    held = [
        each.number for each in states if each.status is Status.RUNNING and each.claim and each.claim.token == token
    ]
    if not held:
        raise Conflict(
            f"nothing is left of claim {token}: its experiments were finished, released or taken over",
            hint=f"labloop history {row.name}",
        )
    return held


def _owner(snapshot: Snapshot, row: CampaignRow, held: Sequence[int]) -> str:
    found = find_experiment(snapshot, row, held[0])
    assert found.claim is not None
    return found.claim.claimant


def _overdue(snapshot: Snapshot, row: CampaignRow) -> tuple[str, ...]:
    running = snapshot.experiments(row, statuses=[Status.RUNNING])
    return tuple(
        f"{experiment_id(row.name, each.number)} asks for attention: {each.claim.claimant} claimed it until "
        f"{_shown(each.claim.until)}, no word since."
        for each in running
        if each.claim is not None and lease_ended(each)
    )


def _claimed(
    snapshot: Snapshot, row: CampaignRow, token: int, numbers: Sequence[int], notes: tuple[str, ...] = ()
) -> Claimed:
    entry = snapshot.entry(row, token)
    found = snapshot.experiments(row, numbers=numbers)
    until = max((e.claim.until for e in found if e.claim and e.claim.token == token), default=entry.payload["until"])
    return Claimed(row.name, token, entry.payload["claimant"], until, found, notes)


def _claimant(claimant: str) -> str:
    clean = " ".join(claimant.split())
    if not clean or len(clean) > 100:
        raise InvalidInput("who claims it?", hint="give a name of 1 to 100 characters: --as robot-1", field="as")
    return clean


def _until(lease: timedelta) -> str:
    if not timedelta(0) < lease <= _LONGEST:
        raise InvalidInput(
            f"a lease of {lease}", hint="between a second and a year, such as 30m, 4h or 2d", field="lease"
        )
    return (clock.now() + lease).isoformat(timespec="seconds")


def _shown(until: str) -> str:
    return f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC"
