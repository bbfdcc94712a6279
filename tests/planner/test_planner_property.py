"""Random campaigns with random histories: every proposal is feasible, on its grid, new, and the same when asked again.

The default run tries 40; ``pytest -m slow tests/planner/test_planner_property.py`` tries 5,000 in ten parts, with
smaller budgets.
What was found this way is kept in `test_planner_found.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from labloop.errors import InvalidSpec, NothingToSuggest
from labloop.planner import plan
from labloop.records import Conditions, Experiment, FailureKind, Observation, Origin, Proposal, Status
from labloop.space import Space
from labloop.spec.models import Spec

Faults = Callable[[Spec, Proposal, Sequence[Experiment], Sequence[Conditions]], list[str]]
Fields = dict[str, Any]
GOALS: list[Fields] = [
    {"goal": "maximize"},
    {"goal": "minimize"},
    {"goal": "target", "target": 0.5},
    {"goal": "maximize", "error": 0.05},
    {"goal": "minimize", "range": [-1e6, 1e6]},
]
SHAPES: dict[str, Callable[[float, float], float]] = {
    "smooth": lambda x, _: math.sin(3 * x),
    "noisy": lambda x, e: x + e,
    "noise": lambda _, e: e,
    "constant": lambda *_: 0.25,
    "tiny": lambda x, e: 1e-12 * (x + 0.1 * e),
    "huge": lambda x, e: 1e12 * (x + 0.1 * e),
    "outlier": lambda x, e: 1e5 if e > 1.5 else x,
    "steps": lambda x, _: float(round(2 * x)),
}


@dataclass(frozen=True)
class Question:
    """Everything that goes into one plan."""

    spec: Spec
    observed: list[Experiment]
    pending: list[Conditions]
    n: int
    seed: int

    def __repr__(self) -> str:
        """As a test that keeps it would write it down."""
        rows = [
            (each.executed, [(dict(o.outcomes), dict(o.covariates)) for o in each.observations] or str(each.failure))
            for each in self.observed
        ]
        return f"{self.spec.to_dict()}\n{rows}\n{self.pending} n={self.n} seed={self.seed}"


@st.composite
def numbers(draw: st.DrawFn) -> Fields:
    low, span = draw(st.sampled_from([0.0, -50.0, 0.3, 1e5])), draw(st.sampled_from([1.0, 0.02, 7.5, 1e6]))
    step, count = draw(st.sampled_from([0.1, 0.25, 5.0])), draw(st.integers(1, 30))
    decades = draw(st.integers(1, 12))
    kinds: list[Fields] = [
        {"bounds": [low, low + span]},
        {"bounds": [low, low + (count + 0.5) * step], "step": step},
        {"bounds": [10.0**-decades, 10.0], "scale": "log"},
        {"bounds": [step, (count + 1.5) * step], "step": step, "scale": "log"},
        {"bounds": [int(low), int(low) + count], "integer": True},
        {"bounds": [1, 1 + count], "integer": True, "scale": "log"},
        {"levels": draw(st.lists(st.integers(1, 60), min_size=2, max_size=5, unique=True).map(sorted))},
    ]
    return _hard(draw, draw(st.sampled_from(kinds)))


@st.composite
def choices(draw: st.DrawFn) -> Fields:
    names = ["water", "DMSO", "EtOH", "007", "a b"][: draw(st.integers(2, 5))]
    if draw(st.booleans()):
        return _hard(draw, {"choices": names})
    values = st.sampled_from([0.0, 1.0, -2.5, 1e4])
    columns = ["logp", "size"][: draw(st.integers(1, 2))]
    return _hard(draw, {"choices": {name: {each: draw(values) for each in columns} for name in names}})


def _hard(draw: st.DrawFn, fields: Fields) -> Fields:
    return fields | ({"change": "hard"} if draw(st.integers(0, 5)) == 0 else {})


@st.composite
def components(draw: st.DrawFn, mixture: str, total: float) -> Fields:
    share = draw(st.sampled_from([{}, {}, {"min": 0.1}, {"max": 0.5}, {"min": 0.05, "max": 0.8}, {"step": 0.05}]))
    required = {"required": True} if draw(st.integers(0, 4)) == 0 else {}
    return {"mixture": mixture, **{key: value * total for key, value in share.items()}, **required}


@st.composite
def parameters(draw: st.DrawFn) -> tuple[Fields, Fields]:
    """Parameters and mixtures."""
    found: Fields = {}
    mixtures: Fields = {}
    if draw(st.integers(0, 2)) == 0:
        total, parts = draw(st.sampled_from([1.0, 100.0])), draw(st.integers(2, 5))
        for i in range(parts):
            found[f"c{i}"] = draw(components("blend", total))
        most = draw(st.none() | st.integers(1, parts))
        mixtures["blend"] = {"total": total} | ({} if most is None else {"at_most": most})
    for i in range(draw(st.integers(0 if found else 1, 4))):
        found[f"x{i}"] = draw(numbers() | choices())
    extra = draw(st.integers(0, 5))
    if extra == 0:
        found["humidity"] = {"observed": True}
    if extra == 1:
        found["arm"] = {"value": "robot"}
    return found, mixtures


@st.composite
def constraints(draw: st.DrawFn, spec: Spec) -> list[str]:
    """Rules that one known point keeps, so that something is feasible."""
    space = Space(spec)
    known = space.decode(space.sample(1, np.random.default_rng(draw(st.integers(0, 99)))))[0]
    figures = [name for name, column in zip(space.names, space.columns, strict=True) if column.kind != "choice"]
    words = [name for name in space.names if name not in figures]
    found = []
    for kind in draw(st.lists(st.sampled_from(["<=", ">=", "==", "if", "not", "product"]), max_size=2)):
        names = draw(st.permutations(figures))[:3]
        if len(names) < 2:
            continue
        weights = [draw(st.sampled_from([1.0, 2.0, -1.0, 0.5])) for _ in names]
        total = sum(w * float(known[name]) for w, name in zip(weights, names, strict=True))
        text = " + ".join(f"{w!r}*{name}" for w, name in zip(weights, names, strict=True))
        if kind == "if" and words:
            found.append(f'if {words[0]} == "{known[words[0]]}" then {names[0]} <= {float(known[names[0]])!r}')
        elif kind == "not" and words:
            found.append(f'{words[0]} != "nothing" or {text} <= {total!r}'.replace("nothing", str(known[words[0]])))
        elif kind == "product":
            found.append(f"{names[0]} * {names[1]} <= {float(known[names[0]]) * float(known[names[1]]) + 1e-9!r}")
        elif kind in ("<=", ">="):
            found.append(f"{text} {kind} {total!r}")
        elif kind == "==":
            found.append(f"{names[0]} + {names[1]} == {float(known[names[0]]) + float(known[names[1]])!r}")
    return found


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    found, mixtures = draw(parameters())
    goals = draw(st.lists(st.sampled_from(GOALS), min_size=1, max_size=3))
    limits = draw(st.lists(st.sampled_from(["y0 >= 0.2", "purity >= 0.5", "purity >= 1e7", "ph <= 0.3"]), max_size=2))
    fields = {
        "name": "random",
        "parameters": found,
        "mixtures": mixtures,
        "objectives": {f"y{i}": goal for i, goal in enumerate(goals)},
        "limits": list(dict.fromkeys(limits))[: 1 if "purity >= 1e7" in limits else 2],
        "planner": {
            "strategy": draw(st.sampled_from(["explore", "balanced", "exploit", "learn"])),
            "start": draw(st.sampled_from([None, 1, 2, 3])),
        },
    }
    try:
        free = Spec.model_validate(fields)
        return Spec.model_validate({**fields, "constraints": draw(constraints(free))})
    except (ValidationError, InvalidSpec, NothingToSuggest):
        reject()  # components that cannot sum up, for instance


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A campaign, up to 25 experiments that were tried (failures, repeats, gaps), some pending, and what is asked."""
    spec = draw(specs())
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    tried, waiting = draw(st.integers(0, 25)), draw(st.sampled_from([0, 0, 1, 4]))
    space = Space(spec)
    rows = space.decode(space.sample(tried + waiting, rng)) if tried + waiting else []
    shapes = {name: SHAPES[draw(st.sampled_from(sorted(SHAPES)))] for name in spec.outcomes}
    failing = draw(st.sampled_from([0.0, 0.0, 0.2, 1.0]))
    gaps = draw(st.sampled_from([0.0, 0.0, 0.3]))
    observed = []
    for number, row in enumerate(rows[:tried], 1):
        executed = _executed(space, row, rng) if rng.random() < 0.1 else row
        x = float(space.encode([executed]).mean())
        found = Experiment(number, Status.COMPLETED, Origin.PLANNER, row, executed)
        if rng.random() < failing:
            kind = FailureKind.INFEASIBLE if rng.random() < 0.7 else FailureKind.EQUIPMENT
            observed.append(Experiment(number, Status.FAILED, Origin.PLANNER, row, executed, failure=kind))
            continue
        results = []
        for index in range(1, 1 + int(rng.choice([1, 1, 1, 3]))):
            outcomes = {
                name: shape(x, float(rng.standard_normal())) for name, shape in shapes.items() if rng.random() >= gaps
            }
            extra = {name: 40.0 + float(rng.standard_normal()) for name in spec.covariates if rng.random() < 0.7}
            results.append(Observation(index, outcomes, extra))
        observed.append(Experiment(number, found.status, found.origin, row, executed, observations=tuple(results)))
    return Question(spec, observed, list(rows[tried:]), draw(st.integers(1, 5)), draw(st.integers(0, 9)))


