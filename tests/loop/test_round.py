"""The loop's use cases over a store in memory, with a planner that only walks along a grid."""

from __future__ import annotations

import pytest

from labloop.errors import Conflict, InvalidInput, InvalidTable, NotFound, NothingToSuggest
from labloop.loop.campaigns import create, revise, spec_of
from labloop.loop.correct import amend, mark, undo, veto
from labloop.loop.look import best, experiments, history, status, verify
from labloop.loop.record import Recorded, add, record
from labloop.loop.suggest import replacement, suggest
from labloop.records import Conditions, Experiment, FailureKind, Origin, Result, Status
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

CONDITIONS: Conditions = {"temperature": 60.0, "time": 5.0, "solvent": "DMSO"}


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec())
    suggest(store, "reaction", plan=grid_plan)
    return store


def _one(store: Store, number: int) -> Experiment:
    return experiments(store, "reaction", numbers=(number,))[0]


def _record(store: Store, number: int, value: float, **more: object) -> Recorded:
    return record(store, "reaction", [Result(number, {"yield": value})], **more)  # type: ignore[arg-type]


def test_a_suggestion_is_in_the_ledger_with_its_predictions_before_any_result(reaction: Store) -> None:
    (created, proposed) = history(reaction, "reaction").entries
    payload = proposed.payload
    assert proposed.kind == "proposed"
    assert [each["number"] for each in payload["experiments"]] == [1, 2, 3]
    assert payload["experiments"][0]["predictions"]["yield"]["low"] == 33.6
    assert payload["data"] == {"sequence": 1, "hash": created.hash}
    assert payload["packages"]["torch"]
    assert payload["seed"] > 0


def test_the_next_suggestion_knows_what_is_pending(reaction: Store) -> None:
    again = suggest(reaction, "reaction", plan=grid_plan)
    assert again.batch == 2
    assert [each.planned["temperature"] for each in again.experiments] == [35.0, 40.0, 45.0]


def test_a_plan_is_made_again_when_somebody_else_wrote_meanwhile(reaction: Store) -> None:
    calls = []

    def slow_plan(*arguments):  # type: ignore[no-untyped-def]
        calls.append(arguments)
        if len(calls) == 1:
            suggest(reaction, "reaction", plan=grid_plan)
        return grid_plan(*arguments)

    late = suggest(reaction, "reaction", plan=slow_plan)
    assert len(calls) == 2
    every = experiments(reaction, "reaction")
    assert len({each.planned["temperature"] for each in every}) == len(every) == 9
    assert late.batch == 3


def test_a_budget_is_kept_and_its_end_is_said(store: Store) -> None:
    create(store, make_spec(planner={"batch": 3, "budget": 4}))
    suggest(store, "reaction", plan=grid_plan)
    second = suggest(store, "reaction", plan=grid_plan)
    assert len(second.experiments) == 1
    assert "budget" in second.notes[0]
    with pytest.raises(NothingToSuggest, match="budget of reaction is spent: 4 of 4"):
        suggest(store, "reaction", plan=grid_plan)


def test_an_exhausted_space_is_nothing_to_suggest(store: Store) -> None:
    create(store, make_spec())
    assert len(suggest(store, "reaction", 50, plan=grid_plan).experiments) == 39
    with pytest.raises(NothingToSuggest, match="no feasible experiment is left"):
        suggest(store, "reaction", plan=grid_plan)


def test_a_result_completes_an_experiment_and_becomes_the_best(reaction: Store) -> None:
    assert _record(reaction, 2, 83.2).recorded == (2,)
    assert _one(reaction, 2).status is Status.COMPLETED
    standing = status(reaction, "reaction")
    assert standing.best == (2,)
    assert standing.counts == {Status.COMPLETED: 1, Status.PROPOSED: 2}
    assert standing.open == (1, 3)


