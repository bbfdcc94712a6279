"""Compares the read models with the ledger, and writes them anew from it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update

from labloop.errors import IntegrityError, Problem
from labloop.store import tables as t
from labloop.store.expect import (
    FRESH,
    Course,
    Hints,
    Misled,
    Part,
    Tell,
    chain_problems,
    hints_of_ledger,
    hints_of_table,
    known,
)
from labloop.store.snapshot import CampaignRow, Snapshot, chunks
from labloop.store.transaction import Transaction

__all__ = ["audit", "rebuild"]

# A damaged table differs in every row: enough is said long before the last one.
_ENOUGH = 100
_BY_EXPERIMENT = ((t.experiment, "number"), (t.result, "experiment"), (t.touch, "experiment"))


def audit(snapshot: Snapshot, row: CampaignRow, *, chain_only: bool = False, tell: Tell | None = None) -> list[Problem]:
    """Walk a campaign's chain, and compare every read model with what follows from it; list what differs."""
    if chain_only:
        return chain_problems(snapshot, row.id, row.name, tell=tell)
    with _without_collector():
        try:
            return _audit(snapshot, row, hints_of_table(snapshot, row.id), tell)
        except Misled:
            # The table of touches is wrong, and how wrong is about to be said.
            return _audit(snapshot, row, hints_of_ledger(snapshot, row.id, row.name)[0], tell)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the collector of reference cycles: there are none here, and looking for them takes a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _audit(snapshot: Snapshot, row: CampaignRow, hints: Hints, tell: Tell | None) -> list[Problem]:
    course, met = Course(hints), Counter[str]()
    found: list[Problem] = []
    for part in course.parts(snapshot, row.id, row.name, tell=tell):
        # The walk goes on when enough is found: the chain has to be seen to its end.
        found += islice(_part(snapshot, row.id, part, met), _ENOUGH - len(found))
    if course.problems:
        return [*course.problems, Problem("were not compared: the ledger itself is broken", "read models")]
    found = [*_campaign(row, course), *_requests(snapshot, row.id, course), *found]
    if len(found) < _ENOUGH:
        found += islice(_strangers(snapshot, row.id, met, hints.undone), _ENOUGH - len(found))
    if len(found) < _ENOUGH:
        return found
    return [*found[:_ENOUGH], Problem(f"and more: only the first {_ENOUGH} differences are listed", "read models")]


def _campaign(row: CampaignRow, course: Course) -> Iterator[Problem]:
    last = course.row["head"]
    if row.head > last:
        missing = f"entry {row.head} is" if row.head == last + 1 else f"entries {last + 1} to {row.head} are"
        yield Problem(f"{missing} missing: the campaign's row names {row.head} as its last", f"entry {last}")
    for name, right in course.row.items():
        if getattr(row, name) != right:
            said = f"{name} is {_short(getattr(row, name))}, the ledger says {_short(right)}"
            yield _wrong("campaign", row.name, said)


def _requests(snapshot: Snapshot, campaign_id: int, course: Course) -> Iterator[Problem]:
    query = select(t.request.c.key, t.request.c.content, t.request.c.sequence)
    found = snapshot.tuples(query.where(t.request.c.campaign_id == campaign_id))
    right = [(key, content, at) for key, (content, at) in course.requests.items()]
    yield from _compared("request", list(found), right, keys=1)


def _part(snapshot: Snapshot, campaign_id: int, part: Part, met: Counter[str]) -> Iterator[Problem]:
    """Compare one part, and count its rows into ``met``."""
    rows = (part.experiments, part.results, part.touches)
    for (table, column), right, keys in zip(_BY_EXPERIMENT, rows, (1, 2, 2), strict=True):
        found = _found(snapshot, table, column, campaign_id, part.numbers)
        met[table.name] += len(found)
        yield from _compared(table.name, found, right, keys=keys)
    found = _found(snapshot, t.receipt, "key", campaign_id, [key for key, _ in part.receipts])
    met["receipt"] += len(found)
    yield from _compared("receipt", found, part.receipts, keys=1)


