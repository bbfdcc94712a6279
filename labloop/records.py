"""The shared nouns: what every room hands to the next. All frozen, none with behaviour of its own.

Conditions map a parameter's name to a value: a number, or the name of a choice. *Planned* conditions are
what was proposed, *executed* what the laboratory did; they are kept apart, and models learn from the
executed ones. Outcomes map an outcome's name to a measured number; what was not measured is not in the
mapping (never 0, never NaN).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "QUANTILES",
    "Claim",
    "Conditions",
    "Experiment",
    "FailureKind",
    "LedgerEntry",
    "Observation",
    "Origin",
    "Outcomes",
    "Prediction",
    "Proposal",
    "ProposedExperiment",
    "Result",
    "Status",
    "Value",
    "experiment_id",
]

Value = float | int | str
Conditions = Mapping[str, Value]
Outcomes = Mapping[str, float]

QUANTILES = (0.005, 0.025, 0.1, 0.25, 0.75, 0.9, 0.975, 0.995)
"""The probabilities of `Prediction.quantiles`; with 0.05, 0.5 and 0.95 they bound the 50, 80, 90, 95 and 99 %."""


class Status(StrEnum):
    """Where an experiment stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INFEASIBLE = "infeasible"
    VETOED = "vetoed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """A result may still come: the planner counts it as pending."""
        return self in (Status.PROPOSED, Status.ACCEPTED, Status.RUNNING)


class Origin(StrEnum):
    """Who thought of an experiment."""

    PLANNER = "planner"
    DESIGN = "design"
    MANUAL = "manual"
    IMPORT = "import"
    CONTROL = "control"


class FailureKind(StrEnum):
    """Why an experiment gave no result.

    Only `INFEASIBLE` says something about the conditions; the others are accidents, and the same
    conditions may be proposed again.
    """

    INFEASIBLE = "infeasible"
    EQUIPMENT = "equipment"
    OPERATOR = "operator"
    QC = "qc"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model expected of one outcome before it was measured, in the outcome's unit.

    ``mean`` and ``sd`` describe one new measurement (noise included); ``low`` and ``high`` bound its
    central 90 % interval, ``median`` halves it. ``quantiles`` are those at `QUANTILES`, from which the shape of
    the whole claim can be scored; empty in ledgers written before they were kept.
    """

    mean: float
    sd: float
    low: float
    median: float
    high: float
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedExperiment:
    """One experiment of a proposal, with everything that was claimed about it in advance.

    Attributes
    ----------
    conditions : the value of every parameter that is set, on its grid.
    slot : the share of the strategy that asked for it (``start``, ``improve``, ``novelty``, ...).
    reason : one plain sentence.
    predictions : by outcome; empty while there is no model.
    chance_of_best : probability that its true value beats the best so far; None while there is no model
        or no result to beat.
    distance : distance to the nearest experiment tried or pending, as a share of the space's diagonal
        (0: the same conditions; 1: opposite corners); None for the first experiment.
    """

    conditions: Conditions
    slot: str
    reason: str
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    chance_of_best: float | None = None
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A batch from the planner, as it goes into the ledger before any result exists.

    ``planner`` describes what was used (surrogate, acquisition, hyperparameters, fallbacks) in JSON
    values; ``notes`` are sentences for the user: a fallback taken, a collapsed batch, a constant column.
    """

    experiments: tuple[ProposedExperiment, ...]
    seed: int
    strategy: str
    planner: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """One measurement of one experiment; replicates are several observations.

    ``index`` counts from 1 within the experiment and is never used again.
    """

    index: int
    outcomes: Outcomes
    covariates: Outcomes = field(default_factory=dict)
    at: str = ""
    note: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What a laboratory hands in about one experiment: typed, or one row of a sheet.

    ``experiment`` is None for an experiment that nobody proposed; then ``executed`` holds all its
    conditions. Otherwise ``executed`` holds only what was said about the conditions (None: as planned).
    ``replicate`` counts from 1 (None: not said). ``row`` and ``line`` are the data row and the line of the file
    it came from, for messages.
    """

    experiment: int | None
    outcomes: Outcomes = field(default_factory=dict)
    covariates: Outcomes = field(default_factory=dict)
    executed: Conditions | None = None
    replicate: int | None = None
    failure: FailureKind | None = None
    note: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    row: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who runs an experiment, and until when a word from them is expected.

    ``token`` is the number of the ledger's entry that gave the claim: a later claim has a larger one, so that
    whoever was taken over can be told from whoever holds it now. Times are UTC, in ISO format.
    """

    token: int
    claimant: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """Conditions with an origin, a status and what came of them.

    ``number`` counts from 1 within the campaign. ``executed`` equals ``planned`` until the laboratory
    says otherwise. ``batch`` is the proposal's number, None for what nobody proposed. ``claim`` is the last
    claim, also after its result came.
    """

    number: int
    status: Status
    origin: Origin
    planned: Conditions
    executed: Conditions
    batch: int | None = None
    slot: str = ""
    reason: str = ""
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    chance_of_best: float | None = None
    distance: float | None = None
    observations: tuple[Observation, ...] = ()
    failure: FailureKind | None = None
    note: str = ""
    replaces: int | None = None
    created_at: str = ""
    claim: Claim | None = None

    def mean(self, outcome: str) -> float | None:
        """Return the mean of an outcome over the replicates that measured it; None where none did."""
        values = [each.outcomes[outcome] for each in self.observations if outcome in each.outcomes]
        return sum(values) / len(values) if values else None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One link of the chain; ``hash`` covers everything else, ``previous`` is the link before."""

    campaign: str
    sequence: int
    kind: str
    at: str
    actor: str
    version: str
    payload: Mapping[str, Any]
    previous: str
    hash: str


def experiment_id(campaign: str, number: int) -> str:
    """Return the id that sheets and tables carry: unlike ``mar-7`` or ``7/3``, no spreadsheet alters it."""
    return f"{campaign}#{number}"
