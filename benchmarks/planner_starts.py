"""How often a fit misses the best mode of its hyperparameters, by the number of starting points, and what it costs.

    OMP_NUM_THREADS=1 python benchmarks/planner_starts.py
    OMP_NUM_THREADS=1 python benchmarks/planner_starts.py --sizes 50 100 --seeds 10

Results as a campaign leaves them (half from all over the space, half around the best of those), without noise and with
noise of a tenth of the sd. A mode is missed where the log posterior ends more than 0.1 nats below the best that any
number of starts found.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

import numpy as np

from labloop.planner.data import gather
from labloop.planner.features import features_of
from labloop.planner.kernel import kernel_for
from labloop.planner.likelihood import Evidence, fit
from labloop.planner.models import noise_of
from labloop.planner.transform import scale_of
from labloop.records import Experiment, Observation, Origin, Status
from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab
from labloop.space import Space

STARTS = (1, 2, 3, 6)
MISSED = 0.1
LABS = (
    *("branin", "hartmann6", "ackley5", "levy4", "rosenbrock4", "michalewicz", "bukin", "dropwave", "eggholder"),
    *("shekel", "styblinskitang4", "rastrigin3", "griewank3", "powell4", "hills3", "hills5", "crossed4", "needle4"),
    *("outlier3", "reaction", "colours"),
)


def evidence_of(place: Lab, n: int, noise: float, seed: int) -> Evidence:
    """Return what n results say of the hyperparameters."""
    spec, rng = place.campaign, np.random.default_rng(seed)
    space = Space(spec)
    name, objective = next(iter(spec.objectives.items()))
    sign = -1.0 if objective.goal == "minimize" else 1.0
    spread = space.sample(n // 2, rng)
    first = [place.truth(each)[name] for each in space.decode(spread)]
    best = spread[int(np.argmax(sign * np.array(first)))]
    near = space.move(np.repeat(best[None], n - n // 2, axis=0), rng, 0.2)
    conditions = space.decode(np.vstack([spread, near]))
    y = np.array([place.truth(each)[name] for each in conditions])
    y = y + noise * float(np.std(first)) * rng.standard_normal(n)
    results = [
        Experiment(i, Status.COMPLETED, Origin.MANUAL, each, each, observations=(Observation(1, {name: float(value)}),))
        for i, (each, value) in enumerate(zip(conditions, y, strict=True), 1)
    ]
    data = gather(spec, space, results, [])
    table = data.tables[name]
    features = features_of(spec, space, table.covariates, data.median)
    scale = scale_of(table.y, sign)
    assert scale is not None
    prior, known = noise_of(table, scale.log_slopes(table.y), None)
    rows, values = features(table.cube, table.covariates), scale.to_model(table.y)
    kernel = kernel_for(features.layout)
    return Evidence(rows, values, repeats=table.repeats, kernel=kernel, prior=prior, known=known)


def looked(evidence: Evidence, starts: int, seed: int) -> tuple[float, int]:
    """Return the log posterior that a fit ends at, and how often it asked for a gradient."""
    with patch.object(Evidence, "__call__", autospec=True, side_effect=Evidence.__call__) as asked:
        found = fit(evidence, np.random.default_rng(seed), starts=starts)[0].value
    return found, asked.call_count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[6, 15, 30, 60, 100])
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    print("| n | fits | " + " | ".join(f"{each} starts: missed, gradients" for each in STARTS) + " |")
    print("| ---: |" + " ---: |" * (len(STARTS) + 1))
    for n in given.sizes:
        ends = []
        for name in LABS:
            for noise in (0.0, 0.1):
                for seed in range(given.seeds):
                    evidence = evidence_of(lab(name), n, noise, seed)
                    ends.append([looked(evidence, each, seed) for each in STARTS])
        values, asked = np.moveaxis(np.array(ends), 2, 0)
        missed = (values.max(axis=1, keepdims=True) - values > MISSED).sum(axis=0)
        cells = [f"{int(missed[k])}, {asked[:, k].mean():.0f}" for k in range(len(STARTS))]
        print(f"| {n} | {len(ends)} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
