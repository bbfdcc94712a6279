"""Acquisition functions that BoTorch does not have, as BoTorch ``AcquisitionFunction``s for `optimize_acqf`.

All are of one experiment: X is (b, 1, F), values are (b,). mu and sd are of the true value, in the model's units.
"""

from __future__ import annotations

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.objective import MCAcquisitionObjective
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior_list import PosteriorList
from botorch.utils.transforms import t_batch_mode_transform
from torch import Tensor

__all__ = ["ObjectiveOfMean", "PureExploration", "Straddle"]

_STEEP = 10.0


def _moments(model: Model, X: Tensor) -> tuple[Tensor, Tensor]:
    posterior = model.posterior(X)
    assert isinstance(posterior, GPyTorchPosterior)
    return posterior.mean[..., 0, 0], posterior.variance[..., 0, 0].clamp_min(1e-12).sqrt()


class ObjectiveOfMean(AcquisitionFunction):
    """The objective of the predicted values; of a model that took a posterior draw as data, that draw's objective."""

    def __init__(self, model: Model, objective: MCAcquisitionObjective) -> None:
        super().__init__(model=model)
        self.objective = objective

    @t_batch_mode_transform(expected_q=1)  # type: ignore[arg-type]  # typed for the base class only
    def forward(self, X: Tensor) -> Tensor:
        """Return the values (b,) at (b, 1, F)."""
        posterior = self.model.posterior(X)
        assert isinstance(posterior, GPyTorchPosterior | PosteriorList)
        found: Tensor = self.objective(posterior.mean, X=X)[..., 0]
        return found


class Straddle(AcquisitionFunction):
    """kappa sd(x) - |mu(x) - threshold|: where it is unclear on which side the outcome lies (Bryan et al. 2005)."""

    def __init__(self, model: Model, threshold: float, kappa: float = 1.96) -> None:
        super().__init__(model=model)
        self.threshold, self.kappa = threshold, kappa

    @t_batch_mode_transform(expected_q=1)  # type: ignore[arg-type]  # typed for the base class only
    def forward(self, X: Tensor) -> Tensor:
        """Return the values (b,) at (b, 1, F)."""
        mean, sd = _moments(self.model, X)
        return self.kappa * sd - (mean - self.threshold).abs()


class PureExploration(AcquisitionFunction):
    """The sd where the best may still lie: sd(x) + 10 min(0, mu(x) + sqrt(beta) s(x) - best lower bound).

    The region of Contal et al. (2013), eq. 3: upper bounds above the largest lower bound; outside it a steep penalty
    instead of a wall, so that the search has a slope to follow.

    Parameters
    ----------
    model : given the data: mu and s, which decide where the best may lie.
    believer : given pending experiments too, at whatever value: its sd counts.
    pool : (p, F) points at which the largest lower bound is looked for.
    """

    def __init__(self, model: Model, believer: Model, pool: Tensor, beta: float) -> None:
        super().__init__(model=model)
        self.believer, self.root = believer, beta**0.5
        with torch.no_grad():
            mean, sd = _moments(model, pool.unsqueeze(-2))
        self.lower = float((mean - self.root * sd).max())

    @t_batch_mode_transform(expected_q=1)  # type: ignore[arg-type]  # typed for the base class only
    def forward(self, X: Tensor) -> Tensor:
        """Return the values (b,) at (b, 1, F)."""
        mean, sd = _moments(self.model, X)
        short = (mean + self.root * sd - self.lower).clamp_max(0.0)
        found: Tensor = _moments(self.believer, X)[1] + _STEEP * short
        return found
