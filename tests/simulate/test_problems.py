"""Problems declared with their optimum: BoTorch's functions, the deceptive family, labs from tables."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from labloop.errors import InvalidInput, NotFound
from labloop.records import Conditions
from labloop.simulate import Lab, lab
from labloop.simulate.deceptive import KINDS, Shape, _peak
from labloop.simulate.scale import FOUND, Scale, noisy, scale_of, score_of
from labloop.simulate.synthetic import FAMILIES
from labloop.simulate.tables import from_table
from labloop.space import Space

WRAPPED = [f"{name}{family.dims[0] if len(family.dims) == 1 else family.dims[1]}" for name, family in FAMILIES.items()]
DECEPTIVE = ["hills2", "hills4", "outlier3", "needle3", "needle4", "crossed3", "hills3:width=0.2,height=1.5,place=3"]
DECEPTIVE += ["hills3:power=1", "crossed3:power=6,stretch=3", "needle4:stretch=2"]


def scores(place: Lab, n: int, *, near: bool) -> list[float]:
    """Score random experiments, anywhere or a few thousandths of the range around the optimum."""
    rng, space = np.random.default_rng(7), Space(place.campaign)
    cube = space.sample(n, rng)
    if near:
        best = space.encode([place.optimum.conditions])
        cube = np.clip(best + rng.normal(0, 0.003, cube.shape), 0, 1)
        fixed = [j for j, column in enumerate(space.columns) if column.kind == "choice"]
        cube[:, fixed] = best[:, fixed]
    # A function that rounds is asked at what it rounds to, as a campaign asks it.
    rounds = any(getattr(each, "step", None) for each in place.campaign.varied.values())
    return [score_of(place.campaign, place.truth(row)) for row in space.decode(cube, snap=rounds)]


@pytest.mark.parametrize("name", ["michalewicz", "zdt1"])
def test_what_is_beyond_a_bound_by_its_last_bit_is_on_it(name: str) -> None:
    place = lab(name)
    ends = {each: parameter.bounds[1] for each, parameter in place.campaign.varied.items()}  # type: ignore[union-attr]
    beyond = {each: math.nextafter(value, math.inf) for each, value in ends.items()}
    assert place.truth(beyond) == place.truth(ends)
    with pytest.raises(InvalidInput, match="cannot run this"):
        place.truth({each: value + 0.1 for each, value in ends.items()})


@pytest.mark.parametrize("name", [*WRAPPED, *DECEPTIVE])
def test_no_experiment_is_better_than_the_declared_optimum(name: str) -> None:
    place = lab(name)
    assert dict(place.truth(place.optimum.conditions)) == pytest.approx(dict(place.optimum.outcomes), abs=1e-12)
    best = score_of(place.campaign, place.optimum.outcomes)
    assert math.isfinite(best)
    slack = 1e-6 * max(1.0, abs(best))
    assert max(scores(place, 600, near=False)) <= best + slack
    assert max(scores(place, 600, near=True)) <= best + slack


@pytest.mark.parametrize("name", ["ackley4", "griewank3", "rastrigin2", "dropwave", "threehumpcamel"])
def test_a_minimum_in_the_middle_of_the_box_is_moved_out_of_it(name: str) -> None:
    place = lab(name)
    cube = Space(place.campaign).encode([place.optimum.conditions])
    assert (np.abs(cube - 0.5) > 0.05).all()


def test_a_constrained_function_is_limited_by_its_slack() -> None:
    place = lab("constrainedgramacy")
    assert [limit.outcome for limit in place.campaign.limits] == ["slack1", "slack2"]
    # By hand, at (0, 0): 1.5 - 0 - 0 - 0.5 sin(0) = 1.5 has to be at most 0, so the first slack is -1.5.
    assert place.truth({"x1": 0.0, "x2": 0.0})["slack1"] == pytest.approx(-1.5)
    assert score_of(place.campaign, place.truth({"x1": 0.0, "x2": 0.0})) == -math.inf


def test_a_dimension_that_a_function_lacks_is_answered_with_those_it_has() -> None:
    with pytest.raises(NotFound, match="no simulated lab 'hartmann5'") as caught:
        lab("hartmann5")
    assert caught.value.hint == "hartmann exists in 6, 3 dimensions"
    with pytest.raises(NotFound, match="ackley99") as caught:
        lab("ackley99")
    assert caught.value.hint == "ackley exists in 2 to 50 dimensions"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hills4:wdth=0.1", "hills has no setting 'wdth'"),
        ("hills4:width=wide", "width=wide of hills is not a number"),
        ("hills4:width", "is not a setting"),
        ("hills4:stretch=0.5", "stretch = 0.5 cannot shape a landscape"),
        ("hills4:power=0", "power = 0 cannot shape a landscape"),
        ("hills4:height=0.5", "height = 0.5 cannot shape a landscape"),
        ("needle1", "a ridge needs at least 2 dimensions"),
        ("branin:width=1", "has no settings"),
        ("branin:idle=0", "idle=0 in the lab 'branin:idle=0' is no number of columns, expected 1 to 500"),
        ("branin:idle=some", "idle=some .* is no number of columns"),
        ("branin:idle=2,width=1", "has no settings, got width=1"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        lab(name)


@pytest.mark.parametrize("name", ["hills4", "outlier3", "needle4", "crossed4"])
def test_a_deceptive_landscape_hides_its_optimum_from_random_search(name: str) -> None:
    place = lab(name)
    scale = scale_of(place)
    left = np.array([scale.left(score) for score in scores(place, 3000, near=False)])
    assert (left <= FOUND).mean() < 0.003, "the basin is too easy to meet by chance"
    assert len(KINDS) == 4


@pytest.mark.parametrize(("power", "half"), [(2.0, math.sqrt(2 * math.log(2))), (1.0, 2 * math.log(2)), (8.0, 1.0416)])
def test_a_peak_falls_to_its_half_where_its_power_says_and_is_as_wide_as_it_is_stretched(
    power: float, half: float
) -> None:
    peak = _peak(Shape(dim=3, width=0.1, power=power, stretch=4.0, place=2), np.full(3, 0.5))
    assert peak(np.full(3, 0.5)) == 1.0
    wide = []
    for j in range(3):
        found = brentq(lambda step, j=j: peak(0.5 + step * np.eye(3)[j]) - 0.5, 0.0, 2.0)
        wide.append(found / (half * 0.1 * math.sqrt(3.0)))
    assert sorted(wide) == pytest.approx([0.5, 1.0, 2.0], rel=1e-3)


def test_each_factor_of_crossed_points_away_from_the_best_corner() -> None:
    place = lab("crossed3")
    rng = np.random.default_rng(1)
    rows = rng.random((4000, 3))
    values = np.array([place.truth({f"x{j + 1}": row[j] for j in range(3)})["score"] for row in rows])
    for j in range(3):
        assert values[rows[:, j] > 0.5].mean() > values[rows[:, j] < 0.5].mean()
        assert float(place.optimum.conditions[f"x{j + 1}"]) < 0.2


def test_the_odd_level_of_outlier_is_the_worst_on_average_and_the_best_in_one_place() -> None:
    place = lab("outlier3")
    rng = np.random.default_rng(2)
    rows = rng.random((1500, 3))
    mean = {
        level: np.mean([place.truth({"x1": a, "x2": b, "x3": c, "level": level})["score"] for a, b, c in rows.tolist()])
        for level in place.campaign.choices("level")
    }
    assert min(mean, key=lambda level: float(mean[level])) == place.optimum.conditions["level"]


def test_the_scale_is_zero_at_the_optimum_and_one_at_random() -> None:
    scale = scale_of(lab("branin"))
    assert scale.left(scale.best) == 0.0
    assert scale.left(scale.typical) == 1.0
    assert Scale(10.0, 0.0, 1.0).left(-math.inf) == 1.0
    assert Scale(10.0, 0.0, 1.0).left(5.0) == 0.5


def test_noise_is_a_share_of_the_outcomes_sd_over_the_space() -> None:
    place, spread = noisy(lab("branin"), 0.1), scale_of(lab("branin")).spread
    best = place.optimum.conditions
    values = [place.perform(number, best).outcomes["value"] for number in range(1, 2001)]
    assert np.std(values) == pytest.approx(0.1 * spread, rel=0.07)
    with pytest.raises(InvalidInput, match="noise -1 is not a share"):
        noisy(place, -1)


TABLE = "solvent,temperature,yield\n" + "".join(
    f"{solvent},{temperature},{10 * len(solvent) + temperature / 2}\n"
    for solvent in ("DMF", "water", "EtOH")
    for temperature in (20, 40, 60, 80)
)


def test_a_table_is_looked_up_or_emulated_by_the_name_of_the_lab(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(TABLE)
    looked_up = from_table(f"table:{path}")
    assert looked_up.truth({"solvent": "water", "temperature": 80.0}) == {"yield": 90.0}
    assert looked_up.optimum.outcomes == {"yield": 90.0}
    assert from_table(f"table:{path}:goal=minimize").optimum.outcomes == {"yield": 40.0}
    emulated = from_table(f"emulate:{path}")
    assert emulated.optimum.conditions == {"solvent": "water", "temperature": 80.0}
    assert emulated.truth({"solvent": "EtOH", "temperature": 40.0})["yield"] == pytest.approx(60.0, abs=3.0)


@pytest.mark.parametrize("kind", ["table", "emulate"])
def test_the_noise_of_a_tables_lab_may_be_given(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(TABLE)
    place = from_table(f"{kind}:{path}:objective=yield,noise=2.5")
    water: Conditions = {"solvent": "water", "temperature": 80.0}
    readings = [place.perform(number, water).outcomes["yield"] for number in range(400)]
    assert np.std(readings) == pytest.approx(2.5, rel=0.1)
    assert from_table(f"{kind}:{path}:noise=0").perform(1, water).outcomes == place.truth(water)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("table:nowhere.csv", NotFound, "no table nowhere.csv"),
        ("table:{}:colour=red", InvalidInput, "the settings of .* cannot be read"),
        ("table:{}:goal=sideways", InvalidInput, "the settings of .* cannot be read"),
        ("table:{}:objective=purity", InvalidInput, "has no column 'purity'"),
        ("emulate:{}:noise=loud", InvalidInput, "noise=loud is no standard deviation"),
        ("emulate:{}:noise=-1", InvalidInput, "noise=-1 is no standard deviation"),
    ],
)
def test_a_table_that_cannot_be_a_lab_says_why(tmp_path: Path, name: str, error: type[Exception], message: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(TABLE)
    with pytest.raises(error, match=message):
        from_table(name.format(path))


def test_the_real_tables_become_labs(shared_data: Path) -> None:
    arylation = from_table(f"table:{shared_data / 'direct_arylation.csv'}:objective=yield")
    assert arylation.optimum.outcomes["yield"] == pytest.approx(100.0, abs=0.1)
    assert arylation.campaign.candidates is None, "every combination was run: no list is needed"
    hydrogels = from_table(f"table:{shared_data / 'hydrogel_180.csv'}")
    assert max(hydrogels.optimum.outcomes.values()) == pytest.approx(147, abs=1)
    space = Space(hydrogels.campaign)
    for row in space.decode(space.sample(40, np.random.default_rng(0))):
        assert hydrogels.truth(row), "every candidate is a row of the table"
    emulated = from_table(f"emulate:{shared_data / 'hydrogel_341.csv'}")
    (best,) = emulated.optimum.outcomes.values()
    assert 150 < best < 353, "a smooth surrogate stays below the best noisy value"
    assert max(scores(emulated, 300, near=False)) <= best
