"""How laboratories behave: outliers, drift, plate edges, failures, late results, other lots, other settings.

A behaviour stands before a lab as a person and a building do: the truth stays what it is. It is said in words that
a study can name, ``failures=0.1,drift=0.02,delay=2``; shares are of the outcome's standard deviation over the space.

============ =============================================================================================
tails        the noise is Student's t with so many degrees of freedom (3 has many outliers), not normal
growing      the noise is as said at the worst result and so many times that at the best one
drift        readings move by this share a day, ``day`` experiments making a day
edge         wells at the edge of a 96-well plate read lower by this share
failures     this share of the experiments gives no result: equipment, so it may be proposed again
delay        results come up to so many suggestions late, out of order
lots         each suggestion is made with a lot of its own, whose readings lie off by about this share
deviation    the operator sets numbers off by about this share of their range, and says so
============ =============================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Conditions, FailureKind, Result, Value
from labloop.simulate.lab import Lab
from labloop.spec.parameters import Continuous

__all__ = ["Behaviour", "Hand", "Scatter", "behaviour_of"]

_ROWS, _COLUMNS = 8, 12
_WHOLE = ("day", "delay")
_LATE, _LOT, _HAND = 7_001, 7_002, 7_003
"""Streams of random numbers of their own: a behaviour changes nothing that it does not name."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """An outcome over the space: its standard deviation, and its range from the worst to the best."""

    spread: float
    worst: float
    best: float

    def goodness(self, true: float) -> float:
        """Return 0 for the worst value over the space and 1 for the best."""
        return min(max((true - self.worst) / (self.best - self.worst), 0.0), 1.0) if self.best != self.worst else 0.0


@dataclass(frozen=True)
class Behaviour:
    """What a laboratory does beside measuring; all off by default."""

    tails: float = 0.0
    growing: float = 1.0
    drift: float = 0.0
    day: int = 8
    edge: float = 0.0
    failures: float = 0.0
    delay: int = 0
    lots: float = 0.0
    deviation: float = 0.0

    def __post_init__(self) -> None:
        checks = (
            ("tails", self.tails == 0 or self.tails > 2, "more than 2 (a variance exists), or 0 for normal noise"),
            ("growing", 0 < self.growing <= 100, "above 0, at most 100"),
            ("drift", abs(self.drift) <= 10, "between -10 and 10"),
            ("day", self.day >= 1, "1 or more"),
            ("edge", abs(self.edge) <= 10, "between -10 and 10"),
            ("failures", 0 <= self.failures < 1, "0 or more, below 1"),
            ("delay", 0 <= self.delay <= 1000, "0 to 1000"),
            ("lots", 0 <= self.lots <= 10, "0 to 10"),
            ("deviation", 0 <= self.deviation <= 0.5, "0 to 0.5"),
        )
        for name, holds, expected in checks:
            if not holds:
                raise InvalidInput(f"{name}={getattr(self, name):g} is no behaviour", hint=f"expected {expected}")

    def late(self, number: int, seed: int) -> int:
        """Return how many suggestions later than the others a result comes."""
        return int(np.random.default_rng([seed, number, _LATE]).integers(0, self.delay + 1))


@dataclass(frozen=True)
class Hand:
    """A laboratory that behaves: who runs the experiments of one campaign in a lab.

    ``scatter`` is by outcome; the same (seed, batch, number) gives the same result, in whatever order.
    """

    behaviour: Behaviour
    lab: Lab
    scatter: Mapping[str, Scatter]
    seed: int

    def perform(self, number: int, conditions: Conditions, batch: int) -> Result:
        """Run one experiment of a batch."""
        rng = np.random.default_rng([self.seed, number, _HAND])
        executed = self._set(conditions, rng)
        if rng.random() < self.behaviour.failures:
            return Result(number, executed=executed, failure=FailureKind.EQUIPMENT, note="the equipment failed")
        result = self.lab.perform(number, executed or conditions, seed=self.seed)
        if not result.outcomes:
            return replace(result, executed=executed)
        true = self.lab.truth(executed or conditions)
        offset = self._offset(number, batch)
        read = {
            name: self._possible(name, self._read(name, value, true[name], rng) + offset * self._spread(name))
            for name, value in result.outcomes.items()
        }
        return replace(result, outcomes=read, executed=executed)

    def _set(self, conditions: Conditions, rng: np.random.Generator) -> Conditions | None:
        """Return what was set instead of the plan; None where that is the plan."""
        if not self.behaviour.deviation:
            return None
        executed: dict[str, Value] = dict(conditions)
        for name, parameter in self.lab.campaign.varied.items():
            if isinstance(parameter, Continuous):
                low, high = parameter.bounds
                off = float(rng.standard_normal()) * self.behaviour.deviation * (high - low)
                executed[name] = min(max(float(conditions[name]) + off, low), high)
        return executed

    def _read(self, name: str, value: float, true: float, rng: np.random.Generator) -> float:
        """Return a reading whose scatter has the behaviour's shape."""
        noise, tails = self.lab.noise.get(name), self.behaviour.tails
        sd = noise.sd(true) if noise else 0.0
        if tails and sd:
            # Scaled to the same standard deviation: more of it lies in few readings.
            value = true + sd * float(rng.standard_t(tails)) / math.sqrt(tails / (tails - 2))
        if name in self.scatter:
            value = true + (value - true) * (1 + (self.behaviour.growing - 1) * self.scatter[name].goodness(true))
        return value

    def _offset(self, number: int, batch: int) -> float:
        """Return how far readings lie off, in standard deviations of the outcome over the space."""
        lot = float(np.random.default_rng([self.seed, batch, _LOT]).standard_normal())
        drift = self.behaviour.drift * ((number - 1) // self.behaviour.day)
        return drift + self.behaviour.lots * lot - (self.behaviour.edge if _at_edge(number) else 0.0)

    def _spread(self, name: str) -> float:
        return self.scatter[name].spread if name in self.scatter else 0.0

    def _possible(self, name: str, value: float) -> float:
        """Clip a reading to what the outcome can be: no instrument reads a yield of 104 %."""
        possible = self.lab.campaign.outcomes[name].range
        return min(max(value, possible[0]), possible[1]) if possible else value


def _at_edge(number: int) -> bool:
    well = (number - 1) % (_ROWS * _COLUMNS)
    row, column = divmod(well, _COLUMNS)
    return row in (0, _ROWS - 1) or column in (0, _COLUMNS - 1)


def behaviour_of(text: str) -> Behaviour:
    """Read a behaviour such as ``failures=0.1,drift=0.02``; an empty text is none.

    Raises
    ------
    InvalidInput
        If a word is unknown or its value cannot be.
    """
    known = [each.name for each in fields(Behaviour)]
    found: dict[str, Any] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in known:
            raise InvalidInput(f"no behaviour {name!r}", hint=did_you_mean(name, known))
        try:
            found[name] = int(value) if name in _WHOLE else float(value)
        except ValueError as error:
            wanted = "a whole number" if name in _WHOLE else "a number"
            raise InvalidInput(f"{name}={value} is not {wanted}", hint="see docs/simulating.md") from error
    return Behaviour(**found)
