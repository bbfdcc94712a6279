"""Tables that fit their terminal: numbers line up at the decimal point and are never cut or broken.

Where all columns do not fit beside each other, headings are broken between name and unit; where that is not
enough, the table is drawn as several, one below the other, each with the leading columns (the experiment's id).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

__all__ = ["Grid", "Kind", "Ruled", "Trimmed", "aligned"]

Kind = Literal["id", "text", "number", "prose"]
"""What a column holds: ids and numbers stay whole, texts and prose may be broken between words."""

_GAP = 2
_LEAST_TEXT = 30
_MOST_ZEROS = 4
_NUMBER = re.compile(r"(-?\d+)(?:\.(\d+))?(?![\d.e])(.*)")


@dataclass(frozen=True)
class Trimmed:
    """Anything, indented and without the blanks at the ends of its lines."""

    inner: RenderableType
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.update(width=max(options.max_width - self.indent, 1))
        for line in Segment.split_lines(console.render(self.inner, room)):
            yield from _stripped([Segment(" " * self.indent), *line])
            yield Segment.line()


class Ruled(Table):
    """A table with a rule below its headings, and no blanks at the ends of its lines."""

    def __init__(self) -> None:
        super().__init__(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", collapse_padding=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in Segment.split_lines(super().__rich_console__(console, options)):  # type: ignore[arg-type]
            yield from _stripped(line)
            yield Segment.line()


def _stripped(line: Sequence[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        last = kept[-1]
        kept[-1] = Segment(last.text.rstrip(), last.style, last.control)
    return kept


@dataclass(frozen=True)
class _Column:
    name: str
    unit: str
    cells: tuple[Text, ...]
    kind: Kind
    style: str

    def heading(self, broken: bool) -> str:
        return f"{self.name}{chr(10) if broken else ' '}{self.unit}" if self.unit else self.name

    def width(self, broken: bool) -> int:
        """Return the least number of characters that it needs."""
        head = max(cell_len(part) for part in self.heading(broken).split("\n"))
        widest = max((each.cell_len for each in self.cells), default=0)
        return max(head, widest) if self.kind in ("id", "number") else min(max(head, widest), _LEAST_TEXT)


class Grid:
    """Columns of cells, drawn as one table where they fit and as several where they do not.

    Parameters
    ----------
    lead : how many columns each of several tables begins with.
    indent : blanks before every line.
    caption : a sentence below.
    """

    def __init__(self, *, lead: int = 1, indent: int = 0, caption: str = "") -> None:
        self._lead, self._indent, self._caption = lead, indent, caption
        self._columns: list[_Column] = []

    def add(
        self, name: str, cells: Iterable[str | Text], *, unit: str | None = None, kind: Kind = "text", style: str = ""
    ) -> None:
        """Add a column with all its cells."""
        texts = tuple(each if isinstance(each, Text) else Text(each) for each in cells)
        self._columns.append(_Column(name, f"[{unit}]" if unit else "", texts, kind, style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, (columns, broken) in enumerate(self._groups(max(options.max_width - self._indent, 1))):
            if number:
                yield Segment.line()
            yield Trimmed(_drawn(columns, broken), self._indent)
        if self._caption:
            yield Trimmed(Text(self._caption, style="dim italic"))

    def _groups(self, room: int) -> list[tuple[list[_Column], bool]]:
        """Return the columns of each table, and whether headings are broken."""
        for broken in (False, True):
            if _total(self._columns, broken) <= room:
                return [(self._columns, broken)]
        lead, rest = self._columns[: self._lead], self._columns[self._lead :]
        groups: list[list[_Column]] = []
        for column in rest:
            if not groups or _total([*groups[-1], column], True) > room:
                groups.append([*lead])
            groups[-1].append(column)
        return [(group, True) for group in groups]


def _total(columns: Sequence[_Column], broken: bool) -> int:
    return sum(each.width(broken) for each in columns) + _GAP * (len(columns) - 1)


def _drawn(columns: Sequence[_Column], broken: bool) -> Ruled:
    table = Ruled()
    for each in columns:
        head = Text(each.heading(broken), justify="right" if each.kind == "number" else "left")
        # A number's cells have their blanks in place already; justifying them would take those away.
        table.add_column(head, no_wrap=each.kind in ("id", "number"), overflow="fold", style=each.style, vertical="top")
    widths = [each.width(broken) for each in columns]
    for cells in zip(*(each.cells for each in columns), strict=True):
        table.add_row(
            *(
                _pushed(cell, width) if each.kind == "number" else cell
                for cell, each, width in zip(cells, columns, widths, strict=True)
            )
        )
    return table


def _pushed(cell: Text, width: int) -> Text:
    moved = cell.copy()
    moved.pad_left(max(width - cell.cell_len, 0))
    return moved


def aligned(cells: Sequence[str], *, zeros: bool = False) -> list[str]:
    """Return texts of one width in which decimal points stand below each other.

    What follows a number (``(n=2)``) keeps a column of its own. ``zeros`` fills up decimals with zeros, as for
    settings on a grid of 0.05; otherwise blanks are left, since a measured 12 is not a measured 12.00.
    """
    parts = [_NUMBER.fullmatch(cell) for cell in cells]
    most = max((len(each[2] or "") for each in parts if each), default=0)
    tail = max((len(each[3]) for each in parts if each), default=0)
    done = [
        cell if part is None else _filled(part, most, zeros and most <= _MOST_ZEROS) + part[3].ljust(tail)
        for cell, part in zip(cells, parts, strict=True)
    ]
    width = max((len(each) for each in done), default=0)
    return [each.rjust(width) for each in done]


def _filled(part: re.Match[str], most: int, zeros: bool) -> str:
    decimals = part[2] or ""
    if zeros:
        return f"{part[1]}.{decimals.ljust(most, '0')}" if most else part[1]
    text = f"{part[1]}.{decimals}" if decimals else part[1]
    return text.ljust(len(part[1]) + (most + 1 if most else 0))
