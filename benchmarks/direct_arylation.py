"""Best yield of a direct arylation found in 10 random and 40 planned experiments, over many seeds.

The table of Shields et al. (Nature 590, 2021) is the laboratory: every one of its 1,728 conditions has a
measured yield, so a campaign is a look-up. Run it with

    python benchmarks/direct_arylation.py path/to/direct_arylation.csv --seeds 10
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from labloop.planner import plan
from labloop.records import Conditions, Experiment, Observation, Origin, Status
from labloop.spec.models import Spec

FACTORS = ("Base", "Ligand", "Solvent", "Concentration", "Temp_C")
NUMERIC = ("Concentration", "Temp_C")
Key = tuple[str | float, ...]


def read(path: Path) -> dict[Key, float]:
    """Return the yield by conditions."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        tuple(float(row[name]) if name in NUMERIC else row[name] for name in FACTORS): float(row["yield"])
        for row in rows
    }


def spec_of(table: dict[Key, float], strategy: str) -> Spec:
    """Return the campaign: three choices and two ordered factors, no descriptors."""
    parameters = {}
    for j, name in enumerate(FACTORS):
        values = sorted({key[j] for key in table}, key=str if name not in NUMERIC else float)
        parameters[name] = {"levels": values} if name in NUMERIC else {"choices": values}
    return Spec.model_validate(
        {
            "name": "arylation",
            "parameters": parameters,
            "objectives": {"yield_": {"goal": "maximize", "label": "yield", "unit": "%"}},
            "planner": {"strategy": strategy, "batch": 5},
        }
    )


def experiment(number: int, conditions: Conditions, table: dict[Key, float]) -> Experiment:
    """Return an experiment with its looked-up result."""
    result = table[tuple(conditions[name] for name in FACTORS)]
    observation = Observation(1, {"yield_": result})
    return Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions, observations=(observation,))


def campaign(table: dict[Key, float], spec: Spec, seed: int, *, batches: int, size: int) -> list[float]:
    """Return the best yield after the start and after every batch."""
    rng = np.random.default_rng(seed)
    keys = list(table)
    done: list[Experiment] = []
    for i in rng.choice(len(keys), 10, replace=False):
        done.append(experiment(len(done) + 1, dict(zip(FACTORS, keys[i], strict=True)), table))
    trace = [max(each.observations[0].outcomes["yield_"] for each in done)]
    for batch in range(batches):
        proposal = plan(spec, done, [], size, seed=1000 * seed + batch)
        for each in proposal.experiments:
            done.append(experiment(len(done) + 1, each.conditions, table))
        trace.append(max(each.observations[0].outcomes["yield_"] for each in done))
    return trace


def main() -> None:
    """Run the benchmark and print one line per seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--strategy", default="explore")
    given = parser.parse_args()
    table = read(given.table)
    spec = spec_of(table, given.strategy)
    best = []
    for seed in range(given.first, given.first + given.seeds):
        began = time.perf_counter()
        trace = campaign(table, spec, seed, batches=8, size=5)
        best.append(trace[-1])
        shown = " ".join(f"{value:6.2f}" for value in trace)
        print(f"seed {seed:4d}  {shown}   {time.perf_counter() - began:5.1f} s", flush=True)
    print(f"best yield >= 95 in {sum(value >= 95 for value in best)} of {len(best)} seeds; mean {np.mean(best):.2f}")
    print(f"the table's best is {max(table.values()):.2f}")


if __name__ == "__main__":
    main()
