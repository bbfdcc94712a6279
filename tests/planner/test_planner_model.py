"""Kernel, likelihood and process against slow, obvious oracles and against GPyTorch and BoTorch."""

from __future__ import annotations

import math
from typing import Any

import gpytorch
import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import MultivariateNormalPrior

from labloop.planner.kernel import Ard, Array, Kernel, Layout, group_distances
from labloop.planner.likelihood import Evidence, Hyper, NoisePrior, fit
from labloop.planner.sample import sample
from labloop.planner.surrogate import Conditioned, Process
from labloop.planner.twin import twin

Case = tuple[Array, Array, Kernel]


@pytest.fixture(params=["numbers", "ripples", "choices"])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


def evidence_of(case: Case, **given: Any) -> Evidence:
    rows, y, kernel = case
    fields: dict[str, Any] = {"repeats": np.ones(len(y)), "kernel": kernel, "prior": NoisePrior(), **given}
    return Evidence(rows, y, **fields)


def process_of(case: Case, count: int = 3) -> Process:
    rows, y, _ = case
    evidence = evidence_of(case)
    mode = fit(evidence, np.random.default_rng(0))[0]
    hypers = sample(evidence, mode, count, np.random.default_rng(1))
    return Process.of(evidence.kernel, hypers, rows, y, np.ones(len(y)))


def slope_of(function: Any, at: Array, step: float = 1e-6) -> Array:
    """Central differences, the oracle of every gradient."""
    found = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        found[i] = (function(up) - function(down)) / (2 * step)
    return found


def test_the_kernel_of_the_gram_matrix_and_of_new_rows_are_one(case: Case) -> None:
    rows, _, kernel = case
    logs = np.random.default_rng(0).normal(0.0, 0.5, (2, kernel.size))
    across = kernel.cross(rows, logs)(rows)[0]
    for p in range(2):
        pairs = np.tril_indices(len(rows))
        gram = kernel.gram(group_distances(rows, kernel.layout), logs[p])[0]
        np.testing.assert_allclose(across[p][pairs], gram, atol=1e-10)
        np.testing.assert_allclose(gram[pairs[0] == pairs[1]], kernel.variance(logs)[p])


def test_the_gradient_of_the_likelihood_is_exact(case: Case) -> None:
    evidence = evidence_of(case, repeats=np.arange(1.0, len(case[1]) + 1))
    theta = np.random.default_rng(5).normal(0.0, 0.4, evidence.size)
    expected = slope_of(lambda t: evidence(t)[0], theta)
    np.testing.assert_allclose(evidence(theta)[1], expected, rtol=1e-5, atol=1e-5)


def test_the_likelihood_with_its_priors_is_gpytorchs(numbers: Case) -> None:
    rows, y, _ = numbers
    evidence = evidence_of(numbers, prior=NoisePrior(-4.0, 1.0))  # of the noise, as their default
    location = torch.full((3,), math.sqrt(2.0) - 3.0 + math.log(3.0) / 2.0, dtype=torch.float64)
    covariance = 0.7**2 * torch.eye(3, dtype=torch.float64) + torch.full((3, 3), 2.0 / 9.0, dtype=torch.float64)
    prior = MultivariateNormalPrior(location, covariance)  # type: ignore[no-untyped-call]  # GPyTorch
    model = SingleTaskGP(
        torch.as_tensor(rows),
        torch.as_tensor(y).unsqueeze(-1),
        covar_module=gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=3),
        outcome_transform=None,
    )
    model.covar_module.register_prior("logs", prior, lambda kernel: kernel.lengthscale.log())
    scale, noise, mean = [0.4, 0.9, 2.0], 0.03, 0.2
    model.covar_module.lengthscale = torch.tensor([scale])
    model.likelihood.noise = torch.tensor([noise])
    model.mean_module.initialize(constant=torch.tensor(mean))
    objective = ExactMarginalLogLikelihood(model.likelihood, model)  # type: ignore[no-untyped-call]  # GPyTorch
    found = objective(model(*model.train_inputs), model.train_targets)
    assert isinstance(found, torch.Tensor)
    # Theirs is a density of the noise, ours of its log: that of log s is that of s times s.
    theirs = found.item() * len(y) + math.log(noise)
    ours, _ = evidence(np.array([*np.log(scale), math.log(noise), mean]))
    assert ours == pytest.approx(theirs, abs=1e-4)  # their noise carries 1e-4 of a floor, ours 1e-8 of jitter


