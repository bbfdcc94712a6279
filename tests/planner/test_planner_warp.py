"""Bent inputs: BoTorch's transform, exact slopes, and bent where the data pay for it, only there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch.models.transforms.utils import kumaraswamy_warp

from labloop.planner import plan
from labloop.planner.data import gather
from labloop.planner.kernel import Array, Kernel
from labloop.planner.likelihood import Evidence, NoisePrior
from labloop.planner.models import Surrogate, fit_models
from labloop.planner.surrogate import Conditioned, Process
from labloop.planner.twin import twin
from labloop.planner.warp import EPS, TURN, Warp
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import Spec

Case = tuple[Array, Array, Kernel]
Run = Callable[..., list[Experiment]]


@pytest.fixture(params=["numbers", "ripples", "choices"])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


def numbers_of(case: Case) -> list[int]:
    """Return the features that are numbers."""
    return [column for column, group in enumerate(case[2].layout.group) if not case[2].layout.named[group]]


def bent(case: Case) -> Warp:
    """Return a warp of the first and the last number."""
    columns = numbers_of(case)
    return Warp({columns[0]: (0.5, 1.0), columns[-1]: (2.0, 0.5)})


def process_of(case: Case, warp: Warp) -> Process:
    rows, y, straight = case
    kernel = replace(straight, warp=warp)
    logs = np.random.default_rng(0).normal(-0.5, 0.3, (2, kernel.size))
    return Process(kernel, rows, y, np.ones(len(y)), logs, np.array([0.01, 0.1]), np.array([0.0, 0.2]))


def fitted(spec: Spec, experiments: list[Experiment], *, straight: bool = False) -> Surrogate:
    space = Space(spec)
    data = gather(spec, space, experiments, [])
    return fit_models(spec, space, data, np.random.default_rng(0), straight=straight).surrogates["y"]


def by_the_logarithm(conditions: Conditions) -> dict[str, float]:
    """Acts by the logarithm of x0, which the campaign does not know; x1 acts evenly."""
    return {"y": math.sin(1.5 * math.log(float(conditions["x0"]) + 0.01)) + 0.3 * float(conditions["x1"])}


def evenly(conditions: Conditions) -> dict[str, float]:
    return {"y": math.sin(5.0 * float(conditions["x0"])) + 0.3 * float(conditions["x1"])}


@pytest.mark.parametrize("shape", [(0.5, 1.0), (4.0, 0.25), (2.0, 2.0)])
def test_a_shape_is_botorchs_warp(shape: tuple[float, float]) -> None:
    x = np.linspace(-0.1, 1.1, 40)[:, None]
    theirs = kumaraswamy_warp(torch.as_tensor(x), torch.tensor(shape[1]), torch.tensor(shape[0]), eps=EPS)
    np.testing.assert_allclose(Warp({0: shape})(x), theirs.numpy(), atol=1e-12)


def test_predictions_are_those_of_botorchs_model_with_bent_inputs(case: Case) -> None:
    process, straight = process_of(case, bent(case)), process_of(case, Warp())
    where = case[0][:5] + 0.01 * (np.arange(case[0].shape[1]) == 0)
    mean, variance = process.posterior(where)
    theirs = twin(process, 1).posterior(torch.as_tensor(where))
    np.testing.assert_allclose(mean[1], theirs.mean.squeeze(-1).detach(), atol=1e-5)
    np.testing.assert_allclose(variance[1], theirs.variance.squeeze(-1).detach(), atol=1e-5)
    assert np.abs(mean - straight.posterior(where)[0]).max() > 0.01


def test_gradients_go_through_the_warp(case: Case) -> None:
    conditioned = Conditioned.on(process_of(case, bent(case)), 2)
    where = case[0][:4].copy()
    where[:, numbers_of(case)] = np.clip(where[:, numbers_of(case)] + 0.02, 0.01, 0.98)

    def total(features: Array) -> Array:
        part = conditioned.evaluate(features)
        return np.asarray(part.mean[:, :, 0].sum(axis=0) + part.sd.sum(axis=0))

    part = conditioned.evaluate(where)
    first = np.zeros_like(part.mean)
    first[:, :, 0] = 1.0
    found = part.pullback(first, np.ones_like(part.sd))
    for column in numbers_of(case):
        step = 1e-6 * np.eye(where.shape[1])[column]
        np.testing.assert_allclose(found[:, column], (total(where + step) - total(where - step)) / 2e-6, atol=1e-5)


def test_the_evidence_of_a_shape_is_that_of_a_model_made_with_it(case: Case) -> None:
    rows, y, kernel = case

    def evidence_of(warp: Warp) -> Evidence:
        bent = replace(kernel, warp=warp)
        return Evidence(rows, y, repeats=np.ones(len(y)), kernel=bent, prior=NoisePrior())

    column = numbers_of(case)[-1]
    warp = Warp({column: (2.0, 0.5)})
    straight = evidence_of(Warp())
    theta = np.random.default_rng(5).normal(0.0, 0.4, straight.size)
    before = straight(theta)[0]
    assert straight.shaped(theta, column, (2.0, 0.5)) == pytest.approx(evidence_of(warp)(theta)[0], abs=1e-9)
    assert straight(theta)[0] == before  # what was looked at leaves no trace
    assert warp.nats == 2 * TURN


def test_what_acts_by_its_logarithm_is_bent_and_predicted_better(
    cube: Callable[..., Spec], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = cube(2)
    experiments = run(spec, 40, by_the_logarithm)
    found = fitted(spec, experiments)
    a, b = found.process.kernel.warp.shapes[0]
    assert a < 1 <= b
    assert 1 not in found.process.kernel.warp.shapes
    assert not fitted(spec, experiments, straight=True).process.kernel.warp.shapes
    told = plan(spec, experiments, [], 1, 0).planner["outcomes"]["y"]
    assert told["bent"] == {"x0": [a, b]}

    space, where = Space(spec), np.random.default_rng(1).random((200, 2))
    truth = np.array([by_the_logarithm(each)["y"] for each in space.decode(where)])

    def error(surrogate: Surrogate) -> float:
        return float(np.abs(surrogate.scale.to_user(surrogate.predict(where)[0]) - truth).mean())

    monkeypatch.setattr("labloop.planner.warp.TURN", 1e9)
    straight = fitted(spec, experiments)
    assert not straight.process.kernel.warp.shapes
    assert error(found) < 0.9 * error(straight)


def test_what_acts_evenly_is_left_alone(cube: Callable[..., Spec], run: Run) -> None:
    spec = cube(2)
    for seed in range(5):
        assert not fitted(spec, run(spec, 25, evenly, seed)).process.kernel.warp.shapes


@pytest.mark.parametrize("slot", ["TS", "JES", "UCB-PE", "qNIPV"])
def test_acquisition_functions_by_name_see_bent_inputs(slot: str, cube: Callable[..., Spec], run: Run) -> None:
    spec = cube(2, planner={"strategy": "custom", "slots": [slot]})
    proposal = plan(spec, run(spec, 30, by_the_logarithm), [], 2, 0)
    assert proposal.planner["outcomes"]["y"]["bent"]
    assert [each.slot for each in proposal.experiments] == [slot, slot]
    assert len({tuple(each.conditions.values()) for each in proposal.experiments}) == 2
