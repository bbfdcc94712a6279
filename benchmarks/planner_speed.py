"""How long one suggestion takes, fit and search, beside BoTorch's loop (and Ax and BayBE where they are installed).

    OMP_NUM_THREADS=1 python benchmarks/planner_speed.py
    OMP_NUM_THREADS=1 python benchmarks/planner_speed.py --sizes 20x1 100x8 --peers ax baybe

Hartmann's function in six dimensions with 10 % noise; all engines in one run on the same data, one thread, the
best of a few repeats, processor time. BoTorch's loop: `SingleTaskGP`, `qLogNoisyExpectedImprovement`, 10 restarts,
512 raw samples, batches filled one by one. The last column compares what the two searches find on one and the same
model: the value of labloop's batch minus that of BoTorch's, under BoTorch's acquisition with draws of its own.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim.optimize import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.test_functions.synthetic import Hartmann
from gpytorch.mlls import ExactMarginalLogLikelihood

from labloop.planner import plan
from labloop.planner.acquisition import Acquisition, Direct
from labloop.planner.data import gather
from labloop.planner.models import Models, fit_models
from labloop.planner.optimise import Search
from labloop.planner.strategy import _DRAWS, _DRAWS_FOR_ONE, LARGE, quasi_normal
from labloop.planner.surrogate import Conditioned, Process
from labloop.planner.twin import twin
from labloop.records import Experiment, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec

DIM = 6
SIZES = ("20x1", "20x8", "50x1", "50x8", "100x1", "100x8", "500x1", "500x8", "192x96")
SPEC = Spec.model_validate(
    {
        "name": "speed",
        "parameters": {f"x{j}": {"bounds": [0, 1]} for j in range(DIM)},
        "objectives": {"y": {"goal": "maximize"}},
    }
)


def observed(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, 6) and noisy values (n,)."""
    rng = np.random.default_rng(seed)
    rows = rng.random((n, DIM))
    values = -Hartmann(DIM)(torch.as_tensor(rows)).numpy()
    return rows, values + 0.1 * values.std() * rng.standard_normal(n)


def experiments(rows: np.ndarray, values: np.ndarray) -> list[Experiment]:
    """Return them as the planner takes them."""
    found = []
    for i, (row, value) in enumerate(zip(rows, values, strict=True)):
        conditions = {f"x{j}": float(row[j]) for j in range(DIM)}
        measured = (Observation(1, {"y": float(value)}),)
        found.append(Experiment(i + 1, Status.COMPLETED, Origin.MANUAL, conditions, conditions, observations=measured))
    return found


def by_labloop(rows: np.ndarray, values: np.ndarray, q: int, seed: int) -> None:
    """One suggestion of labloop's."""
    plan(SPEC, experiments(rows, values), [], q, seed)


def by_botorch(rows: np.ndarray, values: np.ndarray, q: int, seed: int) -> None:
    """One suggestion as BoTorch's tutorial makes it."""
    torch.manual_seed(seed)
    known, y = torch.as_tensor(rows), torch.as_tensor((values - values.mean()) / values.std())[:, None]
    model = SingleTaskGP(known, y)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))  # type: ignore[no-untyped-call]  # GPyTorch
    searched(qLogNoisyExpectedImprovement(model, known, prune_baseline=True), q)


def searched(acquisition: qLogNoisyExpectedImprovement, q: int) -> torch.Tensor:
    """Return BoTorch's batch, (q, 6)."""
    bounds = torch.tensor([[0.0] * DIM, [1.0] * DIM], dtype=torch.float64)
    return optimize_acqf(acquisition, bounds, q=q, num_restarts=10, raw_samples=512, sequential=True)[0]


def by_ax(rows: np.ndarray, values: np.ndarray, q: int, _seed: int) -> Callable[[], object]:
    """Ax's client with its defaults, the data attached beforehand."""
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    client = Client()
    client.configure_experiment(
        parameters=[RangeParameterConfig(name=f"x{j}", parameter_type="float", bounds=(0.0, 1.0)) for j in range(DIM)]
    )
    client.configure_optimization(objective="y")
    for row, value in zip(rows, values, strict=True):
        trial = client.attach_trial({f"x{j}": float(row[j]) for j in range(DIM)})
        client.complete_trial(trial, raw_data={"y": float(value)})
    # Its first answer is the middle of the space, without a model.
    for number in client.get_next_trials(max_trials=1):
        client.complete_trial(number, raw_data={"y": float(values.mean())})
    return lambda: client.get_next_trials(max_trials=q)


