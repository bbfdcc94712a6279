"""Says in one line what a parameter or an outcome is."""

from __future__ import annotations

from labloop.spec.models import Objective, Outcome, Spec
from labloop.spec.parameters import Choice, Component, Constant, Continuous, Covariate, Integer, Levels, Parameter

__all__ = ["describe"]


def describe(what: Parameter | Outcome, spec: Spec) -> str:
    """Return one line in words; the unit, which headings carry, is left out."""
    match what:
        case Continuous(bounds=(low, high), step=step):
            text = f"{low:g} to {high:g}" + (f" in steps of {step:g}" if step else "") + _scaled(what.scale)
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
            absent = "" if what.required else "0, or "
            text = f"share of {group} (sum {mixture.total:g}): {absent}{least:g} to {top:g}"
        case Constant(value=value):
            text = f"always {value}"
        case Covariate():
            text = "only observed"
        case _:
            return _outcome(what, spec)
    if getattr(what, "change", "easy") == "hard":
        text += "; the same across a batch"
    return text + (f" ({what.description})" if what.description else "")


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
    if outcome.error:
        parts.append(f"known error {outcome.error:g}")
    text = ", ".join(dict.fromkeys(parts))
    return text + (f" ({outcome.description})" if outcome.description else "")
