"""Reads CSV, XLSX and JSON files into tables, whatever spreadsheet or instrument wrote them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labloop.errors import InvalidInput, InvalidTable, NotFound, Problem
from labloop.tabular.numbers import decimal_of
from labloop.tabular.table import Cell, Table
from labloop.tabular.workbook import read_workbook

__all__ = ["read_records", "read_stream", "read_table"]

_MAX_BYTES = 200_000_000
_MAX_ROWS = 2_000_000
_MAX_COLUMNS = 2_000
_DELIMITERS = ",;\t|"


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
    return _parsed(raw, source, sheet, as_json=path.suffix.lower() == ".json")


def read_stream(raw: bytes, *, source: str) -> Table:
    """Read what came on standard input: JSON, CSV or a workbook.

    Raises
    ------
    InvalidInput, InvalidTable
        If it is not a table, or not clearly one.
    """
    return _parsed(raw, source, None, as_json=False)


def _parsed(raw: bytes, source: str, sheet: str | None, *, as_json: bool) -> Table:
    if raw[:4] == b"PK\x03\x04":
        return _tidy(source, read_workbook(raw, source, sheet), decimal=None)
    if raw[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise InvalidInput(f"{source} is an old or encrypted Excel file", hint="save it as .xlsx without a password")
    text = _decode(raw, source)
    if as_json or text.lstrip()[:1] in ("[", "{"):
        return read_records(_json(text, source), source=source)
    return _tidy(source, _csv_rows(text, source), decimal=None)


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
    return value if isinstance(value, str) else float(value)


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


def _decode(raw: bytes, source: str) -> str:
    if not raw.strip():
        raise InvalidInput(f"{source} is empty", hint="save the table again")
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return _checked(_decoded(raw, encoding), source)
    plain = _decoded(raw, "utf-8")
    if plain is not None and "\x00" not in plain:
        return _checked(plain, source)
    # ASCII in UTF-16 has a zero in every second byte.
    head = raw[:4096]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if zeros and zeros.count(0) > 0.4 * len(zeros):
            return _checked(_decoded(raw, encoding), source)
    if b"\x00" in head:
        raise InvalidInput(f"{source} is not a text file", hint="save the table as CSV (UTF-8) or XLSX")
    text = _decoded(raw, _eight_bit(raw))
    if text is None or not all(each.isprintable() or each in "\r\n\t" for each in text):
        raise InvalidInput(
            f"the encoding of {source} cannot be told (tried UTF-8, UTF-16, Shift-JIS, Windows-1252)",
            hint="save it as 'CSV UTF-8' in Excel",
        )
    return _checked(text, source)


def _eight_bit(raw: bytes) -> str:
    """Tell Shift-JIS from Windows-1252.

    Japanese text is full of lead bytes 0x81 to 0x9F, which Western text hardly uses; accented letters and
    signs lie above 0xA0. Statistical detectors need more text than a heading such as ``Temp (°C)`` has.
    """
    japanese = sum(0x81 <= byte <= 0x9F for byte in raw)
    western = sum(byte >= 0xA0 for byte in raw)
    return "cp932" if japanese and _decoded(raw, "cp932") is not None and 4 * japanese > western else "cp1252"


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _checked(text: str | None, source: str) -> str:
    if text is None or "\x00" in text:
        raise InvalidInput(f"{source} is damaged, or not a text file", hint="save it as 'CSV UTF-8' in Excel")
    return text.lstrip("\ufeff")


def _csv_rows(text: str, source: str) -> list[tuple[int, list[Cell]]]:
    delimiter = _delimiter(text, source)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[Cell]]] = []
    line = 1
    try:
        for cells in reader:
            rows.append((line, [_without_guard(cell) for cell in cells]))
            line = reader.line_num + 1
            if len(rows) > _MAX_ROWS or len(cells) > _MAX_COLUMNS:
                raise InvalidInput(
                    f"{source} is larger than {_MAX_ROWS:,} rows or {_MAX_COLUMNS:,} columns", hint="split it"
                )
    except csv.Error as error:
        raise InvalidInput(
            f"{source}, line {reader.line_num}: {error}", hint="check the quotes: each opened one is closed"
        ) from error
    return rows


def _without_guard(cell: str) -> str:
    # The apostrophe that keeps spreadsheets from running a text as a formula is not part of the text.
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in "=+-@\t\r" else cell


def _delimiter(text: str, source: str) -> str:
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        raise InvalidInput(f"{source} begins with {lines[0]!r}", hint="remove this line")
    scores = {}
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            scores[delimiter] = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
    if not scores:
        return ","
    heading = lines[0]
    whole = [each for each in scores if scores[each][0] == 1.0]
    # A semicolon or tab that splits the heading decides: then commas are decimal marks.
    for delimiter in (";", "\t", "|"):
        if delimiter in scores and (delimiter in whole or "," not in heading):
            return delimiter
    return "," if "," in scores else max(scores, key=lambda each: scores[each])


def _tidy(source: str, rows: list[tuple[int, list[Cell]]], *, decimal: Any) -> Table:
    """Leave out what is empty around the table, and check that it is one."""
    rows = [(line, cells) for line, cells in rows if any(str(cell).strip() for cell in cells)]
    if not rows:
        raise InvalidInput(f"{source} is empty", hint="save the table again")
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
    headings = [str(cell).strip() for cell in head[:width]]
    keep, notes = _columns(source, headings, cells_of)
    table_rows = tuple(tuple(row[index] for index in keep) for row in cells_of)
    mark = decimal or decimal_of(cell for row in table_rows for cell in row if isinstance(cell, str))
    return Table(
        source=source,
        headings=tuple(headings[index] for index in keep),
        rows=table_rows,
        decimal=mark,
        lines=tuple(line for line, _ in body),
        notes=notes,
    )


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
