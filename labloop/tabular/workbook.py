"""Reads one sheet of an XLSX workbook; bombs, damaged cells and what a workbook can hide are refused."""

from __future__ import annotations

import datetime
import io
import re
import unicodedata
import warnings
import zipfile
from contextlib import closing
from decimal import Decimal
from typing import Any

from labloop.errors import InvalidInput, InvalidTable, Problem, did_you_mean
from labloop.tabular.delimited import MOST_CELLS, unguarded
from labloop.tabular.table import Cell, Stamp

__all__ = ["SHEET", "document_property", "read_workbook"]

SHEET = "experiments"
"""The name of the sheet that labloop writes."""

_MAX_UNPACKED = 200_000_000
_MAX_RATIO = 200
_RATIO_MATTERS = 20_000_000
_MAX_DIRECTORY = 2_000_000
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z0-9:$]+)"')
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def read_workbook(raw: bytes, source: str, sheet: str | None) -> tuple[list[tuple[int, list[Cell]]], tuple[str, ...]]:
    """Return (line, cells) of one sheet, and what is to be said of the others.

    It is the sheet named, the one that labloop wrote, or the only one.

    Formulas count as last calculated. A cell that shows 83.2 % holds 0.832; it is read as the text it shows.

    Raises
    ------
    InvalidInput
        If it is not a workbook, unpacks to too much, or it is not clear which sheet is meant.
    InvalidTable
        If a cell holds an error, or a formula without its value, or cells are merged.
    """
    try:
        _refuse_bomb(raw, source)
        values, formulas = _open(raw, data_only=True), _open(raw, data_only=False)
    except InvalidInput:
        raise
    except Exception as error:  # openpyxl raises whatever the damaged XML makes it raise
        raise InvalidInput(
            f"{source} is not an XLSX workbook that can be read", hint="save it again as .xlsx"
        ) from error
    try:
        name = _sheet(values, source, sheet)
        _refuse_merged(raw, values[name], source)
        others = [str(each.title) for each in values.worksheets if each.title != name and _has_content(each)]
        notes = (
            [f"{source}: only the sheet {name!r} was read, not {', '.join(others)} (see --sheet)."] if others else []
        )
        return _rows(values[name], formulas[name], source), tuple(notes)
    except InvalidInput:
        raise
    except Exception as error:  # as above, for sheets that are read on demand
        raise InvalidInput(f"{source} is damaged", hint="save it again as .xlsx") from error
    finally:
        values.close()
        formulas.close()


def document_property(raw: bytes, source: str, name: str) -> str | None:
    """Return a property of the document that somebody gave it (File, Info in Excel); None if it has none such.

    Raises
    ------
    InvalidInput
        If it is not a workbook, or unpacks to too much.
    """
    try:
        _refuse_bomb(raw, source)
        book = _open(raw, data_only=True)
    except InvalidInput:
        raise
    except Exception as error:  # as above
        raise InvalidInput(
            f"{source} is not an XLSX workbook that can be read", hint="save it again as .xlsx"
        ) from error
    with closing(book):
        found = next((each.value for each in book.custom_doc_props.props if each.name == name), None)
    return None if found is None else str(found)


def _open(raw: bytes, *, data_only: bool) -> Any:
    import openpyxl  # a fifth of a second, and only workbooks need it

    with warnings.catch_warnings():
        # Styles and extensions that openpyxl does not know have no bearing on values.
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(raw), data_only=data_only, read_only=True)


def _refuse_bomb(raw: bytes, source: str) -> None:
    _refuse_crowd(raw, source)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        unpacked = sum(each.file_size for each in members)
        if unpacked > _MAX_UNPACKED or (unpacked > _RATIO_MATTERS and unpacked > _MAX_RATIO * len(raw)):
            raise InvalidInput(
                f"{source} unpacks from {len(raw):,} to {unpacked:,} bytes, expected at most {_MAX_UNPACKED:,} "
                f"and {_MAX_RATIO} times its size",
                hint="save only the sheet with the results",
            )
        for each in members:
            if each.filename.endswith((".xml", ".rels")):
                with archive.open(each) as part:
                    start = part.read(4096)
                if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                    raise InvalidInput(f"{source} declares XML entities", hint="save the table as CSV (UTF-8)")


