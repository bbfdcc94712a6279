"""Landscapes on which a planner that trusts its model stays in the wrong place, with their shape to choose.

======= ====================================================================================================
name    what deceives
======= ====================================================================================================
hills   a broad hill; elsewhere a narrow one that is higher
outlier the right level of a choice is mediocre nearly everywhere, and best of all in one small region
needle  a ridge that is easy to climb and flat along its crest; a narrow needle stands on it
crossed every factor alone says 'up'; the best corner is the one where all of them are down
======= ====================================================================================================

Notation: x in [0, 1]^d; ``score`` has no unit and is maximised. Everything that is drawn (where the hills are)
follows from ``place``, so that a landscape is the same for every campaign that is played on it::

    bump(x; c, w) = exp(-1/2 |x - c|^2 / (w^2 d))
    peak(x; c) = exp(-1/2 (|(x - c) / s|^2 / (width^2 d))^(power / 2)),    s = stretch^-1/2 ... stretch^1/2 by column
    hills    bump(x; broad, breadth) + height peak(x; narrow)
    outlier  base(level) bump(x; centre(level), breadth) + [level is odd one] height peak(x; narrow)
    needle   exp(-1/2 r^2 / (breadth^2 (d - 1))) + (height - 1) peak(x; point of the ridge)
             with r the distance from the diagonal line through the middle that ``place`` draws
    crossed  mean(x) + height peak(x; 0.1)

A peak is a bump of that width unless its ``power`` or ``stretch`` is changed: for whoever wants to know what a planner
that has such bumps in mind makes of others.

Widths are shares of the cube's side per root of the dimension: the same width is as hard to meet by its radius
relative to the cube's diagonal, whatever d is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Conditions, Outcomes, Value
from labloop.simulate.lab import Lab, Optimum
from labloop.simulate.polish import lowest

__all__ = ["KINDS", "Shape", "make"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How wide, how high, in how many dimensions, and where.

    Attributes
    ----------
    dim : numeric factors.
    width : of the narrow hill that is the answer.
    height : of the narrow hill; what misleads is 1 high.
    breadth : of what misleads.
    levels : of the choice (``outlier`` only).
    power : how the narrow hill falls off: 2 a bell, 1 a cusp with long flanks, 8 a mesa.
    stretch : its width in the column where it is widest over that where it is narrowest (geometric steps between them,
        in an order that ``place`` draws).
    place : draws where things are.
    """

    dim: int = 4
    width: float = 0.11
    height: float = 2.0
    breadth: float = 0.35
    levels: int = 6
    place: int = 0
    power: float = 2.0
    stretch: float = 1.0

    def __post_init__(self) -> None:
        checks = (
            ("dim", 1 <= self.dim <= 50, "1 to 50"),
            ("width", 0 < self.width <= 1, "above 0, at most 1"),
            ("height", 1 < self.height <= 1000, "above 1: what misleads is 1 high"),
            ("breadth", self.width < self.breadth <= 5, f"above the width {self.width:g}, at most 5"),
            ("levels", 2 <= self.levels <= 100, "2 to 100"),
            ("place", self.place >= 0, "0 or more"),
            ("power", 0.1 <= self.power <= 100, "0.1 to 100"),
            ("stretch", 1 <= self.stretch <= 100, "1 to 100"),
        )
        for name, holds, expected in checks:
            if not holds:
                raise InvalidInput(
                    f"{name} = {getattr(self, name):g} cannot shape a landscape",
                    hint=f"expected {expected}",
                    field=name,
                )


Truth = Callable[[Array, int], float]
"""The true score of a point (d,) and a level."""


def _bump(x: Array, centre: Array, width: float) -> float:
    return math.exp(-0.5 * float(np.sum((x - centre) ** 2)) / (width**2 * len(x)))


def _peak(shape: Shape, centre: Array) -> Callable[[Array], float]:
    """Return the narrow hill about a point (d,), 1 high."""
    steps = shape.stretch ** np.linspace(-0.5, 0.5, shape.dim) if shape.dim > 1 else np.ones(1)
    wide = np.random.default_rng([shape.place, 1]).permutation(steps)

    def height(x: Array) -> float:
        r2 = float(np.sum(((x - centre) / wide) ** 2)) / (shape.width**2 * len(x))
        return math.exp(-0.5 * r2 ** (0.5 * shape.power))

    return height


def _apart(rng: np.random.Generator, dim: int) -> tuple[Array, Array]:
    """Draw two points that lie well apart."""
    while True:
        broad, narrow = rng.uniform(0.2, 0.8, dim), rng.uniform(0.15, 0.85, dim)
        if np.linalg.norm(broad - narrow) >= 0.45 * dim**0.5:
            return broad, narrow


def _hills(shape: Shape) -> tuple[Truth, Array, int]:
    broad, narrow = _apart(np.random.default_rng(shape.place), shape.dim)

    peak = _peak(shape, narrow)

    def truth(x: Array, _level: int) -> float:
        return _bump(x, broad, shape.breadth) + shape.height * peak(x)

    return truth, narrow, 0


