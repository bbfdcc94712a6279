"""One parameter's grid: grid index <-> raw value <-> position in the cube.

Notation: ``k`` is a grid index (0 .. count - 1), ``v`` a raw value in the parameter's unit, ``u`` the position
in the cube. A grid is a sequence of *segments*, each an arithmetic progression of decimals: one for a stepped
parameter, one a decade for a log scale, one a level for levels, ``0`` and ``min .. max`` for a component. The
members are computed as ``integer / 10**p``, which float64 rounds correctly: a value prints as 0.3, never as
0.30000000000000004, and is the same wherever it is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from labloop.spec.parameters import Choice, Continuous, Integer, Levels, decimal_step

__all__ = [
    "Array",
    "Axis",
    "Bools",
    "Indices",
    "ListedAxis",
    "Segment",
    "axis_of",
    "choice_axis",
    "progression",
]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_EXACT = 2.0**53
_DIGITS = 4
_FINE = 10 ** (_DIGITS - 1)
# Grids of up to this many values are looked up, larger ones computed each time.
_LOOKED_UP = 2**16


@dataclass(frozen=True)
class Segment:
    """The values ``(first + i * stride) * times / over`` for ``i = 0 .. count - 1``; increasing."""

    first: float
    stride: float
    count: int
    times: float = 1.0
    over: float = 1.0

    @property
    def low(self) -> float:
        """The smallest value."""
        return self.first * self.times / self.over

    @property
    def high(self) -> float:
        """The largest value."""
        return (self.first + (self.count - 1) * self.stride) * self.times / self.over

    @property
    def spacing(self) -> float:
        """The difference between neighbours."""
        return self.stride * self.times / self.over

    @property
    def pitch(self) -> Fraction:
        """The difference between neighbours as the fraction it was meant as."""
        return Fraction(self.stride).limit_denominator(10**12) * Fraction(self.times) / Fraction(self.over)


def progression(first: float, step: float, count: int) -> Segment:
    """Return ``count`` values from ``first`` in steps of ``step``, as decimals where both are short ones."""
    places = max(_places(first), _places(step))
    if count == 1:
        return Segment(first, 1.0, 1)
    scale = 10.0 ** abs(places)
    whole, stride = first * scale, step * scale
    if places > 22 or abs(whole) + count * stride >= _EXACT:
        return Segment(first, step, count)
    if places >= 0:
        return Segment(float(round(whole)), float(round(stride)), count, over=scale)
    return Segment(float(round(first / scale)), float(round(step / scale)), count, times=scale)


def _places(value: float) -> int:
    """Return the number of decimal places that ``repr`` shows; negative for multiples of ten."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # finite, as every number in a spec
    return max(-exponent, -22) if value else -22