def _executed(space: Space, row: Conditions, rng: np.random.Generator) -> Conditions:
    """What the laboratory did instead: every number a little off the grid."""
    off = {
        name: float(row[name]) * float(1 + 0.02 * rng.standard_normal())
        for name, column in zip(space.names, space.columns, strict=True)
        if column.kind in ("continuous", "component", "levels")
    }
    return {**row, **off}


def obeyed(spec: Spec, conditions: Conditions) -> list[str]:
    """The rules that conditions break, by an obvious reading of their text; empty where none."""
    found = []
    values = dict(conditions)
    for text in spec.constraints:
        condition, _, rule = text.removeprefix("if ").partition(" then ")
        if rule and not eval(condition, {}, values):
            continue
        broken = rule or condition
        if " or " in broken:
            first, broken = broken.split(" or ")
            if eval(first, {}, values):
                continue
        side, sign, bound = broken.rpartition(" <= ") if " <= " in broken else broken.rpartition(" >= ")
        if "==" in broken:
            side, sign, bound = broken.rpartition(" == ")
        gap = eval(side, {}, values) - float(bound)
        slack = 1e-6 * max(1.0, abs(float(bound)), max(abs(v) for v in values.values() if not isinstance(v, str)))
        wrong = {"<=": gap > slack, ">=": gap < -slack, "==": abs(gap) > slack}[sign.strip()]
        found += [f"{conditions} breaks {text}"] if wrong else []
    for name, parameter in spec.proposed.items():
        bounds = getattr(parameter, "bounds", None)
        if bounds and not bounds[0] <= float(values[name]) <= bounds[1]:
            found.append(f"{name} = {values[name]} is out of {bounds}")
        low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
        if low is not None and 0 < float(values[name]) < low - 1e-9:
            found.append(f"{name} = {values[name]} is below {low}")
        if high is not None and float(values[name]) > high + 1e-9:
            found.append(f"{name} = {values[name]} is above {high}")
    for name, mixture in spec.mixtures.items():
        present = sum(float(values[part]) > 0 for part in spec.components(name))
        if present > (mixture.at_most or math.inf):
            found.append(f"{present} components of {name} are present")
    return found


