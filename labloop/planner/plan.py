"""The planner's door: what was seen goes in, a batch of experiments with their predictions comes out.

`plan` is a pure function: the same inputs, versions and machine give the same proposal, bit for bit. All
randomness follows from ``seed``; no global generator, default type or thread count is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from labloop.planner.data import Data, gather, keys_of
from labloop.planner.escape import Escape, collapsed, described, left_to_gain, shares
from labloop.planner.goal import Aim, aim_of
from labloop.planner.kernel import Array, Layered, TwoScale
from labloop.planner.models import WORKS, Models, fit_models
from labloop.planner.optimise import Search, exhausted
from labloop.planner.predict import Chance, Forecast, predictions
from labloop.planner.strategy import Pick, Strategist
from labloop.planner.words import reason_of
from labloop.records import Conditions, Experiment, Proposal, ProposedExperiment
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice

__all__ = ["plan", "start_size"]

_START = 5
_KNOWN = 64
"""Known results that a new one is compared with, the best predicted first."""
_ELSEWHERE = {
    "explore": "most of this batch looks elsewhere",
    "balanced": "every second experiment of this batch looks elsewhere",
    "exploit": "the strategy explore would look elsewhere",
}
"""What a strategy makes of a model that sees nothing left to gain."""
_ANYWHERE = 128
"""Points from all over the space that a batch is measured against."""


def start_size(spec: Spec) -> int:
    """Return how many results are wanted before the first model: ``planner.start``, or 5, with choices max(5, d + 2).

    Between numbers a model goes on from few results: with d + 2, as many recommend, a third of a short campaign in
    many columns passes before it learns anything. Of an option that nobody tried it knows nothing (`docs/planner.md`
    has what was measured).
    """
    choices = any(isinstance(each, Choice) for each in spec.varied.values())
    return spec.planner.start or (max(_START, len(spec.varied) + 2) if choices else _START)


def plan(
    spec: Spec,
    observed: Sequence[Experiment],
    pending: Sequence[Conditions],
    n: int,
    seed: int,
) -> Proposal:
    """Propose up to n experiments.

    Parameters
    ----------
    spec : the campaign's question.
    observed : experiments with results, and those that failed, in order.
    pending : conditions in flight, whose results are not in yet.
    n : experiments wanted.
    seed : everything random follows from it.

    Returns
    -------
    Proposal
        Distinct feasible experiments on the grid, none pending, none tried but in the slot ``replicate``; fewer
        than n (possibly none) when the space is exhausted. ``notes`` says so whenever something simpler than the
        strategy was used.
    """
    space = Space(spec)
    rng = np.random.default_rng(seed)
    data = gather(spec, space, observed, pending)
    if exhausted(space, data.known):
        return Proposal((), seed, spec.planner.intent, {"surrogate": None}, ("Everything that is feasible is known.",))
    models, why = _models(spec, space, data, rng)
    if models is None:
        return _start(spec, space, data, n, rng=rng, seed=seed, why=why)
    return _modelled(spec, space, data, models, n, rng=rng, seed=seed)


def _models(spec: Spec, space: Space, data: Data, rng: np.random.Generator) -> tuple[Models | None, str]:
    """Return the fitted models, or why there can be none yet."""
    wanted, have = start_size(spec), min(len(data.tables[name]) for name in spec.objectives)
    if have < wanted:
        return None, f"{have} of the {wanted} results needed before the first model"
    models = fit_models(spec, space, data, rng)
    if not any(name in models.surrogates for name in spec.objectives):
        told = "; ".join(f"{name} {why}" for name, why in models.dropped.items())
        return None, f"there is nothing to model yet ({told})"
    return models, ""


def _start(spec: Spec, space: Space, data: Data, n: int, *, rng: np.random.Generator, seed: int, why: str) -> Proposal:
    """Fill the space away from everything tried and pending."""
    rows = _spread(space, data.known, n, rng)
    taken = data.known
    experiments = []
    for row, conditions in zip(rows, space.decode(rows), strict=True):
        distance = float(space.distances(row[None], taken).min()) if len(taken) else None
        taken = np.vstack([taken, row])
        experiments.append(
            ProposedExperiment(
                conditions=conditions, slot="start", reason=reason_of("start", distance=distance), distance=distance
            )
        )
    notes = [f"Space-filling experiments, no model used: {why}."]
    if len(rows) < n:
        notes.append(f"Only {len(rows)} of {n} experiments: no other feasible conditions are left.")
    return Proposal(tuple(experiments), seed, spec.planner.intent, {"surrogate": None}, tuple(notes))


def _spread(space: Space, known: Array, n: int, rng: np.random.Generator) -> Array:
    """Return up to n space-filling rows, the middle first where nothing is known.

    Spread points keep away from each other and so from the middle: without it no model knows whether the inside is
    better than the outside. Hard-to-change columns take the first row's values throughout.
    """
    rows = np.zeros((0, space.dim))
    if not len(known) and n and (middle := space.middle(rng)) is not None:
        rows = middle[None]
    elif space.hard:
        rows = space.spread(min(n, 1), rng, avoid=known)
        if not len(rows):
            return rows
    if len(rows) == n:
        return rows
    fixed = {int(j): float(rows[0, j]) for j in space.hard}
    return np.vstack([rows, space.spread(n - len(rows), rng, avoid=np.vstack([known, rows]), fixed=fixed)])


def _modelled(
    spec: Spec, space: Space, data: Data, models: Models, n: int, *, rng: np.random.Generator, seed: int
) -> Proposal:
    seen = _distinct(np.vstack([data.tables[name].cube for name in models.surrogates if name != WORKS]))
    features = models.features(seen)
    means = {name: each.predict(features)[0] for name, each in models.surrogates.items()}
    aim = aim_of(spec, models, means)
    utility = aim.utility(means)
    box = not spec.constraints and not spec.mixtures and spec.candidates is None
    search = Search(space, models.features, data.known, box=box, picks=n, rng=rng)
    strategist = Strategist(space, data, models, aim, seen, utility, search, rng)
    picks = strategist.fill(spec.planner, n)
    best = np.argsort(-utility, kind="stable")[:_KNOWN]
    anywhere = models.features(search.anywhere(_ANYWHERE))
    escape = Escape.of(models, aim, known=models.features(data.known), utility=utility, anywhere=anywhere)
    described = Described(spec, space, data, models, aim, features[best], escape)
    experiments, report = described.experiments(picks, rng)
    promising = models.features(np.array([pick.row for pick in picks[:_KNOWN]]).reshape(-1, space.dim))
    elsewhere = np.vstack([anywhere, promising])
    report["left"] = left_to_gain(models, aim, best=features[best[0]], elsewhere=elsewhere, rng=rng)
    return Proposal(
        tuple(experiments),
        seed,
        spec.planner.intent,
        _account(models, strategist) | {"escape": report},
        tuple(_notes(spec, data, models, aim, strategist, picks, n, report=report)),
    )


def _distinct(rows: Array) -> Array:
    _, first = np.unique(np.round(rows, 6), axis=0, return_index=True)
    return rows[np.sort(first)]


@dataclass(frozen=True)
class Described:
    """Turns picks into proposed experiments."""

    spec: Spec
    space: Space
    data: Data
    models: Models
    aim: Aim
    known: Array
    escape: Escape

    def experiments(
        self, picks: list[Pick], rng: np.random.Generator
    ) -> tuple[list[ProposedExperiment], dict[str, Any]]:
        """Return the picks with predictions, chances, distances and reasons, and the escape report."""
        if not picks:
            return [], {}
        rows = np.stack([pick.row for pick in picks])
        features = self.models.features(rows)
        expected = predictions(self.spec, self.models, features)
        chances = Forecast(self.aim, self.models, self.known).chances(features, rng)
        experiments, taken = [], self.data.known
        for i, conditions in enumerate(self.space.decode(rows)):
            distance = float(self.space.distances(rows[i : i + 1], taken).min())
            taken = np.vstack([taken, rows[i]])
            reason = reason_of(
                picks[i].slot,
                distance=distance,
                spec=self.spec,
                predicted=expected[i],
                chance=chances[i].best,
                seeking=self.aim.seeking,
                striking=picks[i].striking,
            )
            experiments.append(
                ProposedExperiment(conditions, picks[i].slot, reason, expected[i], chances[i].best, distance)
            )
        return experiments, self._report(picks, features, chances)

    def _report(self, picks: list[Pick], features: Array, chances: list[Chance]) -> dict[str, Any]:
        numbers = [*self.data.numbers, *[None] * len(self.data.pending)]
        nearest = self.escape.nearest(features)
        sd_shares = self.escape.sd_shares(features)
        effective = self.escape.effective(features)
        return {
            "experiments": [
                described(
                    nearest[i],
                    sd_share=float(sd_shares[i]),
                    reversion=self.escape.reversion(chances[i].utility),
                    numbers=numbers,
                )
                for i in range(len(picks))
            ],
            "effective": float(f"{effective:.4g}"),
            "slots": shares([pick.slot for pick in picks]),
            "collapsed": collapsed(nearest, effective),
        }


def _account(models: Models, strategist: Strategist) -> dict[str, Any]:
    outcomes = {}
    for name, each in models.surrogates.items():
        kernel, log = each.process.kernel, each.mode.log
        scales, others = np.split(np.exp(log), [kernel.layout.groups])
        outcomes[name or "works"] = {
            "rows": len(each.process.y),
            "lengthscales": [float(f"{value:.4g}") for value in scales],
            "variances": [float(f"{value:.4g}") for value in others] if isinstance(kernel, Layered) else [],
            "ripples": float(f"{expit(log[-1]):.4g}") if isinstance(kernel, TwoScale) else 0.0,
            "bent": {models.features.numbers[column]: list(shape) for column, shape in kernel.warp.shapes.items()},
            "noise_share": float(f"{each.mode.noise:.4g}"),
            "samples": len(each.process.noise),
        }
    gain = strategist.relative_gain
    return {
        "surrogate": "gp-matern52-ard",
        "acquisition": "log-noisy-ei-rao-blackwell",
        "outcomes": outcomes,
        "relative_gain": None if gain is None else float(f"{gain:.4g}"),
        "hidden": strategist.hidden,
    }


def _unit(spec: Spec, aim: Aim) -> str:
    unit = spec.outcomes[aim.parts[0].outcome].unit
    return f" {unit}" if unit else ""


def _discounted(name: str, data: Data, rows: Sequence[int]) -> str:
    """Say which experiments' results count for little."""
    odd = keys_of(data.tables[name].cube[list(rows)])
    numbers = [data.numbers[i] for i in np.flatnonzero(np.isin(keys_of(data.tried), odd))]
    listed = ", ".join(str(number) for number in numbers)
    return f"Counted for little until a repeat confirms it, since it contradicts all others: {name} of {listed}."