class Axis:
    """One column of the cube and its grid.

    Parameters
    ----------
    name, kind : the parameter's name and kind.
    segments : its grid, increasing and without overlaps.
    low, high : the raw values at ``u = 0`` and ``u = 1``.
    log : True where ``u`` is linear in ``log(v)``.
    names : the options of a choice, whose raw values are 0, 1, ...; empty for numbers.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        segments: Sequence[Segment],
        *,
        low: float,
        high: float,
        log: bool = False,
        names: tuple[str, ...] = (),
    ) -> None:
        self.name, self.kind = name, kind
        self._segments = tuple(segments)
        self.low, self.high, self.log, self.names = low, high, log, names
        counts = np.array([each.count for each in segments], dtype=np.int64)
        self.count = int(counts.sum())
        self._begin = np.concatenate([[0], np.cumsum(counts)])[:-1]
        self._first = np.array([each.first for each in segments])
        self._stride = np.array([each.stride for each in segments])
        self._times = np.array([each.times for each in segments])
        self._over = np.array([each.over for each in segments])
        self._low = np.array([each.low for each in segments])
        self._last = self._begin + counts - 1
        self._single = len(segments) == 1
        self._values: Array | None = None
        if self.count <= _LOOKED_UP:
            self._values = self._computed(np.arange(self.count))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The grid's arithmetic progressions, increasing."""
        return self._segments

    @cached_property
    def places(self) -> dict[str, int]:
        """The position of each option of a choice."""
        return {name: i for i, name in enumerate(self.names)}

    def value(self, k: Indices) -> Array:
        """Return the raw values at grid indices, any shape."""
        return self._computed(k) if self._values is None else np.asarray(self._values[k])

    def _computed(self, k: Indices) -> Array:
        if self._single:
            only = self.segments[0]
            return np.asarray((only.first + k * only.stride) * only.times / only.over)
        s = np.searchsorted(self._begin, k, side="right") - 1
        inside = self._first[s] + (k - self._begin[s]) * self._stride[s]
        return np.asarray(inside * self._times[s] / self._over[s])

    def index(self, v: Array) -> Indices:
        """Return the index of the grid value nearest to each raw value."""
        below = self.floor(v, slack=0.0)
        above = np.minimum(below + 1, self.count - 1)
        nearer = np.abs(self.value(above) - v) < np.abs(self.value(below) - v)
        return np.asarray(np.where(nearer, above, below))

    def floor(self, v: Array, *, slack: float = 1e-9) -> Indices:
        """Return the index of the largest grid value <= v (at least 0), ``slack`` spacings above v included."""
        if self._single:
            only = self.segments[0]
            inside = (v * only.over / only.times - only.first) / only.stride
            return np.asarray(np.minimum(np.maximum(np.floor(inside + slack), 0), self.count - 1).astype(np.int64))
        s = np.maximum(np.searchsorted(self._low, v * (1 + 1e-15), side="right") - 1, 0)
        inside = (v * self._over[s] / self._times[s] - self._first[s]) / self._stride[s]
        whole = np.minimum(np.maximum(np.floor(inside + slack), 0), (self._last - self._begin)[s])
        return np.asarray(self._begin[s] + whole.astype(np.int64))

    def unit(self, v: Array) -> Array:
        """Return the cube positions of raw values (those of a choice: (option + 1/2) / options)."""
        if self.names:
            return np.asarray((v + 0.5) / len(self.names))
        if self.log:
            # An executed 0 on a log scale lies below everything, not at minus infinity.
            return np.asarray(np.log(np.maximum(v, self.low * 1e-3) / self.low) / math.log(self.high / self.low))
        return np.asarray((v - self.low) / (self.high - self.low))

    def raw(self, u: Array) -> Array:
        """Return the raw values at cube positions, off the grid too."""
        if self.names:
            return np.clip(np.floor(u * len(self.names)), 0, len(self.names) - 1)
        if self.log:
            return np.asarray(self.low * np.exp(u * math.log(self.high / self.low)))
        return np.asarray(self.low + u * (self.high - self.low))

    def nearest(self, u: Array) -> Indices:
        """Return the index of the grid value nearest to each cube position."""
        v = self.raw(np.fmin(np.fmax(u, -1.0), 2.0))  # fmax: what is not a number counts as low
        k = self.index(v)
        if not self.log:
            return k
        for other in (np.maximum(k - 1, 0), np.minimum(k + 1, self.count - 1)):
            gap = np.abs(self.unit(self.value(other)) - u) < np.abs(self.unit(self.value(k)) - u)
            k = np.where(gap, other, k)
        return k

    def position(self, k: Indices) -> Array:
        """Return the cube positions of grid indices."""
        return self.unit(self.value(k))

    def rounded(self, v: Array) -> Array:
        """Return raw values without the last bits that the way through the cube costs (12 digits stay)."""
        if self.log:
            return np.array([float(f"{each:.12g}") for each in v])
        places = 12 - math.ceil(math.log10(max(abs(self.low), abs(self.high))))
        return np.array([round(float(each), places) for each in v])


class ListedAxis(Axis):
    """An axis whose grid is a list of increasing values (m,), of any length."""

    def __init__(self, name: str, kind: str, values: Array, *, bounds: tuple[float, float], log: bool = False) -> None:
        super().__init__(name, kind, (), low=bounds[0], high=bounds[1], log=log)
        self.count = len(values)
        self._listed = np.asarray(values, dtype=np.float64)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The grid's arithmetic progressions: one a value."""
        return tuple(Segment(each, 1.0, 1) for each in self._listed.tolist())

    def value(self, k: Indices) -> Array:
        """Return the raw values at grid indices, any shape."""
        return np.asarray(self._listed[k])

    def floor(self, v: Array, *, slack: float = 1e-9) -> Indices:
        """Return the index of the largest grid value <= v (at least 0); values have no spacing to be slack by."""
        del slack
        below = np.searchsorted(self._listed, v * (1 + 1e-15), side="right") - 1
        return np.asarray(np.maximum(below, 0).astype(np.int64))


