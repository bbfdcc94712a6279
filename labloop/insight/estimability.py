"""Which effects the experiments that were run can tell apart, before anybody looks at a result.

Notation: X the model matrix of the main effects with a constant, Z the columns of one effect's own term, C those of
a circumstance, W those of all second-order terms. Each question has a contrast c (see `questions`).

* An effect is *clear* if c is in the row space of [X W] and its variance inflation there is at most `INFLATED`.
* It is *conditional* if that holds in [X Z] only: it is estimable if the effects it is entangled with are nil. They
  are named with their correlations after the main effects are taken out (the alias matrix, in words).
* It is *inseparable* if c is not in the row space of [X Z], or its inflation there is above `HOPELESS`, or its own
  column is the circumstance's: R2 of Z on C at least `SAME`; and, for an interaction or a curvature, if R2 on another
  such term is as large. A main effect that is the twin of an interaction stays conditional: that the interaction is
  nil is the assumption behind every screening design, and it is said. The columns that reproduce it are named: the null
  space of the information matrix X'X, one vector after the other, shortest first.

Variance inflation is var(c'b) in a model against var(c'b) in the model of the effect's own term alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from labloop.insight.coverage import Hub, Quadrants, hub_of, quadrants_of
from labloop.insight.linear import Fit, fit
from labloop.insight.plots import between, is_between, plots_note
from labloop.insight.questions import Question, Region, questions_of
from labloop.insight.runs import PLOT, Array, Runs
from labloop.insight.terms import Basis, Term, basis_of, first_order, second_order

__all__ = ["Design", "Estimability", "Partner", "Verdict", "estimability", "grade", "inflation"]

INFLATED = 10.0
HOPELESS = 100.0
SAME = 0.99
TELLING = 0.3
_MOST_PARTNERS = 3
_EVERYWHERE = 256

Grade = Literal["clear", "conditional", "inseparable", "never varied"]


@dataclass(frozen=True)
class Partner:
    """A term or circumstance that an effect is entangled with, and the correlation of their columns."""

    name: str
    correlation: float


@dataclass(frozen=True)
class Verdict:
    """Whether one term can be told apart.

    ``vif`` is its variance inflation in the model of the main effects and itself, ``vif_full`` in the full
    second-order model (None: not estimable there); ``partners`` what it is entangled with; ``circumstances`` those
    it goes along with; ``says`` the whole in a sentence.
    """

    term: Term
    grade: Grade
    vif: float | None
    vif_full: float | None
    partners: tuple[Partner, ...]
    circumstances: tuple[Partner, ...]
    says: str

    @property
    def separable(self) -> bool:
        """Whether an estimate of it may be reported at all."""
        return self.grade in ("clear", "conditional")


@dataclass(frozen=True)
class Estimability:
    """Everything about what can be told apart.

    ``parameters`` and ``rank`` are those of the full second-order model, ``conditions`` how many different
    conditions were run, ``smallest`` the smallest eigenvalue of the main effects' information matrix with columns
    of norm 1 (0: some cannot be told apart).
    """

    runs: Runs
    verdicts: tuple[Verdict, ...]
    quadrants: tuple[Quadrants, ...]
    hub: Hub | None
    conditions: int
    parameters: int
    rank: int
    smallest: float
    notes: tuple[str, ...]

    def of(self, term: Term) -> Verdict:
        """Return the verdict about a term."""
        return next(each for each in self.verdicts if each.term == term)

    @property
    def unresolved(self) -> tuple[Verdict, ...]:
        """The terms that cannot be told apart."""
        return tuple(each for each in self.verdicts if each.grade == "inseparable")


def estimability(runs: Runs) -> Estimability:
    """Say what can be told apart from the experiments run."""
    basis, mains, seconds = basis_of(runs), first_order(runs), second_order(runs)
    region = Region(runs)
    design = Design(runs, basis, mains, seconds)
    verdicts = [grade(design, term, questions_of(runs, region, [term])) for term in [*mains, *seconds]]
    still = [each for each in runs.factors if not each.varies]
    verdicts += [
        Verdict(Term("main", (each.name,)), "never varied", None, None, (), (), f"{each.name} never varied.")
        for each in still
    ]
    hub = hub_of(runs)
    eigenvalues = np.linalg.eigvalsh(_correlations(design.x))
    parameters = design.parameters([*mains, *seconds], region)
    return Estimability(
        runs,
        tuple(verdicts),
        tuple(quadrants_of(runs)),
        hub,
        runs.conditions,
        parameters,
        design.full.rank,
        float(max(eigenvalues[0], 0.0)),
        tuple(_notes(design, hub)),
    )


class Design:
    """The model matrices of a set of runs."""

    def __init__(self, runs: Runs, basis: Basis, mains: Sequence[Term], seconds: Sequence[Term]) -> None:
        self.runs, self.basis, self.mains, self.seconds = runs, basis, tuple(mains), tuple(seconds)
        self.x = basis.matrix(self.mains, runs.rows)
        self.first = self.fit(self.mains)
        self.full = self.fit([*self.mains, *self.seconds])

    def fit(self, terms: Sequence[Term]) -> Fit:
        """Fit a model without circumstances."""
        return fit(self.basis.matrix(terms, self.runs.rows), self.runs.y, self.runs.condition)

    def with_own(self, term: Term) -> tuple[list[Term], Fit]:
        """Return the model of the main effects and one term."""
        if term in self.mains:
            return list(self.mains), self.first
        terms = [*self.mains, term]
        return terms, self.fit(terms)

    def alone(self, term: Term) -> Fit:
        """Return the model of one term alone (an interaction or quadratic: centred by its constant)."""
        return self.fit([term])

    def parameters(self, terms: Sequence[Term], region: Region) -> int:
        """Return how many parameters a model has: its rank if everything in the region explored were run."""
        columns = self.basis.matrix(terms, region.base[:1]).shape[1]
        rows = region.points(max(_EVERYWHERE, 4 * columns), 1)
        return fit(self.basis.matrix(terms, rows), np.zeros(len(rows)), np.arange(len(rows))).rank

    def contrast(self, terms: Sequence[Term], question: Question) -> Array:
        """Return c = w'X(points)."""
        return np.asarray(question.weights @ self.basis.matrix(terms, question.points))


