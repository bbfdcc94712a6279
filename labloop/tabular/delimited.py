"""Text to rows: finds the delimiter, refuses where two would do, and never fills up a row that is cut short."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from labloop.errors import InvalidInput, InvalidTable, Problem
from labloop.tabular.table import Cell

__all__ = ["MOST_CELLS", "csv_rows", "unguarded"]

MOST_CELLS = 5_000_000
"""No laboratory's table is larger; a file that is would only exhaust the memory."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Excel's own first line that names the delimiter.
_TOLD = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
_GUARDED = re.compile(r"'+[=+\-@\t\r]")

Row = tuple[int, list[str]]


def unguarded(text: str) -> str:
    """Take off the apostrophe that keeps spreadsheets from running a text as a formula."""
    return text[1:] if _GUARDED.match(text) else text


def csv_rows(text: str, source: str) -> list[tuple[int, list[Cell]]]:
    """Return (line, cells) of every row, the heading first.

    Raises
    ------
    InvalidInput
        If the delimiter cannot be told, a quote is not closed, or there are more than 5,000,000 cells.
    InvalidTable
        If a row has fewer cells than headings.
    """
    told = _TOLD.match(text)
    if told:
        rows = [(line + 1, cells) for line, cells in _rows(text[told.end() :], told[1], source)]
    else:
        rows = _split(text, source)
    _refuse_short(rows, source)
    return [(line, [unguarded(cell) for cell in cells]) for line, cells in rows]


def _split(text: str, source: str) -> list[Row]:
    readings: dict[str, list[Row]] = {}
    broken: InvalidInput | None = None
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        try:
            heading = next((cells for _, cells in _rows(text, delimiter, source) if _width(cells)), [])
            if len(heading) > 1:
                readings[delimiter] = list(_rows(text, delimiter, source))
        except InvalidInput as error:
            broken = broken or error
    if broken is not None and not readings:
        raise broken
    if not readings:
        return list(_rows(text, ",", source))
    whole = [delimiter for delimiter, rows in readings.items() if not _ragged(rows)]
    if len(whole) > 1:
        whole = _without_punctuation(whole, text)
    if len(whole) > 1:
        named = " and by ".join(_DELIMITERS[delimiter] for delimiter in whole)
        raise InvalidInput(
            f"{source} can be read as separated by {named}",
            hint="put the headings that hold one of them into quotes, or save the file as XLSX",
        )
    # Where no reading is whole, the best one tells which rows are wrong.
    best = whole[0] if whole else min(readings, key=lambda delimiter: _ragged(readings[delimiter]))
    return readings[best]


def _without_punctuation(delimiters: list[str], text: str) -> list[str]:
    """Leave out commas that a blank follows throughout the heading: ``Temp, °C;Yield, %`` has two columns."""
    heading = next(line for line in text.splitlines() if line.strip())
    return [each for each in delimiters if each != "," or re.search(r",(?! )", heading)]


def _rows(text: str, delimiter: str, source: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line, count = 1, 0
    try:
        for cells in reader:
            count += len(cells) + 1
            if count > MOST_CELLS:
                raise InvalidInput(f"{source} has more than {MOST_CELLS:,} cells", hint="split it")
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(
            f"{source}, line {reader.line_num}: {error}", hint="check the quotes: each opened one is closed"
        ) from error


def _width(cells: list[str]) -> int:
    """Count the cells up to the last that is not blank."""
    return max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _ragged(rows: list[Row]) -> int:
    """Count the rows that do not have the heading's number of cells; blank ones at the end do not matter."""
    filled = [cells for _, cells in rows if _width(cells)]
    expected = _width(filled[0])
    return sum(not _width(cells) <= expected <= len(cells) for cells in filled[1:])


def _refuse_short(rows: list[Row], source: str) -> None:
    filled = [(line, cells) for line, cells in rows if _width(cells)]
    if not filled:
        return
    expected = _width(filled[0][1])
    hint = "a blank cell keeps its delimiter; was the file cut short?"
    problems = [
        Problem(f"{len(cells)} cells for {expected} headings", "", hint, line, number)
        for number, (line, cells) in enumerate(filled[1:], 1)
        if len(cells) < expected
    ]
    if problems:
        raise InvalidTable(source, problems[:20])
