"""The questions of labloop init, asked on standard error, each with an answer that Enter accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labloop.cli.answer import console
from labloop.cli.prompts import ask
from labloop.cli.render import said
from labloop.errors import InvalidInput
from labloop.spec.models import check_name, identifier
from labloop.tabular import parse_number

__all__ = ["questions"]

_KINDS = ("number", "whole number", "levels", "choice", "mixture", "observed")


def questions(name: str | None) -> dict[str, Any]:
    """Ask for everything that a campaign needs, and return it as a spec."""
    to = console(stderr=True)
    said(to, "A new campaign. Enter accepts what stands in brackets; Ctrl-C stops, and nothing is written.", "")
    found: dict[str, Any] = {"name": name or _until(check_name, "name of the campaign")}
    question = ask("what is the question (for your notes)", "")
    if question:
        found["question"] = question
    said(to, "", "What can be set? One parameter after the other, an empty name ends.")
    parameters: dict[str, Any] = {}
    mixtures: dict[str, Any] = {}
    while True:
        parameter = _name("  parameter", required=not parameters)
        if not parameter:
            break
        kind = _one_of("    kind", _KINDS, "number")
        if kind == "mixture":
            parameters |= _mixture(parameter)
            mixtures[parameter] = {"total": _number("    they sum up to", "1")}
        else:
            parameters[parameter] = _parameter(kind)
    found["parameters"] = parameters
    if mixtures:
        found["mixtures"] = mixtures
    said(to, "", "What is measured, and which way is better? An empty name ends.")
    objectives: dict[str, Any] = {}
    while outcome := _name("  outcome", required=not objectives):
        goal = _one_of("    goal", ("maximize", "minimize", "target"), "maximize")
        objectives[outcome] = {"goal": goal, **_unit("    unit", "")}
        if goal == "target":
            objectives[outcome]["target"] = _number("    the value to hit", None)
    found["objectives"] = objectives
    batch = int(_number("experiments in a batch", "4"))
    return {**found, "planner": {"batch": batch}}


def _parameter(kind: str) -> dict[str, Any]:
    if kind == "choice":
        return {"choices": _list("    choices, separated by commas", str)}
    unit = _unit("    unit", "")
    if kind == "observed":
        return {"observed": True, **unit}
    if kind == "levels":
        return {"levels": sorted(_list("    levels, separated by commas", parse_number)), **unit}
    low, high = _number("    lowest value", None), _number("    highest value", None)
    if kind == "whole number":
        return {"bounds": [int(low), int(high)], "integer": True, **unit}
    step = ask("    step it can be set in (empty: finely)", "")
    fields: dict[str, Any] = {"bounds": [low, high], **unit}
    if step:
        fields["step"] = parse_number(step)
    if (
        low > 0
        and high / low >= 50
        and _one_of("    do ratios matter (1 to 10 as much as 10 to 100)", ("yes", "no"), "yes") == "yes"
    ):
        fields["scale"] = "log"
    return fields


def _mixture(group: str) -> dict[str, Any]:
    names = _list("    components, separated by commas", identifier)
    unit = _unit("    unit", "")
    return {name: {"mixture": group, **unit} for name in names}


def _unit(question: str, default: str) -> dict[str, str]:
    unit = ask(question, default)
    return {"unit": unit} if unit else {}


def _name(question: str, *, required: bool) -> str:
    while True:
        text = ask(question, None if required else "")
        if not text and not required:
            return ""
        try:
            return identifier(text)
        except ValueError as error:
            _again(str(error))


def _until(read: Callable[[str], Any], question: str, default: str | None = None) -> Any:
    while True:
        try:
            return read(ask(question, default))
        except (ValueError, InvalidInput) as error:
            _again(str(error))


def _number(question: str, default: str | None) -> float:
    value: float = _until(parse_number, question, default)
    return value


def _list(question: str, read: Callable[[str], Any]) -> list[Any]:
    def several(text: str) -> list[Any]:
        found = [read(each.strip()) for each in text.split(",") if each.strip()]
        if len(found) < 2:
            raise ValueError("expected at least two, separated by commas")
        return found

    listed: list[Any] = _until(several, question)
    return listed


def _one_of(question: str, options: tuple[str, ...], default: str) -> str:
    def chosen(text: str) -> str:
        matching = [each for each in options if each.startswith(text.casefold())]
        if not matching:
            raise ValueError(f"expected one of {', '.join(options)}")
        return matching[0]

    found: str = _until(chosen, f"{question} ({', '.join(options)})", default)
    return found


def _again(message: str) -> None:
    said(console(stderr=True), f"    {message}")
