"""BoTorch's test functions as labs, by name: ``ackley5`` is Ackley's function in five dimensions.

The functions are BoTorch's own, wrapped and not copied (`botorch.test_functions`, where their papers are cited);
here stand only the box, where BoTorch's own has the minimum in its middle and every planner that starts in the
middle would find it by luck, and the number of dimensions. This is the one module of `simulate` that imports
torch.

Notation: x (d,) in the function's own bounds; ``value`` has no unit and is minimised; ``slack1``, ``slack2``, ...
are what is left until a constraint is broken (they must be at least 0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from botorch.test_functions import synthetic
from botorch.test_functions.synthetic import ConstrainedSyntheticTestFunction, SyntheticTestFunction
from numpy.typing import NDArray

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Lab, Optimum
from labloop.simulate.polish import lowest

__all__ = ["FAMILIES", "dimension_of", "make"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """A test function of BoTorch's.

    Attributes
    ----------
    build : the function in d dimensions, with a box of its own or BoTorch's (None).
    dims : the dimensions there are, as BoTorch declares a minimum for them; the first is the default.
    box : low and high of every dimension, instead of BoTorch's.
    exact : its minimum is known in closed form; otherwise the published digits are polished to float64.
    """

    build: Callable[..., SyntheticTestFunction]
    dims: Sequence[int]
    box: tuple[float, float] | None = None
    exact: bool = True


def _hartmann(dim: int, **settings: Any) -> SyntheticTestFunction:
    return synthetic.Hartmann(dim=dim, **settings)


def _fixed(cls: Callable[..., SyntheticTestFunction]) -> Callable[..., SyntheticTestFunction]:
    return lambda dim, **settings: cls(**settings)  # noqa: ARG005 - these have one dimension only


FAMILIES: dict[str, Family] = {
    "ackley": Family(synthetic.Ackley, range(2, 51), box=(-23.8, 41.8)),
    "beale": Family(_fixed(synthetic.Beale), (2,)),
    "branin": Family(_fixed(synthetic.Branin), (2,), exact=False),
    "bukin": Family(_fixed(synthetic.Bukin), (2,)),
    "dixonprice": Family(synthetic.DixonPrice, range(2, 51)),
    "dropwave": Family(_fixed(synthetic.DropWave), (2,), box=(-3.9, 6.3)),
    "eggholder": Family(_fixed(synthetic.EggHolder), (2,), exact=False),
    "griewank": Family(synthetic.Griewank, range(2, 51), box=(-430.0, 690.0)),
    "hartmann": Family(_hartmann, (6, 3), exact=False),
    "holdertable": Family(_fixed(synthetic.HolderTable), (2,), exact=False),
    "levy": Family(synthetic.Levy, range(2, 51)),
    "michalewicz": Family(synthetic.Michalewicz, (2,), exact=False),
    "powell": Family(synthetic.Powell, range(4, 49, 4)),
    "rastrigin": Family(synthetic.Rastrigin, range(2, 51), box=(-3.7, 6.1)),
    "rosenbrock": Family(synthetic.Rosenbrock, range(2, 51)),
    "shekel": Family(_fixed(synthetic.Shekel), (4,), exact=False),
    "sixhumpcamel": Family(_fixed(synthetic.SixHumpCamel), (2,), exact=False),
    "styblinskitang": Family(synthetic.StyblinskiTang, range(2, 51), exact=False),
    "threehumpcamel": Family(_fixed(synthetic.ThreeHumpCamel), (2,), box=(-3.7, 6.3)),
    "constrainedgramacy": Family(_fixed(synthetic.ConstrainedGramacy), (2,), exact=False),
    "constrainedhartmann": Family(synthetic.ConstrainedHartmann, (6,), exact=False),
}
"""The functions by name, without their dimension."""


def dimension_of(name: str) -> tuple[str, int] | None:
    """Split ``levy4`` into a family and a dimension; None where there is no such function."""
    found = re.fullmatch(r"([a-z]+)(\d*)", name)
    if found is None or found[1] not in FAMILIES:
        return None
    dims = FAMILIES[found[1]].dims
    dim = int(found[2]) if found[2] else dims[0]
    return (found[1], dim) if dim in dims else None


@lru_cache(maxsize=64)
def make(name: str) -> Lab:
    """Return a test function as a lab without noise.

    Raises
    ------
    KeyError
        If there is no function of that name and dimension.
    """
    split = dimension_of(name)
    if split is None:
        raise KeyError(name)
    family, dim = FAMILIES[split[0]], split[1]
    settings: dict[str, Any] = {"dtype": torch.float64}
    if family.box is not None:
        settings["bounds"] = [family.box] * dim
    function = family.build(dim, **settings)
    names = [f"x{position}" for position in range(1, dim + 1)]
    best = _optimum(function, exact=family.exact)
    low, high = _box(function)

    def response(conditions: Conditions) -> Outcomes:
        return _outcomes(function, np.array([float(conditions[each]) for each in names]))

    slacks = [each for each in _outcomes(function, best) if each != "value"]
    return Lab(
        name=name,
        description=f"{type(function).__name__} in {dim} dimensions" + (", with constraints" if slacks else ""),
        source="botorch.test_functions.synthetic, which cites the paper" + (" (another box)" if family.box else ""),
        spec={
            "schema": "labloop/1",
            "name": name,
            "question": f"Where is {name} lowest?",
            "parameters": {each: {"bounds": [float(low[j]), float(high[j])]} for j, each in enumerate(names)},
            "objectives": {"value": {"goal": "minimize"}},
            "limits": [f"{each} >= 0" for each in slacks],
        },
        response=response,
        optimum=Optimum(dict(zip(names, best.tolist(), strict=True)), _outcomes(function, best)),
    )


def _box(function: SyntheticTestFunction) -> tuple[Array, Array]:
    low, high = function.get_buffer("bounds").numpy().astype(np.float64)
    return low, high


def _outcomes(function: SyntheticTestFunction, x: Array) -> Outcomes:
    row = torch.as_tensor(x, dtype=torch.float64)[None]
    found = {"value": float(function.evaluate_true(row))}
    if isinstance(function, ConstrainedSyntheticTestFunction):
        slack = function.evaluate_slack_true(row)[0].tolist()
        found |= {f"slack{position}": value for position, value in enumerate(slack, 1)}
    return found


def _optimum(function: SyntheticTestFunction, *, exact: bool) -> Array:
    """Return where the function is lowest: as BoTorch declares it, to float64 where that has a few digits only."""
    declared = function._optimizers
    assert declared, "only functions whose minimum BoTorch declares are listed"
    start = np.array(declared[0], dtype=np.float64)
    if exact:
        return start
    constrained = isinstance(function, ConstrainedSyntheticTestFunction)
    return lowest(
        lambda x: _outcomes(function, x)["value"],
        start,
        _box(function),
        slack=(lambda x: np.array(list(_outcomes(function, x).values())[1:])) if constrained else None,
    )
