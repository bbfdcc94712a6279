"""What `plan` promises: valid, distinct, feasible, reproducible batches that say what they are."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from labloop.planner import plan, start_size
from labloop.planner.surrogate import Conditioned, Process
from labloop.records import Conditions, Experiment, Proposal
from labloop.space import Space
from labloop.spec.models import Spec

Run = Callable[..., list[Experiment]]
Cube = Callable[..., Spec]


def bowl(conditions: Conditions) -> Mapping[str, float]:
    """A smooth hill whose top is at 0.3 in every number."""
    return {"y": math.exp(-sum((v - 0.3) ** 2 for v in conditions.values() if not isinstance(v, str)))}


def check(
    spec: Spec, proposal: Proposal, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int
) -> None:
    """Everything a proposal must be, whatever went in."""
    space = Space(spec)
    conditions = [each.conditions for each in proposal.experiments]
    rows = space.encode(conditions)
    assert len(conditions) == n
    assert space.feasible(rows).all()
    np.testing.assert_allclose(space.snap(rows), rows, atol=1e-9)
    known = {json.dumps(dict(each), sort_keys=True) for each in [*(e.executed for e in observed), *pending]}
    mine = [json.dumps(dict(each), sort_keys=True) for each in conditions]
    assert len(set(mine)) == n
    assert not known & set(mine)
    for j in space.hard:
        assert np.ptp(rows[:, j]) == pytest.approx(0.0, abs=1e-12)
    for each in proposal.experiments:
        assert each.reason.endswith((".", ")."))
        for prediction in each.predictions.values():
            assert prediction.low <= prediction.median <= prediction.high
            assert math.isfinite(prediction.mean)
            assert prediction.sd > 0
        assert each.chance_of_best is None or 0 <= each.chance_of_best <= 1
    json.dumps(dict(proposal.planner), allow_nan=False)


@pytest.mark.parametrize("strategy", ["explore", "balanced", "exploit", "learn"])
def test_every_strategy_fills_a_valid_batch_in_a_mixed_space(mixed: Spec, run: Run, strategy: str) -> None:
    spec = mixed.model_copy(update={"planner": mixed.planner.model_copy(update={"strategy": strategy})})
    observed = run(spec, 16, lambda c: {"y": float(c["A"]) + float(c["cycles"]) / 8 + (c["salt"] == "KCl")})
    pending = [each.executed for each in run(spec, 2, lambda _: {}, seed=9)]
    proposal = plan(spec, observed, pending, 4, 3)
    check(spec, proposal, observed, pending, 4)
    assert proposal.experiments[0].predictions["y"].sd > 0
    assert proposal.strategy == strategy


@pytest.mark.parametrize(("wanted", "sets"), [(1, 1), (2, 8)])
def test_one_alone_is_looked_for_at_the_mode_and_predicted_under_all_samples(
    cube: Cube, run: Run, monkeypatch: pytest.MonkeyPatch, wanted: int, sets: int
) -> None:
    searched: list[int] = []
    start = Conditioned.on.__func__  # type: ignore[attr-defined]  # a class method

    def on(cls: type[Conditioned], process: Process, draws: int) -> Conditioned:
        searched.append(len(process.noise))
        return start(cls, process, draws)  # type: ignore[no-any-return]

    monkeypatch.setattr(Conditioned, "on", classmethod(on))
    proposal = plan(cube(2), run(cube(2), 10, bowl), [], wanted, 0)
    assert searched == [sets]
    assert proposal.planner["outcomes"]["y"]["samples"] == 8


def test_the_top_of_a_hill_is_found(cube: Cube, run: Run, result: Callable[..., Experiment]) -> None:
    spec = cube(2)
    observed = run(spec, 6, bowl)
    for turn in range(6):
        for each in plan(spec, observed, [], 2, turn).experiments:
            observed.append(result(len(observed) + 1, each.conditions, bowl(each.conditions)))
    best = max(observed, key=lambda each: each.mean("y") or 0.0)
    assert [best.executed[name] for name in ("x0", "x1")] == pytest.approx([0.3, 0.3], abs=0.05)


@pytest.mark.parametrize(("goal", "near", "far"), [("minimize", 0.0, 0.25), ("maximize", 0.5, 0.6)])
def test_the_goal_decides_which_end_is_sought(cube: Cube, run: Run, goal: str, near: float, far: float) -> None:
    spec = cube(1, objectives={"y": {"goal": goal}}, planner={"strategy": "exploit"})
    observed = run(spec, 9, lambda c: {"y": (float(c["x0"]) - 0.6) ** 2})
    for each in plan(spec, observed, [], 2, 0).experiments:
        assert near <= abs(float(each.conditions["x0"]) - 0.6) <= far


def test_a_target_is_aimed_at(cube: Cube, run: Run) -> None:
    spec = cube(1, objectives={"y": {"goal": "target", "target": 4.0}})
    observed = run(spec, 9, lambda c: {"y": 10 * float(c["x0"])})
    found = plan(spec, observed, [], 1, 0).experiments[0]
    assert found.conditions["x0"] == pytest.approx(0.4, abs=0.02)


def test_several_objectives_are_traded_off(cube: Cube, run: Run) -> None:
    spec = cube(1, objectives={"y": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    observed = run(spec, 8, lambda c: {"y": 1 - (float(c["x0"]) - 0.2) ** 2, "cost": (float(c["x0"]) - 0.7) ** 2})
    proposal = plan(spec, observed, [], 8, 0)
    check(spec, proposal, observed, [], 8)
    found = [float(each.conditions["x0"]) for each in proposal.experiments if each.slot == "improve"]
    # Everything between the two optima is a fair trade, everything outside is worse in both.
    assert sum(0.1 <= x <= 0.8 for x in found) >= 6
    assert max(found) - min(found) > 0.1
    assert set(proposal.experiments[0].predictions) == {"y", "cost"}


def test_a_limit_keeps_proposals_where_it_holds(cube: Cube, run: Run) -> None:
    spec = cube(1, limits=["purity >= 50"])
    observed = run(spec, 12, lambda c: {"y": float(c["x0"]), "purity": 100 - 100 * float(c["x0"])})
    found = plan(spec, observed, [], 4, 0).experiments
    improving = [float(each.conditions["x0"]) for each in found if each.slot == "improve"]
    assert improving
    assert max(improving) <= 0.55
    assert improving[0] == pytest.approx(0.5, abs=0.06)


def test_while_no_result_holds_the_limits_feasibility_is_sought(cube: Cube, run: Run) -> None:
    spec = cube(1, limits=["purity >= 50"])
    observed = [
        each
        for each in run(spec, 30, lambda c: {"y": -float(c["x0"]), "purity": 70 * float(c["x0"])})
        if float(each.executed["x0"]) < 0.6
    ]
    proposal = plan(spec, observed, [], 1, 0)
    assert "No result holds all limits yet" in proposal.notes[0]
    assert float(proposal.experiments[0].conditions["x0"]) > 0.65


def test_where_experiments_were_infeasible_fewer_are_proposed(cube: Cube, run: Run) -> None:
    spec = cube(1)
    observed = run(spec, 16, lambda c: None if float(c["x0"]) > 0.6 else {"y": float(c["x0"])})
    found = [float(each.conditions["x0"]) for each in plan(spec, observed, [], 4, 0).experiments]
    assert sum(x < 0.66 for x in found) >= 3
    # A pick that fails in a draw fails there for its neighbours too: no second try beside it.
    assert min(abs(a - b) for i, a in enumerate(found) for b in found[:i]) > 0.002


def test_pending_experiments_are_not_proposed_again(cube: Cube, run: Run) -> None:
    spec = cube(2)
    observed = run(spec, 10, bowl)
    first = plan(spec, observed, [], 1, 5).experiments[0]
    second = plan(spec, observed, [first.conditions], 1, 5).experiments[0]
    space = Space(spec)
    assert space.distances(space.encode([first.conditions]), space.encode([second.conditions]))[0, 0] > 0.01


def test_too_few_results_give_space_filling_experiments_and_say_so(cube: Cube, run: Run) -> None:
    spec = cube(3)
    assert start_size(spec) == 5
    proposal = plan(spec, run(spec, 4, bowl), [], 3, 0)
    assert proposal.notes == (
        "Space-filling experiments, no model used: 4 of the 5 results needed before the first model.",
    )
    assert {each.slot for each in proposal.experiments} == {"start"}
    assert start_size(cube(12)) == 5
    chosen = {"kind": {"choices": ["a", "b"]}, **{f"x{j}": {"bounds": [0, 1]} for j in range(11)}}
    assert start_size(cube(parameters=chosen)) == 14
    assert start_size(cube(3, planner={"start": 11})) == 11


def test_a_campaign_begins_in_the_middle_and_only_once(cube: Cube, run: Run) -> None:
    spec = cube(3)
    middle = {"x0": 0.5, "x1": 0.5, "x2": 0.5}
    first = plan(spec, [], [], 4, 0).experiments
    assert [each.conditions == middle for each in first] == [True, False, False, False]
    assert first[0].reason.startswith("The first experiment, as central as")
    later = plan(spec, run(spec, 2, bowl), [], 4, 0).experiments
    waiting = plan(spec, [], [dict(each.conditions) for each in first], 4, 0).experiments
    assert all(each.conditions != middle for each in (*later, *waiting))


def test_constant_results_give_space_filling_experiments_and_say_so(cube: Cube, run: Run) -> None:
    spec = cube(2)
    proposal = plan(spec, run(spec, 8, lambda _: {"y": 7.5}), [], 2, 0)
    assert proposal.notes == (
        "Space-filling experiments, no model used: there is nothing to model yet (y never varied).",
    )


def test_a_failed_fit_is_reported(cube: Cube, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labloop.planner.models.fit", lambda *_, **__: [])
    spec = cube(2)
    proposal = plan(spec, run(spec, 8, bowl), [], 2, 0)
    assert "y could not be fitted" in proposal.notes[0]
    check(spec, proposal, [], [], 2)


def test_an_exhausted_space_gives_fewer_experiments(run: Run) -> None:
    spec = Spec.model_validate(
        {
            "name": "small",
            "parameters": {"a": {"levels": [1, 2, 3]}, "b": {"choices": ["p", "q"]}},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    space = Space(spec)
    every = space.enumerate(100)
    assert every is not None
    conditions = space.decode(every)
    observed = [
        Experiment(i, each.status, each.origin, c, c, observations=each.observations)
        for i, (c, each) in enumerate(zip(conditions[:5], run(spec, 5, lambda c: {"y": float(c["a"])}), strict=True), 1)
    ]
    proposal = plan(spec, observed, [], 4, 0)
    assert [dict(each.conditions) for each in proposal.experiments] == [conditions[5]]
    assert "no other feasible conditions are left" in proposal.notes[-1]
    nothing = plan(spec, observed, [conditions[5]], 4, 0)
    assert nothing.experiments == ()


def test_the_same_seed_gives_the_same_proposal_in_another_process(cube: Cube, run: Run) -> None:
    code = (
        "import json, sys\n"
        "from labloop.planner import plan\n"
        "from labloop.records import Experiment, Observation, Origin, Status\n"
        "from labloop.spec.models import Spec\n"
        "spec, rows = json.load(sys.stdin)\n"
        "done = [Experiment(i, Status.COMPLETED, Origin.PLANNER, c, c, observations=(Observation(1, o),))\n"
        "        for i, (c, o) in enumerate(rows, 1)]\n"
        "print(repr(plan(Spec.model_validate(spec), done, [], 3, 11)))\n"
    )
    spec = cube(3)
    observed = run(spec, 12, bowl)
    here = repr(plan(spec, observed, [], 3, 11))
    text = json.dumps([spec.to_dict(), [[dict(e.executed), dict(e.observations[0].outcomes)] for e in observed]])
    there = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert repr(plan(spec, observed, [], 3, 12)) != here


def test_no_global_state_is_touched_and_no_warning_leaks(cube: Cube, run: Run) -> None:
    spec = cube(2)
    observed = run(spec, 10, bowl)
    before = torch.random.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    legacy = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan(spec, observed, [], 2, 0)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1:] == (torch.get_default_dtype(), torch.get_num_threads())
    assert legacy == np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_handful_of_results_is_enough_to_go_on(cube: Cube, run: Run, n: int) -> None:
    spec = cube(2, planner={"start": 1})
    observed = run(spec, n, bowl)
    check(spec, plan(spec, observed, [], 4, 0), observed, [], 4)


TORTURE: dict[str, Callable[[Conditions], Mapping[str, float] | None]] = {
    "tiny": lambda c: {"y": 1e-12 * bowl(c)["y"]},
    "huge": lambda c: {"y": 1e12 * bowl(c)["y"] + 1e14},
    "outlier": lambda c: {"y": 1e4 if float(c["x0"]) < 0.15 else bowl(c)["y"]},
    "bad outlier": lambda c: {"y": -1e4 if float(c["x0"]) < 0.15 else bowl(c)["y"]},
    "pure noise": lambda c: {"y": math.sin(1e6 * float(c["x0"]) + 77 * float(c["x1"]))},
    "all infeasible": lambda _: None,
    "one feasible": lambda c: bowl(c) if 0.4 < float(c["x0"]) < 0.48 else None,
    "nearly constant": lambda c: {"y": 1.0 + (1e-9 if float(c["x0"]) > 0.5 else 0.0)},
}


@pytest.mark.parametrize("name", TORTURE)
def test_torture_gives_a_valid_batch(cube: Cube, run: Run, name: str) -> None:
    spec = cube(2)
    observed = run(spec, 20, TORTURE[name])
    check(spec, plan(spec, observed, [], 4, 0), observed, [], 4)


def test_duplicates_and_near_duplicates_do_no_harm(cube: Cube, run: Run, result: Callable[..., Experiment]) -> None:
    spec = cube(2)
    observed = run(spec, 8, bowl)
    for i in range(300):
        near = {"x0": 0.5 + 1e-7 * i, "x1": 0.5 + (i % 3) * 1e-5}
        observed.append(result(9 + i, near, {"y": 1.0 + 0.01 * math.sin(i)}))
    check(spec, plan(spec, observed, [], 4, 0), observed, [], 4)


def test_thirty_dimensions_and_wide_bounds(cube: Cube, run: Run) -> None:
    wide: dict[str, Any] = {f"x{j}": {"bounds": [0.0, 1e6]} for j in range(30)}
    spec = cube(parameters=wide, planner={"start": 10})
    observed = run(spec, 10, lambda c: {"y": sum(float(v) for v in c.values()) / 1e6})
    check(spec, plan(spec, observed, [], 3, 0), observed, [], 3)


def test_predictions_of_a_known_function_are_right(cube: Cube, run: Run) -> None:
    spec = cube(1)
    observed = run(spec, 12, lambda c: {"y": 100 * float(c["x0"])})
    for each in plan(spec, observed, [], 3, 0).experiments:
        truth = 100 * float(each.conditions["x0"])
        assert each.predictions["y"].low - 3 <= truth <= each.predictions["y"].high + 3
        assert each.predictions["y"].mean == pytest.approx(truth, abs=6)


def test_predictions_stay_within_what_is_possible(cube: Cube, run: Run) -> None:
    spec = cube(2, objectives={"y": {"goal": "maximize", "range": [0, 1]}})
    observed = run(spec, 8, lambda c: {"y": min(max(3 * bowl(c)["y"] - 2, 0.0), 1.0)})
    for each in plan(spec, observed, [], 4, 0).experiments:
        assert 0 <= each.predictions["y"].low <= each.predictions["y"].high <= 1


def test_an_exhausted_space_is_seen_before_any_model_is_fitted(
    cube: Cube, result: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = cube(parameters={"a": {"levels": [1.0, 2.0, 3.0]}, "b": {"choices": ["x", "y", "z"]}})
    grid = [{"a": a, "b": b} for a in (1.0, 2.0, 3.0) for b in "xyz"]
    observed = [result(i, each, {"y": float(i)}) for i, each in enumerate(grid, 1)]
    monkeypatch.setattr(sys.modules["labloop.planner.plan"], "fit_models", None)
    assert plan(spec, observed, [], 2, 0).experiments == ()
