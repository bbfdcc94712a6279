"""Reads CSV, XLSX and JSON files into tables, whatever spreadsheet or instrument wrote them."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from labloop.errors import InvalidInput, InvalidTable, NotFound, Problem
from labloop.tabular.decode import decode
from labloop.tabular.delimited import csv_rows
from labloop.tabular.numbers import decimal_of, numeric_share
from labloop.tabular.table import Cell, Table
from labloop.tabular.workbook import read_workbook

__all__ = ["read_records", "read_stream", "read_table", "taken"]

_MAX_BYTES = 100_000_000
_OTHER_FILES = {
    b"\xd0\xcf\x11\xe0": ("an old or encrypted Excel file", "save it as .xlsx without a password"),
    b"%PDF": ("a PDF", "save the table as CSV (UTF-8) or XLSX"),
    b"\x89PNG": ("a picture", "save the table as CSV (UTF-8) or XLSX"),
}


def read_table(path: str | Path, *, sheet: str | None = None) -> Table:
    """Read a CSV (or TSV, TXT), XLSX or JSON file.

    Encoding, delimiter and decimal mark are found out; where they cannot be, the file is refused.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput, InvalidTable
        If it is not a table, or not clearly one.
    """
    path = Path(path)
    source = path.name
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder", hint="name a file in it")
        if size > _MAX_BYTES:
            raise InvalidInput(f"{source} has {size:,} bytes, expected at most {_MAX_BYTES:,}", hint="split it")
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"no file {path}", hint="check the path") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm") and raw[:2] != b"PK" and raw[:4] not in _OTHER_FILES:
        raise InvalidInput(f"{source} is not an XLSX workbook", hint="name it .csv if it is text, or save it again")
    return _parsed(raw, source, sheet, as_json={".json": True, ".csv": False, ".tsv": False, ".txt": False}.get(suffix))


def read_stream(raw: bytes, *, source: str) -> Table:
    """Read what came on standard input: JSON, CSV or a workbook.

    Raises
    ------
    InvalidInput, InvalidTable
        If it is not a table, or not clearly one.
    """
    return _parsed(raw, source, None, as_json=None)


def taken(stream: BinaryIO) -> bytes:
    """Read a stream to its end, or refuse it when it is larger than any table.

    Raises
    ------
    InvalidInput
        If it holds more than 100,000,000 bytes.
    """
    raw = stream.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise InvalidInput(f"standard input has more than {_MAX_BYTES:,} bytes", hint="split it")
    return raw


def _parsed(raw: bytes, source: str, sheet: str | None, *, as_json: bool | None) -> Table:
    """Look at the content; ``as_json`` is what the file's name says (None: nothing)."""
    if raw[:4] == b"PK\x03\x04":
        rows, notes = read_workbook(raw, source, sheet)
        table = _tidy(source, rows, decimal=None)
        return replace(table, notes=(*notes, *table.notes))
    if raw[:4] in _OTHER_FILES:
        what, hint = _OTHER_FILES[raw[:4]]
        raise InvalidInput(f"{source} is {what}", hint=hint)
    if raw[:2] == b"\x1f\x8b":
        raise InvalidInput(f"{source} is compressed", hint="unpack it first")
    if sheet is not None:
        raise InvalidInput(f"{source} is no workbook, so it has no sheet {sheet!r}", hint="leave --sheet out")
    if not raw.strip():
        raise InvalidInput(f"{source} is empty", hint="save the table again")
    text = decode(raw, source)
    if text.lstrip()[:1] in ("[", "{") if as_json is None else as_json:
        return read_records(_json(text, source), source=source)
    return _tidy(source, csv_rows(text, source), decimal=None)


def read_records(records: Sequence[Mapping[str, Any]], *, source: str = "rows") -> Table:
    """Make a table of mappings, one a row; a key that a row lacks, or None or NaN, is a blank cell.

    Raises
    ------
    InvalidTable
        If a value is neither a text nor a number.
    """
    headings = list(dict.fromkeys(str(key) for record in records for key in record))
    rows: list[tuple[int, list[Cell]]] = [(0, list(headings))]
    for number, record in enumerate(records, 1):
        named = {str(key): value for key, value in record.items()}
        rows.append((number, [_cell(named.get(heading), heading, number, source) for heading in headings]))
    return _tidy(source, rows, decimal=".")


def _cell(value: Any, heading: str, row: int, source: str) -> Cell:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        as_number = getattr(value, "item", None)  # NumPy's scalars
        if as_number is not None and not isinstance(value, bool):
            return _cell(as_number(), heading, row, source)
        raise InvalidTable(
            source,
            [
                Problem(
                    f"{value!r:.60} is neither a number nor a text",
                    heading,
                    "write a number, a text or nothing",
                    row=row,
                )
            ],
        )
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    try:
        return float(value)
    except OverflowError:
        return str(value)  # refused where a number is expected, with its row and column


