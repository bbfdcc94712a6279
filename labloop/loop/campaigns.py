"""Begin a campaign, and change its spec by a new version."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from labloop.errors import Conflict, InvalidInput, InvalidSpec
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant
from labloop.spec.reader import located
from labloop.store import CampaignRow, Store, retried

__all__ = ["check", "create", "revise", "spec_of"]


@retried
def create(store: Store, spec: Spec, *, source: str = "", file: Path | None = None) -> CampaignRow:
    """Begin a campaign; ``file`` is the one it was read from, for messages.

    Raises
    ------
    InvalidSpec
        If no experiment can satisfy its constraints.
    Conflict
        If the store has one of that name.
    """
    check(spec, file)
    with store.write() as transaction:
        return transaction.create(spec.name, spec.to_json(), source=source)


@retried
def revise(store: Store, spec: Spec, *, reason: str, source: str = "", file: Path | None = None) -> CampaignRow:
    """Take in a new version of a campaign's spec; earlier experiments keep what they were run under.

    Raises
    ------
    InvalidInput
        If the new spec cannot describe the experiments already run (a parameter or outcome is gone).
    Conflict
        If nothing changed.
    """
    check(spec, file)
    with store.write() as transaction:
        row = transaction.campaign(spec.name)
        old = spec_of(row)
        if old == spec:
            raise Conflict(f"the file of {spec.name} says what version {row.spec_version} says", hint="nothing to do")
        if row.experiments:
            _refuse_lost_columns(old, spec)
        payload = {"spec": spec.to_json(), "source": source, "version": row.spec_version + 1, "reason": reason}
        transaction.append(row, "revised", payload)
        return transaction.campaign(spec.name)


def _refuse_lost_columns(old: Spec, new: Spec) -> None:
    for name in old.proposed:
        if name not in new.proposed:
            raise InvalidInput(
                f"the parameter {name!r} is gone, but experiments were run with it",
                hint="keep it, as a constant if it no longer varies; or start a new campaign",
                field=f"parameters.{name}",
            )
    for name, parameter in new.proposed.items():
        if name not in old.proposed and not isinstance(parameter, Constant):
            raise InvalidInput(
                f"the parameter {name!r} is new, but earlier experiments do not say what it was",
                hint="start a new campaign and import the old results with a column for it",
                field=f"parameters.{name}",
            )


def check(spec: Spec, file: Path | None = None) -> None:
    """Make sure that some experiment satisfies the constraints.

    Raises
    ------
    InvalidSpec
        If none does; the constraints that contradict each other are named, with their lines in the ``file``.
    """
    if not (spec.constraints or spec.candidates or spec.mixtures):
        return
    # Needs SciPy's solver, which whoever only records or looks must not wait for.
    from labloop.space import check_feasible

    try:
        check_feasible(spec)
    except InvalidSpec as error:
        raise (error if file is None else located(error, file)) from None


@lru_cache(maxsize=32)
def _parsed(text: str) -> Spec:
    return Spec.model_validate(json.loads(text))


def spec_of(row: CampaignRow) -> Spec:
    """Return the present spec of a campaign as the store has it."""
    return _parsed(row.spec)
