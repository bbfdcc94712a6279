"""Which predictions meet which results, and what was known when they were made."""

from __future__ import annotations

import pytest

from labloop.loop.campaigns import create
from labloop.loop.correct import amend, undo, veto
from labloop.loop.record import record
from labloop.loop.scorecard import scorecard
from labloop.loop.suggest import suggest
from labloop.records import FailureKind, Origin, Result
from labloop.store import Store
from tests.conftest import grid_plan, make_spec


@pytest.fixture
def reaction(store: Store) -> Store:
    """Two earlier results (20 and 40), then a batch of three that is predicted as 50 +- 10."""
    create(store, make_spec())
    earlier = [
        Result(None, {"yield": value}, executed={"temperature": 75.0, "time": 3.0 + value, "solvent": "water"})
        for value in (20.0, 40.0)
    ]
    record(store, "reaction", earlier, origin=Origin.IMPORT)
    suggest(store, "reaction", plan=grid_plan)
    return store


def _hand(store: Store, number: int, value: float, **more: object) -> None:
    record(store, "reaction", [Result(number, {"yield": value}, **more)])  # type: ignore[arg-type]


def test_the_baseline_is_what_was_known_at_the_data_head_of_the_proposal(reaction: Store) -> None:
    _hand(reaction, 3, 55.0)
    suggest(reaction, "reaction", plan=grid_plan)
    _hand(reaction, 6, 60.0)
    amend(reaction, "reaction", 1, outcomes={"yield": 99.0}, reason="typo")
    (card,) = scorecard(reaction, "reaction").cards
    first, second = (each.case for each in card.judged)
    assert (first.round, first.known.count, first.known.mean) == (1, 2, 30.0)
    assert (second.round, second.known.count) == (2, 3)
    assert second.known.mean == pytest.approx(115 / 3)
    assert [number for number, _ in card.rounds] == [1, 2]


def test_the_first_measurement_counts_as_amended_not_the_mean(reaction: Store) -> None:
    _hand(reaction, 3, 38.0)
    _hand(reaction, 3, 70.0, replicate=2)
    amend(reaction, "reaction", 3, outcomes={"yield": 83.0}, replicate=1, reason="typed 38 for 83")
    (card,) = scorecard(reaction, "reaction").cards
    assert [each.case.value for each in card.judged] == [83.0]


def test_a_result_taken_back_is_not_scored(reaction: Store) -> None:
    _hand(reaction, 3, 38.0)
    undo(reaction, "reaction", reason="wrong sample")
    assert scorecard(reaction, "reaction").cards[0].judged == ()


def test_what_cannot_be_scored_is_counted_by_reason(reaction: Store) -> None:
    _hand(reaction, 3, 50.0, executed={"temperature": 41.0})
    record(reaction, "reaction", [Result(4, failure=FailureKind.EQUIPMENT)])
    veto(reaction, "reaction", [5], reason="no vessel")
    found = scorecard(reaction, "reaction")
    assert found.left_out == {"run under other conditions than predicted": 1, "failed": 1, "vetoed": 1}
    assert found.cards[0].judged == ()


def test_results_that_nobody_predicted_are_not_scored(reaction: Store) -> None:
    assert [card.outcome for card in scorecard(reaction, "reaction").cards] == ["yield"]
    assert scorecard(reaction, "reaction").left_out == {"proposed": 3}


def test_old_ledgers_without_quantiles_are_scored_approximately(reaction: Store) -> None:
    _hand(reaction, 3, 55.0)
    (card,) = scorecard(reaction, "reaction").cards
    assert not card.whole
    assert card.judged[0].inside == (True, True, True, True)
