"""Frozen predictions against what came: prequential, nothing refitted (Dawid, JRSS A 147, 1984).

A *case* is one prediction, the first measurement of the experiment it was made for, and what was known of the
outcome when it was made. It is scored as `labloop.insight.forecast` says, and so is the prediction that needs no
model: the mean and standard deviation s of the m measurements known by then, as a normal distribution with
s sqrt(1 + 1/m). Skill is 1 - CRPS / CRPS of that baseline: 1 is perfect, 0 no better than the mean.

Uncertainty. A share k of n has Clopper and Pearson's interval (Biometrika 26, 1934). The skill has a percentile
interval over resampled rounds, since the results of one round share one model. The verdict makes three statements
(coverage of the 90 % intervals, bias, skill), each at 1 - 0.05/3, so that all the verdicts on a calibrated model
are wrong in one campaign of 20 at most. Results of one round are not quite independent: with few rounds the
intervals are somewhat too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betaincinv, ndtri

from labloop.insight.forecast import Curve, curve_of, normal_curve
from labloop.records import Prediction

__all__ = ["LEVELS", "SURE", "Card", "Case", "Judged", "Known", "Tally", "judge", "share_interval", "tally"]

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Central intervals whose coverage is counted."""
HEADLINE = 0.9
"""The interval that is shown with every proposal, and that the verdict is about."""
SURE = 1 - 0.05 / 3

_RESOLUTION = 0.01
_RESAMPLES = 2000
_FEWEST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of an outcome at one moment: count, mean and standard deviation of its measurements."""

    count: int
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Known:
        """Summarise measurements."""
        if len(values) < 2:
            return cls(len(values), float(values[0]) if values else math.nan, math.nan)
        return cls(len(values), float(np.mean(values)), float(np.std(values, ddof=1)))


@dataclass(frozen=True, slots=True)
class Case:
    """One prediction and the result it was made for; ``round`` is the batch."""

    number: int
    round: int
    prediction: Prediction
    value: float
    known: Known


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with its scores, in the outcome's unit where they have one.

    Attributes
    ----------
    score : the result on the prediction's normal scale, 0 at its median.
    pit : the share of the prediction that lies below the result.
    inside : whether each of the `LEVELS` intervals held it.
    crps, log : scores of the prediction, lower is better; ``log`` is per unit, as a density would be.
    crps_mean, log_mean : the same for predicting the mean; None where fewer than two different values were known.
    width : of the 90 % interval.
    """

    case: Case
    score: float
    pit: float
    inside: tuple[bool, ...]
    crps: float
    log: float
    crps_mean: float | None
    log_mean: float | None
    width: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Scores of several cases: counts within each of the `LEVELS`, means of the rest.

    ``compared`` cases have a baseline; ``crps`` and ``log`` beside ``crps_mean`` and ``log_mean`` are over those.
    """

    results: int
    hits: tuple[int, ...]
    pit: float
    width: float
    crps: float
    compared: int
    crps_compared: float | None
    crps_mean: float | None
    log_gain: float | None

    @property
    def skill(self) -> float | None:
        """How much better than predicting the mean, as a share; None without a baseline."""
        if self.crps_mean is None or self.crps_compared is None or not self.crps_mean > 0:
            return None
        return 1 - self.crps_compared / self.crps_mean


@dataclass(frozen=True)
class Card:
    """All that the predictions of one outcome have earned so far."""

    outcome: str
    unit: str | None
    judged: tuple[Judged, ...]

    @cached_property
    def overall(self) -> Tally:
        """All rounds together."""
        return tally(self.judged)

    @cached_property
    def rounds(self) -> tuple[tuple[int, Tally], ...]:
        """Each round by itself, in order."""
        numbers = sorted({each.case.round for each in self.judged})
        return tuple((n, tally([each for each in self.judged if each.case.round == n])) for n in numbers)

    @property
    def whole(self) -> bool:
        """Whether every prediction was kept with all its quantiles."""
        return all(each.whole for each in self.judged)

    @cached_property
    def skill_interval(self) -> tuple[float, float] | None:
        """Return the interval of the skill; None while there are too few rounds to tell."""
        sums = [
            (sum(j.crps for j in part), sum(j.crps_mean or 0.0 for j in part))
            for n, _ in self.rounds
            if (part := [j for j in self.judged if j.case.round == n and j.crps_mean is not None])
        ]
        if len(sums) < _FEWEST_ROUNDS or not all(base > 0 for _, base in sums):
            return None
        table = np.array(sums)
        picks = np.random.default_rng(0).integers(len(sums), size=(_RESAMPLES, len(sums)))
        drawn = table[picks].sum(axis=1)
        low, high = np.quantile(1 - drawn[:, 0] / drawn[:, 1], [(1 - SURE) / 2, (1 + SURE) / 2])
        return float(low), float(high)


def judge(case: Case, possible: tuple[float, float] | None = None) -> Judged:
    """Score one prediction; ``possible`` is the outcome's range."""
    curve = curve_of(case.prediction, possible)
    known = case.known
    compared = known.count > 1 and known.sd > 0
    resolution = _RESOLUTION * (known.sd if compared else max(case.prediction.sd, 1e-12))
    plain = normal_curve(known.mean, known.sd * math.sqrt(1 + 1 / known.count), possible) if compared else None
    pit = curve.pit(case.value)
    return Judged(
        case=case,
        score=_score(curve, case.value),
        pit=pit,
        inside=tuple(
            curve.quantile((1 - level) / 2) <= case.value <= curve.quantile((1 + level) / 2) for level in LEVELS
        ),
        crps=curve.crps(case.value),
        log=curve.log_score(case.value, resolution) + math.log(2 * resolution),
        crps_mean=plain.crps(case.value) if plain else None,
        log_mean=plain.log_score(case.value, resolution) + math.log(2 * resolution) if plain else None,
        width=case.prediction.high - case.prediction.low,
        whole=curve.whole,
    )


def _score(curve: Curve, value: float) -> float:
    """Return the result on the normal scale; on a bound, the middle of what lies there."""
    found = curve.score(value)
    if curve.bounds[0] < value < curve.bounds[1]:
        return found
    return float(ndtri(curve.pit(value)))


def tally(judged: Sequence[Judged]) -> Tally:
    """Add up some cases."""
    compared = [each for each in judged if each.crps_mean is not None and each.log_mean is not None]
    return Tally(
        results=len(judged),
        hits=tuple(sum(each.inside[i] for each in judged) for i in range(len(LEVELS))),
        pit=_mean([each.pit for each in judged]),
        width=_mean([each.width for each in judged]),
        crps=_mean([each.crps for each in judged]),
        compared=len(compared),
        crps_compared=_mean([each.crps for each in compared]) if compared else None,
        crps_mean=_mean([each.crps_mean or 0.0 for each in compared]) if compared else None,
        log_gain=_mean([(each.log_mean or 0.0) - each.log for each in compared]) if compared else None,
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def share_interval(hits: int, results: int, sure: float = SURE) -> tuple[float, float]:
    """Return Clopper and Pearson's interval for a share."""
    tail = (1 - sure) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, results - hits + 1, tail))
    high = 1.0 if hits == results else float(betaincinv(hits + 1, results - hits, 1 - tail))
    return low, high
