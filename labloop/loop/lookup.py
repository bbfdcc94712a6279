"""Find an experiment, and say clearly why it is not the one that was meant."""

from __future__ import annotations

from datetime import datetime

from labloop.errors import Conflict, InvalidInput, NotFound
from labloop.records import Experiment, Status, experiment_id
from labloop.store import CampaignRow, Snapshot, clock

__all__ = ["experiment_number", "find_experiment", "lease_ended", "open_experiment"]


def experiment_number(campaign: str, said: str | int) -> int:
    """Return the number that is meant by ``7``, ``"7"`` or ``"hydrogel#7"``.

    Raises
    ------
    InvalidInput
        If it is none of these, or belongs to another campaign.
    """
    text = str(said).strip()
    owner, _, number = text.rpartition("#")
    if owner and owner != campaign:
        raise InvalidInput(
            f"experiment {text!r} belongs to the campaign {owner!r}, not to {campaign!r}", hint="check the sheet"
        )
    if not (number.isascii() and number.isdigit()) or len(number) > 15:
        raise InvalidInput(f"{text!r} is not an experiment", hint=f"write its number, or its id such as {campaign}#7")
    return int(number)


def find_experiment(snapshot: Snapshot, row: CampaignRow, number: int) -> Experiment:
    """Return one experiment.

    Raises
    ------
    NotFound
        If the campaign has none of that number.
    """
    found = snapshot.experiments(row, numbers=[number])
    if not found:
        known = f"it has {row.experiments} so far" if row.experiments else "it has none yet"
        raise NotFound(f"no experiment {experiment_id(row.name, number)}; {known}", hint=f"labloop show {row.name}")
    return found[0]


def open_experiment(snapshot: Snapshot, row: CampaignRow, number: int) -> Experiment:
    """Return an experiment that still waits for its result.

    Raises
    ------
    NotFound
        If the campaign has none of that number.
    Conflict
        If it is no longer open.
    """
    found = find_experiment(snapshot, row, number)
    if not found.status.is_open:
        raise Conflict(
            f"{experiment_id(row.name, number)} is {found.status.value}, no longer open",
            hint=f"see what happened: labloop history {row.name} {number}",
        )
    return found


def lease_ended(experiment: Experiment) -> bool:
    """Whether somebody claimed an experiment, has not handed in its result, and the lease has run out."""
    claim = experiment.claim
    if experiment.status is not Status.RUNNING or claim is None:
        return False
    return datetime.fromisoformat(claim.until) < clock.now()
