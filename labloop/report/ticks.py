"""Round numbers along an axis."""

from __future__ import annotations

import math

__all__ = ["axis", "labels", "nice_step"]


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that cuts a span into at most so many steps."""
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= raw * (1 - 1e-12))


def axis(low: float, high: float, most: int) -> tuple[float, float, tuple[float, ...]]:
    """Return the ends of an axis and the round numbers on it, at least two.

    The axis ends at the data, or at the nearest round number where that is close by.
    """
    if not high > low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    span = high - low
    step = nice_step(span, most)
    while math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) < 1:
        most += 1
        step = nice_step(span, most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    low = step * first if low - step * first <= 0.15 * span else low
    high = step * last if step * last - high <= 0.15 * span else high
    inside = (step * position for position in range(first, last + 1))
    return low, high, tuple(t for t in inside if low - 1e-9 * span <= t <= high + 1e-9 * span)


def labels(values: tuple[float, ...]) -> tuple[str, ...]:
    """Write ticks with as many decimals as their distance needs."""
    step = values[1] - values[0] if len(values) > 1 else abs(values[0]) or 1.0
    largest = max(abs(value) for value in values)
    if largest >= 1e6 or step < 1e-4:
        return tuple(f"{value:.{max(1, math.ceil(math.log10(largest / step)))}e}" for value in values)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return tuple(f"{value + 0.0:.{decimals}f}" for value in values)
