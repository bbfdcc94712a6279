"""Acquisition functions by name: the campaign's models as BoTorch models, and what is built on them.

The planner's own slots (`strategy`) use the closed forms of `acquisition` and `explore`. Everything else that
`spec.slots` names is a BoTorch ``AcquisitionFunction`` over a `Situation`, the state of a campaign as BoTorch models:
one GP an outcome at the mode of its hyperparameters, over features, oriented so that larger is better. A function of
one's own is named by its import path and called with a `Situation` and the slot's settings:

    def curious(situation, *, beta=9.0):
        return qUpperConfidenceBound(situation.model, beta=beta, X_pending=situation.pending)

Limits (and whether conditions work at all) enter every named function the same way: their log probability is
added. For log-valued functions that is the weighting of Gardner et al. (2014); for the others a penalty, in
standard deviations of the outcome, that vanishes where the limits surely hold.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import PosteriorStandardDeviation
from botorch.acquisition.joint_entropy_search import qJointEntropySearch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.acquisition.max_value_entropy_search import qLowerBoundMaxValueEntropy
from botorch.acquisition.monte_carlo import qProbabilityOfImprovement, qUpperConfidenceBound
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import MCMultiOutputObjective
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.acquisition.objective import GenericMCObjective, IdentityMCObjective, MCAcquisitionObjective
from botorch.acquisition.thompson_sampling import PathwiseThompsonSampling
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior_list import PosteriorList
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from labloop.errors import InvalidInput
from labloop.planner.functions import ObjectiveOfMean, PureExploration, Straddle
from labloop.planner.goal import Aim, Chebyshev
from labloop.planner.kernel import Ard, Array
from labloop.planner.models import Models, Surrogate
from labloop.planner.surrogate import Process
from labloop.planner.twin import twin
from labloop.spec.slots import Slot

__all__ = ["FUNCTIONS", "Situation", "Torch", "function_of", "situation_of"]

_DRAWS = 128
_OPTIMA = 16
_BATCH = 512


@dataclass(frozen=True)
class Situation:
    """A campaign as BoTorch models, for acquisition functions over features.

    Attributes
    ----------
    model : of the objectives, in their order, larger is better (targets as measured); given the results only.
    believer : the same, given also pending experiments, at their predicted means (their sd is what counts).
    objective : from outcomes to one utility; the identity for a single objective that is maximised or minimised.
    goals : from outcomes to one value per objective, larger is better.
    known : (k, F) experiments with results.
    pending : (m, F) experiments under way or already picked for this batch; None if there are none.
    pool : (p, F) feasible points from all over the space.
    best : the largest predicted utility among the known.
    worst : the least value of each goal among the known, as a reference point for hypervolumes.
    count, dim : experiments with results, and parameters that vary.
    seed : for whatever is drawn; no global generator is to be used.
    threshold : from the first outcome's unit to the model's.
    margin : from a difference in the first outcome's unit to the model's.
    """

    model: Model
    believer: Model
    objective: MCAcquisitionObjective
    goals: MCMultiOutputObjective
    known: Tensor
    pending: Tensor | None
    pool: Tensor
    best: float
    worst: Tensor
    count: int
    dim: int
    seed: int
    threshold: Callable[[float], float]
    margin: Callable[[float], float]
    processes: tuple[Process, ...]
    signs: tuple[float, ...]

    def sampler(self, draws: int = _DRAWS) -> SobolQMCNormalSampler:
        """Return a sampler that follows from the seed."""
        return SobolQMCNormalSampler(torch.Size([draws]), seed=self.seed)


class Goals(MCMultiOutputObjective):
    """From outcomes (..., k), signed, to one value per objective: targets become -|f - target|."""

    def __init__(self, targets: Sequence[float | None]) -> None:
        super().__init__()
        self.targets = tuple(targets)

    def forward(self, samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: ARG002 - BoTorch's signature
        """Return the values, (..., k)."""
        parts = [samples[..., k] if t is None else -(samples[..., k] - t).abs() for k, t in enumerate(self.targets)]
        return torch.stack(parts, dim=-1)


def situation_of(
    models: Models, aim: Aim, seen: Array, *, pending: Array, pool: Array, rng: np.random.Generator
) -> Situation:
    """Return the campaign as BoTorch models; ``seen`` (k, F), ``pending`` (m, F) and ``pool`` (p, F) are features."""
    surrogates = [models.surrogates[part.outcome] for part in aim.parts]
    signs = tuple(part.sign or 1.0 for part in aim.parts)
    processes = tuple(each.alone for each in surrogates)
    goals = Goals([None if part.sign else part.target for part in aim.parts])
    model = _joined([twin(each, sign=sign) for each, sign in zip(processes, signs, strict=True)])
    objective = _objective(aim, goals, rng)
    known = torch.as_tensor(seen)
    with torch.no_grad():
        posterior = model.posterior(known)
        assert isinstance(posterior, GPyTorchPosterior | PosteriorList)
        means = posterior.mean
        best, worst = float(objective(means).max()), goals(means).amin(dim=0)
    first = surrogates[0]
    return Situation(
        model=model,
        believer=_joined([twin(_believing(each, pending), sign=s) for each, s in zip(processes, signs, strict=True)]),
        objective=objective,
        goals=goals,
        known=known,
        pending=torch.as_tensor(pending) if len(pending) else None,
        pool=torch.as_tensor(pool),
        best=best,
        worst=worst,
        count=len(seen),
        dim=len(models.features.tables),
        seed=int(rng.integers(2**31)),
        threshold=lambda value: signs[0] * float(first.scale.to_model(np.array([value]))[0]),
        margin=lambda size: _margin(first, signs[0], size),
        processes=processes,
        signs=signs,
    )


def _believing(process: Process, rows: Array) -> Process:
    return process.believing(rows, process.posterior(rows)[0][0]) if len(rows) else process


def _joined(models: Sequence[SingleTaskGP]) -> Model:
    return models[0] if len(models) == 1 else ModelListGP(*models)


def _margin(surrogate: Surrogate, sign: float, size: float) -> float:
    """Return a difference from the best measured value, in the model's units."""
    best = float((sign * surrogate.process.y).max()) * sign
    value = float(surrogate.scale.to_user(np.array([best]))[0]) + sign * size
    return abs(float(surrogate.scale.to_model(np.array([value]))[0]) - best)