def _json(text: str, source: str) -> list[Mapping[str, Any]]:
    def refuse_constant(name: str) -> float:
        raise InvalidInput(f"{source} holds {name}", hint="write null for what was not measured")

    def refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise InvalidInput(f"{source} gives {twice!r} twice in one row", hint="remove one")
        return found

    try:
        content = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=refuse_twice)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{source} is not JSON: {error.msg} in line {error.lineno}", hint="correct it") from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"{source} is not JSON that can be read", hint="write a list of flat objects") from error
    if isinstance(content, dict):
        content = content.get("results", [content])
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise InvalidInput(f"{source} is not a list of objects", hint='write [{"experiment": 7, "yield": 83.2}]')
    return content


def _tidy(source: str, rows: list[tuple[int, list[Cell]]], *, decimal: Any) -> Table:
    """Leave out what is empty around the table, and check that it is one."""
    rows = [(line, cells) for line, cells in rows if any(str(cell).strip() for cell in cells)]
    if not rows:
        raise InvalidInput(f"{source} is empty", hint="save the table again")
    _refuse_title(source, rows)
    (_, head), body = rows[0], rows[1:]
    width = max((index + 1 for index, cell in enumerate(head) if str(cell).strip()), default=0)
    problems: list[Problem] = []
    cells_of: list[list[Cell]] = []
    for number, (line, cells) in enumerate(body, 1):
        extra = [str(cell) for cell in cells[width:] if str(cell).strip()]
        if extra:
            hint = "each row has one cell a heading; a decimal comma needs semicolons between the cells, or quotes"
            problems.append(Problem(f"{len(cells)} cells for {width} headings", "", hint, line, number))
        cells_of.append([*cells[:width], *[""] * (width - len(cells))])
    if problems:
        raise InvalidTable(source, problems[:20])
    # Spreadsheets break long headings over several lines within one cell.
    headings = [re.sub(r"\s+", " ", str(cell)).strip() for cell in head[:width]]
    keep, notes = _columns(source, headings, cells_of)
    table_rows = tuple(tuple(row[index] for index in keep) for row in cells_of)
    try:
        mark = decimal or decimal_of(_number_texts(table_rows))
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error.message}", hint=error.hint) from error
    return Table(
        source=source,
        headings=tuple(headings[index] for index in keep),
        rows=table_rows,
        decimal=mark,
        lines=tuple(line for line, _ in body),
        notes=notes,
    )


def _refuse_title(source: str, rows: Sequence[tuple[int, list[Cell]]]) -> None:
    """Refuse a table whose headings stand below a title: one cell, then a row of several texts without a number."""
    filled = [(line, [cell for cell in cells if str(cell).strip()]) for line, cells in rows]
    if len(filled[0][1]) > 1:
        return
    below = next(((line, cells) for line, cells in filled if len(cells) > 1), None)
    if (
        below is None
        or not all(isinstance(cell, str) for cell in below[1])
        or numeric_share([str(cell) for cell in below[1]])
    ):
        return
    title = str(filled[0][1][0]).strip()
    hint = f"remove what stands above; the headings seem to be in line {below[0]}"
    message = f"the first row is a title, {title[:60]!r}, and the headings must be the first row"
    raise InvalidTable(source, [Problem(message, "", hint, filled[0][0])])


def _number_texts(rows: Sequence[Sequence[Cell]]) -> Iterable[str]:
    """Give the texts of the columns that hold numbers: what a remark contains says nothing about them."""
    for column in zip(*rows, strict=True):
        texts = [cell for cell in column if isinstance(cell, str) and cell.strip()]
        if texts and (numeric_share(texts) == 1 or (len(texts) > 2 and numeric_share(texts) > 0.5)):
            yield from texts


def _columns(source: str, headings: list[str], rows: Sequence[Sequence[Cell]]) -> tuple[list[int], tuple[str, ...]]:
    keep, notes, problems = [], [], []
    for index, heading in enumerate(headings):
        cells = [row[index] for row in rows]
        if heading:
            keep.append(index)
        elif index == 0 and _counts_up(cells):
            notes.append(f"{source}: the first column has no heading and only counts; it is left out.")
        elif any(str(cell).strip() for cell in cells):
            problems.append(Problem(f"column {index + 1} has no heading", "", "name it, or remove it", 1))
    folded = Counter(heading.casefold() for heading in headings if heading)
    problems += [
        Problem(f"the heading {heading!r} appears twice", heading, "rename or remove one", 1)
        for heading in dict.fromkeys(headings)
        if heading and folded[heading.casefold()] > 1
    ]
    if problems:
        raise InvalidTable(source, problems)
    return keep, tuple(notes)


def _counts_up(cells: Iterable[Cell]) -> bool:
    try:
        values = [float(cell) for cell in cells if not hasattr(cell, "text")]
    except ValueError:
        return False
    return values in ([*map(float, range(len(values)))], [*map(float, range(1, len(values) + 1))])