def grade(design: Design, term: Term, questions: Sequence[Question]) -> Verdict:
    """Grade one term by the worst of its questions."""
    terms, own = design.with_own(term)
    vif = inflation(design, own, terms, term, questions)
    full = [*design.mains, *design.seconds]
    vif_full = inflation(design, design.full, full, term, questions)
    along = _circumstances(design, term)
    same = [each for each in along if each.correlation**2 >= SAME]
    declared = {each.name for each in design.runs.circumstances if each.declared}
    if vif is None or vif > HOPELESS or any(each.name in declared for each in same):
        partners = _reproducing(design, term) if vif is None or vif > HOPELESS else ()
        return Verdict(term, "inseparable", vif, vif_full, partners, along, _inseparable(design, term, partners, same))
    if vif_full is not None and vif_full <= INFLATED and not same:
        return Verdict(term, "clear", vif, vif_full, (), along, _clear(term, along))
    partners = _entangled(design, term)
    twins = tuple(each for each in partners if each.correlation**2 >= SAME)
    if twins and term.kind != "main":
        says = f"{term} cannot be separated from {_words(twins)}."
        return Verdict(term, "inseparable", vif, vif_full, twins, along, says)
    return Verdict(term, "conditional", vif, vif_full, partners, along, _conditional(design, term, partners, same, vif))


