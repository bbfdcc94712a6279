"""Nothing that is handed in is lost without a word: it is written, it was written already, or it is a conflict."""

from __future__ import annotations

import pytest

from labloop.errors import Conflict, InvalidInput, InvalidTable
from labloop.loop.campaigns import create
from labloop.loop.correct import amend, amend_failure, undo
from labloop.loop.handin import hand_in, type_in
from labloop.loop.look import corrections, experiments, status
from labloop.loop.record import record
from labloop.loop.suggest import suggest
from labloop.records import Conditions, Experiment, FailureKind, Observation, Proposal, Result, Status
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.tabular import read_stream
from tests.conftest import grid_plan, make_spec

TWO = {"yield": {"goal": "maximize", "unit": "%"}, "cost": {"goal": "minimize"}}


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec())
    suggest(store, "reaction", plan=grid_plan)
    return store


def _one(store: Store, number: int) -> Experiment:
    return experiments(store, "reaction", numbers=(number,))[0]


def _fail(store: Store, number: int, kind: FailureKind = FailureKind.INFEASIBLE, note: str = "") -> None:
    record(store, "reaction", [Result(number, failure=kind, note=note)])


class TestAFailure:
    def test_with_a_result_is_refused_and_nothing_is_written(self, reaction: Store) -> None:
        both = Result(1, {"yield": 3.0}, failure=FailureKind.INFEASIBLE)
        with pytest.raises(InvalidTable, match=r"failed, and yet it has results \(yield = 3\)"):
            type_in(reaction, "reaction", [both])
        assert _one(reaction, 1).status is Status.PROPOSED

    def test_keeps_what_was_observed_along(self, reaction: Store) -> None:
        along = Result(1, covariates={"humidity": 44.0}, failure=FailureKind.QC, extra={"Lot": "B7"})
        record(reaction, "reaction", [along])
        (seen,) = _one(reaction, 1).observations
        assert (seen.outcomes, seen.covariates, seen.extra) == ({}, {"humidity": 44.0}, {"Lot": "B7"})
        assert _one(reaction, 1).failure is FailureKind.QC

    def test_of_another_kind_is_a_conflict_that_names_both(self, reaction: Store) -> None:
        _fail(reaction, 1)
        with pytest.raises(Conflict, match=r"failed \(infeasible\), now failed \(qc\) is handed in") as caught:
            _fail(reaction, 1, FailureKind.QC)
        assert "labloop amend reaction 1 --failure qc" in caught.value.hint

    def test_is_not_overturned_by_a_result(self, reaction: Store) -> None:
        _fail(reaction, 1)
        with pytest.raises(Conflict, match=r"failed \(infeasible\), now yield = 3 is handed in") as caught:
            record(reaction, "reaction", [Result(1, {"yield": 3.0})])
        assert "labloop amend reaction 1 --failure none" in caught.value.hint
        assert _one(reaction, 1).failure is FailureKind.INFEASIBLE

    def test_does_not_overturn_a_result(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, {"yield": 3.0})])
        with pytest.raises(Conflict, match=r"has a result \(yield = 3\), so it cannot have failed \(qc\)"):
            _fail(reaction, 1, FailureKind.QC)

    def test_stands_when_a_note_is_added(self, reaction: Store) -> None:
        _fail(reaction, 1, note="broke")
        _fail(reaction, 1, note="again")
        record(reaction, "reaction", [Result(1, note="third")])
        found = _one(reaction, 1)
        assert (found.status, found.failure, found.note) == (
            Status.INFEASIBLE,
            FailureKind.INFEASIBLE,
            "broke; again; third",
        )

    def test_is_amended_to_another_kind_or_to_none(self, reaction: Store) -> None:
        _fail(reaction, 1)
        assert amend_failure(reaction, "reaction", 1, FailureKind.QC, reason="gauge").status is Status.FAILED
        assert amend_failure(reaction, "reaction", 1, "none", reason="wrong vial").status is Status.PROPOSED
        assert record(reaction, "reaction", [Result(1, {"yield": 3.0})]).recorded == (1,)
        with pytest.raises(Conflict, match="not written down as failed"):
            amend_failure(reaction, "reaction", 1, "none", reason="again")

    def test_with_a_covariate_teaches_the_planner_no_success(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, covariates={"humidity": 44.0}, failure=FailureKind.QC)])
        seen: list[tuple[Observation, ...]] = []

        def looking(spec: Spec, observed: list[Experiment], pending: list[Conditions], n: int, seed: int) -> Proposal:
            seen.extend(each.observations for each in observed)
            return grid_plan(spec, observed, pending, n, seed)

        suggest(reaction, "reaction", 1, plan=looking)  # type: ignore[arg-type]
        assert seen == [()]

    def test_keeps_what_was_observed_along_when_its_kind_is_amended(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, failure=FailureKind.QC, extra={"Lot": "B7"})])
        amend_failure(reaction, "reaction", 1, FailureKind.EQUIPMENT, reason="the pump")
        assert _one(reaction, 1).observations[0].extra == {"Lot": "B7"}

    def test_is_not_overturned_by_an_amendment(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, covariates={"humidity": 44.0}, failure=FailureKind.QC)])
        with pytest.raises(Conflict, match=r"reaction#1 is written down as failed \(qc\)"):
            amend(reaction, "reaction", 1, outcomes={"yield": 3.0}, reason="typo")


