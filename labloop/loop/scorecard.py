"""The scorecard of a campaign: what was claimed in its proposals against what came of them.

Only what stands in the ledger is used: a prediction as it was frozen, the result that came afterwards (as amended),
and, for the baseline, what was known at the data head that the proposal carries. Nothing is fitted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from labloop.insight.scores import Card, Case, Known, judge
from labloop.loop.campaigns import spec_of
from labloop.loop.past import moments
from labloop.records import Experiment, LedgerEntry
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Store

__all__ = ["Scorecard", "scorecard"]


@dataclass(frozen=True)
class Scorecard:
    """One card an outcome; ``left_out`` counts proposed experiments that could not be scored, by reason."""

    row: CampaignRow
    cards: tuple[Card, ...]
    left_out: dict[str, int]


def scorecard(store: Store, name: str) -> Scorecard:
    """Score every frozen prediction whose result is in.

    Of replicates the first measurement counts: a prediction is of one new measurement.

    Raises
    ------
    NotFound
        If there is no such campaign.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        experiments = [each for each in snapshot.experiments(row) if each.batch is not None]
        entries = tuple(snapshot.entries(row))
    spec = spec_of(row)
    known = _known(spec, entries)
    cases: dict[str, list[Case]] = {outcome: [] for outcome in spec.outcomes}
    left_out: Counter[str] = Counter()
    for each in experiments:
        why = _unscored(spec, each)
        if why:
            left_out[why] += 1
            continue
        assert each.batch is not None
        for outcome in spec.outcomes:
            value = first_value(each, outcome)
            if value is not None and outcome in each.predictions:
                moment = known.get((each.batch, outcome), Known.of(()))
                cases[outcome].append(Case(each.number, each.batch, each.predictions[outcome], value, moment))
    cards = tuple(
        Card(outcome, declared.unit, tuple(judge(case, declared.range) for case in cases[outcome]))
        for outcome, declared in spec.outcomes.items()
        if cases[outcome] or outcome in spec.objectives
    )
    return Scorecard(row, cards, dict(left_out))


def first_value(experiment: Experiment, outcome: str) -> float | None:
    """Return the first measurement of an outcome; None where there is none."""
    return next((o.outcomes[outcome] for o in experiment.observations if outcome in o.outcomes), None)


def _unscored(spec: Spec, experiment: Experiment) -> str:
    """Say why an experiment cannot be scored; an empty text where it can."""
    if not experiment.predictions:
        return "proposed without a model"
    if not any(first_value(experiment, outcome) is not None for outcome in spec.outcomes):
        return experiment.status.value
    if dict(experiment.executed) != dict(experiment.planned):
        return "run under other conditions than predicted"
    return ""


def _known(spec: Spec, entries: tuple[LedgerEntry, ...]) -> dict[tuple[int, str], Known]:
    """Return what was known of each outcome when each batch was proposed."""
    batches: dict[int, list[int]] = {}
    for entry in entries:
        if entry.kind == "proposed" and "data" in entry.payload:
            batches.setdefault(entry.payload["data"]["sequence"], []).append(entry.payload["batch"])
    found = {}
    for head, past in moments(entries, ask=batches):
        for outcome in spec.outcomes:
            values = [o.outcomes[outcome] for e in past.experiments for o in e.observations if outcome in o.outcomes]
            for batch in batches[head]:
                found[batch, outcome] = Known.of(values)
    return found
