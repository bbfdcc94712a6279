"""A snapshot that can append: the entry and every read model that follows from it are written together."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Executable, Table, and_, delete, insert, select

from labloop import __version__
from labloop.errors import Conflict
from labloop.records import Experiment, LedgerEntry, Status
from labloop.store import clock, statements
from labloop.store import tables as t
from labloop.store.chain import canonical, parsed, seal
from labloop.store.codec import experiment_from_dict
from labloop.store.expect import FRESH, bring_on, experiment_row, result_rows
from labloop.store.fold import BIRTHS, State, apply, changes_of, state_after
from labloop.store.snapshot import CampaignRow, Snapshot, chunks

__all__ = ["Asked", "Transaction"]

_STORED = ("sequence", "kind", "at", "actor", "version", "previous", "hash")


@dataclass(frozen=True, slots=True)
class Asked:
    """An idempotency key, the fingerprint of what is asked under it, and what else the answer says."""

    key: str
    content: str
    answer: Mapping[str, Any]


class Transaction(Snapshot):
    """A snapshot that can append.

    Once a campaign is found nobody else writes to it, so its row and the experiments that were read or written are
    kept: what this transaction knows is not asked again.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._heads: dict[int, CampaignRow] = {}
        self._states: dict[tuple[int, int], State] = {}

    def find(self, name: str) -> CampaignRow | None:
        """Return a campaign, or None; until this transaction ends nobody else writes to it."""
        known = next((row for row in self._heads.values() if row.name == name), None)
        if known is not None:
            return known
        row = self._connection.execute(statements.LOCK, {"name": name}).one_or_none()
        return self._keep(CampaignRow(*row)) if row else None

    def experiments(
        self,
        campaign: CampaignRow,
        *,
        numbers: Sequence[int] | None = None,
        statuses: Iterable[Status] | None = None,
        batch: int | None = None,
    ) -> tuple[Experiment, ...]:
        """Return experiments in order of their number: all, or those asked for."""
        if numbers is None or statuses is not None or batch is not None or campaign.id not in self._heads:
            return super().experiments(campaign, numbers=numbers, statuses=statuses, batch=batch)
        return tuple(experiment_from_dict(state) for _, state in sorted(self.states(campaign, numbers).items()))

    def states(self, campaign: CampaignRow, numbers: Sequence[int]) -> dict[int, State]:
        """Return the plain values of experiments, by number, for what is to be folded further."""
        keys = [(campaign.id, number) for number in dict.fromkeys(numbers)]
        unknown = [number for _, number in keys if (campaign.id, number) not in self._states]
        if unknown:
            found = super().states(campaign, unknown)
            self._states.update(((campaign.id, number), state) for number, state in found.items())
        return {key[1]: self._states[key] for key in keys if key in self._states}

    def execute(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        """Run a statement; for what brings the read models in order, never for the ledger."""
        self._heads.clear()
        self._states.clear()
        return cast("CursorResult[Any]", self._connection.execute(statement, rows))

    def fill(self, table: Table, campaign_id: int, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows of a read model, the campaign's number aside."""
        for part in chunks(rows):
            self.execute(insert(table), _named(table, campaign_id, part))

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
        entry = replace(draft, hash=seal(draft, campaign=draft.campaign, payload=text))
        row = {"campaign_id": campaign.id, **{name: getattr(entry, name) for name in _STORED}, "payload": text}
        self._connection.execute(statements.ADD_LEDGER, row)
        self._project(head, entry)
        return entry

    def _head(self, campaign_id: int) -> CampaignRow:
        if campaign_id not in self._heads:
            row = self._connection.execute(statements.HEAD, {"campaign": campaign_id}).one()
            return self._keep(CampaignRow(*row))
        return self._heads[campaign_id]

    def _keep(self, row: CampaignRow) -> CampaignRow:
        self._heads[row.id] = row
        return row

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
        self._connection.execute(statements.CHANGE_CAMPAIGN, {"campaign": campaign.id, **changed})
        self._keep(replace(campaign, **after))

    def _project_changes(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        changes = list(changes_of(entry))
        if not changes:
            return
        numbers = list(dict.fromkeys(number for number, _ in changes))
        before = {} if entry.kind in BIRTHS else self.states(campaign, numbers)
        states: dict[int, State | None] = {**before}
        for number, change in changes:
            states[number] = apply(states.get(number), entry, change)
        self._save(campaign, states, before)
        run, touched = self._connection.execute, [(number, entry.sequence) for number in numbers]
        for part in chunks(touched):
            run(statements.ADD_TOUCH, _named(t.touch, campaign.id, part))
        for part in chunks([(change["key"], entry.sequence) for _, change in changes if "key" in change]):
            run(insert(t.receipt), _named(t.receipt, campaign.id, part))

    def _project_undone(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        target = self.entry(campaign, entry.payload["sequence"])
        without = self.undone(campaign)
        states: dict[int, State | None] = {}
        for number in dict.fromkeys(number for number, _ in changes_of(target)):
            history = self.entries(campaign, experiment=number)
            states[number] = state_after(number, (each for each in history if each.sequence not in without))
        self._save(campaign, states, self.states(campaign, list(states)))
        gone = and_(t.receipt.c.campaign_id == campaign.id, t.receipt.c.sequence == target.sequence)
        self._connection.execute(delete(t.receipt).where(gone))

    def _project_request(self, campaign: CampaignRow, entry: LedgerEntry) -> None:
        key, content = entry.payload["request"]["key"], entry.payload["request"]["content"]
        known = and_(t.request.c.campaign_id == campaign.id, t.request.c.key == key)
        # One request may need two entries; it is known by the first.
        if self._connection.scalar(select(t.request.c.sequence).where(known)) is None:
            fresh = {"campaign_id": campaign.id, "key": key, "content": content, "sequence": entry.sequence}
            self._connection.execute(insert(t.request).values(**fresh))

    def _save(self, campaign: CampaignRow, states: Mapping[int, State | None], before: Mapping[int, State]) -> None:
        """Write states; ``before`` are those of the experiments that have a row already."""
        run, whose = self._connection.execute, {"campaign": campaign.id}
        for part in chunks([number for number, state in before.items() if state.get("observations")]):
            run(statements.DROP_RESULTS, {**whose, "numbers": part})
        for part in chunks([number for number in before if states[number] is None]):
            run(statements.DROP_EXPERIMENTS, {**whose, "numbers": part})
        kept = [state for state in states.values() if state is not None]
        fresh = [experiment_row(state) for state in kept if state["number"] not in before]
        for part in chunks(fresh):
            run(statements.ADD_EXPERIMENT, _named(t.experiment, campaign.id, part))
        changed = [experiment_row(state) for state in kept if state["number"] in before]
        for part in chunks(changed):
            rows = _named(t.experiment, campaign.id, part)
            run(statements.CHANGE_EXPERIMENT, [{**whose, "which": row["number"], **row} for row in rows])
        for part in chunks([row for state in kept for row in result_rows(state)]):
            run(statements.ADD_RESULT, _named(t.result, campaign.id, part))
        for number, state in states.items():
            self._states.pop((campaign.id, number), None)
            if state is not None:
                self._states[campaign.id, number] = state


def _named(table: Table, campaign_id: int, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    names = table.columns.keys()
    return [dict(zip(names, (campaign_id, *row), strict=True)) for row in rows]


def _actor() -> str:
    named = os.environ.get("LABLOOP_ACTOR")
    if named:
        return named[:200]
    try:
        return getpass.getuser()[:200]
    except (OSError, KeyError):  # no user database in some containers
        return "unknown"
