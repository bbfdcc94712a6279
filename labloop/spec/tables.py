"""Reads the CSV tables that a campaign file names: descriptors of choices, and candidate experiments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labloop.errors import InvalidInput, InvalidSpec, LabloopError, Problem
from labloop.spec.parameters import kind_of
from labloop.tabular import Cell, Table, read_table

__all__ = ["read_candidates", "read_descriptors"]


def read_descriptors(folder: Path, name: str) -> dict[str, dict[str, float]]:
    """Read a table whose first column names the choices and whose other columns are numeric descriptors.

    Raises
    ------
    InvalidSpec
        If the table is missing, or a descriptor is not a number.
    """
    table = _read(folder, name)
    first, *rest = table.headings
    found: dict[str, dict[str, float]] = {}
    for row, cells in enumerate(table.rows, 1):
        label = table.text(cells[0])
        if not label or label in found:
            reason = f"{label!r} appears twice" if label else "an empty name"
            raise InvalidSpec(name, [Problem(f"{reason} in {name}", first, "one row a choice", row=row)])
        found[label] = {
            heading: _number(table, cell, heading, row) for heading, cell in zip(rest, cells[1:], strict=True)
        }
    return found


def read_candidates(folder: Path, name: str, parameters: object) -> dict[str, Any]:
    """Read a table of candidate experiments: one column a parameter (by name or label).

    Raises
    ------
    InvalidSpec
        If the table is missing, or a number is not one.
    """
    table = _read(folder, name)
    fields = parameters if isinstance(parameters, Mapping) else {}
    labels = {str(each.get("label")): key for key, each in fields.items() if isinstance(each, Mapping)}
    columns = [labels.get(heading, heading) for heading in table.headings]
    kinds = [kind_of(fields.get(column)) for column in columns]
    kept = [index for index, column in enumerate(columns) if column in fields]
    rows = [
        [table.text(cells[i]) if kinds[i] == "choice" else _number(table, cells[i], columns[i], number) for i in kept]
        for number, cells in enumerate(table.rows, 1)
    ]
    return {"columns": [columns[i] for i in kept], "rows": rows}


def _read(folder: Path, name: str) -> Table:
    path = folder / name
    try:
        if Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
            raise InvalidInput(f"{name} is not beside the campaign file", hint="put the table into the same folder")
        return read_table(path)
    except LabloopError as error:
        raise InvalidSpec(name, [Problem(error.message, hint=error.hint)]) from error


def _number(table: Table, cell: Cell, column: str, row: int) -> float:
    try:
        value = table.number(cell)
    except LabloopError as error:
        raise InvalidSpec(table.source, [Problem(error.message, column, error.hint, row=row)]) from error
    if value is None:
        raise InvalidSpec(table.source, [Problem("the cell is empty", column, "fill it in", row=row)])
    return value
