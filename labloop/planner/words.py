"""One plain sentence per proposed experiment."""

from __future__ import annotations

from collections.abc import Mapping

from labloop.records import Prediction
from labloop.spec.models import Spec
from labloop.spec.slots import SLOTS, parse_slot

__all__ = ["reason_of"]


def reason_of(
    slot: str,
    *,
    distance: float | None,
    spec: Spec | None = None,
    predicted: Mapping[str, Prediction] | None = None,
    chance: float | None = None,
    seeking: bool = False,
    striking: bool = False,
) -> str:
    """Return why an experiment is proposed, in one sentence."""
    away = f"{distance:.0%} of the space's diagonal".replace("%", " %") if distance is not None else ""
    told = _told(spec, predicted or {})
    match slot:
        case "start" if distance is None:
            return "The first experiment, as central as the rules allow: designs that spread out hardly look inside."
        case "start":
            return f"Fills the space before the first model: {away} from the nearest other experiment."
        case "novelty":
            return f"Looks where nobody looked: {away} from the nearest other experiment, model or no model ({told})."
        case "follow":
            return (
                f"Where a hidden hill may be highest: a result stands out above the broad trend of all others ({told})."
            )
        case "learn":
            return f"Teaches the model most about the whole space ({told})."
        case "climb":
            return f"The best predicted conditions not tried yet: {told}."
        case "replicate" if striking:
            return f"Measured again: better than all around it says it can be, an error or the discovery ({told})."
        case "replicate":
            return f"Measured again: noise, not ignorance, hides whether this one or another is the best ({told})."
        case _ if seeking:
            return f"The most likely to come closer to holding every limit: {told}."
        case _ if slot != "improve":
            return f"{_named(slot)} ({told})."
    return f"Expected to improve most on the best so far: {told}, {_percent(chance)} to beat it."


def _named(text: str) -> str:
    slot = parse_slot(text)
    if slot.own:
        return f"Chosen by {slot.name}"
    kind = SLOTS[slot.name]
    return f"{kind.says[0].upper()}{kind.says[1:]}; {kind.source}"


def _percent(chance: float | None) -> str:
    if chance is None:
        return "an unknown chance"
    return "a chance under 1 %" if chance < 0.01 else f"a chance of {chance:.0%}".replace("%", " %")


def _told(spec: Spec | None, predicted: Mapping[str, Prediction]) -> str:
    parts = []
    for name, each in predicted.items():
        unit = spec.outcomes[name].unit if spec is not None else None
        shown = f"{each.median:.4g} ({each.low:.4g} to {each.high:.4g})"
        parts.append(f"{name} {shown} {unit}" if unit else f"{name} {shown}")
    return ", ".join(parts)
