"""What stands out of the broad picture, and where the top of a hidden hill is looked for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from labloop.planner import plan
from labloop.planner.features import Features, features_of
from labloop.planner.hidden import HEIGHT, ROUGH, SMOOTH, WIDTHS, Hills, Trend
from labloop.planner.kernel import Ard, Array, Layout
from labloop.planner.likelihood import Hyper
from labloop.planner.optimise import Search
from labloop.planner.surrogate import Process
from labloop.planner.worth import left_out
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import Spec
from tests.planner.conftest import experiment

TOP = np.array([0.3, 0.35, 0.2])


def process_of(rows: Array, y: Array, *, lengthscale: float = 0.5, noise: float = 1e-3) -> Process:
    dim = rows.shape[1]
    kernel = Ard(Layout(np.arange(dim), np.zeros(dim, dtype=np.bool_)))
    hyper = Hyper(np.log(np.full(dim, lengthscale)), noise, 0.0)
    return Process.of(kernel, [hyper], rows, (y - y.mean()) / y.std(), np.ones(len(rows)))


def smooth(a: Array, b: Array) -> Array:
    found: Array = np.exp(-0.5 * np.sum((a[:, None] - b[None]) ** 2, axis=2) / (SMOOTH**2 * a.shape[1]))
    return found


def landscape(x: Array) -> Array:
    """A broad hill about (0.75, 0.7, 0.8), and one twice as high and a third as wide at `TOP`."""
    broad = np.exp(-0.5 * np.sum((x - [0.75, 0.7, 0.8]) ** 2, axis=-1) / (0.35**2 * 3))
    found: Array = broad + 2.0 * np.exp(-0.5 * np.sum((x - TOP) ** 2, axis=-1) / (0.1**2 * 3))
    return found


def climbed(flank: Array) -> Array:
    """Return experiments all over the cube and about the broad hill, and those on the hidden hill's flank."""
    rng = np.random.default_rng(5)
    wide = rng.random((300, 3))
    wide = wide[np.linalg.norm(wide - TOP, axis=1) > 0.45][:10]
    return np.vstack([wide, np.clip([0.75, 0.7, 0.8] + 0.1 * rng.standard_normal((6, 3)), 0, 1), flank])


FLANK = np.array([[0.42, 0.35, 0.33], [0.18, 0.42, 0.1]])


def hills_of(space: Space, features: Features, trend: Trend, *, lifts: int | None = None) -> Hills:
    rng = np.random.default_rng(0)
    found = Hills.drawn(trend, features, space, space.sample(4096, rng), rng, lifts=lifts)
    assert found is not None
    return found


@pytest.fixture
def spec(cube: Callable[..., Spec]) -> Spec:
    return cube(3)


@pytest.fixture
def space(spec: Spec) -> Space:
    return Space(spec)


@pytest.fixture
def features(spec: Spec, space: Space) -> Features:
    return features_of(spec, space, np.zeros((0, 0)), np.zeros(0))


def test_what_stands_out_of_a_smooth_trend_is_seen_where_the_fitted_model_is_not_surprised() -> None:
    rng = np.random.default_rng(3)
    rows = rng.random((30, 2))
    rows[7] = 0.2, 0.25
    y = -np.sum((rows - [0.8, 0.7]) ** 2, axis=1)
    y[7] += 0.35
    short = Process.of(
        Ard(Layout(np.arange(2), np.zeros(2, dtype=np.bool_))),
        [Hyper(np.log([0.1, 0.1]), 0.05, 0.0)],
        rows,
        (y - y.mean()) / y.std(),
        np.ones(30),
    )
    found = Trend.of(short, 1.0).standing_out
    assert int(np.argmax(found)) == 7
    assert found[7] > 2.5
    e, v = left_out(short)
    assert (e / np.sqrt(v + 0.05))[7] < 2.0
    # The obvious way: leave each row out, predict it, take the variance that makes the data likeliest.
    smooth = np.exp(-0.5 * np.sum((rows[:, None] - rows[None]) ** 2, axis=2) / (SMOOTH**2 * 2)) + ROUGH * np.eye(30)
    e = short.y - short.y.mean()
    variance = e @ np.linalg.solve(smooth, e) / 30
    for i in (0, 7, 19):
        rest = np.delete(np.arange(30), i)
        weight = np.linalg.solve(smooth[np.ix_(rest, rest)], smooth[rest, i])
        sd = np.sqrt(variance * (smooth[i, i] - smooth[i, rest] @ weight))
        assert found[i] == pytest.approx((e[i] - weight @ e[rest]) / sd, rel=1e-8)


