"""Effects with intervals, from a linear model and from the surrogate, and which of them may be claimed.

Both models answer the same questions (`questions`). The linear model is the largest of

    full second order  >  main effects and interactions  >  main effects

all of whose terms the conditions can tell apart, with at least `SPARE` degrees of freedom for the error; a term beyond
it is estimated in that model plus the term itself. What is hard to change is judged between whole plots (`plots`).
The surrogate's answer is the mixture over its hyperparameters of the exact normal posterior of w'f(points).

An effect is *found* if it is separable (`estimability`), the linear model's 90 % interval excludes 0, the surrogate's
is not on the other side of 0 (and excludes 0 too where the effect is only conditionally estimable), and its sign is
stable: of `HALVES` random splits of the conditions into two halves, at most `FLIPS` have halves that disagree about
it. A half is fitted with the same model where it can carry that, else with the main effects and the effect's own term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import fdtrc

from labloop.insight.estimability import Design, Estimability, Verdict
from labloop.insight.linear import Contrast, Fit, fit
from labloop.insight.plots import Between, between, is_between, within
from labloop.insight.posterior import Posterior, quantiles
from labloop.insight.questions import Question, Region
from labloop.insight.runs import Array, Bools, Circumstance, Runs
from labloop.insight.terms import Term
from labloop.records import Origin

__all__ = ["FLIPS", "HALVES", "Effect", "Interval", "Ladder", "effects", "evidence_of", "ladder"]

SPARE = 4
HALVES = 200
FLIPS = 0.1

Standing = Literal["found", "not seen", "unstable", "not estimable yet"]
Evidence = Literal["randomised", "set, not randomised", "only observed"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 90 % interval."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the sign is certain at this level."""
        return self.low > 0 or self.high < 0

    def against(self, sign: float) -> bool:
        """Whether the interval lies on the other side of 0."""
        return self.high < 0 if sign > 0 else self.low > 0


@dataclass(frozen=True)
class Effect:
    """One answer.

    Attributes
    ----------
    term, name, compares : what was asked.
    linear, p : the linear model's estimate and the probability of a larger one by chance; None if not separable.
    surrogate : the surrogate's answer to the same question; None if not separable or without a surrogate.
    flips : the share of splits whose halves disagree about the sign.
    standing : found, not seen, unstable, not estimable yet.
    evidence : how the factors came to their values.
    conditional : the effect holds only if others are nil (see the verdict).
    says : the whole in a sentence.
    """

    term: Term
    name: str
    compares: str
    linear: Interval | None
    p: float | None
    surrogate: Interval | None
    flips: float | None
    standing: Standing
    evidence: Evidence
    conditional: bool
    says: str


@dataclass(frozen=True)
class Ladder:
    """The linear model that the data can carry; ``blocks`` are circumstances that clearly mattered."""

    design: Design
    terms: tuple[Term, ...]
    fit: Fit
    order: Literal["second order", "main effects and interactions", "main effects"]
    blocks: tuple[Term, ...]
    between: Between | None = None

    def contrast(self, question: Question) -> Contrast | None:
        """Return the answer to a question; None where the experiments do not determine it or its error."""
        term = question.term
        if is_between(self.design.runs, term):
            own = self.between if self.between and term in self.between.terms else None
            own = own or between(self.design, [*self.terms, term])
            return own.contrast(question) if own else None
        terms, fitted = self.beside(term)
        c = self.design.contrast(terms, question)
        return fitted.contrast(c) if fitted.estimable(c) and fitted.error[1] else None

    def beside(self, term: Term) -> tuple[list[Term], Fit]:
        """Return the terms and the fit in which a term is estimated."""
        if term in self.terms:
            return list(self.terms), self.fit
        terms = [*self.terms, term]
        return terms, _fitted(self.design, terms)


