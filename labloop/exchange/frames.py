"""Experiments as DataFrames, and rows of DataFrames as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from labloop.records import Experiment, LedgerEntry, experiment_id
from labloop.spec.models import Spec
from labloop.tabular import Table, read_records

__all__ = ["experiments_frame", "history_frame", "rows_of_frame", "suggestion_frame"]


def suggestion_frame(spec: Spec, experiments: Sequence[Experiment], notes: Sequence[str]) -> pd.DataFrame:
    """Return a batch: id, parameters, empty outcomes and covariates, then predictions and reasons."""
    rows = []
    for each in experiments:
        row: dict[str, Any] = {"experiment": experiment_id(spec.name, each.number)}
        row |= {name: each.planned[name] for name in spec.proposed}
        row |= dict.fromkeys((*spec.outcomes, *spec.covariates), float("nan"))
        for name, prediction in each.predictions.items():
            row |= {
                f"predicted_{name}": prediction.median,
                f"low_{name}": prediction.low,
                f"high_{name}": prediction.high,
            }
        row |= {"chance_of_best": each.chance_of_best, "distance": each.distance}
        rows.append({**row, "slot": each.slot, "reason": each.reason})
    frame = pd.DataFrame(rows)
    frame.attrs["notes"] = list(notes)
    return frame


def experiments_frame(spec: Spec, experiments: Iterable[Experiment]) -> pd.DataFrame:
    """Return one row an observation, conditions as executed; one row for an experiment without any."""
    columns = [
        "experiment",
        "status",
        "origin",
        "batch",
        *spec.proposed,
        "replicate",
        *spec.outcomes,
        *spec.covariates,
        "note",
    ]
    rows = []
    for each in experiments:
        shared = {
            "experiment": experiment_id(spec.name, each.number),
            "status": each.status.value,
            "origin": each.origin.value,
            "batch": each.batch,
            **{name: each.executed.get(name) for name in spec.proposed},
            "note": each.note,
        }
        rows += [
            {**shared, "replicate": o.index, **o.outcomes, **o.covariates, "note": o.note or each.note}
            for o in each.observations
        ] or [shared]
    return pd.DataFrame(rows, columns=columns)


def history_frame(entries: Iterable[LedgerEntry], undone: frozenset[int]) -> pd.DataFrame:
    """Return one row an entry of the ledger."""
    fields = ("sequence", "kind", "at", "actor", "version", "hash")
    rows = [{**{name: getattr(e, name) for name in fields}, "undone": e.sequence in undone} for e in entries]
    return pd.DataFrame(rows, columns=[*fields, "undone"])


def rows_of_frame(rows: pd.DataFrame | Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Table:
    """Make a table of a DataFrame, of one mapping or of several; NaN, NaT and None are blank.

    Raises
    ------
    InvalidTable
        If a value is neither a number nor a text.
    """
    if isinstance(rows, pd.DataFrame):
        plain = rows.astype(object).where(rows.notna(), None)
        return read_records([{str(k): v for k, v in row.items()} for row in plain.to_dict("records")], source="frame")
    return read_records([rows] if isinstance(rows, Mapping) else rows, source="rows")