def test_the_same_result_twice_is_recorded_once(reaction: Store) -> None:
    _record(reaction, 2, 83.2)
    assert _record(reaction, 2, 83.2) == Recorded("reaction", skipped=1)
    assert len(_one(reaction, 2).observations) == 1
    assert len(history(reaction, "reaction").entries) == 3


def test_another_value_for_the_same_result_is_a_conflict_that_names_both(reaction: Store) -> None:
    _record(reaction, 2, 83.2)
    with pytest.raises(Conflict, match=r"reaction#2 has yield = 83.2 written down, now 38.2") as caught:
        _record(reaction, 2, 38.2)
    assert "labloop amend reaction 2" in caught.value.hint


def test_a_replicate_is_a_further_observation(reaction: Store) -> None:
    _record(reaction, 2, 83.2)
    _record(reaction, 2, 84.2, replicate=True)
    assert [each.index for each in _one(reaction, 2).observations] == [1, 2]
    assert _one(reaction, 2).mean("yield") == pytest.approx(83.7)


def test_an_outcome_measured_later_joins_the_same_observation(reaction: Store) -> None:
    _record(reaction, 2, 83.2)
    record(reaction, "reaction", [Result(2, {"yield": 83.2, "purity": 96.0}, covariates={"humidity": 40.0})])
    (observation,) = _one(reaction, 2).observations
    assert observation.outcomes == {"yield": 83.2, "purity": 96.0}
    assert observation.covariates == {"humidity": 40.0}


def test_executed_conditions_are_kept_beside_the_planned_ones(reaction: Store) -> None:
    record(reaction, "reaction", [Result(1, {"yield": 50.0}, executed={"temperature": 21.3})])
    assert _one(reaction, 1).planned["temperature"] == 20.0
    assert _one(reaction, 1).executed["temperature"] == 21.3
    assert _one(reaction, 1).executed["solvent"] == "water"


def test_executed_conditions_do_not_slip_in_under_a_result_that_stands(reaction: Store) -> None:
    _record(reaction, 1, 50.0)
    with pytest.raises(Conflict, match="results under other conditions"):
        record(reaction, "reaction", [Result(1, {"yield": 50.0}, executed={"temperature": 21.3})])


def test_one_wrong_row_keeps_the_whole_file_out(reaction: Store) -> None:
    rows = [Result(1, {"yield": 50.0}, row=1), Result(99, {"yield": 50.0}, row=2)]
    with pytest.raises(NotFound, match=r"no experiment reaction#99 \(row 2\)"):
        record(reaction, "reaction", rows)
    assert not _one(reaction, 1).observations


def test_a_preview_writes_nothing(reaction: Store) -> None:
    assert _record(reaction, 1, 50.0, preview=True).recorded == (1,)
    assert len(history(reaction, "reaction").entries) == 2


def test_a_failure_has_a_kind_and_infeasible_says_something_about_the_conditions(reaction: Store) -> None:
    record(
        reaction,
        "reaction",
        [Result(1, failure=FailureKind.EQUIPMENT, note="pump"), Result(2, failure=FailureKind.INFEASIBLE)],
    )
    assert _one(reaction, 1).status is Status.FAILED
    assert _one(reaction, 1).note == "pump"
    assert _one(reaction, 2).status is Status.INFEASIBLE


def test_a_result_that_comes_after_a_veto_is_kept_and_said(reaction: Store) -> None:
    veto(reaction, "reaction", [3], reason="no DMSO")
    assert _record(reaction, 3, 12.0).notes == ("reaction#3 was vetoed; its result is kept.",)
    assert _one(reaction, 3).status is Status.COMPLETED


def test_a_row_without_an_id_is_a_new_experiment_and_counts_once(reaction: Store) -> None:
    rows = [Result(None, {"yield": 70.0}, executed=CONDITIONS), Result(None, {"yield": 70.0}, executed=CONDITIONS)]
    assert record(reaction, "reaction", rows, origin=Origin.IMPORT).added == (4, 5)
    again = record(reaction, "reaction", [*rows, Result(None, {"yield": 71.0}, executed=CONDITIONS)])
    assert again == Recorded("reaction", added=(6,), skipped=2)
    assert _one(reaction, 4).planned == {**CONDITIONS, "operator": "robot"}


