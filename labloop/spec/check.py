"""What makes a well-formed spec wrong as a whole: names that nothing has, mixtures that cannot sum up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labloop.errors import Problem, did_you_mean
from labloop.spec.parameters import Choice, Component, Constant, Continuous, Covariate, Integer, Levels
from labloop.spec.rules import And, Compare, Logic, Member, Name, Not, Or, RuleError, Text, names_in, parse_rule
from labloop.spec.slots import SLOTS, parse_slot

if TYPE_CHECKING:
    from labloop.spec.models import Spec

__all__ = ["SpecProblems", "misfit", "problems_of", "unfit_slots"]

# Enumerating which components are present is only honest while there are few.
_MAX_COMPONENTS = 64


class SpecProblems(ValueError):
    """Carries located problems through pydantic to whoever reads the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def problems_of(spec: Spec) -> list[Problem]:
    """List what is wrong with a well-formed spec; an empty list when nothing is."""
    return [*_names(spec), *_mixtures(spec), *_constraints(spec), *_candidates(spec), *_outcomes(spec), *_slots(spec)]


def _names(spec: Spec) -> Iterator[Problem]:
    if not spec.objectives:
        yield Problem("no objective", "objectives", "say what to improve: yield: {goal: maximize}")
    if not spec.varied:
        yield Problem(
            "nothing to vary", "parameters", "give at least one parameter bounds, levels, choices or a mixture"
        )
    headings: dict[str, str] = {}
    named = [(f"parameters.{n}", n, p.label) for n, p in spec.parameters.items()]
    named += [(f"objectives.{n}", n, o.label) for n, o in spec.objectives.items()]
    for position, limit in enumerate(spec.limits):
        if limit.outcome not in spec.objectives:
            named.append((f"limits.{position}", limit.outcome, limit.label))
    taken_by_limit: set[str] = set()
    for path, name, label in named:
        if path.startswith("limits."):
            if name in taken_by_limit or name in spec.parameters:
                continue  # said by _outcomes
            taken_by_limit.add(name)
        for heading in {name.casefold(), (label or name).strip().casefold()}:
            if heading in headings:
                yield Problem(
                    f"the name {label or name!r} is used twice (also by {headings[heading]})",
                    path,
                    "names and labels differ in more than case; rename one",
                )
                break
            headings[heading] = path


def _mixtures(spec: Spec) -> Iterator[Problem]:
    for name, parameter in spec.parameters.items():
        if isinstance(parameter, Component) and parameter.mixture not in spec.mixtures:
            hint = did_you_mean(parameter.mixture, spec.mixtures) or "add it under mixtures: with its total"
            yield Problem(f"no mixture {parameter.mixture!r}", f"parameters.{name}.mixture", hint)
    for group, mixture in spec.mixtures.items():
        path = f"mixtures.{group}"
        names = spec.components(group)
        parts = [part for name in names if isinstance(part := spec.parameters[name], Component)]
        if len(parts) < 2:
            yield Problem(
                f"{len(parts)} components", path, f"a mixture needs at least two parameters with mixture: {group}"
            )
            continue
        if len(parts) > _MAX_COMPONENTS:
            yield Problem(f"{len(parts)} components", path, f"a mixture has at most {_MAX_COMPONENTS} components")
            continue
        units = {part.unit for part in parts}
        if len(units) > 1:
            shown = ", ".join(f"{name}: {spec.parameters[name].unit or 'none'}" for name in names)
            yield Problem(
                f"units clash within one mixture ({shown})", path, "amounts that are summed need one unit; convert them"
            )
        for name, part in zip(names, parts, strict=True):
            top = mixture.total if part.max is None else part.max
            if top > mixture.total:
                yield Problem(
                    f"max {top:g} is above the mixture's total {mixture.total:g}",
                    f"parameters.{name}.max",
                    f"use at most {mixture.total:g}, or check the unit (percent or fraction?)",
                )
            if part.min > top:
                yield Problem(f"min {part.min:g} is above max {top:g}", f"parameters.{name}.min", "swap or widen them")
        yield from _can_sum(spec, group, parts)


def _can_sum(spec: Spec, group: str, parts: list[Component]) -> Iterator[Problem]:
    mixture, path = spec.mixtures[group], f"mixtures.{group}"
    most = mixture.at_most or len(parts)
    if mixture.at_least > most or mixture.at_least > len(parts):
        yield Problem(
            f"at_least {mixture.at_least} of at most {min(most, len(parts))} components", path, "lower at_least"
        )
        return
    required = [part for part in parts if part.required]
    if len(required) > most:
        yield Problem(f"{len(required)} required components, at most {most} present", path, "raise at_most")
        return
    optional = sorted((p.max or mixture.total for p in parts if not p.required), reverse=True)
    top = sum(p.max or mixture.total for p in required) + sum(optional[: most - len(required)])
    if top < mixture.total * (1 - 1e-12):
        yield Problem(
            f"the components reach at most {top:g}, expected a sum of {mixture.total:g}",
            path,
            "raise a max or at_most, or lower the total",
        )
    least = sum(part.min for part in required)
    if least > mixture.total * (1 + 1e-12):
        yield Problem(
            f"the required components need at least {least:g}, more than the total {mixture.total:g}",
            path,
            "lower a min, or raise the total",
        )


