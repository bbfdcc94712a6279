"""Novelty: far from everything known, and the most promising of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from labloop.planner import plan, strategy
from labloop.planner.acquisition import Direct
from labloop.planner.explore import SHARE, farthest, inner
from labloop.planner.strategy import Strategist, slots
from labloop.records import Conditions, Experiment
from labloop.space import Space
from labloop.spec.models import PlannerSettings, Spec
from tests.planner.conftest import experiment


def test_the_farthest_quarter_is_farther_than_the_rest(cube: Callable[..., Spec]) -> None:
    space, rng = Space(cube(2)), np.random.default_rng(0)
    rows, known = space.sample(400, rng), space.sample(10, rng)
    found = farthest(space, rows, known)
    assert len(found) == SHARE * len(rows)
    gaps = space.distances(rows, known).min(axis=1)
    assert space.distances(found, known).min() >= np.sort(gaps)[-len(found)]


def test_the_inner_box_stays_away_from_every_bound(cube: Callable[..., Spec]) -> None:
    space = Space(cube(3))
    rows = inner(space, space.sample(500, np.random.default_rng(0)))
    assert len(rows) > 100
    assert (rows.min(), rows.max()) > (0.11, 0.5)
    assert rows.max() < 0.89


def test_in_a_mixture_the_inner_region_holds_no_pure_component() -> None:
    parts = {f"c{j}": {"mixture": "m"} for j in range(4)}
    fields = {"name": "m", "parameters": parts, "mixtures": {"m": {}}, "objectives": {"y": {"goal": "maximize"}}}
    space = Space(Spec.model_validate(fields))
    rows = space.sample(1000, np.random.default_rng(0))
    found = inner(space, rows)
    assert 300 < len(found) < 600
    assert found.min() > 0.05
    assert found.max() < 0.85


def test_novelty_in_a_mixture_is_a_blend(run: Callable[..., list[Experiment]]) -> None:
    parts = {f"c{j}": {"mixture": "m"} for j in range(3)}
    fields = {"name": "m", "parameters": parts, "mixtures": {"m": {}}, "objectives": {"y": {"goal": "maximize"}}}
    spec = Spec.model_validate(fields)
    observed = run(spec, 40, lambda c: {"y": float(c["c0"])})
    found = plan(spec, observed, [], 8, 0).experiments
    novel = [
        [float(v) for v in each.conditions.values() if not isinstance(v, str)]
        for each in found
        if each.slot == "novelty"
    ]
    assert novel
    assert min(min(each) for each in novel) > 0.05


def test_a_model_that_sees_nothing_to_gain_sends_most_of_a_batch_elsewhere(
    cube: Callable[..., Spec], run: Callable[..., list[Experiment]]
) -> None:
    spec = cube(2)
    observed = run(spec, 40, lambda c: {"y": float(c["x0"])})
    found = plan(spec, observed, [], 4, 0).experiments
    novel = [each.distance for each in found if each.slot == "novelty"]
    assert len(novel) == 3
    assert min(each for each in novel if each is not None) > 0.05


def noisy_dome(noise: float, count: int = 40) -> list[Conditions]:
    """A flat dome, measured all about its top, in the order in which it was."""
    rng = np.random.default_rng(3)
    rows = np.round(np.clip(0.5 + 0.3 * rng.standard_normal((count, 2)), 0.0, 1.0), 3)
    values = 5.0 - 4.0 * np.sum((rows - 0.5) ** 2, axis=1) + noise * rng.standard_normal(count)
    return [{"x0": float(a), "x1": float(b), "y": float(y)} for (a, b), y in zip(rows, values, strict=True)]


def observed_in_order(results: list[Conditions]) -> list[Experiment]:
    rows = [({name: each[name] for name in ("x0", "x1")}, {"y": float(each["y"])}) for each in results]
    return [experiment(i, conditions, outcomes) for i, (conditions, outcomes) in enumerate(rows, 1)]


def test_what_noise_hides_is_not_looked_for_any_longer(
    cube: Callable[..., Spec], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other half of the gate is shut: what is tested is what noise opens.
    monkeypatch.setattr(strategy, "TAU", 0.0)
    spec = cube(2)
    results = noisy_dome(0.06)
    found = plan(spec, observed_in_order(results), [], 4, 0)
    assert [each.slot for each in found.experiments].count("novelty") >= 2
    assert any("less to gain than the noise hides" in note for note in found.notes)
    assert found.planner["hidden"] is True


@pytest.mark.parametrize("case", ["no noise", "hardly anything but noise", "still climbing", "six results"])
def test_it_is_looked_for_while_noise_hides_nothing_or_too_much_or_a_hill_is_climbed(
    case: str, cube: Callable[..., Spec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strategy, "TAU", 0.0)
    spec = cube(2)
    results = noisy_dome({"no noise": 0.0, "hardly anything but noise": 0.2}.get(case, 0.06))
    if case == "still climbing":
        results.sort(key=lambda each: -sum((float(each[name]) - 0.5) ** 2 for name in ("x0", "x1")))
        results = results[:30] + results[-6:]
    if case == "six results":
        results = results[:6]
    found = plan(spec, observed_in_order(results), [], 4, 0)
    assert not any("to gain" in note for note in found.notes)
    assert [each.slot for each in found.experiments].count("novelty") <= 1


@pytest.mark.parametrize(("gain", "hidden"), [(0.002, True), (0.01, False)])
def test_a_gain_is_hidden_by_the_least_noise_that_is_likely(gain: float, hidden: bool) -> None:
    # Two samples of eight see a standard deviation of 0.01, the others of 0.17, and so does their mean.
    process = SimpleNamespace(noise=np.array([1e-4, 1e-4, *[0.03] * 6]))
    judge = SimpleNamespace(
        acquisition=SimpleNamespace(goal=Direct("y")),
        models=SimpleNamespace(surrogates={"y": SimpleNamespace(process=process)}),
        utility=np.ones(20),
    )
    assert Strategist._hides(cast(Strategist, judge), gain) is hidden


@pytest.mark.parametrize("batch", [1, 4, 5, 8, 96])
def test_one_experiment_in_eight_looks_elsewhere_whatever_the_batch_and_more_of_the_first(batch: int) -> None:
    filled = [slots(PlannerSettings(), batch, gate=False, position=batch * turn) for turn in range(480 // batch)]
    # Of the first twenty of a batch one in four: 4, 8, 12, 16, 20 in place of 8 and 16.
    assert sum(each.count("novelty") for each in filled) == (60 if batch == 1 else 63)
    assert all("novelty" not in each[: each.count("improve")] for each in filled)
    assert all(each.count("follow") == (batch >= 4) and len(each) == batch for each in filled)
    assert not {"novelty", "follow"} & set(slots(PlannerSettings(strategy="balanced"), 96, gate=False, position=0))


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("explore", "most of this batch looks elsewhere"),
        ("balanced", "every second experiment of this batch looks elsewhere"),
        ("exploit", "the strategy explore would look elsewhere"),
    ],
)
def test_the_note_says_what_the_strategy_makes_of_it(
    strategy: str, said: str, cube: Callable[..., Spec], run: Callable[..., list[Experiment]]
) -> None:
    spec = cube(2, planner={"strategy": strategy})
    proposal = plan(spec, run(spec, 40, lambda c: {"y": float(c["x0"])}), [], 2, 0)
    assert any(said in note and "95 % sure" in note for note in proposal.notes)
    assert ("novelty" in [each.slot for each in proposal.experiments]) == (strategy != "exploit")


def test_what_is_found_is_climbed_once_and_for_all(
    cube: Callable[..., Spec], run: Callable[..., list[Experiment]]
) -> None:
    def hill(c: Conditions) -> dict[str, float]:
        return {"y": math.sin(3 * float(c["x0"])) + math.cos(5 * float(c["x1"]) - 2)}

    spec = cube(2)
    observed = run(spec, 20, hill)
    kinds, tops = [], []
    for turn in range(5):
        found = plan(spec, observed, [], 5, turn).experiments
        kinds.append([each.slot for each in found])
        tops += [hill(each.conditions)["y"] for each in found if each.slot == "climb"]
        new = enumerate(found, len(observed) + 1)
        observed += [experiment(i, each.conditions, hill(each.conditions)) for i, each in new]
    assert "climb" not in kinds[0]
    assert 1 <= len(tops) <= 2
    assert "climb" not in kinds[-1]
    assert tops[0] > 2 - 1e-3
    assert all(batch.count("novelty") >= 3 for batch in kinds if "climb" in batch)
