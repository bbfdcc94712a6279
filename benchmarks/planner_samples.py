"""How good the few samples of the hyperparameters are that a plan is made from, and what they cost.

    OMP_NUM_THREADS=1 python benchmarks/planner_samples.py

For functions and choices, and n random experiments: the squared error of the mean of a plan's samples, over the
parameters and the inverse lengthscales, in units of what as many independent draws from the posterior would have (1;
below it: errors cancel), and their variance as a share of the posterior's. Evaluations are of the density with its
gradient, one without counted half. The reference is a long chain; its own error is a few hundredths.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
import torch
from botorch.test_functions.synthetic import Ackley, Hartmann, Levy, SyntheticTestFunction

from labloop.planner.kernel import Array, Layout, kernel_for
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.models import samples_for
from labloop.planner.sample import sample

FUNCTIONS: dict[str, SyntheticTestFunction] = {"hartmann6": Hartmann(6), "levy4": Levy(4), "ackley5": Ackley(5)}
SIZES = (6, 12, 25, 50, 100, 180)
REFERENCE = 1000
WARM, LEAPS = 50, 8
OPTIONS = 4


class Counted(Evidence):
    """The density, and how often it was asked."""

    asked = 0.0

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the log posterior and its gradient at theta (size,)."""
        self.asked += 1.0
        return super().__call__(theta)

    def value(self, theta: Array) -> float:
        """Return the log posterior at theta (size,)."""
        self.asked += 0.5
        return super().value(theta)


def cases(n: int) -> Iterator[tuple[str, Counted]]:
    """Yield names and densities given n experiments, numbers alone and numbers beside a choice."""
    for name, function in FUNCTIONS.items():
        rng, dim = np.random.default_rng(n), function.dim
        rows = rng.random((n, dim))
        low, high = np.asarray(function.bounds)
        y = -function.evaluate_true(torch.as_tensor(low + rows * (high - low))).numpy()
        y = (y - y.mean()) / y.std()
        numbers = Layout(np.arange(dim), np.zeros(dim, dtype=np.bool_))
        yield name, density(rows, y, numbers)
        option = rng.integers(0, OPTIONS, n)
        y = y + rng.normal(0.0, 1.0, OPTIONS)[option] * (0.5 + rows[:, 0])
        onehot = np.eye(OPTIONS)[option] * 0.5**0.5
        beside = Layout(np.append(np.arange(dim), [dim] * OPTIONS), np.append(np.zeros(dim, dtype=np.bool_), True))
        yield f"{name} and a choice", density(np.hstack([rows, onehot]), (y - y.mean()) / y.std(), beside)


def density(rows: Array, y: Array, layout: Layout) -> Counted:
    """Return the posterior density of the hyperparameters."""
    return Counted(rows, y, repeats=np.ones(len(y)), kernel=kernel_for(layout), prior=NoisePrior())


def chain(evidence: Evidence, mode: Hyper, count: int, rng: np.random.Generator) -> list[Hyper]:
    """Return samples by Hamiltonian Monte Carlo (Neal 2011), steps scaled by those samples that are to be judged."""
    theta = mode.theta
    rough = sample(evidence, mode, 200, rng)
    scale = np.std([each.theta for each in rough], axis=0)
    bounds, kept = evidence.bounds(), []
    value, slope = evidence(theta)
    for turn in range(WARM + count):
        momentum, size = rng.standard_normal(len(theta)), 0.3 * rng.uniform(0.7, 1.3)
        at, there, steep = theta, value, slope
        energy = value - 0.5 * float(momentum @ momentum)
        for _ in range(LEAPS):
            momentum = momentum + 0.5 * size * scale * steep
            at = at + size * scale * momentum
            if (at < bounds[0]).any() or (at > bounds[1]).any():
                there = -math.inf
                break
            there, steep = evidence(at)
            momentum = momentum + 0.5 * size * scale * steep
        if rng.random() < math.exp(min(there - 0.5 * float(momentum @ momentum) - energy, 0.0)):
            theta, value, slope = at, there, steep
        if turn >= WARM:
            kept.append(Hyper(theta[:-2].copy(), math.exp(theta[-2]), float(theta[-1])))
    return kept


def arrays(hypers: list[Hyper], groups: int) -> Array:
    """Return what is compared, a row a sample: all parameters, and the inverse lengthscales."""
    rows = np.array([each.theta for each in hypers])
    return np.hstack([rows, np.exp(-rows[:, :groups])])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=40)
    given = parser.parse_args()
    print("| n | samples | evaluations | squared error (1: independent) | spread (1: the posterior's) |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for n in SIZES:
        count = samples_for(n)
        errors, spreads, asked = [], [], []
        for _, evidence in cases(n):
            mode, groups = fit(evidence, np.random.default_rng(0))[0], evidence.kernel.layout.groups
            long = arrays(chain(evidence, mode, REFERENCE, np.random.default_rng(1)), groups)
            centre, sd = long.mean(axis=0), long.std(axis=0)
            for seed in range(given.repeats):
                evidence.asked = 0
                z = (arrays(sample(evidence, mode, count, np.random.default_rng(100 + seed)), groups) - centre) / sd
                asked.append(evidence.asked)
                errors.append(count * np.mean(z.mean(axis=0) ** 2))
                spreads.append(np.mean(z.var(axis=0)) * count / (count - 1))
        cells = (f"{np.mean(asked):.0f}", f"{np.mean(errors):.2f}", f"{np.mean(spreads):.2f}")
        print(f"| {n} | {count} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