def _outlier(shape: Shape) -> tuple[Truth, Array, int]:
    rng = np.random.default_rng(shape.place)
    centres = rng.uniform(0.2, 0.8, (shape.levels, shape.dim))
    base = rng.permutation(np.linspace(0.1, 1.0, shape.levels))
    odd = int(np.argsort(base)[0])
    narrow = rng.uniform(0.15, 0.85, shape.dim)

    peak = _peak(shape, narrow)

    def truth(x: Array, level: int) -> float:
        value = float(base[level]) * _bump(x, centres[level], shape.breadth)
        return value + (shape.height * peak(x) if level == odd else 0.0)

    return truth, narrow, odd


def _needle(shape: Shape) -> tuple[Truth, Array, int]:
    if shape.dim < 2:
        raise InvalidInput("a ridge needs at least 2 dimensions, got dim = 1", hint="dim=2", field="dim")
    rng = np.random.default_rng(shape.place)
    along = rng.choice([-1.0, 1.0], shape.dim) / math.sqrt(shape.dim)
    # Towards one end of the ridge, never in its middle, where space-filling designs begin.
    point = 0.5 + along * math.sqrt(shape.dim) * 0.5 * rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 0.8)

    peak = _peak(shape, point)

    def truth(x: Array, _level: int) -> float:
        off = x - 0.5
        aside = float(np.sum((off - along * (off @ along)) ** 2))
        ridge = math.exp(-0.5 * aside / (shape.breadth**2 * (shape.dim - 1)))
        return ridge + (shape.height - 1.0) * peak(x)

    return truth, point, 0


def _crossed(shape: Shape) -> tuple[Truth, Array, int]:
    corner = np.full(shape.dim, 0.1)

    peak = _peak(shape, corner)

    def truth(x: Array, _level: int) -> float:
        return float(np.mean(x)) + shape.height * peak(x)

    return truth, corner, 0


KINDS: Mapping[str, tuple[Callable[[Shape], tuple[Truth, Array, int]], Shape, str]] = {
    "hills": (_hills, Shape(), "A broad hill, and a higher narrow one elsewhere"),
    "outlier": (_outlier, Shape(dim=3, width=0.08), "The worst level of a choice hides the best region of all"),
    "needle": (_needle, Shape(width=0.08), "A needle on a ridge whose crest is flat"),
    "crossed": (_crossed, Shape(width=0.09), "Main effects that point away from the best corner"),
}
"""By name: what draws it, its usual shape, and what it is."""


def shaped(kind: str, settings: Mapping[str, str]) -> Shape:
    """Return a shape with some of its fields given as text.

    Raises
    ------
    InvalidInput
        If there is no such field, or its value cannot be.
    """
    usual = KINDS[kind][1]
    known = {each.name: type(getattr(usual, each.name)) for each in fields(Shape)}
    changes: dict[str, Any] = {}
    for name, text in settings.items():
        if name not in known:
            raise InvalidInput(f"{kind} has no setting {name!r}", hint=did_you_mean(name, known), field=name)
        try:
            changes[name] = known[name](text)
        except ValueError as error:
            wanted = "a whole number" if known[name] is int else "a number"
            raise InvalidInput(f"{name}={text} of {kind} is not {wanted}", hint=f"{name}=4", field=name) from error
    return replace(usual, **changes)


def make(kind: str, shape: Shape | None = None, *, name: str | None = None) -> Lab:
    """Return a deceptive landscape as a lab without noise.

    Raises
    ------
    KeyError
        If there is no such kind.
    InvalidInput
        If the landscape cannot have that shape.
    """
    draw, usual, description = KINDS[kind]
    shape = shape or usual
    truth, start, level = draw(shape)
    names = [f"x{position}" for position in range(1, shape.dim + 1)]
    levels = [f"level{position}" for position in range(1, shape.levels + 1)] if kind == "outlier" else []

    def response(conditions: Conditions) -> Outcomes:
        x = np.array([float(conditions[each]) for each in names])
        return {"score": truth(x, levels.index(str(conditions["level"])) if levels else 0)}

    # The other terms shift the top of the hill a little.
    best = lowest(lambda x: -truth(x, level), start, (np.zeros(shape.dim), np.ones(shape.dim)))
    at: dict[str, Value] = dict(zip(names, best.tolist(), strict=True))
    parameters: dict[str, Any] = {each: {"bounds": [0.0, 1.0]} for each in names}
    if levels:
        parameters["level"] = {"choices": levels}
        at["level"] = levels[level]
    return Lab(
        name=name or f"{kind}{shape.dim}",
        description=description,
        source="own formula, written to deceive (see labloop.simulate.deceptive)",
        spec={
            "schema": "labloop/1",
            "name": f"{kind}{shape.dim}",
            "question": description + ": where?",
            "parameters": parameters,
            "objectives": {"score": {"goal": "maximize"}},
        },
        response=response,
        optimum=Optimum(at, response(at)),
    )
