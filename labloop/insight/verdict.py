"""A scorecard in plain sentences: what was found, how sure it is, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from labloop.insight.scores import HEADLINE, LEVELS, Card, share_interval

__all__ = ["verdict"]

_FEW = 20
# |mean PIT - 1/2| sqrt(12 n) beyond this has probability 0.05 / 3 under calibration.
_BIASED = 2.394


def verdict(card: Card) -> tuple[str, ...]:
    """Say in sentences what the predictions of an outcome have earned."""
    if not card.judged:
        return (f"No prediction of {card.outcome} has met its result yet.",)
    return tuple(_sentences(card))


def _sentences(card: Card) -> Iterator[str]:
    yield _coverage(card)
    bias = _bias(card)
    if bias:
        yield bias
    yield _skill(card)
    if not card.whole:
        yield (
            "Some predictions were written before all quantiles were kept: between and beyond 5, 50 and 95 % a "
            "normal shape was assumed, so their scores, and the coverage of other intervals than 90 %, are approximate."
        )


def _coverage(card: Card) -> str:
    total = card.overall
    hits = total.hits[LEVELS.index(HEADLINE)]
    low, high = share_interval(hits, total.results)
    share = f"{_percent(hits / total.results)} of the time ({hits} of {total.results})"
    said = f"Your 90 % intervals of {card.outcome} held {share}"
    range_ = f"{_percent(low)} to {_percent(high)}"
    if high < HEADLINE:
        return f"{said}: the model is overconfident; take its intervals for too narrow (held in truth: {range_})."
    if low > HEADLINE:
        return f"{said}: the model is underconfident; its intervals are wider than need be (held in truth: {range_})."
    if total.results < _FEW:
        return f"{said}: nothing speaks against them, but so few results cannot tell {range_} apart."
    return f"{said}: as often as they claim, as far as {total.results} results can tell ({range_})."


def _bias(card: Card) -> str:
    total = card.overall
    if abs(total.pit - 0.5) * math.sqrt(12 * total.results) <= _BIASED:
        return ""
    way, side = ("higher", "below") if total.pit > 0.5 else ("lower", "above")
    share = total.pit if total.pit > 0.5 else 1 - total.pit
    return (
        f"Results come out {way} than predicted: on average {_percent(share)} of a prediction lay {side} its result, "
        "50 % would be fair."
    )


def _skill(card: Card) -> str:
    skill, interval = card.overall.skill, card.skill_interval
    if skill is None:
        return "There is nothing to compare with: fewer than two different values were known at the time."
    better = "better" if skill >= 0 else "worse"
    said = f"{_percent(abs(skill))} {better} than predicting the mean of what was known (CRPS)"
    if interval is None:
        return f"So far the predictions are {said}; it takes 5 rounds to say how sure that is."
    low, high = interval
    range_ = f"{_signed(low)} to {_signed(high)}"
    if low > 0:
        return f"The predictions are {said}, {range_}: the model has learnt something."
    if high < 0:
        return f"The predictions are {said}, {range_}: do not rely on this model."
    return f"The predictions are {said}, {range_}: whether the model knows more than the mean cannot be told yet."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(share: float) -> str:
    return f"{100 * share:+.0f} %".replace("-", "−")
