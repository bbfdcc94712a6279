"""Hyperparameters that treat numbers and choices alike before the data speak, for whoever compares their shares.

The planner's prior (`planner.kernel`) is made for prediction: it lets the two ends of a number beside choices
correlate by 0.1 to 0.3, two options of a choice by 0.55, at the median. Few experiments leave much of that standing,
so the share of a number would come out too large, and that of a choice too small, by the prior alone. Here numbers
beside choices have

    log l ~ N(0, 1):  two ends of the cube, at distance 1, correlate by (1 + sqrt5 + 5/3) exp(-sqrt5) = 0.52,

with the width that the choices' prior has. Where all factors are numbers the planner's prior is even already. The
noise is treated as the planner treats it. What it changes is measured in `benchmarks/explain_real.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labloop.insight.runs import Array
from labloop.planner.data import Table
from labloop.planner.kernel import Layered
from labloop.planner.likelihood import Evidence, fit
from labloop.planner.models import Surrogate, noise_of
from labloop.planner.sample import sample
from labloop.planner.surrogate import Process

__all__ = ["Even", "evenly"]

_WIDTH = 1.0
_LEARNT_FROM = 600


@dataclass(frozen=True)
class Even(Layered):
    """The layered kernel with a prior under which a number's ends are about as alike as two options of a choice."""

    def prior(self) -> tuple[Array, Array]:
        """Return location and width of the log-normal prior by parameter."""
        location, width = super().prior()
        numbers = np.flatnonzero(~self.layout.named)
        location[numbers], width[numbers] = 0.0, _WIDTH
        return location, width


def evenly(found: Surrogate, table: Table, error: float | None, rng: np.random.Generator) -> Surrogate:
    """Return a surrogate with its hyperparameters learnt anew under the even prior; itself where that is no other.

    Parameters
    ----------
    found : the planner's, on an affine scale.
    table : what it learnt from.
    error : the known standard deviation of one measurement, if the campaign states one.
    """
    process = found.process
    layout = process.kernel.layout
    if not isinstance(process.kernel, Layered) or layout.named.all():
        return found
    prior, known = noise_of(table, found.scale.log_slopes(table.y), error)
    part = np.sort(rng.permutation(len(process.y))[:_LEARNT_FROM])
    evidence = Evidence(
        process.rows[part],
        process.y[part],
        repeats=process.repeats[part],
        kernel=Even(layout),
        prior=prior,
        known=known,
    )
    modes = fit(evidence, rng, warm=found.mode)
    if not modes:
        return found
    count = len(process.noise)
    hypers = sample(evidence, modes[0], count, rng) if count > 1 else modes[:1]
    learnt, alone = (
        Process.of(evidence.kernel, each, process.rows, process.y, process.repeats) for each in (hypers, modes[:1])
    )
    return replace(found, process=learnt, mode=modes[0], alone=alone)
