"""Whether a model may be believed: nothing leaks, baselines are beaten or not, and the edge is asked about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from labloop.errors import InvalidInput
from labloop.insight.runs import Array, Indices, Runs, runs_of
from labloop.insight.validation import Check, check_model, cross_validated, folds, groups_of, score
from labloop.records import Experiment
from labloop.space import Space
from tests.insight.conftest import coded_spec, completed


def campaign(
    mean: Callable[[Array], Array],
    n: int,
    *,
    noise: float,
    replicates: int = 1,
    plates: int = 0,
    between: float = 0.0,
    dim: int = 2,
    seed: int = 0,
) -> Runs:
    """A campaign with replicates on plates; ``between`` is noise that all replicates of a condition share."""
    spec = coded_spec([f"x{j}" for j in range(dim)])
    rng = np.random.default_rng(seed)
    rows = Space(spec).sample(n, rng)
    shared = mean(2 * rows - 1) + between * rng.normal(size=n)
    made: list[Experiment] = []
    for i, (row, value) in enumerate(zip(Space(spec).decode(rows), shared, strict=True)):
        extra = {"plate": f"p{i * plates // n}"} if plates else {}
        for _ in range(replicates):
            made.append(completed(len(made) + 1, row, value + noise * rng.normal(), extra=extra))
    return runs_of(spec, made, "y")


def flat(z: Array) -> Array:
    return np.zeros(len(z))


def slope(z: Array) -> Array:
    return np.asarray(3 * z[:, 0] + 2 * z[:, 1] * z[:, 0])


def naive_r2(runs: Runs) -> float:
    """What cross-validation over measurements says, as most scripts do it: replicates end up on both sides."""
    alone = np.arange(len(runs), dtype=np.int64)
    forecast, means = cross_validated(runs, alone, runs.y, 0)
    return score(runs.y, forecast, means, alone).r2


@pytest.mark.parametrize("seed", range(2))
def test_replicates_do_not_leak(seed: int) -> None:
    # Pure noise between conditions, three replicates that agree: nothing can be predicted, everything remembered.
    runs = campaign(flat, 60, noise=0.1, replicates=3, between=1.0, dim=3, seed=seed)
    assert naive_r2(runs) > 0.8
    found = check_model(runs)
    assert found.cross.r2 <= 0.1
    assert found.use == "nothing yet"
    assert "no better than their mean" in found.verdict


def test_what_shares_a_plate_stays_together() -> None:
    runs = campaign(slope, 24, noise=0.1, replicates=2, plates=8)
    groups, together = groups_of(runs)
    assert together == ("replicates of a condition", "plate")
    plates = next(each for each in runs.circumstances if each.name == "plate").of
    for learnt, held in folds(groups, 5, np.random.default_rng(0)):
        assert not set(plates[learnt]) & set(plates[held])
        assert not set(runs.condition[learnt]) & set(runs.condition[held])
        assert len(learnt) + len(held) == len(runs)


def test_two_plates_are_too_few_to_leave_one_out_and_it_is_said() -> None:
    runs = campaign(slope, 16, noise=0.1, plates=2)
    assert groups_of(runs)[1] == ("replicates of a condition",)
    assert any("plate is on record, but in too few parts" in note for note in check_model(runs).notes)


def test_chains_of_shared_conditions_and_plates_are_one_group() -> None:
    spec = coded_spec(["x0"])
    plates = ["a", "b", "b", "c", "d", "d", "e", "e", "f", "f", "g", "g", "h", "h", "h", "h"]
    values = [0.1, 0.1, 0.2, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85]
    made = [
        completed(i, {"x0": x}, x, extra={"plate": plate})
        for i, (x, plate) in enumerate(zip(values, plates, strict=True))
    ]
    groups: Indices = groups_of(runs_of(spec, made, "y"))[0]
    # a and b share 0.1, b and c share 0.2: the first four belong together.
    assert len(set(groups[:4].tolist())) == 1
    assert len(set(groups.tolist())) == 6


@pytest.fixture(scope="module")
def good() -> Check:
    return check_model(campaign(slope, 30, noise=0.2, seed=1))


def test_a_good_model_is_believed_and_beats_both_baselines(good: Check) -> None:
    assert good.cross.r2 > 0.9
    assert good.cross.rmse < 0.4 * good.baseline
    assert good.shuffled.r2 < 0.2
    assert good.use == "prediction"
    assert good.verdict.count(".") <= 2
    assert good.verdict.startswith("It may be used to rank candidates and to predict unseen conditions")


def test_intervals_are_calibrated(good: Check) -> None:
    assert [nominal for nominal, _ in good.cross.within] == [0.5, 0.8, 0.9]
    assert good.cross.coverage >= 0.8
    assert all(0 <= each.below <= 1 and each.low < each.high for each in good.predictions)


def test_forward_in_time_learns_only_from_what_came_before(good: Check) -> None:
    assert good.forward is not None
    assert good.forward.r2 > 0.7
    numbers = [each.number for each in good.forward_predictions]
    assert numbers == sorted(numbers)
    assert numbers[0] > 8


def test_the_best_tenth_is_ranked_on_top_where_it_can_be(good: Check) -> None:
    assert good.edge is not None
    assert good.edge.left_out == 3
    assert good.edge.area > 0.9
    assert sum(best for _, _, best in good.edge.predictions) == 3


def test_a_needle_that_nothing_points_to_is_not_ranked_on_top() -> None:
    def needle(z: Array) -> Array:
        uphill = z[:, 0] + z[:, 1]
        return np.asarray(-3 * uphill + 40.0 * (uphill >= np.sort(uphill)[-6]))

    found = check_model(campaign(needle, 60, noise=0.2, seed=3))
    assert found.edge is not None
    assert found.edge.area < 0.5
    assert found.use in ("the middle only", "nothing yet")


def test_few_conditions_are_refused() -> None:
    with pytest.raises(InvalidInput, match="under 7 different conditions, too few"):
        check_model(campaign(slope, 7, noise=0.1, replicates=4))
