"""What spreadsheets do to values when nobody looks: seen, said, never repaired by guessing.

A name that reads as a number is rewritten (``007`` becomes 7, ``2E5`` becomes 200000, ``1.10`` becomes 1.1), one
that reads as a date becomes a date, a long number loses its digits beyond the fifteenth, and in a narrow column a
number is saved in scientific notation with the digits that were shown. In a choice or a number that is expected, what
cannot be is refused (`labloop.exchange.results`); what might be is flagged here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from labloop.exchange.columns import Columns
from labloop.tabular import Cell, Stamp, Table
from labloop.tabular.numbers import looks_like_date

__all__ = ["altered_name", "altered_notes"]

# As Excel shows a number that is too long for its cell: one digit, few decimals, a sign, two digits of exponent.
_SHOWN = re.compile(r"[+-]?\d([.,]\d{1,5})?E[+-]\d{2,3}")
_LONG = re.compile(r"\d{15}\d*0")
_MOST_NAMED = 3


def altered_name(text: str, names: Iterable[str]) -> str | None:
    """Return the one name that a spreadsheet would have turned into ``text``; None where there is none, or several.

    Both must read as the same number: ``7`` is what becomes of ``007``, ``200000`` and ``2.00E+05`` of ``2E5``.
    """
    value = _as_number(text)
    if value is None:
        return None
    found = [name for name in names if name != text and _as_number(name) == value]
    return found[0] if len(found) == 1 else None


def altered_notes(table: Table, columns: Columns) -> Iterator[str]:
    """Yield a sentence for every column that holds values as a spreadsheet leaves them."""
    measured = {**columns.parameters, **columns.outcomes, **columns.covariates}
    for index in measured.values():
        short = [row for row, text in _texts(table, index) if _SHOWN.fullmatch(text)]
        if short:
            yield _said(table, index, short, "as spreadsheets shorten them (1.23E+05)", "check their digits")
    for index in columns.extra.values():
        cells = [(row, text) for row, text in _texts(table, index) if text]
        dates = [row for row, text in cells if _is_date(table.rows[row - 1][index], text)]
        short = [row for row, text in cells if _SHOWN.fullmatch(text)]
        long = [row for row, text in cells if _LONG.fullmatch(text)]
        if dates and len(dates) < len(cells):
            yield _said(table, index, dates, "that are dates among others that are not", "1-3 and MAR1 become dates")
        if short:
            yield _said(table, index, short, "as spreadsheets shorten them (1.23E+05)", "check their digits")
        if long:
            yield _said(table, index, long, "of more than 15 digits that end in 0", "spreadsheets keep 15")


def _texts(table: Table, index: int) -> Sequence[tuple[int, str]]:
    return [(number, _plain(row[index])) for number, row in enumerate(table.rows, 1)]


def _plain(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) >= 1e15:
        return f"{Decimal(repr(cell)):f}"
    return str(cell).strip() if not isinstance(cell, float) else repr(cell)


def _is_date(cell: Cell, text: str) -> bool:
    return isinstance(cell, Stamp) or looks_like_date(text)


def _said(table: Table, index: int, rows: Sequence[int], what: str, why: str) -> str:
    named = ", ".join(map(str, rows[:_MOST_NAMED])) + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > 3 else "")
    where = f"Row {named}" if len(rows) == 1 else f"Rows {named}"
    return f"{where}: {table.headings[index]!r} has values {what}; a spreadsheet may have altered them: {why}."


def _as_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None
