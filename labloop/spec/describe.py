"""Says in words what a campaign asks for, one line a thing, and what of it may not be meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

from labloop.spec.models import Mixture, Objective, Outcome, Spec
from labloop.spec.parameters import Choice, Component, Constant, Continuous, Covariate, Integer, Levels, Parameter

__all__ = ["describe", "describe_mixture", "describe_planner", "remarks"]


def describe(what: Parameter | Outcome, spec: Spec) -> str:
    """Return one line in words; the unit, which headings carry, is left out."""
    match what:
        case Continuous(bounds=(low, high), step=step):
            text = f"{low:g} to {high:g}{_stepped(step)}" + _scaled(what.scale)
        case Integer(bounds=(low, high)):
            text = f"whole number, {low} to {high}{_scaled(what.scale)}"
        case Levels(levels=levels):
            text = f"one of {', '.join(f'{level:g}' for level in levels)}{_scaled(what.scale)}"
        case Choice(names=names, descriptors=descriptors):
            shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            first = next(iter(descriptors.values()), {})
            text = f"choice of {shown}" + (f", described by {', '.join(first)}" if first else "")
        case Component(mixture=group, min=least):
            mixture = spec.mixtures[group]
            top = mixture.total if what.max is None else what.max
            absent = "" if what.required or not least else "0, or "
            text = f"share of {group} (sum {mixture.total:g}): {absent}{least:g} to {top:g}{_stepped(what.step)}"
            text += ", never left out" if what.required else ""
        case Constant(value=value):
            text = f"always {value if isinstance(value, str) else f'{value:.12g}'}"
        case Covariate():
            text = "only observed"
        case _:
            return _outcome(what, spec)
    if getattr(what, "change", "easy") == "hard":
        text += "; hard to change, so the same across a batch"
    return text + _aside(what)


def describe_mixture(name: str, mixture: Mixture, spec: Spec) -> str:
    """Return one line: what the components sum to, and how many of them may be present."""
    components = spec.components(name)
    most = min(mixture.at_most or len(components), len(components))
    present = "" if most == len(components) else f", at most {most} of {len(components)} present"
    if mixture.at_least > 1:
        present += f", at least {mixture.at_least} present"
    return f"{' + '.join(components)} = {mixture.total:g}{present}"


def describe_planner(spec: Spec) -> str:
    """Return one line: how experiments are proposed, defaults included."""
    settings = spec.planner
    parts = [f"strategy {settings.strategy}", f"{settings.batch} a batch"]
    parts.append("no budget" if settings.budget is None else f"a budget of {settings.budget}")
    if settings.start is not None:
        parts.append(f"{settings.start} to fill the space first")
    return ", ".join([*parts, f"seed {settings.seed}"])


def remarks(spec: Spec) -> tuple[str, ...]:
    """List what is allowed, but may not be what was meant."""
    return (*_unreached(spec), *_unspent(spec))


def _unreached(spec: Spec) -> Iterator[str]:
    for name, each in spec.varied.items():
        if isinstance(each, Continuous) and each.step is not None:
            low, high = each.bounds
            last = low + each.step * math.floor((high - low) / each.step + 1e-9)
            if high - last > 1e-9 * (high - low):
                yield f"{name}: steps of {each.step:g} from {low:g} end at {last:.12g}; {high:g} is never proposed."
        elif isinstance(each, Component) and each.step is not None:
            for word, amount in (("min", each.min), ("max", each.max)):
                times = (amount or 0.0) / each.step
                if abs(times - round(times)) > 1e-9 * max(times, 1.0):
                    yield f"{name}: {word} {amount:g} is no multiple of the step {each.step:g}; it is never proposed."


def _unspent(spec: Spec) -> Iterator[str]:
    batch, budget = spec.planner.batch, spec.planner.budget
    if budget is not None and batch > budget:
        yield f"planner: a batch of {batch} is more than the whole budget of {budget}."
    if budget is not None and (spec.planner.start or 0) >= budget:
        yield f"planner: the start of {spec.planner.start} spends the whole budget of {budget} without a model."


def _stepped(step: float | None) -> str:
    return f" in steps of {step:g}" if step else ""


def _scaled(scale: str) -> str:
    return ", log scale" if scale == "log" else ""


def _outcome(outcome: Outcome, spec: Spec) -> str:
    parts = []
    if isinstance(outcome, Objective):
        parts.append(f"hit {outcome.target:g}" if outcome.target is not None else outcome.goal)
    names = [name for name, each in spec.outcomes.items() if each is outcome]
    parts += [
        f"must be {'at least' if limit.at_least else 'at most'} {limit.bound:g}"
        for limit in spec.limits
        if limit.outcome in names
    ]
    if outcome.range:
        parts.append(f"possible are {outcome.range[0]:g} to {outcome.range[1]:g}")
    if outcome.error:
        parts.append(f"known error {outcome.error:g}")
    text = ", ".join(dict.fromkeys(parts))
    return text + _aside(outcome)


def _aside(what: Parameter | Outcome) -> str:
    heading = f", in tables {what.label!r}" if what.label else ""
    return heading + (f" ({what.description})" if what.description else "")