def inflation(
    design: Design, model: Fit, terms: Sequence[Term], term: Term, questions: Sequence[Question]
) -> float | None:
    """Return the worst variance inflation over a term's questions; None where one is not estimable."""
    if not questions:  # too many cells to ask about one by one: whether the term adds what it should to the rank
        rest = [each for each in terms if each != term]
        gained = model.rank - design.fit(rest).rank
        needed = np.prod([max(len(design.runs.factor(name).seen) - 1, 1) for name in term.names])
        return 1.0 if gained >= needed else None
    alone, worst = design.alone(term), 0.0
    for question in questions:
        c = design.contrast(terms, question)
        if not model.estimable(c):
            return None
        base = alone.unscaled(design.contrast([term], question))
        worst = max(worst, model.unscaled(c) / base if base > 0 else np.inf)
    return float(worst)


def _adjusted(design: Design, term: Term, without: Term) -> Array:
    """Return the columns of a term with all main effects but ``without`` taken out."""
    others = [each for each in design.mains if each != without]
    return _without(design.basis.deviations(term, design.runs.rows), design.basis.matrix(others, design.runs.rows))


def _without(columns: Array, base: Array) -> Array:
    u, s, _ = np.linalg.svd(base, full_matrices=False)
    u = u[:, s > 1e-9 * s[0]]
    return np.asarray(columns - u @ (u.T @ columns))


def _circumstances(design: Design, term: Term) -> tuple[Partner, ...]:
    """Return the circumstances that a term goes along with, with the multiple correlation of its columns on theirs."""
    columns = design.basis.columns(term, design.runs.rows)
    columns = columns - columns.mean(axis=0)
    total = float(np.sum(columns**2))
    found = []
    for each in design.runs.circumstances if total > 0 else ():
        if each.name == PLOT and is_between(design.runs, term):
            continue
        other = each.columns()
        share = 1.0 - float(np.sum(_without(columns, other) ** 2)) / total
        adjusted = _beyond_chance(share, other, len(columns) - 1)
        if adjusted**0.5 > TELLING:
            found.append(Partner(each.name, adjusted**0.5))
    return tuple(sorted(found, key=lambda each: -each.correlation)[:_MOST_PARTNERS])


def _beyond_chance(share: float, columns: Array, freedom: int) -> float:
    """Return a share that columns reproduce without what that many would by chance; all of it where it is exact.

    The adjusted R2; many labels reproduce anything a little, and as many as there are runs anything at all.
    """
    used = int(np.linalg.matrix_rank(columns))
    if used > 1 and 2 * used > freedom:
        return 0.0
    if share > 1 - 1e-9 or used >= freedom:
        return share if share > 1 - 1e-9 else 0.0
    chance = used / freedom
    return max((share - chance) / (1 - chance), 0.0)


def _reproducing(design: Design, term: Term) -> tuple[Partner, ...]:
    """Return the fewest other columns that reproduce a term's: orthogonal matching pursuit over the main effects."""
    own = design.basis.columns(term, design.runs.rows)
    own = own - own.mean(axis=0)
    j = int(np.argmax(np.sum(own**2, axis=0)))
    target = own[:, j]
    if float(np.sum(target**2)) < 1e-16:
        return ()
    rest = [each for each in design.mains if each != term]
    chosen: list[Term] = []
    residual = target
    while rest and len(chosen) < _MOST_PARTNERS + 1:
        shares = [_explained(design.basis.columns(each, design.runs.rows), residual) for each in rest]
        best = int(np.argmax(shares))
        chosen.append(rest.pop(best))
        residual = _without(target[:, None], design.basis.matrix(chosen, design.runs.rows))[:, 0]
        if float(np.sum(residual**2)) < 1e-6 * float(np.sum(target**2)):
            break
    return tuple(
        Partner(str(each), _explained(design.basis.columns(each, design.runs.rows), target) ** 0.5) for each in chosen
    )


def _explained(columns: Array, target: Array) -> float:
    """Return the share of a centred column that others (centred) reproduce."""
    centred = columns - columns.mean(axis=0)
    total = float(np.sum((target - target.mean()) ** 2))
    if total <= 0:
        return 0.0
    left = _without((target - target.mean())[:, None], np.hstack([np.ones((len(target), 1)), centred]))
    return float(np.clip(1.0 - np.sum(left**2) / total, 0.0, 1.0))


