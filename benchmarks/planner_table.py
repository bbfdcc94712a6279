"""A batch from a candidate table of a million rows: seconds and memory, and whether what it chose is the best.

    python benchmarks/planner_table.py

16 numeric columns (descriptors of a library, say), 200 experiments done, 8 wanted. Promised: under 60 s on two
cores and under 2 GB, everything in one process: the table checked, the model fitted, every row scored.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from labloop.planner import plan
from labloop.records import Experiment, Observation, Origin, Status
from labloop.spec.models import Spec

SECONDS, MEGABYTES = 60.0, 2000.0


def value(rows: np.ndarray) -> np.ndarray:
    """Return a smooth response of (n, d) rows that depends on some columns more than on others."""
    weights = np.geomspace(4.0, 0.02, rows.shape[1])
    return np.asarray(np.exp(-((rows - 0.4) ** 2) @ weights) + 0.2 * np.sin(6.0 * rows[:, 0]) * rows[:, 1])


def table_of(rows: int, columns: int, seed: int) -> np.ndarray:
    """Return a random table."""
    return np.random.default_rng(seed).random((rows, columns))


def campaign(table: np.ndarray, strategy: str) -> Spec:
    """Return a campaign over a table."""
    names = [f"x{j}" for j in range(table.shape[1])]
    return Spec.model_validate(
        {
            "name": "library",
            "parameters": {name: {"bounds": [0.0, 1.0]} for name in names},
            "candidates": {"columns": names, "rows": [tuple(row.tolist()) for row in table]},
            "objectives": {"y": {"goal": "maximize"}},
            "planner": {"strategy": strategy},
        }
    )


def results(spec: Spec, n: int, seed: int) -> list[Experiment]:
    """Return n experiments on random rows of the campaign's table."""
    assert spec.candidates is not None
    rng = np.random.default_rng(seed + 1)
    found = []
    for number, i in enumerate(rng.choice(len(spec.candidates.rows), n, replace=False), 1):
        row = spec.candidates.rows[int(i)]
        y = float(value(np.array([row], dtype=np.float64))[0] + 0.02 * rng.standard_normal())
        conditions = dict(zip(spec.candidates.columns, row, strict=True))
        observation = Observation(1, {"y": y})
        found.append(
            Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions, observations=(observation,))
        )
    return found


def peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def main() -> None:
    """Print promised against measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--done", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategy", default="explore", choices=["explore", "balanced", "exploit", "learn"])
    chosen = parser.parse_args()
    print(f"imports: {peak():.0f} MB", flush=True)
    began, cpu = time.perf_counter(), time.process_time()
    spec = campaign(table_of(chosen.rows, chosen.columns, chosen.seed), chosen.strategy)
    checked = time.perf_counter()
    print(f"table checked: {checked - began:.1f} s, {peak():.0f} MB", flush=True)
    observed = results(spec, chosen.done, chosen.seed)
    proposal = plan(spec, observed, [], chosen.batch, chosen.seed)
    seconds, spent, memory = time.perf_counter() - began, time.process_time() - cpu, peak()
    assert len(proposal.experiments) == chosen.batch
    print(f"planned: {time.perf_counter() - checked:.1f} s; slots {[each.slot for each in proposal.experiments]}")
    truth = value(table_of(chosen.rows, chosen.columns, chosen.seed))
    for each in proposal.experiments[:3]:
        row = np.array([each.conditions[f"x{j}"] for j in range(chosen.columns)], dtype=np.float64)
        above = int((truth > value(row[None])[0]).sum())
        print(f"  {above:,} of {len(truth):,} rows are truly better than one proposed to {each.slot}")
    print(f"\n{len(truth):,} rows: {seconds:.1f} s ({spent:.1f} s of CPU), {memory:.0f} MB")
    print(f"promised: under {SECONDS:.0f} s on 2 cores, under {MEGABYTES:.0f} MB")
    if seconds > SECONDS or memory > MEGABYTES:
        sys.exit("not kept")


if __name__ == "__main__":
    main()
