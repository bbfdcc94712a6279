"""Acquisitions against brute force, against BoTorch's own values, and their gradients against differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.optim.optimize import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from scipy.integrate import quad

from labloop.planner.acquisition import Acquisition, Direct, Margin, Sampled, log_h
from labloop.planner.explore import Learning
from labloop.planner.goal import Chebyshev, Oriented, Smallest
from labloop.planner.kernel import Array, Kernel
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.surrogate import Conditioned, Process
from labloop.planner.twin import LogNoisyEI, twin

Case = tuple[Array, Array, Kernel]


def process_of(case: Case, count: int = 1) -> Process:
    rows, y, kernel = case
    evidence = Evidence(rows, y, repeats=np.ones(len(y)), kernel=kernel, prior=NoisePrior())
    mode = fit(evidence, np.random.default_rng(0))[0]
    hypers = [Hyper(mode.log + 0.2 * p, mode.noise, mode.mean) for p in range(count)]
    return Process.of(evidence.kernel, hypers, rows, y, np.ones(len(y)))


def acquisition_of(case: Case, goal: Direct | Sampled, *, draws: int = 8, sets: int = 2, **given: Any) -> Acquisition:
    """Two outcomes, y and its mirror image z, three rows drawn already."""
    rows, y, kernel = case
    processes = {
        "y": Conditioned.on(process_of(case, sets), draws),
        "z": Conditioned.on(process_of((rows, -y + 0.3 * rows[:, 0], kernel), sets), draws),
    }
    found = Acquisition(processes, goal, **given)
    rng = np.random.default_rng(7)
    for row in rows[[2, 5, 9]]:
        found.append(row, {name: rng.standard_normal((sets, draws)) for name in processes})
    return found


def chebyshev() -> Sampled:
    parts = (Oriented("y", 1.0), Oriented("z", 0.0, target=0.4))
    weights = np.array([0.3, 0.7])
    utility = Chebyshev(parts, np.array([-1.0, -2.0]), np.array([2.0, 2.5]), weights)
    return Sampled(("y", "z"), utility, np.random.default_rng(0).standard_normal((6, 2)))


def smallest() -> Sampled:
    margins = (Margin("y", 0.5, 1.0), Margin("z", 0.2, -1.0))
    return Sampled(("y", "z"), Smallest(margins), np.random.default_rng(0).standard_normal((6, 2)))


def test_log_h_is_accurate_from_the_far_tail_to_the_far_gain() -> None:
    z = np.array([-1e6, -1e3, -20.0, -5.0, -1.0, -0.5, 0.0, 3.0, 8.0])
    # h(z) = integral of t phi(t - z) over t > 0; the factor exp(-z^2 / 2) is taken out for negative z.
    expected = []
    for each in z:
        shift = min(each, 0.0)
        inner = quad(
            lambda t, v=each, s=shift: t * math.exp(-0.5 * t * t + t * v - 0.5 * (v * v - s * s)),
            0.0,
            40.0 if each > -20 else 40.0 / -each,
            epsabs=0.0,
            limit=200,
        )[0]
        expected.append(math.log(inner) - 0.5 * shift**2 - 0.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(log_h(z), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["numbers", "choices"])
@pytest.mark.parametrize(
    "goal",
    [Direct("y"), Direct("y", -1.0), chebyshev(), smallest()],
    ids=["largest", "smallest", "trade-off", "limits"],
)
def test_the_gradient_is_exact(name: str, goal: Direct | Sampled, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    margins = (Margin("z", 0.1, -1.0),) if isinstance(goal, Direct) else ()
    score = acquisition_of(case, goal, margins=margins)
    where = case[0][[1, 7]].copy()
    where[:, 0] = [0.333, 0.777]
    slope = score(where, gradient=True)[1]
    step = np.zeros_like(where)
    step[:, 0] = 1e-6
    expected = (score(where + step)[0] - score(where - step)[0]) / 2e-6
    np.testing.assert_allclose(slope[:, 0], expected, rtol=2e-4, atol=1e-6)


def test_many_rows_are_scored_as_each_alone(numbers: Case) -> None:
    acquisition = acquisition_of(numbers, Direct("y"))
    rows = np.random.default_rng(0).random((2 * acquisition.processes["y"].block + 7, 3))
    alone = np.concatenate([acquisition(row[None])[0] for row in rows])
    np.testing.assert_allclose(acquisition(rows)[0], alone, atol=1e-10)
    np.testing.assert_allclose(acquisition.at(acquisition.follow(rows), np.arange(len(rows))), alone, atol=1e-10)


def test_improvement_is_that_of_brute_force_draws(numbers: Case) -> None:
    score = acquisition_of(numbers, Direct("y"), draws=4, sets=2, margins=(Margin("z", 0.0, 1.0),))
    where = np.array([[0.3, 0.6, 0.2]])
    slices = {name: each.evaluate(where) for name, each in score.processes.items()}
    normal = np.random.default_rng(0).standard_normal((2, 100_000))
    best = score.best()
    total = 0.0
    for p in range(2):
        held = slices["z"].mean[p, 0, :, None] + slices["z"].sd[p, 0] * normal[0] >= 0.0
        gain = slices["y"].mean[p, 0, :, None] + slices["y"].sd[p, 0] * normal[1] - best[p, :, None]
        total += float(np.maximum(gain, 0.0).mean() * held.mean()) / 2
    assert math.exp(score(where)[0][0]) == pytest.approx(total, rel=0.03)


def test_one_outcome_as_a_sampled_utility_agrees_with_the_closed_form(numbers: Case) -> None:
    where = np.random.default_rng(0).random((40, 3))
    direct = acquisition_of(numbers, Direct("y"), floor=-9.0)(where)[0]
    utility = Chebyshev((Oriented("y", 1.0),), np.zeros(1), np.full(1, 1.05), np.ones(1))
    sampled = Sampled(("y",), utility, np.random.default_rng(1).standard_normal((4000, 1)))
    found = acquisition_of(numbers, sampled, floor=-9.0)(where)[0]
    worth = direct > -4.0  # far below, the softening of 0.01 is all that is left
    assert worth.sum() >= 3
    np.testing.assert_allclose(found[worth], direct[worth], atol=0.15)


@pytest.mark.parametrize("pending", [0, 7])
def test_the_value_is_qlognoisyexpectedimprovements(numbers: Case, pending: int) -> None:
    rows, _, _ = numbers
    process = process_of(numbers)
    base = np.vstack([rows, np.random.default_rng(1).random((pending, 3))])
    score = Acquisition({"y": Conditioned.on(process, 2048)}, Direct("y"), floor=-math.inf)
    sampler = torch.quasirandom.SobolEngine(len(base), scramble=True, seed=0)  # type: ignore[no-untyped-call]  # torch
    uniform = sampler.draw(2048, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)
    normal = math.sqrt(2) * torch.erfinv(2 * uniform - 1)
    for j, row in enumerate(base):
        score.append(row, {"y": normal[None, :, j].numpy()})
    theirs = qLogNoisyExpectedImprovement(
        twin(process),
        torch.as_tensor(rows),
        X_pending=torch.as_tensor(base[len(rows) :]) if pending else None,
        sampler=SobolQMCNormalSampler(torch.Size([4096]), seed=1),
        prune_baseline=False,
        fat=False,
    )
    where = np.clip(rows[np.argmax(process.y)] + 0.15 * np.random.default_rng(5).standard_normal((12, 3)), 0, 1)
    ours = score(where)[0]
    worth = ours > -5.0  # below, theirs is a handful of lucky draws
    expected = theirs(torch.as_tensor(where).unsqueeze(-2)).detach().numpy()
    np.testing.assert_allclose(ours[worth], expected[worth], atol=0.05)
    assert worth.sum() >= 3


def test_the_botorch_acquisition_equals_the_fast_one_and_can_be_optimised(numbers: Case) -> None:
    rows, _, _ = numbers
    process = process_of(numbers)
    base = rows[[2, 5]]
    normal = np.random.default_rng(0).standard_normal((16, 2))
    score = Acquisition({"y": Conditioned.on(process, 16)}, Direct("y"), floor=-math.inf)
    for j, row in enumerate(base):
        score.append(row, {"y": normal[None, :, j]})
    slow = LogNoisyEI(twin(process), torch.as_tensor(base), torch.as_tensor(normal))
    where = np.random.default_rng(5).random((6, 3))
    expected = slow(torch.as_tensor(where).unsqueeze(-2)).detach().numpy()
    np.testing.assert_allclose(score(where)[0], expected, rtol=1e-2, atol=1e-2)
    bounds = torch.tensor([[0.0] * 3, [1.0] * 3], dtype=torch.float64)
    found, value = optimize_acqf(slow, bounds, q=1, num_restarts=2, raw_samples=64)
    assert value is not None
    assert float(score(found.detach().numpy())[0][0]) == pytest.approx(value.item(), abs=0.02)


def test_what_is_learnt_equals_refitting_with_the_new_row(numbers: Case) -> None:
    rows, y, _ = numbers
    process = process_of(numbers)
    references = np.random.default_rng(3).random((40, 3))
    score = Learning([Conditioned.on(process, 1)], references)
    where = np.random.default_rng(4).random((3, 3))
    value, slope = score(where, gradient=True)
    before = process.posterior(references)[1].mean()
    for i, row in enumerate(where):
        hyper = Hyper(process.logs[0], float(process.noise[0]), float(process.mean[0]))
        more = Process.of(process.kernel, [hyper], np.vstack([rows, row]), np.append(y, 0.0), np.ones(21))
        assert value[i] == pytest.approx(before - more.posterior(references)[1].mean(), abs=1e-6)
    step = np.array([0.0, 1e-6, 0.0])
    expected = (score(where + step)[0] - score(where - step)[0]) / 2e-6
    np.testing.assert_allclose(slope[:, 1], expected, rtol=1e-4, atol=1e-8)