def _refuse_crowd(raw: bytes, source: str) -> None:
    """Refuse an archive whose list of members is itself a bomb: millions of empty files in a few megabytes.

    The list's size stands in the end record: signature, 8 bytes of counts, size, offset (APPNOTE.TXT, 4.3.16).
    """
    end = raw.rfind(b"PK\x05\x06", max(0, len(raw) - 66_000))
    size = int.from_bytes(raw[end + 12 : end + 16], "little") if end >= 0 else 0
    if size > _MAX_DIRECTORY:
        raise InvalidInput(
            f"{source} lists {size:,} bytes of members, which no workbook has", hint="save it again as .xlsx"
        )


def _sheet(book: Any, source: str, sheet: str | None) -> str:
    names = [each.title for each in book.worksheets]
    if sheet is not None:
        if sheet not in names:
            raise InvalidInput(f"{source} has no sheet {sheet!r}", hint=did_you_mean(sheet, names))
        return sheet
    if SHEET in names:
        return SHEET
    filled = [each for each in book.worksheets if _has_content(each)]
    if not filled:
        raise InvalidInput(f"{source} is empty", hint="save the table again")
    listed = ", ".join(f"{each.title}{'' if each.sheet_state == 'visible' else ' (hidden)'}" for each in filled)
    if len(filled) > 1:
        raise InvalidInput(f"{source} has several sheets: {listed}", hint="say which with --sheet")
    if filled[0].sheet_state != "visible":
        raise InvalidInput(f"{source} has only a hidden sheet: {listed}", hint="unhide it, or name it with --sheet")
    return str(filled[0].title)


def _has_content(page: Any) -> bool:
    # The size that a sheet declares may be wrong either way; the cells themselves are not.
    page.reset_dimensions()
    count = 0
    for row in page.iter_rows(values_only=True):
        count += len(row) + 1
        if count > MOST_CELLS or any(value not in (None, "") for value in row):
            return True
    return False


def _refuse_merged(raw: bytes, page: Any, source: str) -> None:
    """Refuse merged cells: only their first holds the value, the others would read as not measured."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        found = _MERGED.search(archive.read(page._worksheet_path))
    if found:
        problem = Problem(
            f"the cells {found[1].decode()} of the sheet {page.title!r} are merged",
            hint="unmerge them, and write each value into its own cell",
        )
        raise InvalidTable(source, [problem])


def _rows(values: Any, formulas: Any, source: str) -> list[tuple[int, list[Cell]]]:
    values.reset_dimensions()
    formulas.reset_dimensions()
    rows: list[tuple[int, list[Cell]]] = []
    problems: list[Problem] = []
    count = 0
    for line, (shown, typed) in enumerate(zip(values.iter_rows(), formulas.iter_rows(), strict=True), 1):
        count += len(shown) + 1
        if count > MOST_CELLS:
            raise InvalidInput(f"{source} has more than {MOST_CELLS:,} cells", hint="split it")
        row: list[Cell] = []
        for value, formula in zip(shown, typed, strict=True):
            try:
                row.append(_cell(value, formula))
            except InvalidInput as error:
                problems.append(Problem(error.message, f"cell {value.coordinate}", error.hint, line))
                row.append("")
        rows.append((line, row))
    if problems:
        raise InvalidTable(source, problems[:20])
    return rows


def _cell(cell: Any, written: Any) -> Cell:
    value = cell.value
    if value is None:
        if written.data_type == "f" and written.value is not None:
            shown = str(getattr(written.value, "text", written.value))[:40]
            raise InvalidInput(
                f"the formula {shown!r} has no value",
                hint="open the file in the spreadsheet and save it, or type the value",
            )
        return ""
    if cell.data_type == "e":
        raise InvalidInput(f"the cell holds the error {value}", hint="repair the formula, or leave the cell blank")
    if isinstance(value, str):
        return unguarded(unicodedata.normalize("NFC", value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        return Stamp(str(value))
    if isinstance(value, int | float):
        if "%" in _LITERAL.sub("", cell.number_format or ""):
            return f"{(Decimal(repr(value)) * 100).normalize():f} %"
        return float(value)
    return str(value)
