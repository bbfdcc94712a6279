"""The planner's process and acquisition as BoTorch objects, for anyone who wants to go on from there.

`twin` rebuilds a fitted process as a ``SingleTaskGP``; `LogNoisyEI` is the planner's acquisition as a
BoTorch ``AcquisitionFunction`` over any exact GP, written the obvious way (one joint posterior a call,
differentiated by autograd). The planner itself uses the closed forms of `surrogate` and `acquisition`; tests
hold the two against each other and against BoTorch's own values.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import _log_ei_helper
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.utils.transforms import t_batch_mode_transform
from gpytorch.kernels import Kernel
from torch import Tensor

from labloop.planner.kernel import Layout
from labloop.planner.surrogate import GP

__all__ = ["GroupedMatern", "LogNoisyEI", "twin"]


class GroupedMatern(Kernel):
    """`labloop.planner.kernel` as a GPyTorch kernel with fixed lengthscales, one per group."""

    def __init__(self, layout: Layout, scale: np.ndarray) -> None:
        super().__init__()
        weight = np.asarray(scale)[layout.group]
        self.numeric = torch.as_tensor(layout.numeric)
        self.onehot = torch.as_tensor(layout.onehot)
        self.register_buffer("by_number", torch.as_tensor(weight[layout.numeric]))
        self.register_buffer("by_option", torch.as_tensor(np.sqrt(weight[layout.onehot])))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Return the covariance between (..., n, F) and (..., m, F)."""
        if diag:
            return torch.ones(x1.shape[:-1], dtype=x1.dtype)
        a, b = x1[..., self.numeric] / self.by_number, x2[..., self.numeric] / self.by_number
        c, d = x1[..., self.onehot] / self.by_option, x2[..., self.onehot] / self.by_option
        r2 = (a.unsqueeze(-2) - b.unsqueeze(-3)).square().sum(-1)
        s = (c.unsqueeze(-2) - d.unsqueeze(-3)).square().sum(-1)
        # The root's slope at 0 is infinite, the kernel's is 0: keep autograd away from the root there.
        r = torch.sqrt(5.0 * r2.clamp_min(1e-30))
        return (1.0 + r + 5.0 / 3.0 * r2) * torch.exp(-r - s)


def twin(gp: GP) -> SingleTaskGP:
    """Return the process as a ``SingleTaskGP`` over features (F), in model units, fitted already."""
    x = torch.as_tensor(gp.rows)
    y = torch.as_tensor(gp.y).unsqueeze(-1)
    noise = torch.as_tensor(gp.hyper.noise / gp.repeats).unsqueeze(-1)
    model = SingleTaskGP(
        x, y, noise, covar_module=GroupedMatern(gp.layout, gp.hyper.scale), outcome_transform=None
    )
    model.mean_module.initialize(constant=torch.tensor(gp.hyper.mean, dtype=torch.float64))
    model.eval()
    return model


class LogNoisyEI(AcquisitionFunction):
    """Noisy log expected improvement of one more experiment, Rao-Blackwellised (see `acquisition`).

    Parameters
    ----------
    model : an exact single-outcome GP.
    base : (m, F) rows whose true values may be the best: incumbents, pending, picked.
    normal : (S, m) standard normal numbers behind the joint draws.
    """

    def __init__(self, model: Model, base: Tensor, normal: Tensor) -> None:
        super().__init__(model=model)
        posterior = model.posterior(base)
        self.base = base
        self.mean = posterior.mean.squeeze(-1).detach()
        covariance = posterior.distribution.covariance_matrix.detach()
        self.root = torch.linalg.cholesky(covariance + 1e-6 * torch.eye(len(base), dtype=base.dtype))
        self.normal = normal
        self.best = (self.mean + normal @ self.root.T).amax(dim=-1)

    @t_batch_mode_transform(expected_q=1)
    def forward(self, X: Tensor) -> Tensor:
        """Return alpha (b,) at (b, 1, F)."""
        base = self.base.expand(*X.shape[:-2], *self.base.shape)
        posterior = self.model.posterior(torch.cat([base, X], dim=-2))
        covariance = posterior.distribution.covariance_matrix
        m = len(self.base)
        v = torch.linalg.solve_triangular(self.root, covariance[..., :m, m:], upper=False).squeeze(-1)
        variance = (covariance[..., m, m] - v.square().sum(-1)).clamp_min(1e-12)
        mean = posterior.mean[..., m, :] + v @ self.normal.T
        sd = variance.sqrt().unsqueeze(-1)
        logs = _log_ei_helper((mean - self.best) / sd) + sd.log()
        return torch.logsumexp(logs, dim=-1) - math.log(len(self.normal))
