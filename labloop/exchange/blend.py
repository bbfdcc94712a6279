"""Finds the mixtures in a table: sets of columns whose rows all sum to 1 or to 100.

Amounts are never negative, so a partial sum only grows: the search over subsets walks the columns once,
and turns back as soon as one row has too much, or cannot reach the total any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Blend", "find_blends"]

TOTALS = (1.0, 100.0)
# Recipes are rounded to a digit or two; what is off by more than this is no mixture, or has a mistake in it.
_LOOSE = 1e-2
_TYPICAL = 1e-3
# The search is exponential in the worst case only; a real table needs a few hundred steps.
_STEPS = 200_000
_PROBES = 24


@dataclass(frozen=True)
class Blend:
    """Columns that sum to a total in every row."""

    headings: tuple[str, ...]
    total: float


def find_blends(columns: Mapping[str, Sequence[float]]) -> list[Blend]:
    """Find the mixtures among complete numeric columns, in the order of the table; largest first.

    Columns that only hold 0 and the total are a choice written as flags, and no mixture.
    """
    rest = {heading: values for heading, values in columns.items() if any(values) and min(values) >= 0}
    found: list[Blend] = []
    while (blend := next((b for total in TOTALS if (b := _largest(rest, total))), None)) is not None:
        found.append(blend)
        rest = {heading: values for heading, values in rest.items() if heading not in blend.headings}
    return found


def _largest(columns: Mapping[str, Sequence[float]], total: float) -> Blend | None:
    fitting = {heading: values for heading, values in columns.items() if max(values) <= total * (1 + 1e-9)}
    names = list(fitting)
    for size in range(len(names), 1, -1):  # columns that stand side by side are the likely ones
        for start in range(len(names) - size + 1):
            window = names[start : start + size]
            if _is_blend([fitting[name] for name in window], total):
                return Blend(tuple(window), total)
    scattered = _search(fitting, total)
    return Blend(scattered, total) if scattered else None


def _is_blend(columns: Sequence[Sequence[float]], total: float) -> bool:
    rows = list(zip(*columns, strict=True))
    if len(set(rows)) < 3 or all(value in (0.0, total) for row in rows for value in row):
        return False
    errors: list[float] = sorted(abs(sum(row) - total) / total for row in rows)
    worst, typical = errors[-1], errors[len(errors) // 2]
    return worst <= _LOOSE and typical <= _TYPICAL


def _search(columns: Mapping[str, Sequence[float]], total: float) -> tuple[str, ...]:
    """Return the largest subset that sums to the total; empty where there is none or the search gives up."""
    names = list(columns)
    rows = len(columns[names[0]]) if names else 0
    probes = range(0, rows, max(1, rows // _PROBES))
    values = [[columns[name][row] for row in probes] for name in names]
    reach = [[0.0] * len(probes)]
    for column in reversed(values):
        reach.append([a + b for a, b in zip(reach[-1], column, strict=True)])
    reach.reverse()
    low, high = total * (1 - _LOOSE), total * (1 + _LOOSE)
    best: tuple[str, ...] = ()
    stack: list[tuple[int, tuple[int, ...], list[float]]] = [(0, (), [0.0] * len(probes))]
    for _ in range(_STEPS):
        if not stack:
            break
        place, taken, sums = stack.pop()
        full = len(taken) > max(1, len(best)) and all(low <= each <= high for each in sums)
        if full and _is_blend([columns[names[index]] for index in taken], total):
            best = tuple(names[index] for index in taken)
        if place == len(names) or any(s + r < low for s, r in zip(sums, reach[place], strict=True)):
            continue
        stack.append((place + 1, taken, sums))
        more = [s + v for s, v in zip(sums, values[place], strict=True)]
        if max(more) <= high:
            stack.append((place + 1, (*taken, place), more))
    return best
