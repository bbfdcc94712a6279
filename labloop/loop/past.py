"""A campaign as it stood after any of its entries, recomputed from the ledger alone.

`Past` is led through the entries in order. At every moment it knows the experiments and the spec that a person
saw then: what was undone later still counts, what was amended later still has its first value. It uses the same
fold as the store (`labloop.store.fold`), so it cannot tell another story.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from labloop.records import Experiment, LedgerEntry
from labloop.spec.models import Spec
from labloop.store.codec import experiment_from_dict
from labloop.store.fold import State, apply, changes_of, state_after

__all__ = ["Past", "moments"]


@dataclass
class Past:
    """The state of a campaign after the entries taken in so far; the one growing object of a walk."""

    hashes: list[str] = field(default_factory=list)
    specs: dict[int, str] = field(default_factory=dict)
    _states: dict[int, State] = field(default_factory=dict)
    _history: dict[int, list[LedgerEntry]] = field(default_factory=dict)
    _entries: dict[int, LedgerEntry] = field(default_factory=dict)
    _undone: set[int] = field(default_factory=set)

    def take(self, entry: LedgerEntry) -> None:
        """Go on by one entry."""
        self.hashes.append(entry.hash)
        self._entries[entry.sequence] = entry
        if entry.kind in ("created", "revised"):
            self.specs[entry.payload["version"]] = entry.payload["spec"]
        if entry.kind == "undone":
            self._take_back(entry.payload["sequence"])
            return
        for number, change in changes_of(entry):
            self._keep(number, apply(self._states.get(number), entry, change))
            past = self._history.setdefault(number, [])
            if not past or past[-1] is not entry:
                past.append(entry)

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments, in order of their number."""
        return tuple(experiment_from_dict(self._states[number]) for number in sorted(self._states))

    def spec(self, version: int) -> Spec:
        """Return a version of the spec that was in force by then."""
        return Spec.model_validate(json.loads(self.specs[version]))

    def _take_back(self, sequence: int) -> None:
        self._undone.add(sequence)
        target = self._entries[sequence]
        for number in dict.fromkeys(number for number, _ in changes_of(target)):
            kept = (each for each in self._history[number] if each.sequence not in self._undone)
            self._keep(number, state_after(number, kept))

    def _keep(self, number: int, state: State | None) -> None:
        if state is None:
            self._states.pop(number, None)
        else:
            self._states[number] = state


def moments(entries: Iterable[LedgerEntry], *, ask: Iterable[int]) -> Iterator[tuple[int, Past]]:
    """Yield (sequence, the campaign after that entry) for the moments asked for, in order.

    The same `Past` is yielded every time and goes on afterwards: take from it what is needed at once.
    """
    wanted = sorted(set(ask))
    past, place = Past(), 0
    for entry in entries:
        past.take(entry)
        while place < len(wanted) and wanted[place] == entry.sequence:
            yield entry.sequence, past
            place += 1
