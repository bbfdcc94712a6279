"""Says a pydantic validation error in the words of the campaign file: path, value, expected, fix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from labloop.errors import InvalidInput, Problem, did_you_mean
from labloop.spec import models
from labloop.spec.parameters import (
    Choice,
    Component,
    Constant,
    Continuous,
    Covariate,
    Integer,
    Levels,
    kind_of,
)
from labloop.tabular import parse_number

__all__ = ["explain", "fields_of"]

_KINDS: dict[str, type[BaseModel]] = {
    "continuous": Continuous,
    "integer": Integer,
    "levels": Levels,
    "choice": Choice,
    "component": Component,
    "covariate": Covariate,
    "constant": Constant,
}
_EXPECTED = {
    "missing": ("is missing", "add it"),
    "float_type": ("expected a number", "write a number"),
    "int_type": ("expected a whole number", "write a whole number"),
    "string_type": ("expected a text", "put it into quotes"),
    "tuple_type": ("expected a list", "write it as [a, b]"),
    "list_type": ("expected a list", "write it as [a, b]"),
    "dict_type": ("expected keys and values", "write it as {key: value}"),
    "mapping_type": ("expected keys and values", "write it as {key: value}"),
    "model_type": ("expected keys and values", "write it as {key: value}"),
    "too_short": ("expected more values", "a range is written [low, high]"),
    "too_long": ("expected fewer values", "a range is written [low, high], with decimal points: [60.5, 70]"),
    "finite_number": ("expected a finite number", "write a number"),
}
_BORDERS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "of at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "of at most"),
}


def explain(error: ErrorDetails, document: Mapping[str, Any]) -> Problem:
    """Translate one pydantic error of `Spec.model_validate(document)`."""
    path = _path(error["loc"], document)
    dotted = ".".join(path)
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        hint = did_you_mean(path[-1], fields_of(path[:-1], document)) or "remove it"
        return Problem(f"unknown key {path[-1]!r}", dotted, hint)
    if kind == "parameter_kind":
        return _unknown_kind(value, dotted)
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace("'", "")
        hint = did_you_mean(str(value), expected.replace(" or ", ", ").split(", "))
        return Problem(f"got {value!r}, expected {expected}", dotted, hint)
    if kind == "value_error":
        return _refused(str(context.get("error", error["msg"])), value, dotted)
    if kind in _BORDERS:
        key, word = _BORDERS[kind]
        return Problem(
            f"got {_shown(value)}, expected a number {word} {context[key]:g}",
            dotted,
            f"write {path[-1]}: with a number {word} {context[key]:g}",
        )
    if kind == "missing":
        return Problem(f"{path[-1]!r} is missing", dotted, f"add {path[-1]}:")
    expected, hint = _EXPECTED.get(kind, (error["msg"][:1].lower() + error["msg"][1:], "see docs/spec.md"))
    if kind in ("float_type", "int_type") and isinstance(value, str):
        hint = _as_number(value) or hint
    return Problem(f"got {_shown(value)}, {expected}", dotted, hint)


def _refused(said: str, value: object, dotted: str) -> Problem:
    """Tell what a validator of ours said: ``message; fix``, with the value where the message lacks it."""
    message, _, fix = said.removeprefix("Value error, ").partition("; ")
    if isinstance(value, str | int | float) and repr(value) not in message:
        message = f"got {_shown(value)}, {message}" if message.startswith("expected") else f"{_shown(value)} {message}"
    return Problem(message, dotted, fix or "see docs/spec.md")


def _as_number(text: str) -> str:
    """Say how to write a text that was meant as a number; nothing where it was not."""
    number, unit = text.strip(), ""
    begins = re.match(r"[+-]?[\d.,]*\d(?:[eE][+-]?\d+)?(?=\s*[^\d\s.,]|$)", number)
    if begins:
        number, unit = begins[0], number[begins.end() :].strip()
    if re.fullmatch(r"[+-]?\d+,\d+", number):
        return f"write it with a decimal point and without quotes: {number.replace(',', '.')}"
    try:
        parse_number(number)
    except InvalidInput:
        return ""
    return f"write {number}, and unit: {unit} beside it" if unit else f"write it without quotes: {number}"


def _unknown_kind(value: object, dotted: str) -> Problem:
    telling = ("bounds", "levels", "choices", "mixture", "observed", "value")
    keys = [str(key) for key in value] if isinstance(value, Mapping) else []
    for key in keys:
        hint = did_you_mean(key, telling)
        if hint.startswith("did"):
            return Problem(f"unknown key {key!r}", f"{dotted}.{key}", hint)
    got = f"only {', '.join(keys)}" if keys else _shown(value)
    return Problem(
        f"cannot tell what kind of parameter this is: got {got}, expected one of {', '.join(telling)}",
        dotted,
        "write for instance {bounds: [20, 80]} or {choices: [water, EtOH]}",
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _path(location: tuple[int | str, ...], document: Mapping[str, Any]) -> tuple[str, ...]:
    """Drop pydantic's own marks (union tags, ``[key]``) so that only the file's keys stay."""
    path: list[str] = []
    node: Any = document
    for part in location:
        if part == "[key]" or (isinstance(part, str) and part.startswith(("function-", "constrained-", "tuple["))):
            continue
        if len(path) == 2 and path[0] == "parameters" and part in _KINDS and kind_of(node) == part:
            continue
        inside = isinstance(node, Mapping) and part in node
        listed = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside or listed:
            node = node[part]
        elif path and isinstance(part, str) and not isinstance(node, Mapping):
            continue  # the name of a union's member, not a key of the file
        path.append(str(part))
    return tuple(path)


def fields_of(path: tuple[str, ...], document: Mapping[str, Any]) -> list[str]:
    """List the keys that may stand at a path of the campaign file."""
    match path:
        case ():
            model: type[BaseModel] | None = models.Spec
        case ("parameters", name):
            kind = kind_of(document["parameters"][name])
            model = _KINDS[kind] if kind else None
        case ("mixtures", _):
            model = models.Mixture
        case ("objectives", _):
            model = models.Objective
        case ("limits", _):
            model = models.Limit
        case ("planner",):
            model = models.PlannerSettings
        case ("candidates",):
            model = models.Candidates
        case _:
            model = None
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]
