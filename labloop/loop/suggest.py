"""Propose the next experiments: read, plan without holding the store, write what was claimed."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, SupportsIndex

from labloop.errors import Busy, InvalidInput, NothingToSuggest, UsageError
from labloop.loop.campaigns import spec_of
from labloop.loop.lookup import open_experiment
from labloop.loop.once import answered, asked
from labloop.records import Conditions, Experiment, LedgerEntry, Proposal, Status, experiment_id
from labloop.spec.check import unfit_slots
from labloop.spec.models import INTENTS, Spec
from labloop.spec.slots import split_slots
from labloop.store import CampaignRow, Snapshot, Store, Transaction, retried
from labloop.store.codec import proposal_to_dict, proposed_to_dict
from labloop.store.transaction import Asked

__all__ = [
    "Plan",
    "Suggestion",
    "known_of",
    "machine",
    "package_versions",
    "replacement",
    "shuffled",
    "suggest",
    "threads",
    "with_strategy",
]

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
    escape: Mapping[str, Any] = field(default_factory=dict)
    """The planner's escape report (`labloop.planner.escape`); empty while there is no model."""


@dataclass(frozen=True)
class _Moment:
    """All that a plan depends on, and the head of the ledger it was read at."""

    row: CampaignRow
    spec: Spec
    observed: tuple[Experiment, ...]
    pending: tuple[Conditions, ...]
    open: tuple[int, ...]
    spent: int


@retried
def suggest(
    store: Store,
    name: str,
    n: int | None = None,
    *,
    strategy: str | None = None,
    randomise: bool = False,
    plan: Plan | None = None,
    key: str | None = None,
) -> Suggestion:
    """Propose ``n`` experiments (the spec's batch size if not given) and write them down.

    The store is not held while the planner thinks. If somebody else wrote in the meantime, the plan is made
    again on what is true now. With ``randomise`` chance decides their order, which is the order to run them in,
    so that what drifts in the laboratory is not taken for what was planned; the planner's order is kept beside it.
    ``key`` makes the request safe to repeat: the same key gives the same batch.

    Raises
    ------
    InvalidInput
        If ``n`` is not a whole number of at least 1.
    NothingToSuggest
        If the budget is spent or no feasible experiment is left.
    Conflict
        If the key was used for something else.
    """
    if n is not None:
        _refuse_number(n)
    request = asked(key, "suggest", {"n": n, "strategy": strategy, "randomise": randomise})
    for _ in range(_ATTEMPTS):
        with store.read() as snapshot:
            before = answered(snapshot, snapshot.campaign(name), request)
            if before is not None:
                return _again(snapshot, name, before[0])
            moment = _moment(snapshot, name, strategy)
        wanted, notes = _within_budget(moment, moment.spec.planner.batch if n is None else n)
        batch = moment.row.batches + 1
        proposal = _planned(moment, wanted, batch, plan)
        said = (*notes, *proposal.notes, *_counted(moment, proposal), *_waiting(moment))
        if randomise:
            proposal = shuffled(proposal)
        with store.write() as transaction:
            if transaction.campaign(name).head != moment.row.head:
                continue
            answer = None if request is None else replace(request, answer={"notes": list(said)})
            experiments = _write(transaction, moment, proposal, batch, n=wanted, asked=answer)
        return _suggestion(name, batch, experiments, proposal, said)
    raise Busy(f"others kept writing to {name} while the plan was made", hint="try again")


@retried
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
            experiments = _write(transaction, moment, proposal, batch, n=1, replaces=number)
        return _suggestion(name, batch, experiments, proposal, proposal.notes)
    raise Busy(f"others kept writing to {name} while the plan was made", hint="try again")


def _suggestion(
    name: str, batch: int, experiments: tuple[Experiment, ...], proposal: Proposal, notes: tuple[str, ...]
) -> Suggestion:
    escape = proposal.planner.get("escape", {})
    return Suggestion(name, batch, experiments, proposal.strategy, notes, proposal.seed, escape)


def _again(snapshot: Snapshot, name: str, entry: LedgerEntry) -> Suggestion:
    payload = entry.payload
    numbers = [each["number"] for each in payload["experiments"]]
    experiments = snapshot.experiments(snapshot.campaign(name), numbers=numbers)
    notes = tuple(payload["request"]["notes"])
    escape = payload["planner"].get("escape", {})
    return Suggestion(name, payload["batch"], experiments, payload["strategy"], notes, payload["seed"], escape)


def _moment(snapshot: Snapshot, name: str, strategy: str | None) -> _Moment:
    row = snapshot.campaign(name)
    spec = spec_of(row)
    if strategy is not None:
        spec = with_strategy(spec, strategy)
    experiments = snapshot.experiments(row)
    observed, pending = known_of(experiments)
    spent = sum(each.status not in (Status.VETOED, Status.CANCELLED) for each in experiments)
    waiting = tuple(each.number for each in experiments if each.status.is_open)
    return _Moment(row, spec, observed, pending, waiting, spent)


