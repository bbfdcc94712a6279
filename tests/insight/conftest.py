"""What the tests of insight share: campaigns of numbers in coded units, and results written into experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from labloop.insight.runs import Runs, runs_of
from labloop.records import Conditions, Experiment, Observation, Origin, Status
from labloop.spec.models import Spec


def coded_spec(names: Sequence[str], reach: float = 1.0, **more: Any) -> Spec:
    """A campaign of numbers between -reach and reach."""
    fields: dict[str, Any] = {
        "name": "coded",
        "parameters": {name: {"bounds": [-reach, reach]} for name in names},
        "objectives": {"y": {"goal": "maximize"}},
    }
    return Spec.model_validate({**fields, **more})


def completed(
    number: int,
    conditions: Conditions,
    value: float,
    *,
    extra: Mapping[str, str] | None = None,
    covariates: Mapping[str, float] | None = None,
    origin: Origin = Origin.DESIGN,
    batch: int | None = None,
) -> Experiment:
    """An experiment with one result."""
    observation = Observation(1, {"y": float(value)}, covariates=covariates or {}, extra=extra or {})
    return Experiment(
        number, Status.COMPLETED, origin, conditions, conditions, batch=batch, observations=(observation,)
    )


Coded = Callable[..., Runs]


@pytest.fixture
def coded() -> Coded:
    """Runs of a table in coded units: ``coded(rows, y, names)``."""

    def made(rows: Any, y: Any, names: Sequence[str] | None = None, reach: float | None = None) -> Runs:
        table = np.asarray(rows, dtype=np.float64)
        named = list(names or [chr(ord("A") + j) for j in range(table.shape[1])])
        spec = coded_spec(named, reach or float(np.abs(table).max()))
        experiments = [
            completed(i, dict(zip(named, row.tolist(), strict=True)), value)
            for i, (row, value) in enumerate(zip(table, y, strict=True), 1)
        ]
        return runs_of(spec, experiments, "y")

    return made
