"""Where the experiments lie: corners of pairs that have any, and whether they go one factor at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labloop.insight.runs import Array, Factor, Indices, Runs

__all__ = ["Hub", "Quadrants", "hub_of", "quadrants_of"]

HUB = 0.7
_NEAR = 0.02


@dataclass(frozen=True)
class Quadrants:
    """How many of the four corners of a pair (low/high of each; of choices, all combinations) have experiments."""

    pair: tuple[str, str]
    filled: int
    cells: int
    least: int


@dataclass(frozen=True)
class Hub:
    """How many experiments differ from one of them in a single factor."""

    experiment: int
    share: float
    counted: int

    @property
    def shows(self) -> bool:
        """Whether this is a one-factor-at-a-time campaign."""
        return self.share > HUB and self.counted >= 3


def quadrants_of(runs: Runs) -> list[Quadrants]:
    """Count the filled corners of every pair of factors; components of one mixture are no such pair."""
    found = []
    set_ = [each for each in runs.varied if each.kind != "covariate"]
    for a, b in combinations(set_, 2):
        if a.mixture and a.mixture == b.mixture:
            continue
        one, two = _halves(a, runs.rows), _halves(b, runs.rows)
        sizes = [len(each.seen) if each.kind == "choice" else 2 for each in (a, b)]
        counts = np.zeros(sizes, dtype=int)
        np.add.at(counts, (one, two), 1)
        found.append(Quadrants((a.name, b.name), int((counts > 0).sum()), int(counts.size), int(counts.min())))
    return found


def _halves(factor: Factor, rows: Array) -> Indices:
    if factor.kind == "choice":
        return np.searchsorted(np.array(factor.seen), factor.option(rows)).astype(np.int64)
    return np.asarray(rows[:, factor.column] > 0.5 * (factor.low + factor.high), dtype=np.int64)


def hub_of(runs: Runs) -> Hub | None:
    """Find the condition from which most others differ in one factor only."""
    _, first = np.unique(runs.condition, return_index=True)
    cube = runs.cube[np.sort(first)]
    numbers = runs.number[np.sort(first)]
    if len(cube) < 4 or len([each for each in runs.varied if each.kind != "covariate"]) < 2:
        return None
    within = np.array([(_differing(runs, cube, row) == 1).sum() for row in cube])
    best = int(within.argmax())
    return Hub(int(numbers[best]), float(within[best] / (len(cube) - 1)), len(cube) - 1)


def _differing(runs: Runs, cube: Array, row: Array) -> Indices:
    """Return in how many factors each condition differs from one; a step along Cox's direction is one factor."""
    count = np.zeros(len(cube), dtype=np.int64)
    mixtures: dict[str, list[int]] = {}
    for factor in runs.factors:
        if factor.kind == "covariate":
            continue
        if factor.mixture:
            mixtures.setdefault(factor.mixture, []).append(factor.column)
        else:
            near = 1e-9 if factor.kind == "choice" else _NEAR
            count += np.abs(cube[:, factor.column] - row[factor.column]) > near
    for columns in mixtures.values():
        count += _blend_steps(cube[:, columns], row[columns])
    return count


def _blend_steps(shares: Array, row: Array) -> Indices:
    """Return 0 for the same blend, 1 for one component against the rest in proportion, 2 for anything else."""
    same = np.abs(shares - row).max(axis=1) <= _NEAR
    one = np.zeros(len(shares), dtype=np.bool_)
    for i in range(len(row)):
        others = [j for j in range(len(row)) if j != i]
        theirs, ours = shares[:, others], row[others]
        left, right = theirs.sum(axis=1, keepdims=True), ours.sum()
        if right <= 1e-9:
            one |= left[:, 0] <= 1e-9
            continue
        ratios = np.where(left > 1e-9, theirs / np.where(left > 1e-9, left, 1.0), ours / right)
        one |= np.abs(ratios - ours / right).max(axis=1) <= _NEAR
    return np.where(same, 0, np.where(one, 1, 2)).astype(np.int64)
