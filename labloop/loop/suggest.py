"""Propose the next experiments: read, plan without holding the store, write what was claimed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from labloop.errors import Busy, NothingToSuggest
from labloop.loop.campaigns import spec_of
from labloop.loop.lookup import open_experiment
from labloop.records import Conditions, Experiment, Proposal, Status
from labloop.spec.models import Spec
from labloop.store import CampaignRow, Snapshot, Store, Transaction
from labloop.store.codec import proposal_to_dict, proposed_to_dict

__all__ = ["Suggestion", "replacement", "suggest"]

Plan = Callable[[Spec, Sequence[Experiment], Sequence[Conditions], int, int], Proposal]

_ATTEMPTS = 5
_PACKAGES = ("labloop", "torch", "botorch", "gpytorch", "numpy", "scipy")


@dataclass(frozen=True)
class Suggestion:
    """A proposal as it stands in the ledger."""

    campaign: str
    batch: int
    experiments: tuple[Experiment, ...]
    strategy: str
    notes: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class _Moment:
    """All that a plan depends on, and the head of the ledger it was read at."""

    row: CampaignRow
    spec: Spec
    observed: tuple[Experiment, ...]
    pending: tuple[Conditions, ...]
    spent: int


def suggest(
    store: Store,
    name: str,
    n: int | None = None,
    *,
    strategy: str | None = None,
    randomise: bool = False,
    plan: Plan | None = None,
) -> Suggestion:
    """Propose ``n`` experiments (the spec's batch size if not given) and write them down.

    The store is not held while the planner thinks. If somebody else wrote in the meantime, the plan is made
    again on what is true now. With ``randomise`` chance decides their order, which is the order to run them in,
    so that what drifts in the laboratory is not taken for what was planned; the planner's order is kept beside it.

    Raises
    ------
    NothingToSuggest
        If the budget is spent or no feasible experiment is left.
    """
    for _ in range(_ATTEMPTS):
        with store.read() as snapshot:
            moment = _moment(snapshot, name, strategy)
        wanted, notes = _within_budget(moment, moment.spec.planner.batch if n is None else n)
        batch = moment.row.batches + 1
        proposal = _planned(moment, wanted, batch, plan)
        if randomise:
            proposal = _shuffled(proposal)
        with store.write() as transaction:
            if transaction.campaign(name).head != moment.row.head:
                continue
            experiments = _write(transaction, moment, proposal, batch, replaces=None)
        shortage = () if len(experiments) == wanted else (_shortage(len(experiments), wanted),)
        return Suggestion(
            name, batch, experiments, proposal.strategy, (*notes, *proposal.notes, *shortage), proposal.seed
        )
    raise Busy(f"others kept writing to {name} while the plan was made", hint="try again")


def replacement(store: Store, name: str, number: int, *, reason: str, plan: Plan | None = None) -> Suggestion:
    """Veto one open experiment and propose another in its place, in one transaction.

    Raises
    ------
    NotFound, Conflict
        If there is no such experiment, or it is no longer open.
    """
    for _ in range(_ATTEMPTS):
        with store.read() as snapshot:
            moment = _moment(snapshot, name, None)
            open_experiment(snapshot, moment.row, number)
        # The refused conditions stay among the pending ones, so that they are not proposed again.
        batch = moment.row.batches + 1
        proposal = _planned(moment, 1, batch, plan)
        with store.write() as transaction:
            if transaction.campaign(name).head != moment.row.head:
                continue
            transaction.append(moment.row, "vetoed", {"experiments": [number], "reason": reason})
            experiments = _write(transaction, moment, proposal, batch, replaces=number)
        return Suggestion(name, batch, experiments, proposal.strategy, proposal.notes, proposal.seed)
    raise Busy(f"others kept writing to {name} while the plan was made", hint="try again")


def _moment(snapshot: Snapshot, name: str, strategy: str | None) -> _Moment:
    row = snapshot.campaign(name)
    spec = spec_of(row)
    if strategy is not None:
        settings = type(spec.planner).model_validate({**spec.planner.model_dump(), "strategy": strategy})
        spec = spec.model_copy(update={"planner": settings})
    experiments = snapshot.experiments(row)
    observed = tuple(
        each
        for each in experiments
        if each.observations or each.status in (Status.COMPLETED, Status.FAILED, Status.INFEASIBLE)
    )
    known = {each.number for each in observed}
    # A vetoed experiment is one that the laboratory will not run: it must not come back.
    pending = tuple(
        each.planned
        for each in experiments
        if each.number not in known and (each.status.is_open or each.status is Status.VETOED)
    )
    spent = sum(each.status not in (Status.VETOED, Status.CANCELLED) for each in experiments)
    return _Moment(row, spec, observed, pending, spent)


def _within_budget(moment: _Moment, n: int) -> tuple[int, tuple[str, ...]]:
    budget = moment.spec.planner.budget
    if budget is None:
        return n, ()
    left = budget - moment.spent
    if left <= 0:
        raise NothingToSuggest(
            f"the budget of {moment.row.name} is spent: {moment.spent} of {budget} experiments",
            hint="raise planner.budget in the campaign file, then: labloop revise",
        )
    if n > left:
        return left, (f"Only {left} of {n} experiments: the budget of {budget} is spent with them.",)
    return n, ()


def _planned(moment: _Moment, n: int, batch: int, plan: Plan | None) -> Proposal:
    if plan is None:
        # The planner brings torch along; whoever only records or looks must not wait for it.
        from labloop.planner import plan as plan_by_model

        plan = plan_by_model
    seed = seed_of(moment.spec.planner.seed, batch)
    proposal = plan(moment.spec, moment.observed, moment.pending, n, seed)
    if not proposal.experiments:
        raise NothingToSuggest(
            f"no feasible experiment is left that was not proposed or run in {moment.row.name}",
            hint="widen the parameters or relax a constraint, then: labloop revise",
        )
    return proposal


def _shuffled(proposal: Proposal) -> Proposal:
    """Return the proposal in a random order, which follows from its seed; the entry keeps the planner's order."""
    import numpy as np

    # A stream of its own: the planner has drawn from the seed itself.
    order = np.random.default_rng([proposal.seed, 1]).permutation(len(proposal.experiments)).tolist()
    return replace(
        proposal,
        experiments=tuple(proposal.experiments[i] for i in order),
        planner={**proposal.planner, "planned_order": [i + 1 for i in order]},
    )


def seed_of(seed: int, batch: int | str) -> int:
    """Derive the seed of one batch, or of something else that is named, from the campaign's seed."""
    return int(hashlib.sha256(f"{seed}/{batch}".encode()).hexdigest()[:12], 16)


def _write(
    transaction: Transaction, moment: _Moment, proposal: Proposal, batch: int, *, replaces: int | None
) -> tuple[Experiment, ...]:
    first = moment.row.experiments + 1
    numbers = range(first, first + len(proposal.experiments))
    experiments: list[dict[str, Any]] = [
        {"number": number, **proposed_to_dict(each)} for number, each in zip(numbers, proposal.experiments, strict=True)
    ]
    if replaces is not None:
        experiments = [{**each, "replaces": replaces} for each in experiments]
    payload = {
        "batch": batch,
        **proposal_to_dict(proposal),
        "spec_version": moment.row.spec_version,
        "data": {"sequence": moment.row.head, "hash": moment.row.head_hash},
        "packages": dict(package_versions()),
        "experiments": experiments,
    }
    transaction.append(moment.row, "proposed", payload)
    return transaction.experiments(moment.row, numbers=list(numbers))


@lru_cache(maxsize=1)
def package_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) for everything that a proposal depends on."""
    found = []
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:  # run from a source tree that is not installed
            found.append((package, "unknown"))
    return tuple(found)


def _shortage(got: int, wanted: int) -> str:
    return f"Only {got} of {wanted} experiments: no other feasible one is left."
