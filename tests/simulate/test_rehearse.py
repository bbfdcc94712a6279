"""Rehearsals: truths that fit what is known, and how many measurements they take."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from labloop.errors import InvalidInput
from labloop.loop.campaigns import create
from labloop.loop.look import experiments
from labloop.loop.record import record
from labloop.records import Experiment, Origin, Result
from labloop.simulate import lab
from labloop.simulate.draws import drawn, keep
from labloop.simulate.job import Job
from labloop.simulate.rehearse import Rehearsal, _by_measurement, _plan, _quantile, plans, rehearsal
from labloop.simulate.trial import Course, Row, run
from labloop.space import Space
from labloop.spec.models import Limit, Spec
from labloop.store import Store
from tests.cli.conftest import Cli

HILLS = lab("hills2")


def with_results(store: Store, n: int) -> tuple[Experiment, ...]:
    """A campaign with n exact results, in a store."""
    create(store, HILLS.campaign)
    space = Space(HILLS.campaign)
    rows = space.decode(space.spread(n, np.random.default_rng(0)))
    record(store, "hills2", [Result(None, HILLS.truth(row), executed=row) for row in rows], origin=Origin.IMPORT)
    return experiments(store, "hills2")


def test_a_truth_drawn_with_results_goes_through_them(tmp_path: Path, store: Store) -> None:
    known = with_results(store, 40)
    keep(tmp_path / "c.json", HILLS.campaign, known)
    for seed in (1,):
        place = drawn(tmp_path / "c.json", seed=seed)
        gaps = [place.truth(each.executed)["score"] - (each.mean("score") or math.nan) for each in known]
        assert np.std(gaps) < 0.1 * np.std([each.mean("score") or 0 for each in known])


def test_truths_differ_most_where_nothing_is_known(tmp_path: Path, store: Store) -> None:
    known = with_results(store, 12)
    keep(tmp_path / "c.json", HILLS.campaign, known)
    places = [drawn(tmp_path / "c.json", seed=8 * k) for k in range(4)]
    space = Space(HILLS.campaign)
    rows = space.sample(200, np.random.default_rng(1))
    spread = np.std([[p.truth(c)["score"] for c in space.decode(rows)] for p in places], axis=0)
    distance = space.distances(rows, space.encode([each.executed for each in known])).min(axis=1)
    near, far = distance < np.quantile(distance, 0.2), distance > np.quantile(distance, 0.8)
    assert spread[far].mean() > 1.3 * spread[near].mean()


@pytest.mark.parametrize("name", ["outlier2", "hydrogel"])
def test_without_results_a_truth_is_drawn_from_the_prior_and_is_the_same_every_time(tmp_path: Path, name: str) -> None:
    spec = lab(name).campaign.model_copy(update={"limits": ()})
    keep(tmp_path / "c.json", spec, [])
    place, again, other = (drawn(tmp_path / "c.json", seed=seed) for seed in (3, 3, 4))
    assert place.optimum == again.optimum
    assert place.optimum != other.optimum
    space = Space(spec)
    (outcome,) = spec.objectives
    values = [place.truth(c)[outcome] for c in space.decode(space.sample(500, np.random.default_rng(2)))]
    assert max(values) <= place.optimum.outcomes[outcome]
    assert np.std(values) > 0.1


SNAR = lab("snar")


def with_measured(store: Store, n: int) -> tuple[Experiment, ...]:
    """A campaign on the lab with a limit, with n results as it measures them."""
    create(store, SNAR.campaign)
    rows = Space(SNAR.campaign).decode(Space(SNAR.campaign).spread(n, np.random.default_rng(0)))
    found = [Result(None, SNAR.measure(row, np.random.default_rng(k)), executed=row) for k, row in enumerate(rows)]
    record(store, "snar", found, origin=Origin.IMPORT)
    return experiments(store, "snar")


def test_a_limited_outcome_is_drawn_too_and_the_attainable_holds_the_limit(tmp_path: Path, store: Store) -> None:
    known = with_measured(store, 30)
    keep(tmp_path / "c.json", SNAR.campaign, known, noise=5.0)
    place = drawn(tmp_path / "c.json", seed=2)
    assert set(place.optimum.outcomes) == {"space_time_yield", "e_factor"}
    assert place.optimum.outcomes["e_factor"] <= 9.2
    assert place.noise["space_time_yield"].absolute == 5.0
    assert place.noise["e_factor"].absolute > 0, "that of the limited outcome as learnt"
    rows = Space(SNAR.campaign).decode(Space(SNAR.campaign).sample(800, np.random.default_rng(3)))
    truths = [place.truth(row) for row in rows]
    holding = [true["space_time_yield"] for true in truths if true["e_factor"] <= 9.2]
    assert max(true["space_time_yield"] for true in truths) > max(holding), "the limit costs something"
    assert max(holding) <= place.optimum.outcomes["space_time_yield"]
    pairs = np.array([[each.mean("e_factor") or 0, place.truth(each.executed)["e_factor"]] for each in known])
    assert np.corrcoef(pairs.T)[0, 1] > 0.9, "the draw fits what was measured"


def test_without_results_a_limit_holds_in_half_of_the_space_on_average(tmp_path: Path) -> None:
    keep(tmp_path / "c.json", SNAR.campaign, [])
    rows = Space(SNAR.campaign).decode(Space(SNAR.campaign).sample(100, np.random.default_rng(3)))
    places = [drawn(tmp_path / "c.json", seed=seed) for seed in range(12)]
    shares = [np.mean([place.truth(row)["e_factor"] <= 9.2 for row in rows]) for place in places]
    assert 0.3 < np.mean(shares) < 0.7
    assert all(place.optimum.outcomes["e_factor"] <= 9.2 for place in places)


def test_a_limit_that_no_truth_holds_is_named(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    known = with_measured(store, 12)
    monkeypatch.setattr("labloop.simulate.draws._ATTEMPTS", 2)
    strict = SNAR.campaign.model_copy(update={"limits": (Limit(limit="e_factor <= -1000"),)})
    keep(tmp_path / "c.json", strict, known)
    with pytest.raises(InvalidInput, match=r"in 2 truths that fit the results of snar nothing holds e_factor <= -1000"):
        drawn(tmp_path / "c.json", seed=0)


def test_a_campaign_with_a_limit_is_rehearsed_towards_what_holds_it(tmp_path: Path, store: Store) -> None:
    with_measured(store, 12)
    driver = rehearsal(store, "snar", Rehearsal(draws=2, batches=(4,), replicates=(1,), budget=12), tmp_path)
    assert driver.run(engine="serial").failures == ()
    rows = [row for _, course in driver.courses() for row in course.rows]
    assert all(set(json.loads(row.outcomes)) == {"space_time_yield", "e_factor"} for row in rows)
    (found,) = plans(driver)
    assert 0 <= found.gained[0] <= found.gained[-1] <= 1


def test_replicates_are_averaged_and_count_against_the_budget() -> None:
    job = Job(lab="branin", strategy="sobol", seed=0, batch=2, budget=12, noise=0.3, replicates=3)
    once = run(Job(lab="branin", strategy="sobol", seed=0, batch=2, budget=12, noise=0.3)).rows
    rows = run(job).rows
    assert len(rows) == 4
    assert [row.true for row in rows] == [row.true for row in once[:4]]
    assert all(row.value != alone.value for row, alone in zip(rows, once, strict=False))
    with pytest.raises(InvalidInput, match="replicates and a behaviour exclude each other"):
        Job(lab="branin", strategy="sobol", seed=0, replicates=2, behaviour="failures=0.1")


def course(*left: float) -> Course:
    rows = tuple(Row(i, i, "s", v, v, v, v, v, v) for i, v in enumerate(left, 1))
    return Course(rows, (1.0,))


def test_measurements_are_counted_not_conditions() -> None:
    job = Job(lab="branin", strategy="sobol", seed=0, budget=6, replicates=2)
    assert _by_measurement(job, course(0.5, 0.05)).tolist() == [1.0, 0.5, 0.5, 0.05, 0.05, 0.05]
    found = _plan(4, 2, [(job, course(0.5, 0.05)), (job, course(0.5, 0.2, 0.01)), (job, course(0.9))])
    assert found.reached == pytest.approx(2 / 3)
    assert found.needed == (4, 6, None)
    assert found.gained[-1] == pytest.approx(1 - (0.05 + 0.01 + 0.9) / 3)


def test_a_run_that_never_got_there_counts_as_the_longest() -> None:
    assert _quantile([None, 3, 5, 9], 0.5) == 5
    assert _quantile([None, None, 5, 9], 0.75) is None


def test_a_rehearsal_draws_truths_in_the_campaigns_own_space(tmp_path: Path, store: Store) -> None:
    with_results(store, 12)
    driver = rehearsal(store, "hills2", Rehearsal(draws=2, batches=(2, 4), replicates=(1,), budget=8), tmp_path)
    assert driver.run(engine="serial").failures == ()
    found = plans(driver)
    assert [(each.batch, each.replicates) for each in found] == [(2, 1), (4, 1)]
    for each in found:
        assert (each.low <= each.high).all()
        assert (np.diff(each.gained) >= 0).all()


def test_a_budget_that_holds_no_batch_is_refused(tmp_path: Path, store: Store) -> None:
    create(store, HILLS.campaign)
    with pytest.raises(InvalidInput, match="a budget of 6 does not hold a batch of 4 measured 2 times"):
        rehearsal(store, "hills2", Rehearsal(batches=(4,), replicates=(2,), budget=6), tmp_path)


def test_a_campaign_with_several_objectives_cannot_be_rehearsed(tmp_path: Path, store: Store) -> None:
    goals = {"a": {"goal": "maximize"}, "b": {"goal": "minimize"}}
    spec = Spec.model_validate({"name": "two", "parameters": {"x": {"bounds": [0, 1]}}, "objectives": goals})
    create(store, spec)
    with pytest.raises(InvalidInput, match="two has 2 objectives"):
        rehearsal(store, "two", Rehearsal(), tmp_path)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("LABLOOP_STORE", raising=False)
    (tmp_path / "campaigns").mkdir()
    return Cli(tmp_path, capsys)


def test_rehearse_says_how_many_measurements_a_campaign_takes(cli: Cli) -> None:
    cli("init", "mine", "--template", "hills2")
    words = ("rehearse", "mine", "--batch", "2,4", "--replicates", "1", "--draws", "2", "--budget", "8")
    data = cli.json(*words, "--engine", "serial")["data"]
    assert [(each["batch"], len(each["gained"])) for each in data["plans"]] == [(2, 8), (4, 8)]
    assert Path(data["files"][0]).exists()
    cli(*words, "--engine", "serial")
    assert "measurements until 90 % of the attainable" in cli.out
    cli("rehearse", "mine", "--batch", "0", code=2)
    assert "holds a number below 1" in cli.err
