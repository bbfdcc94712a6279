"""Compares the read models with the ledger, and writes them anew from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Select, Table, delete, insert, select, update

from labloop.errors import IntegrityError, Problem
from labloop.store import tables as t
from labloop.store.expect import FRESH, Part, Whole, chain_problems, parts, walk
from labloop.store.snapshot import CampaignRow, Snapshot, chunks
from labloop.store.transaction import Transaction

__all__ = ["audit", "rebuild"]

# A damaged table differs in every row: enough is said long before the last one.
_ENOUGH = 100


def audit(snapshot: Snapshot, row: CampaignRow, *, chain_only: bool = False) -> list[Problem]:
    """Walk a campaign's chain, then compare every read model with what follows from it; list what differs."""
    if chain_only:
        return chain_problems(snapshot, row.id, row.name)
    whole = walk(snapshot, row.id, row.name)
    if whole.problems:
        return [*whole.problems, Problem("were not compared: the ledger itself is broken", "read models")]
    found: list[Problem] = []
    for problem in _differences(snapshot, row, whole):
        found.append(problem)
        if len(found) == _ENOUGH:
            return [*found, Problem(f"and more: only the first {_ENOUGH} differences are listed", "read models")]
    return found


def _differences(snapshot: Snapshot, row: CampaignRow, whole: Whole) -> Iterator[Problem]:
    last = whole.row["head"]
    if row.head > last:
        missing = f"entry {row.head} is" if row.head == last + 1 else f"entries {last + 1} to {row.head} are"
        yield Problem(f"{missing} missing: the campaign's row names {row.head} as its last", f"entry {last}")
    for name, right in whole.row.items():
        if getattr(row, name) != right:
            yield _wrong(
                "campaign", row.name, f"{name} is {_short(getattr(row, name))}, the ledger says {_short(right)}"
            )
    yield from _keys(snapshot, whole)
    seen: list[tuple[int, int]] = []
    for part in parts(snapshot, whole):
        seen.append((part.low, part.high))
        yield from _part(snapshot, whole.campaign_id, part)
    yield from _strangers(snapshot, whole.campaign_id, seen)


def _keys(snapshot: Snapshot, whole: Whole) -> Iterator[Problem]:
    right = {key: (sequence,) for sequence, keys in whole.receipts.items() for key in keys}
    query = select(t.receipt.c.key, t.receipt.c.sequence).where(t.receipt.c.campaign_id == whole.campaign_id)
    yield from _compared("receipt", {key: (at,) for key, at in snapshot.rows(query)}, right)
    asked = select(t.request.c.key, t.request.c.content, t.request.c.sequence)
    asked = asked.where(t.request.c.campaign_id == whole.campaign_id)
    yield from _compared("request", {key: (content, at) for key, content, at in snapshot.rows(asked)}, whole.requests)


def _part(snapshot: Snapshot, campaign_id: int, part: Part) -> Iterator[Problem]:
    def within(table: Table, column: str) -> Select[Any]:
        numbers = table.c[column]
        return select(*list(table.c)[1:]).where(
            table.c.campaign_id == campaign_id, numbers >= part.low, numbers < part.high
        )

    def found(table: Table, column: str, keys: int) -> dict[Any, Any]:
        return {tuple(row[:keys]): tuple(row[keys:]) for row in snapshot.rows(within(table, column))}

    right: dict[Any, Any] = {(row["number"],): tuple(row.values())[2:] for row in part.experiments}
    yield from _compared("experiment", found(t.experiment, "number", 1), right)
    right = {(row["experiment"], row["outcome"]): (row["mean"], row["count"]) for row in part.results}
    yield from _compared("result", found(t.result, "experiment", 2), right)
    yield from _compared("touch", found(t.touch, "experiment", 2), dict.fromkeys(part.touches, ()))


def _strangers(snapshot: Snapshot, campaign_id: int, seen: list[tuple[int, int]]) -> Iterator[Problem]:
    """Name rows about experiments that the ledger knows nothing of."""
    for table, column in ((t.experiment, "number"), (t.result, "experiment"), (t.touch, "experiment")):
        query = select(table.c[column]).where(table.c.campaign_id == campaign_id)
        for low, high in seen:
            query = query.where(~table.c[column].between(low, high - 1))
        for (number,) in snapshot.rows(query):
            yield _wrong(table.name, number, "is not in the ledger")


def _compared(table: str, found: Mapping[Any, Any], right: Mapping[Any, Any]) -> Iterator[Problem]:
    if found == right:
        return
    for key, row in right.items():
        if key not in found:
            yield _wrong(table, key, "is missing")
        elif found[key] != row:
            yield _wrong(table, key, f"is {_short(found[key])}, the ledger says {_short(row)}")
    for key in found.keys() - right.keys():
        yield _wrong(table, key, "is not in the ledger")


def _wrong(table: str, key: Any, message: str) -> Problem:
    shown = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
    return Problem(message, f"{table} {shown}", hint="the ledger itself is whole: labloop rebuild")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def rebuild(transaction: Transaction, campaign_id: int, name: str) -> CampaignRow:
    """Write a campaign's read models anew from its ledger.

    Raises
    ------
    IntegrityError
        If the ledger's chain is broken: what follows from it cannot be trusted.
    """
    whole = walk(transaction, campaign_id, name)
    if whole.problems or not whole.row["head"]:
        first = whole.problems[0] if whole.problems else "it has no entry"
        raise IntegrityError(
            f"the ledger of {name} is broken: {first}", hint="see all of it: labloop verify; then restore a backup"
        )
    _set_head(transaction, campaign_id, name, whole.row)
    for table in t.READ_MODELS:
        transaction.execute(delete(table).where(table.c.campaign_id == campaign_id))
    for part in parts(transaction, whole):
        touches = [{"campaign_id": campaign_id, "experiment": n, "sequence": s} for n, s in part.touches]
        for table, rows in ((t.experiment, part.experiments), (t.result, part.results), (t.touch, touches)):
            _fill(transaction, table, rows)
    receipts = [
        {"campaign_id": campaign_id, "key": key, "sequence": at} for at, keys in whole.receipts.items() for key in keys
    ]
    _fill(transaction, t.receipt, receipts)
    requests = [
        {"campaign_id": campaign_id, "key": key, "content": content, "sequence": at}
        for key, (content, at) in whole.requests.items()
    ]
    _fill(transaction, t.request, requests)
    return transaction.campaign(name)


def _set_head(transaction: Transaction, campaign_id: int, name: str, row: Mapping[str, Any]) -> None:
    known = t.campaign.c.id == campaign_id
    if transaction.execute(update(t.campaign).where(known).values(name=name, **row)).rowcount == 0:
        transaction.execute(insert(t.campaign).values(id=campaign_id, name=name, **{**FRESH, **row}))


def _fill(transaction: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    for part in chunks(rows):
        transaction.execute(insert(table), list(part))
