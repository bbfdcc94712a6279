"""Which results lie too far outside their predictions to be chance, however many results are looked at.

    z    a result on its prediction's normal scale (`labloop.insight.forecast`)
    s    max(1, 1.4826 median |z|) of the outcome, once there are 10 results: a model that is too sure of itself
         everywhere does not make everything a surprise; its intervals are widened first
    p    2 Phi(-|z| / s): how rare a result that far out is, to either side

A result is a surprise if Benjamini and Hochberg's procedure (JRSS B 57, 1995) keeps it at a false discovery rate
of 10 % over all results of the campaign: of what is in the queue, one in ten is expected to be chance. A rule by a
fixed p, say 1 %, would call one result in a hundred a surprise for ever.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import ndtr

from labloop.insight.scores import Judged

__all__ = ["RATE", "Odd", "odd_ones"]

RATE = 0.1
"""The share of chance findings that is put up with: repeating one is cheaper than missing a discovery."""
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Odd:
    """One surprise: its scores, how rare it is by chance, and by how much all intervals were widened first."""

    outcome: str
    judged: Judged
    rarity: float
    widened: float


def odd_ones(judged: Mapping[str, Sequence[Judged]], *, rate: float = RATE) -> tuple[Odd, ...]:
    """Return the surprises among results by outcome, the rarest first."""
    every = [
        Odd(outcome, each, 2 * float(ndtr(-abs(each.score) / scale)), scale)
        for outcome, several in judged.items()
        for scale in [_scale([each.score for each in several])]
        for each in several
    ]
    every.sort(key=lambda odd: (odd.rarity, odd.judged.case.number, odd.outcome))
    kept = max((place for place, odd in enumerate(every, 1) if odd.rarity <= rate * place / len(every)), default=0)
    return tuple(every[:kept])


def _scale(scores: Sequence[float]) -> float:
    if len(scores) < _ENOUGH:
        return 1.0
    return max(1.0, 1.4826 * statistics.median(abs(each) for each in scores))
