"""Optimal designs by exchange: experiments are moved, one at a time, to where the model learns most.

Notation: ``F`` (n, p) model matrix of a design, ``M = F'F`` plus what earlier experiments contribute, ``D = M^-1``.
Moving one experiment from row ``f`` to row ``g`` changes the determinant by the factor

    delta = (1 + g'Dg) (1 - f'Df) + (f'Dg)^2

and the trace of ``D W`` by ``-[(1 - f'Df) g'Gg + 2 (f'Dg) f'Gg - (1 + g'Dg) f'Gf] / delta`` with ``G = D W D``. The
first is D-optimality; the second is A-optimality with ``W`` the identity, and I-optimality with ``W`` the mean of
``ff'`` over the region. Many starts run side by side; the best are shaken and improved again. Meyer & Nachtsheim
1995, doi:10.1080/00401706.1995.10485889; Goos & Jones, *Optimal Design of Experiments* (2011), chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labloop.design.model import Model
from labloop.design.moves import Moves
from labloop.errors import InvalidInput
from labloop.space.axis import Array, Indices

__all__ = ["CRITERIA", "Optimum", "optimise", "value_of", "weights_of"]

CRITERIA = ("D", "A", "I")
_PASSES = 40
_RIDGES = (1e-2, 1e-5)
_RIDGE = 1e-10
_WORK = 1.2e9
_MOST_WORK = 1e9
# The best quarter of the starts is shaken, a sixth of the runs drawn anew, and improved again.
_SHAKES = 2
_BRANCHES = 4
_SHAKEN = 0.17
_REGION = 1000
_LEAST = 1e-7
# A pass that gains less than this at every experiment is the last: of the efficiency it is a p-th.
_WORTH = 1e-4


@dataclass(frozen=True)
class Optimum:
    """A design (n, d) in grid indices, its criterion (larger is better for D, smaller for A and I), and the starts.

    ``values`` holds what each start reached, so that it shows how certain the best one is.
    """

    k: Indices
    value: float
    values: Array


@dataclass
class _Search:
    """Designs of all starts while they are improved."""

    k: Indices
    f: Array
    d: Array


def weights_of(model: Model, criterion: str, moves: Moves, rng: np.random.Generator) -> Array | None:
    """Return W (p, p): None for D, the identity for A, the region's moments for I.

    Raises
    ------
    InvalidInput
        If there is no such criterion.
    """
    match criterion:
        case "D":
            return None
        case "A":
            return np.eye(model.p)
        case "I":
            region = moves.pool[rng.integers(len(moves.pool), size=_REGION)]
            f = model.columns(moves.cube(region))
            return np.asarray(f.T @ f / len(f))
    raise InvalidInput(f"no criterion {criterion!r}", hint=f"expected one of {', '.join(CRITERIA)}")


def value_of(information: Array, weights: Array | None, n: int) -> float:
    """Return a design's criterion: ``|M|^(1/p) / n`` for D; ``n tr(M^-1 W)`` for A and I.

    0 for D, infinity for the others, where the model cannot be estimated.
    """
    p = len(information)
    values = np.linalg.eigvalsh(information)
    if values[0] <= 1e-11 * max(values[-1], 1e-300):
        return 0.0 if weights is None else float("inf")
    if weights is None:
        return float(np.exp(np.log(values).sum() / p) / n)
    return float(n * np.trace(np.linalg.solve(information, weights)))


def optimise(
    model: Model,
    moves: Moves,
    n: int,
    rng: np.random.Generator,
    *,
    criterion: str = "D",
    ran: Array | None = None,
    starts: int | None = None,
) -> Optimum:
    """Return the best design of n further experiments.

    Parameters
    ----------
    ran : model matrix (m, p) of experiments that were run already and count.
    starts : random starts and nothing more; by the size of the problem, and the best shaken, if not given.

    Raises
    ------
    InvalidInput
        If no n experiments can estimate the model, or the search is too large.
    """
    before = np.zeros((model.p, model.p)) if ran is None else ran.T @ ran
    weights = weights_of(model, criterion, moves, rng)
    s = _starts(model, moves, n, rng) if starts is None else starts
    total = n + (0 if ran is None else len(ran))
    k = _improved(moves.random(s, n, rng), model, moves, before, rng, weights=weights)
    values = _values(k, model, moves, before, weights, total=total)
    for _ in range(_SHAKES if starts is None else 0):
        best = np.argsort(-values if weights is None else values, kind="stable")[: max(s // _BRANCHES, 1)]
        shaken = np.repeat(k[best], _BRANCHES, axis=0)
        again = rng.random(shaken.shape[:2]) < _SHAKEN
        shaken[again] = moves.random(len(shaken), n, rng)[again]
        more = _improved(shaken, model, moves, before, rng, weights=weights)
        k = np.concatenate([k[best], more])
        values = np.concatenate([values[best], _values(more, model, moves, before, weights, total=total)])
    best_one = int(values.argmax() if weights is None else values.argmin())
    if values[best_one] in (0.0, float("inf")):
        raise InvalidInput(
            f"no {n} experiments of this space can estimate all {model.p} terms of the {model.order} model",
            hint="more runs, or a smaller model: --model main",
        )
    return Optimum(k[best_one], float(values[best_one]), values)


def _values(k: Indices, model: Model, moves: Moves, before: Array, weights: Array | None, *, total: int) -> Array:
    return np.array([value_of(f.T @ f + before, weights, total) for f in _columns(model, moves, k)])


def _improved(
    k: Indices, model: Model, moves: Moves, before: Array, rng: np.random.Generator, *, weights: Array | None
) -> Indices:
    """Return designs (s, n, d) after passes of exchanges, until none gains any more."""
    search = _Search(k.copy(), _columns(model, moves, k), np.empty((len(k), model.p, model.p)))
    quiet = np.zeros(len(k), dtype=np.int64)
    for turn in range(_PASSES):
        ridge = _RIDGES[turn] if turn < len(_RIDGES) else _RIDGE
        _invert(search, before, ridge)
        changed = _passed(search, np.flatnonzero(quiet < 2), model, moves, rng, weights=weights, wide=turn % 2 == 1)
        quiet = np.where(changed | (turn < len(_RIDGES)), 0, quiet + (1 if moves.tied else 2))
        if (quiet >= 2).all():
            break
    return search.k


def _starts(model: Model, moves: Moves, n: int, rng: np.random.Generator) -> int:
    """Return how many starts take a few seconds.

    Raises
    ------
    InvalidInput
        If one alone takes minutes.
    """
    candidates = moves.candidates(moves.random(1, 1, rng)[0], rng)[1].shape[1]
    work = float(n) * candidates * (model.p**2 + 40 * moves.grid.dim)
    if work > _MOST_WORK:
        raise InvalidInput(
            f"a search for {n} runs that estimate the {model.p} terms of the {model.order} model is too large",
            hint="fewer factors (--factors), or a smaller model (--model main)",
        )
    return int(np.clip(_WORK / (8.0 * work), 2, 24))


def _columns(model: Model, moves: Moves, k: Indices) -> Array:
    f = model.columns(moves.cube(k).reshape(-1, k.shape[-1]))
    return f.reshape(*k.shape[:-1], model.p)


def _invert(search: _Search, before: Array, ridge: float) -> None:
    information = search.f.transpose(0, 2, 1) @ search.f + before
    size = np.trace(information, axis1=1, axis2=2) / information.shape[1]
    search.d = np.linalg.inv(information + ridge * size[:, None, None] * np.eye(information.shape[1]))


def _passed(
    search: _Search,
    live: Indices,
    model: Model,
    moves: Moves,
    rng: np.random.Generator,
    *,
    weights: Array | None,
    wide: bool,
) -> np.ndarray:
    """Visit every experiment of the live starts once; return (s,) which starts changed."""
    changed = np.zeros(len(search.k), dtype=np.bool_)
    for row in range(search.k.shape[1]):
        candidates, ok = moves.candidates(search.k[live, row], rng, wide=wide)
        g = _columns(model, moves, np.where(ok[..., None], candidates, search.k[live, row][:, None]))
        gain, delta = _gains(search.d[live], search.f[live, row], g, weights)
        gain = np.where(ok & (delta > 1e-9), gain, -np.inf)
        best = gain.argmax(axis=1)
        rows = np.flatnonzero(gain[np.arange(len(live)), best] > _LEAST)
        if len(rows):
            picked = live[rows]
            new = g[rows, best[rows]]
            search.d[picked] = _updated(search.d[picked], search.f[picked, row], new)
            search.f[picked, row] = new
            search.k[picked, row] = candidates[rows, best[rows]]
            changed[picked] |= gain[rows, best[rows]] > _WORTH
    return changed


def _gains(d: Array, f: Array, g: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return what moving f (s, p) to each g (s, c, p) gains, relatively, and delta (s, c)."""
    df = (d @ f[:, :, None])[..., 0]
    before = (df * f).sum(axis=1)[:, None]
    after = ((g @ d) * g).sum(axis=2)
    cross = (g @ df[:, :, None])[..., 0]
    delta = (1.0 + after) * (1.0 - before) + cross**2
    if weights is None:
        return np.log(np.maximum(delta, 1e-300)), delta
    turned = d @ weights @ d
    gf = (turned @ f[:, :, None])[..., 0]
    here = (gf * f).sum(axis=1)[:, None]
    there = ((g @ turned) * g).sum(axis=2)
    both = (g @ gf[:, :, None])[..., 0]
    fall = ((1.0 - before) * there + 2.0 * cross * both - (1.0 + after) * here) / np.maximum(delta, 1e-300)
    return fall / np.einsum("sij,ji->s", d, weights)[:, None], delta


def _updated(d: Array, f: Array, g: Array) -> Array:
    """Return the inverses (s, p, p) after moving f (s, p) to g (s, p)."""
    df, dg = (d @ f[:, :, None])[..., 0], (d @ g[:, :, None])[..., 0]
    before, after, cross = (df * f).sum(axis=1), (dg * g).sum(axis=1), (dg * f).sum(axis=1)
    delta = (1.0 + after) * (1.0 - before) + cross**2
    gg = (dg[:, :, None] * dg[:, None]) * (1.0 - before)[:, None, None]
    gf = (dg[:, :, None] * df[:, None] + df[:, :, None] * dg[:, None]) * cross[:, None, None]
    ff = (df[:, :, None] * df[:, None]) * (1.0 + after)[:, None, None]
    return np.asarray(d - (gg + gf - ff) / delta[:, None, None])
