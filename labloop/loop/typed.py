"""Values as people type them: a text becomes a number or a choice of one parameter or outcome."""

from __future__ import annotations

from typing import Literal

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import FailureKind, Value
from labloop.spec.models import Outcome, Spec
from labloop.spec.parameters import Choice, Constant, Covariate
from labloop.tabular import parse_number

__all__ = ["condition", "failure_kind", "not_set", "number", "outcome"]


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
        If it is not one.
    """
    clean = text.strip()
    if unit and clean.endswith(unit):
        clean = clean[: -len(unit)].strip()
    try:
        return parse_number(clean)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}", hint=error.hint, field=name) from error