def ladder(design: Design, region: Region) -> Ladder:
    """Choose the linear model; a declared circumstance (day, plate) stays in it if it explains something."""
    pairs = [each for each in design.seconds if each.kind == "interaction"]
    steps: list[tuple[Literal["second order", "main effects and interactions", "main effects"], list[Term]]] = [
        ("second order", [*design.mains, *design.seconds]),
        ("main effects and interactions", [*design.mains, *pairs]),
        ("main effects", list(design.mains)),
    ]
    for order, terms in steps:
        found = _fitted(design, terms)
        whole = found.rank == design.parameters(terms, region)
        if (whole and found.df >= SPARE) or order == "main effects":
            break
    blocks = [Term("circumstance", (each.name,)) for each in design.runs.circumstances if _matters(design, found, each)]
    blocks += within(design.runs)
    if blocks:
        found = _fitted(design, [*terms, *blocks])
    return Ladder(design, (*terms, *blocks), found, order, tuple(blocks), between(design, terms))


def _fitted(design: Design, terms: Sequence[Term]) -> Fit:
    x = design.basis.matrix(terms, design.runs.rows, measured=True)
    return fit(x, design.runs.y, design.runs.condition)


def _matters(design: Design, base: Fit, circumstance: Circumstance) -> bool:
    """Whether a declared circumstance explains more than chance (p < 0.05) of what the model leaves over."""
    if not circumstance.declared:
        return False
    more = fit(np.hstack([base.x, circumstance.columns()]), design.runs.y, design.runs.condition)
    df = more.rank - base.rank
    if df == 0 or more.df < SPARE or more.residual_ss <= 0:
        return False
    f = (base.residual_ss - more.residual_ss) / df / (more.residual_ss / more.df)
    return bool(fdtrc(df, more.df, f) < 0.05)


def effects(
    found: Estimability, model: Ladder, posterior: Posterior | None, questions: Sequence[Question], seed: int
) -> list[Effect]:
    """Answer all questions."""
    answers = surrogate_answers(posterior, questions) if posterior is not None else [None] * len(questions)
    splits = _splits(found.runs, seed)
    made = []
    flips_of: dict[Term, Array] = {}
    for question, answer in zip(questions, answers, strict=True):
        verdict = found.of(question.term)
        evidence = evidence_of(found.runs, question.term)
        contrast = model.contrast(question) if verdict.separable else None
        if contrast is None:
            made.append(_abstained(question, verdict, evidence, plots=is_between(found.runs, question.term)))
            continue
        if question.term not in flips_of:
            own = [each for each in questions if each.term == question.term]
            flips_of[question.term] = _flips(model, question.term, own, splits)
        place = [each for each in questions if each.term == question.term].index(question)
        made.append(_answered(question, verdict, contrast, answer, float(flips_of[question.term][place]), evidence))
    return made


def surrogate_answers(posterior: Posterior, questions: Sequence[Question]) -> list[Interval | None]:
    """Answer questions by the surrogate; those on the same points share one factorisation."""
    groups: dict[bytes, list[int]] = {}
    for i, question in enumerate(questions):
        groups.setdefault(question.points.tobytes(), []).append(i)
    found: list[Interval | None] = [None] * len(questions)
    for members in groups.values():
        weights = np.stack([questions[i].weights for i in members])
        means, covariance = posterior.sums(questions[members[0]].points, weights)
        variances = np.einsum("pqq->pq", covariance)
        low, high = quantiles(means, variances, (0.05, 0.95))
        for place, i in enumerate(members):
            found[i] = Interval(float(means[:, place].mean()), float(low[place]), float(high[place]))
    return found


