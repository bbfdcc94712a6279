"""The search: what it finds, against BoTorch's and against a look at everything; what it never returns."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from labloop.planner import plan
from labloop.planner.features import LIBRARY, features_of
from labloop.planner.kernel import Array
from labloop.planner.optimise import Search
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import Spec

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "planner_optimiser.py"


def test_under_constraints_the_search_finds_what_optimize_acqf_finds() -> None:
    command = [sys.executable, str(SCRIPT), "--seeds", "1"]  # the benchmark's short version
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count("| ") > 20
    assert "worst" in done.stdout


def library(options: int) -> dict[str, dict[str, float]]:
    """Molecules with two descriptors on a spiral."""
    return {f"m{i}": {"logp": i / options, "size": math.sin(9.0 * i / options)} for i in range(options)}


def test_the_best_of_a_library_beside_a_number_is_found(run: Callable[..., list[Experiment]]) -> None:
    options = library(1500)
    fields = {
        "name": "library",
        "parameters": {"molecule": {"choices": options}, "dose": {"bounds": [0.0, 1.0]}},
        "objectives": {"y": {"goal": "maximize"}},
        "planner": {"strategy": "exploit"},
    }
    spec = Spec.model_validate(fields)

    def outcome(conditions: Conditions) -> dict[str, float]:
        x = options[str(conditions["molecule"])]
        return {"y": -((x["logp"] - 0.7) ** 2) - 0.2 * (x["size"] - 0.5) ** 2 - (float(conditions["dose"]) - 0.4) ** 2}

    observed = run(spec, 60, outcome)
    found = [outcome(each.conditions)["y"] for each in plan(spec, observed, [], 2, 0).experiments]
    best = max(outcome({"molecule": name, "dose": 0.4})["y"] for name in options)
    assert max(found) > best - 0.01


def test_a_library_of_many_options_has_no_block_of_its_own_for_each(mixed: Spec) -> None:
    spec = Spec.model_validate(
        {
            **mixed.to_dict(),
            "parameters": {**mixed.to_dict()["parameters"], "solvent": {"choices": library(LIBRARY + 1)}},
        }
        | {"constraints": []}
    )
    features = features_of(spec, Space(spec), np.zeros((0, 1)), np.zeros(1))
    assert features.layout.named.sum() == 1  # the salt
    assert len(features.layout.group) < 20


def test_what_is_dear_to_score_is_scored_on_a_share_of_a_finite_space(cube: Callable[..., Spec]) -> None:
    spec = cube(parameters={f"x{j}": {"bounds": [0, 9], "integer": True} for j in range(4)})
    space = Space(spec)
    layout = features_of(spec, space, np.zeros((0, 0)), np.zeros(0))
    search = Search(space, layout, np.zeros((0, 4)), box=True, picks=2, rng=np.random.default_rng(0))
    seen = []

    def score(features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        assert not gradient
        seen.append(len(features))
        return features.sum(axis=1), np.zeros((0, 0))

    assert search.best(score, np.zeros((0, 4))) is not None
    assert sum(seen) == 10_000
    seen.clear()
    found = search.best(score, np.zeros((0, 4)), most=500)
    assert sum(seen) == 500
    assert found is not None
    assert found[1] > 3.0


def test_a_row_is_new_once_and_only_once(cube: Callable[..., Spec]) -> None:
    spec = cube(2)
    space, known = Space(spec), np.array([[0.25, 0.5], [0.125, 1.0]])
    features = features_of(spec, space, np.zeros((0, 0)), np.zeros(0))
    search = Search(space, features, known, box=True, picks=2, rng=np.random.default_rng(0))
    rows = np.array([[0.5, 0.5], [0.25, 0.5], [0.75, 0.0], [0.5, 0.5 + 1e-9], [0.125, 1.0]])
    assert search.fresh(rows).tolist() == [[0.5, 0.5], [0.75, 0.0]]
    search.take(rows[2])
    assert search.fresh(rows).tolist() == [[0.5, 0.5]]


def test_every_row_of_a_long_candidate_table_is_looked_at(result: Callable[..., Experiment]) -> None:
    rows = np.random.default_rng(0).random((30_000, 3))
    names = ["a", "b", "c"]
    table = {"columns": names, "rows": [tuple(row.tolist()) for row in rows]}
    spec = Spec.model_validate(
        {
            "name": "table",
            "parameters": {name: {"bounds": [0.0, 1.0]} for name in names},
            "candidates": table,
            "objectives": {"y": {"goal": "maximize"}},
            "planner": {"strategy": "exploit"},
        }
    )
    value = -((rows - [0.2, 0.9, 0.5]) ** 2).sum(axis=1)
    observed = [result(i, dict(zip(names, rows[i].tolist(), strict=True)), {"y": value[i]}) for i in range(40)]
    found = plan(spec, observed, [], 3, 0).experiments
    chosen = [int(np.flatnonzero(rows[:, 0] == float(each.conditions["a"]))[0]) for each in found]
    assert len(set(chosen)) == 3
    assert all(i >= 40 for i in chosen)
    # One of the ten best of 30,000, known from 40.
    assert value[chosen].max() >= np.sort(value)[-10]
