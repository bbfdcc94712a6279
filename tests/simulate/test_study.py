"""A study is its jobs: pure, kept under a hash of their content, run once, summed up seed by seed."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labloop.errors import InvalidInput, InvalidSpec, LabloopError, NotFound, UsageError
from labloop.loop.look import verify
from labloop.records import Conditions, Experiment, Proposal, Status
from labloop.simulate import trial
from labloop.simulate.driver import COLUMNS, Driver
from labloop.simulate.engines import Failed, work
from labloop.simulate.frames import baybe_frame, results_frame, write_parquet
from labloop.simulate.job import Job
from labloop.simulate.plans import Chosen, plan_of, proposal_of
from labloop.simulate.study import Study, read_study
from labloop.simulate.summary import (
    LEAST_SEEDS,
    Difference,
    Setting,
    differences,
    interval,
    left_by_cost,
    standings,
    traces_of,
)
from labloop.simulate.trial import Course, Row, run
from labloop.spec.models import Spec
from labloop.store import Store

BRANIN = Job(lab="branin", strategy="sobol", seed=3, batch=4, budget=10)


def study(**changes: object) -> Study:
    fields = {"labs": ["branin"], "strategies": ["sobol", "random"], "seeds": 3, "budget": 8}
    return Study.model_validate({**fields, **changes})


def test_a_job_runs_to_its_budget_in_batches() -> None:
    course = run(BRANIN)
    assert [row.iteration for row in course.rows] == [1] * 4 + [2] * 4 + [3] * 2
    assert [row.experiment for row in course.rows] == list(range(1, 11))
    assert len(course.seconds) == 3


def test_a_row_says_what_was_measured_and_how_far_the_best_is_from_the_optimum() -> None:
    rows = run(BRANIN).rows
    best = math.inf
    for row in rows:
        assert row.value == row.true
        best = min(best, row.true or math.inf)
        assert row.best == best
        assert row.regret == row.inference_regret == pytest.approx(best - 0.397887357729738)


def test_with_noise_the_experiment_that_looks_best_need_not_be_the_best() -> None:
    rows = run(replace(BRANIN, budget=40, noise=0.5)).rows
    assert all(row.value != row.true for row in rows)
    assert any((row.inference_regret or 0) > (row.regret or 0) for row in rows)
    assert all((row.inference_regret or 0) >= (row.regret or 0) for row in rows)


def test_the_same_job_gives_the_same_rows_and_another_seed_others() -> None:
    assert run(BRANIN).rows == run(BRANIN).rows
    assert run(BRANIN).rows != run(replace(BRANIN, seed=4)).rows


@pytest.mark.parametrize("strategy", ["explore", "exploit"])
def test_labloops_own_strategies_run_under_their_own_name(strategy: str) -> None:
    rows = run(Job(lab="branin", strategy=strategy, seed=0, batch=4, budget=12)).rows
    slots = {row.slot for row in rows}
    assert "start" in slots
    assert ("climb" in slots) == (strategy == "exploit")


def test_a_common_start_is_the_same_for_every_strategy() -> None:
    starts = []
    for strategy in ("sobol", "random", "explore"):
        rows = run(Job(lab="branin", strategy=strategy, seed=1, batch=4, budget=10, start=6)).rows
        assert [row.slot for row in rows[:6]] == ["start"] * 6
        starts.append([row.true for row in rows[:6]])
    assert starts[0] == starts[1] == starts[2]


def test_the_campaign_of_a_job_is_a_real_one_with_a_ledger() -> None:
    store = Store("sqlite://")
    run(BRANIN, store)
    row, broken = verify(store, "branin")
    store.close()
    assert broken == ()
    assert row.experiments == 10
    assert row.head == 1 + 3 + 3, "created, then proposed and recorded three times"


def test_nothing_feasible_yet_is_no_regret_but_everything_left_to_gain() -> None:
    # At 0 and below, hydrogels of charged monomers alone do not gel.
    rows = run(Job(lab="hydrogel", strategy="random", seed=0, batch=8, budget=48)).rows
    failed = [row for row in rows if row.value is None]
    assert failed, "some mixtures give no gel"
    assert all(row.true is None for row in failed)


def test_a_strategy_that_has_nothing_left_ends_the_campaign_early(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("solvent,yield\nwater,1\nEtOH,2\nDMF,5\n")
    rows = run(Job(lab=f"table:{path}", strategy="sobol", seed=0, batch=2, budget=10)).rows
    assert len(rows) == 3
    assert rows[-1].regret == 0


def test_slots_by_name_play_a_campaign_like_a_strategy() -> None:
    rows = run(Job(lab="branin", strategy="PSTD+maximin", seed=0, batch=2, budget=9)).rows
    assert [row.slot for row in rows[6:]] == ["PSTD", "maximin", "PSTD"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"strategy": "explor"}, UsageError, "no strategy 'explor'"),
        ({"batch": 0}, InvalidInput, "batch is 0"),
        ({"batch": 1000}, InvalidInput, "batch is 1000"),
        ({"budget": 0}, InvalidInput, "budget is 0"),
        ({"seed": -1}, InvalidInput, "seed is -1"),
    ],
)
def test_a_job_that_cannot_be_is_refused(changes: dict[str, object], error: type[LabloopError], message: str) -> None:
    with pytest.raises(error, match=message):
        Job(**{"lab": "branin", "strategy": "sobol", "seed": 0, **changes})  # type: ignore[arg-type]


def test_a_jobs_key_changes_with_everything_its_rows_depend_on(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,1\n2,3\n")
    table = replace(BRANIN, lab=f"table:{path}")
    others = [replace(BRANIN, seed=4), replace(BRANIN, batch=2), replace(BRANIN, noise=0.1)]
    keys = {BRANIN.key, table.key, *(each.key for each in others)}
    moved = tmp_path / "elsewhere.csv"
    moved.write_bytes(path.read_bytes())
    assert replace(table, lab=f"table:{moved}").key == table.key, "what it holds counts, not where it lies"
    assert replace(table, lab=f"emulate:{moved}").key not in keys
    path.write_text("x,y\n1,1\n2,4\n")
    assert len({*keys, table.key}) == 6
    assert replace(BRANIN).key == BRANIN.key


def test_labloops_strategies_are_keyed_by_the_planners_source(monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(BRANIN, strategy="explore")
    before, plain = own.key, BRANIN.key
    monkeypatch.setattr("labloop.simulate.job._source_digest", lambda: "another planner")
    assert own.key != before
    assert BRANIN.key == plain


def test_a_study_file_may_name_one_or_several_of_everything(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "schema: labloop-study/1\nlabs: branin\nstrategies: [sobol, random]\nseeds: [3, 5]\nbatch: [1, 4]\nbudget: 6\n"
        "noise: [null, 0.1]\n"
    )
    jobs = read_study(path).jobs()
    assert len(jobs) == 2 * 2 * 2 * 2
    assert {job.seed for job in jobs} == {3, 5}
    assert {job.noise for job in jobs} == {None, 0.1}
    assert len(read_study(path, {"seeds": [1]}).jobs()) == 8


def test_tables_in_a_study_file_are_looked_for_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("labs: ['table:results.csv:goal=minimize', branin]\n")
    assert read_study(path).labs == (f"table:{tmp_path / 'results.csv'}:goal=minimize", "branin")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("labs: [branin]\nseed: 3\n", InvalidSpec, "seed: Extra inputs"),
        ("labs: []\n", InvalidSpec, "labs"),
        ("- 1\n", InvalidSpec, "expected keys and values"),
        ("labs: [branin]\nlabs: [levy]\n", InvalidSpec, "labs"),
        ("labs: [branin]\nbudget: many\n", InvalidSpec, "budget"),
    ],
)
def test_a_study_that_is_wrong_says_where(tmp_path: Path, text: str, error: type[LabloopError], message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_study(path)


def test_a_study_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no study"):
        read_study(tmp_path / "study.yaml")
    with pytest.raises(NotFound, match="holds no study"):
        Driver.of(tmp_path)


def test_the_tables_are_the_same_bytes_whenever_a_study_is_run(tmp_path: Path) -> None:
    files = []
    for name in ("once", "again"):
        driver = Driver(study(noise=0.1), tmp_path / name)
        report = driver.run(engine="serial")
        assert (report.total, report.before, report.done) == (6, 0, 6)
        parquet = write_parquet(driver) if _has_pyarrow() else None
        files.append(
            ((tmp_path / name / "results.csv").read_bytes(), parquet.read_bytes() if parquet is not None else b"")
        )
    assert files[0] == files[1]


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def test_results_hold_one_row_an_experiment_in_the_studys_order(tmp_path: Path) -> None:
    driver = Driver(study(), tmp_path)
    driver.run(engine="serial")
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 6 * 8
    assert [row["strategy"] for row in rows[:16]] == ["sobol"] * 8 + ["random"] * 8
    frame = results_frame(driver)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["regret"].tolist() == [float(row["regret"]) for row in rows]
    with (tmp_path / "times.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6 * 2


def test_results_are_offered_in_the_columns_of_baybes_simulations(tmp_path: Path) -> None:
    driver = Driver(study(seeds=1), tmp_path)
    driver.run(engine="serial")
    frame = baybe_frame(driver)
    assert list(frame.columns) == [
        "Scenario", "Random_Seed", "Iteration", "Num_Experiments", "value_Measurements", "value_IterBest",
        "value_CumBest",
    ]  # fmt: skip
    assert frame["Num_Experiments"].tolist() == [4, 8, 4, 8]
    assert frame["Iteration"].tolist() == [0, 1, 0, 1]
    for _, row in frame.iterrows():
        assert row["value_IterBest"] == min(row["value_Measurements"])
        assert row["value_CumBest"] <= row["value_IterBest"]


def test_what_is_done_is_not_run_again_and_a_larger_study_takes_it_over(tmp_path: Path) -> None:
    Driver(study(), tmp_path).run(engine="serial")
    told: list[tuple[int, int]] = []
    report = Driver(study(seeds=4), tmp_path).run(engine="serial", tell=lambda done, total: told.append((done, total)))
    assert (report.total, report.before, report.done) == (8, 6, 2)
    assert told == [(6, 8), (7, 8), (8, 8)]


def test_a_job_file_that_a_kill_left_half_written_is_not_taken_for_a_result(tmp_path: Path) -> None:
    driver = Driver(study(), tmp_path)
    driver.run(engine="serial")
    whole = (tmp_path / "results.csv").read_bytes()
    victim = next((tmp_path / "jobs").glob("*.json"))
    victim.rename(victim.with_name(victim.name + ".part"))
    assert Driver(study(), tmp_path).run(engine="serial").done == 1
    assert (tmp_path / "results.csv").read_bytes() == whole
    assert not list((tmp_path / "jobs").glob("*.part"))


def test_a_folder_is_read_by_the_keys_of_the_run_not_by_what_is_installed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Driver(study(), tmp_path).run(engine="serial")
    monkeypatch.setattr("labloop.simulate.job._version", lambda _: "another")
    assert len(list(Driver.of(tmp_path).courses())) == 6
    assert len(list(Driver(study(), tmp_path).courses())) == 0


def test_a_job_that_raises_is_told_and_tried_again_next_time(tmp_path: Path) -> None:
    driver = Driver(study(labs=["branin", "table:gone.csv"], seeds=1), tmp_path)
    report = driver.run(engine="serial")
    assert report.done == 2
    assert [job.lab for job, _ in report.failures] == ["table:gone.csv"] * 2
    assert "no table gone.csv" in (tmp_path / "failures.csv").read_text()
    assert Driver(study(seeds=1), tmp_path).run(engine="serial").done == 0
    assert not (tmp_path / "failures.csv").exists()


def test_whatever_a_strategy_raises_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_strategy: str, _spec: Spec, _seed: int) -> Chosen:
        raise ValueError("singular")

    monkeypatch.setattr(trial, "plan_of", broken)
    assert work(BRANIN) == Failed("ValueError: singular")


def course(*left: float) -> Course:
    rows = tuple(
        Row(iteration=i, experiment=i, slot="s", value=v, true=v, best=v, regret=v, inference_regret=v, left=v)
        for i, v in enumerate(left, 1)
    )
    return Course(rows, (1.0,) * len(left))


def finished(lefts: dict[str, Sequence[tuple[float, ...]]]) -> list[tuple[Job, Course]]:
    return [
        (Job(lab="branin", strategy=strategy, seed=seed, batch=1, budget=3), course(*left))
        for strategy, several in lefts.items()
        for seed, left in enumerate(several)
    ]


def test_standings_are_means_shares_and_ranks_over_seeds() -> None:
    (traces,) = traces_of(finished({"random": [(1, 0.5, 0.05), (1, 1, 0.4)], "sobol": [(1, 0.9, 0.2), (1, 0.8, 0.2)]}))
    random, sobol = standings(traces)
    assert [random.left, sobol.left] == pytest.approx([0.225, 0.2])
    assert (random.found, sobol.found) == (0.5, 0.0)
    assert (random.rank, sobol.rank) == (1.5, 1.5)
    assert random.seconds == 1.0
    assert random.low <= random.left <= random.high


def test_a_campaign_that_ended_early_keeps_its_last_value() -> None:
    (traces,) = traces_of(finished({"random": [(0.7, 0.3)]}))
    assert traces.left["random"].tolist() == [[0.7, 0.3, 0.3]]


def test_having_found_something_poor_is_no_worse_than_having_found_nothing() -> None:
    (traces,) = traces_of(finished({"random": [(1.0, 1.0, 1.0)], "sobol": [(1.7, 1.4, 0.9)]}))
    assert traces.left["sobol"].tolist() == [[1.0, 1.0, 0.9]]
    assert [standing.rank for standing in standings(traces)] == [2.0, 1.0]


def paid(seed: int, *rows: tuple[float, float]) -> tuple[Job, Course]:
    job, found = Job(lab="colours", strategy="sobol", seed=seed, batch=1, budget=2), course(*(left for left, _ in rows))
    return job, replace(
        found, rows=tuple(replace(row, cost=cost) for row, (_, cost) in zip(found.rows, rows, strict=True))
    )


def test_an_experiment_counts_once_it_is_paid_for() -> None:
    (traces,) = traces_of([paid(0, (0.5, 1.0), (0.1, 3.0)), paid(1, (0.8, 2.0), (0.2, 6.0))])
    costs, found = left_by_cost(traces)
    assert costs[0] == 0
    assert costs[-1] == 4.0, "as far as the cheapest campaign goes"
    middle = found["sobol"].middle
    for cost, mean in ((0.0, 1.0), (1.5, (0.5 + 1.0) / 2), (2.5, (0.5 + 0.8) / 2), (4.0, (0.1 + 0.8) / 2)):
        assert middle[np.searchsorted(costs, cost)] == pytest.approx(mean)
    assert standings(traces)[0].cost == 6.0
    assert left_by_cost(traces_of(finished({"random": [(1.0, 0.5, 0.1)]}))[0])[1] == {}, "branin says no costs"


def test_differences_pair_the_seeds_that_both_have() -> None:
    several = finished({"random": [(0.5,), (0.7,), (0.9,)], "sobol": [(0.4,), (0.6,)]})
    (traces,) = traces_of(several)
    (gap,) = differences(traces, "sobol")
    assert (gap.strategy, gap.seeds) == ("random", 2)
    assert gap.mean == pytest.approx(0.1)
    assert differences(traces, "explore") == []


def test_a_difference_is_decided_only_with_enough_seeds_and_off_zero() -> None:
    setting = Setting("branin", 1, None, 3)
    few = Difference(setting, "random", LEAST_SEEDS - 1, 0.1, 0.05, 0.2)
    assert not few.decided
    assert replace(few, seeds=LEAST_SEEDS).decided
    assert not replace(few, seeds=50, low=-0.01).decided
    assert replace(few, seeds=50, mean=-0.1, low=-0.2, high=-0.01).decided


def test_the_bootstrap_interval_covers_a_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial_number in range(200):
        low, high = interval(rng.normal(1.0, 2.0, 30), seed=trial_number)
        hits += low <= 1.0 <= high
    assert 0.88 <= hits / 200 <= 0.99


class Odd:
    """A plan of somebody else's."""

    def __call__(
        self, _spec: Spec, observed: Sequence[Experiment], _pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        assert all(each.status is Status.COMPLETED for each in observed)
        return proposal_of([{"x1": 0.0, "x2": float(len(observed))}] * n, seed=seed, slot="odd")


def test_any_plan_goes_through_the_same_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "plan_of", lambda *_: Chosen(Odd(), ("it is odd",)))
    found = run(replace(BRANIN, budget=8))
    assert found.notes == ("it is odd",)
    assert {row.slot for row in found.rows} == {"odd"}


def test_sobol_points_of_a_campaign_are_one_sequence() -> None:
    spec = Spec.model_validate(
        {
            "name": "s",
            "parameters": {"x": {"bounds": [0, 1]}, "z": {"bounds": [0, 1]}},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    plan = plan_of("sobol", spec, 5).plan
    assert plan is not None
    found = [each.conditions["x"] for n in (3, 1, 4) for each in plan(spec, [], [], n, 0).experiments]
    # Eight points of a Sobol' sequence in base 2: one in every eighth.
    assert sorted(int(float(x) * 8) for x in found) == list(range(8))


def test_the_study_file_of_a_folder_holds_the_study(tmp_path: Path) -> None:
    Driver(study(), tmp_path).run(engine="serial")
    content = json.loads((tmp_path / "study.json").read_text())
    assert content["labs"] == ["branin"]
    assert len(content["keys"]) == 6