def with_strategy(spec: Spec, strategy: str) -> Spec:
    """Return the spec as it reads with another strategy: an intent, or slots by name (``qLogNEI+UCB:beta=4``).

    Raises
    ------
    UsageError
        If there is no such strategy or acquisition function.
    InvalidInput
        If it does not suit the objectives.
    """
    settings = spec.planner.model_dump()
    if strategy in INTENTS:
        if strategy == "custom" and not spec.planner.slots:
            raise InvalidInput("the campaign names no slots", hint="name them: qLogNEI+UCB:beta=4", field="strategy")
        changes: dict[str, Any] = {"strategy": strategy}
    else:
        changes = {"strategy": "custom", "slots": _slots_of(strategy)}
        wrong = next(unfit_slots(changes["slots"], [each.goal for each in spec.objectives.values()]), None)
        if wrong is not None:
            raise InvalidInput(wrong.message, hint=wrong.hint, field="strategy")
    return spec.model_copy(update={"planner": type(spec.planner).model_validate({**settings, **changes})})


def _slots_of(text: str) -> tuple[str, ...]:
    try:
        return split_slots(text)
    except ValueError as error:
        raise UsageError(f"no strategy {text!r}: {error}", hint=f"expected one of {', '.join(INTENTS)}") from None


def known_of(experiments: Sequence[Experiment]) -> tuple[tuple[Experiment, ...], tuple[Conditions, ...]]:
    """Return what a plan learns from, and the conditions that it must take for under way."""
    observed = tuple(
        _as_learnt(each)
        for each in experiments
        if _measured(each) or each.status in (Status.COMPLETED, Status.FAILED, Status.INFEASIBLE)
    )
    known = {each.number for each in observed}
    # A vetoed experiment is one that the laboratory will not run: it must not come back.
    pending = tuple(
        each.planned
        for each in experiments
        if each.number not in known and (each.status.is_open or each.status is Status.VETOED)
    )
    return observed, pending


def _refuse_number(n: int) -> None:
    whole = isinstance(n, SupportsIndex) and not isinstance(n, bool)
    if not whole or n < 1:
        hint = "for instance 8; leave it out for the batch size of the campaign file"
        raise InvalidInput(f"{n!r} is not a number of experiments, expected 1, 2, 3, ...", hint=hint, field="n")


def _measured(experiment: Experiment) -> bool:
    return any(each.outcomes for each in experiment.observations)


def _as_learnt(experiment: Experiment) -> Experiment:
    """Leave out observations without an outcome: a note or a covariate does not say that conditions work."""
    measured = tuple(each for each in experiment.observations if each.outcomes)
    return experiment if len(measured) == len(experiment.observations) else replace(experiment, observations=measured)


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


def shuffled(proposal: Proposal) -> Proposal:
    """Return the proposal in a random order, which follows from its seed; the entry keeps the planner's order."""
    import numpy as np

    # A stream of its own: the planner has drawn from the seed itself.
    order = np.random.default_rng([proposal.seed, 1]).permutation(len(proposal.experiments)).tolist()
    planner = {**proposal.planner, "planned_order": [i + 1 for i in order]}
    if "escape" in planner:
        rows = planner["escape"]["experiments"]
        planner["escape"] = {**planner["escape"], "experiments": [rows[i] for i in order]}
    return replace(proposal, experiments=tuple(proposal.experiments[i] for i in order), planner=planner)


def seed_of(seed: int, batch: int | str) -> int:
    """Derive the seed of one batch, or of something else that is named, from the campaign's seed."""
    return int(hashlib.sha256(f"{seed}/{batch}".encode()).hexdigest()[:12], 16)


def _write(
    transaction: Transaction,
    moment: _Moment,
    proposal: Proposal,
    batch: int,
    *,
    n: int,
    replaces: int | None = None,
    asked: Asked | None = None,
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
        "asked": n,
        "packages": dict(package_versions()),
        "machine": machine(),
        "threads": threads(),
        "experiments": experiments,
    }
    transaction.append(moment.row, "proposed", payload, asked=asked)
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


def _counted(moment: _Moment, proposal: Proposal) -> tuple[str, ...]:
    """Say which results did not count towards the first model, while there is none."""
    wanted = tuple(moment.spec.objectives)
    partial = [
        each.number for each in moment.observed if _measured(each) and any(each.mean(name) is None for name in wanted)
    ]
    if proposal.planner.get("surrogate") is not None or not partial:
        return ()
    named = _listed(moment.row.name, partial)
    return (f"Only results with every objective ({', '.join(wanted)}) count; without one of them yet: {named}.",)


def _waiting(moment: _Moment) -> tuple[str, ...]:
    if not moment.open:
        return ()
    named = _listed(moment.row.name, moment.open)
    return (f"Still open from before: {named}; a result of each is still awaited.",)


def _listed(campaign: str, numbers: Sequence[int]) -> str:
    shown = ", ".join(experiment_id(campaign, each) for each in numbers[:6])
    return shown + (f" and {len(numbers) - 6} more" if len(numbers) > 6 else "")


def machine() -> str:
    """Return what a proposal's last digits depend on besides the packages: Python, system, processor."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"


def threads() -> dict[str, int]:
    """Return how many threads the numerical libraries in this process use, by interface (``blas``, ``openmp``)."""
    found: dict[str, int] = {}
    for library in _libraries(len(sys.modules)).info():
        found[library["user_api"]] = max(library["num_threads"], found.get(library["user_api"], 0))
    return found


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> Any:
    """Find the numerical libraries that are loaded, so after the planner; anew when modules were imported since."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # type: ignore[no-untyped-call]
