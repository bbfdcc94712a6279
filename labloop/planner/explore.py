"""What does not chase the best: model-free novelty, what stands out of the broad picture, what is learnt everywhere.

Novelty: of the feasible points, the quarter whose nearest neighbours among everything known are farthest away;
of these the caller takes, in turn, the very farthest and the most promising. Drawn from the region shrunk towards its
centre, so that a box loses the share `MARGIN` of its width at either side, and a mixture or what linear rules cut off
as much of its depth (`labloop.space.depth`): over the whole region, distance only finds corners, edges and pure
components, where the best is rarely found.

Standing out: the residual of each of n rows, foretold by all others (Rasmussen & Williams 2006, eq. 5.12) on a trend
that is smooth whatever the data say, in standard deviations,

    C = exp(-1/2 |x - x'|^2 / (`SMOOTH`^2 G)) + diag(`ROUGH` / r),   e = y - mean y,   v = e' C^-1 e / n
    z_i = [C^-1 e]_i / sqrt([C^-1]_ii v)

with G columns, r the measurements behind a row, v the likeliest variance of such a trend. The fitted model is no judge
of this: what stands out makes its lengthscales short or its noise large, and then no longer surprises it.

Learning (integrated variance reduction; qNIPV with one point, Seo et al. 2000, eq. 8): over r reference
points R, with c(x) = cov(f(x), f(R) | all that is known),

    score(x) = 1/r |c(x)|^2 / (var(x) + noise)

is by how much a measurement at x lowers the mean variance. Its gradient is exact (`Learning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labloop.planner.kernel import Array, squared_distances
from labloop.planner.surrogate import Conditioned, Process
from labloop.space import Space

__all__ = ["MARGIN", "SHARE", "Learning", "farthest", "inner", "standing_out"]

MARGIN = 0.12
SHARE = 0.25
SMOOTH, ROUGH = 0.7, 0.0125
"""How smooth the trend is that a result may stand out of, and the share of its variance that is noise."""


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


def standing_out(process: Process) -> Array:
    """Return by how many sds each of a process's n rows lies above a smooth trend through all others, (n,)."""
    rows, groups = process.rows, process.kernel.layout.groups
    smooth = np.exp(-0.5 * squared_distances(rows, rows) / (SMOOTH**2 * groups))
    inverse = np.linalg.inv(smooth + np.diag(ROUGH / process.repeats))
    residual = process.y - process.y.mean()
    pulled = inverse @ residual
    variance = max(float(residual @ pulled) / len(rows), 1e-300)
    found: Array = pulled / np.sqrt(inverse.diagonal() * variance)
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