def _notes(
    spec: Spec,
    data: Data,
    models: Models,
    aim: Aim,
    strategist: Strategist,
    picks: list[Pick],
    n: int,
    *,
    report: dict[str, Any],
) -> list[str]:
    notes = [
        f"The outcome {name or 'works'} {why}: it is left out of this proposal." for name, why in models.dropped.items()
    ]
    notes += [_discounted(name, data, rows) for name, each in models.surrogates.items() if (rows := each.discounted)]
    if aim.seeking:
        notes.append("No result holds all limits yet: this batch looks for conditions that do.")
    left = report.get("left")
    if strategist.spent:
        told = "" if left is None else f" (by its own account at most {left:.2g}{_unit(spec, aim)} more, 95 % sure)"
        seen = "less to gain than the noise hides" if strategist.hidden else "nothing left to gain"
        notes.append(
            f"The model sees {seen} where it knows its way{told}: {_ELSEWHERE[spec.planner.strategy]}. "
            "Whether that is worth more experiments is yours to say."
        )
    if report.get("collapsed"):
        notes.append(
            f"This batch collapses onto what is known: {report['collapsed']}. "
            "The strategy explore, or slots of maximin, look elsewhere."
        )
    if len(picks) < n:
        notes.append(f"Only {len(picks)} of {n} experiments: no other feasible conditions are left.")
    return notes
