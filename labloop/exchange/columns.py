"""Which column of a table is which parameter or outcome; a renamed column is never taken for a note."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from labloop.errors import InvalidTable, Problem
from labloop.exchange.units import same_unit, split_heading
from labloop.spec.models import Spec
from labloop.tabular import Table

__all__ = ["OWN", "Columns", "is_own", "match_columns"]

OWN = ("experiment", "replicate", "failure", "note")
"""Columns that sheets have besides parameters and outcomes."""

_ALSO = {"notes": "note", "comment": "note", "comments": "note", "remark": "note", "remarks": "note"}
_PASSED_OVER = frozenset({"campaign", "batch", "status", "slot", "reason", "origin", "chance_of_best", "distance"})
_PREFIXES = ("predicted_", "low_", "high_")


@dataclass(frozen=True)
class Columns:
    """Column numbers by what they hold; ``extra`` by heading."""

    parameters: Mapping[str, int]
    outcomes: Mapping[str, int]
    covariates: Mapping[str, int]
    own: Mapping[str, int]
    extra: Mapping[str, int]


def match_columns(table: Table, spec: Spec) -> Columns:
    """Match every heading with what it means: by name, by label, or by either with its unit behind it.

    Raises
    ------
    InvalidTable
        If a heading carries another unit than declared, two headings mean the same, or a heading is so close
        to a missing name that it may be a misspelling.
    """
    known = dict(_known(spec))
    if not any(heading.strip().casefold() == "note" for heading in table.headings):
        other = next((h.strip().casefold() for h in table.headings if h.strip().casefold() in _ALSO), None)
        known |= {other: _ALSO[other]} if other and other not in known else {}
    units = {**{n: p.unit for n, p in spec.parameters.items()}, **{n: o.unit for n, o in spec.outcomes.items()}}
    found: dict[str, int] = {}
    extra: dict[str, int] = {}
    problems: list[Problem] = []
    for index, heading in enumerate(table.headings):
        name, unit = _meaning(heading, known)
        if name is None:
            if not _is_ours(heading) and not _is_plan(heading, known):
                extra[heading] = index
            continue
        if unit is not None and units.get(name) and not same_unit(unit, units[name]):
            problems.append(
                Problem(
                    f"the heading {heading!r} is in {unit}, {name} is declared in {units[name]}",
                    heading,
                    f"convert the column to {units[name]}, or change unit: in the campaign file",
                )
            )
        if name in found:
            other = table.headings[found[name]]
            problems.append(Problem(f"{other!r} and {heading!r} both mean {name}", heading, "remove one"))
        found[name] = index
    problems += _misspelt(extra, [name for name in (*units, *OWN) if name not in found], spec)
    if problems:
        raise InvalidTable(table.source, problems)
    return Columns(
        parameters={name: found[name] for name in spec.proposed if name in found},
        outcomes={name: found[name] for name in spec.outcomes if name in found},
        covariates={name: found[name] for name in spec.covariates if name in found},
        own={name: found[name] for name in OWN if name in found},
        extra=extra,
    )


def _known(spec: Spec) -> Iterator[tuple[str, str]]:
    for name, each in (*spec.parameters.items(), *spec.outcomes.items()):
        yield name.casefold(), name
        if each.label:
            yield each.label.strip().casefold(), name
        if each.unit:  # as our own sheets write it, whether or not the unit is one we know
            yield f"{name} [{each.unit}]".casefold(), name
    for name in OWN:
        yield name, name


def _meaning(heading: str, known: Mapping[str, str]) -> tuple[str | None, str | None]:
    whole = heading.strip().casefold()
    if whole in known:
        return known[whole], None
    bare, unit = split_heading(heading)
    if unit is not None and bare.casefold() in known:
        return known[bare.casefold()], unit
    return None, None


def is_own(heading: str) -> bool:
    """Whether a heading is one that labloop's own sheets have besides parameters and outcomes."""
    return heading.strip().casefold() in OWN or _is_ours(heading.strip().casefold())


def _is_plan(heading: str, known: Mapping[str, str]) -> bool:
    """Whether it is a column that an export adds where something was executed that was not planned."""
    first, _, rest = heading.strip().casefold().partition(" ")
    return first == "planned" and rest in known


def _is_ours(heading: str) -> bool:
    return heading in _PASSED_OVER or heading.startswith(_PREFIXES)


def _misspelt(extra: Mapping[str, int], missing: list[str], spec: Spec) -> Iterator[Problem]:
    labels = {name: (each.label or name) for name, each in (*spec.parameters.items(), *spec.outcomes.items())}
    words = {labels.get(name, name).casefold(): name for name in missing}
    words |= {name.casefold(): name for name in missing}
    for heading in extra:
        bare = split_heading(heading)[0].casefold()
        close = get_close_matches(bare, words, n=1, cutoff=0.75) or [w for w in words if _begins(heading, w)]
        if close:
            meant = labels.get(words[close[0]], words[close[0]])
            yield Problem(
                f"unknown column {heading!r}", heading, f"did you mean {meant!r}? if not, rename it to something else"
            )


def _begins(heading: str, word: str) -> bool:
    """Whether a heading is a known word with something behind it: a unit that nobody knows, a replicate."""
    parts, sought = _parts(heading), _parts(word)
    return bool(sought) and parts[: len(sought)] == sought


def _parts(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())