def _entangled(design: Design, term: Term) -> tuple[Partner, ...]:
    """Return the second-order terms whose columns go along with a term's, the other main effects taken out of both."""
    own = _adjusted(design, term, term)
    total = float(np.sum(own**2))
    found = []
    for other in design.seconds:
        if other == term or total < 1e-12:
            continue
        theirs = _adjusted(design, other, term)
        kept = theirs[:, np.sum(theirs**2, axis=0) > 1e-12]
        if not kept.shape[1]:
            continue
        share = 1.0 - float(np.sum(_without(own, kept) ** 2)) / total
        adjusted = _beyond_chance(share, kept, len(own) - design.first.rank)
        if adjusted**0.5 > TELLING:
            found.append(Partner(str(other), adjusted**0.5))
    return tuple(sorted(found, key=lambda each: -each.correlation)[:_MOST_PARTNERS])


def _words(partners: Sequence[Partner]) -> str:
    names = [each.name for each in partners]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _inseparable(design: Design, term: Term, partners: Sequence[Partner], same: Sequence[Partner]) -> str:
    if same:
        return f"{term} cannot be separated from {_words(same)}: whenever one changed, so did the other."
    factors = [design.runs.factor(name) for name in term.names]
    if term.kind == "interaction" and all(each.kind == "choice" for each in factors):
        a, b = (np.searchsorted(np.array(each.seen), each.option(design.runs.rows)) for each in factors)
        filled, cells = len(set(zip(a.tolist(), b.tolist(), strict=True))), len(factors[0].seen) * len(factors[1].seen)
        if filled < cells:
            return f"{term} cannot be told apart: only {filled} of its {cells} combinations were run."
    if term.kind == "interaction" and {each.name for each in partners} <= set(term.names):
        return f"{term} cannot be told apart: one was held whenever the other moved."
    if partners:
        return f"{term} cannot be separated from {_words(partners)}."
    return f"{term} cannot be told apart from the effects of the others."


def _clear(term: Term, along: Sequence[Partner]) -> str:
    if not along:
        return f"{term} is clear of every other effect."
    first = along[0]
    return f"{term} is clear of every other effect, but went along with {first.name} (r = {first.correlation:.2f})."


def _conditional(design: Design, term: Term, partners: Sequence[Partner], same: Sequence[Partner], vif: float) -> str:
    if same:
        return f"{term} is estimable only if {_words(same)} makes no difference: they changed together."
    tail = f" (variance inflated {vif:.0f} times)" if vif > INFLATED else ""
    if partners:
        listed = ", ".join(f"{each.name} ({each.correlation:.2f})" for each in partners)
        return f"{term} is estimable only if these are nil: {listed}{tail}."
    if design.runs.conditions <= design.full.x.shape[1]:
        return f"{term} is estimable only if most of the other interactions and curvatures are nil{tail}."
    return f"{term} is estimable, with a wide interval{tail}."


def _correlations(x: Array) -> Array:
    columns = x[:, 1:] - x[:, 1:].mean(axis=0)
    size = np.linalg.norm(columns, axis=0)
    columns = columns[:, size > 1e-12] / size[size > 1e-12]
    return np.asarray(columns.T @ columns) if columns.shape[1] else np.ones((1, 1))


def _notes(design: Design, hub: Hub | None) -> list[str]:
    notes, runs = [], design.runs
    if told := plots_note(runs, between(design, design.mains)):
        notes.append(told)
    if hub is not None and hub.shows:
        notes.append(
            f"{100 * hub.share:.0f} % of the experiments differ from experiment {hub.experiment} in one factor only: "
            f"one factor at a time cannot see an interaction, however many experiments are run that way."
        )
    declared = [each.name for each in runs.circumstances if each.declared]
    if not declared:
        notes.append(
            "No day, plate, block or operator is on record, so nobody can say whether an effect is theirs: add a "
            "column for it to the sheet."
        )
    if len(runs) == runs.conditions:
        notes.append("No condition was repeated: the noise is known only as what the model leaves over.")
    return notes
