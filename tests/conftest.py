"""What tests share: small specs, a store in memory, a planner that needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from labloop.records import Conditions, Experiment, Prediction, Proposal, ProposedExperiment, Value
from labloop.spec.models import Spec
from labloop.store import Store

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def make_spec(**changes: Any) -> Spec:
    """A reaction: a temperature, a time, a solvent; yield to maximise, purity at least 95."""
    fields: dict[str, Any] = {
        "name": "reaction",
        "parameters": {
            "temperature": {"bounds": [20, 80], "step": 5, "unit": "degC"},
            "time": {"bounds": [1, 100], "scale": "log", "unit": "h"},
            "solvent": {"choices": ["water", "EtOH", "DMSO"]},
            "humidity": {"observed": True, "unit": "%"},
            "operator": {"value": "robot"},
        },
        "objectives": {"yield": {"goal": "maximize", "unit": "%", "range": [0, 100]}},
        "limits": ["purity >= 95"],
        "planner": {"batch": 3},
    }
    return Spec.model_validate({**fields, **changes})


def grid_plan(spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int) -> Proposal:
    """Walk along the temperatures: enough of a planner where only the bookkeeping is under test."""
    taken = len(observed) + len(pending)
    picked = []
    for index in range(taken, min(taken + n, 13 * 3)):
        conditions: dict[str, Value] = {
            "temperature": 20.0 + 5 * (index % 13),
            "time": 10.0,
            "solvent": ["water", "EtOH", "DMSO"][index // 13],
            "operator": "robot",
        }
        prediction = Prediction(mean=50.0, sd=10.0, low=33.6, median=50.0, high=66.4)
        picked.append(
            ProposedExperiment(conditions, "novelty", "Nobody looked here.", {"yield": prediction}, 0.25, 0.5)
        )
    return Proposal(tuple(picked), seed, spec.planner.strategy, {"surrogate": "none"})


@pytest.fixture
def spec() -> Spec:
    return make_spec()


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    yield made
    made.close()


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("NOT RUN: the real campaigns are not beside this checkout (shared/data)")
    return SHARED_DATA
