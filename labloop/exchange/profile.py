"""What the columns of a foreign table hold: numbers or texts, in which unit, under which name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from labloop.errors import InvalidInput, InvalidTable, Problem
from labloop.exchange.units import split_heading, unit_spelling
from labloop.spec.models import RESERVED
from labloop.tabular import Stamp, Table
from labloop.tabular.numbers import looks_like_date

__all__ = ["Profile", "profiles_of"]

# A letter behind an underscore may be a label (Ligand_A, monomer_M); it is a unit where the name says so.
_LETTER_UNITS = {
    "C": ("temp", "t"), "K": ("temp", "t"), "F": ("temp",),
    "h": ("time", "t", "duration", "reaction", "residence", "incubation"),
    "s": ("time", "t", "duration", "residence"), "d": ("time", "t", "duration", "age"),
    "M": ("conc", "concentration", "c", "molarity"), "V": ("voltage", "potential", "u"), "A": ("current", "i"),
    "W": ("power",), "g": ("mass", "weight", "m"), "L": ("volume", "v"), "N": ("force", "load"),
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """One column.

    ``numbers`` are its values (None: blank) where every filled cell is a number, else None; ``texts`` are
    the cells as text. ``dated`` says that every filled cell is a date.
    """

    heading: str
    name: str
    unit: str | None
    texts: tuple[str, ...]
    numbers: tuple[float | None, ...] | None
    dated: bool = False

    @property
    def filled(self) -> bool:
        """No cell is blank."""
        return all(self.texts)

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers that are there."""
        return tuple(value for value in self.numbers or () if value is not None)

    @property
    def distinct(self) -> int:
        """How many different values the filled cells hold."""
        return len(set(self.values)) if self.numbers is not None else len({text for text in self.texts if text})

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the heading, in lower case."""
        return words_of(self.heading)


def words_of(heading: str) -> tuple[str, ...]:
    """Split a heading into lower-case words: ``finalTiter_g/L`` holds ``final``, ``titer``, ``g``, ``l``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)
    return tuple(word.casefold() for word in re.findall(r"[^\W\d_]+|\d+", spaced))


def profiles_of(table: Table) -> list[Profile]:
    """Describe every column.

    Raises
    ------
    InvalidTable
        If a column holds numbers for the most part and something else besides.
    """
    problems: list[Problem] = []
    found: list[Profile] = []
    taken = {heading.strip().casefold() for heading in table.headings}
    bare = Counter(split_heading(heading)[0].casefold() for heading in table.headings)
    for place, heading in enumerate(table.headings, 1):
        numbers, wrong = _numbers(table, heading)
        problems += wrong
        name, unit = _name(heading, place, numeric=numbers is not None)
        # Temp_C beside Temp_K: only the whole headings tell them apart.
        alone = bare[split_heading(heading)[0].casefold()] == 1
        name = _unlike(name if alone else _identifier(heading, place), taken - {heading.strip().casefold()})
        taken.add(name.casefold())
        cells = table.column(heading)
        texts = tuple(table.text(cell) for cell in cells)
        dated = any(texts) and all(
            isinstance(cell, Stamp) or looks_like_date(text) for cell, text in zip(cells, texts, strict=True) if text
        )
        found.append(Profile(heading, name, unit, texts, numbers, dated))
    if problems:
        raise InvalidTable(table.source, problems[:20])
    return found


def _numbers(table: Table, heading: str) -> tuple[tuple[float | None, ...] | None, list[Problem]]:
    unit = split_heading(heading)[1]
    numbers: list[float | None] = []
    problems: list[Problem] = []
    for row, cell in enumerate(table.column(heading), 1):
        try:
            numbers.append(table.number(cell, unit=unit))
        except InvalidInput as error:
            line = table.lines[row - 1] if row <= len(table.lines) else None
            problems.append(Problem(error.message, heading, error.hint, None if line == row else line, row))
    filled = sum(number is not None for number in numbers)
    if not problems:
        return (tuple(numbers), []) if filled else (None, [])
    # Names may look like numbers here and there; numbers hardly ever look like names.
    return None, problems if filled > len(problems) else []


def _name(heading: str, place: int, *, numeric: bool) -> tuple[str, str | None]:
    """Make a name that constraints can use, and find the unit."""
    bare, unit = split_heading(heading) if numeric else (heading, None)
    if unit is not None and not _is_meant_as_unit(heading, bare, unit):
        bare, unit = heading, None
    return _identifier(bare, place), unit_spelling(unit) if unit else None


def _unlike(name: str, taken: set[str]) -> str:
    """Return the name, numbered where another column answers to it."""
    candidate, count = name, 1
    while candidate.casefold() in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def _is_meant_as_unit(heading: str, bare: str, unit: str) -> bool:
    if len(unit) > 1 or not unit.isalpha() or re.search(rf"[\[(]\s*{unit}\s*[\])]", heading):
        return True
    first = words_of(bare)[:1]
    return any(word == hint or (len(hint) > 3 and word.startswith(hint)) for word in first for hint in _hints(unit))


def _hints(unit: str) -> Iterable[str]:
    return _LETTER_UNITS.get(unit, ())


def _identifier(text: str, place: int) -> str:
    clean = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text)).strip("_") or f"column_{place}"
    clean = clean if clean.isidentifier() else f"x_{clean}"
    clean = clean[:90].rstrip("_")
    return f"{clean}_1" if clean.casefold() in RESERVED else clean
