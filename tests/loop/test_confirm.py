"""A confirmation is an entry of the ledger, made before the repeats, reported after them."""

from __future__ import annotations

import pytest

from labloop.errors import InvalidInput, NotFound, NothingToSuggest
from labloop.loop.campaigns import create
from labloop.loop.confirm import confirm
from labloop.loop.correct import undo
from labloop.loop.look import experiments, history
from labloop.loop.record import record
from labloop.loop.suggest import suggest
from labloop.loop.surprises import Stage, repeat_surprises, surprises
from labloop.records import Origin, Result, Status
from labloop.store import Store
from tests.conftest import grid_plan, make_spec


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec())
    batch = suggest(store, "reaction", 5, plan=grid_plan).experiments
    values = (40.0, 90.0, 50.0, 55.0, 60.0)
    record(store, "reaction", [Result(e.number, {"yield": v}) for e, v in zip(batch, values, strict=True)])
    return store


def test_the_winner_and_a_middling_control_are_added_in_an_order_nobody_chose(reaction: Store) -> None:
    begun = confirm(reaction, "reaction", repeats=4)
    assert (begun.winner, begun.control) == (2, 3)
    added = experiments(reaction, "reaction", numbers=begun.added)
    assert {each.origin for each in added} == {Origin.CONTROL}
    assert {each.status for each in added} == {Status.ACCEPTED}
    by_conditions = [each.planned["temperature"] for each in added]
    assert sorted(by_conditions) == [25.0] * 4 + [30.0] * 4
    assert by_conditions not in (sorted(by_conditions), sorted(by_conditions, reverse=True))
    about = history(reaction, "reaction").entries[-1].payload["about"]
    assert about["known"] == {"2": {"yield": [90.0]}, "3": {"yield": [50.0]}}
    assert all(not each.note for each in added)  # whoever measures should not know which is which


def test_a_second_call_reports_and_adds_nothing(reaction: Store) -> None:
    begun = confirm(reaction, "reaction", repeats=2)
    again = confirm(reaction, "reaction", repeats=2)
    assert again.added == ()
    assert again.open == begun.added
    assert again.shrinkages == {}


def test_a_repeat_that_takes_the_lead_is_the_same_winner(reaction: Store) -> None:
    begun = confirm(reaction, "reaction", repeats=1)
    record(reaction, "reaction", [Result(begun.repeats[0], {"yield": 95.0})])
    report = confirm(reaction, "reaction")
    assert report.added == ()
    assert report.shrinkages["yield"].shrinkage.value == -5.0


def test_a_new_winner_gets_a_confirmation_of_its_own(reaction: Store) -> None:
    confirm(reaction, "reaction", repeats=1)
    (better,) = suggest(reaction, "reaction", 1, plan=grid_plan).experiments
    record(reaction, "reaction", [Result(better.number, {"yield": 99.0})])
    assert confirm(reaction, "reaction", repeats=1).winner == better.number


def test_a_confirmation_taken_back_is_begun_anew(reaction: Store) -> None:
    first = confirm(reaction, "reaction", repeats=1)
    undo(reaction, "reaction", reason="no time")
    assert confirm(reaction, "reaction", repeats=1).added != first.added


def test_repeats_run_under_other_conditions_do_not_count(reaction: Store) -> None:
    begun = confirm(reaction, "reaction", repeats=1)
    record(reaction, "reaction", [Result(begun.repeats[0], {"yield": 20.0}, executed={"temperature": 26.0})])
    report = confirm(reaction, "reaction")
    assert report.repeats == ()
    assert report.shrinkages == {}


def test_what_cannot_be_confirmed_is_said(store: Store, reaction: Store) -> None:
    with pytest.raises(NotFound, match="no experiment reaction#77"):
        confirm(reaction, "reaction", winner=77)
    with pytest.raises(InvalidInput, match="winner's own conditions"):
        confirm(reaction, "reaction", winner=2, control=2)
    suggest(reaction, "reaction", 1, plan=grid_plan)
    with pytest.raises(InvalidInput, match="reaction#6 has no yield to confirm"):
        confirm(reaction, "reaction", control=6)
    create(store, make_spec(name="empty"))
    with pytest.raises(NothingToSuggest, match="nothing is measured in empty"):
        confirm(store, "empty")


def test_a_surprise_moves_through_its_stages(reaction: Store) -> None:
    (found,) = surprises(reaction, "reaction").found
    assert (found.experiment.number, found.better, found.stage) == (2, True, Stage.OPEN)
    added = repeat_surprises(reaction, "reaction").added
    assert surprises(reaction, "reaction").found[0].stage is Stage.UNDER_WAY
    with pytest.raises(NothingToSuggest, match="no surprise in reaction waits"):
        repeat_surprises(reaction, "reaction")
    record(reaction, "reaction", [Result(added[0], {"yield": 88.0})])
    (found,) = surprises(reaction, "reaction").found
    assert (found.stage, found.repeats, found.repeated_by) == (Stage.CONFIRMED, (88.0,), added)


def test_a_replicate_of_the_same_experiment_is_a_repeat_too(reaction: Store) -> None:
    record(reaction, "reaction", [Result(2, {"yield": 52.0}, replicate=2)])
    assert surprises(reaction, "reaction").found[0].stage is Stage.REFUTED


def test_the_planner_goes_on_beside_repeats_under_way(reaction: Store) -> None:
    confirm(reaction, "reaction", repeats=2)
    measured = {**experiments(reaction, "reaction", numbers=(1,))[0].planned}
    batch = suggest(reaction, "reaction", 2).experiments
    assert all(dict(each.planned) != measured for each in batch)
