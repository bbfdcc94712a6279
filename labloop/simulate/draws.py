"""A campaign's own space with a plausible truth: one draw from what its surrogate still holds possible.

With enough results the draw is from the posterior, without from the prior of the planner's own kernel. A draw is a
function on the whole space: it is drawn jointly at a few hundred anchors and interpolated between them.

The objective and every outcome with a limit are drawn, each by itself. Nobody knows in advance where an outcome stands
that was not measured: a limit on it then holds in half of the space, on average over draws. A truth in which no
experiment holds the limits is drawn again, so that a rehearsal says how long it takes if it can be done at all.

Notation: A anchors, X the rows learnt from, k the kernel under one set of hyperparameters, N the noise on X::

    f_A ~ Normal(c + k(A, X) (k(X, X) + N)^-1 (y - c),  k(A, A) - k(A, X) (k(X, X) + N)^-1 k(X, A))
    truth(x) = c + k(x, A) k(A, A)^-1 (f_A - c)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput
from labloop.records import Conditions, Experiment, Outcomes
from labloop.simulate.lab import Lab, Noise, Optimum
from labloop.simulate.polish import climbed
from labloop.simulate.scale import objective_of, score_of
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.store.codec import experiment_from_dict, experiment_to_dict

if TYPE_CHECKING:
    from labloop.planner.features import Features
    from labloop.planner.kernel import Kernel
    from labloop.planner.models import Models

__all__ = ["drawn", "keep", "kept"]

Array = NDArray[np.float64]

_ANCHORS = 300
_JITTER = 1e-6
_PRIOR_NOISE = 0.1
"""Without results: the noise's sd as a share of the outcome's."""
_ATTEMPTS = 40
"""So often a truth is drawn again in which nothing holds the limits."""


def keep(path: Path, spec: Spec, experiments: Sequence[Experiment], *, noise: float | None = None) -> None:
    """Write what draws are made from: a spec, its experiments, and the objective's noise if it is known."""
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
    """Return the campaign kept at a path as a lab with one plausible truth.

    Raises
    ------
    InvalidInput
        If the objective never varied, or no experiment holds the limits in any of many truths.
    """
    spec, experiments, noise = kept(path)
    space, name = Space(spec), objective_of(spec)
    known = _known(spec, space, experiments)
    for attempt in range(_ATTEMPTS):
        truths = {
            each: _truth(
                known, _belief(known, spec, each, _Turn(seed, outcome, attempt)), _Turn(seed, outcome, attempt)
            )
            for outcome, each in enumerate(spec.outcomes)
        }
        best = climbed(space, _worth(spec, space, truths))
        outcomes = {each: truth.at(space.encode([best]))[0] for each, truth in truths.items()}
        if math.isfinite(score_of(spec, outcomes)):
            break
    else:
        limits = ", ".join(limit.limit for limit in spec.limits)
        raise InvalidInput(
            f"in {_ATTEMPTS} truths that fit the results of {spec.name} nothing holds {limits}",
            hint="rehearse it with a limit that can be met",
        )

    def response(conditions: Conditions) -> Outcomes:
        cube = space.encode([conditions])
        return {each: float(truth.at(cube)[0]) for each, truth in truths.items()}

    scatter = {each: Noise(absolute=truth.sd) for each, truth in truths.items()}
    return Lab(
        name=spec.name,
        description=f"{spec.name} with a truth drawn from the surrogate of {known.results} results",
        source="a draw from labloop's own surrogate: how plausible it is, is how plausible the surrogate is",
        spec=spec.to_dict(),
        response=response,
        noise=scatter if noise is None else {**scatter, name: Noise(absolute=noise)},
        optimum=Optimum(best, response(best)),
    )


@dataclass(frozen=True)
class _Turn:
    """Which truth: the seed's, which outcome of it, and after how many in which nothing held the limits."""

    seed: int
    outcome: int
    attempt: int

    def stream(self, purpose: int) -> np.random.Generator:
        """Return random numbers for one purpose and no other."""
        further = [self.outcome, self.attempt] if self.outcome or self.attempt else []
        return np.random.default_rng([self.seed, purpose, *further])


@dataclass(frozen=True)
class _Known:
    """What is known of a campaign: its space, its surrogates (None: not enough results), how many results."""

    space: Space
    models: Models | None
    features: Features
    measured: Mapping[str, int]
    least: int

    @property
    def results(self) -> int:
        """The results that the objective's surrogate learnt from."""
        found = next(iter(self.measured.values()))
        return found if found >= self.least else 0


