"""BoTorch's test functions with several objectives as labs, by name: ``zdt1``, ``dtlz2:dim=6,objectives=3``.

Wrapped, not copied, like those with one (`synthetic.py`). All objectives, ``f1``, ``f2``, ..., are minimised and have
no unit; what they can reach together is BoTorch's reference point and the largest hypervolume that it declares, in
closed form or as a long search of its authors' found it. Functions for which it declares none are left out. For
functions of several fidelities it declares what all of them reach together: there stands what the one reaches that
counts, over a grid of 3001 x 3001 (`momfbranincurrin`), after 400 generations of a search (`momfpark`).

DTLZ's fronts lie in the middle of the box along most coordinates: the lab's box is cut so that it is not its middle. A
function of several fidelities is run at the one that counts, 1.

Notation: x (n, d) in the function's own bounds, f (n, m); slacks (n, k) must be at least 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from botorch.test_functions import multi_objective, multi_objective_multi_fidelity
from botorch.test_functions.base import ConstrainedBaseTestProblem, MultiObjectiveTestProblem
from numpy.typing import NDArray

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Conditions, Outcomes
from labloop.simulate.lab import Front, Lab
from labloop.simulate.synthetic import box_of, inside, names_of, parameters_of

__all__ = ["FRONTS", "make"]

Array = NDArray[np.float64]

_CUT = 0.85
_LARGEST = 50


@dataclass(frozen=True)
class Several:
    """A test function with several objectives.

    Attributes
    ----------
    build : the function; with ``sized`` of ``dim`` and ``num_objectives``.
    sized : its dimension, and how many objectives, can be chosen; how many objectives it has at most.
    cut : the coordinates behind the first m - 1 have their best value in the middle of the box.
    fixed : coordinates that are constants, by position from the end: the fidelity that counts.
    volume : the largest hypervolume, where it is not the one that BoTorch declares.
    """

    build: Callable[..., MultiObjectiveTestProblem]
    sized: int = 0
    cut: bool = False
    fixed: Mapping[int, float] = field(default_factory=dict)
    volume: float | None = None


FRONTS: dict[str, Several] = {
    "branincurrin": Several(multi_objective.BraninCurrin),
    "constrainedbranincurrin": Several(multi_objective.ConstrainedBraninCurrin),
    "carsideimpact": Several(multi_objective.CarSideImpact),
    "c2dtlz2": Several(multi_objective.C2DTLZ2, sized=2, cut=True),
    "dtlz1": Several(multi_objective.DTLZ1, sized=5, cut=True),
    "dtlz2": Several(multi_objective.DTLZ2, sized=5, cut=True),
    "dtlz3": Several(multi_objective.DTLZ3, sized=5, cut=True),
    "dtlz4": Several(multi_objective.DTLZ4, sized=5, cut=True),
    "momfbranincurrin": Several(multi_objective_multi_fidelity.MOMFBraninCurrin, fixed={-1: 1.0}, volume=0.50329),
    "momfpark": Several(multi_objective_multi_fidelity.MOMFPark, fixed={-1: 1.0}, volume=0.089894),
    "penicillin": Several(multi_objective.Penicillin),
    "vehiclesafety": Several(multi_objective.VehicleSafety),
    "zdt1": Several(multi_objective.ZDT1, sized=2),
    "zdt2": Several(multi_objective.ZDT2, sized=2),
    "zdt3": Several(multi_objective.ZDT3, sized=2),
}
"""The functions by name; those with a size have 6 dimensions and 2 objectives if nothing else is said."""


def make(name: str, settings: Mapping[str, str]) -> Lab:
    """Return a test function with several objectives as a lab without noise.

    Raises
    ------
    InvalidInput
        If a setting is unknown or cannot be.
    KeyError
        If there is no function of that name.
    """
    return _made(name, *_size(name, FRONTS[name], settings))


def _size(name: str, kind: Several, settings: Mapping[str, str]) -> tuple[int, int]:
    """Return the dimension and the number of objectives that are asked for; 0, 0 where there is no choice."""
    known = ("dim", "objectives") if kind.sized else ()
    for key, value in settings.items():
        if key not in known:
            hint = did_you_mean(key, known) or (f"it has {' and '.join(known)}" if known else "leave it out")
            raise InvalidInput(f"{name} has no setting {key!r}", hint=hint)
        if not value.isascii() or not value.isdigit():
            raise InvalidInput(f"{key}={value} of {name} is not a whole number", hint=f"{name}:dim=6,objectives=2")
    if not kind.sized:
        return 0, 0
    dim, objectives = int(settings.get("dim", 6)), int(settings.get("objectives", 2))
    if not 2 <= objectives <= kind.sized:
        wanted = "2" if kind.sized == 2 else f"2 to {kind.sized}"
        raise InvalidInput(f"{name} with {objectives} objectives", hint=f"expected {wanted}")
    if not objectives < dim <= _LARGEST:
        raise InvalidInput(
            f"{name} in {dim} dimensions with {objectives} objectives",
            hint=f"expected more dimensions than objectives, at most {_LARGEST}",
        )
    return dim, objectives


@lru_cache(maxsize=32)
def _made(name: str, dim: int, objectives: int) -> Lab:
    kind = FRONTS[name]
    size = {"dim": dim, "num_objectives": objectives} if dim else {}
    function = kind.build(dtype=torch.float64, **size)
    fixed = {position % function.dim: value for position, value in kind.fixed.items()}
    names = names_of(function.dim, fixed)
    goals = [f"f{k}" for k in range(1, function.num_objectives + 1)]
    slacks = _slacks(function)
    remarks = [*(["another box"] if kind.cut else []), *(["at the fidelity that counts"] if fixed else [])]

    def responses(rows: Sequence[Conditions]) -> Sequence[Outcomes]:
        return _outcomes(function, np.array([[float(row[each]) for each in names] for row in rows]))

    @lru_cache(maxsize=1024)
    def one(x: tuple[float, ...]) -> Outcomes:
        # Asked for twice, measured and true: the fermentation among them takes a fifth of a second.
        return _outcomes(function, np.array([x]))[0]

    return Lab(
        name=name,
        description=f"{type(function).__name__} with {len(goals)} objectives in {function.dim - len(fixed)} dimensions"
        + (", with constraints" if slacks else ""),
        source="botorch.test_functions, which cites the paper" + (f" ({', '.join(remarks)})" if remarks else ""),
        spec={
            "schema": "labloop/1",
            "name": name,
            "question": f"What can be had of {name}?",
            "parameters": parameters_of(_box(function, kind), fixed),
            "objectives": {each: {"goal": "minimize"} for each in goals},
            "limits": [f"slack{k} >= 0" for k in range(1, slacks + 1)],
        },
        response=lambda conditions: one(tuple(float(conditions[each]) for each in names)),
        responses=responses,
        front=Front(
            reference=dict(zip(goals, function.get_buffer("ref_point").tolist(), strict=True)),
            volume=float(function.max_hv) if kind.volume is None else kind.volume,
        ),
    )


def _slacks(function: MultiObjectiveTestProblem) -> int:
    return int(function.num_constraints) if isinstance(function, ConstrainedBaseTestProblem) else 0


def _box(function: MultiObjectiveTestProblem, kind: Several) -> tuple[Array, Array]:
    low, high = box_of(function)
    if kind.cut:
        high[function.num_objectives - 1 :] = _CUT
    return low, high


def _outcomes(function: MultiObjectiveTestProblem, x: Array) -> list[Outcomes]:
    if not len(x):
        return []
    rows = torch.as_tensor(inside(function, x), dtype=torch.float64)
    found = function.evaluate_true(rows)
    names = [f"f{k}" for k in range(1, found.shape[1] + 1)]
    if isinstance(function, ConstrainedBaseTestProblem):
        found = torch.cat([found, function.evaluate_slack_true(rows)], dim=1)
        names += [f"slack{k}" for k in range(1, found.shape[1] - len(names) + 1)]
    return [dict(zip(names, row, strict=True)) for row in found.tolist()]
