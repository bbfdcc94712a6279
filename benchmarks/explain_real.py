"""Understanding on real campaigns: shares from 60 runs against the full table, and the time that answers take.

The table of Shields et al. (Nature 590, 2021) has the yield of all 1,728 combinations of base, ligand, solvent,
concentration and temperature, so the share of every factor is known exactly (`decompose`). Sixty runs are planned
without looking at the rest; the surrogate's total-order indices from these are compared with the exact ones by rank.

    python benchmarks/explain_real.py path/to/data --seeds 30 --strategy design
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import labloop
from labloop.exchange.infer import infer_spec
from labloop.insight import posterior
from labloop.insight.questions import Region
from labloop.insight.runs import runs_of
from labloop.insight.sobol import decompose, variance_shares
from labloop.planner import plan
from labloop.records import Experiment, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.tabular import read_table

FACTORS = ("Base", "Ligand", "Solvent", "Concentration", "Temp_C")
NUMERIC = ("Concentration", "Temp_C")
RHOS = np.round(np.arange(1.0, -1.01, -0.1), 1).tolist()
"""What the rank correlation of five numbers can be."""
Yields = dict[tuple[str | float, ...], float]


def read(path: Path) -> tuple[Spec, Yields]:
    """Return the campaign and the yield by conditions."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    yields = {
        tuple(float(row[name]) if name in NUMERIC else row[name] for name in FACTORS): float(row["yield"])
        for row in rows
    }
    parameters: dict[str, object] = {}
    for j, name in enumerate(FACTORS):
        if name in NUMERIC:
            parameters[name] = {"levels": sorted({float(key[j]) for key in yields})}
        else:
            parameters[name] = {"choices": sorted({str(key[j]) for key in yields})}
    spec = Spec.model_validate(
        {"name": "arylation", "parameters": parameters, "objectives": {"yield_": {"goal": "maximize", "unit": "%"}}}
    )
    return spec, yields


def exact(yields: Yields) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the total-order share of each factor over the whole table."""
    levels = [sorted({key[j] for key in yields}, key=str) for j in range(len(FACTORS))]
    table = np.empty([len(each) for each in levels])
    for key, value in yields.items():
        table[tuple(each.index(part) for each, part in zip(levels, key, strict=True))] = value
    shares = decompose(table)
    return np.array([sum(share for subset, share in shares.items() if j in subset) for j in range(len(FACTORS))])


def sixty(spec: Spec, yields: Yields, seed: int, strategy: str) -> list[Experiment]:
    """Run 60 planned experiments: a design that fills the space, or half of one and then the planner."""
    space = Space(spec)
    done: list[Experiment] = []

    def run(conditions: list[dict[str, str | float | int]]) -> None:
        for each in conditions:
            value = yields[tuple(each[name] for name in FACTORS)]
            observation = Observation(1, {"yield_": value})
            done.append(
                Experiment(len(done) + 1, Status.COMPLETED, Origin.DESIGN, each, each, observations=(observation,))
            )

    rng = np.random.default_rng(seed)
    run(space.decode(space.spread(60 if strategy == "design" else 30, rng)))
    asked = spec.model_copy(update={"planner": spec.planner.model_copy(update={"strategy": strategy})})
    while len(done) < 60:
        proposal = plan(asked, done, [], 10, seed=1000 * seed + len(done))
        run([dict(each.conditions) for each in proposal.experiments])
    return done


def arylation(folder: Path, seeds: int, strategy: str) -> None:
    """Compare the shares from 60 runs with the exact ones."""
    spec, yields = read(folder / "direct_arylation.csv")
    truth = exact(yields)
    print("exact total shares:  " + "  ".join(f"{n} {s:.2f}" for n, s in zip(FACTORS, truth, strict=True)))
    correlations = []
    for seed in range(seeds):
        runs = runs_of(spec, sixty(spec, yields, seed, strategy), "yield_")
        rng = np.random.default_rng(seed)
        found = variance_shares(runs, Region(runs, seed), posterior.fit(runs, rng, even=True), rng)
        assert found is not None
        shares = [index.share for index in found.total]
        correlations.append(float(spearmanr(truth, shares).statistic))
        held = sum(i.low <= t <= i.high for i, t in zip(found.total, truth, strict=True))
        told = "  ".join(f"{each:.2f}" for each in shares)
        print(
            f"seed {seed}  {told}   rank correlation {correlations[-1]:.2f}   in the interval {held} of 5", flush=True
        )
    counts = {f"{value:.1f}": sum(round(each, 1) == value for each in correlations) for value in RHOS}
    told = "  ".join(f"{value}: {count}" for value, count in counts.items() if count)
    good = np.mean(np.array(correlations) > 0.8 - 1e-9)
    print(f"rank correlation: mean {np.mean(correlations):.2f}, at least 0.8 in {good:.0%}; {told}")


def hydrogel(folder: Path) -> None:
    """Time `check-model` and `explain` on the 180 hydrogels."""
    path = folder / "hydrogel_180.csv"
    spec = infer_spec(read_table(path), name="gels").spec
    campaign = labloop.create({"schema": "labloop/1", **spec}, store="sqlite://")
    campaign.import_(path)
    began = time.perf_counter()
    check = campaign.check_model()
    print(f"check-model {time.perf_counter() - began:.1f} s: {check.verdict}")
    if check.edge is not None:
        edge = check.edge
        print(f"  R2 {check.cross.r2:.2f}; best left out: area {edge.area:.2f}, {edge.back} of {edge.left_out} on top")
    began = time.perf_counter()
    told = campaign.explain()
    flips = max((each.flips or 0.0 for each in told.found), default=0.0)
    print(f"explain {time.perf_counter() - began:.1f} s: {len(told.found)} effects claimed, flips at most {flips:.1%}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--strategy", default="learn", help="design, learn, explore or balanced")
    given = parser.parse_args()
    hydrogel(given.data)
    arylation(given.data, given.seeds, given.strategy)


if __name__ == "__main__":
    main()
