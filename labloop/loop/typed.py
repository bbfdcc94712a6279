"""Values as people type them: a text becomes a number or a choice of one parameter or outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal

from labloop.errors import InvalidInput, did_you_mean
from labloop.exchange.units import same_unit, split_value
from labloop.records import Conditions, FailureKind, Result, Value
from labloop.spec.models import Outcome, Spec
from labloop.spec.parameters import Choice, Constant, Covariate
from labloop.tabular import parse_number

__all__ = ["condition", "failure_kind", "not_set", "number", "outcome", "replicates", "result_line"]

_PAIR = re.compile(r"([^\W\d]\w*)\s*=(?!=)")


def result_line(spec: Spec, experiment: int, text: str, wanted: Sequence[str]) -> list[Result]:
    """Read one typed line of results: ``83.2``, ``83.2 kPa`` or ``yield = 83.2 purity=97 temperature=65``.

    A number alone belongs to the outcome that is wanted, if that is one. A name given again is a replicate.

    Raises
    ------
    InvalidInput
        If a name is unknown, a value cannot be, or it is not clear what a number belongs to.
    """
    before, *found = _PAIR.split(text.replace(";", " "))
    if not found:
        return _series(spec, experiment, [(_only_outcome(wanted, text), text.strip())])
    if before.strip():
        raise InvalidInput(f"{before.strip()!r} belongs to no name", hint="write every value as NAME=VALUE")
    pairs = list(zip(found[::2], (value.strip(" ,\t") for value in found[1::2]), strict=True))
    for name, value in pairs:
        if not value:
            raise InvalidInput(f"{name}= has no value behind it", hint=f"leave {name} out if it was not measured")
    return _series(spec, experiment, pairs)


def _only_outcome(wanted: Sequence[str], text: str) -> str:
    first, *others = wanted
    if not others:
        return first
    shown = text.strip()
    try:
        parse_number(split_value(shown)[0])
    except InvalidInput:
        raise InvalidInput(f"{shown!r} is no result", hint=f"write it as {first}=VALUE {others[0]}=VALUE") from None
    raise InvalidInput(f"{shown!r} could be any of {', '.join(wanted)}", hint=f"say which one: {first}={shown}")


def _series(spec: Spec, experiment: int, pairs: Sequence[tuple[str, str]]) -> list[Result]:
    executed: dict[str, Value] = {}
    measured = []
    for name, text in pairs:
        if name not in spec.proposed:
            measured.append((name, text))
        elif name in executed:
            raise InvalidInput(f"{name} is given twice", hint="give one value", field=name)
        else:
            executed[name] = condition(spec, name, text)
    return replicates(spec, experiment, executed, measured)


def replicates(spec: Spec, experiment: int, executed: Conditions, measured: Sequence[tuple[str, str]]) -> list[Result]:
    """Turn typed values of outcomes and covariates into results of one experiment, one a replicate.

    Raises
    ------
    InvalidInput
        If a name is unknown or a value cannot be.
    """
    columns: dict[str, list[float]] = {}
    for name, text in measured:
        columns.setdefault(name, []).append(outcome(spec, name, text))
    rows = list(zip_longest(*columns.values())) or [()]
    results = []
    for index, values in enumerate(rows, 1):
        found = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
        results.append(
            Result(
                experiment,
                {name: value for name, value in found.items() if name in spec.outcomes},
                {name: value for name, value in found.items() if name not in spec.outcomes},
                (executed or None) if index == 1 else None,
                index if len(rows) > 1 else None,
            )
        )
    return results


def condition(spec: Spec, name: str, text: str) -> Value:
    """Read a condition.

    Raises
    ------
    InvalidInput
        If there is no such parameter, or the text cannot be its value.
    """
    parameter = spec.parameters.get(name)
    if parameter is None or isinstance(parameter, Covariate):
        raise not_set(spec, name)
    if isinstance(parameter, Choice):
        if text not in parameter.names:
            raise InvalidInput(f"{name} has no choice {text!r}", hint=did_you_mean(text, parameter.names), field=name)
        return text
    if isinstance(parameter, Constant) and isinstance(parameter.value, str):
        return text
    return number(name, text, parameter.unit)


def outcome(spec: Spec, name: str, text: str) -> float:
    """Read a measured value, of an outcome or of a covariate.

    Raises
    ------
    InvalidInput
        If there is no such outcome, or the text is not a number, or it lies outside the outcome's range.
    """
    found: Outcome | Covariate
    if name in spec.outcomes:
        found = spec.outcomes[name]
    elif name in spec.covariates:
        covariate = spec.parameters[name]
        assert isinstance(covariate, Covariate)
        found = covariate
    else:
        known = [*spec.outcomes, *spec.covariates]
        raise InvalidInput(f"no outcome {name!r}", hint=did_you_mean(name, known), field=name)
    value = number(name, text, found.unit)
    possible = found.range if isinstance(found, Outcome) else None
    if possible and not possible[0] <= value <= possible[1]:
        raise InvalidInput(
            f"{name} = {value:g} is outside its range {possible[0]:g} to {possible[1]:g}",
            hint="check the value, or widen range: in the campaign file",
            field=name,
        )
    return value


def failure_kind(text: str) -> FailureKind | Literal["none"]:
    """Read a kind of failure, or ``none``: it did not fail.

    Raises
    ------
    InvalidInput
        If it is neither.
    """
    if text.strip().casefold() == "none":
        return "none"
    try:
        return FailureKind(text.strip().casefold())
    except ValueError:
        kinds = ", ".join(kind.value for kind in FailureKind)
        raise InvalidInput(f"{text!r} is not a kind of failure", hint=f"expected {kinds} or none") from None


def not_set(spec: Spec, name: str) -> InvalidInput:
    """Return the error about a condition that is none; a covariate is observed, so it is handed in as a result."""
    if name in spec.covariates:
        hint = f"hand it in as measured: --result {name}=VALUE (in a sheet: its own column)"
        return InvalidInput(f"{name} is observed, not set", hint=hint, field=name)
    return InvalidInput(f"no parameter {name!r} that is set", hint=did_you_mean(name, spec.proposed), field=name)


def number(name: str, text: str, unit: str | None) -> float:
    """Read a number, with its own unit behind it or without.

    Raises
    ------
    InvalidInput
        If it is not one, or carries another unit.
    """
    clean = text.strip()
    if unit and clean.endswith(unit) and clean != unit:
        clean = clean[: -len(unit)].strip()
    clean, written = split_value(clean)
    if written is not None and not same_unit(written, unit):
        expected = f"expected {unit}" if unit else "expected a number without a unit"
        hint = f"convert it to {unit}" if unit else "give the number alone, or write unit: into the campaign file"
        raise InvalidInput(f"{name}: {text.strip()!r} is in {written}, {expected}", hint=hint, field=name)
    try:
        return parse_number(clean)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}", hint=_advice(clean, error.hint), field=name) from error


def _advice(clean: str, hint: str) -> str:
    """Say what to do about a typed value: what is said of tables speaks of cells and headings."""
    if clean[:1] in "<>~":
        return "give the limit of detection as a number, or leave it out and say so in a note"
    if clean[:1].isdigit() and "heading" in hint:
        return "give the number alone, with a decimal point, or with its unit behind it"
    if any(word in hint for word in ("cell", "column", "spreadsheet")):
        return "expected a number; leave it out if it was not measured"
    return hint
