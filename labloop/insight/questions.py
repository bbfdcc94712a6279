"""What is asked about a factor or a pair, put so that every model answers the same question.

A question is a weighted sum of the outcome's true mean at points (m, d + c): w'f(points). A linear model answers
with the contrast c = w'X(points), the surrogate with w'mean and w'Cov w, a simulated truth with itself.

    main effect    mean over the others of  f(high) - f(low)                      (a choice: option - all options)
    interaction    half of  (f(++) - f(-+)) - (f(+-) - f(--)), the others averaged
    curvature      f(middle) - (f(low) + f(high)) / 2, the others averaged

The first two are the effects of a two-level factorial (Box, Hunter & Hunter 2005, ch. 5). Low and high are the
ends of the range explored (a component: the shares that 10 and 90 % of the blends stay below). "The others
averaged" is over `BASE` points that fill the explored region; a number with at most `_FEW` levels there takes these.
A component moves along Cox's direction: the other components of its mixture keep their ratios (Cox 1971; Cornell
2002, ch. 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import qmc

from labloop.insight.runs import Array, Bools, Factor, Runs
from labloop.insight.terms import Term

__all__ = ["BASE", "Question", "Region", "in_unit", "questions_of", "shown"]

BASE = 32
_OPTIONS = 12
_ENOUGH = 16
_FEW = 12
_SAME = 1e-6


@dataclass(frozen=True)
class Question:
    """One question: a term, a name in words, what is compared, and the weighted points."""

    term: Term
    name: str
    says: str
    points: Array
    weights: Array


class Region:
    """The region that was explored, to average over and to move in."""

    def __init__(self, runs: Runs, seed: int = 0) -> None:
        self.runs = runs
        self.space = runs.space
        self.tied = bool(runs.spec.mixtures or runs.spec.constraints or runs.spec.candidates)
        self._seed = seed

    @cached_property
    def base(self) -> Array:
        """`BASE` points (n, d + c) that fill the explored region; covariates at their median."""
        return self.points(BASE, self._seed)

    def points(self, n: int, seed: int) -> Array:
        """Return n points of the explored region: a scrambled Sobol sequence, or feasible ones.

        Of a mixture, the blends that were run are taken: uniform shares are far from what anybody mixes.
        """
        rng = np.random.default_rng(seed)
        if self.tied:
            cube = self._feasible(n, rng)
            shares = [each.column for each in self.runs.factors if each.mixture]
            if shares:
                run = np.unique(self.runs.cube[:, shares], axis=0)
                turns = [rng.permutation(len(run)) for _ in range(-(-n // len(run)))]
                cube[:, shares] = run[np.concatenate(turns)[:n]]
        else:
            # Every point with its mirror image: what is odd in another factor averages out exactly.
            half = qmc.Sobol(max(self.space.dim, 1), rng=rng).random_base2(int(np.ceil(np.log2(max(n / 2, 1)))))
            cube = np.stack([half, 1.0 - half], axis=1).reshape(-1, half.shape[1])[:n]
        return self.placed(cube)

    def _feasible(self, n: int, rng: np.random.Generator) -> Array:
        """Return n feasible cube rows of options that were run; of any options where those are too rare to find."""
        cube = np.asarray(self.space.sample(4 * n, rng), dtype=np.float64)
        seen = np.ones(len(cube), dtype=np.bool_)
        for each in self.runs.factors:
            if each.kind == "choice":
                seen &= np.isin(each.option(cube), each.seen)
        cube = cube[seen] if seen.any() else cube
        return np.asarray(np.resize(cube, (n, cube.shape[1])))

    def placed(self, cube: Array) -> Array:
        """Return points (n, d + c) of the explored region for uniform numbers (n, d); covariates at their median."""
        runs = self.runs
        found = np.hstack([cube, np.tile(np.median(runs.rows[:, self.space.dim :], axis=0), (len(cube), 1))])
        for factor in runs.factors:
            j = factor.column
            if self.tied and factor.kind == "number":
                found[:, j] = np.clip(found[:, j], factor.low, factor.high)
            elif not self.tied and factor.kind == "number":
                found[:, j] = self._along(factor, found[:, j])
            elif not self.tied and factor.kind == "choice":
                place = np.clip(np.floor(found[:, j] * len(factor.seen)), 0, len(factor.seen) - 1).astype(int)
                found[:, j] = np.array([factor.at_option(option) for option in factor.seen])[place]
        return found

    def _along(self, factor: Factor, uniform: Array) -> Array:
        """Return values of a number within the range explored: its levels equally often where it has but a few."""
        levels = np.array(self.space.columns[factor.column].levels)
        inside = levels[(levels >= factor.low - _SAME) & (levels <= factor.high + _SAME)]
        if 2 <= len(inside) <= _FEW:
            return np.asarray(inside[np.clip(np.floor(uniform * len(inside)), 0, len(inside) - 1).astype(int)])
        return np.asarray(factor.low + uniform * (factor.high - factor.low))

    def moved(self, rows: Array, factor: Factor, value: float | Array) -> Array:
        """Return rows with one factor at another value; a component takes from, or gives to, the rest in proportion."""
        if factor.kind == "component":
            return self.both(rows, [(factor, value)])
        found = rows.copy()
        found[:, factor.column] = value
        return found

    def both(self, rows: Array, steps: Sequence[tuple[Factor, float | Array]]) -> Array:
        """Return rows with some shares of one mixture at other values; the other components keep their ratios."""
        mixture = steps[0][0].mixture
        columns = [each.column for each in self.runs.factors if each.mixture == mixture]
        set_ = [factor.column for factor, _ in steps]
        others = [j for j in columns if j not in set_]
        found = rows.copy()
        rest = rows[:, others].sum(axis=1)
        left = rows[:, columns].sum(axis=1)
        for factor, value in steps:
            found[:, factor.column] = value
            left = left - value
        even = np.full((len(rows), len(others)), 1.0 / max(len(others), 1))
        some = rest > 1e-12
        ratios = np.where(some[:, None], rows[:, others] / np.where(some, rest, 1.0)[:, None], even)
        found[:, others] = np.maximum(left, 0.0)[:, None] * ratios
        return found

    def allowed(self, *several: Array) -> Bools:
        """Return which rows are allowed wherever they are moved to; all of them where hardly any would be left."""
        everything: Bools = np.ones(len(several[0]), dtype=np.bool_)
        if not self.runs.spec.constraints:
            return everything
        kept = everything.copy()
        for rows in several:
            kept &= self.space.feasible(self.space.snap(rows[:, : self.space.dim]))
        return kept if kept.sum() >= _ENOUGH else everything


def questions_of(runs: Runs, region: Region, terms: Sequence[Term]) -> list[Question]:
    """Return the questions about some terms, in order; none about circumstances, or what never varied."""
    found: list[Question] = []
    for term in terms:
        factors = [runs.factor(name) for name in term.names] if term.kind != "circumstance" else []
        if not factors or not all(each.varies for each in factors):
            continue
        match term.kind:
            case "main":
                found += _main(region, term, factors[0])
            case "interaction":
                found += _interaction(region, term, factors[0], factors[1])
            case "quadratic":
                found.append(_curvature(region, term, factors[0]))
    return found


def _main(region: Region, term: Term, factor: Factor) -> list[Question]:
    if factor.kind != "choice":
        low, high = _ends(factor)
        says = f"from {in_unit(region.runs, factor, low):.4g} to {shown(region.runs, factor, high)}"
        return [_weighted(region, term, factor.name, says, [([(factor, high)], 1.0), ([(factor, low)], -1.0)])]
    found = []
    for option in factor.seen[:_OPTIONS]:
        parts = [
            ([(factor, factor.at_option(each))], float(each == option) - 1 / len(factor.seen)) for each in factor.seen
        ]
        name = f"{factor.name} = {factor.options[option]}"
        found.append(_weighted(region, term, name, "against the average option", parts))
    return found


def _interaction(region: Region, term: Term, a: Factor, b: Factor) -> list[Question]:
    if a.kind == "choice" and b.kind != "choice":
        a, b = b, a
    if a.kind != "choice" and b.kind != "choice":
        (la, ha), (lb, hb) = _ends(a), _ends(b)
        if a.mixture and a.mixture == b.mixture and ha + hb > 0.95:
            ha, hb = 0.95 * ha / (ha + hb), 0.95 * hb / (ha + hb)
            la, lb = min(la, ha / 2), min(lb, hb / 2)
        parts = [
            ([(a, ha), (b, hb)], 0.5),
            ([(a, la), (b, hb)], -0.5),
            ([(a, ha), (b, lb)], -0.5),
            ([(a, la), (b, lb)], 0.5),
        ]
        return [_weighted(region, term, str(term), "what one does depends on the other", parts)]
    firsts = _ends(a)
    if a.kind == "choice":
        return _cells(region, term, a, b)
    found = []
    for option in b.seen[:_OPTIONS]:
        parts = []
        for each in b.seen:
            share = 0.5 * (float(each == option) - 1 / len(b.seen))
            parts += [
                ([(a, firsts[1]), (b, b.at_option(each))], share),
                ([(a, firsts[0]), (b, b.at_option(each))], -share),
            ]
        name = f"{a.name} × {b.name} = {b.options[option]}"
        found.append(_weighted(region, term, name, "its effect there against its average effect", parts))
    return found


def _cells(region: Region, term: Term, a: Factor, b: Factor) -> list[Question]:
    """One question a cell of two choices, where there are not too many."""
    if len(a.seen) * len(b.seen) > _OPTIONS:
        return []
    found = []
    for first in a.seen:
        for second in b.seen:
            parts = [
                (
                    [(a, a.at_option(i)), (b, b.at_option(j))],
                    (float(i == first) - 1 / len(a.seen)) * (float(j == second) - 1 / len(b.seen)),
                )
                for i in a.seen
                for j in b.seen
            ]
            name = f"{a.name} = {a.options[first]} × {b.name} = {b.options[second]}"
            found.append(_weighted(region, term, name, "beyond what each does alone", parts))
    return found


def _curvature(region: Region, term: Term, factor: Factor) -> Question:
    low, high = _ends(factor)
    middle = 0.5 * (low + high)
    parts = [([(factor, middle)], 1.0), ([(factor, low)], -0.5), ([(factor, high)], -0.5)]
    return _weighted(region, term, str(term), "the middle against the ends", parts)


Move = tuple[list[tuple[Factor, float]], float]


def _weighted(region: Region, term: Term, name: str, says: str, moves: Sequence[Move]) -> Question:
    blocks, weights = [], []
    base = region.base[: max(_ENOUGH, min(BASE, 4 * BASE // len(moves)))]
    for steps, weight in moves:
        rows = base
        for factor, value in steps:
            rows = region.moved(rows, factor, value)
        if len(steps) == 2 and steps[0][0].mixture and steps[0][0].mixture == steps[1][0].mixture:
            rows = region.both(base, steps)
        blocks.append(rows)
        weights.append(weight)
    kept = region.allowed(*blocks)
    count = int(kept.sum())
    points = np.vstack([rows[kept] for rows in blocks])
    return Question(term, name, says, points, np.repeat(np.array(weights) / count, count))


def _ends(factor: Factor) -> tuple[float, float]:
    return factor.low, factor.high


def shown(runs: Runs, factor: Factor, value: float) -> str:
    """Write a value of a factor in the user's unit."""
    unit = f" {factor.unit}" if factor.unit else ""
    return f"{in_unit(runs, factor, value):.4g}{unit}"


def in_unit(runs: Runs, factor: Factor, value: float) -> float:
    """Return a value of a number, a component or a covariate in the user's unit."""
    if factor.kind == "covariate":
        return float(value)
    row = np.full((1, runs.space.dim), 0.5)
    row[0, factor.column] = value
    return float(runs.space.decode(row, snap=False)[0][factor.name])
