"""Acquisition functions by name: each proposes, is BoTorch's, and is held against an oracle where it is our own."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.monte_carlo import qUpperConfidenceBound
from botorch.models.model import Model
from botorch.optim.optimize import optimize_acqf
from botorch.posteriors.gpytorch import GPyTorchPosterior

from labloop.errors import InvalidInput
from labloop.loop.suggest import with_strategy
from labloop.planner import plan
from labloop.planner.data import gather
from labloop.planner.functions import PureExploration, Straddle
from labloop.planner.goal import aim_of
from labloop.planner.models import fit_models
from labloop.planner.named import FUNCTIONS, Situation, Torch, function_of, situation_of
from labloop.records import Experiment
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.slots import SLOTS, parse_slot

NAMES = [name for name, kind in SLOTS.items() if kind.objectives != "several"]
ONE = [f"{name}:threshold=0.4" if name == "straddle" else name for name in NAMES]
SEVERAL = [name for name, kind in SLOTS.items() if kind.objectives == "several"]
Cube = Callable[..., Spec]
Run = Callable[..., list[Experiment]]


def wave(conditions: dict[str, float]) -> dict[str, float]:
    return {"y": math.sin(5 * conditions["x0"]) * conditions["x1"]}


def situation(spec: Spec, observed: list[Experiment], pending: int = 0, seed: int = 0) -> Situation:
    space, rng = Space(spec), np.random.default_rng(seed)
    data = gather(spec, space, observed, [])
    models = fit_models(spec, space, data, rng)
    features = models.features(data.tried)
    aim = aim_of(spec, models, {name: each.predict(features)[0] for name, each in models.surrogates.items()})
    waiting = models.features(space.sample(pending, rng)) if pending else features[:0]
    return situation_of(models, aim, features, pending=waiting, pool=models.features(space.sample(256, rng)), rng=rng)


@pytest.fixture
def trade_off() -> Spec:
    return Spec.model_validate(
        {
            "name": "two",
            "parameters": {"x0": {"bounds": [0, 1]}, "x1": {"bounds": [0, 1]}, "c": {"choices": ["p", "q", "r"]}},
            "objectives": {"y": {"goal": "minimize"}, "z": {"goal": "target", "target": 0.5}},
            "limits": ["v >= 0.1"],
        }
    )


def many(conditions: dict[str, Any]) -> dict[str, float]:
    x0, x1 = conditions["x0"], conditions["x1"]
    return {"y": x0 + (conditions["c"] == "q"), "z": x1 - x0, "v": x0 * x1}


@pytest.mark.parametrize("slot", ONE)
def test_every_function_fills_a_batch_that_comes_out_again(slot: str, cube: Cube, run: Run) -> None:
    spec = with_strategy(cube(2), slot)
    observed = run(spec, 8, wave)
    found = plan(spec, observed, [], 2, 0)
    assert found.strategy == slot
    assert [each.slot for each in found.experiments] == [slot] * 2
    assert len({tuple(each.conditions.values()) for each in found.experiments}) == 2
    assert found == plan(spec, observed, [], 2, 0)


@pytest.mark.parametrize("slot", [*SEVERAL, "UCB:beta=1", "TS"])
def test_several_objectives_with_choices_a_target_and_a_limit(slot: str, trade_off: Spec, run: Run) -> None:
    spec = with_strategy(trade_off, slot)
    observed = run(spec, 10, many)
    found = plan(spec, observed, [], 1, 0)
    assert [each.slot for each in found.experiments] == [slot]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if SLOTS[name].objectives != "several"])
def test_anyone_can_use_a_named_function_in_optimize_acqf(name: str, cube: Cube, run: Run) -> None:
    spec = cube(2)
    at = situation(spec, run(spec, 12, wave), pending=2)
    function = function_of(parse_slot(f"{name}:threshold=0.4" if name == "straddle" else name), at)
    assert isinstance(function, AcquisitionFunction)
    bounds = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    best, value = optimize_acqf(function, bounds, q=1, num_restarts=1, raw_samples=8, options={"maxiter": 5})
    assert best.shape == (1, 2)
    assert value is not None
    assert torch.isfinite(value)


@pytest.mark.parametrize("name", ["straddle:threshold=0.4", "UCB-PE", "qLogEI"])
def test_gradients_of_a_torch_score_are_those_of_differences(name: str, cube: Cube, run: Run) -> None:
    spec = cube(2)
    at = situation(spec, run(spec, 12, wave), pending=2)
    score = Torch(function_of(parse_slot(name), at))
    rows = np.random.default_rng(1).random((4, 2))
    values, slopes = score(rows, gradient=True)
    np.testing.assert_allclose(values, score(rows)[0])
    for i, j in itertools.product(range(4), range(2)):
        step = np.zeros((4, 2))
        step[i, j] = 1e-6
        expected = (score(rows + step)[0][i] - score(rows - step)[0][i]) / 2e-6
        assert slopes[i, j] == pytest.approx(expected, abs=1e-4)


def moments(model: Model, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    posterior = model.posterior(rows)
    assert isinstance(posterior, GPyTorchPosterior)
    return posterior.mean[:, 0, 0], posterior.variance[:, 0, 0].sqrt()


def test_straddle_and_pure_exploration_are_their_formulas(cube: Cube, run: Run) -> None:
    spec = cube(2)
    at = situation(spec, run(spec, 12, wave), pending=3)
    rows = torch.as_tensor(np.random.default_rng(2).random((20, 1, 2)))
    with torch.no_grad():
        mean, sd = moments(at.model, rows)
        _, believed = moments(at.believer, rows)
        middle, spread = moments(at.model, at.pool.unsqueeze(-2))
        lower = (middle - 1.5 * spread).max()
        ambiguous = Straddle(at.model, 0.3, kappa=2.0)(rows)
        explored = PureExploration(at.model, at.believer, at.pool, beta=2.25)(rows)
    torch.testing.assert_close(ambiguous, 2.0 * sd - (mean - 0.3).abs())
    short = torch.minimum(mean + 1.5 * sd - lower, torch.zeros(20, dtype=torch.float64))
    torch.testing.assert_close(explored, believed + 10.0 * short)
    assert (believed < sd + 1e-9).all()


def test_what_is_minimised_is_turned_round(cube: Cube, run: Run) -> None:
    up, down = cube(2), cube(2, objectives={"y": {"goal": "minimize"}})
    observed = run(up, 12, wave)
    mirrored = run(up, 12, lambda c: {"y": -wave(c)["y"]})
    assert situation(up, observed).best == pytest.approx(situation(down, mirrored).best, rel=1e-3)


def test_a_threshold_is_given_in_the_users_unit(cube: Cube, run: Run) -> None:
    spec = cube(1)
    observed = run(spec, 15, lambda c: {"y": 1000.0 * float(c["x0"])})
    found = plan(with_strategy(spec, "straddle:threshold=250"), observed, [], 1, 0).experiments
    assert found[0].predictions["y"].median == pytest.approx(250.0, abs=25.0)
    about = cube(1, planner={"strategy": "learn", "threshold": 250})
    assert plan(about, observed, [], 1, 0).experiments[0].conditions == found[0].conditions


def test_the_schedule_of_the_upper_bound_grows(cube: Cube, run: Run) -> None:
    spec = cube(2)
    betas = []
    for n in (8, 24):
        function = function_of(parse_slot("UCB"), situation(spec, run(spec, n, wave)))
        assert isinstance(function, qUpperConfidenceBound)
        betas.append(float(function.beta_prime) ** 2 * 2.0 / math.pi)
    assert betas == pytest.approx([0.4 * math.log(16), 0.4 * math.log(48)])


def test_slots_are_taken_in_turn_along_the_campaign(cube: Cube, run: Run) -> None:
    spec = with_strategy(cube(2), "mean+maximin+PSTD")
    found = plan(spec, run(spec, 10, wave), [], 4, 0).experiments
    assert [each.slot for each in found] == ["maximin", "PSTD", "mean", "maximin"]
    assert "Johnson, Moore & Ylvisaker 1990" not in found[2].reason
    assert found[1].reason.startswith("The largest standard deviation; MacKay 1992")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("ownlab")
    monkeypatch.setitem(sys.modules, "ownlab", module)

    def curious(at: Situation, *, beta: float = 9.0) -> AcquisitionFunction:
        return qUpperConfidenceBound(at.model, beta=beta, sampler=at.sampler(), X_pending=at.pending)

    vars(module).update(curious=curious, wrong=lambda _: 3.0)
    return module


@pytest.mark.usefixtures("own")
def test_a_function_of_the_users_own_is_used(cube: Cube, run: Run) -> None:
    observed = run(cube(2), 12, wave)
    mine = plan(with_strategy(cube(2), "ownlab.curious:beta=4"), observed, [], 2, 0).experiments
    theirs = plan(with_strategy(cube(2), "UCB:beta=4"), observed, [], 2, 0).experiments
    assert [each.conditions for each in mine] == [each.conditions for each in theirs]
    assert mine[0].reason.startswith("Chosen by ownlab.curious")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ("nolab.f", "cannot be used: No module named 'nolab'"),
        ("ownlab.nothing", "no attribute 'nothing'"),
        ("ownlab.curious:gamma=1", "unexpected keyword argument 'gamma'"),
        ("ownlab.wrong", "returned float"),
    ],
)
def test_a_function_that_cannot_be_used_is_named(slot: str, said: str, cube: Cube, run: Run) -> None:
    spec = with_strategy(cube(2), slot)
    with pytest.raises(InvalidInput, match=said):
        plan(spec, run(spec, 12, wave), [], 1, 0)


def test_no_global_generator_is_touched(cube: Cube, run: Run) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    spec = with_strategy(cube(2), "MES+TS+JES+qLogEI")
    plan(spec, run(spec, 12, wave), [], 4, 0)
    assert torch.equal(before, torch.get_rng_state())
