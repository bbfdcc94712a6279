"""Records to plain JSON values and back; what is empty is left out, so that the text stays short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from labloop.records import (
    Claim,
    Experiment,
    FailureKind,
    Observation,
    Origin,
    Prediction,
    Proposal,
    ProposedExperiment,
    Status,
)

__all__ = [
    "compact",
    "experiment_from_dict",
    "experiment_to_dict",
    "observation_from_dict",
    "observation_to_dict",
    "proposal_to_dict",
    "proposed_to_dict",
]


def compact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out None, "" and what holds nothing; 0 is a value."""
    return {key: value for key, value in fields.items() if value or isinstance(value, int | float)}


def _predictions(predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    return {name: compact(asdict(prediction)) for name, prediction in predictions.items()}


def _prediction(fields: Mapping[str, Any]) -> Prediction:
    return Prediction(**{**fields, "quantiles": tuple(fields.get("quantiles", ()))})


def observation_to_dict(observation: Observation) -> dict[str, Any]:
    """Write one observation; always with its index and outcomes."""
    return {
        "index": observation.index,
        "outcomes": dict(observation.outcomes),
        **compact(
            {
                "covariates": dict(observation.covariates),
                "at": observation.at,
                "note": observation.note,
                "extra": dict(observation.extra),
            }
        ),
    }


def observation_from_dict(fields: Mapping[str, Any]) -> Observation:
    """Read what `observation_to_dict` wrote."""
    return Observation(**fields)


def proposed_to_dict(experiment: ProposedExperiment) -> dict[str, Any]:
    """Write one experiment of a proposal."""
    return {
        "conditions": dict(experiment.conditions),
        "slot": experiment.slot,
        "reason": experiment.reason,
        **compact(
            {
                "predictions": _predictions(experiment.predictions),
                "chance_of_best": experiment.chance_of_best,
                "distance": experiment.distance,
            }
        ),
    }


def proposal_to_dict(proposal: Proposal) -> dict[str, Any]:
    """Write what a proposal claims, its experiments aside."""
    return {
        "seed": proposal.seed,
        "strategy": proposal.strategy,
        "planner": dict(proposal.planner),
        "notes": list(proposal.notes),
    }


def experiment_to_dict(experiment: Experiment) -> dict[str, Any]:
    """Write one experiment; ``executed`` only where it differs from ``planned``."""
    return {
        "number": experiment.number,
        "status": experiment.status.value,
        "origin": experiment.origin.value,
        "planned": dict(experiment.planned),
        **compact(
            {
                "executed": None if experiment.executed == experiment.planned else dict(experiment.executed),
                "batch": experiment.batch,
                "slot": experiment.slot,
                "reason": experiment.reason,
                "predictions": _predictions(experiment.predictions),
                "chance_of_best": experiment.chance_of_best,
                "distance": experiment.distance,
                "observations": [observation_to_dict(each) for each in experiment.observations],
                "failure": experiment.failure.value if experiment.failure else None,
                "note": experiment.note,
                "replaces": experiment.replaces,
                "created_at": experiment.created_at,
                "claim": asdict(experiment.claim) if experiment.claim else None,
            }
        ),
    }


def experiment_from_dict(fields: Mapping[str, Any]) -> Experiment:
    """Read what `experiment_to_dict` wrote."""
    return Experiment(
        number=fields["number"],
        status=Status(fields["status"]),
        origin=Origin(fields["origin"]),
        planned=fields["planned"],
        executed=fields.get("executed", fields["planned"]),
        batch=fields.get("batch"),
        slot=fields.get("slot", ""),
        reason=fields.get("reason", ""),
        predictions={name: _prediction(each) for name, each in fields.get("predictions", {}).items()},
        chance_of_best=fields.get("chance_of_best"),
        distance=fields.get("distance"),
        observations=tuple(observation_from_dict(each) for each in fields.get("observations", ())),
        failure=FailureKind(fields["failure"]) if "failure" in fields else None,
        note=fields.get("note", ""),
        replaces=fields.get("replaces"),
        created_at=fields.get("created_at", ""),
        claim=Claim(**fields["claim"]) if "claim" in fields else None,
    )
