"""Other optimisers behind the planner's signature: what they are told, what is put right, what is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

import pytest

from labloop.errors import UsageError
from labloop.records import Experiment, Observation, Origin, Status, Value
from labloop.simulate.job import Job
from labloop.simulate.peers import plan as peer_module
from labloop.simulate.peers.form import Form, Seen
from labloop.simulate.peers.plan import peer_plan
from labloop.simulate.trial import run
from labloop.spec.models import Spec

PACKAGES = {
    "ax": "ax", "baybe": "baybe", "bofire": "bofire", "botorch": "botorch", "optuna": "optuna", "optuna-tpe": "optuna",
}  # fmt: skip

RICH = {
    "name": "rich",
    "parameters": {
        "HEA": {"mixture": "monomers"},
        "BA": {"mixture": "monomers", "max": 0.7},
        "AAm": {"mixture": "monomers", "min": 0.1},
        "temperature": {"bounds": [20, 80], "step": 5},
        "time": {"bounds": [1, 100], "scale": "log"},
        "dose": {"levels": [0.1, 0.5, 2.5]},
        "cycles": {"bounds": [1, 8], "integer": True},
        "solvent": {"choices": ["water", "DMSO", "EtOH"]},
        "vessel": {"value": "vial"},
    },
    "mixtures": {"monomers": {"total": 1, "at_most": 2}},
    "constraints": ["temperature + 5 * cycles <= 100", 'if solvent == "water" then temperature <= 60'],
    "objectives": {"score": {"goal": "minimize"}},
    "limits": ["purity >= 95"],
}


def rich(**changes: object) -> Spec:
    return Spec.model_validate({**RICH, **changes})


def done(number: int, score: float | None, purity: float = 99.0) -> Experiment:
    conditions: dict[str, Value] = {
        "HEA": 0.5, "BA": 0.5, "AAm": 0.0, "temperature": 40.0, "time": 10.0, "dose": 0.5, "cycles": 2,
        "solvent": "EtOH", "vessel": "vial",
    }  # fmt: skip
    observations = () if score is None else (Observation(1, {"score": score, "purity": purity}),)
    status = Status.COMPLETED if observations else Status.INFEASIBLE
    return Experiment(number, status, Origin.PLANNER, conditions, conditions, observations=observations)


def test_what_is_linear_is_stated_and_the_rest_counted() -> None:
    form = Form(rich())
    assert [dict(rule.coefficients) for rule in form.rules] == [{"temperature": 1.0, "cycles": 5.0}]
    assert form.others == 1
    assert Form(rich(constraints=["time + temperature <= 100"])).rules == (), "time is on a log scale"
    assert "vessel" not in form.factors


def test_scores_are_larger_when_better() -> None:
    seen = Form(rich()).seen([done(1, 5.0), done(2, None)])
    assert [each.score for each in seen] == [-5.0, None]


def test_a_broken_limit_costs_the_worst_score_so_far() -> None:
    form = Form(rich())
    seen = form.penalised(form.seen([done(1, 5.0), done(2, 1.0, purity=50.0), done(3, 7.0), done(4, None)]))
    assert [each.score for each in seen] == [-5.0, -7.0, -7.0, None]


def test_spans_and_logarithms_are_those_of_the_campaign() -> None:
    form = Form(rich())
    assert form.span("BA") == (0.0, 0.7)
    assert form.span("AAm") == (0.0, 1.0)
    assert form.span("dose") == (0.1, 2.5)
    assert form.coded("time", 100.0) == pytest.approx(2.0)
    assert form.uncoded("time", 2.0) == pytest.approx(100.0)
    assert form.uncoded("time", 2.1) == 100.0, "a hair beyond the bounds is the bound"
    assert form.coded("temperature", 40.0) == 40.0


class Corner:
    """Asks for what cannot be run."""

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        row: dict[str, Value] = {
            "HEA": 0.4, "BA": 0.4, "AAm": 0.05, "temperature": 78.0, "time": 3.0, "dose": 0.5, "cycles": 8,
            "solvent": "water",
        }  # fmt: skip
        assert first == len(seen) + 1
        return [row] * (n + 3)


def test_a_proposal_that_cannot_be_run_is_moved_to_the_nearest_that_can() -> None:
    spec = rich()
    plan = peer_module._Plan(Form(spec), Corner())
    proposal = plan(spec, [done(1, 5.0)], [], 2, 0)
    assert len(proposal.experiments) == 2, "no more than asked for"
    conditions = proposal.experiments[0].conditions
    assert all(rule.holds(conditions) for rule in spec.rules)
    shares = [float(conditions[name]) for name in ("HEA", "BA", "AAm")]
    assert sum(shares) == pytest.approx(1.0)
    assert sum(share > 0 for share in shares) <= 2
    assert conditions["vessel"] == "vial"
    assert conditions["solvent"] == "water"


def test_what_an_optimiser_cannot_be_told_is_said() -> None:
    said = peer_module._notes(Form(rich()), frozenset({"limit", "log"}))
    assert [text.split(" is ")[0] for text in said] == [
        "a linear constraint", "a sum of shares", "how many components there may be", "a condition between factors",
    ]  # fmt: skip
    every = frozenset({"linear", "mixture", "count", "limit", "log"})
    assert peer_module._notes(Form(rich(constraints=[])), every) == ()


def test_an_optimiser_that_is_not_installed_is_answered_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peer_module._MODULES, "ax", "labloop.simulate.peers.not_there")
    with pytest.raises(UsageError, match="ax is not installed here") as caught:
        peer_plan("ax", rich(), 0)
    assert caught.value.hint == "pip install 'labloop[peers]'"


def installed(name: str) -> None:
    if find_spec(PACKAGES[name]) is None:
        pytest.skip(f"NOT RUN: {PACKAGES[name]} is not installed here (pip install 'labloop[peers]')")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PACKAGES)
def test_an_optimiser_plays_a_campaign_and_the_same_again_with_the_same_seed(name: str) -> None:
    installed(name)
    job = Job(lab="branin", strategy=name, seed=2, batch=4, budget=16)
    first = run(job)
    assert len(first.rows) == 16
    assert first.rows == run(job).rows
    assert first.rows != run(replace(job, seed=3)).rows
    assert first.rows[-1].left < 0.5, "sixteen experiments in two dimensions are enough to get near"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PACKAGES)
def test_an_optimiser_takes_common_experiments_for_its_own(name: str) -> None:
    installed(name)
    rows = run(Job(lab="outlier2:levels=3", strategy=name, seed=0, batch=3, budget=15, start=12)).rows
    assert [row.slot for row in rows] == ["start"] * 12 + ["peer"] * 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lab", ["hydrogel", "reaction", "ferment", "constrainedgramacy"])
@pytest.mark.parametrize("name", PACKAGES)
def test_an_optimiser_plays_a_campaign_with_choices_mixtures_and_limits(name: str, lab: str) -> None:
    installed(name)
    rows = run(Job(lab=lab, strategy=name, seed=0, batch=4, budget=16)).rows
    assert len(rows) == 16
    assert any(row.value is not None for row in rows)
