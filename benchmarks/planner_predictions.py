"""How well the planner's process predicts what was held out, with other samples and other priors of the noise.

    OMP_NUM_THREADS=1 python benchmarks/planner_predictions.py

Fourteen test functions, n random experiments with noise of a share of the sd over the space, some draws each; the mean
log density of 300 more outcomes, a point, and by how much it is above the planner's own (with its standard error). `one
scale` has no ripples on the trend, `two scales` has them always (`planner.models.rippled`), `own scales` nothing that
the lengthscales share beforehand (`planner.kernel`), `mode` the best hyperparameters alone, `twice` twice as many
samples, `N(a, b)` another prior on the log variance of the noise.
`--variants` prints some of them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from unittest.mock import patch

import numpy as np
import torch
from botorch.test_functions.synthetic import (
    Ackley,
    Branin,
    DropWave,
    EggHolder,
    Hartmann,
    HolderTable,
    Levy,
    Michalewicz,
    Rastrigin,
    Rosenbrock,
    Shekel,
    SixHumpCamel,
    StyblinskiTang,
    SyntheticTestFunction,
)

from labloop.planner.kernel import Ard, Array, Layout, TwoScale
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.models import rippled, samples_for
from labloop.planner.sample import sample
from labloop.planner.surrogate import Process

FUNCTIONS: tuple[SyntheticTestFunction, ...] = (
    Hartmann(6),
    Levy(4),
    Ackley(5),
    Branin(),
    Rosenbrock(4),
    StyblinskiTang(4),
    Hartmann(3),
    Michalewicz(5),
    EggHolder(),
    HolderTable(),
    Rastrigin(3),
    Shekel(),
    DropWave(),
    SixHumpCamel(),
)
SIZES = (8, 15, 30, 60, 120)
NOISE = (0.0, 0.1, 0.3, 0.6)
UNSEEN = 300
Draw = Callable[[Evidence, Hyper, int, np.random.Generator], list[Hyper]]
DRAWN: Mapping[str, Draw] = {
    "mode": lambda _evidence, mode, _count, _rng: [mode],
    "twice": lambda evidence, mode, count, rng: sample(evidence, mode, 2 * count, rng),
}
SCALES = ("one scale", "two scales")
PRIORS = {f"N({a:g}, {b:g})": NoisePrior(a, b) for a, b in ((-4, 1), (-5, 1), (-5, 1.5), (-6, 1), (-6, 2))}
OWN = "own scales"
VARIANTS = (*SCALES, OWN, *DRAWN, *PRIORS)


def case(function: SyntheticTestFunction, n: int, noise: float, seed: int) -> tuple[Array, Array]:
    """Return rows (n + UNSEEN, d) and outcomes, standardised by the first n."""
    rng = np.random.default_rng(1000 * seed + n)
    low, high = np.asarray(function.bounds)
    rows = rng.random((n + UNSEEN, function.dim))
    y = -function.evaluate_true(torch.as_tensor(low + rows * (high - low))).numpy()
    if isinstance(function, Rosenbrock):
        y = -np.log1p(-y)
    y = y + rng.normal(0.0, noise * y.std(), len(y)) if noise else y
    return rows, (y - y[:n].mean()) / y[:n].std()


def fitted(rows: Array, y: Array, variant: str) -> tuple[Evidence, Hyper]:
    """Return the evidence and its best mode, as the planner takes them but for the variant."""
    d = rows.shape[1]
    kernel = Ard(Layout(np.arange(d), np.zeros(d, dtype=np.bool_)))
    evidence = Evidence(rows, y, repeats=np.ones(len(y)), kernel=kernel, prior=PRIORS.get(variant, NoisePrior()))
    mode = fit(evidence, np.random.default_rng(0))[0]
    if variant == "one scale":
        return evidence, mode
    if variant == "two scales":
        always = evidence.under(TwoScale(kernel.layout))
        return always, fit(always, np.random.default_rng(0))[0]
    return rippled(evidence, mode, np.random.default_rng(0)) or (evidence, mode)


def density(rows: Array, y: Array, n: int, seed: int, variant: str) -> float:
    """Return the mean log density of what is held out."""
    if variant == OWN:
        with patch("labloop.planner.kernel.SHARED", 0.0):
            return density(rows, y, n, seed, "now")
    evidence, mode = fitted(rows[:n], y[:n], variant)
    hypers = DRAWN.get(variant, sample)(evidence, mode, samples_for(n), np.random.default_rng(seed))
    process = Process.of(evidence.kernel, hypers, rows[:n], y[:n], np.ones(n))
    means, variances = process.posterior(rows[n:])
    variances = variances + np.asarray(process.noise)[:, None]
    logs = -0.5 * (np.log(2.0 * math.pi * variances) + (y[n:] - means) ** 2 / variances)
    return float(np.mean(np.logaddexp.reduce(logs, axis=0) - math.log(len(logs))))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    given = parser.parse_args()
    names = given.variants
    print("| noise | n | now | " + " | ".join(names) + " |")
    print("| ---: |" + " ---: |" * (len(names) + 2))
    for noise in NOISE:
        for n in SIZES:
            several = [
                {name: density(*case(function, n, noise, seed), n, seed, name) for name in ("now", *names)}
                for function in FUNCTIONS
                for seed in range(given.draws)
            ]
            now = np.array([each["now"] for each in several])
            cells = []
            for name in names:
                gap = np.array([each[name] for each in several]) - now
                cells.append(f"{gap.mean():+.3f} ± {gap.std() / len(gap) ** 0.5:.3f}")
            print(f"| {noise:g} | {n} | {now.mean():.3f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
