"""The campaign files that come with labloop load, leave room to sample, and can be played on their labs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labloop.records import Value
from labloop.simulate import lab
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant
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


def test_the_labs_optimum_is_an_experiment_that_could_be_proposed(ready: Spec) -> None:
    space, constants = Space(ready), {n: p.value for n, p in ready.proposed.items() if isinstance(p, Constant)}
    best = {**lab(ready.name).optimum.conditions, **constants}
    row = space.encode([best])
    assert space.feasible(row).all()
    (proposed,) = space.decode(row)
    assert proposed == {name: _approximately(value) for name, value in best.items()}


def test_the_lab_measures_sampled_experiments(ready: Spec) -> None:
    space, place = Space(ready), lab(ready.name)
    sampled = space.decode(space.sample(40, np.random.default_rng(11)))
    results = [place.perform(number, conditions, seed=7) for number, conditions in enumerate(sampled, 1)]
    measured = [result for result in results if result.failure is None]
    assert len(measured) >= 30
    for result in measured:
        assert set(result.outcomes) == set(ready.outcomes)
        assert set(result.covariates) == set(ready.covariates)


def _approximately(value: Value) -> Any:
    return value if isinstance(value, str) else pytest.approx(value, abs=1e-9)