def by_baybe(rows: np.ndarray, values: np.ndarray, q: int, _seed: int) -> Callable[[], object]:
    """BayBE's campaign with its defaults, the data added beforehand."""
    import pandas as pd
    from baybe import Campaign
    from baybe.objectives import SingleTargetObjective
    from baybe.parameters import NumericalContinuousParameter
    from baybe.searchspace import SearchSpace
    from baybe.targets import NumericalTarget

    space = SearchSpace.from_product([NumericalContinuousParameter(f"x{j}", (0, 1)) for j in range(DIM)])
    campaign = Campaign(space, SingleTargetObjective(NumericalTarget("y")))
    campaign.add_measurements(pd.DataFrame(rows, columns=[f"x{j}" for j in range(DIM)]).assign(y=values))
    return lambda: campaign.recommend(q)


PEERS = {"ax": by_ax, "baybe": by_baybe}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of a few repeats."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def found_gap(rows: np.ndarray, values: np.ndarray, q: int, seed: int) -> float:
    """Return by how much labloop's search does better than BoTorch's on one model and one acquisition."""
    spec = SPEC
    space, rng = Space(spec), np.random.default_rng(seed)
    data = gather(spec, space, experiments(rows, values), [])
    models = fit_models(spec, space, data, rng, straight=True)
    alone = models.surrogates["y"].alone
    batch = greedy(space, models, alone, data.known, q, seed=seed)
    model = twin(alone)
    known = torch.as_tensor(rows)
    torch.manual_seed(seed)
    theirs = searched(qLogNoisyExpectedImprovement(model, known, prune_baseline=True), q)
    # Judged on draws that neither search has seen.
    sampler = SobolQMCNormalSampler(torch.Size([2048]), seed=10_000 + seed)
    judge = qLogNoisyExpectedImprovement(model, known, sampler=sampler, prune_baseline=True)
    with torch.no_grad():
        return float(judge(torch.as_tensor(batch)) - judge(theirs))


def greedy(space: Space, models: Models, process: Process, known: np.ndarray, q: int, *, seed: int) -> np.ndarray:
    """Return labloop's batch for one process, improvement slots only."""
    rng = np.random.default_rng(seed)
    draws = _DRAWS_FOR_ONE if q == 1 else _DRAWS
    conditioned = Conditioned.on(process, draws)
    acquisition = Acquisition({"y": conditioned}, Direct("y"))
    search = Search(space, models.features, known, box=True, picks=q, rng=rng)
    order = np.argsort(-process.posterior(process.rows)[0][0])[:8]
    normal = quasi_normal(draws, len(order) + q, rng).T
    for k, row in enumerate(process.rows[order]):
        acquisition.append(row, {"y": normal[k][None]})
    picks = []
    if q > LARGE:
        search.enlarge(known[order[:4]])
    for k in range(q):
        best = search.best(acquisition, known[order[:4]], polish=k < LARGE)
        assert best is not None
        search.take(best[0])
        acquisition.append(models.features(best[0][None])[0], {"y": normal[len(order) + k][None]})
        picks.append(best[0])
    return np.stack(picks)


def row_of(size: str, peers: Sequence[str], repeats: int, *, gap: bool) -> list[str]:
    """Return one row of the table."""
    n, q = (int(part) for part in size.split("x"))
    rows, values = observed(n, seed=n)
    ours = seconds(lambda: by_labloop(rows, values, q, 1), max(repeats, 3))
    theirs = seconds(lambda: by_botorch(rows, values, q, 1), 1 if q > 16 else repeats)
    cells = [str(n), str(q), f"{ours:.3f}", f"{theirs:.2f} ({theirs / ours:.0f}x)"]
    for peer in peers:
        taken = seconds(PEERS[peer](rows, values, q, 1), 1)
        cells.append(f"{taken:.2f} ({taken / ours:.0f}x)")
    if gap:
        gaps = [found_gap(*observed(n, seed=n + k), q, k) for k in range(3 if q <= 16 else 1)]
        cells.append(f"{np.mean(gaps):+.3f}")
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), help="NxQ: experiments known, experiments wanted")
    parser.add_argument("--peers", nargs="*", default=[], choices=sorted(PEERS))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--no-gap", action="store_true", help="times only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    by_labloop(*observed(20, 0), 1, 0)
    by_botorch(*observed(20, 0), 1, 0)
    heads = ["n", "q", "labloop s", "BoTorch s", *(f"{peer} s" for peer in given.peers)]
    print("| " + " | ".join(heads + ([] if given.no_gap else ["found, ours - theirs"])) + " |")
    print("|" + " ---: |" * (len(heads) + (not given.no_gap)))
    for size in given.sizes:
        print("| " + " | ".join(row_of(size, given.peers, given.repeats, gap=not given.no_gap)) + " |", flush=True)


if __name__ == "__main__":
    main()