def test_the_fit_finds_no_worse_a_mode_than_many_random_starts(case: Case) -> None:
    evidence = evidence_of(case)
    best = fit(evidence, np.random.default_rng(0))[0].value
    others = [fit(evidence, np.random.default_rng(seed), starts=8)[0].value for seed in range(1, 4)]
    assert best >= max(others) - 0.05


def test_waves_are_found_from_short_lengthscales() -> None:
    rng = np.random.default_rng(5)
    rows = np.vstack([rng.random((8, 2)), np.clip(0.4 + 0.06 * rng.standard_normal((8, 2)), 0.0, 1.0)])
    r = np.linalg.norm(rows - 0.4, axis=1)
    y = np.cos(120.0 * r) / (1.0 + 25.0 * r**2)
    evidence = evidence_of((rows, (y - y.mean()) / y.std(), Ard(Layout(np.arange(2), np.zeros(2, dtype=np.bool_)))))
    one, many = (fit(evidence, np.random.default_rng(0), starts=starts)[0].value for starts in (1, 8))
    assert one < many - 1.0
    assert fit(evidence, np.random.default_rng(0))[0].value == pytest.approx(many, abs=0.05)


def test_a_known_error_is_not_learnt(numbers: Case) -> None:
    found = fit(evidence_of(numbers, known=0.04), np.random.default_rng(0))
    assert [each.noise for each in found] == pytest.approx([0.04] * len(found))


def test_samples_have_the_moments_of_a_fine_grid() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((6, 1))
    y = np.sin(6.0 * rows[:, 0]) + rng.normal(0.0, 0.2, 6)
    y = (y - y.mean()) / y.std()
    evidence = evidence_of((rows, y, Ard(Layout(np.arange(1), np.zeros(1, dtype=np.bool_)))), known=0.1)
    lower, upper = evidence.bounds()[:, 0]
    grid = np.array([(scale, mean) for scale in np.linspace(lower, upper, 120) for mean in np.linspace(-4, 4, 60)])
    density = np.array([evidence(np.array([t, math.log(0.1), c]))[0] for t, c in grid])
    share = np.exp(density - density.max())
    expected = share @ grid / share.sum()
    found = sample(evidence, fit(evidence, rng)[0], 2500, rng)
    drawn = np.array([(each.log[0], each.mean) for each in found])
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.12)


