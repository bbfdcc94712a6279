"""Ask what the experiments of a campaign say: what can be told apart, what was learnt, whether to believe the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labloop.errors import InvalidInput
from labloop.loop.campaigns import spec_of
from labloop.records import Experiment, Origin
from labloop.spec.models import Limit, Spec
from labloop.store import Store

if TYPE_CHECKING:
    # These bring NumPy, SciPy and the planner along; whoever only looks must not wait for them.
    from labloop.insight.augment import Extra
    from labloop.insight.estimability import Estimability
    from labloop.insight.explain import Explanation
    from labloop.insight.region import OperatingRegion
    from labloop.insight.validation import Check
    from labloop.loop.design import Taken

__all__ = ["Resolved", "check_model", "estimability", "explain", "region"]


@dataclass(frozen=True)
class Resolved:
    """What can be told apart, the experiments that would resolve the rest, and those that were added for it."""

    found: Estimability
    extra: Extra
    added: Taken | None


def estimability(store: Store, name: str, outcome: str | None = None, *, accept: bool = False) -> Resolved:
    """Say which effects can be told apart from the experiments with results, and which further ones would help.

    Parameters
    ----------
    outcome : whose measurements count; the first objective if not given.
    accept : add the further experiments to the campaign, as a design in random order.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If the campaign has no such outcome, or it was not measured yet.
    NothingToSuggest
        If further experiments are needed and none is left.
    """
    from labloop.insight.augment import extra_runs
    from labloop.insight.estimability import estimability as told_apart
    from labloop.insight.runs import outcome_of, runs_of

    spec, experiments = _read(store, name)
    found = told_apart(runs_of(spec, experiments, outcome_of(spec, outcome)))
    extra = extra_runs(found, seed=spec.planner.seed)
    added = None
    if accept and extra.conditions:
        from labloop.loop.design import take

        reason = f"Run to tell apart: {', '.join(extra.resolves)}" if extra.resolves else "Run to tell effects apart"
        added = take(store, name, extra.conditions, kind="resolving", reason=f"{reason[:200]}.")
    return Resolved(found, extra, added)


def explain(store: Store, name: str, outcome: str | None = None, *, pictures: bool = True) -> Explanation:
    """Say what has been learnt about an outcome.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If the campaign has no such outcome, or it was not measured yet.
    PlannerError
        If nothing varied.
    """
    from labloop.insight.explain import explain as explained
    from labloop.insight.runs import outcome_of, runs_of

    spec, experiments = _read(store, name)
    runs = runs_of(spec, experiments, outcome_of(spec, outcome))
    return explained(runs, seed=spec.planner.seed, pictures=pictures)


def check_model(store: Store, name: str, outcome: str | None = None) -> Check:
    """Check whether the model of an outcome may be believed, and what for.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If the campaign has no such outcome, or it was measured under too few conditions.
    """
    from labloop.insight.runs import outcome_of, runs_of
    from labloop.insight.validation import check_model as checked

    spec, experiments = _read(store, name)
    return checked(runs_of(spec, experiments, outcome_of(spec, outcome)), seed=spec.planner.seed)


def region(store: Store, name: str, goals: Sequence[str] = (), *, probability: float = 0.9) -> OperatingRegion:
    """Find the conditions that meet the goals with a probability, and how far each factor may drift.

    Parameters
    ----------
    goals : lines such as ``yield >= 80``; for objectives without one, what the best tenth reached.
    probability : that the true mean holds all goals and limits, between 0 and 1.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidInput
        If a goal is no such line, names no outcome, or its outcome was not measured yet.
    PlannerError
        If an outcome cannot be modelled.
    """
    from labloop.insight.region import goals_of, operating_region
    from labloop.insight.runs import outcome_of

    if not 0 < probability < 1:
        raise InvalidInput(f"the probability is {probability:g}, expected a number between 0 and 1", hint="such as 0.9")
    spec, experiments = _read(store, name)
    asked = [_goal(line) for line in goals]
    for each in asked:
        outcome_of(spec, each.outcome)
    found = goals_of(spec, asked, experiments)
    return operating_region(spec, experiments, found, probability=probability, seed=spec.planner.seed)


def _goal(line: str) -> Limit:
    from pydantic import ValidationError

    try:
        return Limit(limit=line)
    except ValidationError as error:
        raise InvalidInput(f"{line!r} is not a goal", hint="write for instance: 'yield >= 80'", field="goal") from error


def _read(store: Store, name: str) -> tuple[Spec, tuple[Experiment, ...]]:
    from labloop.loop.design import unordered, whole_plots

    with store.read() as snapshot:
        row = snapshot.campaign(name)
        fixed, plots = unordered(snapshot, row), whole_plots(snapshot, row)
        measured = tuple(each for each in snapshot.experiments(row) if each.observations)
    # A design that kept its printed order is no evidence of a randomised one.
    told = (
        replace(each, origin=Origin.MANUAL) if each.number in fixed and each.origin is Origin.DESIGN else each
        for each in measured
    )
    return spec_of(row), tuple(_plotted(each, plots[each.number]) if each.number in plots else each for each in told)


def _plotted(experiment: Experiment, plot: str) -> Experiment:
    """Return an experiment with the whole plot that the ledger has it in, whatever came back on the sheet."""
    observations = tuple(replace(each, extra={**each.extra, "whole plot": plot}) for each in experiment.observations)
    return replace(experiment, observations=observations)
