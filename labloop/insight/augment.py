"""The few further experiments that would resolve what cannot be told apart yet.

Notation: X the model of the main effects and the wanted terms at what was run, M = X'X + eps I, x(z) the model row
of a candidate z. Runs are taken one by one, each the candidate with the largest x' M^-1 x (what multiplies the
determinant of M: sequential D-optimality, Wynn 1970, doi:10.1214/aoms/1177696809), until every wanted term is
separable beside all others; those that turn out to be superfluous are dropped again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labloop.errors import NothingToSuggest
from labloop.insight.estimability import INFLATED, Design, Estimability, inflation
from labloop.insight.questions import Question, Region, questions_of
from labloop.insight.runs import Array, Factor, Runs
from labloop.insight.terms import Term, basis_of, first_order
from labloop.records import Conditions

__all__ = ["Extra", "extra_runs"]

_POOL = 1024
_RIDGE = 1e-3


@dataclass(frozen=True)
class Extra:
    """Experiments to add, the terms that they make separable, and those that remain."""

    conditions: tuple[Conditions, ...]
    resolves: tuple[str, ...]
    remains: tuple[str, ...]


def extra_runs(found: Estimability, *, most: int = 24, seed: int = 0) -> Extra:
    """Return the fewest experiments found that make every inseparable term separable.

    A further experiment is run on another occasion, so it cannot resolve a confounding with a circumstance by
    itself; terms inseparable for that reason only are resolved because the factor then changes within one.
    """
    asked = [each.term for each in found.verdicts if not each.separable]
    runs = _widened(found.runs, asked)
    # An interaction of choices with many combinations is no matter of a few experiments.
    wanted = [each for each in asked if questions_of(runs, Region(runs), [each])]
    if not wanted:
        return Extra((), (), tuple(map(str, asked)))
    pool = _candidates(runs, seed)
    if not len(pool):
        raise NothingToSuggest("no feasible experiment is left that was not run", hint="widen the parameters")
    chosen = _chosen(runs, pool, wanted, most)
    after = _with(runs, pool[chosen])
    questions = {term: questions_of(after, Region(after), [term]) for term in wanted}
    done = [str(term) for term in _separable(after, questions)]
    left = tuple(str(term) for term in asked if str(term) not in done)
    return Extra(tuple(runs.space.decode(pool[chosen])), tuple(done), left)


def _widened(runs: Runs, wanted: Sequence[Term]) -> Runs:
    """Take what never varied as varying over its whole range."""
    still = {term.names[0] for term in wanted if not runs.factor(term.names[0]).varies}

    def wide(factor: Factor) -> Factor:
        if factor.name not in still or factor.kind == "covariate":
            return factor
        if factor.kind == "choice":
            return replace(factor, values=len(factor.options), seen=tuple(range(len(factor.options))))
        return replace(factor, low=0.0, high=1.0, values=2)

    return replace(runs, factors=tuple(wide(each) for each in runs.factors))


def _candidates(runs: Runs, seed: int) -> Array:
    """Return feasible conditions within the region explored that were not run."""
    space, rng = runs.space, np.random.default_rng(seed)
    pool = space.enumerate(4 * _POOL)
    if pool is None:
        pool = np.vstack([space.sample(_POOL, rng), _corners(runs, rng)])
    inside = np.ones(len(pool), dtype=np.bool_)
    for factor in runs.factors:
        if factor.kind == "number":
            x = pool[:, factor.column]
            inside &= (x >= factor.low - 0.02) & (x <= factor.high + 0.02)
        elif factor.kind == "choice":
            inside &= np.isin(factor.option(pool), factor.seen)
    pool = np.unique(pool[inside], axis=0)
    known = {row.tobytes() for row in np.round(runs.cube, 6) + 0.0}
    return np.asarray(pool[[row.tobytes() not in known for row in np.round(pool, 6) + 0.0]])


def _corners(runs: Runs, rng: np.random.Generator) -> Array:
    """Return feasible points with numbers at the ends and the middle of their range, where effects show most."""
    space = runs.space
    rows = space.sample(_POOL, rng)
    for factor in runs.factors:
        if factor.kind == "number":
            ends = np.array([factor.low, 0.5 * (factor.low + factor.high), factor.high])
            rows[:, factor.column] = rng.choice(ends, len(rows))
    rows = space.snap(rows)
    return np.asarray(rows[space.feasible(rows)])


def _with(runs: Runs, cube: Array) -> Runs:
    """Return the runs with further ones, without results."""
    extra = np.tile(np.median(runs.rows[:, runs.space.dim :], axis=0), (len(cube), 1))
    rows = np.vstack([runs.rows, np.hstack([cube, extra])])
    first = int(runs.condition.max()) + 1
    return replace(
        runs,
        rows=rows,
        y=np.zeros(len(rows)),
        condition=np.concatenate([runs.condition, np.arange(first, first + len(cube))]),
        circumstances=(),
        plot=None,
    )


def _separable(runs: Runs, questions: dict[Term, list[Question]]) -> list[Term]:
    """Return the terms whose every question is estimable beside all main effects and all the other terms."""
    mains = first_order(runs)
    design = Design(runs, basis_of(runs), mains, [])
    terms = list(dict.fromkeys([*mains, *questions]))
    model = design.fit(terms)
    inflated = {term: inflation(design, model, terms, term, asked) for term, asked in questions.items()}
    return [term for term, each in inflated.items() if each is not None and each <= INFLATED]


def _chosen(runs: Runs, pool: Array, wanted: Sequence[Term], most: int) -> list[int]:
    basis = basis_of(runs)
    terms = list(dict.fromkeys([*first_order(runs), *wanted]))
    x = basis.matrix(terms, runs.rows)
    rows = basis.matrix(terms, np.hstack([pool, np.zeros((len(pool), runs.rows.shape[1] - pool.shape[1]))]))
    inverse = np.asarray(np.linalg.inv(x.T @ x + _RIDGE * np.eye(x.shape[1])), dtype=np.float64)
    region = Region(runs)
    questions = {term: questions_of(runs, region, [term]) for term in wanted}
    chosen: list[int] = []
    while len(chosen) < min(most, len(pool)):
        gain = np.einsum("ij,jk,ik->i", rows, inverse, rows)
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        inverse = _added(inverse, rows[best])
        if _all_separable(runs, pool[chosen], questions):
            break
    return _without_superfluous(runs, pool, chosen, questions)


def _added(inverse: Array, row: Array) -> Array:
    """Return (M + x x')^-1 by Sherman and Morrison."""
    v = inverse @ row
    return np.asarray(inverse - np.outer(v, v) / (1.0 + row @ v))


def _all_separable(runs: Runs, cube: Array, questions: dict[Term, list[Question]]) -> bool:
    return len(_separable(_with(runs, cube), questions)) == len(questions)


def _without_superfluous(
    runs: Runs, pool: Array, chosen: list[int], questions: dict[Term, list[Question]]
) -> list[int]:
    if not _all_separable(runs, pool[chosen], questions):
        return chosen
    for place in list(chosen):
        fewer = [each for each in chosen if each != place]
        if fewer and _all_separable(runs, pool[fewer], questions):
            chosen = fewer
    return chosen
