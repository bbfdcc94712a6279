"""What results are worth: outliers, results too good to be believed, noise that grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models.likelihoods.sparse_outlier_noise import SparseOutlierGaussianLikelihood
from botorch.models.robust_relevance_pursuit_model import RobustRelevancePursuitSingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood

from labloop.planner import plan, worth
from labloop.planner.data import gather
from labloop.planner.kernel import Ard, Array, Layout
from labloop.planner.models import Models, fit_models
from labloop.planner.surrogate import Process
from labloop.planner.worth import discounted, growth, left_out
from labloop.records import Experiment, Observation
from labloop.space import Space
from labloop.spec.models import Spec
from tests.planner.conftest import experiment
from tests.planner.test_planner_acquisition import process_of

Cube = Callable[..., Spec]
NOISE = 0.1
PLANE = Ard(Layout(np.array([0, 1]), np.array([False, False])))


def true(rows: Array) -> Array:
    return np.asarray(np.sin(5 * rows[:, 0]) + np.cos(4 * rows[:, 1]))


def measured(seed: int, n: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    rows = rng.random((n, 2))
    return rows, true(rows) + NOISE * rng.standard_normal(n)


def spoilt(seed: int, n: int, count: int, by: tuple[float, float] = (8.0, 16.0)) -> tuple[Array, Array, list[int]]:
    """Results of which some are too low by so many standard deviations of the noise."""
    rows, y = measured(seed, n)
    rng = np.random.default_rng(100 + seed)
    bad = sorted(int(i) for i in rng.choice(n, count, replace=False))
    y[bad] -= NOISE * rng.uniform(*by, count)
    return rows, y, bad


def experiments(rows: Array, y: Array) -> list[Experiment]:
    pairs = enumerate(zip(rows, y, strict=True), 1)
    return [experiment(i, {"x0": float(row[0]), "x1": float(row[1])}, {"y": float(value)}) for i, (row, value) in pairs]


def models_of(spec: Spec, observed: Sequence[Experiment]) -> Models:
    space = Space(spec)
    return fit_models(spec, space, gather(spec, space, observed, []), np.random.default_rng(0))


def error_of(models: Models) -> float:
    grid = np.random.default_rng(9).random((400, 2))
    surrogate = models.surrogates["y"]
    predicted = surrogate.scale.to_user(surrogate.predict(models.features(grid))[0])
    return float(np.sqrt(np.mean((predicted - true(grid)) ** 2)))


def test_left_out_is_what_a_process_without_the_row_predicts() -> None:
    process = process_of((np.random.default_rng(0).random((9, 2)), np.random.default_rng(1).standard_normal(9), PLANE))
    residual, variance = left_out(process)
    for i in range(9):
        others = np.arange(9) != i
        rest = replace(process, rows=process.rows[others], y=process.y[others], repeats=process.repeats[others])
        mean, spread = (each[0, 0] for each in rest.posterior(process.rows[i : i + 1]))
        assert residual[i] == pytest.approx(process.y[i] - mean, abs=1e-6)
        assert variance[i] == pytest.approx(spread, abs=1e-6)


def test_a_discounted_row_gets_the_variance_that_makes_it_likeliest() -> None:
    rows, y = measured(3, 25)
    y[7] -= 3.0
    process = process_of((rows, (y - y.mean()) / y.std(), PLANE))
    ones = np.ones(25)
    best = discounted(process, ones, [7])

    def likelihood(worth: float) -> float:
        weighed = replace(process, repeats=np.where(np.arange(25) == 7, worth, 1.0))
        residual, variance = (each[7] for each in left_out(weighed))
        total = variance + process.noise[0] / worth
        return float(-0.5 * (residual**2 / total + np.log(total)))

    assert best[7] < 0.5
    assert np.array_equal(best[np.arange(25) != 7], ones[1:])
    assert likelihood(best[7]) > max(likelihood(0.7 * best[7]), likelihood(1.4 * best[7]))


def test_outliers_are_found_and_predictions_are_better_for_it(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    found, false, better = 0, 0, 0
    for seed in range(6):
        rows, y, bad = spoilt(seed, 60, 4)
        models = models_of(cube(2), experiments(rows, y))
        rowed = set(models.surrogates["y"].discounted)
        found, false = found + len(rowed & set(bad)), false + len(rowed - set(bad))
        with monkeypatch.context() as without:
            without.setattr(worth, "_ROWS", (1000, 1000))
            plain = models_of(cube(2), experiments(rows, y))
        better += error_of(models) < error_of(plain)
    assert found >= 20
    assert false <= 6
    assert better >= 5


@pytest.mark.filterwarnings("ignore:Converting a tensor:UserWarning")  # BoTorch's own
def test_botorchs_relevance_pursuit_finds_the_same_rows(cube: Cube) -> None:
    rows, y, bad = spoilt(1, 30, 2)
    inputs, values = torch.as_tensor(rows), torch.as_tensor(y)[:, None]
    model = RobustRelevancePursuitSingleTaskGP(inputs, values)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))  # type: ignore[no-untyped-call]  # GPyTorch
    likelihood = model.likelihood
    assert isinstance(likelihood, SparseOutlierGaussianLikelihood)
    support = likelihood.noise_covar.support
    assert isinstance(support, list)
    theirs = set(support)
    ours = models_of(cube(2), experiments(rows, y)).surrogates["y"].discounted
    assert set(ours) == set(bad)
    assert set(bad) <= theirs


def test_outliers_are_found_before_ripples_could_pass_for_them(cube: Cube) -> None:
    rows, y, bad = spoilt(6, 30, 2, by=(5.0, 12.0))
    assert models_of(cube(2), experiments(rows, y)).surrogates["y"].discounted == tuple(bad)


def test_clean_results_keep_their_worth(cube: Cube) -> None:
    found = [models_of(cube(2), experiments(*measured(seed, 30))).surrogates["y"] for seed in range(12)]
    doubted = [each.discounted != () or each.striking is not None for each in found]
    assert sum(doubted) <= 1  # one of fifty, in the long run
    for each, some in zip(found, doubted, strict=True):
        assert some or np.array_equal(each.process.repeats, np.ones(30))


def test_what_contradicts_all_others_is_named_in_a_note(cube: Cube) -> None:
    rows, y = measured(3, 40)
    y[11] -= 2.0
    found = plan(cube(2), experiments(rows, y), [], 2, 0)
    assert [note for note in found.notes if "contradicts all others: y of 12." in note]


def test_what_is_too_good_is_measured_again_before_it_is_believed_or_discounted(cube: Cube) -> None:
    rows, y = measured(2, 40)
    low = int(np.argmin(y))
    y[low] += 4.0
    spec, observed = cube(2), experiments(np.round(rows, 3), y)
    surrogate = models_of(spec, observed).surrogates["y"]
    assert surrogate.striking == low
    assert low not in surrogate.discounted
    found = plan(spec, observed, [], 4, 0)
    again = [each for each in found.experiments if each.slot == "replicate"]
    assert [each.conditions for each in again] == [observed[low].executed]
    assert again[0].reason.startswith("Measured again: better than all around it")
    pending = plan(spec, observed, [again[0].conditions], 4, 0)
    assert all(each.slot != "replicate" for each in pending.experiments)
    # The repeat lies where the others said: now the mean of both is what contradicts them.
    honest = float(y[low] - 4.0)
    repeated = replace(observed[low], observations=(*observed[low].observations, Observation(2, {"y": honest})))
    after = models_of(spec, [*observed[:low], repeated, *observed[low + 1 :]]).surrogates["y"]
    assert after.striking is None


@pytest.mark.parametrize("shift", [4.0, -4.0])
def test_what_repeats_confirm_is_never_discounted(cube: Cube, shift: float) -> None:
    rows, y = measured(2, 40)
    odd = int(np.argmin(np.abs(y - np.median(y))))
    y[odd] += shift
    observed = experiments(rows, y)
    confirmed = replace(
        observed[odd], observations=(Observation(1, {"y": float(y[odd])}), Observation(2, {"y": float(y[odd]) + 0.1}))
    )
    surrogate = models_of(cube(2), [*observed[:odd], confirmed, *observed[odd + 1 :]]).surrogates["y"]
    assert odd not in surrogate.discounted
    assert surrogate.striking is None


def test_nothing_is_discounted_where_a_limit_counts_where_repeats_are_exact_or_rows_are_few(cube: Cube) -> None:
    rows, y = measured(3, 40)
    y[11] -= 2.0
    limited = cube(2, objectives={"z": {"goal": "maximize"}}, limits=["y >= -3"])
    observed = [
        replace(each, observations=(Observation(1, {"y": float(value), "z": float(value)}),))
        for each, value in zip(experiments(rows, y), y, strict=True)
    ]
    found = models_of(limited, observed).surrogates
    assert found["z"].discounted == (11,)
    assert found["y"].discounted == ()
    twice = tuple(Observation(1 + k, {"y": float(y[0])}) for k in range(2))
    exact = [replace(experiments(rows, y)[0], observations=twice), *experiments(rows, y)[1:]]
    assert models_of(cube(2), exact).surrogates["y"].discounted == ()
    few = experiments(rows, y)[4:15]
    assert models_of(cube(2), few).surrogates["y"].discounted == ()


def replicated(rate: float, *, rows: int = 12, times: int = 4) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(4)
    means = np.linspace(-2.0, 2.0, rows)
    values = means[:, None] + np.exp(0.5 * rate * means)[:, None] * 0.1 * rng.standard_normal((rows, times))
    return values.mean(axis=1), values.std(axis=1, ddof=1), np.full(rows, float(times))


def test_noise_that_grows_with_the_outcome_is_seen_with_enough_replicates_only() -> None:
    assert growth(*replicated(1.5)) == pytest.approx(1.5, abs=0.4)
    assert growth(*replicated(-1.5)) == pytest.approx(-1.5, abs=0.4)
    assert growth(*replicated(0.0)) == 0.0
    assert growth(*replicated(1.5, rows=4)) == 0.0
    assert growth(np.linspace(-2.0, 2.0, 12), np.zeros(12), np.ones(12)) == 0.0


def test_results_count_for_less_where_noise_is_larger(cube: Cube) -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((14, 2))
    means = true(rows)
    observed = []
    for i, each in enumerate(experiments(rows, means)):
        draws = means[i] + 0.2 * np.exp(0.8 * means[i]) * rng.standard_normal(3)
        several = tuple(Observation(1 + k, {"y": float(value)}) for k, value in enumerate(draws))
        observed.append(replace(each, observations=several))
    process: Process = models_of(cube(2), observed).surrogates["y"].process
    high, low = int(np.argmax(means)), int(np.argmin(means))
    assert process.repeats[high] < 3.0 < process.repeats[low]