def _objective(aim: Aim, goals: Goals, rng: np.random.Generator) -> MCAcquisitionObjective:
    if aim.single:
        if aim.parts[0].sign:
            return IdentityMCObjective()
        return GenericMCObjective(lambda samples, _: goals(samples)[..., 0])
    # The same augmented Chebyshev utility as `goal.Chebyshev`, new weights for every slot.
    utility = Chebyshev(aim.parts, aim.worst, aim.span, rng.dirichlet(np.ones(len(aim.parts))))
    weights, worst, span = (torch.as_tensor(each) for each in (utility.weights, utility.worst, utility.span))

    def chebyshev(samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: ARG001 - its signature
        v = weights * (goals(samples) - worst) / span
        return v.amin(dim=-1) + utility.augment * v.sum(dim=-1)

    return GenericMCObjective(chebyshev)


Built = Callable[[Situation, Mapping[str, float]], AcquisitionFunction]


def _log_ei(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    return qLogExpectedImprovement(
        at.model, best_f=at.best, sampler=at.sampler(), objective=at.objective, X_pending=at.pending
    )


def _ucb(at: Situation, given: Mapping[str, float]) -> AcquisitionFunction:
    beta = given.get("beta", 0.2 * at.dim * float(np.log(2.0 * max(at.count, 1))))
    return qUpperConfidenceBound(
        at.model, beta=beta, sampler=at.sampler(), objective=at.objective, X_pending=at.pending
    )


def _pi(at: Situation, given: Mapping[str, float]) -> AcquisitionFunction:
    best = at.best + at.margin(given.get("margin", 0.0))
    return qProbabilityOfImprovement(
        at.model, best_f=best, sampler=at.sampler(), objective=at.objective, X_pending=at.pending
    )


def _ts(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    """Return a pathwise draw; where the kernel is a sum, for which no features exist, the path through a joint draw."""
    if all(type(each.kernel) is Ard for each in at.processes):
        function = PathwiseThompsonSampling(at.model, objective=at.objective)
        function.redraw(1)
        function.batch_size = 1
        return function
    rng = np.random.default_rng(at.seed)
    pool = at.pool.numpy()[:_BATCH]
    drawn = []
    for process, sign in zip(at.processes, at.signs, strict=True):
        values = process.draw(pool, rng.standard_normal((1, 1, len(pool))))[0, 0]
        exact = Process(
            process.kernel,
            np.vstack([process.rows, pool]),
            np.append(process.y, values),
            np.append(process.repeats, np.full(len(pool), 1e4)),
            process.logs,
            process.noise,
            process.mean,
        )
        drawn.append(twin(exact, sign=sign))
    return ObjectiveOfMean(_joined(drawn), at.objective)


def _mes(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    return qLowerBoundMaxValueEntropy(at.model, at.pool, X_pending=at.pending)


def _jes(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    pool, rng = at.pool.numpy()[:_BATCH], np.random.default_rng(at.seed)
    drawn = at.signs[0] * at.processes[0].draw(pool, rng.standard_normal((1, _OPTIMA, len(pool))))[0]
    top = drawn.argmax(axis=1)
    optima, values = torch.as_tensor(pool[top]), torch.as_tensor(drawn.max(axis=1))[:, None]
    return qJointEntropySearch(at.model, optima, values, X_pending=at.pending)


def _pstd(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    return PosteriorStandardDeviation(at.believer)


def _straddle(at: Situation, given: Mapping[str, float]) -> AcquisitionFunction:
    first = at.believer if len(at.signs) == 1 else at.believer.subset_output([0])
    return Straddle(first, at.threshold(given["threshold"]), given.get("kappa", 1.96))


def _ucb_pe(at: Situation, given: Mapping[str, float]) -> AcquisitionFunction:
    beta = given.get("beta", 3.24)
    if at.pending is None:
        return _ucb(at, {"beta": beta})
    return PureExploration(at.model, at.believer, at.pool, beta)


def _log_nehvi(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    return qLogNoisyExpectedHypervolumeImprovement(
        at.model,
        ref_point=at.worst,
        X_baseline=at.known,
        sampler=at.sampler(),
        objective=at.goals,
        X_pending=at.pending,
        prune_baseline=True,
    )


def _log_nparego(at: Situation, _: Mapping[str, float]) -> AcquisitionFunction:
    weights = np.random.default_rng(at.seed).dirichlet(np.ones(len(at.processes)))
    return qLogNParEGO(
        at.model,
        at.known,
        scalarization_weights=torch.as_tensor(weights),
        sampler=at.sampler(),
        objective=at.goals,
        X_pending=at.pending,
        prune_baseline=True,
    )


FUNCTIONS: Mapping[str, Built] = {
    "qLogEI": _log_ei,
    "UCB": _ucb,
    "TS": _ts,
    "MES": _mes,
    "JES": _jes,
    "PI": _pi,
    "PSTD": _pstd,
    "straddle": _straddle,
    "UCB-PE": _ucb_pe,
    "qLogNEHVI": _log_nehvi,
    "qLogNParEGO": _log_nparego,
}
"""What is built for a name; the names that are missing here are computed in closed form by `strategy`."""


def function_of(slot: Slot, at: Situation) -> AcquisitionFunction:
    """Return the acquisition function of a slot.

    Raises
    ------
    InvalidInput
        If a function of the user's own cannot be imported, refuses its settings, or returns something else.
    """
    # Some of BoTorch's draw from torch's global generator: it is lent, seeded and put back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(at.seed)
        if not slot.own:
            return FUNCTIONS[slot.name](at, slot.settings)
        return _imported(slot, at)


def _imported(slot: Slot, at: Situation) -> AcquisitionFunction:
    module, _, name = slot.name.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), name)(at, **slot.settings)
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidInput(
            f"the slot {slot.text!r} cannot be used: {error}",
            hint="an installed function of a Situation and the settings named (labloop/planner/named.py)",
            field="planner.slots",
        ) from error
    if not isinstance(made, AcquisitionFunction):
        raise InvalidInput(
            f"the slot {slot.text!r} returned {type(made).__name__}",
            hint="expected a BoTorch AcquisitionFunction",
            field="planner.slots",
        )
    return made


@dataclass(frozen=True)
class Torch:
    """A BoTorch acquisition function of one experiment as a score of feature rows."""

    function: AcquisitionFunction

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return values (b,) and, if asked, the gradient (b, F) by automatic differentiation."""
        values, slopes = np.empty(len(features)), np.zeros(features.shape if gradient else (0, 0))
        for start in range(0, len(features), _BATCH):
            part = slice(start, start + _BATCH)
            rows = torch.as_tensor(features[part]).unsqueeze(-2).requires_grad_(gradient)
            with torch.set_grad_enabled(gradient):
                found = self.function(rows)
            values[part] = found.detach().numpy()
            if gradient:
                slopes[part] = torch.autograd.grad(found.sum(), rows)[0].squeeze(-2).numpy()
        return values, slopes
