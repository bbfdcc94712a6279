"""What stands out of the broad picture, and where the top of a hidden hill is looked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from labloop.planner import plan, strategy
from labloop.planner.features import Features, features_of
from labloop.planner.hidden import HEIGHT, ROUGH, SMOOTH, WIDTHS, Hills, Trend, _density, _stepped, _weighed
from labloop.planner.kernel import Ard, Array, Layout
from labloop.planner.likelihood import Hyper
from labloop.planner.optimise import Search
from labloop.planner.strategy import LIKELIER, Strategist
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


def drawn(
    space: Space, features: Features, trend: Trend, about: Array, *, lifts: int | None = None, least: float = -math.inf
) -> Hills | None:
    rng = np.random.default_rng(0)
    return Hills.drawn(trend, features, space, space.sample(512, rng), about, rng, lifts=lifts, least=least)


def hills_of(space: Space, features: Features, trend: Trend, about: Array, *, lifts: int | None = None) -> Hills:
    found = drawn(space, features, trend, about, lifts=lifts)
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
    hills = hills_of(space, features, trend, FLANK[0])
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
    assert _weighed(trend, hills.tops, hills.widths, None)[0] == pytest.approx(likely, rel=1e-6)
    assert max(likely) > LIKELIER
    assert set(hills.widths) <= set(WIDTHS)


@pytest.mark.parametrize("about", [(0.5, 0.5), (0.05, 1.0)])
def test_tops_around_a_result_are_as_likely_as_they_are_drawn(about: tuple[float, float]) -> None:
    parameters = {"x": {"bounds": [0, 1]}, "z": {"bounds": [0, 1]}, "solvent": {"choices": ["A", "B", "C"]}}
    objectives = {"y": {"goal": "maximize"}}
    space = Space(Spec.model_validate({"name": "c", "parameters": parameters, "objectives": objectives}))
    line, levels = (np.arange(200) + 0.5) / 200, np.unique(space.sample(64, np.random.default_rng(0))[:, 2])
    rows = np.stack(np.meshgrid(line, line, levels), axis=-1).reshape(-1, 3)
    share = _density(rows, np.append(about, levels[1]), np.full(len(rows), 0.15), space, [0, 1]) / len(rows)
    assert share.sum() == pytest.approx(1.0, abs=1e-3)
    assert not share[rows[:, 2] != levels[1]].any()
    moved = _stepped(np.repeat([about], 100_000, axis=0), np.full(100_000, 0.15), np.random.default_rng(1))
    near = np.abs(rows[:, :2] - about).max(axis=1) < 0.1
    assert share[near].sum() == pytest.approx(np.mean(np.abs(moved - about).max(axis=1) < 0.1), abs=0.01)


@pytest.mark.parametrize("about", [0, 1])
def test_where_tops_are_tried_first_does_not_move_them(space: Space, features: Features, about: int) -> None:
    rows = climbed(FLANK)
    trend = Trend.of(process_of(rows, landscape(rows)), 1.0)
    e = (landscape(rows) - landscape(rows).mean()) / landscape(rows).std()
    inverse = np.linalg.inv(smooth(rows, rows) + ROUGH * np.eye(len(rows)))
    # Every width at every one of many tops, weighed as they are: no draws.
    rng = np.random.default_rng(9)
    tops = rng.random((60_000, 3))
    bumps = np.exp(-0.5 * np.sum((rows[:, None] - tops) ** 2, axis=2)[:, None] / (np.array(WIDTHS)[:, None] ** 2 * 3))
    bumps = bumps.reshape(len(e), -1)
    pulled = e @ inverse @ bumps
    d = 1.0 + HEIGHT**2 * np.sum(bumps * (inverse @ bumps), axis=0)
    left = e @ inverse @ e - HEIGHT**2 * pulled**2 / d
    height, sd = HEIGHT**2 * pulled / d, HEIGHT * np.sqrt(left / (len(e) * d))
    weight = ndtr(height / sd) / np.sqrt(d) * left ** (-0.5 * len(e))
    weight = weight.reshape(len(WIDTHS), -1).sum(axis=0)
    expected = weight @ tops / weight.sum()
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        hills = Hills.drawn(trend, features, space, space.sample(512, rng), FLANK[about], rng)
        assert hills is not None
        found.append(hills.cube.mean(axis=0))
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.02)


def test_the_gain_is_what_sampled_heights_say(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    trend = Trend.of(process_of(rows, landscape(rows)), 1.0, np.array([[0.6, 0.3, 0.4]]))
    hills = hills_of(space, features, trend, FLANK[0])
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


def test_a_few_hills_say_where_most_is_promised(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    hills = hills_of(space, features, Trend.of(process_of(rows, landscape(rows)), 1.0), FLANK[0])
    at = np.vstack([space.sample(256, np.random.default_rng(3)), hills.cube])
    gains = hills.gain(at)
    shortlist = np.argsort(-hills.few().gain(at))[:32]
    assert gains[shortlist].max() > 0.95 * gains.max()
    assert len(hills.few().widths) < len(hills.widths) / 4


def test_hills_gather_where_the_hidden_one_is(space: Space, features: Features) -> None:
    rows = climbed(FLANK)
    process = process_of(rows, landscape(rows))
    hills = hills_of(space, features, Trend.of(process, 1.0), FLANK[0])
    assert np.mean(np.linalg.norm(hills.cube - TOP, axis=1) < 0.3) > 0.9
    # Minimised, the same results say nothing of a hill there.
    down = hills_of(space, features, Trend.of(process, -1.0), rows[0])
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
    hills = hills_of(space, features, trend, flank[3], lifts=3)
    gaps = np.linalg.norm(hills.cube - flank[3], axis=1)
    assert np.median(gaps) < np.median(np.linalg.norm(hills.cube - TOP, axis=1))
    assert np.mean(gaps < 0.45) > 0.9


def test_noise_alone_has_no_hill(space: Space, features: Features) -> None:
    rng = np.random.default_rng(2)
    rows = rng.random((20, 3))
    trend = Trend.of(process_of(rows, rng.standard_normal(20)), 1.0)
    assert drawn(space, features, trend, rows[int(np.argmax(trend.standing_out))], least=8.0) is None


def test_results_that_are_all_alike_have_no_hill(space: Space, features: Features) -> None:
    rows = np.random.default_rng(2).random((12, 3))
    layout = Layout(np.arange(3), np.zeros(3, dtype=np.bool_))
    alike = Process.of(Ard(layout), [Hyper(np.zeros(3), 1e-3, 0.0)], rows, np.zeros(12), np.ones(12))
    trend = Trend.of(alike, 1.0)
    assert not trend.standing_out.any()
    assert drawn(space, features, trend, rows[0], least=8.0) is None


def ran(spec: Spec, rows: Array, **others: Callable[[Array], float]) -> list[Experiment]:
    names = list(spec.parameters)
    outcomes = [
        {"y": float(landscape(row)), **{name: outcome(row) for name, outcome in others.items()}} for row in rows
    ]
    return [
        experiment(i, dict(zip(names, row.tolist(), strict=True)), values)
        for i, (row, values) in enumerate(zip(rows, outcomes, strict=True), 1)
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


def test_a_hidden_top_is_looked_for_where_the_limits_hold(cube: Callable[..., Spec]) -> None:
    spec = cube(3)
    limited = cube(3, limits=["waste <= 0.65"])
    rows = climbed(FLANK)
    done = ran(spec, rows)
    wasted = ran(spec, rows, waste=lambda row: 1.0 - float(row[0]))
    found = [plan(*given, [], 1, 0).experiments[0] for given in ((spec, done), (limited, wasted))]
    assert [each.slot for each in found] == ["follow", "follow"]
    assert float(found[0].conditions["x0"]) < 0.33
    assert float(found[1].conditions["x0"]) > 0.34


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What hills were drawn for, call by call."""
    calls: list[dict[str, Any]] = []
    really = Hills.drawn

    def spied(*given: Any, **named: Any) -> Hills | None:
        calls.append({"about": given[4], **named})
        return really(*given, **named)

    monkeypatch.setattr(Hills, "drawn", spied)
    return calls


