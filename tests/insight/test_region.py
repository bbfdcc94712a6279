"""The set of conditions that meet the goals, and how far each factor may drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labloop.insight.region import OperatingRegion, goals_of, operating_region
from labloop.records import Experiment
from labloop.space import Space
from labloop.spec.models import Limit, Spec
from tests.insight.conftest import coded_spec, completed


def hill(spec: Spec, n: int = 40, noise: float = 0.05, seed: int = 0) -> list[Experiment]:
    """A hill at (0.2, 0): 10 at the top, and a third factor that does nothing."""
    rng = np.random.default_rng(seed)
    rows = Space(spec).decode(Space(spec).spread(n, rng))

    def height(row: Any) -> float:
        return float(10 - 8 * (row["a"] - 0.2) ** 2 - 2 * row["b"] ** 2)

    return [completed(i, row, height(row) + noise * rng.normal()) for i, row in enumerate(rows, 1)]


@pytest.fixture(scope="module")
def found() -> OperatingRegion:
    spec = coded_spec(["a", "b", "c"])
    made = hill(spec)
    return operating_region(spec, made, goals_of(spec, [Limit(limit="y >= 9")], made), probability=0.9)


def test_the_region_is_where_the_hill_is_high_enough(found: OperatingRegion) -> None:
    # 8 (a - 0.2)^2 + 2 b^2 <= 1: an ellipse of area pi / 4 in the explored rectangle, but 90 % sure.
    a, b = (np.ptp([float(end) for end in each.explored]) for each in found.drifts[:2])
    whole = np.pi / 4 / (a * b)
    assert 0.7 * whole < found.share <= 1.03 * whole
    assert found.best >= 0.9
    assert found.says.startswith("y >= 9 holds with at least 90 % probability")


def test_each_factor_may_drift_as_far_as_the_hill_allows(found: OperatingRegion) -> None:
    drift = {each.factor: each for each in found.drifts}
    low, high = (float(end) for end in drift["a"].alone)
    centre = float(drift["a"].centre)
    assert low < centre < high
    # At the centre's b the hill holds for |a - 0.2| <= sqrt((1 - 2 b^2) / 8).
    reach = np.sqrt((1 - 2 * float(drift["b"].centre) ** 2) / 8)
    assert 0.2 - reach - 0.03 <= low
    assert high <= 0.2 + reach + 0.03
    assert high - low > 1.5 * reach
    explored = drift["c"].explored
    assert float(drift["c"].alone[1]) - float(drift["c"].alone[0]) > 0.9 * (float(explored[1]) - float(explored[0]))


def test_all_at_once_is_less_than_alone_and_holds_everywhere(found: OperatingRegion) -> None:
    drift = {each.factor: each for each in found.drifts}
    for each in drift.values():
        assert float(each.together[0]) >= float(each.alone[0]) - 0.12
        assert float(each.together[1]) <= float(each.alone[1]) + 0.12
    corners = [(a, b) for a in drift["a"].together for b in drift["b"].together]
    assert min(10 - 8 * (float(a) - 0.2) ** 2 - 2 * float(b) ** 2 for a, b in corners) > 8.9


def test_more_certainty_leaves_less_room() -> None:
    spec = coded_spec(["a", "b", "c"])
    made = hill(spec, 20, noise=0.4)
    goals = goals_of(spec, [Limit(limit="y >= 9")], made)
    shares = [operating_region(spec, made, goals, probability=p).share for p in (0.5, 0.8, 0.95)]
    assert shares[0] > shares[1] > shares[2]


def test_what_cannot_be_reached_is_said() -> None:
    spec = coded_spec(["a", "b", "c"])
    made = hill(spec)
    found = operating_region(spec, made, goals_of(spec, [Limit(limit="y >= 12")], made))
    assert found.share == 0.0
    assert found.says.startswith("Nowhere in the explored space is it 90 % certain that y >= 12")


def test_goals_come_from_what_was_asked_the_limits_and_the_best_tenth() -> None:
    spec = coded_spec(["a", "b", "c"], limits=["purity >= 95"])
    made = hill(spec)
    goals = {each.outcome: each for each in goals_of(spec, [], made)}
    assert (goals["purity"].low, goals["purity"].why) == (95.0, "a limit of the campaign")
    assert goals["y"].low == pytest.approx(np.quantile([each.mean("y") or 0.0 for each in made], 0.9))
    assert str(goals_of(spec, [Limit(limit="y <= 3")], made)[0]) == "y <= 3"


def test_the_region_of_a_blend_keeps_the_sum() -> None:
    spec = Spec.model_validate(
        {
            "name": "blend",
            "parameters": {name: {"mixture": "m"} for name in "abc"},
            "mixtures": {"m": {"total": 1}},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    rng = np.random.default_rng(4)
    made = [
        completed(i, dict(zip("abc", row.tolist(), strict=True)), 5 - 10 * (row[0] - 0.4) ** 2 + 0.05 * rng.normal())
        for i, row in enumerate(rng.dirichlet([1, 1, 1], 40), 1)
    ]
    found = operating_region(spec, made, goals_of(spec, [Limit(limit="y >= 4.8")], made))
    assert sum(float(found.centre[name]) for name in "abc") == pytest.approx(1.0)
    assert abs(float(found.centre["a"]) - 0.4) < 0.1
