"""Optimal designs against published optima, against slow searches, and within every rule of the campaign."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest

from labloop.design import Request, design
from labloop.design.filling import simplex_lattice
from labloop.design.model import Model, contrasts, model_of, reduced
from labloop.design.moves import Moves
from labloop.design.optimal import _gains, _updated, optimise, value_of
from labloop.errors import InvalidInput
from labloop.space import Space
from labloop.space.axis import Array
from labloop.space.grid import Grid
from labloop.spec.models import Spec
from tests.design.conftest import numbers, spec_of


class Searched:
    """The optimal design of a spec, with everything at hand to check it."""

    def __init__(self, spec: Spec, order: str, n: int, *, criterion: str = "D", **more: Any) -> None:
        rng = np.random.default_rng(5)
        self.space, self.grid = Space(spec), Grid(spec)
        self.moves = Moves(self.space, self.grid, {}, rng)
        self.model = reduced(model_of(self.grid, order), self.space.sample(500, rng))[0]
        self.found = optimise(self.model, self.moves, n, rng, criterion=criterion, **more)
        self.u = self.grid.units(self.found.k)
        self.f = self.model.columns(self.u)


def terms_of(model: Model, *names: str) -> Model:
    kept = [j for j, name in enumerate(model.names) if name in names]
    return replace(model, terms=tuple(model.terms[j] for j in kept), left=model.left[kept], right=model.right[kept])


def test_the_two_cubed_factorial_is_optimal() -> None:
    made = Searched(spec_of(numbers("a", "b", "c")), "interactions", 8)
    assert made.found.value == pytest.approx(1.0)
    assert len(np.unique(made.found.k, axis=0)) == 8


def test_six_runs_of_a_quadratic_in_two_factors() -> None:
    # Box & Draper 1971, doi:10.1080/00401706.1971.10488841: |X'X| / n^p = 5.74e-3, two points inside the square.
    made = Searched(spec_of(numbers("a", "b")), "quadratic", 6)
    assert np.linalg.det(made.f.T @ made.f) / 6**6 == pytest.approx(5.74e-3, abs=5e-6)
    inside = np.abs(2 * made.u - 1)
    assert np.sort(inside.ravel())[:4] == pytest.approx([0.1315, 0.1315, 0.3944, 0.3944], abs=6e-3)


def test_the_handbooks_design_of_twelve_runs() -> None:
    # NIST/SEMATECH e-Handbook, section 5.5.2.1: five levels of X1, X2 and X3 at two, a quadratic in X1;
    # D-efficiency 68.2558, A-efficiency 45.4545.
    spec = spec_of({"X1": {"levels": [-1, -0.5, 0, 0.5, 1]}, "X2": {"levels": [-1, 1]}, "X3": {"levels": [-1, 1]}})
    grid, rng = Grid(spec), np.random.default_rng(1)
    model = terms_of(model_of(grid, "quadratic"), "constant", "X1", "X2", "X3", "X1²")
    found = optimise(model, Moves(Space(spec), grid, {}, rng), 12, rng)
    f = model.columns(grid.units(found.k))
    information = f.T @ f
    assert 100 * np.linalg.det(information) ** (1 / 5) / 12 == pytest.approx(68.2558, abs=5e-5)
    assert 100 * 5 / np.trace(12 * np.linalg.inv(information)) == pytest.approx(45.4545, abs=5e-5)
    assert sorted(grid.values(found.k)[:, 0]) == [-1] * 4 + [0] * 4 + [1] * 4


def test_the_simplex_lattice_is_optimal_for_scheffes_quadratic() -> None:
    # Kiefer 1961, doi:10.1214/aoms/1177705055: the {q, 2} lattice.
    spec = spec_of({name: {"mixture": "m"} for name in "ABC"}, mixtures={"m": {}})
    made = Searched(spec, "quadratic", 6)
    assert made.model.names == ("A", "B", "C", "A × B", "A × C", "B × C")
    assert np.array(sorted(map(tuple, made.u))) == pytest.approx(np.array(sorted(map(tuple, simplex_lattice(3, 2)))))


@pytest.mark.parametrize("criterion", ["D", "A", "I"])
def test_no_other_design_of_a_small_space_is_better(criterion: str) -> None:
    """The slow way: every design of five runs out of nine points."""
    spec = spec_of({"a": {"levels": [0, 1, 3]}, "b": {"levels": [0, 1, 2]}}, constraints=["a + b <= 4"])
    made = Searched(spec, "main", 4, criterion=criterion)
    points = made.space.enumerate(100)
    assert points is not None
    assert len(points) == 8
    f = made.model.columns(points)
    weights = {"D": None, "A": np.eye(3), "I": None}[criterion]
    if criterion == "I":
        g = made.model.columns(made.moves.cube(made.moves.pool))
        weights = g.T @ g / len(g)
    values = [
        value_of(f[list(rows)].T @ f[list(rows)], weights, 4) for rows in combinations_with_replacement(range(8), 4)
    ]
    best = max(values) if criterion == "D" else min(values)
    ours = value_of(made.f.T @ made.f, weights, 4)
    # What I averages over is a sample of the region.
    assert ours == pytest.approx(best, rel=0.02 if criterion == "I" else 1e-9)


def test_updates_agree_with_inverting_again() -> None:
    rng = np.random.default_rng(2)
    f = rng.standard_normal((3, 9, 4))
    candidates = rng.standard_normal((3, 5, 4))
    inverse = np.asarray(np.linalg.inv(f.transpose(0, 2, 1) @ f), dtype=np.float64)
    weights = np.diag([1.0, 2.0, 3.0, 4.0])
    gains, delta = _gains(inverse, f[:, 2], candidates, None)
    falls, _ = _gains(inverse, f[:, 2], candidates, weights)
    for start, candidate in product(range(3), range(5)):
        moved = f[start].copy()
        moved[2] = candidates[start, candidate]
        before, after = f[start].T @ f[start], moved.T @ moved
        assert delta[start, candidate] == pytest.approx(np.linalg.det(after) / np.linalg.det(before))
        assert gains[start, candidate] == pytest.approx(np.log(delta[start, candidate]))
        trace = np.trace(np.linalg.inv(before) @ weights)
        fall = trace - np.trace(np.linalg.inv(after) @ weights)
        assert falls[start, candidate] == pytest.approx(fall / trace)
    changed = f.copy()
    changed[:, 2] = candidates[:, 0]
    again = np.linalg.inv(changed.transpose(0, 2, 1) @ changed)
    assert _updated(inverse, f[:, 2], candidates[:, 0]) == pytest.approx(again)


MIXED = {
    "temperature": {"bounds": [20, 80], "step": 5},
    "time": {"bounds": [1, 100], "scale": "log"},
    "solvent": {"choices": ["water", "EtOH", "DMSO"]},
    "A": {"mixture": "m", "min": 0.1},
    "B": {"mixture": "m", "step": 0.05},
    "C": {"mixture": "m", "max": 0.5},
}
RULES = ["2*temperature + time <= 200", 'if solvent == "water" then temperature <= 60', "A >= B"]


@pytest.mark.parametrize("criterion", ["D", "I"])
def test_every_run_keeps_every_rule(criterion: str) -> None:
    spec = spec_of(MIXED, mixtures={"m": {"at_most": 2}}, constraints=RULES)
    made = Searched(spec, "main", 14, criterion=criterion, starts=4)
    assert made.space.feasible(made.u).all()
    for row in made.space.decode(made.u):
        assert 2 * float(row["temperature"]) + float(row["time"]) <= 200
        assert float(row["temperature"]) % 5 == 0
        assert float(row["A"]) + float(row["B"]) + float(row["C"]) == pytest.approx(1)
        assert sum(float(row[name]) > 0 for name in "ABC") <= 2


def test_a_design_is_far_better_than_random_feasible_points() -> None:
    spec = spec_of(MIXED, mixtures={"m": {}}, constraints=RULES)
    made = Searched(spec, "main", 14, starts=4)
    rng = np.random.default_rng(1)
    f = [made.model.columns(made.space.sample(14, rng)) for _ in range(50)]
    assert made.found.value > 1.3 * max(value_of(each.T @ each, None, 14) for each in f)


def test_what_was_run_counts() -> None:
    spec = spec_of(numbers("a", "b"))
    grid = Grid(spec)
    model = model_of(grid, "interactions")
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    made = Searched(spec, "interactions", 1, ran=model.columns(corners))
    assert made.u.tolist() == [[1.0, 1.0]]


def test_a_candidate_table_is_the_whole_space() -> None:
    rows = [[a, b] for a in (0, 3, 4, 10) for b in (0, 5, 10) if (a, b) != (10, 10)]
    spec = spec_of(numbers("a", "b"), candidates={"columns": ["a", "b"], "rows": rows})
    made = Searched(spec, "interactions", 6)
    for row in made.space.decode(made.u):
        assert [row["a"], row["b"]] in rows


def test_the_same_seed_gives_the_same_design() -> None:
    spec = spec_of(MIXED, mixtures={"m": {}}, constraints=RULES)
    one, other = (Searched(spec, "main", 12, starts=3) for _ in range(2))
    assert np.array_equal(one.found.k, other.found.k)


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no 3 experiments of this space can estimate all 4 terms"):
        Searched(spec_of(numbers("a", "b", "c")), "main", 3)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_contrasts_are_orthogonal_and_of_unit_mean_square(m: int) -> None:
    table = contrasts(m)
    assert table.sum(axis=0) == pytest.approx(np.zeros(m - 1))
    assert table.T @ table == pytest.approx(m * np.eye(m - 1))


def rank(f: Array) -> int:
    return int(np.linalg.matrix_rank(f, tol=1e-8 * np.linalg.norm(f)))


@pytest.mark.parametrize("order", ["main", "interactions", "quadratic"])
def test_models_have_as_many_terms_as_the_space_can_tell_apart(order: str) -> None:
    """Two mixtures, a choice and a number: what follows from the sums is left out, and nothing else."""
    parts = {name: {"mixture": "m"} for name in "ABC"} | {name: {"mixture": "s"} for name in "DE"}
    spec = spec_of({**parts, **numbers("x"), "word": {"choices": ["u", "v", "w"]}}, mixtures={"m": {}, "s": {}})
    grid = Grid(spec)
    u = Space(spec).sample(2000, np.random.default_rng(1))
    f = model_of(grid, order).columns(u)
    assert rank(f) == f.shape[1]
    base = np.column_stack([u[:, [grid.names.index(n) for n in "ABCDEx"]], np.eye(3)[(u[:, -1] * 3).astype(int)]])
    everything = np.column_stack([np.ones(len(u)), base])
    if order != "main":
        squares = [] if order == "interactions" else [5]
        pairs = [base[:, i] * base[:, j] for i in range(9) for j in range(i) if i != j]
        everything = np.column_stack([everything, *pairs, *(base[:, [j]] ** 2 for j in squares)])
    assert rank(everything) == f.shape[1]


def test_what_the_rules_tie_together_is_left_out_and_named() -> None:
    spec = spec_of(
        {"additive": {"choices": ["none", "salt"]}, **numbers("amount")},
        constraints=['if additive == "none" then amount == 0'],
    )
    grid = Grid(spec)
    smaller, lost = reduced(model_of(grid, "interactions"), Space(spec).sample(300, np.random.default_rng(1)))
    assert lost == ("additive × amount",)
    assert smaller.names == ("constant", "additive", "amount")


def test_a_mixture_that_is_held_leaves_the_constant_in() -> None:
    spec = spec_of({**numbers("x"), "A": {"mixture": "m"}, "B": {"mixture": "m"}}, mixtures={"m": {}})
    assert model_of(Grid(spec), "main", held=(1, 2)).names == ("constant", "x")
    assert model_of(Grid(spec), "main").names == ("x", "A", "B")


def test_what_is_hard_to_change_takes_only_the_values_that_the_model_needs() -> None:
    """The search that may take any value, on the same space with nothing hard to change, is hardly better."""
    parameters = {**numbers("a", "b"), "temp": {"bounds": [20, 80], "step": 5}, "c": {"choices": ["x", "y", "z"]}}
    hard = {**parameters, "temp": {**parameters["temp"], "change": "hard"}}
    request = Request(kind="d-optimal", model="quadratic", runs=24)
    kept, free = (design(spec_of(each), request, seed=1) for each in (hard, parameters))
    assert {run.conditions["temp"] for run in kept.runs} == {20, 50, 80}
    assert len({run.plot for run in kept.runs}) == 3
    assert kept.quality.d_efficiency > 0.99 * free.quality.d_efficiency
    assert any("set few times" in note for note in kept.notes)
