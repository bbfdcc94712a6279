"""What the read models ought to hold, worked out from the ledger alone.

`rebuild` writes it, `verify` compares with it. It does not share its way with writing (`transaction.py`), which
brings the read models on by one entry at a time; only what an entry means (`fold.py`) is the same. So a mistake in
either shows as a difference.

The chain is gone along once. An experiment is let go with the last entry that touches it, and its rows come in parts,
so that the memory that is needed does not grow with the ledger. Which entry is the last (`Hints`) the table of touches
says, quickly and perhaps wrongly, or the ledger itself. A wrong hint is always noticed: whatever touches an experiment
that was let go raises `Misled`, one that is never let go comes with the last part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import func, select

from labloop.errors import Problem
from labloop.store import tables as t
from labloop.store.chain import GENESIS, Walk, canonical, parsed, seal
from labloop.store.fold import BIRTHS, Entry, State, apply, changes_of
from labloop.store.snapshot import Link, Snapshot

__all__ = [
    "FRESH",
    "Course",
    "Hints",
    "Misled",
    "Part",
    "Tell",
    "bring_on",
    "chain_problems",
    "experiment_row",
    "hints_of_ledger",
    "hints_of_table",
    "known",
    "result_rows",
]

# Experiments in one part, states at hand before they are packed, entries between two words of progress.
_PART = 5_000
_AT_HAND = 50_000
_TELL = 1_000

FRESH: Mapping[str, Any] = {
    "head": 0,
    "head_hash": GENESIS,
    "spec_version": 0,
    "spec": "{}",
    "source": "",
    "experiments": 0,
    "batches": 0,
}
"""A campaign's row before its first entry, its name aside."""

Tell = Callable[[int, int], object]
"""Is called now and then with the number of entries that are done, and of all."""


class Misled(Exception):
    """An entry touches an experiment that a wrong hint said was done with."""


class Hints(NamedTuple):
    """The entries that no longer count; and the last that touches an experiment, where it is not the first."""

    undone: set[int]
    last: dict[int, int]


@dataclass
class Part:
    """The rows that ought to stand for some experiments and keys, the campaign's number aside: all of each."""

    numbers: list[int] = field(default_factory=list)
    experiments: list[tuple[Any, ...]] = field(default_factory=list)
    results: list[tuple[Any, ...]] = field(default_factory=list)
    touches: list[tuple[int, int]] = field(default_factory=list)
    receipts: list[tuple[str, int]] = field(default_factory=list)


def chain_problems(snapshot: Snapshot, campaign_id: int, name: str, *, tell: Tell | None = None) -> list[Problem]:
    """Go along a campaign's chain only, and list every break."""
    return [problem for _, problems in _chain(snapshot, campaign_id, name, tell) for problem in problems]


def _chain(
    snapshot: Snapshot, campaign_id: int, name: str, tell: Tell | None
) -> Iterator[tuple[Link, Sequence[Problem]]]:
    steps, total = Walk(), 0
    if tell is not None:
        last = select(func.max(t.ledger.c.sequence)).where(t.ledger.c.campaign_id == campaign_id)
        total = next(snapshot.tuples(last))[0] or 0
    for link in snapshot.links(campaign_id):
        if tell is not None and not link.sequence % _TELL:
            tell(link.sequence, total)
        yield link, steps.step(link, seal(link, campaign=name, payload=link.payload))


def hints_of_table(snapshot: Snapshot, campaign_id: int) -> Hints:
    """Ask the database: fast, and as right as it is."""
    query = select(t.ledger.c.payload).where(t.ledger.c.campaign_id == campaign_id, t.ledger.c.kind == "undone")
    undone = set()
    for (payload,) in snapshot.tuples(query):
        try:
            undone.add(parsed(payload)["sequence"])
        except (ValueError, KeyError, TypeError):  # the chain will say that this entry was changed
            continue
    experiment, sequence = t.touch.c.experiment, t.touch.c.sequence
    last = select(experiment, func.max(sequence)).where(t.touch.c.campaign_id == campaign_id).group_by(experiment)
    rows = snapshot.tuples(last.having(func.count() > 1))
    return Hints(undone, {number: at for number, at in rows if isinstance(at, int)})


def hints_of_ledger(
    snapshot: Snapshot, campaign_id: int, name: str, *, tell: Tell | None = None
) -> tuple[Hints, list[Problem]]:
    """Go along the chain for them; return what is wrong with it, up to where the hints go."""
    hints, highest = Hints(set(), {}), 0
    for link, problems in _chain(snapshot, campaign_id, name, tell):
        if problems:
            return hints, list(problems)
        entry = _read(link)
        if entry.kind == "undone":
            hints.undone.add(entry.payload["sequence"])
        for number, _ in changes_of(entry):
            if entry.kind in BIRTHS and number > highest:
                highest = number
            else:
                hints.last[number] = entry.sequence
    return hints, []


def known(snapshot: Snapshot, campaign_id: int, undone: set[int]) -> tuple[set[int], set[str]]:
    """Return all experiments that the entries of a whole chain name, and the keys of those that count."""
    numbers, keys = set(), set()
    for link in snapshot.links(campaign_id):
        for number, change in changes_of(_read(link)):
            numbers.add(number)
            if "key" in change and link.sequence not in undone:
                keys.add(change["key"])
    return numbers, keys


