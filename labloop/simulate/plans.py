"""Who plans: labloop's strategies as they are, the plain ones, and other optimisers behind the same signature.

A plan is what `labloop.loop.suggest` calls, ``plan(spec, observed, pending, n, seed) -> Proposal``, so that every
strategy goes through the same loop, the same store and the same bookkeeping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from labloop.records import Conditions, Experiment, Proposal, ProposedExperiment
from labloop.simulate.job import is_own
from labloop.space import Space
from labloop.spec.models import Spec

__all__ = ["Chosen", "Plan", "common_start", "plan_of"]

_SMALL = 50_000

Plan = Callable[[Spec, Sequence[Experiment], Sequence[Conditions], int, int], Proposal]


@dataclass(frozen=True)
class Chosen:
    """A plan for one campaign (None: labloop's planner), and what must be said about how it sees the problem."""

    plan: Plan | None
    notes: tuple[str, ...] = ()


def plan_of(strategy: str, spec: Spec, seed: int) -> Chosen:
    """Return who plans a campaign.

    Raises
    ------
    UsageError
        If the optimiser is not installed.
    InvalidInput
        If it cannot be told what the campaign asks.
    """
    if is_own(strategy):
        return Chosen(None)
    if strategy == "random":
        return Chosen(_Random(Space(spec)))
    if strategy == "sobol":
        return Chosen(_Sobol(Space(spec), seed))
    from labloop.simulate.peers import peer_plan

    return peer_plan(strategy, spec, seed)


def proposal_of(rows: Sequence[Conditions], *, seed: int, slot: str) -> Proposal:
    """Return conditions as a proposal without predictions."""
    return Proposal(tuple(ProposedExperiment(row, slot, "") for row in rows), seed, slot)


@dataclass(frozen=True)
class _Random:
    """Feasible experiments drawn at random, repeats possible where the space is small."""

    space: Space

    def __call__(
        self, _spec: Spec, _observed: Sequence[Experiment], _pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        rows = self.space.decode(self.space.sample(n, np.random.default_rng(seed)))
        return proposal_of(rows, seed=seed, slot="random")


class _Sobol:
    """The points of a scrambled Sobol' sequence one after the other.

    `Space.spread` instead where the space is no box, or so small that the sequence would repeat experiments.
    """

    def __init__(self, space: Space, seed: int) -> None:
        # scipy.stats takes most of a second to import, and only this strategy needs it.
        from scipy.stats import qmc

        self._space = space
        spec = space.spec
        box = not spec.constraints and not spec.mixtures and spec.candidates is None
        roomy = math.prod(column.count for column in space.columns) > _SMALL
        self._sequence = qmc.Sobol(space.dim, rng=np.random.default_rng(seed)) if box and roomy else None

    def __call__(
        self, _spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        if self._sequence is not None:
            rows = np.stack([self._sequence.random(1)[0] for _ in range(n)])
        else:
            done = self._space.encode([*(each.executed for each in observed), *pending])
            rows = self._space.spread(n, np.random.default_rng(seed), avoid=done)
        return proposal_of(self._space.decode(rows), seed=seed, slot="sobol")


def common_start(campaign_seed: int) -> Plan:
    """Return a plan of space-filling experiments that depends on the space and the seed alone."""

    def plan(
        spec: Spec, _observed: Sequence[Experiment], _pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        space = Space(spec)
        rows = space.spread(n, np.random.default_rng([campaign_seed, 1]))
        return proposal_of(space.decode(rows), seed=seed, slot="start")

    return plan
