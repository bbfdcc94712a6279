"""Where a lab's optimum is: polished from a point in the right basin, or searched for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labloop.records import Conditions
from labloop.space import Space

__all__ = ["climbed", "lowest"]

Array = NDArray[np.float64]

_SAMPLE, _CLIMBERS, _STEPS = 4096, 24, 120


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


def climbed(space: Space, score: Callable[[Array], Array]) -> Conditions:
    """Return the best experiment that climbing from many places finds; ``score`` takes rows of the cube, (n, d)."""
    rng = np.random.default_rng(1)
    rows = space.sample(_SAMPLE, rng)
    values = score(rows)
    order = np.argsort(-values, kind="stable")[:_CLIMBERS]
    rows, values = rows[order], values[order]
    for step in range(_STEPS):
        tried = space.move(rows, rng, 0.2 * 0.95**step)
        better = (found := score(tried)) > values
        rows[better], values[better] = tried[better], found[better]
    best: Conditions = space.decode(rows[int(values.argmax())][None])[0]
    return best
