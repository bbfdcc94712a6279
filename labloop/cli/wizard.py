"""The questions of labloop init, asked on standard error; an answer that cannot be is asked for again at once.

Whatever was accepted stays accepted: the spec that comes out is in order, so nothing has to be typed twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from labloop.cli.answer import console
from labloop.cli.prompts import ask
from labloop.cli.render import said
from labloop.errors import InvalidInput, LabloopError
from labloop.loop.typed import number
from labloop.spec.models import RESERVED, check_name, usable

__all__ = ["questions"]

_KINDS = ("number", "whole number", "levels", "choice", "mixture", "observed")
_LARGEST_BATCH = 384
_LONGEST_CHOICE = 200
_LARGEST_WHOLE = 2**53
_LOG_FROM = 50


@dataclass
class _Draft:
    """What was answered so far; ``used`` holds every name and heading, in lower case."""

    parameters: dict[str, Any] = field(default_factory=dict)
    mixtures: dict[str, Any] = field(default_factory=dict)
    objectives: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def varies(self) -> bool:
        return any("observed" not in each for each in self.parameters.values())


def questions(name: str | None, *, taken: Collection[str] = ()) -> dict[str, Any]:
    """Ask for everything that a campaign needs, and return it as a spec; its name is none that is ``taken``."""
    to = console(stderr=True)
    said(to, "A new campaign. Enter accepts what stands in brackets; Ctrl-C stops, and nothing is written.", "")
    found: dict[str, Any] = {"name": name or _until(_new(taken), "name of the campaign")}
    question = ask("what is the question (for your notes)", "")
    if question:
        found["question"] = question
    draft = _Draft()
    said(to, "", "What can be set? One parameter after the other, an empty name ends.")
    while _parameter(draft):
        pass
    said(to, "", "What is measured, and which way is better? An empty name ends.")
    while _outcome(draft):
        pass
    batch = _until(_whole(1, _LARGEST_BATCH), "experiments in a batch", "4")
    found["parameters"] = draft.parameters
    if draft.mixtures:
        found["mixtures"] = draft.mixtures
    return {**found, "objectives": draft.objectives, "planner": {"batch": batch}}


def _parameter(draft: _Draft) -> bool:
    """Ask for one parameter or mixture; False when there is no more."""
    while not (heading := ask("  parameter", "")):
        if draft.varies:
            return False
        _again("at least one has to be set: a number, levels, a choice or a mixture")
    name, label = _named(heading, draft.used)
    if not name:
        return True
    kind = _one_of("    kind", _KINDS, "number")
    if kind == "mixture":
        _mixture(name, draft)
    else:
        draft.parameters[name] = {**_fields(kind), **label}
    return True


def _outcome(draft: _Draft) -> bool:
    """Ask for one outcome; False when there is no more."""
    heading = ask("  outcome", "" if draft.objectives else None)
    if not heading:
        return False
    name, label = _named(heading, draft.used)
    if not name:
        return True
    goal = _one_of("    goal", ("maximize", "minimize", "target"), "maximize")
    unit = _unit()
    target = {"target": _until(_number, "    the value to hit")} if goal == "target" else {}
    draft.objectives[name] = {"goal": goal, **target, **unit, **label}
    return True


def _named(heading: str, used: set[str]) -> tuple[str, dict[str, str]]:
    """Return a name that constraints can use, and the heading where it differs; no name where it is used already."""
    name, label = heading, {}
    if not heading.isidentifier() or heading.casefold() in RESERVED or len(heading) > 100:
        kept = heading.casefold() not in RESERVED
        why = "cannot stand in a constraint; it stays the heading in tables" if kept else "is a word of labloop's own"
        _again(f"{heading!r} {why}")
        name = _until(_identifier, "    its name in constraints", usable(heading))
        label = {"label": heading} if kept else {}
    for word in {name.casefold(), heading.casefold()}:
        if word in used:
            _again(f"{word!r} is used already; names differ in more than case")
            return "", {}
    used |= {name.casefold(), heading.casefold()}
    return name, label


def _fields(kind: str) -> dict[str, Any]:
    """Ask for what a parameter of some kind needs."""
    if kind == "choice":
        return {"choices": _list("    choices, separated by commas or semicolons", _choice)}
    unit = _unit()
    if kind == "observed":
        return {"observed": True, **unit}
    if kind == "levels":
        return {"levels": sorted(_list("    levels, separated by commas or semicolons", _number)), **unit}
    if kind == "whole number":
        low = _until(_whole(-_LARGEST_WHOLE, _LARGEST_WHOLE - 1), "    lowest value")
        high = _until(_whole(low + 1, _LARGEST_WHOLE), "    highest value")
        return {"bounds": [low, high], "integer": True, **unit}
    low = _until(_number, "    lowest value")
    high = _until(_above(low), "    highest value")
    step = _until(_step(high - low), "    step it can be set in (empty: finely)", "")
    fields: dict[str, Any] = {"bounds": [low, high], **unit, **({"step": step} if step else {})}
    ratios = "    do ratios matter (1 to 10 as much as 10 to 100)"
    if low > 0 and high / low >= _LOG_FROM and _one_of(ratios, ("yes", "no"), "yes") == "yes":
        fields["scale"] = "log"
    return fields


def _mixture(group: str, draft: _Draft) -> None:
    others = draft.used - {group.casefold()}

    def component(text: str) -> str:
        name = _identifier(text)
        if name.casefold() in others:
            raise ValueError(f"{name!r} is used already; names differ in more than case")
        return name

    names = _list("    components, separated by commas or semicolons", component)
    unit = _unit()
    draft.mixtures[group] = {"total": _until(_above(0.0), "    they sum up to", "1")}
    draft.parameters |= {name: {"mixture": group, **unit} for name in names}
    draft.used |= {name.casefold() for name in names}


def _unit() -> dict[str, str]:
    unit = ask("    unit", "")
    return {"unit": unit} if unit else {}


def _until(read: Callable[[str], Any], question: str, default: str | None = None) -> Any:
    while True:
        try:
            return read(ask(question, default))
        except ValueError as error:
            _again(str(error))
        except LabloopError as error:
            _again(f"{error.message}; {error.hint}" if error.hint else error.message)


def _number(text: str) -> float:
    try:
        return number("", text, None)
    except InvalidInput as error:
        raise InvalidInput(error.message.removeprefix(": "), hint=error.hint) from error


def _above(low: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = _number(text)
        if value <= low:
            raise ValueError(f"expected a number above {low:g}")
        return value

    return read


def _step(span: float) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        if not text:
            return None
        value = _number(text)
        if not 0 < value <= span:
            raise ValueError(f"expected a step above 0 and at most {span:g}, which is the whole range")
        return value

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = _number(text)
        if not value.is_integer() or not low <= value <= high:
            upper = f" to {high}" if high < _LARGEST_WHOLE - 1 else " or more"
            raise ValueError(
                f"expected a whole number, {low}{upper}" if low > -_LARGEST_WHOLE else "expected a whole number"
            )
        return int(value)

    return read


def _new(taken: Collection[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if check_name(text) in taken:
            raise ValueError(f"there is a campaign {text!r} already; choose another name")
        return text

    return read


def _identifier(text: str) -> str:
    if usable(text) != text:
        raise ValueError(f"{text!r} cannot stand in a constraint; write {usable(text)}")
    return text


def _choice(text: str) -> str:
    if len(text) > _LONGEST_CHOICE:
        raise ValueError(f"expected names of at most {_LONGEST_CHOICE} characters")
    return text


def _list(question: str, read: Callable[[str], Any]) -> list[Any]:
    def several(text: str) -> list[Any]:
        texts = [each.strip() for each in text.split(";" if ";" in text else ",") if each.strip()]
        # 0,5 may be a half, and so may each of 0,5, 1,5; nobody writes 1,2,5 and means fractions.
        if read is _number and ";" not in text and re.search(r"\d,\d", text) and (", " in text or len(texts) == 2):
            raise ValueError(
                "are these decimal commas? Write decimal points, and a blank or a semicolon between values"
            )
        found: dict[Any, Any] = {}
        for each in texts:
            value = read(each)
            key = value.casefold() if isinstance(value, str) else value
            if key in found:
                raise ValueError(f"{each!r} is listed twice")
            found[key] = value
        if len(found) < 2:
            raise ValueError("expected at least two, separated by commas or semicolons")
        return list(found.values())

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
