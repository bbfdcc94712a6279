"""BoTorch's test functions as labs, by name: ``ackley5`` is Ackley's function in five dimensions.

The functions are BoTorch's own, wrapped and not copied (`botorch.test_functions`, where their papers are cited);
here stand only the box, where BoTorch's own has the minimum in its middle and every planner that starts in the
middle would find it by luck, the number of dimensions, and where the minimum is, where BoTorch does not say. Those
with several objectives are in `fronts.py`; beside these two and a peer nothing in `simulate` imports torch.

A function of several fidelities is run at the one that counts: its fidelity is a constant of the campaign.

Notation: x (d,) in the function's own bounds; ``value`` has no unit and is minimised; ``slack1``, ``slack2``, ...
are what is left until a constraint is broken (they must be at least 0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from botorch.test_functions import multi_fidelity, synthetic
from botorch.test_functions.base import BaseTestProblem
from botorch.test_functions.synthetic import ConstrainedSyntheticTestFunction, SyntheticTestFunction
from numpy.typing import NDArray

from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Lab, Optimum
from labloop.simulate.polish import lowest

__all__ = ["FAMILIES", "box_of", "dimension_of", "inside", "make", "names_of", "parameters_of"]

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
    at : where it is lowest, where BoTorch does not say; with ``exact`` as good as float64 has it.
    fixed : coordinates that are constants, by position from the end (-1 the last): the fidelity that counts.
    steps : coordinates that the function rounds, with what it rounds them to.
    """

    build: Callable[..., SyntheticTestFunction]
    dims: Sequence[int]
    box: tuple[float, float] | None = None
    exact: bool = True
    at: tuple[float, ...] = ()
    fixed: Mapping[int, float] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)


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
    "constrainedhartmannsmooth": Family(synthetic.ConstrainedHartmannSmooth, (6,), exact=False),
    # Where rules meet, the last digits are such that all of them hold.
    "keanebump": Family(synthetic.KeaneBumpFunction, (2,), at=(1.6008604288331187, 0.4684980567273355)),
    "pressurevessel": Family(
        _fixed(synthetic.PressureVessel),
        (4,),
        at=(0.8125, 0.4375, 42.09844559485492, 176.63659585583096),
        steps={0: 0.0625, 1: 0.0625},
    ),
    "speedreducer": Family(_fixed(synthetic.SpeedReducer), (7,), at=(3.5, 0.7, 17.0, 7.3, 7.8, 3.35021467, 5.28668324)),
    "tensioncompressionstring": Family(
        _fixed(synthetic.TensionCompressionString),
        (3,),
        at=(0.05168906279198195, 0.35671778090000883, 11.288963344494416),
    ),
    # Lower than the 1.728 that BoTorch quotes: its buckling load has times 6 where the paper's has a sixth (with
    # that the minimum is 1.7249).
    "weldedbeamso": Family(
        _fixed(synthetic.WeldedBeamSO), (4,), at=(0.1679999999139302, 4.067084776257008, 10.0, 0.16800000001134793)
    ),
    "augmentedbranin": Family(_fixed(multi_fidelity.AugmentedBranin), (3,), exact=False, fixed={-1: 1.0}),
    "augmentedhartmann": Family(_fixed(multi_fidelity.AugmentedHartmann), (7,), exact=False, fixed={-1: 1.0}),
    "augmentedrosenbrock": Family(
        lambda dim, **settings: multi_fidelity.AugmentedRosenbrock(dim=dim, **settings),
        range(4, 51),
        fixed={-2: 1.0, -1: 1.0},
    ),
    "boreholemultifidelity": Family(
        _fixed(multi_fidelity.BoreholeMultiFidelity),
        (9,),
        at=(0.05, 10000.0, 100.0, 10.0, 990.0, 820.0, 2000.0, 6000.0, 0.0),
        fixed={-1: 0.0},
    ),
    "wingweightmultifidelity": Family(
        _fixed(multi_fidelity.WingWeightMultiFidelity),
        (11,),
        at=(150.0, 220.0, 6.0, 0.0, 16.0, 0.5, 0.18, 2.5, 1700.0, 0.025, 0.0),
        fixed={-1: 0.0},
    ),
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
    fixed = {position % dim: value for position, value in family.fixed.items()}
    names = names_of(dim, fixed)
    best = _optimum(function, family, fixed)

    def responses(rows: Sequence[Conditions]) -> Sequence[Outcomes]:
        return _all_outcomes(function, np.array([[float(row[each]) for each in names] for row in rows]))

    slacks = [each for each in _outcomes(function, best) if each != "value"]
    remarks = [*(["another box"] if family.box else []), *(["at the fidelity that counts"] if fixed else [])]
    return Lab(
        name=name,
        description=f"{type(function).__name__} in {dim - len(fixed)} dimensions"
        + (", with constraints" if slacks else ""),
        source="botorch.test_functions, which cites the paper" + (f" ({', '.join(remarks)})" if remarks else ""),
        spec={
            "schema": "labloop/1",
            "name": name,
            "question": f"Where is {name} lowest?",
            "parameters": parameters_of(box_of(function), fixed, family.steps),
            "objectives": {"value": {"goal": "minimize"}},
            "limits": [f"{each} >= 0" for each in slacks],
        },
        response=lambda conditions: responses([conditions])[0],
        # Where rules may leave little, thousands are asked at once.
        responses=responses if slacks else None,
        optimum=Optimum(dict(zip(names, best.tolist(), strict=True)), _outcomes(function, best)),
    )


