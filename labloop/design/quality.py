"""What a design can and cannot say, before anything is measured.

Notation: ``F`` (n, p) model matrix, ``D = (F'F)^-1``; sigma is the standard deviation of one measurement. An
estimate has standard error ``sigma sqrt(D_jj)``; its variance inflation compares ``D_jj`` with what the column would
have alone; run i has leverage ``f_i'D f_i``; a prediction at x has variance ``sigma^2 f(x)'D f(x)``. If further terms
``F2`` are active, estimates are off by ``A = D F'F2`` times those: the alias matrix (Box & Wilson 1951).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.design.model import Model
from labloop.space.axis import Array

__all__ = ["Alias", "Estimate", "Quality", "quality_of"]

_SEEN = 0.05
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Estimate:
    """One term of the model: its standard error per sigma and its variance inflation; None where it is lost."""

    term: str
    kind: str
    error: float | None
    inflation: float | None


@dataclass(frozen=True)
class Alias:
    """An estimate, and a term outside the model of which ``share`` would be added to it."""

    term: str
    partner: str
    share: float


@dataclass(frozen=True)
class Quality:
    """The measures of one design under one model.

    Attributes
    ----------
    n, p : experiments (those run before included) and terms.
    error, pure : degrees of freedom left for the error, and those of them from repeated conditions.
    d_efficiency : ``|F'F|^(1/p) / n``; 1 for an orthogonal two-level design. 0 where a term is lost.
    mean_variance, worst_variance : of a prediction over the region, per sigma squared.
    leverage : by experiment.
    lost : terms that cannot be estimated, because others take the same values.
    """

    n: int
    p: int
    error: int
    pure: int
    d_efficiency: float
    mean_variance: float | None
    worst_variance: float | None
    leverage: tuple[float, ...]
    estimates: tuple[Estimate, ...]
    lost: tuple[str, ...]
    aliases: tuple[Alias, ...]


def quality_of(model: Model, larger: Model, u: Array, *, blocks: Array, region: Array, edges: Array) -> Quality:
    """Judge experiments.

    Parameters
    ----------
    larger : the model whose further terms may be active (see `Alias`).
    u : (n, d) cube rows of the experiments.
    blocks : (n, b) columns that tell their blocks apart; b = 0 where there is one.
    region, edges : (m, d) cube rows of points spread over the region, and of its corners as far as they are known.
    """
    p = model.p
    f = np.column_stack([model.columns(u), blocks])
    n = len(f)
    scale = np.sqrt((f * f).sum(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    left, singular, turned = np.linalg.svd(f / scale, full_matrices=False)
    kept = singular > _TOLERANCE * max(float(singular[0]), 1e-300)
    rank = int(kept.sum())
    whole = turned[kept].T @ turned[kept]
    lost = np.flatnonzero(1.0 - np.diag(whole)[:p] > 1e-6)
    every = (turned[kept].T / singular[kept] ** 2) @ turned[kept] / np.outer(scale, scale)
    inverse = every[:p, :p]
    leverage = (left[:, kept] ** 2).sum(axis=1)
    estimates = tuple(
        Estimate(term.name, term.kind, None, None)
        if j in lost
        else Estimate(term.name, term.kind, float(np.sqrt(inverse[j, j])), _inflation(model, f, inverse, j))
        for j, term in enumerate(model.terms)
    )
    mean = worst = None
    if not len(lost):
        g = model.columns(np.vstack([region, edges, u]))
        variance = ((g @ inverse) * g).sum(axis=1)
        mean, worst = float(variance[: len(region)].mean()), float(variance.max())
    return Quality(
        n=n,
        p=p,
        error=n - rank,
        pure=n - len(np.unique(np.round(np.column_stack([u, blocks]), 9), axis=0)),
        d_efficiency=0.0 if len(lost) else float(np.exp(-np.linalg.slogdet(inverse)[1] / p) / n),
        mean_variance=mean,
        worst_variance=worst,
        leverage=tuple(leverage.tolist()),
        estimates=estimates,
        lost=tuple(model.names[j] for j in lost),
        aliases=_aliases(model, larger, every[:p] @ f.T, u),
    )


def _inflation(model: Model, f: Array, inverse: Array, j: int) -> float | None:
    if model.terms[j].kind == "constant":
        return None
    spread = f[:, j] - f[:, j].mean() if model.terms[0].kind == "constant" else f[:, j]
    return float(inverse[j, j] * (spread @ spread))


def _aliases(model: Model, larger: Model, estimator: Array, u: Array) -> tuple[Alias, ...]:
    outside = [i for i, name in enumerate(larger.names) if name not in model.names]
    if not outside:
        return ()
    shares = estimator @ larger.columns(u)[:, outside]
    found = [
        Alias(model.names[j], larger.names[outside[i]], float(shares[j, i]))
        for j, i in zip(*np.nonzero(np.abs(shares) > _SEEN), strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (-round(abs(each.share), 6), each.term, each.partner)))