def test_a_row_without_an_id_needs_all_conditions(reaction: Store) -> None:
    with pytest.raises(InvalidTable, match="missing: time, solvent"):
        record(reaction, "reaction", [Result(None, {"yield": 1.0}, executed={"temperature": 20.0}, row=3)])


def test_own_experiments_wait_for_their_results(reaction: Store) -> None:
    assert add(reaction, "reaction", [CONDITIONS], note="a hunch").added == (4,)
    assert _one(reaction, 4).status is Status.ACCEPTED
    assert _one(reaction, 4).origin is Origin.MANUAL


def test_undo_takes_back_the_last_entry_and_the_file_may_come_again(reaction: Store) -> None:
    rows = [Result(None, {"yield": 70.0}, executed=CONDITIONS)]
    record(reaction, "reaction", rows)
    done = undo(reaction, "reaction", reason="wrong plate")
    assert done.experiments == (4,)
    with pytest.raises(NotFound, match="no experiment reaction#4"):
        _one(reaction, 4)
    assert record(reaction, "reaction", rows).added == (5,)
    assert undo(reaction, "reaction", reason="again").entry.sequence == 5


def test_undo_refuses_what_later_entries_stand_on(reaction: Store) -> None:
    _record(reaction, 2, 83.2)
    amend(reaction, "reaction", 2, outcomes={"yield": 38.2}, reason="typo")
    with pytest.raises(Conflict, match=r"entry 4 \(amended\) stands on entry 3"):
        undo(reaction, "reaction", sequence=3, reason="x")
    with pytest.raises(Conflict, match="the campaign itself"):
        undo(reaction, "reaction", sequence=1, reason="x")
    undo(reaction, "reaction", reason="x")
    assert _one(reaction, 2).mean("yield") == 83.2
    undo(reaction, "reaction", reason="y")
    assert _one(reaction, 2).status is Status.PROPOSED
    with pytest.raises(Conflict, match="undone already"):
        undo(reaction, "reaction", sequence=3, reason="z")


def test_an_amendment_keeps_the_original_in_the_history(reaction: Store) -> None:
    _record(reaction, 2, 38.2)
    amended = amend(reaction, "reaction", 2, outcomes={"yield": 83.2}, executed={"temperature": 30.0}, reason="typo")
    assert amended.mean("yield") == 83.2
    assert amended.executed["temperature"] == 30.0
    kinds = [each.kind for each in history(reaction, "reaction", number=2).entries]
    assert kinds == ["proposed", "recorded", "amended"]


def test_amending_a_value_to_nothing_makes_it_not_measured(reaction: Store) -> None:
    _record(reaction, 2, 38.2)
    assert amend(reaction, "reaction", 2, outcomes={"yield": None}, reason="wrong vial").status is Status.PROPOSED


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"outcomes": {"yield": 101.0}}, InvalidInput, "outside its range 0 to 100"),
        ({"outcomes": {"yeild": 10.0}}, InvalidInput, "no outcome 'yeild'"),
        ({"executed": {"temperature": 95.0}}, InvalidInput, "expected 20 to 80"),
        ({"executed": {"solvent": "watr"}}, InvalidInput, "no choice 'watr'"),
        ({"outcomes": {"yield": 3.0}, "replicate": 4}, NotFound, "no replicate 4"),
        ({}, InvalidInput, "nothing to amend"),
        ({"outcomes": {"yield": 3.0}, "reason": "  "}, InvalidInput, "no reason"),
    ],
)
def test_an_impossible_amendment_is_refused(
    reaction: Store, change: dict[str, object], error: type[Exception], said: str
) -> None:
    _record(reaction, 2, 38.2)
    with pytest.raises(error, match=said):
        amend(reaction, "reaction", 2, **{"reason": "typo", **change})  # type: ignore[arg-type]
    assert len(history(reaction, "reaction").entries) == 3


