"""The planner's process and acquisition as BoTorch objects, for anyone who wants to go on from there.

`twin` rebuilds a fitted process as a ``SingleTaskGP``; `LogNoisyEI` is the planner's acquisition as a
BoTorch ``AcquisitionFunction`` over any exact GP, written the obvious way (one joint posterior a call,
differentiated by autograd). The planner itself uses the closed forms of `surrogate` and `acquisition`; tests
hold the two against each other and against BoTorch's own values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import _log_ei_helper
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.models.transforms.input import Warp as BentInputs
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.transforms import t_batch_mode_transform
from gpytorch.kernels import Kernel, MaternKernel, ScaleKernel
from torch import Tensor

from labloop.planner.kernel import SHORTER, Ard, Array, Layered, TwoScale
from labloop.planner.surrogate import Process
from labloop.planner.warp import EPS

__all__ = ["FixedKernel", "LogNoisyEI", "twin"]


class FixedKernel(Kernel):
    """`labloop.planner.kernel` as a GPyTorch kernel with fixed parameters, written the obvious way."""

    def __init__(self, kernel: Ard | Layered, log: Array) -> None:
        super().__init__()
        self.kernel = kernel
        self.values = torch.as_tensor(np.exp(log))

    def forward(
        self, x1: Tensor, x2: Tensor, diag: bool = False, last_dim_is_batch: bool = False, **params: Any
    ) -> Tensor:
        """Return the covariance between (..., n, F) and (..., m, F)."""
        assert not last_dim_is_batch
        assert not params
        layout = self.kernel.layout
        if diag:
            total = 1.0 if isinstance(self.kernel, Ard) else float(self.values[-3:].sum())
            return torch.full(x1.shape[:-1], total, dtype=x1.dtype)
        gaps = (x1.unsqueeze(-2) - x2.unsqueeze(-3)).square()
        by_group = [gaps[..., columns].sum(-1) for columns in layout.columns]
        if isinstance(self.kernel, Ard):
            scaled = [gap / self.values[g] ** 2 for g, gap in enumerate(by_group)]
            return _matern(torch.stack(scaled).sum(0))
        factors = torch.stack(
            [
                torch.exp(-gap / self.values[g]) if layout.named[g] else _matern(gap / self.values[g] ** 2)
                for g, gap in enumerate(by_group)
            ]
        )
        first, second, third = self.values[-3:]
        pairs = [factors[g] * factors[h] for g in range(len(factors)) for h in range(g)]
        found: Tensor = first * factors.mean(0) + second * torch.stack(pairs).mean(0) + third * factors.prod(0)
        return found


def _matern(r2: Tensor) -> Tensor:
    # The root's slope at 0 is infinite, the kernel's is 0: keep autograd away from the root there.
    r = torch.sqrt(5.0 * r2.clamp_min(1e-30))
    found: Tensor = (1.0 + r + 5.0 / 3.0 * r2) * torch.exp(-r)
    return found


def twin(process: Process, index: int = 0, *, sign: float = 1.0) -> SingleTaskGP:
    """Return one of the process's sets of hyperparameters as a fitted ``SingleTaskGP`` over features (F).

    In model units, times ``sign`` (-1 turns what is minimised into what is maximised); ``index`` counts the sets.
    """
    noise = torch.as_tensor(process.noise[index] / process.repeats).clamp_min(1e-6).unsqueeze(-1)
    model = SingleTaskGP(
        torch.as_tensor(process.rows),
        torch.as_tensor(sign * process.y).unsqueeze(-1),
        noise,
        covar_module=kernel_of(process, index),
        outcome_transform=None,
        input_transform=_transform(process),
    )
    model.mean_module.initialize(constant=torch.tensor(sign * process.mean[index], dtype=torch.float64))
    model.eval()
    return model.requires_grad_(False)


def _transform(process: Process) -> BentInputs | None:
    """Return the process's warp as BoTorch's input transform."""
    shapes, width = process.kernel.warp.shapes, process.rows.shape[1]
    if not shapes:
        return None
    cube = torch.tensor([[0.0] * width, [1.0] * width], dtype=torch.float64)
    found = BentInputs(d=width, indices=list(shapes), eps=EPS, bounds=cube).to(torch.float64)
    a, b = torch.tensor(list(shapes.values()), dtype=torch.float64).T
    found._set_concentration(1, a)
    found._set_concentration(0, b)
    return found


def kernel_of(process: Process, index: int) -> Kernel:
    """Return the covariance: GPyTorch's own over numbers; one Matern alone BoTorch knows how to draw paths of."""
    kernel, log = process.kernel, process.logs[index]
    if not isinstance(kernel, Ard):
        return FixedKernel(kernel, log)
    scales = torch.as_tensor(np.exp(log)[kernel.layout.group])
    if not isinstance(kernel, TwoScale):
        return _matern_kernel(scales)
    parts = []
    share = torch.sigmoid(torch.as_tensor(log[-1]))
    for weight, shorter in ((1.0 - share, 1), (share, SHORTER)):
        part = ScaleKernel(_matern_kernel(scales / shorter)).to(torch.float64)
        part.outputscale = weight
        parts.append(part)
    return parts[0] + parts[1]


def _matern_kernel(scales: Tensor) -> MaternKernel:
    kernel = MaternKernel(nu=2.5, ard_num_dims=len(scales)).to(torch.float64)
    kernel.lengthscale = scales
    return kernel


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
        mean, covariance = _moments(model, base)
        self.base, self.normal = base, normal
        self.root = torch.linalg.cholesky(covariance.detach() + 1e-6 * torch.eye(len(base), dtype=base.dtype))
        self.best = (mean.detach() + normal @ self.root.T).amax(dim=-1)

    @t_batch_mode_transform(expected_q=1)  # type: ignore[arg-type]  # typed for the base class only
    def forward(self, X: Tensor) -> Tensor:
        """Return alpha (b,) at (b, 1, F)."""
        m = len(self.base)
        base = self.base.expand(*X.shape[:-2], *self.base.shape)
        mean, covariance = _moments(self.model, torch.cat([base, X], dim=-2))
        v = torch.linalg.solve_triangular(self.root, covariance[..., :m, m:], upper=False).squeeze(-1)
        sd = (covariance[..., m, m] - v.square().sum(-1)).clamp_min(1e-12).sqrt().unsqueeze(-1)
        logs = _log_ei_helper((mean[..., m:] + v @ self.normal.T - self.best) / sd) + sd.log()
        return torch.logsumexp(logs, dim=-1) - math.log(len(self.normal))


def _moments(model: Model, rows: Tensor) -> tuple[Tensor, Tensor]:
    posterior = model.posterior(rows)
    assert isinstance(posterior, GPyTorchPosterior)
    return posterior.mean.squeeze(-1), posterior.distribution.covariance_matrix
