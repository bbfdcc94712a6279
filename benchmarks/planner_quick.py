"""A quick look at the planner on standard test functions, beside BoTorch's tutorial loop and random search.

    python benchmarks/planner_quick.py --seeds 3 --engines labloop botorch

Every campaign starts from the same space-filling experiments (paired seeds) and goes on in batches. The score
is (best true value found - random's mean) / (optimum - random's mean): 0 is random search, 1 the optimum.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from botorch.test_functions.synthetic import (
    Ackley,
    Branin,
    DixonPrice,
    Griewank,
    Hartmann,
    Levy,
    Powell,
    Rastrigin,
    Rosenbrock,
    StyblinskiTang,
    SyntheticTestFunction,
)

from labloop.planner import plan
from labloop.records import Experiment, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec

Function = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Problem:
    """A function to maximise on the unit cube, and its largest value."""

    name: str
    dim: int
    function: Function
    optimum: float


def standard(name: str, made: SyntheticTestFunction) -> Problem:
    """Return a minimisation problem of BoTorch's as a maximisation over the unit cube."""
    low, high = made.get_buffer("bounds").numpy().astype(np.float64)

    def value(u: np.ndarray) -> float:
        return -float(made.evaluate_true(torch.as_tensor(low + u * (high - low))[None]))

    return Problem(name, made.dim, value, -float(made.optimal_value))


def deceptive(name: str, dim: int, seed: int) -> Problem:
    """Return a broad hill of height 1 and, elsewhere, a narrow peak of height 2."""
    rng = np.random.default_rng(seed)
    broad, narrow = rng.uniform(0.2, 0.8, dim), rng.uniform(0.15, 0.85, dim)
    while np.linalg.norm(broad - narrow) < 0.45 * dim**0.5:
        broad, narrow = rng.uniform(0.2, 0.8, dim), rng.uniform(0.15, 0.85, dim)
    width = 0.11 * dim**0.5

    def value(u: np.ndarray) -> float:
        hill = np.exp(-0.5 * np.sum((u - broad) ** 2) / (0.35 * dim**0.5) ** 2)
        return float(hill + 2.0 * np.exp(-0.5 * np.sum((u - narrow) ** 2) / width**2))

    return Problem(name, dim, value, max(value(narrow), value(broad)))


def problems() -> list[Problem]:
    """Return the suite."""
    return [
        standard("branin", Branin()),
        standard("hartmann6", Hartmann(6)),
        standard("ackley5", Ackley(5, bounds=[(-23.8, 41.8)] * 5)),
        standard("levy4", Levy(4)),
        standard("rosenbrock4", Rosenbrock(4)),
        *(deceptive(f"deceptive{dim}", dim, 7 + dim) for dim in (2, 3, 4)),
    ]


def wide() -> list[Problem]:
    """Return problems of many dimensions, for who names them; of some only a few dimensions matter."""
    hartmann, branin = standard("hartmann6", Hartmann(6)), standard("branin", Branin())
    return [
        embedded(hartmann, 20),
        embedded(branin, 20),
        embedded(hartmann, 14),
        standard("levy16", Levy(16)),
        standard("levy10", Levy(10)),
        standard("rosenbrock10", Rosenbrock(10)),
        standard("ackley10", Ackley(10, bounds=[(-23.8, 41.8)] * 10)),
        standard("styblinskitang10", StyblinskiTang(10)),
        standard("rastrigin10", Rastrigin(10, bounds=[(-3.3, 5.12)] * 10)),
        standard("griewank8", Griewank(8, bounds=[(-450.0, 600.0)] * 8)),
        standard("dixonprice8", DixonPrice(8)),
        standard("powell8", Powell(8)),
    ]


def embedded(problem: Problem, dim: int) -> Problem:
    """Return a problem with further dimensions that do nothing."""
    return Problem(f"{problem.name}in{dim}", dim, lambda u: problem.function(u[: problem.dim]), problem.optimum)


def spec_of(dim: int, strategy: str) -> Spec:
    """Return a campaign over the unit cube."""
    return Spec.model_validate(
        {
            "name": "quick",
            "parameters": {f"x{j}": {"bounds": [0.0, 1.0]} for j in range(dim)},
            "objectives": {"y": {"goal": "maximize"}},
            "planner": {"strategy": strategy},
        }
    )


