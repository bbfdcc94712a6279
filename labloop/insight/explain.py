"""What has been learnt about one outcome: effects, interactions and curvature with intervals, or 'not yet'."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labloop.errors import PlannerError
from labloop.insight.curves import Contour, Curve, Interplay, contour, curve, interplay, slice_through
from labloop.insight.effects import Effect, Evidence, Ladder, effects, evidence_of, ladder
from labloop.insight.estimability import Design, Estimability, estimability
from labloop.insight.linear import AnovaRow, LackOfFit, anova
from labloop.insight.plots import plots_note
from labloop.insight.posterior import Posterior, fit
from labloop.insight.questions import Region, questions_of
from labloop.insight.runs import PLOT, Array, Factor, Runs
from labloop.insight.sobol import Shares, variance_shares
from labloop.insight.terms import Term, basis_of, first_order, second_order
from labloop.spec.models import Objective

__all__ = ["Explanation", "Linear", "explain"]

_PAIRS = 6
_CHANCE = 0.05


@dataclass(frozen=True)
class Linear:
    """The linear model behind the estimates, and how well it holds."""

    order: str
    terms: int
    df: int
    error_sd: float
    r_squared: float
    lack_of_fit: LackOfFit
    anova: tuple[AnovaRow, ...]
    residuals: tuple[tuple[int, float, float], ...]
    """(experiment, fitted, residual), in the outcome's unit."""


@dataclass(frozen=True)
class Explanation:
    """Everything that `labloop explain` says about one outcome.

    ``evidence`` is by factor; ``best`` is the measured condition that slices go through; ``chance`` the number of
    effects that would be claimed by chance if all were nil, at most.
    """

    runs: Runs
    outcome: str
    unit: str | None
    measurements: int
    conditions: int
    estimability: Estimability
    linear: Linear
    effects: tuple[Effect, ...]
    shares: Shares | None
    noise: float | None
    curves: tuple[Curve, ...]
    slices: tuple[Curve, ...]
    interplays: tuple[Interplay, ...]
    contours: tuple[Contour, ...]
    evidence: dict[str, Evidence]
    best: int
    chance: float
    notes: tuple[str, ...]

    @property
    def found(self) -> tuple[Effect, ...]:
        """The effects that may be claimed, the largest first."""
        claimed = [each for each in self.effects if each.standing == "found" and each.linear is not None]
        return tuple(sorted(claimed, key=lambda each: -abs(each.linear.estimate if each.linear else 0.0)))


def explain(runs: Runs, *, seed: int = 0, pictures: bool = True) -> Explanation:
    """Say what the measurements say.

    Parameters
    ----------
    runs : the measurements of one outcome.
    seed : everything random follows from it.
    pictures : also compute curves, slices and contours.

    Raises
    ------
    PlannerError
        If nothing varied.
    """
    if not runs.varied:
        raise PlannerError("no parameter varied between the experiments", hint="labloop estimability says what to run")
    rng = np.random.default_rng(seed)
    told = estimability(runs)
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    region = Region(runs, seed)
    model = ladder(design, region)
    posterior, notes = _surrogate(runs, rng)
    questions = questions_of(runs, region, [*design.mains, *design.seconds])
    answers = effects(told, model, posterior, questions, seed)
    shares = variance_shares(runs, region, posterior, rng) if posterior is not None else None
    if shares is not None:
        shares = _separable_only(shares, told)
    row = _best(runs)
    drawn = _pictures(runs, region, posterior, runs.rows[row], told, shares) if posterior and pictures else _Drawn()
    asked = sum(each.linear is not None for each in answers)
    outcome = runs.spec.outcomes[runs.outcome]
    return Explanation(
        runs,
        runs.outcome,
        outcome.unit,
        len(runs),
        runs.conditions,
        told,
        _linear(runs, model),
        tuple(answers),
        shares,
        posterior.noise if posterior else None,
        drawn.curves,
        drawn.slices,
        drawn.interplays,
        drawn.contours,
        {each.name: evidence_of(runs, Term("main", (each.name,))) for each in runs.varied},
        int(runs.number[row]),
        _CHANCE * asked,
        (*_model_notes(model), *notes),
    )


