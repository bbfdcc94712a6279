"""Effects, shares and their intervals: true, stable, and silent where nothing can be said."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from labloop.insight import posterior
from labloop.insight.effects import evidence_of
from labloop.insight.explain import Explanation, explain
from labloop.insight.questions import Region
from labloop.insight.runs import runs_of
from labloop.insight.sobol import decompose, variance_shares
from labloop.insight.terms import Term
from labloop.planner.kernel import Array
from labloop.records import Origin
from labloop.space import Space
from labloop.spec.models import Spec
from tests.insight.conftest import coded_spec, completed


def truth() -> ModuleType:
    """The simulation behind the promises, in its short version here."""
    path = Path(__file__).parents[2] / "benchmarks" / "explain_truth.py"
    found = importlib.util.spec_from_file_location("explain_truth", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["explain_truth"] = module
    found.loader.exec_module(module)
    return module


def test_intervals_hold_the_truth_and_null_factors_stay_silent() -> None:
    tally, found = truth().run(10, 8, first=900)
    assert len(tally.linear) > 80
    # A short version: 90 % within what so few (and correlated) answers may scatter.
    assert 0.82 < np.mean(tally.linear) < 0.97
    assert 0.82 < np.mean(tally.surrogate) < 0.99
    assert np.mean(tally.null) <= 0.3  # of about 10; the long version holds it to 10 %
    assert np.mean(tally.active) > 0.5, "a procedure that never finds anything is not careful but useless"
    assert found == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_intervals_hold_the_truth_on_five_hundred_surfaces() -> None:
    tally, found = truth().run(500, 200)
    assert 0.85 <= np.mean(tally.linear) <= 0.95
    assert 0.85 <= np.mean(tally.surrogate) <= 0.95
    assert np.mean(tally.null) <= 0.10
    assert found == 0


def explained(
    mean: Callable[[Array], Array], names: list[str], n: int = 24, *, noise: float = 0.3, origin: Origin = Origin.DESIGN
) -> Explanation:
    spec = coded_spec(names)
    rng = np.random.default_rng(5)
    cube = Space(spec).spread(n, rng)
    y = mean(2 * cube - 1) + noise * rng.normal(size=n)
    rows = Space(spec).decode(cube)
    made = [completed(i, row, value, origin=origin) for i, (row, value) in enumerate(zip(rows, y, strict=True), 1)]
    return explain(runs_of(spec, made, "y"))


@pytest.fixture(scope="module")
def plain() -> Explanation:
    return explained(lambda z: 3 * z[:, 0] + 2 * z[:, 0] * z[:, 1] - 2 * z[:, 1] ** 2, ["a", "b", "c"], 30)


def test_what_is_there_is_found_and_what_is_not_is_not(plain: Explanation) -> None:
    assert {each.name for each in plain.found} == {"a", "a × b", "b²"}
    assert plain.linear.order == "second order"


def test_both_models_answer_the_same_question(plain: Explanation) -> None:
    effect = next(each for each in plain.effects if each.name == "a")
    assert effect.linear is not None
    assert effect.surrogate is not None
    assert effect.linear.estimate == pytest.approx(6.0, abs=1.0)
    assert effect.surrogate.estimate == pytest.approx(effect.linear.estimate, abs=1.0)


def test_a_claim_never_flips_between_halves(plain: Explanation) -> None:
    assert all(each.flips is not None and each.flips <= 0.1 for each in plain.found)


def test_shares_are_those_of_the_surface(plain: Explanation) -> None:
    assert plain.shares is not None
    # Over the square: Var 3a = 3, Var 2ab = 4/9, Var 2b^2 = 4 * 4/45.
    parts = {"a": 3.0, "a × b": 4 / 9, "b": 16 / 45}
    whole = sum(parts.values())
    for index in (*plain.shares.first, *plain.shares.second):
        name = " × ".join(index.names)
        assert index.low - 0.03 <= parts.get(name, 0.0) / whole <= index.high + 0.03, name
    total = {each.names[0]: each for each in plain.shares.total}
    assert total["c"].share < 0.03
    assert total["b"].share == pytest.approx((parts["b"] + parts["a × b"]) / whole, abs=0.06)


def test_pictures_are_in_the_units_of_the_campaign(plain: Explanation) -> None:
    curve = next(each for each in plain.curves if each.factor == "a")
    assert min(curve.x) >= -1
    assert curve.mean[0] < curve.mean[-1]
    assert all(low <= mean <= high for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True))
    assert {(each.first, each.second) for each in plain.contours} == {("a", "b"), ("a", "c"), ("b", "c")}


def test_few_runs_give_not_estimable_yet_rather_than_a_guess() -> None:
    spec = coded_spec(["a", "b", "c"])
    rows = [dict.fromkeys("abc", 0.0)]
    rows += [{**rows[0], name: value} for name in "abc" for value in (-1.0, 0.5, 1.0)]
    made = [completed(i, row, 5 * row["a"] * row["b"] + row["a"] + i % 2) for i, row in enumerate(rows, 1)]
    found = explain(runs_of(spec, made, "y"), pictures=False)
    pairs = [each for each in found.effects if each.term.kind == "interaction"]
    assert {each.standing for each in pairs} == {"not estimable yet"}
    assert all(each.linear is None and each.surrogate is None for each in pairs)
    assert pairs[0].says.startswith("a × b: not estimable yet.")
    assert found.shares is not None
    assert found.shares.second == ()


def test_a_covariate_is_a_correlation_never_a_cause() -> None:
    parameters = {"a": {"bounds": [-1.0, 1.0]}, "b": {"bounds": [-1.0, 1.0]}, "humidity": {"observed": True}}
    spec = coded_spec([], parameters=parameters)
    rng = np.random.default_rng(6)
    made = []
    for i in range(1, 31):
        row = {"a": float(rng.uniform(-1, 1)), "b": float(rng.uniform(-1, 1))}
        humid = float(rng.uniform(30, 60))
        made.append(completed(i, row, row["a"] + 0.2 * humid + 0.1 * rng.normal(), covariates={"humidity": humid}))
    found = explain(runs_of(spec, made, "y"), pictures=False)
    effect = next(each for each in found.effects if each.name == "humidity")
    assert (effect.standing, effect.evidence) == ("found", "only observed")
    assert "no cause" in effect.says
    assert found.evidence == {"a": "randomised", "b": "randomised", "humidity": "only observed"}


def test_only_designs_are_randomised() -> None:
    found = explained(lambda z: z[:, 0], ["a", "b"], 12, origin=Origin.MANUAL)
    assert evidence_of(found.runs, Term("main", ("a",))) == "set, not randomised"


def test_a_day_that_shifts_results_is_taken_out() -> None:
    spec = coded_spec(["a", "b"])
    rng = np.random.default_rng(7)
    cube = Space(spec).spread(24, rng)
    made = []
    for i, row in enumerate(Space(spec).decode(cube), 1):
        day = "monday" if i % 2 else "tuesday"
        shift = 6.0 if day == "monday" else 0.0
        made.append(completed(i, row, 2 * float(row["a"]) + shift + 0.2 * rng.normal(), extra={"day": day}))
    found = explain(runs_of(spec, made, "y"), pictures=False)
    assert any("day made a difference" in note for note in found.notes)
    assert found.linear.error_sd < 0.5
    assert next(each for each in found.effects if each.name == "a").standing == "found"


def test_the_estimators_agree_with_averaging_and_subtracting() -> None:
    # Three ordered factors on a full grid: exact shares by Hoeffding's decomposition, the slow obvious way.
    spec = Spec.model_validate(
        {
            "name": "grid",
            "parameters": {name: {"levels": [0.0, 1.0, 2.0, 3.0]} for name in "abc"},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    grid = np.array(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij")).reshape(3, -1).T
    y = 2 * grid[:, 0] + grid[:, 1] * grid[:, 2] + 0.01 * np.random.default_rng(0).normal(size=64)
    made = [
        completed(i, dict(zip("abc", row.tolist(), strict=True)), v)
        for i, (row, v) in enumerate(zip(grid, y, strict=True), 1)
    ]
    runs = runs_of(spec, made, "y")
    fitted = posterior.fit(runs, np.random.default_rng(0))
    found = variance_shares(runs, Region(runs), fitted, np.random.default_rng(0))
    assert found is not None
    # Numbers of four levels are averaged over these four, as often each.
    a, b, c = np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij")
    exact = decompose(2 * a + b * c)
    for j in range(3):
        assert found.first[j].share == pytest.approx(exact[(j,)], abs=0.03)
        total = sum(share for subset, share in exact.items() if j in subset)
        assert found.total[j].share == pytest.approx(total, abs=0.03)
    assert found.of("b", "c").share == pytest.approx(exact[(1, 2)], abs=0.03)
    assert sum(exact.values()) == pytest.approx(1.0)


def test_components_move_along_the_direction_of_the_rest() -> None:
    spec = Spec.model_validate(
        {
            "name": "blend",
            "parameters": {name: {"mixture": "m"} for name in "abc"},
            "mixtures": {"m": {"total": 1}},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    rng = np.random.default_rng(8)
    blends = rng.dirichlet([1.0, 1.0, 1.0], 40)
    made = [
        completed(i, dict(zip("abc", row.tolist(), strict=True)), 10 * row[0] + 0.1 * rng.normal())
        for i, row in enumerate(blends, 1)
    ]
    runs = runs_of(spec, made, "y")
    region = Region(runs)
    moved = region.moved(region.base, runs.factor("a"), 0.4)
    assert moved[:, :3].sum(axis=1) == pytest.approx(1.0)
    assert moved[:, 1] / moved[:, 2] == pytest.approx(region.base[:, 1] / region.base[:, 2])
    found = explain(runs, pictures=False)
    a, b = (next(each for each in found.effects if each.name == name) for name in "ab")
    assert a.linear is not None
    assert b.linear is not None
    # Ten times the share: from the tenth to the ninetieth percentile of the blends, up for a, down for the others.
    factor = runs.factor("a")
    assert a.linear.estimate == pytest.approx(10 * (factor.high - factor.low), abs=0.3)
    assert b.linear.estimate < -1


def test_a_number_of_few_levels_is_averaged_over_these_and_a_fine_one_over_its_range() -> None:
    parameters = {"dose": {"levels": [0.0, 1.0, 2.0]}, "time": {"bounds": [0.0, 10.0]}}
    spec = coded_spec([], parameters=parameters)
    rng = np.random.default_rng(9)
    made = [completed(i, row, float(i)) for i, row in enumerate(Space(spec).decode(Space(spec).spread(12, rng)), 1)]
    points = Region(runs_of(spec, made, "y")).points(64, 3)
    levels, counts = np.unique(points[:, 0], return_counts=True)
    assert levels.tolist() == [0.0, 0.5, 1.0]
    assert counts.min() >= 64 // 3 - 2
    assert len(np.unique(points[:, 1])) == 64


def test_the_even_prior_takes_a_numbers_ends_for_as_alike_as_two_options() -> None:
    parameters = {"x": {"levels": [0.0, 1.0, 2.0]}, "z": {"levels": [0.0, 1.0, 2.0]}, "salt": {"choices": ["k", "l"]}}
    spec = coded_spec([], parameters=parameters)
    rng = np.random.default_rng(10)
    rows = Space(spec).decode(Space(spec).spread(10, rng))
    runs = runs_of(spec, [completed(i, row, rng.normal()) for i, row in enumerate(rows, 1)], "y")
    fitted = posterior.fit(runs, rng, even=True).surrogate.process
    location, width = fitted.kernel.prior()
    ends = np.array([[0.0, 0, 0.5**0.5, 0], [1.0, 0, 0.5**0.5, 0]])
    options = np.array([[0.0, 0, 0.5**0.5, 0], [0.0, 0, 0, 0.5**0.5]])

    def apart(pair: Array) -> float:
        covariance = fitted.kernel.cross(pair[:1], location[None])
        return float(covariance(pair[1:])[0][0, 0, 0] / covariance(pair[:1])[0][0, 0, 0])

    assert apart(ends) == pytest.approx(apart(options), abs=0.03)
    assert width[:3].tolist() == [1.0, 1.0, 1.0]
    plain = posterior.fit(runs, rng).surrogate.process
    assert plain.kernel.prior()[0][0] < -0.5, "the planner's own prior is another, or this file is superfluous"


def test_where_all_factors_are_numbers_the_surrogate_is_the_planners() -> None:
    spec = coded_spec(["a", "b"])
    rows = Space(spec).decode(Space(spec).spread(12, np.random.default_rng(11)))
    runs = runs_of(spec, [completed(i, row, float(row["a"])) for i, row in enumerate(rows, 1)], "y")
    one, other = (posterior.fit(runs, np.random.default_rng(0), even=even).surrogate for even in (False, True))
    assert np.array_equal(one.process.logs, other.process.logs)


def test_replicates_tell_the_even_surrogate_the_noise_in_the_users_unit() -> None:
    """Their pooled sd was once taken for a variance: beside choices every interval came out wrong."""
    spec = coded_spec([], parameters={"x": {"levels": [0.0, 1.0, 2.0]}, "salt": {"choices": ["k", "l"]}})
    rows = Space(spec).decode(Space(spec).spread(6, np.random.default_rng(12)))
    deviations = [-0.3, 0.1, -0.1, 0.3] * 6  # pooled variance 0.2 / 3
    measured = [
        completed(i, row, 10.0 * float(row["x"]) + (row["salt"] == "k") + deviations[i])
        for i, row in enumerate(each for each in rows for _ in range(4))
    ]
    surrogate = posterior.fit(runs_of(spec, measured, "y"), np.random.default_rng(0), even=True).surrogate
    unit = float(np.exp(surrogate.scale.log_slopes(np.zeros(1)))[0])
    sd = np.sqrt(surrogate.process.noise.mean()) / unit
    assert sd == pytest.approx((0.2 / 3) ** 0.5, rel=0.35)