def test_any_hill_will_do_where_the_best_stands_out(spec: Spec, asked: list[dict[str, Any]]) -> None:
    rows = climbed(FLANK)
    plan(spec, ran(spec, rows), [], 1, 0)
    assert asked[0]["about"] == pytest.approx(rows[np.argmax(landscape(rows))])
    assert asked[0]["lifts"] is None
    assert asked[0]["least"] == LIKELIER


def test_where_another_result_stands_out_its_hill_has_to_lift_it(spec: Spec, asked: list[dict[str, Any]]) -> None:
    rows = climbed(np.array([[0.9, 0.1, 0.1], [0.14, 0.5, 0.02]]))
    assert np.argmax(landscape(rows)) != len(rows) - 1
    plan(spec, ran(spec, rows), [], 1, 0)
    assert asked[0]["about"] == pytest.approx(rows[-1])
    assert asked[0]["lifts"] == len(rows) - 1
    assert asked[0]["least"] == LIKELIER


@pytest.mark.parametrize("n", [7, 8, 9])
def test_improve_slots_ask_of_hills_where_results_are_neither_too_few_nor_too_many(
    spec: Spec, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    monkeypatch.setattr(strategy, "_TRENDS_TO", 8)
    rows = np.vstack([climbed(FLANK)[: n - 1], TOP])
    plan(spec, ran(spec, rows), [], 2, 0)
    assert bool(asked) == (n == 8)


@pytest.mark.parametrize(("gain", "slot"), [(0.0, "improve"), (1e6, "follow")])
def test_a_hidden_hill_has_to_promise_more_than_the_model(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, gain: float, slot: str
) -> None:
    asked = []

    def told(*_: Any, **__: Any) -> tuple[Array, float]:
        asked.append(1)
        return TOP + 1e-3 * len(asked), gain

    monkeypatch.setattr(Strategist, "_highest", told)
    found = plan(spec, ran(spec, climbed(FLANK)), [], 3, 0).experiments
    assert found[0].slot == slot
    # Once a batch is enough, if the answer is no.
    assert len(asked) == max(1, [each.slot for each in found].count("follow"))


def test_the_tops_themselves_are_looked_at(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    tops: list[Array] = []
    really = Hills.drawn

    def spied(*given: Any, **named: Any) -> Hills | None:
        found = really(*given, **named)
        tops.extend([] if found is None else found.cube)
        return found

    monkeypatch.setattr(Hills, "drawn", spied)
    found = plan(spec, ran(spec, climbed(FLANK)), [], 1, 0).experiments[0]
    assert found.slot == "follow"
    row = [float(value) for value in found.conditions.values()]
    assert np.abs(np.array(tops) - row).max(axis=1).min() < 1e-3