def labloop_batch(strategy: str, x: np.ndarray, y: np.ndarray, q: int, seed: int) -> np.ndarray:
    """Return the next batch from labloop's planner, (q, d)."""
    dim = x.shape[1]
    observed = []
    for i, (row, value) in enumerate(zip(x, y, strict=True), 1):
        conditions = {f"x{j}": float(row[j]) for j in range(dim)}
        observation = Observation(1, {"y": float(value)})
        observed.append(
            Experiment(i, Status.COMPLETED, Origin.PLANNER, conditions, conditions, observations=(observation,))
        )
    found = plan(spec_of(dim, strategy), observed, [], q, seed).experiments
    return np.array([[each.conditions[f"x{j}"] for j in range(dim)] for each in found], dtype=np.float64)


def botorch_batch(x: np.ndarray, y: np.ndarray, q: int, seed: int) -> np.ndarray:
    """Return the next batch as BoTorch's tutorials do, (q, d)."""
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim.optimize import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.manual_seed(seed)
    known, values = torch.as_tensor(x), torch.as_tensor(y).unsqueeze(-1)
    model = SingleTaskGP(known, values)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))  # type: ignore[no-untyped-call]  # GPyTorch
    acquisition = qLogNoisyExpectedImprovement(model, known, prune_baseline=True)
    bounds = torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, x.shape[1])
    found, _ = optimize_acqf(acquisition, bounds, q=q, num_restarts=10, raw_samples=512, sequential=True)
    return np.asarray(found.detach().numpy())


def batch_of(engine: str, x: np.ndarray, y: np.ndarray, q: int, seed: int) -> np.ndarray:
    """Return an engine's next batch, (q, d)."""
    if engine == "random":
        return np.random.default_rng(seed).random((q, x.shape[1]))
    if engine == "botorch":
        return botorch_batch(x, y, q, seed)
    return labloop_batch(engine.partition("-")[2] or "explore", x, y, q, seed)


def campaign(problem: Problem, engine: str, seed: int, *, q: int, total: int, noise: float) -> tuple[float, float]:
    """Return the best true value found and the planner's seconds."""
    rng = np.random.default_rng(seed)
    space = Space(spec_of(problem.dim, "explore"))
    spread = np.std([problem.function(u) for u in np.random.default_rng(1).random((500, problem.dim))])
    x = np.asarray(space.spread(max(5, problem.dim + 2), rng), dtype=np.float64)
    truth = np.array([problem.function(u) for u in x])
    y = truth + noise * spread * rng.standard_normal(len(x))
    spent = 0.0
    while len(x) < total:
        began = time.perf_counter()
        new = batch_of(engine, x, y, min(q, total - len(x)), seed=1000 * seed + len(x))
        spent += time.perf_counter() - began
        found = np.array([problem.function(u) for u in new])
        x, truth = np.vstack([x, new]), np.append(truth, found)
        y = np.append(y, found + noise * spread * rng.standard_normal(len(new)))
    return float(truth.max()), spent


def main() -> None:
    """Run the suite and print scores and seconds by problem and engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=["labloop", "botorch"])
    parser.add_argument("--problems", nargs="+", default=None)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--total", type=int, default=40)
    parser.add_argument("--noise", type=float, default=0.0, help="share of the function's sd over the cube")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    scores: dict[str, list[float]] = {engine: [] for engine in given.engines}
    chosen = [each for each in [*problems(), *wide()] if given.problems and each.name in given.problems] or problems()
    for problem in chosen:
        setting = {"q": given.batch, "total": given.total, "noise": given.noise}
        base = np.mean([campaign(problem, "random", 500 + s, **setting)[0] for s in range(30)])
        shown = []
        for engine in given.engines:
            runs = [campaign(problem, engine, seed, **setting) for seed in range(given.seeds)]
            score = [(best - base) / (problem.optimum - base) for best, _ in runs]
            scores[engine].append(float(np.mean(score)))
            error = np.std(score) / max(len(score) - 1, 1) ** 0.5
            shown.append(f"{engine} {np.mean(score):6.3f} +-{error:5.3f} ({np.mean([t for _, t in runs]):5.1f} s)")
        print(f"{problem.name:12s} " + "   ".join(shown), flush=True)
    print("mean         " + "   ".join(f"{engine} {np.mean(found):6.3f}" for engine, found in scores.items()))


if __name__ == "__main__":
    main()
