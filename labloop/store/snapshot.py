"""A moment of the store: everything read from one snapshot belongs together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, select

from labloop.errors import NotFound, did_you_mean
from labloop.records import Experiment, LedgerEntry, Status
from labloop.store import statements
from labloop.store import tables as t
from labloop.store.chain import parsed
from labloop.store.codec import experiment_from_dict
from labloop.store.fold import State

__all__ = ["CampaignRow", "Link", "Request", "Snapshot", "Tally", "chunks", "entry_of"]

# Databases limit the number of bound values in one statement (SQLite: 32,766).
_CHUNK = 5_000
# So many rows of the ledger are in memory at once, however long it is.
_ROWS = 1_000
_AT_ONCE = {"yield_per": _ROWS}


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """Where a campaign stands: the head of its ledger, and its present spec as JSON text."""

    id: int
    name: str
    head: int
    head_hash: str
    spec_version: int
    spec: str
    source: str
    experiments: int
    batches: int


class Tally(NamedTuple):
    """Experiments, those with observations, and the observations."""

    experiments: int
    observed: int
    observations: int


class Link(NamedTuple):
    """One row of the ledger, its payload as the text that the hash covers."""

    sequence: int
    kind: str
    at: str
    actor: str
    version: str
    payload: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked under an idempotency key: its content's fingerprint, and the entries that were written for it."""

    content: str
    entries: tuple[LedgerEntry, ...]


