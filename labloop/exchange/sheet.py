"""Writes tables that spreadsheets open as they are: CSV, XLSX, JSON.

CSV is UTF-8 with a byte order mark, so that Excel reads its signs right; texts that a spreadsheet would run
as a formula get a leading apostrophe, which our reader takes off again; numbers are never altered.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from labloop.errors import Conflict, InvalidInput, StorageError
from labloop.records import Value
from labloop.tabular.workbook import SHEET

__all__ = ["Column", "Sheet", "guarded", "refuse_existing", "write_sheet", "written"]

Blank = Value | None

# A text behind further apostrophes is guarded too, so that taking one off gives back what was written.
_RUNS = re.compile(r"'*[=+\-@\t\r]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Column:
    """A heading, and what the column is for: ``plan`` (set this), ``result`` (fill this in) or ``other``."""

    heading: str
    role: str = "other"


@dataclass(frozen=True)
class Sheet:
    """A table to be written; None is a blank cell."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Blank, ...], ...]


def write_sheet(path: Path, sheet: Sheet, *, force: bool = False, properties: Mapping[str, str] | None = None) -> None:
    """Write a table; the file's ending says how: .csv, .xlsx or .json.

    The file is written aside and moved into place, so that a half-written one is never seen. ``properties`` become
    those of a workbook's document; the other formats have no place for any.

    Raises
    ------
    InvalidInput
        If the ending is another one.
    Conflict
        If the file exists and ``force`` is not given.
    StorageError
        If it cannot be written.
    """
    writers: dict[str, Callable[[Path, Sheet], None]] = {
        ".csv": _csv,
        ".xlsx": partial(_xlsx, properties or {}),
        ".json": _json,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise InvalidInput(f"{path.name} ends in {path.suffix!r}", hint=f"expected one of {', '.join(writers)}")
    refuse_existing(path, force=force)
    columns = tuple(Column(str(_printable(each.heading)), each.role) for each in sheet.columns)
    clean = Sheet(columns, tuple(tuple(_printable(value) for value in row) for row in sheet.rows))
    with written(path) as aside:
        writer(aside, clean)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file that somebody may have filled in.

    Raises
    ------
    Conflict
        If it exists and ``force`` is not given.
    StorageError
        If its folder does not exist: better said before the work than after it.
    """
    if not path.parent.is_dir():
        raise StorageError(f"no folder {path.parent}", hint="make it, or name another")
    if path.exists() and not force:
        raise Conflict(f"{path} exists", hint="choose another name, or overwrite it with --force")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a file to write beside ``path``, and move it into place when the block ends well.

    Raises
    ------
    StorageError
        If the folder is missing or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", hint="check the folder") from error
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
    except OSError as error:
        fix = "check the folder, the space on the disk, and that no other program has the file open"
        raise StorageError(f"{path} cannot be written: {error.strerror}", hint=fix) from error
    finally:
        aside.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def guarded(value: Blank) -> str:
    """Write a value as a cell of a CSV: a text that would run as a formula gets an apostrophe, a number never."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _RUNS.match(value) else value
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else repr(value)


def _printable(value: Blank) -> Blank:
    # No table format can hold control characters; the replacement character shows that one was there.
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


def _csv(path: Path, sheet: Sheet) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([guarded(column.heading) for column in sheet.columns])
        writer.writerows([guarded(value) for value in row] for row in sheet.rows)


def _json(path: Path, sheet: Sheet) -> None:
    headings = [column.heading for column in sheet.columns]
    rows = [{h: v for h, v in zip(headings, row, strict=True) if v is not None} for row in sheet.rows]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _xlsx(properties: Mapping[str, str], path: Path, sheet: Sheet) -> None:
    # A fifth of a second to import, and only workbooks need it.
    from openpyxl import Workbook
    from openpyxl.packaging.custom import StringProperty
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    fills = {"plan": PatternFill("solid", fgColor="E8EEF4"), "result": PatternFill("solid", fgColor="FFF6D6")}
    book: Any = Workbook()
    page = book.active
    page.title = SHEET
    page.append([column.heading for column in sheet.columns])
    for line, row in enumerate(sheet.rows, 2):
        for index, value in enumerate(row, 1):
            # An apostrophe that the reader would take off is doubled; no other text needs a guard here.
            safe = guarded(value) if isinstance(value, str) and value.startswith("'") else value
            cell: Any = page.cell(line, index, safe)
            if isinstance(value, str):
                cell.data_type = "s"  # never a formula, whatever it begins with
                cell.number_format = "@"
            elif isinstance(value, float):
                # openpyxl writes 16 digits of a number it is given, and some need 17 to come back the same.
                cell.value, cell.data_type = repr(float(value)), "n"
    for index, column in enumerate(sheet.columns, 1):
        cells = [page.cell(line, index) for line in range(1, page.max_row + 1)]
        cells[0].font = Font(bold=True)
        cells[0].alignment = Alignment(wrap_text=True, vertical="top")
        for cell in cells[1:]:
            if column.role in fills:
                cell.fill = fills[column.role]
        widest = max(len(str(cell.value or "")) for cell in cells)
        page.column_dimensions[get_column_letter(index)].width = min(max(widest + 2, 9), 40)
    page.freeze_panes = "B2"
    for name, text in properties.items():
        book.custom_doc_props.append(StringProperty(name=name, value=text))
    book.save(path)
