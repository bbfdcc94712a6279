"""From a table of earlier results to a first campaign file, with every guess said aloud.

A guess is made where a reader would make the same one: columns that sum to 1 are a mixture, a column called
yield is the objective. What it was made from is in the notes; the person reads and corrects the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labloop.errors import InvalidInput, did_you_mean
from labloop.exchange.blend import Blend, find_blends
from labloop.exchange.columns import is_own
from labloop.exchange.profile import Profile, profiles_of
from labloop.exchange.sift import pick_objective, redundant, unusable
from labloop.spec.models import SCHEMA
from labloop.spec.reader import parse_spec
from labloop.tabular import Table

__all__ = ["InferredSpec", "infer_spec"]

_MOST_LEVELS = 12
_LARGEST_WHOLE = 2**53
_DECADES = 2.0
_POSSIBLE = frozenset({"yield", "conversion", "purity", "selectivity", "viability", "recovery"})


@dataclass(frozen=True)
class InferredSpec:
    """A campaign file as plain values, and how it came about.

    ``spec`` is accepted by `labloop.spec.reader.parse_spec`; ``notes`` are sentences for the user.
    """

    spec: dict[str, Any]
    notes: tuple[str, ...]


@dataclass
class _Draft:
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    mixtures: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def infer_spec(table: Table, *, name: str, objective: str | None = None, minimize: bool = False) -> InferredSpec:
    """Infer parameters, mixtures and the objective from a table of results.

    Parameters
    ----------
    name : of the campaign.
    objective : the heading of the column to improve; guessed from the headings if not given.
    minimize : smaller is better.

    Raises
    ------
    InvalidInput
        If there is no such column, no column to improve, or nothing that varies.
    InvalidTable
        If a column of numbers holds something else.
    """
    if not table.rows:
        raise InvalidInput(f"{table.source} has headings but no rows", hint="name a table with results")
    draft = _Draft(notes=list(table.notes))
    columns = _own_left_out(profiles_of(table), draft)
    target = _objective(columns, objective, table.source, draft)
    factors = _sifted([each for each in columns if each is not target], draft)
    _mix(factors, draft)
    mixed = set(draft.parameters)
    for column in redundant([each for each in factors if each.name not in mixed], draft.notes):
        draft.parameters[column.name] = _described(column) | _parameter(column, draft)
    # The order of the table, which is the order a reader expects.
    ordered = {each.name: draft.parameters[each.name] for each in factors if each.name in draft.parameters}
    if all("value" in fields or "observed" in fields for fields in ordered.values()):
        raise InvalidInput(
            f"nothing varies in {table.source} besides {target.heading!r}",
            hint="give a table with at least one column that was varied, filled in every row",
        )
    spec: dict[str, Any] = {"schema": SCHEMA, "name": name, "parameters": ordered}
    if draft.mixtures:
        spec["mixtures"] = draft.mixtures
    spec["objectives"] = {target.name: _outcome(target, minimize)}
    parse_spec(spec, source=table.source)
    return InferredSpec(spec, tuple(draft.notes))


def _own_left_out(columns: Sequence[Profile], draft: _Draft) -> list[Profile]:
    for column in columns:
        if is_own(column.heading):
            draft.notes.append(f"{column.heading!r} is a column that labloop keeps itself; it is no parameter.")
    return [column for column in columns if not is_own(column.heading)]


def _objective(columns: Sequence[Profile], wanted: str | None, source: str, draft: _Draft) -> Profile:
    numeric = [each for each in columns if each.numbers is not None]
    if wanted is None:
        if not numeric:
            raise InvalidInput(f"{source} has no column of numbers to improve", hint="name another table")
        target, why = pick_objective(numeric)
        draft.notes.append(f"{target.heading!r} is taken as what to improve ({why}); --objective names another.")
        return target
    folded = wanted.strip().casefold()
    found = next((c for c in columns if folded in (c.heading.casefold(), c.name.casefold())), None)
    if found is None:
        raise InvalidInput(
            f"{source} has no column {wanted!r} to improve",
            hint=did_you_mean(wanted, [each.heading for each in numeric]),
            field=wanted,
        )
    if found.numbers is None:
        raise InvalidInput(
            f"the column {found.heading!r} holds no numbers, so it cannot be improved",
            hint=f"columns with numbers: {', '.join(each.heading for each in numeric)}",
            field=found.heading,
        )
    return found


def _sifted(columns: Sequence[Profile], draft: _Draft) -> list[Profile]:
    kept: list[Profile] = []
    doubtful: list[tuple[Profile, str]] = []
    for column in columns:
        reason, certain = unusable(column)
        if not reason:
            kept.append(column)
        elif certain:
            draft.notes.append(f"{column.heading!r} is left out: {reason}.")
        else:
            doubtful.append((column, reason))
    # A screen of 24 ligands has 24 names in 24 rows: that column is the question, not a label.
    if not any(each.filled and each.distinct > 1 for each in kept):
        kept += [column for column, _ in doubtful]
        return [column for column in columns if column in kept]
    draft.notes += [f"{column.heading!r} is left out: {reason}." for column, reason in doubtful]
    return kept


def _mix(factors: Sequence[Profile], draft: _Draft) -> None:
    by_unit: dict[str | None, dict[str, tuple[float, ...]]] = {}
    for column in factors:
        if column.numbers is not None and column.filled:
            by_unit.setdefault(column.unit, {})[column.heading] = column.values
    blends = [blend for columns in by_unit.values() for blend in find_blends(columns)]
    known = {column.heading: column for column in factors}
    for number, blend in enumerate(blends, 1):
        group = "mixture" if number == 1 else f"mixture_{number}"
        _add_blend(group, blend, [known[heading] for heading in blend.headings], draft)


def _add_blend(group: str, blend: Blend, columns: Sequence[Profile], draft: _Draft) -> None:
    for column in columns:
        draft.parameters[column.name] = {"mixture": group} | _described(column)
    draft.mixtures[group] = {"total": blend.total}
    names = ", ".join(column.name for column in columns)
    draft.notes.append(f"{names} sum to {blend.total:g} in every row: they are the components of one mixture.")
    # What was never mixed is not what cannot be mixed: both are told, neither becomes a constraint.
    present = max(sum(value > 0 for value in row) for row in zip(*(c.values for c in columns), strict=True))
    if present < len(columns):
        draft.notes.append(f"At most {present} of them were ever present; if that is a rule, write at_most: {present}.")
    least = min(value for column in columns for value in column.values if value > 0)
    if any(0.0 in column.values for column in columns):
        draft.notes.append(f"The smallest share was {least:.2g}; if less cannot be weighed in, write it as min:.")


def _parameter(column: Profile, draft: _Draft) -> dict[str, Any]:
    if not column.filled:
        draft.notes.append(
            f"{column.heading!r} is blank in some rows, so it is taken as only observed; fill it in (0 for none) if "
            "it is set."
        )
        return {"observed": True}
    if column.numbers is None:
        return _choice(column, draft)
    values = sorted(set(column.values))
    if len(values) == 1:
        return {"value": values[0]}
    scale = {"scale": "log"} if _is_log(column.values) else {}
    if len(values) <= _MOST_LEVELS and len(column.values) >= 2 * len(values):
        return {"levels": [_plain(value) for value in values], **scale}
    whole = all(value.is_integer() for value in values) and max(map(abs, values)) <= _LARGEST_WHOLE
    if whole:
        return {"bounds": [int(values[0]), int(values[-1])], "integer": True, **scale}
    return {"bounds": [values[0], values[-1]], **scale}


def _choice(column: Profile, draft: _Draft) -> dict[str, Any]:
    names: dict[str, str] = {}
    for text in column.texts:
        first = names.setdefault(text.casefold(), text)
        if first != text:
            said = f"{column.heading!r} holds {first!r} and {text!r}: taken as the same choice."
            if said not in draft.notes:
                draft.notes.append(said)
    return {"choices": list(names.values())} if len(names) > 1 else {"value": next(iter(names.values()))}


def _is_log(values: Sequence[float]) -> bool:
    """Whether values spread over two decades or more, and more evenly in their logarithm than as they are."""
    low, high = min(values), max(values)
    if low <= 0 or math.log10(high / low) < _DECADES:
        return False
    return _unevenness([math.log(value) for value in values]) < _unevenness(values)


def _unevenness(values: Sequence[float]) -> float:
    """Return the largest distance from a uniform distribution over the values' range (Kolmogorov-Smirnov)."""
    ordered = sorted(values)
    low, span = ordered[0], ordered[-1] - ordered[0]
    count = len(ordered)
    return max(
        max(abs((value - low) / span - index / count), abs((value - low) / span - (index + 1) / count))
        for index, value in enumerate(ordered)
    )


def _described(column: Profile) -> dict[str, Any]:
    fields = {"unit": column.unit} if column.unit else {}
    return fields | ({"label": column.heading} if column.heading != column.name else {})


def _outcome(column: Profile, minimize: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"goal": "minimize" if minimize else "maximize", **_described(column)}
    if column.unit == "%" and _POSSIBLE.intersection(column.words) and all(0 <= v <= 100 for v in column.values):
        fields["range"] = [0, 100]
    return fields


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) <= _LARGEST_WHOLE else value
