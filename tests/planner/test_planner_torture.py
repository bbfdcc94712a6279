"""Histories that break planners: a full, valid batch from every strategy, in silence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from labloop.planner import plan
from labloop.records import Conditions, Experiment, FailureKind, Observation, Origin, Proposal, Status
from labloop.space import Space
from labloop.spec.models import Spec

STRATEGIES = ("explore", "balanced", "exploit", "learn")
SIZES = (1, 4, 13)
SQUARE: dict[str, Any] = {"a": {"bounds": [0.0, 1.0]}, "b": {"bounds": [0.0, 1.0]}}


@dataclass(frozen=True)
class History:
    """What a plan is made from, and what its notes must say."""

    spec: Spec
    observed: list[Experiment]
    pending: Sequence[Conditions] = ()
    says: str = ""


def spec_of(parameters: Mapping[str, Any] = SQUARE, **fields: Any) -> Spec:
    standard = {"name": "torture", "parameters": dict(parameters), "objectives": {"y": {"goal": "maximize"}}}
    return Spec.model_validate({**standard, **fields})


def done(number: int, conditions: Conditions, outcomes: Mapping[str, float], **covariates: float) -> Experiment:
    found = Experiment(number, Status.COMPLETED, Origin.PLANNER, conditions, conditions)
    return replace(found, observations=(Observation(1, dict(outcomes), covariates),))


def broken(number: int, conditions: Conditions) -> Experiment:
    found = Experiment(number, Status.FAILED, Origin.PLANNER, conditions, conditions)
    return replace(found, failure=FailureKind.INFEASIBLE)


def sampled(spec: Spec, n: int, seed: int = 0) -> list[dict[str, Any]]:
    space = Space(spec)
    return space.decode(space.sample(n, np.random.default_rng(seed))) if n else []


def hill(conditions: Conditions) -> float:
    """Between 0 and 1, with its top at 0.3 in every number."""
    return math.exp(-sum((float(v) - 0.3) ** 2 for v in conditions.values()))


def of(value: Callable[[int, dict[str, Any]], float], n: int = 14, says: str = "", **fields: Any) -> History:
    """A history over the unit square: ``value(i, conditions)`` is what came of experiment i."""
    spec = spec_of(**fields)
    return History(spec, [done(i, c, {"y": value(i, c)}) for i, c in enumerate(sampled(spec, n), 1)], says=says)


def few(n: int) -> History:
    return replace(of(lambda _, c: hill(c), n), says=f"{n} of the 5 results needed")


def told(n: int) -> History:
    """n results, and a user who wants a model as soon as there is one."""
    return of(lambda _, c: hill(c), n, planner={"start": 1}, says="no model used" if n < 2 else "")


def outliers(count: int, size: float) -> History:
    return of(lambda i, c: size if i <= count else hill(c))


def wide() -> History:
    spec = spec_of({f"x{j}": {"bounds": [0.0, 1e6]} for j in range(3)})
    return History(
        spec, [done(i, c, {"y": hill({k: v / 1e6 for k, v in c.items()})}) for i, c in enumerate(sampled(spec, 12), 1)]
    )


def decades() -> History:
    spec = spec_of({"a": {"bounds": [1e-9, 1e3], "scale": "log"}, "b": {"bounds": [1e-3, 1e9], "scale": "log"}})
    return History(
        spec, [done(i, c, {"y": math.log10(c["a"]) - math.log10(c["b"])}) for i, c in enumerate(sampled(spec, 12), 1)]
    )


def repeated(gap: float, n: int, kinds: int = 3) -> History:
    """n experiments on a few spots, each ``gap`` away from the one before."""
    spec = spec_of()
    spots = sampled(spec, kinds)
    rows = [{k: v * (1 - gap * i) for k, v in spots[i % kinds].items()} for i in range(n)]
    return History(spec, [done(i, c, {"y": hill(c) + 0.01 * math.sin(i)}) for i, c in enumerate(rows, 1)])


def failures(works: Callable[[dict[str, Any]], bool], says: str) -> History:
    spec = spec_of()
    rows = sampled(spec, 30)
    observed = [done(i, c, {"y": hill(c)}) if works(c) else broken(i, c) for i, c in enumerate(rows, 1)]
    return History(spec, observed, says=says)


def one_feasible() -> History:
    spec = spec_of()
    rows = sampled(spec, 20)
    # One spot that works, measured often enough for a model.
    good = [done(20 + i, rows[0], {"y": 1.0 + 0.01 * i}) for i in range(6)]
    return History(spec, [*(broken(i, c) for i, c in enumerate(rows[1:], 1)), *good], says="1 of the 5 results needed")


def thirty() -> History:
    spec = spec_of({f"x{j}": {"bounds": [0.0, 1.0]} for j in range(30)}, planner={"start": 10})
    return History(spec, [done(i, c, {"y": hill(c)}) for i, c in enumerate(sampled(spec, 10), 1)])


def covariate(value: float | None) -> History:
    spec = spec_of({**SQUARE, "humidity": {"observed": True}})
    given = {} if value is None else {"humidity": value}
    return History(spec, [done(i, c, {"y": hill(c)}, **given) for i, c in enumerate(sampled(spec, 10), 1)])


def partly() -> History:
    """Of three outcomes every experiment measured one or two; of one there is a single value."""
    spec = spec_of(
        objectives={"y": {"goal": "maximize"}, "cost": {"goal": "minimize"}}, limits=["purity >= 50", "ph <= 7"]
    )
    observed = []
    for i, c in enumerate(sampled(spec, 18), 1):
        outcomes = {"y": hill(c)} if i % 3 else {"cost": c["a"], "purity": 100 * c["b"]}
        observed.append(done(i, c, outcomes | ({"ph": 6.0} if i == 4 else {})))
    return History(spec, observed, says="The outcome ph was measured fewer than twice")


def scales() -> History:
    spec = spec_of(
        objectives={"y": {"goal": "maximize"}, "big": {"goal": "minimize"}, "t": {"goal": "target", "target": 5e-7}}
    )
    rows = sampled(spec, 12)
    return History(
        spec,
        [done(i, c, {"y": 1e-9 * hill(c), "big": 1e12 * c["a"], "t": 1e-6 * c["b"]}) for i, c in enumerate(rows, 1)],
    )


def hopeless() -> History:
    spec = spec_of(limits=["purity >= 1000"])
    rows = sampled(spec, 12)
    return History(
        spec,
        [done(i, c, {"y": hill(c), "purity": 10 * c["b"]}) for i, c in enumerate(rows, 1)],
        says="No result holds all limits",
    )


def pending(n: int, observed: int) -> History:
    spec = spec_of()
    rows = sampled(spec, n + observed)
    found = [done(i, c, {"y": hill(c)}) for i, c in enumerate(rows[:observed], 1)]
    return History(spec, found, rows[observed:])


def thin() -> History:
    """A slab between two planes, in which random points are never met."""
    spec = spec_of({f"x{j}": {"bounds": [0.0, 1.0]} for j in range(4)}, constraints=["1 <= x0 + x1 + x2 + x3 <= 1.002"])
    return History(spec, [done(i, c, {"y": hill(c)}) for i, c in enumerate(sampled(spec, 12), 1)])


def off_the_grid() -> History:
    """What was executed is not what was planned, and lies outside the bounds."""
    spec = spec_of({"a": {"bounds": [0.0, 1.0], "step": 0.1}, "b": {"bounds": [1.0, 100.0], "scale": "log"}})
    rows = [{"a": 1.5 * c["a"] - 0.2, "b": c["b"] * 1.7} for c in sampled(spec, 12)]
    return History(spec, [done(i, c, {"y": hill({"a": c["a"]})}) for i, c in enumerate(rows, 1)])


HISTORIES: dict[str, Callable[[], History]] = {
    **{f"{n} results": lambda n=n: few(n) for n in range(4)},  # type: ignore[misc]
    **{f"{n} results and start 1": lambda n=n: told(n) for n in range(4)},  # type: ignore[misc]
    "constant": lambda: of(lambda *_: 7.5, says="y never varied"),
    "constant zero": lambda: of(lambda *_: 0.0, says="y never varied"),
    "constant to 1e-15": lambda: of(lambda i, _: 1.0 + 1e-15 * (i % 2), says="y never varied"),
    "two values": lambda: of(lambda i, _: float(i % 2)),
    "all equal but one": lambda: of(lambda i, _: float(i == 3)),
    "times 1e-12": lambda: of(lambda _, c: 1e-12 * hill(c)),
    "times 1e12": lambda: of(lambda _, c: 1e12 * hill(c)),
    "times 1e-250": lambda: of(lambda _, c: 1e-250 * hill(c)),
    "times 1e150": lambda: of(lambda _, c: -1e150 * hill(c)),
    "plus 1e9": lambda: of(lambda _, c: 1e9 + hill(c)),
    "inputs to 1e6": wide,
    "twelve decades": decades,
    "over 200 decades": lambda: of(lambda _, c: 10 ** (200 * hill(c) - 100)),
    "duplicates": lambda: repeated(0.0, 24, kinds=8),
    "two spots": lambda: repeated(0.0, 12, kinds=2),
    "near duplicates": lambda: repeated(1e-9, 24, kinds=8),
    "300 near-identical points": lambda: repeated(1e-6, 300),
    "one outlier": lambda: outliers(1, 1e4),
    "three outliers": lambda: outliers(3, 1e4),
    "one bad outlier": lambda: outliers(1, -1e4),
    "three bad outliers": lambda: outliers(3, -1e4),
    "an outlier of 1e12": lambda: outliers(1, 1e12),
    "pure noise": lambda: of(lambda i, _: float(np.random.default_rng(i).standard_normal()), 40),
    "all infeasible": lambda: failures(lambda _: False, "0 of the 5 results needed"),
    "one feasible": lambda: failures(lambda c: c["a"] < 0.03, "of the 5 results needed"),
    "one feasible, often": one_feasible,
    "a corner works": lambda: failures(lambda c: c["a"] + c["b"] < 0.7, ""),
    "30 dimensions": thirty,
    "a covariate never measured": lambda: covariate(None),
    "a constant covariate": lambda: covariate(40.0),
    "partly measured": partly,
    "three scales": scales,
    "a limit that never holds": hopeless,
    "all pending": lambda: replace(pending(20, 0), says="no model used"),
    "many pending": lambda: pending(40, 8),
    "a thin slab": thin,
    "executed elsewhere": off_the_grid,
}


def cases() -> Iterator[tuple[str, str, int]]:
    """Return every history once, the strategies and sizes in turn."""
    turns = itertools.cycle(itertools.product(SIZES, STRATEGIES))
    # Twelve turns for every history would each be met by the same histories at every start: step by five.
    for name in HISTORIES:
        size, strategy = next(itertools.islice(turns, 4, None))
        yield name, strategy, size


Faults = Callable[[Spec, Proposal, Sequence[Experiment], Sequence[Conditions]], list[str]]


def tortured(name: str, strategy: str, size: int, faults: Faults, capfd: pytest.CaptureFixture[str]) -> None:
    history = HISTORIES[name]()
    settings = history.spec.planner.model_copy(update={"strategy": strategy})
    spec = history.spec.model_copy(update={"planner": settings})
    capfd.readouterr()
    proposal = plan(spec, history.observed, history.pending, size, 7)
    assert capfd.readouterr() == ("", "")
    assert faults(spec, proposal, history.observed, history.pending) == []
    assert len(proposal.experiments) == size
    assert history.says in " ".join(proposal.notes)


@pytest.mark.parametrize(("name", "strategy", "size"), list(cases()))
def test_a_full_valid_batch_whatever_the_history(
    name: str, strategy: str, size: int, faults: Faults, capfd: pytest.CaptureFixture[str]
) -> None:
    tortured(name, strategy, size, faults, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", HISTORIES)
def test_a_full_valid_batch_from_every_strategy(
    name: str, strategy: str, size: int, faults: Faults, capfd: pytest.CaptureFixture[str]
) -> None:
    tortured(name, strategy, size, faults, capfd)
