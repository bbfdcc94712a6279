"""Are the answers of `labloop explain` true? Random response surfaces with known effects.

Every question that labloop asks is a weighted sum of the true mean at points, so the truth of every effect is that
sum over the simulated surface. Three promises:

1. 90 % intervals, of the linear model and of the surrogate, hold the truth in 85 to 95 % of all answers;
2. a factor without any effect is called active in at most 10 % of the cases;
3. one-factor-at-a-time campaigns never report an interaction.

Run it with

    python benchmarks/explain_truth.py --surfaces 500 --ofat 200
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from labloop.insight import posterior
from labloop.insight.effects import Effect, effects, ladder
from labloop.insight.estimability import Design, estimability
from labloop.insight.questions import Question, Region, questions_of
from labloop.insight.runs import Runs, runs_of
from labloop.insight.terms import basis_of, first_order, second_order
from labloop.records import Experiment, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec

Array = npt.NDArray[np.float64]
Surface = Callable[[Array], Array]
"""The true mean at cube rows (n, d)."""


@dataclass
class Tally:
    """What came out: hits and answers by model, flags and chances of null factors, interactions found."""

    linear: list[bool] = field(default_factory=list)
    surrogate: list[bool] = field(default_factory=list)
    null: list[bool] = field(default_factory=list)
    active: list[bool] = field(default_factory=list)


def spec_of(dim: int, choice: bool) -> Spec:
    """Return a campaign of ``dim`` numbers and perhaps a choice."""
    parameters: dict[str, object] = {f"x{j}": {"bounds": [0.0, 1.0]} for j in range(dim)}
    if choice:
        parameters["kind"] = {"choices": ["a", "b", "c"]}
    return Spec.model_validate({"name": "truth", "parameters": parameters, "objectives": {"y": {"goal": "maximize"}}})


def surface(dim: int, choice: bool, rng: np.random.Generator) -> tuple[Surface, list[bool]]:
    """Return a random surface, and which factors have no effect at all.

    Main effects, interactions and curvatures of random size, half of them also bent by a smooth saturating
    function, so that no quadratic fits exactly.
    """
    null = rng.random(dim) < 0.3
    main = np.where(null, 0.0, rng.normal(0, 2, dim))
    pairs = np.triu(rng.normal(0, 1.5, (dim, dim)) * (rng.random((dim, dim)) < 0.3), 1)
    curved = np.where(rng.random(dim) < 0.4, rng.normal(0, 1.5, dim), 0.0)
    pairs[null, :] = 0.0
    pairs[:, null] = 0.0
    curved[null] = 0.0
    levels = rng.normal(0, 1.5, 3) if choice and rng.random() > 0.3 else np.zeros(3)
    bend = rng.random() < 0.5

    def mean(rows: Array) -> Array:
        z = 2 * rows[:, :dim] - 1
        found = z @ main + np.einsum("ni,ij,nj->n", z, pairs, z) + (z**2) @ curved
        if choice:
            found = found + levels[np.clip((rows[:, dim] * 3).astype(int), 0, 2)]
        return np.asarray(4 * np.tanh(found / 4) if bend else found)

    return mean, [*null.tolist(), *([bool((levels == 0).all())] if choice else [])]


def experiments(spec: Spec, cube: Array, y: Array) -> list[Experiment]:
    """Return experiments with their results."""
    found = []
    for i, conditions in enumerate(Space(spec).decode(cube, snap=False), 1):
        observation = Observation(1, {"y": float(y[i - 1])})
        found.append(
            Experiment(i, Status.COMPLETED, Origin.DESIGN, conditions, conditions, observations=(observation,))
        )
    return found


def answered(runs: Runs, seed: int) -> tuple[list[Question], list[Effect]]:
    """Ask everything about some runs, without pictures and shares."""
    told = estimability(runs)
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    region = Region(runs, seed)
    questions = questions_of(runs, region, [*design.mains, *design.seconds])
    fitted = posterior.fit(runs, np.random.default_rng(seed), even=True)
    return questions, effects(told, ladder(design, region), fitted, questions, seed)


def one_surface(seed: int, tally: Tally) -> None:
    """Simulate one campaign of a space-filling design with a few replicates, and judge every answer."""
    rng = np.random.default_rng(seed)
    dim, choice = int(rng.integers(2, 5)), bool(rng.random() < 0.4)
    spec = spec_of(dim, choice)
    mean, null = surface(dim, choice, rng)
    cube = Space(spec).spread(int(rng.integers(14, 41)), rng)
    cube = np.vstack([cube, cube[: int(rng.integers(0, 6))]])
    y = mean(cube) + rng.normal(0, rng.uniform(0.3, 1.5), len(cube))
    runs = runs_of(spec, experiments(spec, cube, y), "y")
    questions, answers = answered(runs, seed)
    for question, answer in zip(questions, answers, strict=True):
        truth = float(question.weights @ mean(question.points))
        if answer.linear is not None:
            tally.linear.append(answer.linear.low <= truth <= answer.linear.high)
        if answer.linear is not None and answer.surrogate is not None:
            tally.surrogate.append(answer.surrogate.low <= truth <= answer.surrogate.high)
    for factor, nothing in zip(runs.factors, null, strict=True):
        flagged = any(each.standing == "found" and factor.name in each.term.names for each in answers)
        (tally.null if nothing else tally.active).append(flagged)


def one_at_a_time(seed: int) -> int:
    """Return how many interactions a one-factor-at-a-time campaign reports as found, on a surface full of them."""
    rng = np.random.default_rng(seed)
    dim = int(rng.integers(2, 6))
    spec = spec_of(dim, choice=False)
    mean, _ = surface(dim, False, rng)
    hub = rng.uniform(0.2, 0.8, dim)
    rows = [hub] * int(rng.integers(1, 4))
    for j in range(dim):
        for value in rng.uniform(0, 1, int(rng.integers(2, 6))):
            row = hub.copy()
            row[j] = value
            rows.append(row)
    cube = np.array(rows)
    if rng.random() < 0.5:  # what was dialled in is never exactly what was meant
        cube = np.clip(cube + rng.normal(0, 0.004, cube.shape), 0, 1)
    y = 5 * mean(cube) + rng.normal(0, 0.3, len(cube))
    answers = answered(runs_of(spec, experiments(spec, cube, y), "y"), seed)[1]
    return sum(each.standing == "found" and each.term.kind == "interaction" for each in answers)


def run(surfaces: int, ofat: int, *, first: int = 0) -> tuple[Tally, int]:
    """Return the tally over surfaces, and the number of interactions found one factor at a time."""
    tally = Tally()
    for seed in range(first, first + surfaces):
        one_surface(seed, tally)
    return tally, sum(one_at_a_time(10_000 + seed) for seed in range(ofat))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--surfaces", type=int, default=500)
    parser.add_argument("--ofat", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    began = time.perf_counter()
    tally, found = run(given.surfaces, given.ofat, first=given.first)
    print(f"{given.surfaces} surfaces, {len(tally.linear)} answers, {time.perf_counter() - began:.0f} s")
    print(
        f"truth in 90 % intervals: linear model {np.mean(tally.linear):.1%}, surrogate {np.mean(tally.surrogate):.1%}"
    )
    print(f"null factors called active: {np.mean(tally.null):.1%} of {len(tally.null)}")
    print(f"active factors called active: {np.mean(tally.active):.1%} of {len(tally.active)}")
    print(f"interactions found in {given.ofat} one-factor-at-a-time campaigns: {found}")


if __name__ == "__main__":
    main()