def missing(question: Question, proposal: Proposal) -> list[str]:
    """What else could have been proposed where a batch is short: nothing, or somebody forgot it."""
    if len(proposal.experiments) == question.n:
        return []
    space = Space(question.spec)
    rows = space.enumerate(20_000)
    if rows is None:
        rows = space.sample(4000, np.random.default_rng(1))
    batch = [each.conditions for each in proposal.experiments]
    lessons = [e.executed for e in question.observed if e.failure is not FailureKind.EQUIPMENT]
    known = space.encode([*lessons, *question.pending, *batch])
    fresh = rows[space.distances(rows, known).min(axis=1) > 1e-6] if len(known) else rows
    if batch:
        first = space.encode(batch[:1])[0]
        for j in space.hard:
            fresh = fresh[np.abs(fresh[:, j] - first[j]) < 1e-9]
    said = [] if any("left" in each or "known" in each for each in proposal.notes) else [f"silence: {proposal.notes}"]
    return said + ([f"{len(fresh)} conditions forgotten, {space.decode(fresh[:1])}"] if len(fresh) else [])


def check(question: Question, faults: Faults) -> None:
    spec = question.spec
    proposal = plan(spec, question.observed, question.pending, question.n, question.seed)
    wrong = faults(spec, proposal, question.observed, question.pending)
    wrong += [each for one in proposal.experiments for each in obeyed(spec, one.conditions)]
    wrong += missing(question, proposal)
    assert wrong == []
    if question.seed < 2:  # every fifth: twice the work says little more each time
        assert plan(spec, question.observed, question.pending, question.n, question.seed) == proposal


def tried(examples: int, start: int, faults: Faults) -> int:
    """Try so many random campaigns; return how many there were."""
    count = 0

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # what fails is printed whole; shrinking it can take an hour
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(questions())
    def once(question: Question) -> None:
        nonlocal count
        count += 1
        check(question, faults)

    once()
    return count


FRUGAL = {
    "optimise": {"ENUMERATED": 2000, "_POOL": 128, "_SHORTLIST": 300, "_TRIES": 6},
    "strategy": {"_DRAWS": 16, "_REFERENCES": 32, "_DEAR": 128},
    "goal": {"_INNER": 8},
    "predict": {"_DRAWS": 64},
}
"""Budgets of the planner with which a plan takes a tenth of the time along the same ways."""


@pytest.fixture
def frugal(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, budgets in FRUGAL.items():
        for name, value in budgets.items():
            monkeypatch.setattr(f"labloop.planner.{module}.{name}", value)


def test_forty_random_campaigns_get_valid_proposals(faults: Faults) -> None:
    assert tried(40, 0, faults) == 40


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("part", range(10))
def test_five_thousand_random_campaigns_get_valid_proposals(part: int, faults: Faults) -> None:
    assert tried(500, 1 + part, faults) == 500
