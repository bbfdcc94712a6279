"""How much of a winner is left when it is run again, with its uncertainty.

The best of many noisy values is biased upward: it is the best partly because its noise was good (regression to
the mean). Repeats that were not selected for their values are not biased, so the estimator is plain.

    first    the winner's mean when it was chosen, over k measurements
    r        the mean of m repeats;   c, mc: the same of the control;   c0, k0: the control when it was chosen
    s        standard deviation of one measurement, pooled within equal conditions over the whole campaign, with
             f degrees of freedom; or the error that the campaign file declares, as known (f infinite)
    t        Student's quantile for f

    what is left     r,                 +- t s / sqrt(m)
    shrinkage        first - r,         +- t s / sqrt(m)   (first is a number that was written down, not estimated)
    lead             r - c,             +- t s sqrt(1/m + 1/mc)
    drift            c - c0,            +- t s sqrt(1/mc + 1/k0)

All with 95 % intervals, oriented so that a positive shrinkage means that the winner was flattered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

__all__ = ["Estimate", "Noise", "Shrinkage", "noise_of", "shrinkage_of"]


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard deviation of one measurement, and the degrees of freedom behind it (infinite: declared)."""

    sd: float
    freedom: float

    @property
    def known(self) -> bool:
        """Whether there is anything to say about it."""
        return self.freedom > 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; ``low`` and ``high`` are None where nothing is known of the noise."""

    value: float
    low: float | None
    high: float | None

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """What became of a winner, in the outcome's unit; see the module. ``lead`` and ``drift`` need the control."""

    first: float
    left: Estimate
    shrinkage: Estimate
    lead_before: float | None
    lead: Estimate | None
    drift: Estimate | None
    noise: Noise


def noise_of(groups: Iterable[Sequence[float]], *, error: float | None = None) -> Noise:
    """Pool the scatter within groups of measurements under equal conditions; a declared error stands instead."""
    if error is not None:
        return Noise(error, math.inf)
    squares, freedom = 0.0, 0
    for group in groups:
        if len(group) > 1:
            squares += float(np.sum((np.asarray(group) - np.mean(group)) ** 2))
            freedom += len(group) - 1
    return Noise(math.sqrt(squares / freedom) if freedom else math.nan, freedom)


def shrinkage_of(
    first: float,
    repeats: Sequence[float],
    noise: Noise,
    *,
    sign: float,
    control: Sequence[float] = (),
    control_first: Sequence[float] = (),
) -> Shrinkage:
    """Return what is left of a winner.

    Parameters
    ----------
    first : the winner's mean when it was chosen.
    repeats : its later measurements, at least one.
    sign : 1 where larger is better, -1 where smaller is.
    control, control_first : the control's measurements, later and when it was chosen.
    """
    left = float(np.mean(repeats))
    share = 1 / math.sqrt(len(repeats))
    lead = drift = before = None
    if control:
        now = float(np.mean(control))
        lead = _estimate(sign * (left - now), noise, math.sqrt(1 / len(repeats) + 1 / len(control)))
        if control_first:
            then = float(np.mean(control_first))
            before = sign * (first - then)
            drift = _estimate(now - then, noise, math.sqrt(1 / len(control) + 1 / len(control_first)))
    return Shrinkage(
        first=first,
        left=_estimate(left, noise, share),
        shrinkage=_estimate(sign * (first - left), noise, share),
        lead_before=before,
        lead=lead,
        drift=drift,
        noise=noise,
    )


def _estimate(value: float, noise: Noise, share: float) -> Estimate:
    if not noise.known:
        return Estimate(value, None, None)
    reach = float(stdtrit(noise.freedom, 0.975)) if math.isfinite(noise.freedom) else 1.959963984540054
    half = reach * noise.sd * share
    return Estimate(value, value - half, value + half)
