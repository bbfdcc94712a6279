"""Play a campaign on a simulated lab: the real use cases, the lab in place of the bench."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from labloop.loop.look import experiments, read_spec_of
from labloop.loop.record import record
from labloop.loop.suggest import Suggestion, suggest
from labloop.records import Experiment, Origin, Result
from labloop.simulate.lab import Lab
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.store import Store

__all__ = ["Round", "earlier_results", "perform_all", "play"]


@dataclass(frozen=True)
class Round:
    """One turn of the loop: what was proposed, and what came of it."""

    spec: Spec
    suggestion: Suggestion
    experiments: tuple[Experiment, ...]


def earlier_results(lab: Lab, n: int, *, seed: int) -> tuple[Result, ...]:
    """Return the results of n random experiments, as a laboratory has them before it meets labloop."""
    space = Space(lab.campaign)
    cube = space.sample(n, np.random.default_rng([seed, 0]))
    found = []
    for number, conditions in enumerate(space.decode(cube), 1):
        # Streams of numbers up to 10,000 belong to the campaign's own experiments.
        result = lab.perform(10_000 + number, conditions, seed=seed)
        found.append(
            Result(None, result.outcomes, result.covariates, conditions, failure=result.failure, note=result.note)
        )
    return tuple(found)


def perform_all(lab: Lab, waiting: Sequence[Experiment], *, seed: int) -> tuple[Result, ...]:
    """Run experiments in a simulated lab; the same seed gives the same results in any order."""
    return tuple(lab.perform(each.number, each.planned, seed=seed) for each in waiting)


def play(
    store: Store, name: str, lab: Lab, *, rounds: int, n: int | None = None, seed: int = 0, earlier: int = 0
) -> Iterator[Round]:
    """Alternate between suggesting and recording, and yield every round as it ends.

    Parameters
    ----------
    earlier : results of so many random experiments are imported first.

    Raises
    ------
    NothingToSuggest
        If the budget is spent before the rounds are.
    """
    if earlier:
        record(store, name, earlier_results(lab, earlier, seed=seed), origin=Origin.IMPORT, source="earlier.csv")
    spec = read_spec_of(store, name)
    for _ in range(rounds):
        suggestion = suggest(store, name, n)
        results = perform_all(lab, suggestion.experiments, seed=seed)
        record(store, name, results, source=f"lab {lab.name}")
        numbers = tuple(each.number for each in suggestion.experiments)
        yield Round(spec, suggestion, experiments(store, name, numbers=numbers))
