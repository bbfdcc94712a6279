"""BoTorch's batched L-BFGS-B, typed: several minimisations whose values and gradients are computed together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched

from labloop.planner.kernel import Array

__all__ = ["descend"]

Objective = Callable[[Array, list[int]], tuple[Array, Array]]
"""Points (b, n) and which of the starts they belong to, to values (b,) and gradients (b, n)."""


def descend(
    objective: Objective, starts: Array, bounds: Array, *, most: int, change: float, slope: float
) -> tuple[Array, Array]:
    """Minimise from every start.

    Parameters
    ----------
    objective : see `Objective`.
    starts : (s, n).
    bounds : (2, n) lower and upper.
    most : iterations at most.
    change : stop when the value changes by less, relative to its size.
    slope : stop when no part of the projected gradient is larger.

    Returns
    -------
    ends (s, n) and values (s,).
    """

    def evaluate(batch: Array, batch_indices: list[int]) -> tuple[Array, Array]:
        return objective(batch, batch_indices)

    ends, values, _ = fmin_l_bfgs_b_batched(  # type: ignore[no-untyped-call]  # BoTorch gives it no types
        evaluate,
        starts,
        bounds=bounds.T,
        maxiter=most,
        factr=None,
        ftol=change,
        pgtol=slope,
        pass_batch_indices=True,
    )
    return np.asarray(ends, dtype=np.float64), np.asarray(values, dtype=np.float64)
