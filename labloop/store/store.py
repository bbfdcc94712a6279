"""The store: snapshots to read from, transactions to append to the ledger in.

Within one transaction an entry and every read model that follows from it are written together, so a
process that dies leaves either all of it or nothing.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, inspect, select, update

from labloop import __version__
from labloop.errors import Conflict, NotFound, StorageError, did_you_mean
from labloop.records import Experiment, LedgerEntry, Status
from labloop.store import tables as t
from labloop.store.chain import GENESIS, canonical, entry_hash
from labloop.store.codec import experiment_from_dict, experiment_to_dict
from labloop.store.engine import open_engine, shown_url, sqlite_path, translated
from labloop.store.fold import apply, changes_of, fold

__all__ = ["CampaignRow", "Snapshot", "Store", "Transaction"]

# Databases limit the number of bound values in one statement (SQLite: 32,766).
_CHUNK = 5_000


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


class Store:
    """A database that holds campaigns; made on first use."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.url = url
        self.where = shown_url(url)
        path = sqlite_path(url)
        self.exists = path is None or path.exists()
        self._ready = False

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """Open a snapshot: everything read from it belongs to one moment."""
        with translated(self.where):
            self._prepare()
            with self._engine.connect() as connection, connection.begin():
                yield Snapshot(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction; all of it is durable when the block ends, nothing if it raises."""
        with translated(self.where):
            self._prepare()
            with self._engine.connect() as connection:
                connection = connection.execution_options(labloop_writes=True)
                with connection.begin():
                    yield Transaction(connection)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _prepare(self) -> None:
        if self._ready:
            return
        path = sqlite_path(self.url)
        if path is not None and not path.parent.is_dir():
            raise StorageError(f"no folder {path.parent}", hint="make it, or start a workspace with: labloop init")
        with self._engine.connect() as connection:
            connection = connection.execution_options(labloop_writes=not self.exists)
            with connection.begin():
                if not inspect(connection).has_table(t.meta.name):
                    self._create(connection)
                self._check_version(connection)
        self._ready = self.exists = True

    def _create(self, connection: Connection) -> None:
        t.metadata.create_all(connection)
        connection.execute(insert(t.meta).values(key="schema_version", value=str(t.SCHEMA_VERSION)))
        connection.execute(insert(t.meta).values(key="labloop_version", value=__version__))

    def _check_version(self, connection: Connection) -> None:
        found = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "schema_version"))
        if found != str(t.SCHEMA_VERSION):
            raise StorageError(
                f"the store {self.where} has layout {found}, this labloop {__version__} expects {t.SCHEMA_VERSION}",
                hint="install the labloop that wrote it: pip install --upgrade labloop",
            )


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
        row = self._connection.execute(select(t.campaign).where(t.campaign.c.name == name)).one_or_none()
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

    def counts(self, campaign: CampaignRow) -> dict[Status, int]:
        """Count the experiments by status."""
        query = (
            select(t.experiment.c.status, func.count())
            .where(t.experiment.c.campaign_id == campaign.id)
            .group_by(t.experiment.c.status)
        )
        return {Status(status): count for status, count in self._connection.execute(query)}

    def observation_count(self, campaign: CampaignRow) -> int:
        """Count the observations."""
        query = select(func.coalesce(func.sum(t.experiment.c.observations), 0))
        return int(self._connection.scalar(query.where(t.experiment.c.campaign_id == campaign.id)) or 0)

    def means(self, campaign: CampaignRow) -> dict[int, dict[str, float]]:
        """Return the mean of each outcome over its replicates, by experiment number."""
        query = select(t.result.c.experiment, t.result.c.outcome, t.result.c.mean)
        query = query.where(t.result.c.campaign_id == campaign.id).order_by(t.result.c.experiment)
        found: dict[int, dict[str, float]] = {}
        for number, outcome, mean in self._connection.execute(query):
            found.setdefault(number, {})[outcome] = mean
        return found

    def experiments(
        self,
        campaign: CampaignRow,
        *,
        numbers: Sequence[int] | None = None,
        statuses: Iterable[Status] | None = None,
        batch: int | None = None,
    ) -> tuple[Experiment, ...]:
        """Return experiments in order of their number: all, or those asked for."""
        query = select(t.experiment.c.record).where(t.experiment.c.campaign_id == campaign.id)
        if statuses is not None:
            query = query.where(t.experiment.c.status.in_([status.value for status in statuses]))
        if batch is not None:
            query = query.where(t.experiment.c.batch == batch)
        query = query.order_by(t.experiment.c.number)
        if numbers is None:
            records = [text for (text,) in self._connection.execute(query)]
        else:
            records = []
            for part in _chunks(sorted(set(numbers))):
                chosen = query.where(t.experiment.c.number.in_(part))
                records += [text for (text,) in self._connection.execute(chosen)]
        return tuple(experiment_from_dict(json.loads(text)) for text in records)

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
        for row in self._connection.execute(query):
            yield _entry(row, campaign.name)

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
        return _entry(row, campaign.name)

    def undone(self, campaign: CampaignRow) -> frozenset[int]:
        """Return the numbers of the entries that no longer count."""
        return frozenset(entry.payload["sequence"] for entry in self.entries(campaign, kinds=("undone",)))

    def receipts(self, campaign: CampaignRow, keys: Sequence[str]) -> dict[str, int]:
        """Return which of the keys were written before, with the entry that did."""
        found: dict[str, int] = {}
        for part in _chunks(list(dict.fromkeys(keys))):
            query = select(t.receipt.c.key, t.receipt.c.sequence)
            query = query.where(t.receipt.c.campaign_id == campaign.id, t.receipt.c.key.in_(part))
            found.update((key, sequence) for key, sequence in self._connection.execute(query))
        return found


class Transaction(Snapshot):
    """A snapshot that can append."""

    def create(self, name: str, spec: str, *, source: str = "") -> CampaignRow:
        """Begin a campaign with version 1 of its spec, as JSON text.

        Raises
        ------
        Conflict
            If there is one of that name.
        """
        if self.find(name) is not None:
            raise Conflict(f"there is a campaign {name!r} already", hint="choose another name")
        fresh = {"name": name, "head": 0, "head_hash": GENESIS, "spec_version": 0, "spec": "{}", "source": ""}
        self._connection.execute(insert(t.campaign).values(**fresh, experiments=0, batches=0))
        row = self.campaign(name)
        self.append(row, "created", {"spec": spec, "source": source, "version": 1})
        return self.campaign(name)

    def append(self, campaign: CampaignRow, kind: str, payload: Mapping[str, Any]) -> LedgerEntry:
        """Write one entry and everything that follows from it.

        The campaign's head must be the one in the database: take the row within this transaction.
        """
        head = self._head(campaign.id)
        text = canonical(payload)
        draft = LedgerEntry(
            campaign=campaign.name,
            sequence=head.head + 1,
            kind=kind,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            actor=_actor(),
            version=__version__,
            payload=json.loads(text),
            previous=head.head_hash,
            hash="",
        )
        entry = _with_hash(draft)
        self._connection.execute(
            insert(t.ledger).values(
                campaign_id=campaign.id,
                sequence=entry.sequence,
                kind=kind,
                at=entry.at,
                actor=entry.actor,
                version=entry.version,
                payload=text,
                previous=entry.previous,
                hash=entry.hash,
            )
        )
        self._project(head, entry)
        return entry

    def _head(self, campaign_id: int) -> CampaignRow:
        # FOR UPDATE is PostgreSQL's lock on the head row; SQLite has the whole file already.
        query = select(t.campaign).where(t.campaign.c.id == campaign_id).with_for_update()
        return CampaignRow(*self._connection.execute(query).one())

    def _project(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        if entry.kind == "undone":
            self._project_undone(campaign, entry)
        else:
            self._project_changes(campaign, entry)
        head: dict[str, Any] = {"head": entry.sequence, "head_hash": entry.hash}
        if entry.kind in ("created", "revised"):
            head["spec"] = entry.payload["spec"]
            head["source"] = entry.payload["source"]
            head["spec_version"] = entry.payload["version"]
        if entry.kind in ("proposed", "added"):
            numbers = [each["number"] for each in entry.payload["experiments"]]
            head["experiments"] = max([campaign.experiments, *numbers])
        if entry.kind == "proposed":
            head["batches"] = entry.payload["batch"]
        self._connection.execute(update(t.campaign).where(t.campaign.c.id == campaign.id).values(**head))

    def _project_changes(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        changes = list(changes_of(entry))
        if not changes:
            return
        numbers = list(dict.fromkeys(number for number, _ in changes))
        born = entry.kind in ("proposed", "added")
        before = () if born else self.experiments(campaign, numbers=numbers)
        states: dict[int, Experiment | None] = {each.number: each for each in before}
        for number, change in changes:
            states[number] = apply(states.get(number), entry, change)
        self._save(campaign, states)
        touched = [{"campaign_id": campaign.id, "experiment": n, "sequence": entry.sequence} for n in numbers]
        self._connection.execute(insert(t.touch), touched)
        keys = [change["key"] for _, change in changes if "key" in change]
        if keys:
            written = [{"campaign_id": campaign.id, "key": key, "sequence": entry.sequence} for key in keys]
            self._connection.execute(insert(t.receipt), written)

    def _project_undone(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        target = self.entry(campaign, entry.payload["sequence"])
        without = self.undone(campaign)
        states: dict[int, Experiment | None] = {}
        for number in dict.fromkeys(number for number, _ in changes_of(target)):
            history = self.entries(campaign, experiment=number)
            states[number] = fold(number, (each for each in history if each.sequence not in without))
        self._save(campaign, states)
        gone = and_(t.receipt.c.campaign_id == campaign.id, t.receipt.c.sequence == target.sequence)
        self._connection.execute(delete(t.receipt).where(gone))

    def _save(self, campaign: CampaignRow, states: Mapping[int, Experiment | None]) -> None:
        for part in _chunks(list(states)):
            for table, column in ((t.experiment, t.experiment.c.number), (t.result, t.result.c.experiment)):
                old = and_(table.c.campaign_id == campaign.id, column.in_(part))
                self._connection.execute(delete(table).where(old))
        kept = [state for state in states.values() if state is not None]
        if kept:
            self._connection.execute(insert(t.experiment), [_experiment_row(campaign, state) for state in kept])
        results = [row for state in kept for row in _result_rows(campaign, state)]
        if results:
            self._connection.execute(insert(t.result), results)


def _experiment_row(campaign: CampaignRow, state: Experiment) -> dict[str, Any]:
    return {
        "campaign_id": campaign.id,
        "number": state.number,
        "status": state.status.value,
        "batch": state.batch,
        "observations": len(state.observations),
        "record": canonical(experiment_to_dict(state)),
    }


def _result_rows(campaign: CampaignRow, state: Experiment) -> Iterator[dict[str, Any]]:
    for outcome in dict.fromkeys(name for each in state.observations for name in each.outcomes):
        values = [each.outcomes[outcome] for each in state.observations if outcome in each.outcomes]
        yield {
            "campaign_id": campaign.id,
            "experiment": state.number,
            "outcome": outcome,
            "mean": sum(values) / len(values),
            "count": len(values),
        }


def _entry(row: Row[Any], campaign: str) -> LedgerEntry:
    return LedgerEntry(
        campaign=campaign,
        sequence=row.sequence,
        kind=row.kind,
        at=row.at,
        actor=row.actor,
        version=row.version,
        payload=json.loads(row.payload),
        previous=row.previous,
        hash=row.hash,
    )


def _with_hash(draft: LedgerEntry) -> LedgerEntry:
    fields = {name: getattr(draft, name) for name in LedgerEntry.__slots__}
    return LedgerEntry(**{**fields, "hash": entry_hash(draft)})


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def _actor() -> str:
    named = os.environ.get("LABLOOP_ACTOR")
    if named:
        return named[:200]
    try:
        return getpass.getuser()[:200]
    except (OSError, KeyError):  # no user database in some containers
        return "unknown"
