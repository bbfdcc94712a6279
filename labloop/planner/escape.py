"""How far a batch goes from the known and from the predicted: the escape report, frozen with the proposal.

For every experiment x, with utility u, known experiments K, features as the covariance sees them (`warp`), and
lengthscales l at the mode:

    chance        P(u(x) > max over K of u)                                  (`predict.Forecast`)
    sd_share      sd of f(x) / the largest sd anywhere in the space          0: known as well as can be; 1: not at all
    lengthscales  min over K of sqrt(sum_g (x_g - k_g)^2 / l_g^2)            a choice that differs counts 2 / l
    reversion     P(q25 < u(x) < q75), the quartiles of u predicted at K     the mean-reversion index: how surely the
                                                                             result will be as ordinary as the rest

and for the batch B of n, with C the prior correlation of its experiments and e the eigenvalues of C / n:

    effective     exp(-sum e log e)        how many experiments the batch is worth: n if nothing in it is alike, 1 if
                                           it is the same experiment n times (Vendi score; Friedman & Dieng 2023)

A batch *collapses* where every experiment lies within `CLOSE` lengthscales of a known one, or where those beyond the
first are together worth less than a tenth of their number.

Stopping (Wilson 2024): with f* the largest value over points from all over the space, drawn jointly with the best
known experiment b, ``left`` is the 95 % quantile of max(f* - f(b), 0): by the model, no more than this is left to
gain. It is told, never acted on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labloop.planner.goal import Aim
from labloop.planner.kernel import Array, Layered, squared_distances
from labloop.planner.models import Models, Surrogate

__all__ = ["CLOSE", "Escape", "Nearest", "collapsed", "described", "left_to_gain", "shares"]

CLOSE = 0.1
_SURE = 0.95
_DRAWS = 256


@dataclass(frozen=True)
class Nearest:
    """The nearest known experiment: its row among the known, and the distance in lengthscales."""

    row: int
    lengthscales: float


@dataclass(frozen=True)
class Escape:
    """What a batch is measured against.

    Attributes
    ----------
    known : (k, F) features of every experiment with a result or under way.
    quartiles : of the utility predicted at the results.
    largest : the largest sd by objective, in model units.
    """

    models: Models
    aim: Aim
    known: Array
    quartiles: tuple[float, float]
    largest: Mapping[str, float]

    @classmethod
    def of(cls, models: Models, aim: Aim, *, known: Array, utility: Array, anywhere: Array) -> Escape:
        """Return what is needed: features of the known and of points from anywhere, utilities of the results."""
        low, high = np.quantile(utility, [0.25, 0.75])
        largest = {
            part.outcome: float(np.sqrt(models.surrogates[part.outcome].predict(anywhere)[1].max()))
            for part in aim.parts
        }
        return cls(models, aim, known, (float(low), float(high)), largest)

    @property
    def _first(self) -> Surrogate:
        return self.models.surrogates[self.aim.parts[0].outcome]

    def sd_shares(self, features: Array) -> Array:
        """Return the sd share of (b, F) rows, the largest over objectives."""
        shares = [
            np.sqrt(self.models.surrogates[name].predict(features)[1]) / largest
            for name, largest in self.largest.items()
        ]
        return np.asarray(np.minimum(np.max(shares, axis=0), 1.0))

    def nearest(self, features: Array) -> list[Nearest]:
        """Return the nearest known experiment of each of (b, F) rows."""
        mine, known = (_scaled(each, self._first) for each in (features, self.known))
        gaps = np.sqrt(squared_distances(mine, known))
        return [Nearest(int(gap.argmin()), float(gap.min())) for gap in gaps]

    def reversion(self, utility: Array) -> float:
        """Return the mean-reversion index from draws of an experiment's utility."""
        low, high = self.quartiles
        return float(np.mean((utility > low) & (utility < high)))

    def effective(self, features: Array) -> float:
        """Return how many experiments (b, F) rows are worth."""
        process, log = self._first.process, self._first.mode.log[None]
        correlation = process.kernel.cross(features, log)(features)[0][0] / process.kernel.variance(log)[0]
        share = np.clip(np.linalg.eigvalsh(correlation) / len(features), 1e-15, None)
        return math.exp(-float(np.sum(share * np.log(share))))


def _scaled(features: Array, surrogate: Surrogate) -> Array:
    kernel = surrogate.process.kernel
    layout = kernel.layout
    scale = np.exp(surrogate.mode.log[: layout.groups])
    if isinstance(kernel, Layered):
        # One-hot blocks lie 1 apart: a differing choice adds 2 / l, where exp(-1 / l) = exp(-r^2 / 2).
        scale = np.where(layout.named, np.sqrt(scale / 2.0), scale)
    return np.asarray(kernel.warp(features) / scale[layout.group])


def collapsed(nearest: Sequence[Nearest], effective: float) -> str:
    """Return why a batch has collapsed onto the known, or nothing."""
    if nearest and all(each.lengthscales < CLOSE for each in nearest):
        return f"every experiment of it lies within {CLOSE:g} lengthscales of a known one"
    if len(nearest) > 2 and effective - 1.0 < 0.1 * (len(nearest) - 1):
        return f"its {len(nearest)} experiments are worth no more than {effective:.1f}"
    return ""


def shares(slots: Sequence[str]) -> dict[str, float]:
    """Return the share of a batch by slot."""
    return {slot: count / len(slots) for slot, count in sorted(Counter(slots).items())}


def left_to_gain(models: Models, aim: Aim, *, best: Array, elsewhere: Array, rng: np.random.Generator) -> float | None:
    """Return the 95 % quantile of what is left to gain, in the outcome's unit; None for several objectives.

    ``best`` (F,) is the best known experiment, ``elsewhere`` (e, F) points from all over and the most promising.
    """
    if not aim.single or not aim.parts[0].sign or aim.seeking:
        return None
    part = aim.parts[0]
    surrogate = models.surrogates[part.outcome]
    process = surrogate.alone
    rows = np.vstack([best, elsewhere])
    drawn = part.sign * process.draw(rows, rng.standard_normal((1, _DRAWS, len(rows))))[0]
    gain = float(np.quantile(np.maximum(drawn.max(axis=1) - drawn[:, 0], 0.0), _SURE))
    here = float(process.posterior(best[None])[0][0, 0])
    ends = surrogate.scale.to_user(np.array([here, here + part.sign * gain]))
    return float(abs(ends[1] - ends[0]))


def described(nearest: Nearest, *, sd_share: float, reversion: float, numbers: Sequence[int | None]) -> dict[str, Any]:
    """Return one experiment's part of the report as JSON values."""
    return {
        "sd_share": float(f"{sd_share:.4g}"),
        "lengthscales": float(f"{nearest.lengthscales:.4g}"),
        "nearest": numbers[nearest.row],
        "reversion": float(f"{reversion:.4g}"),
    }
