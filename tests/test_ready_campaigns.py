"""The campaign files that come with labloop load, leave room to sample, and can be played on their labs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labloop.records import Conditions
from labloop.simulate import lab
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Component, Constant
from labloop.spec.reader import read_spec

FILES = sorted((Path(__file__).parents[1] / "campaigns").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def ready(request: pytest.FixtureRequest) -> Spec:
    return read_spec(request.param)


def test_there_are_at_least_three_campaign_files() -> None:
    assert {path.stem for path in FILES} >= {"hydrogel", "reaction", "ferment"}


def test_a_file_is_named_after_its_campaign() -> None:
    assert [read_spec(path).name for path in FILES] == [path.stem for path in FILES]


def test_a_ready_campaign_can_be_played_on_the_lab_of_its_name(ready: Spec) -> None:
    assert lab(ready.name).misfits(ready) == ()


def test_a_ready_campaign_asks_what_its_lab_answers(ready: Spec) -> None:
    own, bare = lab(ready.name).campaign, {"description", "label"}

    def plain(spec: Spec) -> dict[str, object]:
        shared = {name: each for name, each in spec.parameters.items() if name in own.parameters}
        return {name: each.model_dump(exclude=bare) for name, each in shared.items()}

    assert plain(ready) == plain(own)
    assert ready.constraints == own.constraints
    assert ready.mixtures == own.mixtures
    assert [limit.limit for limit in ready.limits] == [limit.limit for limit in own.limits]


def test_the_labs_optimum_is_a_feasible_experiment_of_the_campaign(ready: Spec) -> None:
    best = dict(lab(ready.name).optimum.conditions)
    assert all(rule.holds(best) for rule in ready.rules)


def test_the_lab_measures_a_sampled_experiment(ready: Spec) -> None:
    place = lab(ready.name)
    results = [place.perform(number, _sampled(ready, number), seed=7) for number in range(1, 6)]
    measured = [result for result in results if result.failure is None]
    assert len(measured) >= 3
    for result in measured:
        assert set(result.outcomes) == set(ready.outcomes)
        assert set(result.covariates) == set(ready.covariates)


def _sampled(spec: Spec, seed: int) -> Conditions:
    """Draw conditions until the constraints hold: enough of a sampler for one experiment."""
    rng = np.random.default_rng(seed)
    while True:
        drawn = _drawn(spec, rng)
        if all(rule.holds(drawn) for rule in spec.rules):
            return drawn


def _drawn(spec: Spec, rng: np.random.Generator) -> dict[str, float | int | str]:
    drawn: dict[str, float | int | str] = {}
    for name, parameter in spec.proposed.items():
        match parameter:
            case Choice(names=names):
                drawn[name] = names[int(rng.integers(len(names)))]
            case Constant(value=value):
                drawn[name] = value
            case Component():
                pass
            case _:
                low, high = getattr(parameter, "bounds", (0.0, 1.0))
                drawn[name] = float(rng.uniform(low, high))
    for group in spec.mixtures:
        names = spec.components(group)[:4]
        shares = rng.dirichlet([8.0] * len(names))
        drawn |= dict.fromkeys(spec.components(group), 0.0) | dict(zip(names, shares.tolist(), strict=True))
    return drawn
