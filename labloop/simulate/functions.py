"""Test functions with a known minimum, as plain formulas on one row of numbers.

Notation: x (d,) in the function's own bounds; the objective, ``value``, has no unit and is minimised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Lab, Optimum

__all__ = ["FUNCTIONS", "ackley", "branin", "hartmann6", "levy", "make"]

Array = NDArray[np.float64]

# The four hills of the Hartmann family in six dimensions (source below).
_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(x: Array) -> float:
    """Return Branin's function: three equal minima in two dimensions."""
    bowl = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return float(bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10)


def hartmann6(x: Array) -> float:
    """Return Hartmann's function in six dimensions: six minima, one of them global."""
    return float(-_ALPHA @ np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


def ackley(x: Array) -> float:
    """Return Ackley's function: a funnel covered with ripples."""
    funnel = -20 * math.exp(-0.2 * math.sqrt(float(np.mean(x**2))))
    return float(funnel - math.exp(float(np.mean(np.cos(2 * math.pi * x)))) + 20 + math.e)


def levy(x: Array) -> float:
    """Return Levy's function: a valley crossed by waves."""
    w = 1 + (x - 1) / 4
    ends = math.sin(math.pi * w[0]) ** 2 + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    inner = w[:-1]
    return float(ends + np.sum((inner - 1) ** 2 * (1 + 10 * np.sin(math.pi * inner + 1) ** 2)))


@dataclass(frozen=True)
class Problem:
    """A function with its box, its lowest value and where that lies."""

    formula: Callable[[Array], float]
    bounds: tuple[tuple[float, float], ...]
    minimum: float
    at: tuple[float, ...]
    source: str


FUNCTIONS = {
    "branin": Problem(
        branin,
        ((-5.0, 10.0), (0.0, 15.0)),
        0.397887357729738,
        (math.pi, 2.275),
        "Branin, IBM J. Res. Dev. 16 (1972), doi:10.1147/rd.165.0504",
    ),
    "hartmann6": Problem(
        hartmann6,
        ((0.0, 1.0),) * 6,
        -3.322368011391339,
        (0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054),
        "Dixon and Szego, Towards Global Optimization 2, North-Holland (1978)",
    ),
    "ackley": Problem(
        ackley,
        ((-20.0, 32.768),) * 6,
        0.0,
        (0.0,) * 6,
        "Ackley, A Connectionist Machine for Genetic Hillclimbing, Kluwer (1987); in six dimensions, the box "
        "off centre so that the minimum does not lie in its middle",
    ),
    "levy": Problem(
        levy,
        ((-10.0, 10.0),) * 6,
        0.0,
        (1.0,) * 6,
        "Levy and Montalvo, SIAM J. Sci. Stat. Comput. 6 (1985), doi:10.1137/0906002; in six dimensions",
    ),
}


def make(name: str) -> Lab:
    """Return a test function as a lab without noise.

    Raises
    ------
    KeyError
        If there is no function of that name.
    """
    problem = FUNCTIONS[name]
    names = [f"x{position}" for position in range(1, len(problem.bounds) + 1)]

    def response(conditions: Conditions) -> Outcomes:
        return {"value": problem.formula(np.array([float(conditions[each]) for each in names]))}

    summary = problem.formula.__doc__ or ""
    return Lab(
        name=name,
        description=summary.removeprefix("Return ").rstrip("."),
        source=problem.source,
        spec={
            "schema": "labloop/1",
            "name": name,
            "question": f"Where is {name} lowest?",
            "parameters": {each: {"bounds": list(box)} for each, box in zip(names, problem.bounds, strict=True)},
            "objectives": {"value": {"goal": "minimize"}},
        },
        response=response,
        optimum=Optimum(dict(zip(names, problem.at, strict=True)), {"value": problem.minimum}),
    )
