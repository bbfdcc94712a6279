"""The simulated labs: their optima are the best there is, and their results do not depend on the order."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from botorch.test_functions.synthetic import Ackley, Branin, Hartmann, Levy, SyntheticTestFunction

from labloop.errors import InvalidInput, NotFound
from labloop.records import Conditions, FailureKind, Outcomes, Value
from labloop.simulate import Lab, lab, labs
from labloop.simulate.functions import FUNCTIONS
from labloop.simulate.job import Job
from labloop.simulate.lab import Noise
from labloop.simulate.reaction import BOILING, LIGANDS, SIDE, conversion, rates
from labloop.simulate.trial import run

NAMES = labs()


def score(place: Lab, conditions: Conditions) -> float:
    """Return how good the truth is; minus infinity where there is none or a limit is broken."""
    true = place.truth(conditions)
    if not true or not all(limit.holds(true[limit.outcome]) for limit in place.campaign.limits):
        return -math.inf
    (name, objective), *_ = place.campaign.objectives.items()
    return objective.score(true[name])


@pytest.mark.parametrize(
    ("name", "unit", "change", "more"),
    [
        ("snar", "min", {"residence_time": 1.5}, 4.0),
        ("enzyme", "h", {"time": 18.0}, 2.0),
        ("reaction", "EUR", {"ligand": "PtBu3"}, 6.0),
        ("ferment", "h", {}, 0.0),
        ("colours", "min", {}, 0.0),
        ("hydrogel", "h", {}, 0.0),
    ],
)
def test_a_laboratory_says_what_an_experiment_costs(
    name: str, unit: str, change: dict[str, float | str], more: float
) -> None:
    place = lab(name)
    assert place.cost is not None
    assert place.cost.unit == unit
    best = place.optimum.conditions
    price = place.price(best)
    assert price is not None
    assert price > 0
    assert place.price({**best, **change}) == pytest.approx(price + more)


def test_replicates_and_failures_cost_too_and_a_function_says_nothing() -> None:
    rows = run(Job(lab="hydrogel", strategy="random", seed=0, batch=8, budget=24)).rows
    assert any(row.value is None for row in rows)
    assert {row.cost for row in rows} == {0.75}
    assert {row.cost for row in run(Job(lab="colours", strategy="random", seed=0, budget=8, replicates=2)).rows} == {
        4.0
    }
    assert {row.cost for row in run(Job(lab="branin", strategy="random", seed=0, budget=4)).rows} == {None}


@pytest.mark.parametrize("name", NAMES)
def test_the_declared_optimum_is_what_the_formula_gives_there(name: str) -> None:
    place = lab(name)
    assert dict(place.truth(place.optimum.conditions)) == pytest.approx(
        dict(place.optimum.outcomes), rel=1e-5, abs=1e-7
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_point_of_a_test_function_is_below_its_minimum(name: str) -> None:
    problem, rng = FUNCTIONS[name], np.random.default_rng(1)
    low, high = np.array(problem.bounds).T
    anywhere = rng.uniform(low, high, (20_000, len(low)))
    nearby = np.clip(problem.at + (high - low) * rng.normal(0, 0.01, anywhere.shape), low, high)
    assert min(problem.formula(x) for x in np.vstack([anywhere, nearby])) >= problem.minimum - 1e-9


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        # By hand: branin(0, 0) = 36 + 10 (1 - 1/(8 pi)) + 10; ackley at 1 everywhere: 20 (1 - exp(-0.2));
        # levy with every w = 0: sin(0) + 5 (1 + 10 sin(1)^2) + 1.
        ("branin", (0.0, 0.0), 56 - 10 / (8 * math.pi)),
        ("ackley", (1.0,) * 6, 20 * (1 - math.exp(-0.2))),
        ("levy", (-3.0,) * 6, 5 * (1 + 10 * math.sin(1) ** 2) + 1),
    ],
)
def test_a_test_function_agrees_with_a_value_worked_out_by_hand(name: str, at: tuple[float, ...], value: float) -> None:
    conditions = {f"x{position}": each for position, each in enumerate(at, 1)}
    assert lab(name).truth(conditions)["value"] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [("branin", Branin()), ("hartmann6", Hartmann(dim=6)), ("ackley", Ackley(dim=6)), ("levy", Levy(dim=6))],
)
def test_a_test_function_agrees_with_the_one_botorch_has(name: str, oracle: SyntheticTestFunction) -> None:
    problem, rng = FUNCTIONS[name], np.random.default_rng(4)
    low, high = np.array(problem.bounds).T
    points = rng.uniform(low, high, (200, len(low)))
    ours = [problem.formula(x) for x in points]
    theirs = oracle.evaluate_true(torch.tensor(points)).tolist()
    # Its constants are kept in single precision.
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_no_exchange_of_monomers_improves_the_hydrogel_optimum() -> None:
    place = lab("hydrogel")
    best = {name: round(100 * float(value)) for name, value in place.optimum.conditions.items()}
    for giver, taker in itertools.permutations(best, 2):
        for amount in range(1, 100):
            other = {**best, giver: best[giver] - amount, taker: best[taker] + amount}
            if all(part == 0 or part >= 2 for part in other.values()):
                mixture: dict[str, Value] = {name: part / 100 for name, part in other.items()}
                assert score(place, mixture) < place.optimum.outcomes["adhesion"]


def test_the_hydrogel_has_a_broad_hill_below_its_narrow_one() -> None:
    place, rng = lab("hydrogel"), np.random.default_rng(2)
    names = list(place.campaign.parameters)
    shares = rng.dirichlet([1.0] * 5, 4000)
    values = [place.response(dict(zip(names, (*row[:5], 0.0), strict=True)))["adhesion"] for row in shares.tolist()]
    assert sum(60 < value < 150 for value in values) > 20 * sum(value > 200 for value in values) > 0
    hill = {"HEA": 0.2, "BA": 0.47, "CBEA": 0.13, "ATAC": 0.11, "PEA": 0.09, "AAm": 0.0}
    assert place.truth(hill)["adhesion"] == pytest.approx(137, abs=1)


def test_no_setting_beats_the_reaction_optimum_with_its_choices_or_any_others() -> None:
    place = lab("reaction")
    for base, ligand, solvent in itertools.product(SIDE, LIGANDS, BOILING):
        for concentration, temperature in itertools.product([0.05, 0.12, 0.18, 0.19, 0.2], range(60, 131, 5)):
            conditions: dict[str, Value] = {
                "base": base,
                "ligand": ligand,
                "solvent": solvent,
                "concentration": concentration,
                "temperature": float(temperature),
            }
            if all(rule.holds(conditions) for rule in place.campaign.rules):
                assert score(place, conditions) <= place.optimum.outcomes["yield"]


def test_a_living_catalyst_without_side_reaction_gives_the_first_order_yield() -> None:
    assert conversion(0.1, 1e-12, 0.0) == pytest.approx(1 - math.exp(-1.6), rel=1e-9)


def test_a_catalyst_that_dies_at_once_leaves_what_its_turnovers_made() -> None:
    # With k_dead >> 1/16 h: conversion = 1 - exp(-k / k_dead).
    assert conversion(0.5, 2.0, 0.0) == pytest.approx(1 - math.exp(-0.25), rel=1e-9)


def test_rates_follow_arrhenius() -> None:
    # PPh3 is 0.11 donor units above the reference: E = 72 + 0.66 kJ/mol; 115 and 95 kJ/mol for the losses.
    cold, hot = (np.array(rates("PPh3", "KOAc", "DMAc", kelvin)) for kelvin in (333.15, 373.15))
    energies = np.array([72.66e3, 115e3, 95e3])
    assert cold / hot == pytest.approx(np.exp(-energies / 8.314462618 * (1 / 333.15 - 1 / 373.15)), rel=1e-12)


def test_the_reaction_refuses_what_no_vial_survives() -> None:
    place = lab("reaction")
    hot = {**place.optimum.conditions, "solvent": "MeCN", "temperature": 120.0}
    result = place.perform(1, hot)
    assert result.failure is FailureKind.INFEASIBLE
    assert result.outcomes == {}
    assert "leaked" in result.note


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_gives_the_same_number_in_whatever_order(name: str) -> None:
    place = lab(name)
    best = place.optimum.conditions
    forwards = [place.perform(number, best, seed=3) for number in (1, 2, 3)]
    backwards = [place.perform(number, best, seed=3) for number in (3, 2, 1)]
    assert forwards == backwards[::-1]


@pytest.mark.parametrize("name", ["hydrogel", "reaction", "ferment"])
def test_seeds_experiments_and_replicates_scatter(name: str) -> None:
    place = lab(name)
    best = place.optimum.conditions
    results = [place.perform(1, best), place.perform(2, best), place.perform(1, best, seed=1)]
    results.append(place.perform(1, best, replicate=2))
    assert len({tuple(result.outcomes.values()) for result in results}) == 4


def test_readings_scatter_about_the_truth_as_declared() -> None:
    place, rng = lab("hydrogel"), np.random.default_rng(0)
    best = place.optimum.conditions
    values = np.array([place.measure(best, rng)["adhesion"] for _ in range(2000)])
    true = place.truth(best)["adhesion"]
    sd = math.hypot(3.0, 0.06 * true)
    assert values.mean() == pytest.approx(true, abs=4 * sd / math.sqrt(2000))
    assert values.std() == pytest.approx(sd, rel=0.07)


def test_readings_scatter_by_the_absolute_and_the_relative_error_together() -> None:
    assert Noise(absolute=3.0, relative=0.04).sd(100.0) == pytest.approx(5.0)


def test_a_reading_never_leaves_the_scale() -> None:
    place, rng = lab("reaction"), np.random.default_rng(0)
    poor: Conditions = {
        "base": "K2CO3",
        "ligand": "P(OPh)3",
        "solvent": "toluene",
        "concentration": 0.05,
        "temperature": 60,
    }
    values = [place.measure(poor, rng)["yield"] for _ in range(50)]
    assert min(values) == 0.0
    assert 0 < max(values) < 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 200.0}, "temperature is 200 degC, expected 60 to 130 degC"),
        ({"base": "koac"}, "base has no choice 'koac'"),
        ({"concentration": None}, "needs a value for 'concentration'"),
    ],
)
def test_a_lab_refuses_conditions_its_equipment_cannot_be_set_to(change: dict[str, Value | None], message: str) -> None:
    place = lab("reaction")
    merged = {**place.optimum.conditions, **change}
    wrong = {name: value for name, value in merged.items() if value is not None}
    with pytest.raises(InvalidInput, match=message):
        place.truth(wrong)


def test_a_lab_refuses_a_mixture_that_does_not_sum_up() -> None:
    with pytest.raises(InvalidInput, match=r"monomers sum to 0\.9, expected 1"):
        lab("hydrogel").truth({**lab("hydrogel").optimum.conditions, "BA": 0.52})


def test_a_lab_says_what_a_campaign_lacks_to_be_played_on_it() -> None:
    problems = lab("hartmann6").misfits(lab("branin").campaign)
    assert [problem.message for problem in problems] == [
        f"the lab 'hartmann6' needs a parameter 'x{position}'" for position in (3, 4, 5, 6)
    ]
    reverse = lab("branin").misfits(lab("hartmann6").campaign)
    assert reverse[0].path == "parameters.x3"
    assert "does not measure 'adhesion'" in str(lab("branin").misfits(lab("hydrogel").campaign)[-1])


def test_an_unknown_lab_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="no simulated lab 'hydrogl'") as caught:
        lab("hydrogl")
    assert caught.value.hint == "did you mean 'hydrogel'?"


@pytest.mark.parametrize("name", ["hartmann6", "hills4:place=1", "reaction", "zdt1", "keanebump"])
def test_idle_numbers_change_nothing_and_belong_to_the_campaign(name: str) -> None:
    plain, place = lab(name), lab(f"{name},idle=3" if ":" in name else f"{name}:idle=3")
    assert [each for each in place.campaign.varied if each not in plain.campaign.varied] == ["idle1", "idle2", "idle3"]
    assert place.optimum.outcomes == plain.optimum.outcomes
    [row] = run(Job(lab=place.name, strategy="random", seed=3, budget=1)).rows
    assert row.true is not None
    conditions = plain.optimum.conditions or dict.fromkeys(plain.campaign.varied, 0.5)
    for value in (0.0, 0.7, 1.0):
        idle = dict.fromkeys(("idle1", "idle2", "idle3"), value)
        assert place.truths([{**conditions, **idle}]) == plain.truths([conditions])


def test_simulate_loads_neither_torch_nor_scipy() -> None:
    code = (
        "import sys, labloop.simulate as s; s.lab('hydrogel').perform(1, s.lab('hydrogel').optimum.conditions);"
        "print([m for m in ('torch', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def outcome_of(place: Lab, **changes: float) -> Outcomes:
    return place.truth({**place.optimum.conditions, **changes})


def test_the_ferment_optimum_holds_against_its_neighbours_and_a_sample() -> None:
    place, rng = lab("ferment"), np.random.default_rng(5)
    best = {name: float(value) for name, value in place.optimum.conditions.items()}
    steps = {"feed": 0.5, "induction": 0.5, "temperature": 1.0, "pH": 0.1, "inoculum": 0.01}
    moves: list[Conditions] = []
    for (one, a), (two, b) in itertools.combinations(steps.items(), 2):
        for i, j in itertools.product((-1, 0, 1), repeat=2):
            moved = {**best, one: best[one] + i * a, two: best[two] + j * b}
            moves.append({**moved, "inoculum": min(moved["inoculum"], 1.0)})
    boxes = {name: each.bounds for name, each in place.campaign.varied.items() if hasattr(each, "bounds")}
    moves += [{name: float(rng.uniform(*box)) for name, box in boxes.items()} for _ in range(150)]
    assert max(score(place, each) for each in moves) <= place.optimum.outcomes["titre"] * (1 + 1e-6)
