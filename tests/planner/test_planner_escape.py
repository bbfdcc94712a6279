"""The escape report, replicates of doubtful leaders, and the followed pool of large batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labloop.planner import plan, strategy
from labloop.planner.acquisition import Direct
from labloop.planner.escape import Nearest, collapsed
from labloop.planner.kernel import Ard, Array, Kernel, Layout
from labloop.planner.optimise import Ranking
from labloop.planner.strategy import LARGE, doubtful
from labloop.planner.surrogate import Conditioned, Process
from labloop.records import Experiment, Observation, Origin, Status
from labloop.spec.models import Spec
from tests.planner.test_planner_acquisition import acquisition_of, process_of

Cube = Callable[..., Spec]
Run = Callable[..., list[Experiment]]


def hill(conditions: dict[str, float]) -> dict[str, float]:
    return {"y": -((conditions["x0"] - 0.3) ** 2) - (conditions["x1"] - 0.6) ** 2}


def report_of(spec: Spec, observed: list[Experiment], n: int) -> dict[str, Any]:
    found = plan(spec, observed, [], n, 0)
    report = found.planner["escape"]
    assert len(report["experiments"]) == len(found.experiments)
    return dict(report)


def test_every_figure_of_the_report_is_a_share_or_a_distance(cube: Cube, run: Run) -> None:
    report = report_of(cube(2), run(cube(2), 12, hill), 6)
    for each in report["experiments"]:
        assert 0 <= each["sd_share"] <= 1
        assert 0 <= each["reversion"] <= 1
        assert each["lengthscales"] > 0
        assert 1 <= each["nearest"] <= 12
    assert 1 <= report["effective"] <= 6
    assert sum(report["slots"].values()) == pytest.approx(1.0)
    assert report["left"] >= 0


def test_the_nearest_experiment_is_the_nearest(cube: Cube, run: Run) -> None:
    spec = cube(1, planner={"strategy": "custom", "slots": ["mean"]})
    observed = run(spec, 9, lambda c: {"y": float(c["x0"])})
    found = plan(spec, observed, [], 1, 0)
    gaps = [abs(float(each.executed["x0"]) - float(found.experiments[0].conditions["x0"])) for each in observed]
    assert found.planner["escape"]["experiments"][0]["nearest"] == 1 + int(np.argmin(gaps))


def test_the_uncertain_and_far_scores_higher_than_the_known(cube: Cube, run: Run) -> None:
    spec = cube(2)
    observed = [each for each in run(spec, 40, hill) if float(each.executed["x0"]) < 0.5]
    near = plan(with_slots(spec, "mean"), observed, [], 1, 0).planner["escape"]["experiments"][0]
    far = plan(with_slots(spec, "PSTD"), observed, [], 1, 0).planner["escape"]["experiments"][0]
    assert near["sd_share"] < far["sd_share"]
    assert near["lengthscales"] < far["lengthscales"]
    assert near["reversion"] < 0.5


def with_slots(spec: Spec, *slots: str) -> Spec:
    planner = type(spec.planner).model_validate({"strategy": "custom", "slots": slots})
    return spec.model_copy(update={"planner": planner})


def test_a_batch_of_the_same_is_worth_one_and_is_said_to_collapse() -> None:
    assert "within 0.1 lengthscales" in collapsed([Nearest(0, 0.05), Nearest(1, 0.02)], 1.9)
    assert "are worth no more than 1.2" in collapsed([Nearest(0, 3.0)] * 5, 1.2)
    assert collapsed([Nearest(0, 0.05), Nearest(1, 2.0)], 1.9) == ""


def test_what_is_left_to_gain_shrinks_as_the_hill_is_known(cube: Cube, run: Run) -> None:
    few, many = (report_of(cube(2), run(cube(2), n, hill), 1)["left"] for n in (6, 40))
    assert isinstance(few, float)
    assert isinstance(many, float)
    assert many < 0.2 * few


def noisy_pair(apart: float, repeats: tuple[float, float], noise: float = 0.04) -> Process:
    """Two equal leaders far from each other, measured ``repeats`` times, and a row of lower ones."""
    rows = np.array([[0.0], [1.0], [0.3], [0.5], [0.7]])
    y = np.array([1.0, 1.0 - apart, -1.0, -1.0, -1.0])
    layout = Layout(np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.bool_))
    return Process(
        Ard(layout), rows, y, np.array([*repeats, 1.0, 1.0, 1.0]), np.log([[0.1]]), np.array([noise]), np.zeros(1)
    )


def test_the_leader_that_is_known_less_is_measured_again_where_noise_hides_the_order() -> None:
    process = noisy_pair(0.05, (3.0, 1.0))
    assert doubtful(process, 1.0) == 1


@pytest.mark.parametrize(
    "process",
    [noisy_pair(0.8, (1.0, 1.0)), noisy_pair(0.05, (1.0, 1.0), noise=1e-4)],
    ids=["the order is clear", "there is no noise to speak of"],
)
def test_otherwise_nothing_is_measured_again(process: Process) -> None:
    assert doubtful(process, 1.0) is None


def test_a_replicate_is_proposed_when_noise_hides_the_better_of_two_leaders(
    cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The gate is held open: what is tested is what goes through it.
    monkeypatch.setattr(strategy, "TAU", 1.0)
    spec = cube(1, planner={"strategy": "balanced"})
    observed: list[Experiment] = []
    for turn in range(4):
        for x in np.linspace(0.0, 1.0, 11):
            hills = 10 * np.exp(-(((x - 0.2) / 0.1) ** 2)) + 9.9 * np.exp(-(((x - 0.8) / 0.1) ** 2))
            observed.append(made(len(observed) + 1, {"x0": float(x)}, float(hills + (-1) ** turn * (1 + 0.1 * turn))))
    found = plan(spec, observed, [], 3, 0)
    again = [each for each in found.experiments if each.slot == "replicate"]
    assert len(again) == 1
    assert again[0].conditions["x0"] in (0.2, 0.8)
    assert again[0].reason.startswith("Measured again: noise, not ignorance")
    waiting = plan(spec, observed, [again[0].conditions], 3, 0)
    assert all(each.slot != "replicate" for each in waiting.experiments)


def test_a_leader_that_could_not_be_proposed_is_not_measured_again(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy, "TAU", 1.0)
    spec = cube(1, parameters={"x0": {"bounds": [0.0, 1.0], "step": 0.25}}, planner={"strategy": "balanced"})
    observed: list[Experiment] = []
    for turn in range(4):
        for x in np.linspace(0.0, 1.0, 11):  # executed off the grid of quarters
            hills = 10 * np.exp(-(((x - 0.2) / 0.1) ** 2)) + 9.9 * np.exp(-(((x - 0.8) / 0.1) ** 2))
            observed.append(made(len(observed) + 1, {"x0": float(x)}, float(hills + (-1) ** turn * (1 + 0.1 * turn))))
    found = plan(spec, observed, [], 2, 0).experiments
    assert {float(each.conditions["x0"]) for each in found} <= {0.25, 0.75}
    assert all(each.slot != "replicate" for each in found)


def made(number: int, conditions: dict[str, float], value: float) -> Experiment:
    measured = (Observation(1, {"y": value}),)
    return Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions, observations=measured)


@pytest.mark.parametrize("tau", [0.0, 1e9])
def test_what_stands_out_is_followed_whether_or_not_there_is_more_to_gain(
    cube: Cube, monkeypatch: pytest.MonkeyPatch, tau: float
) -> None:
    # The gate is held shut and open: what is tested is what goes through it.
    monkeypatch.setattr(strategy, "TAU", tau)
    spec = cube(2)
    rng = np.random.default_rng(5)
    observed = []
    for number, row in enumerate(np.round(rng.random((24, 2)), 3), 1):
        odd = number == 7
        at = np.array([0.2, 0.25]) if odd else row
        value = float(at.sum()) + (0.6 if odd else 0.0)
        observed.append(made(number, {"x0": float(at[0]), "x1": float(at[1])}, value))
    found = plan(spec, observed, [], 4, 0)
    followed = [each for each in found.experiments if each.slot == "follow"]
    assert len(followed) == 1
    assert followed[0].reason.startswith(
        "Where a hidden hill may be highest: a result stands out above the broad trend"
    )
    assert followed[0].reason.endswith(".")
    gap = np.hypot(float(followed[0].conditions["x0"]) - 0.2, float(followed[0].conditions["x1"]) - 0.25)
    assert 0.0 < gap < 0.25
    # Whatever stands out no further, and the best of all, is not followed. Improve slots ask on their own.
    monkeypatch.setattr(strategy, "FAR_OUT", 99.0)
    monkeypatch.setattr(strategy, "STANDING_OUT", 9.0)
    assert all(each.slot != "follow" for each in plan(spec, observed, [], 4, 0).experiments)
    monkeypatch.setattr(strategy, "STANDING_OUT", 1.5)
    best = [*observed[:6], made(7, {"x0": 0.2, "x1": 0.25}, 9.0), *observed[7:]]
    assert all(each.slot != "follow" for each in plan(spec, best, [], 4, 0).experiments)


def test_what_is_followed_is_what_is_evaluated_anew(numbers: tuple[Array, Array, Kernel]) -> None:
    rng = np.random.default_rng(0)
    conditioned = Conditioned.on(process_of(numbers, 2), 5)
    rows = rng.random((30, 3))
    followed = conditioned.follow(rows)
    for row in rng.random((20, 3)):
        conditioned.append(row, rng.standard_normal((2, 5)))
    expected, found = conditioned.evaluate(rows), followed.slice(conditioned, np.arange(30))
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(found.sd, expected.sd, atol=1e-9)


def test_an_acquisition_has_one_value_followed_or_not(numbers: tuple[Array, Array, Kernel]) -> None:
    acquisition = acquisition_of(numbers, Direct("y"))
    rng = np.random.default_rng(1)
    rows = rng.random((25, 3))
    followed = acquisition.follow(rows)
    for row in rng.random((4, 3)):
        acquisition.append(row, {name: rng.standard_normal((2, 8)) for name in ("y", "z")})
    chosen = np.array([3, 7, 20])
    np.testing.assert_allclose(acquisition.at(followed, chosen), acquisition(rows[chosen])[0], atol=1e-9)


def test_the_lazy_pick_is_the_best_though_few_are_looked_at(numbers: tuple[Array, Array, Kernel]) -> None:
    acquisition = acquisition_of(numbers, Direct("y"), draws=64)
    rng = np.random.default_rng(2)
    rows = rng.random((1500, 3))
    ranking, left = Ranking.of(acquisition, rows), np.arange(len(rows))
    ranking.values(left)
    looked = []
    for _ in range(25):
        some, values = ranking.best(left)
        looked.append(len(some))
        true = acquisition(rows)[0]
        # What is said of a row is what it is worth now, and no row that was passed over is worth more.
        np.testing.assert_allclose(values, true[some], atol=1e-9)
        assert values.max() >= true[left].max() - 0.02
        chosen = some[int(np.argmax(values))]
        left = left[left != chosen]
        acquisition.append(rows[chosen], {name: rng.standard_normal((2, 64)) for name in ("y", "z")})
    assert np.mean(looked) < 600


def test_a_large_batch_is_distinct_and_goes_on_where_polishing_ends(cube: Cube, run: Run) -> None:
    spec = cube(3)
    observed = run(spec, 12, lambda c: {"y": float(c["x0"])})
    found = plan(spec, observed, [], LARGE + 20, 0).experiments
    assert len({tuple(each.conditions.values()) for each in found}) == LARGE + 20
