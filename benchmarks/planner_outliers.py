"""How many outliers the planner finds, how many it imagines, and what that is worth to its predictions.

    python benchmarks/planner_outliers.py

Two columns, a smooth function measured with noise 0.1, some results too low by 5 to 12 standard deviations of it;
20 draws a row. Errors are those of the predicted mean (root mean square over the space), with every result counted
once, and with what each is worth (`labloop.planner.worth`).
"""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

from labloop.planner import worth
from labloop.planner.data import gather
from labloop.planner.kernel import Array
from labloop.planner.models import Models, fit_models
from labloop.records import Experiment, Observation, Origin, Status
from labloop.space import Space
from labloop.spec.models import Spec

DRAWS = 20
NOISE = 0.1
CASES = ((20, 0), (20, 1), (40, 0), (40, 3), (80, 0), (80, 6))
SPEC = Spec.model_validate(
    {
        "name": "outliers",
        "parameters": {"a": {"bounds": [0, 1]}, "b": {"bounds": [0, 1]}},
        "objectives": {"y": {"goal": "maximize"}},
    }
)
SPACE = Space(SPEC)
GRID = np.random.default_rng(9).random((500, 2))


def true(rows: Array) -> Array:
    """Return the function at (n, 2) rows."""
    return np.asarray(np.sin(5 * rows[:, 0]) + np.cos(4 * rows[:, 1]))


def fitted(rows: Array, y: Array) -> Models:
    """Return the planner's model of results."""
    observed = []
    for number, (row, value) in enumerate(zip(rows, y, strict=True), 1):
        conditions = {"a": float(row[0]), "b": float(row[1])}
        measured = (Observation(1, {"y": float(value)}),)
        observed.append(
            Experiment(number, Status.COMPLETED, Origin.MANUAL, conditions, conditions, observations=measured)
        )
    return fit_models(SPEC, SPACE, gather(SPEC, SPACE, observed, []), np.random.default_rng(0))


def error_of(models: Models) -> float:
    """Return the root mean square error of the predicted mean."""
    surrogate = models.surrogates["y"]
    mean = surrogate.scale.to_user(surrogate.predict(models.features(GRID))[0])
    return float(np.sqrt(np.mean((mean - true(GRID)) ** 2)))


def main() -> None:
    """Print the table."""
    print("| n, outliers | found | false | error, each counted once | error, as worth |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for n, count in CASES:
        found, false, before, after = 0, 0, [], []
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            rows = rng.random((n, 2))
            y = true(rows) + NOISE * rng.standard_normal(n)
            bad = rng.choice(n, count, replace=False)
            y[bad] -= NOISE * rng.uniform(5.0, 12.0, count)
            models = fitted(rows, y)
            discounted = set(models.surrogates["y"].discounted)
            found, false = found + len(discounted & set(bad)), false + len(discounted - set(bad))
            after.append(error_of(models))
            with patch.object(worth, "_ROWS", (n + 1, n + 1)):
                before.append(error_of(fitted(rows, y)))
        print(f"| {n}, {count} | {found} of {count * DRAWS} | {false} | {np.mean(before):.3f} | {np.mean(after):.3f} |")


if __name__ == "__main__":
    main()
