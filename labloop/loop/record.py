"""Write down what the laboratory hands in: all of it or nothing, and nothing twice.

A result is known by its experiment and its replicate. Handing in the same one again changes nothing; handing
in another value for it is a conflict (a correction is `labloop.loop.correct.amend`); handing in an outcome that
was not measured before adds to it. A row without an experiment's number is known by its content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from labloop.errors import InvalidTable, NotFound, Problem
from labloop.exchange.results import check_results
from labloop.loop.campaigns import spec_of
from labloop.loop.merge import Batch
from labloop.loop.once import PLAIN, Delivery, answered, asked
from labloop.records import (
    Conditions,
    Experiment,
    FailureKind,
    LedgerEntry,
    Observation,
    Origin,
    Result,
    experiment_id,
)
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant
from labloop.store import CampaignRow, Store, Transaction, retried
from labloop.store.chain import fingerprint
from labloop.store.codec import observation_to_dict

__all__ = ["Recorded", "add", "record"]


@dataclass(frozen=True)
class Recorded:
    """What became of the results that were handed in.

    ``recorded`` and ``added`` are experiment numbers, ``skipped`` counts rows that were written before.
    ``written`` holds what was new, its conditions only where they were not known before.
    """

    campaign: str
    recorded: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    skipped: int = 0
    notes: tuple[str, ...] = ()
    written: tuple[Result, ...] = field(default=(), repr=False, compare=False)


@retried
def record(
    store: Store,
    name: str,
    results: Sequence[Result],
    *,
    source: str = "",
    replicate: bool = False,
    origin: Origin = Origin.MANUAL,
    preview: bool = False,
    delivery: Delivery = PLAIN,
) -> Recorded:
    """Record results in one transaction.

    Parameters
    ----------
    source : where they came from (a file's name), for the ledger.
    replicate : a further value for an experiment that has one is a further measurement, not a conflict.
    origin : of the rows that belong to no experiment yet.
    preview : look at everything, write nothing.
    delivery : an idempotency key, and the claim under which the experiments were run. Results of a claim that was
        released or taken over are kept too: beside what the later claim measured, as a further measurement.

    Raises
    ------
    NotFound
        If an experiment does not exist.
    Conflict
        If a value differs from the one already written down, or the key was used for something else.
    """
    content = {"results": [asdict(each) for each in results], "replicate": replicate, "origin": origin}
    request = asked(delivery.key, "record", {**content, "token": delivery.token})
    with store.write() as transaction:
        row = transaction.campaign(name)
        before = answered(transaction, row, request)
        if before is not None:
            return _again(name, before)
        known = _known(transaction, row, results)
        batch = Batch(row, spec_of(row), known, source=source, replicate=replicate, token=delivery.token)
        for result in results:
            if result.experiment is not None:
                batch.take(result)
        batch.refuse_conflicts()
        own = [each for each in results if each.experiment is None]
        fresh, new = _fresh(transaction, row, spec_of(row), own)
        done = Recorded(
            name,
            recorded=tuple(dict.fromkeys(change["experiment"] for change in batch.changes)),
            added=tuple(each["number"] for each in fresh),
            skipped=batch.skipped + len(own) - len(fresh),
            notes=tuple(batch.notes),
            written=(*batch.written, *new),
        )
        if request is not None:
            request = replace(request, answer={"skipped": done.skipped, "notes": batch.notes})
        if not preview:
            # A key is kept even where nothing new came, so that it cannot be used for something else later.
            if batch.changes or (request is not None and not fresh):
                payload: dict[str, Any] = {"results": batch.changes, "source": source}
                transaction.append(row, "recorded", payload, asked=request)
            if fresh:
                payload = {"origin": origin.value, "experiments": fresh, "source": source}
                transaction.append(row, "added", payload, asked=request)
    return done


def _again(name: str, entries: Sequence[LedgerEntry]) -> Recorded:
    """Give the answer again that was given when the entries were written."""
    recorded, added = [], []
    for entry in entries:
        if entry.kind == "recorded":
            recorded += [each["experiment"] for each in entry.payload["results"]]
        else:
            added += [each["number"] for each in entry.payload["experiments"]]
    said = entries[0].payload["request"]
    return Recorded(
        name, tuple(dict.fromkeys(recorded)), tuple(added), said.get("skipped", 0), tuple(said.get("notes", ()))
    )


@retried
def add(
    store: Store,
    name: str,
    conditions: Sequence[Conditions],
    *,
    note: str = "",
    outside: bool = False,
    key: str | None = None,
    origin: Origin = Origin.MANUAL,
    about: Mapping[str, Any] | None = None,
) -> Recorded:
    """Add experiments that nobody proposed and that have no result yet; they are open from now on.

    ``about`` goes into the ledger with them: which experiments they repeat, and to what end.

    Raises
    ------
    InvalidTable
        If a condition is missing or cannot be.
    Conflict
        If the key was used for something else.
    """
    results = [Result(None, executed=each, note=note) for each in conditions]
    request = asked(key, "add", {"conditions": [dict(each) for each in conditions], "note": note})
    with store.write() as transaction:
        row = transaction.campaign(name)
        before = answered(transaction, row, request)
        if before is not None:
            return _again(name, before)
        spec = spec_of(row)
        check_results(results, spec, source="what was added", outside=outside)
        fresh, new = _fresh(transaction, row, spec, results, keyed=False)
        payload: dict[str, Any] = {"origin": origin.value, "experiments": fresh, "source": ""}
        transaction.append(row, "added", {**payload, "about": dict(about)} if about else payload, asked=request)
    return Recorded(name, added=tuple(each["number"] for each in fresh), written=tuple(new))


def _known(transaction: Transaction, row: CampaignRow, results: Sequence[Result]) -> dict[int, Experiment]:
    numbers = [each.experiment for each in results if each.experiment is not None]
    known = {each.number: each for each in transaction.experiments(row, numbers=numbers)}
    for result in results:
        if result.experiment is not None and result.experiment not in known:
            raise NotFound(
                f"no experiment {experiment_id(row.name, result.experiment)}"
                + (f" (row {result.row})" if result.row else ""),
                hint=f"{row.name} has experiments 1 to {row.experiments}"
                if row.experiments
                else "none was proposed yet",
            )
    return known


def _fresh(
    transaction: Transaction, row: CampaignRow, spec: Spec, results: Sequence[Result], *, keyed: bool = True
) -> tuple[list[dict[str, Any]], list[Result]]:
    """Turn rows that belong to no experiment into new ones; those written before are left out."""
    constants = {name: each.value for name, each in spec.proposed.items() if isinstance(each, Constant)}
    seen: Counter[str] = Counter()
    keys: list[str] = []
    for result in results:
        _refuse_incomplete(spec, result, constants)
        content = fingerprint(_content(result, constants))
        seen[content] += 1
        # The same row twice in one file is two experiments; the same file twice is one.
        keys.append(fingerprint([content, seen[content]]))
    written = transaction.receipts(row, keys) if keyed else {}
    fresh: list[dict[str, Any]] = []
    new: list[Result] = []
    for result, key in zip(results, keys, strict=True):
        if key in written:
            continue
        fields = _content(result, constants)
        if result.outcomes or result.covariates or result.extra:
            observation = Observation(
                result.replicate or 1, result.outcomes, covariates=result.covariates, extra=result.extra
            )
            fields["observations"] = [observation_to_dict(observation)]
        fields.pop("outcomes")
        number = row.experiments + len(fresh) + 1
        fresh.append({"number": number, **fields, **({"key": key} if keyed else {})})
        new.append(replace(result, experiment=number))
    return fresh, new


def _content(result: Result, constants: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "conditions": {**constants, **(result.executed or {})},
        "outcomes": dict(result.outcomes),
    }
    if result.failure is not None:
        fields["failure"] = FailureKind(result.failure).value
    if result.note:
        fields["note"] = result.note
    return fields


def _refuse_incomplete(spec: Spec, result: Result, constants: Mapping[str, Any]) -> None:
    missing = [name for name in spec.proposed if name not in constants and name not in (result.executed or {})]
    if missing:
        problem = Problem(
            f"an experiment that nobody proposed needs all its conditions; missing: {', '.join(missing)}",
            hint="fill them in, or give the id of the experiment",
            row=result.row,
        )
        raise InvalidTable("results", [problem])
