"""From a point that is known to lie in the right basin to the optimum there, to the precision of float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["lowest"]

Array = NDArray[np.float64]


def lowest(
    function: Callable[[Array], float],
    start: Array,
    box: tuple[Array, Array],
    *,
    slack: Callable[[Array], Array] | None = None,
) -> Array:
    """Return the lowest point of a function near a start, within its box.

    Parameters
    ----------
    slack : what is left until each constraint is broken; all must be at least 0.
    """
    # Where a lab declares its optimum in closed form, nobody waits for scipy's optimisers.
    from scipy.optimize import Bounds, minimize

    rules: Any = () if slack is None else ({"type": "ineq", "fun": slack},)
    settings: Any = {"ftol": 1e-15, "maxiter": 500}
    found = minimize(
        function,
        start,
        method="L-BFGS-B" if slack is None else "SLSQP",
        bounds=Bounds(*box),
        constraints=rules,
        options=settings,
    )
    best = np.clip(np.asarray(found.x, dtype=np.float64), *box)
    broken = slack is not None and bool((slack(best) < 0).any())
    return start if broken or function(best) >= function(start) else best