class Snapshot:
    """One moment of the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def campaigns(self) -> tuple[CampaignRow, ...]:
        """Return every campaign, by name."""
        rows = self._connection.execute(select(t.campaign).order_by(t.campaign.c.name))
        return tuple(CampaignRow(*row) for row in rows)

    def find(self, name: str) -> CampaignRow | None:
        """Return a campaign, or None."""
        row = self._connection.execute(statements.FIND, {"name": name}).one_or_none()
        return CampaignRow(*row) if row else None

    def campaign(self, name: str) -> CampaignRow:
        """Return a campaign.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        found = self.find(name)
        if found is None:
            names = [row.name for row in self.campaigns()]
            hint = did_you_mean(name, names) or "start one with: labloop init"
            raise NotFound(f"no campaign {name!r} in the store", hint=hint)
        return found

    def tally(self, campaign: CampaignRow) -> dict[Status, Tally]:
        """Count the experiments and their observations, by status."""
        # The index alone answers it.
        status, observations = t.experiment.c.status, t.experiment.c.observations
        observed = func.sum(case((observations > 0, 1), else_=0))
        query = select(status, func.count(), observed, func.sum(observations)).group_by(status)
        rows = self._connection.execute(query.where(t.experiment.c.campaign_id == campaign.id))
        return {Status(each): Tally(*map(int, counts)) for each, *counts in rows}

    def coverage(self, campaign: CampaignRow, outcomes: Sequence[str], *, observed: int) -> tuple[int, int]:
        """Return how many experiments have a result, and how many have all of these outcomes.

        ``observed`` is how many have observations at all: where an outcome was measured in every one of them, counting
        along an index is enough.
        """
        here = t.result.c.campaign_id == campaign.id
        by_outcome = select(t.result.c.outcome, func.count()).where(here).group_by(t.result.c.outcome)
        counts = {outcome: int(count) for outcome, count in self._connection.execute(by_outcome)}
        asked = [counts.get(name, 0) for name in outcomes]
        if max(counts.values(), default=0) == observed and (len(asked) == 1 or min(asked) == observed):
            return observed, min(asked)
        # One pass along the primary key, which holds all of it in this order: nothing is sorted.
        wanted = case((t.result.c.outcome.in_(list(outcomes)), 1), else_=0)
        each = select(t.result.c.experiment, func.sum(wanted).label("hits"))
        hits = each.where(here).group_by(t.result.c.experiment).subquery().c.hits
        query = select(func.count(), func.sum(case((hits == len(outcomes), 1), else_=0)))
        measured, complete = self._connection.execute(query.select_from(hits.table)).one()
        return int(measured), int(complete or 0)

    def means(self, campaign: CampaignRow, *, numbers: Sequence[int] | None = None) -> dict[int, dict[str, float]]:
        """Return the mean of each outcome over its replicates, by experiment number."""
        query = select(t.result.c.experiment, t.result.c.outcome, t.result.c.mean)
        query = query.where(t.result.c.campaign_id == campaign.id).order_by(t.result.c.experiment)
        found: dict[int, dict[str, float]] = {}
        queries = [query] if numbers is None else [query.where(t.result.c.experiment.in_(p)) for p in chunks(numbers)]
        for each in queries:
            for number, outcome, mean in self._connection.execute(each):
                found.setdefault(number, {})[outcome] = mean
        return found

    def first_by(
        self,
        campaign: CampaignRow,
        outcome: str,
        *,
        target: float | None = None,
        largest: bool = True,
        within: Iterable[tuple[str, bool, float]] = (),
    ) -> int | None:
        """Return the experiment whose mean of an outcome is largest, smallest or nearest to a target.

        ``within`` holds (outcome, at least?, bound): an experiment that was measured to break one of these
        does not count, one where it was not measured does. Of equals the lower number comes first. The database
        finds it along an index, so that a million results need not be looked at.
        """
        mean = t.result.c.mean
        query = select(t.result.c.experiment).where(
            t.result.c.campaign_id == campaign.id, t.result.c.outcome == outcome
        )
        for name, at_least, bound in within:
            query = query.where(~_breaks(campaign.id, name, at_least, bound))
        if target is not None:
            query = query.order_by(func.abs(mean - target), t.result.c.experiment)
        elif largest:
            query = query.order_by(mean.desc(), t.result.c.experiment)
        else:
            query = query.order_by(mean, t.result.c.experiment)
        found = self._connection.scalar(query.limit(1))
        return None if found is None else int(found)

    def free(self, campaign: CampaignRow, n: int) -> list[int]:
        """Return the first open experiments that nobody runs, at most ``n``."""
        waiting = [Status.PROPOSED.value, Status.ACCEPTED.value]
        query = select(t.experiment.c.number).where(
            t.experiment.c.campaign_id == campaign.id, t.experiment.c.status.in_(waiting)
        )
        return [number for (number,) in self._connection.execute(query.order_by(t.experiment.c.number).limit(n))]

    def experiments(
        self,
        campaign: CampaignRow,
        *,
        numbers: Sequence[int] | None = None,
        statuses: Iterable[Status] | None = None,
        batch: int | None = None,
    ) -> tuple[Experiment, ...]:
        """Return experiments in order of their number: all, or those asked for."""
        if statuses is None and batch is None:
            records = self._records(campaign.id, numbers)
            return tuple(experiment_from_dict(parsed(text)) for _, text in sorted(records.items()))
        query = select(t.experiment.c.number, t.experiment.c.record)
        query = query.where(t.experiment.c.campaign_id == campaign.id)
        if statuses is not None:
            query = query.where(t.experiment.c.status.in_([status.value for status in statuses]))
        if batch is not None:
            query = query.where(t.experiment.c.batch == batch)
        # Ordered here: asked for an order, SQLite goes through a million records rather than along the index of states.
        parts = [query] if numbers is None else [query.where(t.experiment.c.number.in_(p)) for p in chunks(numbers)]
        records = dict(row for part in parts for row in self.tuples(part))
        return tuple(experiment_from_dict(parsed(text)) for _, text in sorted(records.items()))

    def states(self, campaign: CampaignRow, numbers: Sequence[int]) -> dict[int, State]:
        """Return the plain values of experiments, by number, for what is to be folded further."""
        return {number: parsed(text) for number, text in self._records(campaign.id, numbers).items()}

    def _records(self, campaign_id: int, numbers: Sequence[int] | None) -> dict[int, str]:
        whose, run = {"campaign": campaign_id}, self._connection.execute
        if numbers is None:
            return dict(self.tuples(statements.ALL_RECORDS, whose))
        one = len(numbers) == 1
        asked: Iterable[Any] = [("number", numbers[0])] if one else (("numbers", part) for part in chunks(numbers))
        query = statements.RECORD if one else statements.RECORDS
        parts = (run(query, {**whose, name: value}) for name, value in asked)
        return {number: text for part in parts for number, text in part}

    def entries(
        self, campaign: CampaignRow, *, experiment: int | None = None, kinds: Iterable[str] | None = None
    ) -> Iterator[LedgerEntry]:
        """Yield the ledger in order: all of it, or what touches one experiment."""
        query = select(t.ledger).where(t.ledger.c.campaign_id == campaign.id).order_by(t.ledger.c.sequence)
        if experiment is not None:
            touched = and_(
                t.touch.c.campaign_id == t.ledger.c.campaign_id,
                t.touch.c.sequence == t.ledger.c.sequence,
                t.touch.c.experiment == experiment,
            )
            query = query.join(t.touch, touched)
        if kinds is not None:
            query = query.where(t.ledger.c.kind.in_(list(kinds)))
        for row in self.rows(query):
            yield entry_of(row, campaign.name)

    def entry(self, campaign: CampaignRow, sequence: int) -> LedgerEntry:
        """Return one entry.

        Raises
        ------
        NotFound
            If the ledger has none of that number.
        """
        query = select(t.ledger).where(t.ledger.c.campaign_id == campaign.id, t.ledger.c.sequence == sequence)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(
                f"no entry {sequence} in the ledger of {campaign.name}", hint=f"it has entries 1 to {campaign.head}"
            )
        return entry_of(row, campaign.name)

    def undone(self, campaign: CampaignRow) -> frozenset[int]:
        """Return the numbers of the entries that no longer count."""
        return frozenset(entry.payload["sequence"] for entry in self.entries(campaign, kinds=("undone",)))

    def receipts(self, campaign: CampaignRow, keys: Sequence[str]) -> dict[str, int]:
        """Return which of the keys were written before, with the entry that did."""
        found: dict[str, int] = {}
        for part in chunks(list(dict.fromkeys(keys))):
            query = select(t.receipt.c.key, t.receipt.c.sequence)
            query = query.where(t.receipt.c.campaign_id == campaign.id, t.receipt.c.key.in_(part))
            found.update((key, sequence) for key, sequence in self._connection.execute(query))
        return found

    def request(self, campaign: CampaignRow, key: str) -> Request | None:
        """Return what was asked under a key before, and the entries that answered it; None if nothing was."""
        query = select(t.request.c.content, t.request.c.sequence)
        query = query.where(t.request.c.campaign_id == campaign.id, t.request.c.key == key)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        entries = []
        for sequence in range(row.sequence, campaign.head + 1):
            entry = self.entry(campaign, sequence)
            if entry.payload.get("request", {}).get("key") != key:
                break
            entries.append(entry)
        return Request(row.content, tuple(entries))

    def settings(self, *names: str) -> dict[str, str]:
        """Return settings of the database by name (SQLite: pragmas)."""
        ask = "PRAGMA {}" if self._connection.dialect.name == "sqlite" else "SHOW {}"
        return {name: str(self._connection.exec_driver_sql(ask.format(name)).scalar()) for name in names}

    def rows(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield the rows of a query, not all of them in memory at once."""
        # Closed also when the reader stops early: PostgreSQL keeps a cursor open on the server.
        with self._connection.execute(query, values, execution_options=_AT_ONCE) as found:
            for part in found.partitions():
                yield from part

    def tuples(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield the same rows as bare tuples: from SQLite's own cursor in a third of the time."""
        if self._connection.dialect.name != "sqlite":
            yield from map(tuple, self.rows(query, values))
            return
        with self._connection.execute(query, values) as found:
            assert found.cursor is not None
            while part := found.cursor.fetchmany(_ROWS):
                yield from part

    def links(self, campaign_id: int, *, first: int = 1, last: int | None = None) -> Iterator[Link]:
        """Yield the ledger's rows as they are stored, in order: for walking a long chain."""
        columns = (getattr(t.ledger.c, name) for name in Link._fields)
        query = select(*columns).where(t.ledger.c.campaign_id == campaign_id, t.ledger.c.sequence >= first)
        if last is not None:
            query = query.where(t.ledger.c.sequence <= last)
        yield from map(Link._make, self.tuples(query.order_by(t.ledger.c.sequence)))

    def lost(self, name: str) -> int | None:
        """Return the number of a campaign that the ledger knows but the table of campaigns does not."""
        query = select(t.ledger.c.campaign_id, t.ledger.c.payload).where(
            t.ledger.c.sequence == 1, ~exists().where(t.campaign.c.id == t.ledger.c.campaign_id)
        )
        for campaign_id, payload in self._connection.execute(query):
            if json.loads(json.loads(payload)["spec"]).get("name") == name:
                return int(campaign_id)
        return None


def _breaks(campaign_id: int, outcome: str, at_least: bool, bound: float) -> ColumnElement[bool]:
    other = t.result.alias()
    broken = other.c.mean < bound if at_least else other.c.mean > bound
    return exists().where(
        other.c.campaign_id == campaign_id,
        other.c.experiment == t.result.c.experiment,
        other.c.outcome == outcome,
        broken,
    )


def entry_of(row: Row[Any], campaign: str) -> LedgerEntry:
    """Return a row of the ledger as an entry."""
    return LedgerEntry(
        campaign=campaign,
        sequence=row.sequence,
        kind=row.kind,
        at=row.at,
        actor=row.actor,
        version=row.version,
        payload=parsed(row.payload),
        previous=row.previous,
        hash=row.hash,
    )


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a sequence into parts that fit into one statement."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