def _constraints(spec: Spec) -> Iterator[Problem]:
    for position, text in enumerate(spec.constraints):
        path = f"constraints.{position}"
        try:
            tree = parse_rule(text).tree
        except RuleError as error:
            yield Problem(str(error), path, error.hint)
            continue
        unknown = [name for name in dict.fromkeys(names_in(tree)) if name not in spec.proposed]
        for name in unknown:
            if name in spec.parameters:
                yield Problem(
                    f"{name!r} is only observed, so nothing can be promised about it",
                    path,
                    "constrain parameters that are set",
                )
            elif name in spec.outcomes:
                yield Problem(f"{name!r} is an outcome", path, "write it under limits:")
            else:
                yield Problem(f"no parameter {name!r} in {text!r}", path, did_you_mean(name, spec.proposed))
        if not unknown:
            if not any(name in spec.varied for name in names_in(tree)):
                yield Problem(f"{text!r} mentions nothing that varies", path, "remove it")
            yield from _kinds(spec, tree, text, path)


def _kinds(spec: Spec, node: Logic, text: str, path: str) -> Iterator[Problem]:
    match node:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _kinds(spec, part, text, path)
        case Not(part=part):
            yield from _kinds(spec, part, text, path)
        case Member(term=term, values=values):
            for value in values:
                yield from _kinds(spec, Compare("==", term, value), text, path)
        case Compare(operator=operator, left=left, right=right):
            worded = [side for side in (left, right) if isinstance(side, Text) or _is_worded(spec, side)]
            if not any(isinstance(side, Text) for side in (left, right)):
                for name in (*names_in(left), *names_in(right)):
                    if _is_worded(spec, Name(name)):
                        yield Problem(f"{name!r} is a choice, not a number, in {text!r}", path, "compare it with == ")
                return
            named = next((side.id for side in worded if isinstance(side, Name)), None)
            option = next((side.value for side in (left, right) if isinstance(side, Text)), None)
            if named is None or option is None or operator not in ("==", "!="):
                yield Problem(
                    f"{text!r} compares a text with something other than a choice",
                    path,
                    'compare a choice with == or != and one of its names in quotes: solvent == "water"',
                )
                return
            parameter = spec.parameters[named]
            known = parameter.names if isinstance(parameter, Choice) else (getattr(parameter, "value", ""),)
            if option not in known:
                yield Problem(f"{named} has no choice {option!r}", path, did_you_mean(option, map(str, known)))


def _is_worded(spec: Spec, term: object) -> bool:
    if not isinstance(term, Name):
        return False
    parameter = spec.parameters[term.id]
    return isinstance(parameter, Choice) or (isinstance(parameter, Constant) and isinstance(parameter.value, str))


def _candidates(spec: Spec) -> Iterator[Problem]:
    table = spec.candidates
    if table is None:
        return
    twice = [name for name, count in Counter(table.columns).items() if count > 1]
    for name in twice:
        yield Problem(f"the column {name!r} appears twice", "candidates", "remove one")
    for name in table.columns:
        if name not in spec.varied:
            yield Problem(f"no parameter {name!r} that varies", "candidates", did_you_mean(name, spec.varied))
    for name in spec.varied:
        if name not in table.columns:
            yield Problem(f"no column for the parameter {name!r}", "candidates", "add it, or make it a constant")
    if twice or set(table.columns) != set(spec.varied):
        return
    if not any(_odd(spec, name, [row[i] for row in table.rows]) for i, name in enumerate(table.columns)):
        return
    for number, row in enumerate(table.rows, 1):
        for name, value in zip(table.columns, row, strict=True):
            wrong = misfit(spec, name, value)
            if wrong:
                yield Problem(wrong, f"candidates.{name}", "correct that cell, or widen the parameter", row=number)
                return


def _odd(spec: Spec, name: str, column: list[Any]) -> bool:
    """Whether some value of a candidate table's column misfits; of an interval only the ends are looked at."""
    parameter = spec.parameters[name]
    telling: Collection[float | str] = ()
    if not isinstance(parameter, Continuous | Component) or set(map(type, column)) != {float}:
        telling = set(column)
    elif isinstance(parameter, Continuous):
        telling = (min(column), max(column))
    else:
        telling = (min(column), max(column), *sorted(each for each in column if each > 0)[:1])
    return any(misfit(spec, name, value) for value in telling)