def axis_of(name: str, parameter: Continuous | Integer | Levels | Choice) -> Axis:
    """Return the axis of a parameter that is not a component."""
    match parameter:
        case Choice(names=names):
            return choice_axis(name, names)
        case Levels(levels=levels):
            bounds = (levels[0], levels[-1])
            return ListedAxis(name, "levels", np.array(levels), bounds=bounds, log=parameter.scale == "log")
        case Integer(bounds=(low, high)):
            grid = [Segment(float(low), 1.0, high - low + 1)]
        case Continuous(bounds=(low, high), step=None):
            decimal = parameter.scale == "linear" or high < 2 * low
            grid = _decimals(low, high) if decimal else _decades(low, high)
        case Continuous(bounds=(low, high), step=float(step)):
            grid = [progression(low, step, math.floor((high - low) / step * (1 + 1e-12) + 1e-9) + 1)]
    return Axis(
        name,
        type(parameter).__name__.lower(),
        grid,
        low=float(low),
        high=float(high),
        log=parameter.scale == "log",
    )


def choice_axis(name: str, names: tuple[str, ...]) -> Axis:
    """Return the axis of a choice: raw values are the options' positions."""
    return Axis(name, "choice", [Segment(0.0, 1.0, len(names))], low=0.0, high=len(names) - 1.0, names=names)


def _decimals(low: float, high: float) -> list[Segment]:
    """Multiples of the default resolution, and both bounds."""
    # Far from zero float64 itself is coarser than three digits of a narrow range.
    bits = math.ceil(math.log10(max(math.ulp(low), math.ulp(high)) * 64))
    exponent = max(round(math.log10(decimal_step(high - low))), bits)
    return _with_bounds(low, high, _multiples(exponent, *_between(low, high, exponent)))


def _decades(low: float, high: float) -> list[Segment]:
    """Numbers of four significant digits, and both bounds."""
    found: list[Segment] = []
    for decade in range(math.floor(math.log10(low)) - 1, math.floor(math.log10(high)) + 2):
        exponent = decade - _DIGITS + 1
        first, last = _between(low, high, exponent)
        found += _multiples(exponent, max(first, _FINE), min(last, 10 * _FINE - 1))
    return _with_bounds(low, high, found)


def _between(low: float, high: float, exponent: int) -> tuple[int, int]:
    """Return the first and the last multiple of ``10**exponent`` strictly between two numbers."""
    step, slack = Fraction(10) ** exponent, Fraction(1, 50)
    return math.floor(Fraction(low) / step + slack) + 1, math.ceil(Fraction(high) / step - slack) - 1


def _multiples(exponent: int, first: int, last: int) -> list[Segment]:
    count = last - first + 1
    if count < 1:
        return []
    if abs(exponent) > 22:  # 10**23 is no float64 any more
        step = float(f"1e{exponent}")
        return [Segment(first * step, step, count)]
    scale = 10.0 ** abs(exponent)
    return [Segment(first, 1.0, count, over=scale) if exponent < 0 else Segment(first, 1.0, count, times=scale)]


def _with_bounds(low: float, high: float, inner: list[Segment]) -> list[Segment]:
    """Put the bounds at the ends: as part of the progression where they belong to it."""
    if inner and abs(inner[0].low - inner[0].spacing - low) <= 1e-9 * inner[0].spacing:
        head = inner[0]
        inner[0] = Segment(head.first - head.stride, head.stride, head.count + 1, head.times, head.over)
    else:
        inner.insert(0, Segment(low, 1.0, 1))
    tail = inner[-1]
    if tail.count > 1 and abs(tail.high + tail.spacing - high) <= 1e-9 * tail.spacing:
        inner[-1] = Segment(tail.first, tail.stride, tail.count + 1, tail.times, tail.over)
    else:
        inner.append(Segment(high, 1.0, 1))
    return inner
