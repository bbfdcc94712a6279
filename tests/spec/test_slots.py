"""Slots of a custom portfolio: read from text, checked against the campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from labloop.errors import InvalidInput, UsageError
from labloop.loop.suggest import with_strategy
from labloop.spec.models import Spec
from labloop.spec.slots import ALIASES, SLOTS, parse_slot, split_slots


def spec_of(planner: Mapping[str, Any], **objectives: Mapping[str, Any]) -> Spec:
    goals = objectives or {"y": {"goal": "maximize"}}
    return Spec.model_validate(
        {"name": "s", "parameters": {"a": {"bounds": [0, 1]}}, "objectives": goals, "planner": dict(planner)}
    )


def test_a_slot_is_a_name_with_settings_whatever_the_case() -> None:
    slot = parse_slot(" ucb:beta=4 ")
    assert (slot.name, dict(slot.settings), slot.text, slot.own) == ("UCB", {"beta": 4.0}, "ucb:beta=4", False)
    assert parse_slot("novelty").name == "maximin"


def test_a_name_with_dots_is_a_function_of_the_users_own() -> None:
    slot = parse_slot("mylab.acquisitions.curious:beta=9,gamma=1e-3")
    assert slot.own
    assert dict(slot.settings) == {"beta": 9.0, "gamma": 0.001}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qLogNEY", "no acquisition function 'qLogNEY'; did you mean 'qLogNEI'"),
        ("UCB:gamma=3", "UCB has no setting 'gamma'; it takes beta"),
        ("TS:beta=3", "TS has no setting 'beta'; it takes no settings"),
        ("UCB:beta=high", "'high' is not a number"),
        ("UCB:4", "'4' is not setting=number"),
        ("straddle", "needs a threshold"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_slot(text)


def test_a_plus_joins_slots_and_stays_in_exponents() -> None:
    assert split_slots("qLogNEI+straddle:threshold=1e+3+TS") == ("qLogNEI", "straddle:threshold=1e+3", "TS")


def test_every_function_names_its_source_and_every_alias_a_function() -> None:
    assert all(kind.source and kind.says for kind in SLOTS.values())
    assert set(ALIASES.values()) <= set(SLOTS)


@pytest.mark.parametrize(
    ("planner", "objectives", "said"),
    [
        ({"strategy": "custom"}, {}, "the strategy custom has no slots"),
        ({"slots": ["TS"]}, {}, "the strategy explore has its own slots"),
        ({"threshold": 3}, {}, "only the strategy learn knows a threshold"),
        ({"strategy": "custom", "slots": ["qLogNEHVI"]}, {}, "qLogNEHVI is for several objectives"),
        ({"strategy": "custom", "slots": ["MES"]}, {"y": {"goal": "target", "target": 3}}, "MES is for one objective"),
        ({"strategy": "custom", "slots": ["LCB"]}, {}, "no acquisition function 'LCB'"),
    ],
)
def test_a_campaign_with_unfit_slots_is_refused(planner: Any, objectives: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec_of(planner, **objectives)


def test_a_strategy_given_for_one_batch_may_be_slots() -> None:
    changed = with_strategy(spec_of({}), "qLogNEI+UCB:beta=4").planner
    assert (changed.strategy, changed.slots, changed.intent) == (
        "custom",
        ("qLogNEI", "UCB:beta=4"),
        "qLogNEI+UCB:beta=4",
    )
    assert with_strategy(spec_of({"strategy": "custom", "slots": ["TS"]}), "learn").planner.intent == "learn"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("explor", "no strategy 'explor'"),
        ("qLogNParEGO", "for several objectives"),
        ("custom", "the campaign names no slots"),
    ],
)
def test_a_strategy_that_does_not_exist_or_suit_is_refused(text: str, said: str) -> None:
    with pytest.raises((InvalidInput, UsageError), match=said):
        with_strategy(spec_of({}), text)
