"""Reads one sheet of an XLSX workbook, bombs and damaged cells refused."""

from __future__ import annotations

import datetime
import io
import zipfile
from typing import Any

from labloop.errors import InvalidInput, InvalidTable, Problem
from labloop.tabular.table import Cell, Stamp

__all__ = ["SHEET", "read_workbook"]

SHEET = "experiments"
"""The name of the sheet that labloop writes."""

_MAX_UNPACKED = 400_000_000
_MAX_ROWS = 1_048_576


def read_workbook(raw: bytes, source: str, sheet: str | None) -> list[tuple[int, list[Cell]]]:
    """Return (line, cells) of one sheet: the one named, the one that labloop wrote, or the only one.

    Raises
    ------
    InvalidInput
        If it is not a workbook, unpacks to too much, or it is not clear which sheet is meant.
    InvalidTable
        If a cell holds an error, or a formula without its value.
    """
    import openpyxl  # a fifth of a second, and only workbooks need it

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > _MAX_UNPACKED:
            raise InvalidInput(f"{source} unpacks to {unpacked:,} bytes", hint="save only the sheet with the results")
        values = openpyxl.load_workbook(io.BytesIO(raw), data_only=True, read_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(raw), data_only=False, read_only=True)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(
            f"{source} is not an XLSX workbook that can be read", hint="save it again as .xlsx"
        ) from error
    try:
        name = _sheet(values, source, sheet)
        return _rows(values[name], formulas[name], source)
    except (InvalidInput, InvalidTable):
        raise
    except Exception as error:
        raise InvalidInput(f"{source} is damaged", hint="save it again as .xlsx") from error
    finally:
        values.close()
        formulas.close()


def _sheet(book: Any, source: str, sheet: str | None) -> str:
    names = [each.title for each in book.worksheets]
    if sheet is not None:
        if sheet not in names:
            raise InvalidInput(f"{source} has no sheet {sheet!r}", hint=f"it has: {', '.join(names)}")
        return sheet
    if SHEET in names:
        return SHEET
    filled = [
        name
        for name in names
        if any(any(c is not None for c in row) for row in book[name].iter_rows(values_only=True, max_row=50))
    ]
    if not filled:
        raise InvalidInput(f"{source} is empty", hint="save the table again")
    if len(filled) > 1:
        raise InvalidInput(f"{source} has several sheets: {', '.join(filled)}", hint="say which with --sheet")
    return str(filled[0])


def _rows(values: Any, formulas: Any, source: str) -> list[tuple[int, list[Cell]]]:
    rows: list[tuple[int, list[Cell]]] = []
    problems: list[Problem] = []
    pairs = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=False)
    for line, (cells, written) in enumerate(pairs, 1):
        if line > _MAX_ROWS:
            break
        row: list[Cell] = []
        for column, (value, formula) in enumerate(zip(cells, written, strict=False), 1):
            try:
                row.append(_cell(value, formula))
            except InvalidInput as error:
                problems.append(Problem(error.message, f"column {column}", error.hint, line))
                row.append("")
        rows.append((line, row))
    if problems:
        raise InvalidTable(source, problems[:20])
    return rows


def _cell(value: Any, formula: Any) -> Cell:
    if isinstance(formula, str) and formula.startswith("=") and value is None:
        raise InvalidInput(
            f"the formula {formula[:40]!r} has no value",
            hint="open the file in the spreadsheet and save it, or type the value",
        )
    if value is None:
        return ""
    if isinstance(value, str):
        if value in ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"):
            raise InvalidInput(f"the cell holds the error {value}", hint="repair the formula, or leave the cell blank")
        return value[1:] if len(value) > 1 and value[0] == "'" and value[1] in "=+-@" else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        return Stamp(str(value))
    return str(value)