class TestANote:
    def test_stays_when_its_result_is_amended_away(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, {"yield": 3.0}, note="slow")])
        amended = amend(reaction, "reaction", 1, outcomes={"yield": None}, reason="wrong vial")
        assert (amended.status, amended.observations[0].note) == (Status.PROPOSED, "slow")

    def test_alone_leaves_an_experiment_pending(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, covariates={"humidity": 44.0}, note="dry")])
        seen: list[int] = []

        def looking(spec: Spec, observed: list[Experiment], pending: list[Conditions], n: int, seed: int) -> Proposal:
            seen.extend((len(observed), len(pending)))
            return grid_plan(spec, observed, pending, n, seed)

        suggest(reaction, "reaction", 1, plan=looking)  # type: ignore[arg-type]
        assert seen == [0, 3]

    def test_on_a_result_that_stands_is_kept_once(self, reaction: Store) -> None:
        row = Result(1, {"yield": 3.0}, note="slow")
        record(reaction, "reaction", [row])
        again = Result(1, {"yield": 3.0}, note="smelt of almonds", extra={"Lot": "B7"})
        assert record(reaction, "reaction", [again]).recorded == (1,)
        assert record(reaction, "reaction", [row, again]).skipped == 2
        (seen,) = _one(reaction, 1).observations
        assert (seen.note, seen.extra) == ("slow; smelt of almonds", {"Lot": "B7"})

    def test_in_a_further_column_is_appended(self, reaction: Store) -> None:
        for lot in ("B7", "B8", "B7"):
            record(reaction, "reaction", [Result(1, {"yield": 3.0}, extra={"Lot": lot})])
        assert _one(reaction, 1).observations[0].extra == {"Lot": "B7; B8"}

    def test_is_taken_back_alone(self, reaction: Store) -> None:
        record(reaction, "reaction", [Result(1, {"yield": 3.0})])
        record(reaction, "reaction", [Result(1, {"yield": 3.0}, note="slow")])
        undo(reaction, "reaction", reason="wrong vial")
        (seen,) = _one(reaction, 1).observations
        assert (seen.outcomes, seen.note) == ({"yield": 3.0}, "")


def test_conflicts_of_a_sheet_name_file_line_and_both_values(reaction: Store) -> None:
    record(reaction, "reaction", [Result(1, {"yield": 3.0}), Result(2, {"yield": 4.0}, executed={"temperature": 30.0})])
    sheet = b"experiment,yield,temperature\n\n1,5,\n2,4,35\n"
    with pytest.raises(Conflict) as caught:
        hand_in(reaction, "reaction", read_stream(sheet, source="a.csv"))
    first, second = caught.value.message.splitlines()
    assert first == "a.csv, line 3, row 1, yield: reaction#1 has yield = 3 written down, now 5 is handed in"
    assert "a.csv, line 4, row 2, temperature: reaction#2 has results under other conditions" in second
    assert "temperature = 30 is written down, now 35 is handed in" in second


def test_a_covariate_is_amended_like_an_outcome(reaction: Store) -> None:
    record(reaction, "reaction", [Result(1, {"yield": 3.0}, {"humidity": 44.0})])
    amended = amend(reaction, "reaction", 1, outcomes={"humidity": 40.0}, reason="read again")
    assert amended.observations[0].covariates == {"humidity": 40.0}


def test_a_condition_that_is_observed_is_no_setting(reaction: Store) -> None:
    with pytest.raises(InvalidInput, match="humidity is observed, not set") as caught:
        amend(reaction, "reaction", 1, executed={"humidity": 40.0}, reason="read again")
    assert "--result humidity=VALUE" in caught.value.hint


def test_corrections_hold_the_original_and_the_reason(reaction: Store) -> None:
    record(reaction, "reaction", [Result(1, {"yield": 38.2})])
    amend(reaction, "reaction", 1, outcomes={"yield": 83.2}, executed={"temperature": 30.0}, reason="typo")
    amend(reaction, "reaction", 1, outcomes={"yield": None}, reason="wrong vial")
    one, two = corrections(reaction, "reaction", [1])
    assert (one.changes, one.reason) == ({"yield": (38.2, 83.2), "temperature": (20.0, 30.0)}, "typo")
    assert two.changes == {"yield": (83.2, None)}
    undo(reaction, "reaction", reason="it was the right one")
    assert corrections(reaction, "reaction", [1]) == (one,)


def test_a_second_suggestion_says_what_is_open_and_which_results_count(store: Store) -> None:
    create(store, make_spec(objectives=TWO))
    first = suggest(store, "reaction", plan=grid_plan)
    assert first.notes == ()
    record(store, "reaction", [Result(1, {"yield": 3.0, "cost": 1.0}), Result(2, {"yield": 4.0})])

    def modelless(spec: Spec, observed: list[Experiment], pending: list[Conditions], n: int, seed: int) -> Proposal:
        proposal = grid_plan(spec, observed, pending, n, seed)
        return Proposal(proposal.experiments, seed, "explore", {"surrogate": None})

    counted, waiting = suggest(store, "reaction", plan=modelless).notes  # type: ignore[arg-type]
    assert counted == "Only results with every objective (yield, cost) count; without one of them yet: reaction#2."
    assert waiting == "Still open from before: reaction#3; a result of each is still awaited."
    assert (status(store, "reaction").complete, status(store, "reaction").measured) == (1, 2)


@pytest.mark.parametrize("n", [0, -1, "3", 2.5, True])
def test_a_number_that_is_none_is_refused(reaction: Store, n: object) -> None:
    with pytest.raises(InvalidInput, match=r"is not a number of experiments, expected 1, 2, 3"):
        suggest(reaction, "reaction", n, plan=grid_plan)  # type: ignore[arg-type]
