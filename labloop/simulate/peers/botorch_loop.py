"""BoTorch as its tutorials write the loop: Sobol' points, then a refitted model and noisy expected improvement.

10 Sobol' points (the tutorials' start in six dimensions), `SingleTaskGP` on the unit cube,
`qLogNoisyExpectedImprovement`, `optimize_acqf` with 10 restarts from 512 raw samples, batches filled one by one.
With choices: one column each, `MixedSingleTaskGP`; a space that can be listed is searched with
`optimize_acqf_discrete`, one that also has continuous columns with `optimize_acqf_mixed_alternating`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.gp_regression_mixed import MixedSingleTaskGP
from botorch.optim.optimize import optimize_acqf, optimize_acqf_discrete
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from gpytorch.mlls import ExactMarginalLogLikelihood
from numpy.typing import NDArray
from torch import Tensor

from labloop.records import Value
from labloop.simulate.peers.form import Form, Seen
from labloop.space import Space
from labloop.spec.parameters import Component

__all__ = ["STATES", "make"]

STATES = frozenset({"mixture", "log"})
_START = 10
_LISTED = 10_000

Array = NDArray[np.float64]


def make(_name: str, form: Form, seed: int) -> _Tutorial:
    """Return the tutorial's loop for one campaign."""
    return _Tutorial(form, seed)


class _Tutorial:
    """Works on columns: numbers in [0, 1], a choice by its place among the names (0, 1, 2, ...)."""

    def __init__(self, form: Form, seed: int) -> None:
        self._form, self._seed = form, seed
        self._space = Space(form.spec)
        self._choices = [j for j, column in enumerate(self._space.columns) if column.kind == "choice"]
        self._counts = np.array([float(column.count) for column in self._space.columns])
        self._discrete = {
            j: (np.arange(column.count) if j in self._choices else np.array(column.levels))
            for j, column in enumerate(self._space.columns)
            if column.kind in ("choice", "levels", "integer") and column.count <= 1000
        }
        self._sobol = torch.quasirandom.SobolEngine(self._space.dim, scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # torch

    def suggest(self, seen: Sequence[Seen], first: int, n: int) -> list[dict[str, Value]]:
        measured = [each for each in self._form.penalised(seen) if each.score is not None]
        if len(measured) < _START:
            return self._start(n)
        with torch.random.fork_rng():
            torch.manual_seed(int(np.random.default_rng([self._seed, first]).integers(2**31)))
            x = self._columns(self._space.encode([each.conditions for each in measured]))
            known = torch.as_tensor(x, dtype=torch.float64)
            values = torch.tensor([[each.score] for each in measured], dtype=torch.float64)
            model = self._model(known, values)
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))  # type: ignore[no-untyped-call]  # GPyTorch
            acquisition = qLogNoisyExpectedImprovement(model, known, prune_baseline=True)
            return self._rows(self._best(acquisition, n))

    def _start(self, n: int) -> list[dict[str, Value]]:
        rows = self._sobol.draw(n, dtype=torch.float64).numpy()
        for columns in self._mixtures():
            shares = -np.log(np.clip(rows[:, columns], 1e-12, 1.0))
            rows[:, columns] = shares / shares.sum(axis=1, keepdims=True)
        return self._decoded(rows)

    def _model(self, known: Tensor, values: Tensor) -> Any:
        if self._choices:
            return MixedSingleTaskGP(known, values, cat_dims=self._choices)
        return SingleTaskGP(known, values)

    def _best(self, acquisition: Any, n: int) -> Array:
        bounds = torch.stack(
            [
                torch.zeros(self._space.dim, dtype=torch.float64),
                torch.as_tensor([self._counts[j] - 1 if j in self._choices else 1.0 for j in range(self._space.dim)]),
            ]
        ).to(torch.float64)
        listed = self._space.enumerate(_LISTED) if len(self._discrete) == self._space.dim else None
        if listed is not None:
            every = torch.as_tensor(self._columns(listed), dtype=torch.float64)
            found, _ = optimize_acqf_discrete(acquisition, q=n, choices=every, unique=True)
        elif self._discrete:
            found, _ = optimize_acqf_mixed_alternating(
                acquisition,
                bounds,
                discrete_dims={j: v.tolist() for j, v in self._discrete.items() if j not in self._choices},
                cat_dims={j: v.tolist() for j, v in self._discrete.items() if j in self._choices},
                q=n,
                num_restarts=10,
                raw_samples=512,
            )
        else:
            found, _ = optimize_acqf(
                acquisition,
                bounds,
                q=n,
                num_restarts=10,
                raw_samples=512,
                sequential=True,
                equality_constraints=[
                    (torch.as_tensor(columns), torch.ones(len(columns), dtype=torch.float64), 1.0)
                    for columns in self._mixtures()
                ]
                or None,
            )
        return np.asarray(found.detach().numpy(), dtype=np.float64)

    def _mixtures(self) -> list[list[int]]:
        names = list(self._space.names)
        groups = self._form.spec.mixtures
        return [[names.index(name) for name in self._form.spec.components(group)] for group in groups]

    def _columns(self, cube: Array) -> Array:
        # A choice lies at (i + 1/2) / k in labloop's cube, and at i in BoTorch's.
        x = np.array(cube, dtype=np.float64)
        for j in self._choices:
            x[:, j] = np.floor(x[:, j] * self._counts[j])
        return x

    def _rows(self, x: Array) -> list[dict[str, Value]]:
        cube = np.array(x)
        for j in self._choices:
            cube[:, j] = (np.rint(cube[:, j]) + 0.5) / self._counts[j]
        return self._decoded(cube)

    def _decoded(self, cube: Array) -> list[dict[str, Value]]:
        # Not on labloop's grid where the parameter has none: full digits, as a script would hand them on.
        rows = self._space.decode(cube, snap=False)
        whole = self._space.decode(cube)
        fine = {
            name: isinstance(each, Component) or (getattr(each, "step", None) is None and hasattr(each, "bounds"))
            for name, each in self._form.factors.items()
        }
        return [
            {name: (a[name] if fine[name] and not isinstance(b[name], int) else b[name]) for name in fine}
            for a, b in zip(rows, whole, strict=True)
        ]
