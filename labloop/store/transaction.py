"""A snapshot that can append: the entry and every read model that follows from it are written together."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, Table, and_, delete, insert, select, update

from labloop import __version__
from labloop.errors import Conflict
from labloop.records import LedgerEntry
from labloop.store import clock
from labloop.store import tables as t
from labloop.store.chain import canonical, entry_hash, parsed
from labloop.store.expect import FRESH, bring_on, experiment_row, result_rows
from labloop.store.fold import BIRTHS, State, apply, changes_of, state_after
from labloop.store.snapshot import CampaignRow, Snapshot, chunks

__all__ = ["Asked", "Transaction"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An idempotency key, the fingerprint of what is asked under it, and what else the answer says."""

    key: str
    content: str
    answer: Mapping[str, Any]


class Transaction(Snapshot):
    """A snapshot that can append."""

    def find(self, name: str) -> CampaignRow | None:
        """Return a campaign, or None; until this transaction ends nobody else writes to it."""
        # PostgreSQL's lock on the head row: what is read after it is as new as it. SQLite holds the whole file.
        query = select(t.campaign).where(t.campaign.c.name == name).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return CampaignRow(*row) if row else None

    def execute(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        """Run a statement; for what brings the read models in order, never for the ledger."""
        return cast("CursorResult[Any]", self._connection.execute(statement, rows))

    def fill(self, table: Table, campaign_id: int, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows of a read model, the campaign's number aside."""
        names = table.columns.keys()
        for part in chunks(rows):
            self.execute(insert(table), [dict(zip(names, (campaign_id, *row), strict=True)) for row in part])

    def create(self, name: str, spec: str, *, source: str = "") -> CampaignRow:
        """Begin a campaign with version 1 of its spec, as JSON text.

        Raises
        ------
        Conflict
            If there is one of that name.
        """
        if self.find(name) is not None:
            raise Conflict(f"there is a campaign {name!r} already", hint="choose another name")
        self._connection.execute(insert(t.campaign).values(name=name, **FRESH))
        row = self.campaign(name)
        self.append(row, "created", {"spec": spec, "source": source, "version": 1})
        return self.campaign(name)

    def append(
        self, campaign: CampaignRow, kind: str, payload: Mapping[str, Any], *, asked: Asked | None = None
    ) -> LedgerEntry:
        """Write one entry and everything that follows from it.

        The entry follows on the campaign's head as it stands in the database by now.
        """
        if asked is not None:
            payload = {**payload, "request": {"key": asked.key, "content": asked.content, **asked.answer}}
        head = self._head(campaign.id)
        text = canonical(payload)
        draft = LedgerEntry(
            campaign=campaign.name,
            sequence=head.head + 1,
            kind=kind,
            at=clock.now().isoformat(timespec="milliseconds"),
            actor=_actor(),
            version=__version__,
            payload=parsed(text),
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
        query = select(t.campaign).where(t.campaign.c.id == campaign_id).with_for_update()
        return CampaignRow(*self._connection.execute(query).one())

    def _project(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        if entry.kind == "undone":
            self._project_undone(campaign, entry)
        else:
            self._project_changes(campaign, entry)
        if "request" in entry.payload:
            self._project_request(campaign, entry)
        before = {name: getattr(campaign, name) for name in FRESH}
        after = dict(before)
        bring_on(after, entry)
        changed = {name: value for name, value in after.items() if value != before[name]}
        self._connection.execute(update(t.campaign).where(t.campaign.c.id == campaign.id).values(**changed))

    def _project_changes(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        changes = list(changes_of(entry))
        if not changes:
            return
        numbers = list(dict.fromkeys(number for number, _ in changes))
        born = entry.kind in BIRTHS
        states: dict[int, State | None] = {} if born else {**self.states(campaign, numbers)}
        for number, change in changes:
            states[number] = apply(states.get(number), entry, change)
        self._save(campaign, states, born=born)
        self.fill(t.touch, campaign.id, [(number, entry.sequence) for number in numbers])
        keys = [change["key"] for _, change in changes if "key" in change]
        self.fill(t.receipt, campaign.id, [(key, entry.sequence) for key in keys])

    def _project_undone(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        target = self.entry(campaign, entry.payload["sequence"])
        without = self.undone(campaign)
        states: dict[int, State | None] = {}
        for number in dict.fromkeys(number for number, _ in changes_of(target)):
            history = self.entries(campaign, experiment=number)
            states[number] = state_after(number, (each for each in history if each.sequence not in without))
        self._save(campaign, states)
        gone = and_(t.receipt.c.campaign_id == campaign.id, t.receipt.c.sequence == target.sequence)
        self._connection.execute(delete(t.receipt).where(gone))

    def _project_request(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        key, content = entry.payload["request"]["key"], entry.payload["request"]["content"]
        known = and_(t.request.c.campaign_id == campaign.id, t.request.c.key == key)
        # One request may need two entries; it is known by the first.
        if self._connection.scalar(select(t.request.c.sequence).where(known)) is None:
            fresh = {"campaign_id": campaign.id, "key": key, "content": content, "sequence": entry.sequence}
            self._connection.execute(insert(t.request).values(**fresh))

    def _save(self, campaign: CampaignRow, states: Mapping[int, State | None], *, born: bool = False) -> None:
        for part in () if born else chunks(list(states)):
            for table, column in ((t.experiment, t.experiment.c.number), (t.result, t.result.c.experiment)):
                old = and_(table.c.campaign_id == campaign.id, column.in_(part))
                self._connection.execute(delete(table).where(old))
        kept = [state for state in states.values() if state is not None]
        self.fill(t.experiment, campaign.id, [experiment_row(state) for state in kept])
        self.fill(t.result, campaign.id, [row for state in kept for row in result_rows(state)])


def _with_hash(draft: LedgerEntry) -> LedgerEntry:
    fields = {name: getattr(draft, name) for name in LedgerEntry.__slots__}
    return LedgerEntry(**{**fields, "hash": entry_hash(draft)})


def _actor() -> str:
    named = os.environ.get("LABLOOP_ACTOR")
    if named:
        return named[:200]
    try:
        return getpass.getuser()[:200]
    except (OSError, KeyError):  # no user database in some containers
        return "unknown"
