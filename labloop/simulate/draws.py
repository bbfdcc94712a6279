"""A campaign's own space with a plausible truth: one draw from what its surrogate still holds possible.

With enough results the draw is from the posterior, without from the prior of the planner's own kernel. A draw is a
function on the whole space: it is drawn jointly at a few hundred anchors and interpolated between them.

Notation: A anchors, X the rows learnt from, k the kernel under one set of hyperparameters, N the noise on X::

    f_A ~ Normal(c + k(A, X) (k(X, X) + N)^-1 (y - c),  k(A, A) - k(A, X) (k(X, X) + N)^-1 k(X, A))
    truth(x) = c + k(x, A) k(A, A)^-1 (f_A - c)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput
from labloop.records import Conditions, Experiment, Outcomes
from labloop.simulate.lab import Lab, Noise, Optimum
from labloop.simulate.polish import climbed
from labloop.simulate.scale import objective_of
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.store.codec import experiment_from_dict, experiment_to_dict

if TYPE_CHECKING:
    from labloop.planner.kernel import Kernel

__all__ = ["drawn", "keep", "kept"]

Array = NDArray[np.float64]

_ANCHORS = 300
_JITTER = 1e-6
_PRIOR_NOISE = 0.1
"""Without results: the noise's sd as a share of the outcome's."""


def keep(path: Path, spec: Spec, experiments: Sequence[Experiment], *, noise: float | None = None) -> None:
    """Write what draws are made from: a spec without limits, its experiments, and the noise if it is known."""
    content = {
        "spec": spec.to_dict(),
        "experiments": [experiment_to_dict(each) for each in experiments],
        "noise": noise,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def kept(path: Path) -> tuple[Spec, list[Experiment], float | None]:
    """Read what `keep` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    experiments = [experiment_from_dict(each) for each in content["experiments"]]
    return Spec.model_validate(content["spec"]), experiments, content["noise"]


@dataclass(frozen=True)
class _Belief:
    """One set of hyperparameters with what was learnt, in model units, and the way back to the user's."""

    kernel: Kernel
    log: Array
    features: Callable[[Array], Array]
    rows: Array
    y: Array
    noise: Array
    mean: float
    to_user: Callable[[Array], Array]
    sd: float

    def covariance(self, a: Array, b: Array) -> Array:
        """Return k(a, b), (n, m)."""
        return np.asarray(self.kernel.cross(b, self.log[None])(a)[0][0], dtype=np.float64)


def drawn(path: Path, *, seed: int) -> Lab:
    """Return the campaign kept at a path as a lab with one plausible truth."""
    spec, experiments, noise = kept(path)
    space, name = Space(spec), objective_of(spec)
    belief = _belief(spec, space, experiments, seed)
    truth = _function(belief, belief.features(space.sample(_ANCHORS, np.random.default_rng([seed, 1]))), seed)

    def value(cube: Array) -> Array:
        return belief.to_user(truth(belief.features(cube)))

    def response(conditions: Conditions) -> Outcomes:
        return {name: float(value(space.encode([conditions]))[0])}

    score = spec.objectives[name].score
    best = climbed(space, lambda rows: np.array([score(float(each)) for each in value(rows)]))
    return Lab(
        name=spec.name,
        description=f"{spec.name} with a truth drawn from the surrogate of {len(belief.y)} results",
        source="a draw from labloop's own surrogate: how plausible it is, is how plausible the surrogate is",
        spec=spec.to_dict(),
        response=response,
        noise={name: Noise(absolute=belief.sd if noise is None else noise)},
        optimum=Optimum(best, response(best)),
    )


def _belief(spec: Spec, space: Space, experiments: Sequence[Experiment], seed: int) -> _Belief:
    # The planner brings torch along, and only this kind of lab needs it.
    from labloop.planner.data import gather
    from labloop.planner.features import features_of
    from labloop.planner.kernel import kernel_for
    from labloop.planner.models import fit_models
    from labloop.planner.plan import start_size

    name, data = objective_of(spec), gather(spec, space, experiments, [])
    if len(data.tables[name]) >= start_size(spec):
        models = fit_models(spec, space, data, np.random.default_rng(0))
        if name not in models.surrogates:
            raise InvalidInput(f"{name} {models.dropped[name]}: there is nothing to draw from", hint="record results")
        surrogate = models.surrogates[name]
        process, sample = surrogate.process, seed % len(surrogate.process.noise)
        share = float(process.noise[sample])
        return _Belief(
            process.kernel,
            process.logs[sample],
            models.features,
            process.rows,
            process.y,
            share / process.repeats,
            float(process.mean[sample]),
            surrogate.scale.to_user,
            math.sqrt(share) * surrogate.scale.spread,
        )
    features = features_of(spec, space, np.zeros((0, len(spec.covariates))), data.median)
    kernel = kernel_for(features.layout)
    location, width = kernel.prior()
    # Half the prior's width: its tails hold functions that no experiment could tell from noise or from a constant.
    log = np.clip(
        location + 0.5 * width * np.random.default_rng([seed, 2]).standard_normal(len(location)), *kernel.bounds()
    )
    none = np.zeros(0)
    rows = features(space.sample(1, np.random.default_rng(0)))[:0]
    return _Belief(kernel, log, features, rows, none, none, 0.0, lambda z: z, _PRIOR_NOISE)


def _function(belief: _Belief, anchors: Array, seed: int) -> Callable[[Array], Array]:
    anchors = np.unique(anchors, axis=0)
    within = belief.covariance(anchors, anchors)
    index = np.arange(len(anchors))
    mean, spread = np.full(len(anchors), belief.mean), within.copy()
    if len(belief.y):
        across = belief.covariance(anchors, belief.rows)
        known = belief.covariance(belief.rows, belief.rows) + np.diag(belief.noise + _JITTER)
        solved = np.linalg.solve(known, np.column_stack([belief.y - belief.mean, across.T]))
        mean = mean + across @ solved[:, 0]
        spread = spread - across @ solved[:, 1:]
    # The root of a covariance whose smallest eigenvalues are rounding errors.
    values, vectors = np.linalg.eigh((spread + spread.T) / 2)
    normal = np.random.default_rng([seed, 3]).standard_normal(len(anchors))
    f = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)
    within[index, index] += _JITTER
    weights = np.linalg.solve(within, f - belief.mean)
    return lambda features: belief.mean + belief.covariance(features, anchors) @ weights