def names_of(dim: int, fixed: Mapping[int, float]) -> list[str]:
    """Name a function's coordinates: x1, x2, ..., and what is fixed by what it is."""
    fidelities = ["fidelity"] if len(fixed) == 1 else [f"fidelity{k}" for k in range(1, len(fixed) + 1)]
    own = dict(zip(sorted(fixed), fidelities, strict=True))
    return [own.get(position, f"x{position + 1}") for position in range(dim)]


def parameters_of(
    box: tuple[Array, Array], fixed: Mapping[int, float], steps: Mapping[int, float] = MappingProxyType({})
) -> dict[str, Any]:
    """Return a function's coordinates as a campaign's parameters."""
    found: dict[str, Any] = {}
    for position, name in enumerate(names_of(len(box[0]), fixed)):
        low, high = float(box[0][position]), float(box[1][position])
        found[name] = {"value": fixed[position]} if position in fixed else {"bounds": [low, high]}
        if position in steps:
            found[name]["step"] = steps[position]
    return found


def inside(function: BaseTestProblem, x: Array) -> Array:
    """Return rows (n, d), what is beyond a bound by rounding alone on it: BoTorch refuses the last bit."""
    low, high = box_of(function)
    near = np.clip(x, low, high)
    return np.where(np.abs(x - near) <= 1e-9 * (high - low), near, x)


def box_of(function: BaseTestProblem) -> tuple[Array, Array]:
    """Return lower and upper bounds, (n,) each."""
    low, high = function.get_buffer("bounds").numpy().astype(np.float64)
    return low, high


def _outcomes(function: SyntheticTestFunction, x: Array) -> Outcomes:
    return _all_outcomes(function, x[None])[0]


def _all_outcomes(function: SyntheticTestFunction, x: Array) -> list[Outcomes]:
    if not len(x):
        return []
    rows = torch.as_tensor(inside(function, x), dtype=torch.float64)
    found = [{"value": value} for value in function.evaluate_true(rows).tolist()]
    if isinstance(function, ConstrainedSyntheticTestFunction):
        for each, slacks in zip(found, function.evaluate_slack_true(rows).tolist(), strict=True):
            each |= {f"slack{position}": value for position, value in enumerate(slacks, 1)}
    return list(found)


def _optimum(function: SyntheticTestFunction, family: Family, fixed: Mapping[int, float]) -> Array:
    """Return where the function is lowest: as it is declared, to float64 where that has a few digits only."""
    declared = family.at or (function._optimizers or [()])[0]
    assert declared, "only functions whose minimum BoTorch or this module declares are listed"
    start = np.array(declared, dtype=np.float64)
    low, high = box_of(function)
    for position, value in fixed.items():
        start[position] = low[position] = high[position] = value
    if family.exact:
        return start
    constrained = isinstance(function, ConstrainedSyntheticTestFunction)
    return lowest(
        lambda x: _outcomes(function, x)["value"],
        start,
        (low, high),
        slack=(lambda x: np.array(list(_outcomes(function, x).values())[1:])) if constrained else None,
    )