def test_a_vetoed_experiment_is_not_proposed_again_and_not_open(reaction: Store) -> None:
    veto(reaction, "reaction", [1, 2], reason="too hot")
    with pytest.raises(Conflict, match="vetoed, no longer open"):
        veto(reaction, "reaction", [1], reason="again")
    seen: list[object] = []

    def spy(spec, observed, pending, n, seed):  # type: ignore[no-untyped-def]
        seen.extend(pending)
        return grid_plan(spec, observed, pending, n, seed)

    suggest(reaction, "reaction", 1, plan=spy)
    assert len(seen) == 3


def test_a_replacement_takes_the_place_of_what_it_replaces(reaction: Store) -> None:
    replaced = replacement(reaction, "reaction", 2, reason="no EtOH", plan=grid_plan)
    assert replaced.experiments[0].replaces == 2
    assert _one(reaction, 2).status is Status.VETOED
    assert replaced.experiments[0].planned != _one(reaction, 2).planned


def test_statuses_are_marked_and_kept_apart(reaction: Store) -> None:
    mark(reaction, "reaction", [1], Status.RUNNING)
    mark(reaction, "reaction", [2], Status.CANCELLED, reason="out of time")
    assert status(reaction, "reaction").open == (1, 3)
    with pytest.raises(InvalidInput, match="cannot be set"):
        mark(reaction, "reaction", [1], Status.COMPLETED)


def test_the_best_keeps_the_limits(reaction: Store) -> None:
    rows = [
        Result(1, {"yield": 50.0, "purity": 99.0}),
        Result(2, {"yield": 90.0, "purity": 80.0}),
        Result(3, {"yield": 60.0}),
    ]
    record(reaction, "reaction", rows)
    assert [each.number for each in best(reaction, "reaction")] == [3, 1, 2]


def test_several_objectives_lead_with_their_pareto_set(store: Store) -> None:
    objectives = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}, "pH": {"goal": "target", "target": 7}}
    create(store, make_spec(objectives=objectives, limits=[]))
    suggest(store, "reaction", plan=grid_plan)
    values = [(50.0, 1.0, 7.0), (90.0, 5.0, 7.0), (40.0, 2.0, 6.0)]
    record(store, "reaction", [Result(i, dict(zip(objectives, v, strict=True))) for i, v in enumerate(values, 1)])
    assert status(store, "reaction").best == (1, 2)
    assert [each.number for each in best(store, "reaction")] == [1, 2, 3]


def test_a_new_version_of_the_spec_is_an_entry_with_a_reason(reaction: Store) -> None:
    wider = make_spec(objectives={"yield": {"goal": "minimize"}})
    assert revise(reaction, wider, reason="the sign was wrong").spec_version == 2
    with reaction.read() as snapshot:
        assert spec_of(snapshot.campaign("reaction")) == wider
    with pytest.raises(Conflict, match="says what version 2 says"):
        revise(reaction, wider, reason="again")


def test_a_new_version_cannot_lose_a_parameter_that_experiments_have(reaction: Store) -> None:
    fewer = make_spec(parameters={"temperature": {"bounds": [20, 80], "step": 5, "unit": "degC"}})
    with pytest.raises(InvalidInput, match="'time' is gone"):
        revise(reaction, fewer, reason="x")


def test_the_order_of_parameters_survives_the_ledger(reaction: Store) -> None:
    with reaction.read() as snapshot:
        assert list(spec_of(snapshot.campaign("reaction")).parameters) == list(make_spec().parameters)


def test_the_chain_of_a_lively_campaign_is_whole(reaction: Store) -> None:
    _record(reaction, 1, 10.0)
    undo(reaction, "reaction", reason="x")
    veto(reaction, "reaction", [2], reason="y")
    row, problems = verify(reaction, "reaction")
    assert problems == ()
    assert row.head == 5