def _splits(runs: Runs, seed: int) -> list[tuple[Bools, Bools]]:
    """Return random splits of the conditions into halves, replicates together, as masks."""
    rng = np.random.default_rng(seed)
    _, codes = np.unique(runs.condition, return_inverse=True)
    codes = codes.reshape(-1)
    count = int(codes.max()) + 1
    found = []
    for _ in range(HALVES):
        first = np.zeros(count, dtype=np.bool_)
        first[rng.permutation(count)[: count // 2]] = True
        found.append((first[codes], ~first[codes]))
    return found


def _flips(model: Ladder, term: Term, questions: Sequence[Question], splits: Sequence[tuple[Bools, Bools]]) -> Array:
    """Return for each question about a term the share of splits whose halves disagree about its sign."""
    terms, fitted = model.beside(term)
    runs = model.design.runs
    if is_between(runs, term):
        terms, fitted = model.design.with_own(term)
    elif fitted.rank + SPARE > runs.conditions // 2:
        terms = [*model.design.with_own(term)[0], *within(runs)]
        fitted = _fitted(model.design, terms)
    contrasts = np.stack([model.design.contrast(terms, each) for each in questions])
    # In the coordinates of the row space, halves that determine less are answered by the shortest solution.
    scores = (fitted.x / fitted.size) @ fitted.v
    asked = (contrasts / fitted.size) @ fitted.v
    disagree = np.zeros(len(contrasts))
    for halves in splits:
        signs = [np.sign(asked @ np.linalg.lstsq(scores[mask], fitted.y[mask], rcond=1e-9)[0]) for mask in halves]
        disagree += signs[0] != signs[1]
    return disagree / len(splits)


def evidence_of(runs: Runs, term: Term) -> Evidence:
    """Say how the factors of a term came to their values.

    Randomised: nine in ten measurements come from a design, whose run order is drawn by lot. Set: somebody or
    the planner chose the conditions, with earlier results in view. Only observed: a covariate takes part.
    """
    if any(runs.factor(name).kind == "covariate" for name in term.names):
        return "only observed"
    designed = sum(origin is Origin.DESIGN for origin in runs.origins)
    return "randomised" if designed >= 0.9 * len(runs) else "set, not randomised"


def _abstained(question: Question, verdict: Verdict, evidence: Evidence, *, plots: bool) -> Effect:
    why = "There are too few whole plots" if plots else "There are too few experiments"
    why = verdict.says if not verdict.separable else f"{why} to know the error."
    return Effect(
        question.term,
        question.name,
        question.says,
        None,
        None,
        None,
        None,
        "not estimable yet",
        evidence,
        False,
        f"{question.name}: not estimable yet. {why}",
    )


def _answered(
    question: Question,
    verdict: Verdict,
    contrast: Contrast,
    answer: Interval | None,
    flips: float,
    evidence: Evidence,
) -> Effect:
    linear = Interval(contrast.estimate, contrast.low, contrast.high)
    sign = float(np.sign(contrast.estimate))
    standing: Standing = "not seen"
    conditional = verdict.grade == "conditional"
    if linear.excludes_zero:
        agreed = answer is None or ((answer.excludes_zero if conditional else True) and not answer.against(sign))
        standing = "found" if flips <= FLIPS and agreed else "unstable"
    says = _sentence(question, linear, standing, evidence, flips)
    return Effect(
        question.term,
        question.name,
        question.says,
        linear,
        contrast.p,
        answer,
        flips,
        standing,
        evidence,
        conditional,
        says,
    )


def _sentence(question: Question, linear: Interval, standing: Standing, evidence: Evidence, flips: float) -> str:
    span = f"{linear.estimate:+.3g} ({linear.low:.3g} to {linear.high:.3g})"
    if standing == "not seen":
        return f"{question.name}: no effect seen, {span}."
    if standing == "unstable":
        why = (
            f"its sign differs between halves of the data {100 * flips:.0f} times in 100"
            if flips > FLIPS
            else "the surrogate does not see it"
        )
        return f"{question.name}: {span}, but {why}: not claimed."
    if evidence == "only observed":
        return f"{question.name}: goes along with {span}; it was only observed, so this is no cause."
    return f"{question.name}: {span}."
