"""What tests share: small specs, a store in memory, a schema on a PostgreSQL server, a planner that needs no model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from labloop.records import Conditions, Experiment, Prediction, Proposal, ProposedExperiment, Value
from labloop.spec.models import Spec
from labloop.store import Store

POSTGRES = os.environ.get("LABLOOP_TEST_POSTGRES", "")
"""URL of a database on a PostgreSQL server that tests may write to; .ci/run gives one."""
NO_POSTGRES = "NOT RUN on PostgreSQL: LABLOOP_TEST_POSTGRES names no server (as root on Debian: .ci/postgres gives one)"

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


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of an empty schema of its own on a real PostgreSQL server."""
    if not POSTGRES:
        if os.environ.get("CI"):
            pytest.fail("in CI the tests on PostgreSQL must run: LABLOOP_TEST_POSTGRES is not set")
        pytest.skip(NO_POSTGRES)
    name = f"test_{uuid4().hex[:12]}"
    engine = create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
        yield f"{POSTGRES}?options=-csearch_path%3D{name}"
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it where everybody looks: at the end."""
    skipped = [
        each for each in terminalreporter.stats.get("skipped", []) if "NOT RUN on PostgreSQL" in str(each.longrepr)
    ]
    if skipped:
        terminalreporter.section("PostgreSQL", red=True, bold=True)
        terminalreporter.write_line(f"{len(skipped)} tests were {NO_POSTGRES}", red=True, bold=True)