class _Read(NamedTuple):
    """A row of the ledger, its payload read: an `Entry` that costs little."""

    sequence: int
    kind: str
    at: str
    payload: Mapping[str, Any]
    hash: str


def _read(link: Link) -> _Read:
    return _Read(link.sequence, link.kind, link.at, parsed(link.payload), link.hash)


class _Story(NamedTuple):
    """An experiment that further entries will touch: its state, perhaps as text, and the entries that touched it."""

    state: State | str | None
    touches: tuple[int, ...]


class Course:
    """Goes along a campaign's chain, and says what ought to stand.

    Afterwards ``problems`` are the breaks of the chain; ``row`` is what the campaign's row ought to say, ``requests``
    are (content, entry) by idempotency key. Both hold as far as the chain is whole.
    """

    def __init__(self, hints: Hints) -> None:
        self.row: dict[str, Any] = dict(FRESH)
        self.requests: dict[str, tuple[str, int]] = {}
        self.problems: list[Problem] = []
        self._hints = hints
        self._held: dict[int, _Story] = {}
        self._loose = 0
        self._highest = 0
        self._part = Part()

    def parts(self, snapshot: Snapshot, campaign_id: int, name: str, *, tell: Tell | None = None) -> Iterator[Part]:
        """Yield the rows that ought to stand; after a break only the chain itself is looked at.

        Raises
        ------
        Misled
            If the hints were wrong.
        """
        for link, problems in _chain(snapshot, campaign_id, name, tell):
            self.problems += problems
            if self.problems:
                continue
            self._take(_read(link))
            if len(self._part.numbers) >= _PART:
                yield self._part
                self._part = Part()
        if not self.problems:
            for number, (state, touches) in sorted(self._held.items()):
                self._let_go(number, parsed(state) if isinstance(state, str) else state, touches)
            yield self._part

    def _take(self, entry: _Read) -> None:
        bring_on(self.row, entry)
        sequence, payload = entry.sequence, entry.payload
        if "request" in payload:
            self.requests.setdefault(payload["request"]["key"], (payload["request"]["content"], sequence))
        counts = sequence not in self._hints.undone
        # One entry may touch an experiment twice: two replicates in one sheet.
        now: dict[int, tuple[State | None, tuple[int, ...]]] = {}
        for number, change in changes_of(entry):
            state, touches = now.get(number) or self._story(number, entry)
            if counts:
                state = apply(state, entry, change)
                if "key" in change:
                    self._part.receipts.append((change["key"], sequence))
            now[number] = (state, touches)
        for number, (state, touches) in now.items():
            if self._hints.last.get(number, sequence) == sequence:
                self._let_go(number, state, (*touches, sequence))
            else:
                self._held[number] = _Story(state, (*touches, sequence))
                self._loose += 1
        if self._loose > _AT_HAND:
            self._loose = 0
            for number, story in self._held.items():
                if story.state is not None and not isinstance(story.state, str):
                    self._held[number] = _Story(canonical(story.state), story.touches)

    def _story(self, number: int, entry: _Read) -> tuple[State | None, tuple[int, ...]]:
        if number > self._highest and entry.kind in BIRTHS:
            self._highest = number
            return None, ()
        if number in self._held:
            state, touches = self._held.pop(number)
            return parsed(state) if isinstance(state, str) else state, touches
        if entry.sequence > self._hints.last.get(number, 0):
            raise Misled(number)
        return None, ()

    def _let_go(self, number: int, state: State | None, touches: tuple[int, ...]) -> None:
        part = self._part
        part.numbers.append(number)
        part.touches += [(number, sequence) for sequence in touches]
        if state is not None:
            part.experiments.append(experiment_row(state))
            part.results += result_rows(state)


def bring_on(row: dict[str, Any], entry: Entry) -> None:
    """Bring a campaign's row on by one entry."""
    payload = entry.payload
    row["head"], row["head_hash"] = entry.sequence, entry.hash
    if entry.kind in BIRTHS:
        for each in payload["experiments"]:
            row["experiments"] = max(row["experiments"], each["number"])
        row["batches"] = payload.get("batch", row["batches"])
    elif entry.kind in ("created", "revised"):
        row |= {"spec": payload["spec"], "source": payload["source"], "spec_version": payload["version"]}


def experiment_row(state: State) -> tuple[Any, ...]:
    """Return an experiment's row, the campaign's number aside."""
    observations = state.get("observations", ())
    return state["number"], state["status"], state.get("batch"), len(observations), canonical(state)


def result_rows(state: State) -> list[tuple[Any, ...]]:
    """Return an experiment's rows of means, one an outcome."""
    observations = state.get("observations", ())
    if len(observations) == 1:
        return [(state["number"], name, float(value), 1) for name, value in observations[0]["outcomes"].items()]
    found: dict[str, list[float]] = {}
    for each in observations:
        for outcome, value in each["outcomes"].items():
            found.setdefault(outcome, []).append(value)
    return [(state["number"], name, sum(values) / len(values), len(values)) for name, values in found.items()]
