"""A table as it was read: headings, rows of cells, and where each stands in the file."""

from __future__ import annotations

from dataclasses import dataclass, field

from labloop.errors import InvalidInput
from labloop.tabular.numbers import Decimal, is_amount, parse_number

__all__ = ["Cell", "Stamp", "Table"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date or time that a workbook holds where a number or a name was expected."""

    text: str

    def __str__(self) -> str:
        return self.text


Cell = str | float | Stamp
"""A text, a number (only from XLSX and JSON), or a date. A blank cell is the empty text."""


@dataclass(frozen=True)
class Table:
    """A table of cells.

    ``headings`` are unique and not empty; every row has one cell a heading. Rows count from 1; ``lines``
    holds each row's line in its file. ``notes`` say what was done to it (an index column left out).
    """

    source: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    decimal: Decimal = "."
    lines: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def column(self, heading: str) -> tuple[Cell, ...]:
        """Return one column's cells."""
        index = self.headings.index(heading)
        return tuple(row[index] for row in self.rows)

    def number(self, cell: Cell, *, unit: str | None = None) -> float | None:
        """Return a cell as a number, None where it is blank.

        A text may carry its own unit behind it (``83.2 %``) if it is the unit expected.

        Raises
        ------
        InvalidInput
            If it is not a number, is a date, or carries another unit.
        """
        if isinstance(cell, Stamp):
            raise InvalidInput(
                f"{cell.text!r} is a date", hint="the spreadsheet made it: format the column as text and type it again"
            )
        if not isinstance(cell, str):
            return parse_number(repr(float(cell)))
        text = cell.strip()
        if not text:
            return None
        if unit and text.endswith(unit) and text != unit:
            text = text[: -len(unit)].strip()
        return parse_number(text, decimal=self.decimal)

    def text(self, cell: Cell) -> str:
        """Return a cell as text; a whole number without its decimal point."""
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        return str(cell).strip()

    def holds_numbers(self, heading: str) -> bool:
        """Whether any cell of a column is a number, with whatever mark and unit."""
        return any(isinstance(cell, float) or is_amount(str(cell)) for cell in self.column(heading))