class Narrow:
    """A normal density a hundred times narrower in one direction than in the other: what many rows make of it."""

    sd = np.array([0.01, 1.0, 0.1, 0.5])

    def bounds(self) -> Array:
        """Return lower and upper bounds."""
        return np.array([[-50.0] * 4, [50.0] * 4])

    def value(self, theta: Array) -> float:
        """Return the log density."""
        z = theta / self.sd
        return -0.5 * float(z @ z)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the log density and its gradient."""
        return self.value(theta), -theta / self.sd**2


class Skewed(Narrow):
    """Gumbel's density in every direction, as what the data say little about: mean 0.577, sd 1.283, in units of sd."""

    def value(self, theta: Array) -> float:
        """Return the log density."""
        z = theta / self.sd
        return -float((z + np.exp(-z)).sum())

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the log density and its gradient."""
        return self.value(theta), -(1.0 - np.exp(-theta / self.sd)) / self.sd


def drawn_from(density: Any, count: int) -> Array:
    """Return samples (count, 4), in units of sd."""
    found = sample(density, Hyper(np.zeros(2), 1.0, 0.0), count, np.random.default_rng(0))
    drawn: Array = np.array([each.theta for each in found]) / density.sd
    return drawn


def test_samples_of_a_narrow_density_are_as_narrow() -> None:
    drawn = drawn_from(Narrow(), 1000)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(4), atol=0.15)


def test_samples_of_a_skewed_density_lean_to_its_wide_side() -> None:
    drawn = drawn_from(Skewed(), 1000)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.577, atol=0.25)
    np.testing.assert_allclose(drawn.std(axis=0), 1.283, atol=0.35)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_samples_come_in_pairs_whose_errors_cancel(count: int) -> None:
    drawn = drawn_from(Narrow(), count)
    assert len(drawn) == count
    np.testing.assert_allclose(drawn[0], -drawn[1], atol=1e-9)
    assert np.abs(drawn[0]).min() > 1e-3


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2.0**-53])
def test_samples_exist_even_at_the_ends_of_the_generator(uniform: float) -> None:
    class Ends:
        def random(self, shape: tuple[int, int]) -> Array:
            """Return nothing but an end."""
            return np.full(shape, uniform)

    ends: Any = Ends()
    found = sample(Narrow(), Hyper(np.zeros(2), 1.0, 0.0), 4, ends)  # type: ignore[arg-type]  # a density, as below
    assert np.isfinite([each.theta for each in found]).all()


def test_replicates_sharpen_the_noise_prior() -> None:
    informed = NoisePrior(-4.0, 1.0).informed(0.5, 20)
    assert informed.location == pytest.approx((-4.0 + 10 * math.log(0.5)) / 11)
    assert informed.width == pytest.approx(11**-0.5)


def test_the_posterior_is_botorchs(case: Case) -> None:
    process = process_of(case)
    where = case[0][:5] + 0.01 * (case[2].layout.group[None, :] == 0)
    mean, variance = process.posterior(where)
    joint_mean, joint = process.joint(where)
    for p in range(3):
        theirs = twin(process, p).posterior(torch.as_tensor(where))
        np.testing.assert_allclose(mean[p], theirs.mean.squeeze(-1).detach(), atol=1e-4)
        np.testing.assert_allclose(variance[p], theirs.variance.squeeze(-1).detach(), atol=1e-4)
    np.testing.assert_allclose(mean, joint_mean)
    np.testing.assert_allclose(variance, np.einsum("pbb->pb", joint), atol=1e-9)


def test_appending_draws_equals_fitting_with_them(case: Case) -> None:
    rows, y, _ = case
    process = process_of(case, 2)
    new = rows[:2] + 0.03 * (case[2].layout.group[None, :] == 0)
    normal = np.random.default_rng(2).standard_normal((2, 2, 4))
    grown = Conditioned.on(process, 4)
    drawn = [grown.append(row, normal[i]) for i, row in enumerate(new)]
    part = grown.evaluate(rows[5:9])
    for p in range(2):
        for s in range(4):
            noise = np.append(process.noise[p] * np.ones(len(y)), [1e-6 * process.variance[p]] * 2)
            everything = np.vstack([rows, new])
            k = process.kernel.cross(everything, process.logs[p : p + 1])
            gram = k(everything)[0][0] + np.diag(noise)
            values = np.append(y, [each[p, s] for each in drawn]) - process.mean[p]
            expected = process.mean[p] + k(rows[5:9])[0][0] @ np.linalg.solve(gram, values)
            np.testing.assert_allclose(part.mean[p, :, s], expected, atol=1e-4)


def test_joint_draws_have_the_posteriors_moments(numbers: Case) -> None:
    process = process_of(numbers, 1)
    where = np.random.default_rng(0).random((3, 3))
    drawn = process.draw(where, np.random.default_rng(1).standard_normal((1, 40_000, 3)))[0]
    mean, covariance = process.joint(where)
    np.testing.assert_allclose(drawn.mean(axis=0), mean[0], atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), covariance[0], atol=0.02)


def test_a_likelihood_that_cannot_be_evaluated_gives_no_mode(numbers: Case) -> None:
    rows, y, kernel = numbers
    broken = evidence_of((rows, np.where(np.arange(20) == 3, np.nan, y), kernel))
    assert fit(broken, np.random.default_rng(0)) == []


def test_distinct_modes_are_kept_apart(numbers: Case) -> None:
    found = fit(evidence_of(numbers), np.random.default_rng(0))
    assert found == sorted(found, key=lambda each: -each.value)
    assert isinstance(found[0], Hyper)