def _outcomes(spec: Spec) -> Iterator[Problem]:
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for position, limit in enumerate(spec.limits):
        path, name = f"limits.{position}", limit.outcome
        if name in spec.parameters:
            yield Problem(f"{name!r} is a parameter, not an outcome", path, "write it under constraints:")
        declared = spec.objectives.get(name)
        if declared and limit.unit and limit.unit != declared.unit:
            yield Problem(
                f"the limit on {name} is in {limit.unit}, the objective in {declared.unit or 'no unit'}",
                path,
                "use one unit for one outcome",
            )
        possible = declared.range if declared else limit.range
        if possible and not possible[0] <= limit.bound <= possible[1]:
            yield Problem(
                f"the limit {limit.bound:g} lies outside the range {list(possible)} of {name}",
                path,
                f"write a limit from {possible[0]:g} to {possible[1]:g}, or widen range:",
            )
        if limit.at_least:
            lows[name] = max(limit.bound, lows.get(name, limit.bound))
        else:
            highs[name] = min(limit.bound, highs.get(name, limit.bound))
    for name in lows.keys() & highs.keys():
        if lows[name] > highs[name]:
            yield Problem(f"{name} cannot be >= {lows[name]:g} and <= {highs[name]:g}", "limits", "relax one of them")


def _slots(spec: Spec) -> Iterator[Problem]:
    planner, goals = spec.planner, spec.objectives
    if planner.strategy == "custom" and not planner.slots:
        yield Problem("the strategy custom has no slots", "planner", "add slots: [qLogNEI, UCB:beta=4, maximin]")
    if planner.slots and planner.strategy != "custom":
        yield Problem(f"the strategy {planner.strategy} has its own slots", "planner.slots", "say strategy: custom")
    if planner.threshold is not None and planner.strategy != "learn":
        yield Problem("only the strategy learn knows a threshold", "planner.threshold", "say strategy: learn")
    yield from unfit_slots(planner.slots, [each.goal for each in goals.values()])


def unfit_slots(slots: Sequence[str], goals: Sequence[str]) -> Iterator[Problem]:
    """Yield the slots that do not suit a campaign's objectives (maximize, minimize or target)."""
    for position, slot in enumerate(map(parse_slot, slots)):
        wanted = "" if slot.own else SLOTS[slot.name].objectives
        if wanted == "several" and len(goals) < 2:
            yield Problem(f"{slot.name} is for several objectives", f"planner.slots.{position}", "use qLogNEI")
        if wanted == "one" and (len(goals) > 1 or "target" in goals):
            told = f"{slot.name} is for one objective that is maximised or minimised"
            yield Problem(told, f"planner.slots.{position}", "use qLogNEI, UCB or qNIPV")


def misfit(spec: Spec, name: str, value: float | int | str) -> str:
    """Say why a value cannot be a value of a parameter; an empty string when it can.

    The grid (``step``) is not asked for: what a laboratory executed need not lie on it.
    """
    parameter = spec.parameters[name]
    match parameter:
        case Choice(names=names):
            return "" if value in names else f"{name} has no choice {value!r} ({did_you_mean(str(value), names)})"
        case Constant(value=constant):
            return "" if value == constant else f"{name} is {value!r}, expected the constant {constant!r}"
        case Covariate():
            return ""
    if isinstance(value, str):
        return f"{name} is {value!r}, expected a number"
    unit = f" {parameter.unit}" if parameter.unit else ""
    expected = _expected(spec, parameter, value)
    return f"{name} is {value:g}{unit}, expected {expected}{unit}" if expected else ""


def _expected(spec: Spec, parameter: Continuous | Integer | Levels | Component, value: float) -> str:
    """Say what a number ought to be; an empty string when it is."""
    match parameter:
        case Continuous(bounds=(low, high)) | Integer(bounds=(low, high)):
            slack = 1e-9 * (high - low)
            if not low - slack <= value <= high + slack:
                return f"{low:g} to {high:g}"
            return "a whole number" if isinstance(parameter, Integer) and value != int(value) else ""
        case Levels(levels=levels):
            if any(abs(value - level) <= 1e-9 * (1 + abs(level)) for level in levels):
                return ""
            return f"one of {', '.join(f'{level:g}' for level in levels)}"
        case Component(mixture=group):
            total = spec.mixtures[group].total
            top = total if parameter.max is None else parameter.max
            least = parameter.min if parameter.required else 0.0
            if not least - 1e-9 * total <= value <= top + 1e-9 * total:
                return f"{least:g} to {top:g}"
            return f"0 or at least {parameter.min:g}" if 0 < value < parameter.min - 1e-9 * total else ""
