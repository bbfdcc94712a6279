"""How well the planner predicts in many columns of which few matter, beside BoTorch's model made for that.

    python benchmarks/planner_columns.py

The labs are test functions with numbers that do nothing (``idle``), and three where every column counts. Each model
learns from n Sobol points and predicts 300 others; 3 draws a row. Log density a point in units of the results' standard
deviation (larger is better; 0.0 better than -1.4, which the sample's mean and spread alone give), and correlation
between what is predicted and what is true. BoTorch's is ``EnsembleMapSaasSingleTaskGP`` with its own defaults
(the prior of Eriksson & Jankowiak 2021).
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models.map_saas import EnsembleMapSaasSingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.special import logsumexp
from scipy.stats import norm, qmc

from labloop.planner.data import Data, Table
from labloop.planner.kernel import Array
from labloop.planner.models import fit_models
from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab
from labloop.space import Space

LABS = (
    "branin:idle=18",
    "styblinskitang3:idle=15",
    "levy4:idle=14",
    "ackley5:idle=20",
    "hartmann6:idle=14",
    "hartmann6:idle=44",
    "rosenbrock15",
    "ackley16",
    "levy16",
)
SIZES = (16, 32, 64)
DRAWS = 3
UNSEEN = 300


def ours(place: Lab, rows: Array, y: Array, unseen: Array, truth: Array) -> tuple[float, float]:
    """Return log density a point and correlation of the planner's model."""
    n = len(rows)
    table = Table(rows, np.zeros((n, 0)), y, np.ones(n), np.zeros(n))
    data = Data({"value": table}, None, rows, np.zeros((0, rows.shape[1])), np.zeros(0), tuple(range(n)))
    models = fit_models(place.campaign, Space(place.campaign), data, np.random.default_rng(0))
    surrogate = models.surrogates["value"]
    means, variances = surrogate.process.posterior(models.features(unseen))
    aimed, slopes = surrogate.scale.to_model(truth), surrogate.scale.log_slopes(truth)
    return judged(means, variances, aimed, slopes)


def theirs(rows: Array, y: Array, unseen: Array, truth: Array) -> tuple[float, float]:
    """Return the same of BoTorch's ensemble."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model = EnsembleMapSaasSingleTaskGP(torch.as_tensor(rows), torch.as_tensor(y)[:, None])
        likelihood = ExactMarginalLogLikelihood(model.likelihood, model)  # type: ignore[no-untyped-call]  # gpytorch
        fit_gpytorch_mll(likelihood)
        with torch.no_grad():
            posterior = model.posterior(torch.as_tensor(unseen))
    means, variances = (part.squeeze(-1).numpy() for part in (posterior.mean, posterior.variance))
    return judged(means, variances, truth, np.zeros(len(truth)))


def judged(means: Array, variances: Array, truth: Array, slopes: Array) -> tuple[float, float]:
    """Return log density a point and correlation of a mixture of (P, b) normals; ``slopes`` are the scale's logs."""
    each = norm.logpdf(truth, means, np.sqrt(variances + 1e-9))
    density = logsumexp(each, axis=0) - np.log(len(means)) + slopes
    return float(density.mean()), float(np.corrcoef(means.mean(axis=0), truth)[0, 1])


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| lab | n | log density: labloop | SAAS | correlation: labloop | SAAS |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in LABS:
        place = lab(name)
        space = Space(place.campaign)
        for n in SIZES:
            told = []
            for draw in range(DRAWS):
                rows = qmc.Sobol(space.dim, rng=draw).random_base2(n.bit_length() - 1)
                unseen = np.random.default_rng(100 + draw).random((UNSEEN, space.dim))
                y, truth = (
                    np.array([each["value"] for each in map(place.truth, space.decode(x))]) for x in (rows, unseen)
                )
                y, truth = (y - y.mean()) / y.std(ddof=1), (truth - y.mean()) / y.std(ddof=1)
                told.append(ours(place, rows, y, unseen, truth) + theirs(rows, y, unseen, truth))
            mine, mine_r, saas, saas_r = np.mean(told, axis=0)
            print(f"| {name} | {n} | {mine:.2f} | {saas:.2f} | {mine_r:.2f} | {saas_r:.2f} |", flush=True)


if __name__ == "__main__":
    main()