def test_a_hill_is_weighed_as_a_covariance_with_its_bump(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    trend = Trend.of(process_of(rows, landscape(rows)), 1.0)
    hills = hills_of(space, features, trend)
    e = (landscape(rows) - landscape(rows).mean()) / landscape(rows).std()
    plain = smooth(rows, rows) + ROUGH * np.eye(len(rows))
    likely = []
    for top, width, mean, sd in zip(hills.tops, hills.widths, hills.mean, hills.sd, strict=True):
        bump = np.exp(-0.5 * np.sum((rows - top) ** 2, axis=1) / (width**2 * 3))
        whole = plain + HEIGHT**2 * np.outer(bump, bump)
        ratio = (e @ np.linalg.solve(whole, e)) / (e @ np.linalg.solve(plain, e))
        nats = 0.5 * (np.linalg.slogdet(plain)[1] - np.linalg.slogdet(whole)[1]) - 0.5 * len(e) * math.log(ratio)
        # The mean of the height as Gaussian conditioning has it, and the share of its density above nothing.
        assert mean == pytest.approx(HEIGHT**2 * bump @ np.linalg.solve(whole, e), rel=1e-6)
        likely.append(nats + math.log(1.0 + math.erf(mean / sd / math.sqrt(2.0))))
    assert hills.evidence == pytest.approx(max(likely), rel=1e-6)
    assert hills.evidence > 8.0
    assert set(hills.widths) <= set(WIDTHS)


def test_the_gain_is_what_sampled_heights_say(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    trend = Trend.of(process_of(rows, landscape(rows)), 1.0, np.array([[0.6, 0.3, 0.4]]))
    hills = hills_of(space, features, trend)
    at = np.vstack([TOP, [0.75, 0.7, 0.8], [0.2, 0.9, 0.9]])
    everything = np.vstack([rows, [[0.6, 0.3, 0.4]]])
    weights = np.linalg.solve(smooth(everything, everything) + ROUGH * np.eye(len(everything)), smooth(everything, at))
    foretold = trend.at(at)[0]
    heights = hills.mean + hills.sd * np.random.default_rng(1).standard_normal((20_000, len(hills.mean)))
    expected = []
    for i, x in enumerate(at):
        bump, known = (
            np.exp(-0.5 * np.sum((part[..., None, :] - hills.tops) ** 2, axis=-1) / (hills.widths**2 * 3))
            for part in (x, everything)
        )
        risen = bump - weights[:, i] @ known
        expected.append(np.maximum(min(foretold[i] - trend.best, 0.0) + heights * risen, 0.0).mean())
    assert hills.gain(at) == pytest.approx(expected, rel=0.03, abs=1e-4)
    assert hills.gain(at)[0] > 10 * hills.gain(at)[1:].max()


def test_hills_gather_where_the_hidden_one_is(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    process = process_of(rows, landscape(rows))
    hills = hills_of(space, features, Trend.of(process, 1.0))
    assert np.linalg.norm(np.median(hills.cube, axis=0) - TOP) < 0.15
    # Minimised, the same results say nothing of a hill there.
    down = hills_of(space, features, Trend.of(process, -1.0))
    assert np.mean(np.linalg.norm(down.cube - TOP, axis=1) < 0.2) < 0.05


def test_a_hill_that_lifts_a_result_is_not_the_one_the_best_stands_on(space: Space, features: Features) -> None:
    rows = climbed(np.vstack([FLANK, TOP]))
    flank = rows.copy()
    y = landscape(rows)
    # A second, lower flank elsewhere: with the hill found, it is the only thing left to follow.
    flank[3] = 0.8, 0.15, 0.2
    y = landscape(flank)
    y[3] += 0.7
    trend = Trend.of(process_of(flank, y), 1.0)
    assert trend.top == len(flank) - 1
    hills = hills_of(space, features, trend, lifts=3)
    gaps = np.linalg.norm(hills.cube - flank[3], axis=1)
    assert np.median(gaps) < np.median(np.linalg.norm(hills.cube - TOP, axis=1))
    assert np.mean(gaps < 0.45) > 0.9


def test_noise_alone_has_no_hill(space: Space, features: Features) -> None:
    rng = np.random.default_rng(2)
    trend = Trend.of(process_of(rng.random((20, 3)), rng.standard_normal(20)), 1.0)
    assert Hills.drawn(trend, features, space, space.sample(4096, rng), rng, least=8.0) is None


def test_results_that_are_all_alike_have_no_hill(space: Space, features: Features) -> None:
    rows = np.random.default_rng(2).random((12, 3))
    layout = Layout(np.arange(3), np.zeros(3, dtype=np.bool_))
    alike = Process.of(Ard(layout), [Hyper(np.zeros(3), 1e-3, 0.0)], rows, np.zeros(12), np.ones(12))
    trend = Trend.of(alike, 1.0)
    assert not trend.standing_out.any()
    rng = np.random.default_rng(0)
    assert Hills.drawn(trend, features, space, space.sample(512, rng), rng, least=8.0) is None


def ran(spec: Spec, rows: Array) -> list[Experiment]:
    names = list(spec.parameters)
    return [
        experiment(i + 1, dict(zip(names, row.tolist(), strict=True)), {"y": float(landscape(row))})
        for i, row in enumerate(rows)
    ]


def test_two_results_on_a_flank_tell_where_its_top_is(spec: Spec) -> None:
    rows = climbed(FLANK)
    before = float(landscape(rows).max())
    slots = []
    for _ in range(5):
        found = plan(spec, ran(spec, rows), [], 1, 0).experiments[0]
        slots.append(found.slot)
        rows = np.vstack([rows, [float(value) for value in found.conditions.values()]])
    assert slots[:2] == ["follow", "follow"]
    assert landscape(TOP) - landscape(rows).max() < 0.1 * (landscape(TOP) - before)


def test_a_batch_does_not_look_twice_in_one_place(spec: Spec) -> None:
    rows = climbed(FLANK)
    found = [each for each in plan(spec, ran(spec, rows), [], 4, 0).experiments if each.slot == "follow"]
    assert len(found) >= 2
    points = np.array([[float(value) for value in each.conditions.values()] for each in found])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(len(points), 1)]
    assert gaps.min() > 0.05


def test_what_improves_is_left_to_the_model_on_one_broad_hill(spec: Spec, run: Callable[..., list[Experiment]]) -> None:
    def broad(c: Conditions) -> dict[str, float]:
        return {"y": -sum((float(c[f"x{j}"]) - 0.4) ** 2 for j in range(3))}

    found = plan(spec, run(spec, 20, broad), [], 1, 0).experiments
    assert "follow" not in [each.slot for each in found]


def test_the_nearest_points_of_the_grid_keep_every_rule(cube: Callable[..., Spec]) -> None:
    spec = cube(2, constraints=["x0 + x1 <= 1"])
    space = Space(spec)
    features = features_of(spec, space, np.zeros((0, 0)), np.zeros(0))
    search = Search(space, features, np.zeros((0, 2)), box=False, picks=1, rng=np.random.default_rng(0))
    rows = np.random.default_rng(1).random((200, 2))
    found = search.near(rows)
    assert 50 < len(found) < 150
    assert found.sum(axis=1).max() <= 1.0 + 1e-9
    search.fixed = {0: 2.0}
    assert not len(search.near(rows))