def _known(spec: Spec, space: Space, experiments: Sequence[Experiment]) -> _Known:
    # The planner brings torch along, and only this kind of lab needs it.
    from labloop.planner.data import gather
    from labloop.planner.features import features_of
    from labloop.planner.models import fit_models
    from labloop.planner.plan import start_size

    data, least = gather(spec, space, experiments, []), start_size(spec)
    measured = {name: len(data.tables[name]) for name in spec.outcomes}
    if max(measured.values()) < least:
        features = features_of(spec, space, np.zeros((0, len(spec.covariates))), data.median)
        return _Known(space, None, features, measured, least)
    models = fit_models(spec, space, data, np.random.default_rng(0))
    return _Known(space, models, models.features, measured, least)


def _belief(known: _Known, spec: Spec, name: str, turn: _Turn) -> _Belief:
    if known.models is None or known.measured[name] < known.least:
        return _prior(known, spec, name, turn)
    if name not in known.models.surrogates:
        reason = known.models.dropped[name]
        raise InvalidInput(f"{name} {reason}: there is nothing to draw from", hint="record results that differ")
    surrogate = known.models.surrogates[name]
    process, sample = surrogate.process, (turn.seed + turn.attempt) % len(surrogate.process.noise)
    share = float(process.noise[sample])
    return _Belief(
        process.kernel,
        process.logs[sample],
        known.features,
        process.rows,
        process.y,
        share / process.repeats,
        float(process.mean[sample]),
        surrogate.scale.to_user,
        math.sqrt(share) * surrogate.scale.spread,
    )


def _prior(known: _Known, spec: Spec, name: str, turn: _Turn) -> _Belief:
    """Return what the planner believes of an outcome that was not measured, around its limit if it has one."""
    from labloop.planner.kernel import kernel_for

    kernel = kernel_for(known.features.layout)
    location, width = kernel.prior()
    # Half the prior's width: its tails hold functions that no experiment could tell from noise or from a constant.
    log = np.clip(location + 0.5 * width * turn.stream(2).standard_normal(len(location)), *kernel.bounds())
    bounds = [limit.bound for limit in spec.limits if limit.outcome == name]
    middle = float(np.mean(bounds)) if bounds else 0.0
    unit = (max(bounds) - min(bounds) if bounds else 0.0) or 1.0
    none = np.zeros(0)
    rows = known.features(known.space.sample(1, np.random.default_rng(0)))[:0]
    return _Belief(kernel, log, known.features, rows, none, none, 0.0, lambda z: middle + unit * z, _PRIOR_NOISE * unit)


@dataclass(frozen=True)
class _Truth:
    """One outcome of one truth: its values at rows of the cube, and the noise's sd, in the outcome's unit."""

    at: Callable[[Array], Array]
    sd: float


def _truth(known: _Known, belief: _Belief, turn: _Turn) -> _Truth:
    # The same places for every outcome of a seed.
    anchors = belief.features(known.space.sample(_ANCHORS, _Turn(turn.seed, 0, 0).stream(1)))
    function = _function(belief, anchors, turn.stream(3))
    return _Truth(lambda cube: belief.to_user(function(belief.features(cube))), belief.sd)


def _worth(spec: Spec, space: Space, truths: Mapping[str, _Truth]) -> Callable[[Array], Array]:
    """Return how good rows of the cube are: by the objective where all limits hold, below that by what is missing."""
    name = objective_of(spec)
    score = np.vectorize(spec.objectives[name].score, otypes=[np.float64])
    if not spec.limits:
        return lambda rows: score(truths[name].at(rows))
    sample = space.sample(_ANCHORS, np.random.default_rng(2))
    seen = {each: truth.at(sample) for each, truth in truths.items()}
    scores = score(seen[name])
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0

    def worth(rows: Array) -> Array:
        values = {each: truth.at(rows) for each, truth in truths.items()}
        missing = np.zeros(len(rows))
        for limit in spec.limits:
            gap = (limit.bound - values[limit.outcome]) * (1.0 if limit.at_least else -1.0)
            missing += np.maximum(gap, 0.0) / (float(seen[limit.outcome].std()) or 1.0)
        z = (score(values[name]) - middle) / spread
        # Between -1 and 1 where the limits hold, below -2 where one is broken.
        return np.where(missing > 0, -2.0 - missing, z / (1.0 + np.abs(z)))

    return worth


def _function(belief: _Belief, anchors: Array, rng: np.random.Generator) -> Callable[[Array], Array]:
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
    normal = rng.standard_normal(len(anchors))
    f = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)
    within[index, index] += _JITTER
    weights = np.linalg.solve(within, f - belief.mean)
    return lambda features: belief.mean + belief.covariance(features, anchors) @ weights
