"""Which columns of a foreign table are the objective, which are parameters, and which are neither."""

from __future__ import annotations

from collections.abc import Sequence

from labloop.exchange.profile import Profile

__all__ = ["pick_objective", "redundant", "unusable"]

# In the order in which they are believed.
_OUTCOMES = (
    "yield", "yields", "conversion", "adhesion", "titer", "titre", "selectivity", "ee", "purity",
    "activity", "strength", "potency", "toughness", "viability", "efficiency", "productivity",
    "recovery", "response", "result", "results", "score", "objective", "target", "output",
    "measured",
)  # fmt: skip
# Words that never name what is set.
_SURELY_MEASURED = frozenset({
    "yield", "yields", "conversion", "adhesion", "titer", "titre", "selectivity", "ee", "purity",
    "viability", "recovery",
})  # fmt: skip
_MEASURED_UNITS = ("kPa", "MPa", "GPa")
_SUMMARIES = frozenset({"max", "mean", "avg", "average", "median", "final"})
_LABELS = frozenset({
    "id", "ids", "entry", "index", "idx", "nr", "no", "number", "run", "sample", "samples", "exp",
    "experiment", "trial", "row", "key", "uuid", "barcode", "code", "name",
})  # fmt: skip
_REMARKS = frozenset({
    "note", "notes", "comment", "comments", "remark", "remarks", "operator", "user", "author",
    "analyst", "date", "datetime", "timestamp", "doi", "reference", "link", "url", "file",
    "filename",
})  # fmt: skip
_MANY_ROWS = 20
_LONGEST_CHOICE = 200


def pick_objective(columns: Sequence[Profile]) -> tuple[Profile, str]:
    """Choose what to improve among columns of numbers; return it with the reason."""
    varying = [each for each in columns if each.distinct > 1] or list(columns)
    for word in _OUTCOMES:
        for column in varying:
            if word in column.words:
                return column, f"its heading says {word}"
    for column in reversed(varying):
        if column.unit in _MEASURED_UNITS and _SUMMARIES.intersection(column.words):
            return column, f"its heading says {column.unit}"
    for column in reversed(varying):
        if column.words and column.words[-1] in _SUMMARIES:
            return column, f"its heading says {column.words[-1]}"
    return varying[-1], "it is the last column of numbers"


def unusable(column: Profile) -> tuple[str, bool]:
    """Say why a column is no parameter, and whether that is certain; an empty reason where it may be one."""
    if not any(column.texts):
        return "it is blank", True
    if column.dated:
        return "it holds dates", True
    if _REMARKS.intersection(column.words) and column.numbers is None:
        return "its heading says that it is a remark", True
    if column.numbers is not None:
        return _unusable_number(column)
    if not column.filled:
        return "it is a text that is blank in some rows", True
    if max(map(len, column.texts)) > _LONGEST_CHOICE:
        return "its texts are too long for names", True
    rows = len(column.texts)
    if column.distinct == rows and rows > 1 and _LABELS.intersection(column.words):
        return "it names the rows", False
    if column.distinct > rows / 2 and rows >= 10:
        return f"{column.distinct} different texts in {rows} rows are labels, not choices", False
    return "", True


def _unusable_number(column: Profile) -> tuple[str, bool]:
    if _SURELY_MEASURED.intersection(column.words):
        return "its heading says that it is measured too; write it under objectives: or limits: to use it", True
    rows = len(column.texts)
    labelled = bool(_LABELS.intersection(column.words))
    counts = len(column.values) == rows and column.values in (tuple(range(rows)), tuple(range(1, rows + 1)))
    if counts and rows > 2 and (labelled or (rows >= _MANY_ROWS and column.unit is None)):
        return "it only counts the rows", False
    if labelled and column.distinct == rows and rows > 2 and all(value.is_integer() for value in column.values):
        return "it numbers the rows", False
    return "", True


def redundant(columns: Sequence[Profile], notes: list[str]) -> list[Profile]:
    """Leave out the columns that say what another one says, and append to the notes which and why."""
    kept: list[Profile] = []
    for column in columns:
        twin = next((other for other in kept if _same(other, column)), None)
        if twin is None:
            kept.append(column)
            _mention_partner(column, kept[:-1], notes)
            continue
        better, worse = sorted((twin, column), key=_reads_worse)
        kept[kept.index(twin)] = better
        notes.append(f"{worse.heading!r} is left out: it goes one to one with {better.heading!r}.")
    return kept


def _reads_worse(column: Profile) -> tuple[bool, int]:
    """Sort names before formulas, and short before long."""
    return "smiles" in column.words or "inchi" in column.words, sum(map(len, set(column.texts)))


def _same(one: Profile, other: Profile) -> bool:
    if one.distinct < 2 or not (one.filled and other.filled):
        return False
    if one.numbers is None and other.numbers is None:
        return _one_to_one(one.texts, other.texts)
    if one.numbers is not None and other.numbers is not None and one.distinct > 2:
        return _proportional(one.values, other.values)
    return False


def _one_to_one(one: Sequence[object], other: Sequence[object]) -> bool:
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len(set(one)) == len(set(other))


def _proportional(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one column is the other in another unit: ``Temp_C`` beside ``Temp_K``."""
    low, high = one.index(min(one)), one.index(max(one))
    slope = (other[high] - other[low]) / (one[high] - one[low])
    span = abs(other[high] - other[low])
    if not slope > 0:
        return False
    return all(abs(other[low] + slope * (x - one[low]) - y) <= 1e-6 * span for x, y in zip(one, other, strict=True))


def _mention_partner(column: Profile, others: Sequence[Profile], notes: list[str]) -> None:
    """Point at a number that goes with a name: a property of it, or a plan that varied both at once."""
    if column.distinct < 3 or not column.filled or len(column.texts) < 2 * column.distinct:
        return
    for other in others:
        mixed_kinds = (column.numbers is None) != (other.numbers is None)
        if mixed_kinds and other.filled and _one_to_one(column.texts, other.texts):
            notes.append(
                f"{column.heading!r} always goes with {other.heading!r}: remove one if it is only a property of it."
            )
