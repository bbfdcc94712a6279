"""The escape report of a batch, as it was frozen: how far each proposal went from the known and the predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labloop.errors import NotFound
from labloop.records import Experiment, LedgerEntry, Value
from labloop.store import CampaignRow, Store

__all__ = ["Distance", "EscapeReport", "escape_of"]


@dataclass(frozen=True)
class Distance:
    """How far one experiment of a batch went; None where the proposal did not say.

    Attributes
    ----------
    chance : that its true value beats the best so far.
    sd_share : its standard deviation as a share of the largest anywhere in the space.
    lengthscales : distance to the nearest known experiment in the model's lengthscales.
    nearest : the number of that experiment; None for one that had no result yet.
    differs : by parameter, the nearest experiment's value and its own, where they differ.
    reversion : the chance that its result is as ordinary as the middle half of the results (mean-reversion index).
    """

    experiment: Experiment
    chance: float | None
    sd_share: float | None
    lengthscales: float | None
    nearest: int | None
    differs: Mapping[str, tuple[Value, Value]]
    reversion: float | None


@dataclass(frozen=True)
class EscapeReport:
    """The report of one batch.

    Attributes
    ----------
    effective : how many experiments the batch is worth, its diversity; None for one planned without a model.
    slots : the share of the batch by slot.
    collapsed : why the batch has collapsed onto the known; empty where it has not.
    left : what is at most left to gain by the model, 95 % sure, in the objective's unit; None where it cannot be said.
    """

    row: CampaignRow
    batch: int
    strategy: str
    distances: tuple[Distance, ...]
    effective: float | None = None
    slots: Mapping[str, float] = field(default_factory=dict)
    collapsed: str = ""
    left: float | None = None


def escape_of(store: Store, name: str, batch: int | None = None) -> EscapeReport:
    """Return the escape report of a batch, the last one unless said.

    Raises
    ------
    NotFound
        If there is no such campaign, or no such batch in it.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        entry = _entry(snapshot.entries(row), batch)
        if entry is None:
            told = f"{name} has no batch {batch}" if batch is not None else f"nothing was proposed in {name} yet"
            raise NotFound(told, hint=f"propose one: labloop suggest {name}")
        numbers = [each["number"] for each in entry.payload["experiments"]]
        report = entry.payload["planner"].get("escape", {})
        near = [each["nearest"] for each in report.get("experiments", []) if each["nearest"] is not None]
        found = {each.number: each for each in snapshot.experiments(row, numbers=sorted({*numbers, *near}))}
    rows = report.get("experiments") or [{} for _ in numbers]
    return EscapeReport(
        row,
        entry.payload["batch"],
        entry.payload["strategy"],
        tuple(_distance(found, number, each) for number, each in zip(numbers, rows, strict=True)),
        report.get("effective"),
        report.get("slots", {}),
        report.get("collapsed", ""),
        report.get("left"),
    )


def _entry(entries: Any, batch: int | None) -> LedgerEntry | None:
    proposed = [each for each in entries if each.kind == "proposed" and batch in (None, each.payload.get("batch"))]
    return proposed[-1] if proposed else None


def _distance(found: Mapping[int, Experiment], number: int, told: Mapping[str, Any]) -> Distance:
    mine = found[number]
    near = found.get(told.get("nearest") or 0)
    differs = {}
    if near is not None:
        pairs = {name: (near.executed.get(name), value) for name, value in mine.planned.items()}
        differs = {name: (a, b) for name, (a, b) in pairs.items() if a is not None and a != b}
    return Distance(
        mine,
        mine.chance_of_best,
        told.get("sd_share"),
        told.get("lengthscales"),
        told.get("nearest"),
        differs,
        told.get("reversion"),
    )
