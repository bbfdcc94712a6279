"""What does not chase the best: model-free novelty, and what is learnt everywhere.

Novelty: of the feasible points, the quarter whose nearest neighbours among everything known are farthest away;
of these the caller takes, in turn, the very farthest and the most promising. Drawn from the region shrunk towards its
centre, so that a box loses the share `MARGIN` of its width at either side, and a mixture or what linear rules cut off
as much of its depth (`labloop.space.depth`): over the whole region, distance only finds corners, edges and pure
components, where the best is rarely found.

Learning (integrated variance reduction; qNIPV with one point, Seo et al. 2000, eq. 8): over r reference
points R, with c(x) = cov(f(x), f(R) | all that is known),

    score(x) = 1/r |c(x)|^2 / (var(x) + noise)

is by how much a measurement at x lowers the mean variance. Its gradient is exact (`Learning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labloop.planner.kernel import Array
from labloop.planner.surrogate import Conditioned
from labloop.space import Space

__all__ = ["MARGIN", "SHARE", "Learning", "farthest", "inner"]

MARGIN = 0.12
SHARE = 0.25


def inner(space: Space, rows: Array) -> Array:
    """Return the rows inside the region shrunk towards its centre; the innermost quarter where hardly any is."""
    depth = space.depth(rows)
    kept = depth >= 2.0 * MARGIN
    if kept.sum() < min(len(rows), 32):
        kept = depth >= np.quantile(depth, 0.75)
    found: Array = rows[kept]
    return found


def farthest(space: Space, rows: Array, known: Array) -> Array:
    """Return the quarter of (b, d) rows whose nearest known rows are farthest, at least one."""
    nearest = np.asarray(space.distances(rows, known)).min(axis=1)
    found: Array = rows[nearest >= np.quantile(nearest, 1.0 - SHARE)]
    return found


@dataclass(frozen=True)
class Learning:
    """The mean variance that one more measurement removes, summed over processes."""

    processes: Sequence[Conditioned]
    references: Array
    """(r, F) features of points from all over the space."""

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return the reduction (b,) and, if asked, its gradient (b, F)."""
        total, slopes = np.zeros(len(features)), np.zeros_like(features)
        count = len(self.references)
        for each in self.processes:
            process = each.process
            sets = len(process.noise)
            known = each.against(self.references)[0] @ np.swapaxes(each.inverse, 1, 2)
            part = each.evaluate(features)
            k, pull = process.kernel.cross(self.references, process.logs)(features)
            c = k - part.v @ np.swapaxes(known, 1, 2)
            over = part.sd**2 + process.noise[:, None]
            value = np.einsum("pbr,pbr->pb", c, c) / over / (count * sets)
            total += value.sum(axis=0)
            if gradient:
                by_c = 2.0 * c / over[:, :, None] / (count * sets)
                by_v = -by_c @ known + 2.0 * (value / over)[:, :, None] * part.v
                slopes += part.pull(by_v @ each.inverse) + pull(by_c)
        return total, slopes if gradient else np.zeros((0, 0))
