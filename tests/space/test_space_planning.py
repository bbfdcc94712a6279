"""What planners ask of a space: designs, neighbours, repairs, lists, tables, matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labloop.errors import NothingToSuggest
from labloop.space import Space
from labloop.spec.models import Spec

BOX = {f"x{i}": {"bounds": [0.0, 1.0]} for i in range(4)}
MIX = {f"c{i}": {"mixture": "blend", "min": 0.05} for i in range(4)}
REACTION = {
    "temperature": {"bounds": [20.0, 80.0], "step": 5.0, "change": "hard"},
    "time": {"bounds": [1.0, 100.0], "scale": "log"},
    "solvent": {"choices": ["water", "EtOH", "DMSO"]},
    "cycles": {"bounds": [1, 4], "integer": True},
}
SPACES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (BOX, ()),
    (BOX, ("x0 + x1 + x2 == 1.5",)),
    (BOX, ("0.7 <= x0 + 2*x1 - x2 <= 0.703",)),
    (BOX, ("x0 * x1 <= 0.2", "x2**2 + x3**2 >= 0.3")),
    (MIX | REACTION, ("c0 + c1 <= 0.5", 'if solvent == "water" then temperature <= 60')),
    (MIX, ("c0 == 2*c1",)),
    (REACTION, ('if solvent == "DMSO" then time == 10', 'if solvent == "water" then cycles in [2, 3]')),
]


def space_of(parameters: dict[str, Any], *constraints: str, **more: Any) -> Space:
    fields = {"name": "trial", "parameters": parameters, "objectives": {"gain": {"goal": "maximize"}}}
    mixtures = {"blend": {"at_most": 3}} if any("mixture" in each for each in parameters.values()) else {}
    return Space(Spec.model_validate({**fields, "mixtures": mixtures, "constraints": constraints, **more}))


@pytest.mark.parametrize(("parameters", "constraints"), SPACES)
def test_neighbours_are_feasible_near_and_elsewhere(parameters: dict[str, Any], constraints: tuple[str, ...]) -> None:
    space, rng = space_of(parameters, *constraints), np.random.default_rng(0)
    rows = space.sample(200, rng)
    for scale in (0.3, 0.03):
        moved = space.move(rows, rng, scale)
        assert moved.shape == rows.shape
        assert space.feasible(moved).all()
        assert np.mean((moved == rows).all(axis=1)) < 0.1
    gaps = np.linalg.norm(space.move(rows, rng, 0.01) - rows, axis=1)
    assert np.median(gaps) < 0.3


def test_neighbours_of_several_scales_are_made_in_one_go() -> None:
    numbers = {name: {"bounds": [0, 1]} for name in "abc"}
    space, rng = space_of({**numbers, "salt": {"choices": ["KCl", "NaCl", "LiCl"]}}), np.random.default_rng(0)
    rows = np.repeat(space.sample(1, rng), 600, axis=0)
    scales = np.repeat([0.3, 0.01, 0.3], 200)
    moved = space.move(rows, rng, scales)
    numbers_apart = np.abs(moved - rows)[:, :3].max(axis=1)
    turned = moved[:, 3] != rows[:, 3]
    wide, narrow = scales == 0.3, scales == 0.01
    assert np.quantile(numbers_apart[narrow], 0.9) < 0.05 < np.median(numbers_apart[wide])
    # The option is left for another far more often in wide moves.
    assert 0 < turned[narrow].mean() < 0.3 * turned[wide].mean()


@pytest.mark.parametrize(("parameters", "constraints"), SPACES)
def test_the_nearest_point_is_feasible_and_nearer_than_samples(
    parameters: dict[str, Any], constraints: tuple[str, ...]
) -> None:
    space, rng = space_of(parameters, *constraints), np.random.default_rng(1)
    pool = space.sample(300, rng)
    names = [j for j, column in enumerate(space.columns) if column.kind == "choice"]
    for wanted in rng.random((3, space.dim)):
        wanted[names] = pool[int(rng.integers(len(pool)))][names]
        found = space.nearest(wanted)
        assert space.feasible(found[None])[0]
        assert (space.snap(found[None])[0] == found).all()
        best = space.distances(pool, wanted[None]).min()
        assert space.distances(found[None], wanted[None])[0, 0] <= best + 0.02
    assert (space.nearest(pool[0]) == pool[0]).all()


def test_a_known_projection_is_found() -> None:
    space = space_of(BOX, "x0 + x1 == 1")
    found = space.nearest(np.array([0.9, 0.5, 0.25, 0.75]))
    assert found[2:].tolist() == [0.25, 0.75]
    assert found[0] + found[1] == pytest.approx(1.0)
    assert np.linalg.norm(found[:2] - [0.7, 0.3]) < 0.02


def test_a_projection_with_many_tied_columns_is_found() -> None:
    space = space_of(
        {f"x{i}": {"bounds": [0.0, 1.0]} for i in range(10)}, " + ".join(f"x{i}" for i in range(10)) + " == 4"
    )
    wanted = np.full(10, 0.45)
    found = space.nearest(wanted)
    assert space.feasible(found[None])[0]
    # The true projection takes 0.05 from each column.
    assert space.distances(found[None], wanted[None])[0, 0] == pytest.approx(0.05, abs=0.01)


def test_the_nearest_point_keeps_the_wanted_option() -> None:
    space = space_of(REACTION, 'if solvent == "DMSO" then time == 10')
    (row,) = space.decode(space.nearest(np.array([0.5, 0.9, 0.71, 0.4]))[None])
    assert row == {"temperature": 50.0, "time": 10.0, "solvent": "DMSO", "cycles": 2}


def test_held_columns_stay_where_they_are() -> None:
    space, rng = space_of(MIX | REACTION), np.random.default_rng(0)
    rows = space.sample(100, rng)
    moved = space.move(rows, rng, 0.2, held=(0, 4))
    assert (moved[:, [0, 4]] == rows[:, [0, 4]]).all()
    assert (moved != rows).any(axis=1).mean() > 0.9
    repaired = space.nearest(np.full(space.dim, 0.4), fixed={4: 1.0})
    assert space.decode(repaired[None])[0]["temperature"] == 80.0


@pytest.mark.parametrize(("parameters", "constraints"), SPACES)
def test_the_middle_is_feasible_and_more_central_than_most(
    parameters: dict[str, Any], constraints: tuple[str, ...]
) -> None:
    space = space_of(parameters, *constraints)
    middle = space.middle(np.random.default_rng(0))
    assert middle is not None
    assert space.feasible(middle[None])[0]
    rows = np.vstack([middle, space.sample(400, np.random.default_rng(1))])
    numbers = [j for j, column in enumerate(space.columns) if column.kind != "choice"]
    off = np.linalg.norm(rows[:, numbers] - rows[1:, numbers].mean(axis=0), axis=1)
    assert off[0] <= np.quantile(off, 0.2)


def test_the_middle_of_a_box_a_mixture_and_choices() -> None:
    rng = np.random.default_rng(0)
    box = space_of(BOX).middle(rng)
    assert box is not None
    assert box.tolist() == [0.5] * 4
    whole = {f"c{i}": {"mixture": "blend"} for i in range(3)}
    fields = {"name": "trial", "parameters": whole, "objectives": {"gain": {"goal": "maximize"}}}
    simplex = Space(Spec.model_validate({**fields, "mixtures": {"blend": {}}}))
    centroid = simplex.middle(rng)
    assert centroid is not None
    assert centroid == pytest.approx(np.full(3, 1 / 3), abs=0.03)
    space = space_of(REACTION)
    drawn = [space.middle(np.random.default_rng(seed)) for seed in range(20)]
    conditions = space.decode(np.stack([each for each in drawn if each is not None]))
    assert {(row["temperature"], row["time"]) for row in conditions} == {(50.0, 10.0)}
    assert {row["solvent"] for row in conditions} == {"water", "EtOH", "DMSO"}
    assert space_of({"a": {"choices": ["x", "y"]}, "b": {"choices": ["u", "v"]}}).middle(rng) is None


@pytest.mark.parametrize(("parameters", "constraints"), SPACES)
def test_a_spread_is_feasible_and_distinct_from_what_it_avoids(
    parameters: dict[str, Any], constraints: tuple[str, ...]
) -> None:
    space, rng = space_of(parameters, *constraints), np.random.default_rng(0)
    avoid = space.sample(10, rng)
    rows = space.spread(12, rng, avoid=avoid)
    assert rows.shape == (12, space.dim)
    assert space.feasible(rows).all()
    assert len(np.unique(np.vstack([rows, np.unique(avoid, axis=0)]), axis=0)) == 12 + len(np.unique(avoid, axis=0))


def test_a_spread_fills_better_than_chance_and_keeps_off_the_corners() -> None:
    space = space_of(BOX)
    nearest: list[float] = []
    chance: list[float] = []
    edges, gaps = [], []
    for seed in range(6):
        rows = space.spread(10, np.random.default_rng(seed))
        random = np.random.default_rng(seed).random((10, 4))
        for points, found in ((rows, nearest), (random, chance)):
            away = space.distances(points, points) + 9 * np.eye(10)
            found.append(away.min())
        edges.append(np.mean((rows < 0.04) | (rows > 0.96)))
        gaps.append(np.abs(np.sort(rows, axis=0) - (np.arange(10)[:, None] + 0.5) / 10).mean())
    assert np.mean(nearest) > 1.5 * np.mean(chance)
    assert np.max(edges) == 0.0
    assert np.mean(gaps) < 0.06  # every factor alone is covered evenly; random points: 0.09


def test_a_spread_uses_every_option_and_level() -> None:
    rows = space_of(REACTION).spread(9, np.random.default_rng(3))
    conditions = space_of(REACTION).decode(rows)
    assert {row["solvent"] for row in conditions} == {"water", "EtOH", "DMSO"}
    assert {row["cycles"] for row in conditions} == {1, 2, 3, 4}


def test_a_spread_gives_fewer_only_where_the_space_is_used_up() -> None:
    space = space_of({"a": {"levels": [1.0, 2.0, 3.0]}, "b": {"choices": ["x", "y"]}}, 'b == "x" or a <= 2')
    assert len(space.spread(10, np.random.default_rng(0))) == 5
    rest = space.spread(10, np.random.default_rng(0), avoid=space.encode([{"a": 1.0, "b": "x"}]))
    assert {(row["a"], row["b"]) for row in space.decode(rest)} == {(2, "x"), (3, "x"), (1, "y"), (2, "y")}


def test_fixed_columns_are_the_same_in_a_whole_spread() -> None:
    space = space_of(REACTION)
    rows = space.spread(6, np.random.default_rng(0), fixed={0: 0.5})
    assert {row["temperature"] for row in space.decode(rows)} == {50.0}


def test_a_small_space_is_listed_exactly() -> None:
    parameters = {"a": {"bounds": [0.0, 1.0], "step": 0.25}, "b": {"choices": ["x", "y", "z"]}}
    space = space_of(parameters, 'if b == "x" then a <= 0.5')
    rows = space.enumerate(15)
    assert rows is not None
    assert len(rows) == 3 + 5 + 5
    assert len(np.unique(rows, axis=0)) == 13
    assert space.feasible(rows).all()
    assert space.enumerate(14) is None


def test_the_blends_of_a_mixture_are_listed() -> None:
    parts = {f"c{i}": {"mixture": "blend", "step": 0.25} for i in range(3)}
    rows = space_of(parts).enumerate(100)
    assert rows is not None
    assert len(np.unique(rows, axis=0)) == len(rows) == 15  # C(4 + 2, 2)
    two = space_of(parts, mixtures={"blend": {"at_most": 2}}).enumerate(100)
    assert two is not None
    assert len(two) == 12
    assert space_of(BOX).enumerate(100_000) is None


@pytest.fixture
def listed() -> Space:
    rows = [[t, time, s] for t in (20.0, 33.3, 80.0) for time in (1.0, 7.77777) for s in ("water", "DMSO")]
    table = {"columns": ["temperature", "time", "solvent"], "rows": [*rows, rows[0]]}
    parameters = {name: REACTION[name] for name in ("temperature", "time", "solvent")}
    return space_of(parameters, 'if solvent == "water" then temperature <= 50', candidates=table)


def test_a_candidate_table_is_the_whole_space(listed: Space) -> None:
    rng = np.random.default_rng(0)
    every = listed.enumerate(1)
    assert every is not None
    assert len(every) == 10
    allowed = {tuple(row) for row in every.tolist()}
    for rows in (
        listed.sample(30, rng),
        listed.spread(4, rng),
        listed.move(every, rng, 0.2),
        np.array([listed.nearest(each) for each in rng.random((5, 3))]),
    ):
        assert {tuple(row) for row in rows.tolist()} <= allowed
        assert listed.feasible(rows).all()
    assert (listed.move(every, rng, 0.2) != every).any(axis=1).all()
    assert len(np.unique(listed.sample(10, rng), axis=0)) == 10
    assert not listed.feasible(listed.encode([{"temperature": 33.3, "time": 1.5, "solvent": "DMSO"}])).all() or (
        listed.snap(listed.encode([{"temperature": 33.3, "time": 1.5, "solvent": "DMSO"}]))[0].tolist()
        in every.tolist()
    )


def test_rows_of_a_candidate_table_come_back_exactly(listed: Space) -> None:
    row: dict[str, float | int | str] = {"temperature": 33.3, "time": 7.77777, "solvent": "water"}
    assert listed.decode(listed.encode([row])) == [row]


def test_a_candidate_table_without_the_fixed_value_has_nothing(listed: Space) -> None:
    with pytest.raises(NothingToSuggest, match="temperature = 80, solvent = water"):
        listed.sample(1, np.random.default_rng(0), fixed={0: 1.0, 2: 1 / 6})


def test_distances_count_choices_as_same_or_different() -> None:
    space = space_of({"a": {"bounds": [0.0, 1.0]}, "s": {"choices": ["x", "y", "z"]}})
    a = space.encode([{"a": 0.0, "s": "x"}])
    b = space.encode([{"a": 0.0, "s": "z"}, {"a": 1.0, "s": "x"}, {"a": 1.0, "s": "y"}, {"a": 0.6, "s": "x"}])
    assert space.distances(a, b)[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 1.0, 0.18**0.5])


def test_linear_rules_are_matrices_over_the_cube() -> None:
    parameters = {"t": {"bounds": [20.0, 80.0]}, "n": {"bounds": [0, 10], "integer": True}, **MIX}
    rules = space_of(parameters, "2*t + n <= 120", "t - 5*n == 10", "n > 3 or t < 30").linear()
    rng = np.random.default_rng(0)
    space = space_of(parameters, "2*t + n <= 120")
    cube = space.sample(300, rng)
    raw = space.raw(cube)
    assert np.allclose(cube @ rules.upper.T - rules.upper_bound, (2 * raw["t"] + raw["n"] - 120)[:, None])
    assert np.allclose(cube @ rules.equal[0] - rules.equal_bound[0], raw["t"] - 5 * raw["n"] - 10)
    assert np.allclose(cube @ rules.equal[1], rules.equal_bound[1])
    assert rules.others[0] == "n > 3 or t < 30"
    assert "blend: 1 to 3 components are present" in rules.others


def test_columns_say_what_a_planner_needs() -> None:
    space = space_of(REACTION)
    temperature, time, solvent, cycles = space.columns
    assert (temperature.kind, temperature.count, temperature.hard) == ("continuous", 13, True)
    assert (time.kind, time.levels) == ("continuous", ())
    assert solvent.levels == pytest.approx((1 / 6, 1 / 2, 5 / 6))
    assert cycles.levels == pytest.approx((0, 1 / 3, 2 / 3, 1))