def _surrogate(runs: Runs, rng: np.random.Generator) -> tuple[Posterior | None, list[str]]:
    try:
        return fit(runs, rng, even=True), []
    except PlannerError as error:
        return None, [f"There is no surrogate: {error.message}."]


def _model_notes(model: Ladder) -> list[str]:
    notes = []
    named = [each.names[0] for each in model.blocks if each.names[0] != PLOT]
    if told := plots_note(model.design.runs, model.between):
        notes.append(told)
    if named:
        names = " and ".join(named)
        notes.append(f"The {names} made a difference, so it stands in the linear model: effects are within one.")
    if model.order != "second order":
        notes.append(
            f"The conditions run cannot carry all interactions and curvatures at once: the linear model has "
            f"{model.order}, and each further term is estimated beside it on its own."
        )
    return notes


def _separable_only(shares: Shares, told: Estimability) -> Shares:
    """Leave out the shares of pairs that cannot be told apart: there the surrogate would only repeat its prior."""
    separable = {frozenset(each.term.names) for each in told.verdicts if each.separable}
    return replace(shares, second=tuple(each for each in shares.second if frozenset(each.names) in separable))


def _best(runs: Runs) -> int:
    """Return the measurement that slices go through: the best of an objective, else the middle one."""
    outcome = runs.spec.outcomes[runs.outcome]
    if isinstance(outcome, Objective):
        return int(np.argmax([outcome.score(float(y)) for y in runs.y]))
    return int(np.argsort(runs.y)[len(runs) // 2])


def _linear(runs: Runs, model: Ladder) -> Linear:
    basis = model.design.basis
    order = [*model.blocks, *(each for each in model.terms if each.kind != "circumstance")]
    blocks = [(_title(each), basis.measured(each, runs.rows)) for each in order]
    fitted = model.fit
    rows = anova(blocks, runs.y, runs.condition)
    residuals = zip(runs.number.tolist(), fitted.fitted.tolist(), (runs.y - fitted.fitted).tolist(), strict=True)
    return Linear(
        model.order,
        fitted.rank,
        fitted.df,
        float(np.sqrt(fitted.error[0])),
        fitted.r_squared,
        fitted.lack_of_fit,
        tuple(rows),
        tuple(residuals),
    )


def _title(term: Term) -> str:
    return f"between {term.names[0]}s" if term.kind == "circumstance" else str(term)


@dataclass(frozen=True)
class _Drawn:
    curves: tuple[Curve, ...] = ()
    slices: tuple[Curve, ...] = ()
    interplays: tuple[Interplay, ...] = ()
    contours: tuple[Contour, ...] = ()


def _pictures(
    runs: Runs, region: Region, posterior: Posterior, row: Array, told: Estimability, shares: Shares | None
) -> _Drawn:
    set_ = [each for each in runs.varied if each.kind != "covariate"]
    pairs = _pairs(runs, told, shares)
    numbers = [(a, b) for a, b in pairs if a.kind != "choice" and b.kind != "choice"]
    unit = runs.spec.outcomes[runs.outcome].unit
    return _Drawn(
        tuple(curve(runs, region, posterior, each) for each in set_),
        tuple(slice_through(runs, region, posterior, each, row) for each in set_),
        tuple(interplay(runs, region, posterior, a, b) for a, b in pairs),
        tuple(contour(runs, region, posterior, pair, row, unit) for pair in numbers),
    )


def _pairs(runs: Runs, told: Estimability, shares: Shares | None) -> list[tuple[Factor, Factor]]:
    """Return the separable pairs that matter most, numbers along the axis."""
    named = [each.term.names for each in told.verdicts if each.term.kind == "interaction" and each.separable]
    if shares is not None and shares.second:
        weight = {frozenset(each.names): each.share for each in shares.second}
        named.sort(key=lambda names: -weight.get(frozenset(names), 0.0))
    found = []
    for names in named[:_PAIRS]:
        a, b = (runs.factor(name) for name in names)
        found.append((b, a) if a.kind == "choice" and b.kind != "choice" else (a, b))
    return found