def _found(
    snapshot: Snapshot, table: Table, column: str, campaign_id: int, wanted: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Return the rows about some experiments or keys, which the column holds; it is the first after the campaign's."""
    query = select(*list(table.c)[1:]).where(table.c.campaign_id == campaign_id)
    if not wanted:
        return []
    first, last = min(wanted), max(wanted)
    if isinstance(first, int) and last - first < 2 * len(wanted):
        found = snapshot.tuples(query.where(table.c[column].between(first, last)))
        if last - first + 1 == len(wanted):
            return list(found)
        chosen = set(wanted)
        return [row for row in found if row[0] in chosen]
    parts = (query.where(table.c[column].in_(part)) for part in chunks(wanted))
    return [row for part in parts for row in snapshot.tuples(part)]


def _strangers(snapshot: Snapshot, campaign_id: int, met: Counter[str], undone: set[int]) -> Iterator[Problem]:
    """Name rows about what the ledger knows nothing of: there are some where a table has more than were met."""
    more = []
    for table, column in (*_BY_EXPERIMENT, (t.receipt, "key")):
        count = select(func.count()).select_from(table).where(table.c.campaign_id == campaign_id)
        if any(rows != met[table.name] for (rows,) in snapshot.tuples(count)):
            more.append((table, table.c[column]))
    if not more:
        return
    numbers, keys = known(snapshot, campaign_id, undone)
    for table, key in more:
        for (each,) in snapshot.tuples(select(key).where(table.c.campaign_id == campaign_id)):
            if each not in (keys if table is t.receipt else numbers):
                yield _wrong(table.name, each, "is not in the ledger")


def _compared(
    table: str, found: list[tuple[Any, ...]], right: Sequence[tuple[Any, ...]], *, keys: int
) -> Iterator[Problem]:
    """Compare rows, of which the first columns are the key."""
    # Most often the order is the same; comparing sets costs ten times as much.
    if found == right or (len(found) == len(right) and set(found) == set(right)):
        return
    held, expected = ({row[:keys]: row[keys:] for row in rows} for rows in (found, right))
    for key, row in expected.items():
        if key not in held:
            yield _wrong(table, key, "is missing")
        elif held[key] != row:
            yield _wrong(table, key, f"is {_short(held[key])}, the ledger says {_short(row)}")
    for key, times in Counter(row[:keys] for row in found).items():
        if key not in expected:
            yield _wrong(table, key, "is not in the ledger")
        elif times > 1:
            yield _wrong(table, key, f"stands there {times} times")


def _wrong(table: str, key: Any, message: str) -> Problem:
    shown = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
    return Problem(message, f"{table} {shown}", hint="the ledger itself is whole: labloop rebuild")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def rebuild(transaction: Transaction, campaign_id: int, name: str, *, tell: Tell | None = None) -> CampaignRow:
    """Write a campaign's read models anew from its ledger.

    Raises
    ------
    IntegrityError
        If the ledger's chain is broken: what follows from it cannot be trusted.
    """
    # The ledger is gone along twice: what is told is in halves.
    first_half = None if tell is None else lambda done, total: tell(done, 2 * total)
    second_half = None if tell is None else lambda done, total: tell(total + done, 2 * total)
    hints, problems = hints_of_ledger(transaction, campaign_id, name, tell=first_half)
    if problems or next(transaction.links(campaign_id, last=1), None) is None:
        first = problems[0] if problems else "it has no entry"
        raise IntegrityError(
            f"the ledger of {name} is broken: {first}", hint="see all of it: labloop verify; then restore a backup"
        )
    _set_row(transaction, campaign_id, name, {})
    for table in t.READ_MODELS:
        transaction.execute(delete(table).where(table.c.campaign_id == campaign_id))
    course = Course(hints)
    for part in course.parts(transaction, campaign_id, name, tell=second_half):
        transaction.fill(t.experiment, campaign_id, part.experiments)
        transaction.fill(t.result, campaign_id, part.results)
        transaction.fill(t.touch, campaign_id, part.touches)
        transaction.fill(t.receipt, campaign_id, part.receipts)
    requests = [(key, content, at) for key, (content, at) in course.requests.items()]
    transaction.fill(t.request, campaign_id, requests)
    _set_row(transaction, campaign_id, name, course.row)
    return transaction.campaign(name)


def _set_row(transaction: Transaction, campaign_id: int, name: str, row: Mapping[str, Any]) -> None:
    known = t.campaign.c.id == campaign_id
    if transaction.execute(update(t.campaign).where(known).values(name=name, **row)).rowcount == 0:
        transaction.execute(insert(t.campaign).values(id=campaign_id, name=name, **{**FRESH, **row}))
