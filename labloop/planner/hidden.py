"""A hill that the broad picture hides: what stands out above a smooth trend, and where the top of its hill may be.

The fitted model is no judge of this. One narrow hill makes its lengthscales short everywhere or its noise large, and
either way it has no idea in which direction the top lies. The picture here is a coarser one, of n results y (to be
maximised) at rows x in G columns:

    y = c + trend(x) + h b(x) + noise,    b(x) = exp(-1/2 |x - t|^2 / (w^2 G)),    h ~ N(0, (`HEIGHT`^2) v), h > 0

with trend + noise a Gaussian process of covariance v C,

    C = exp(-1/2 |x - x'|^2 / (`SMOOTH`^2 G)) + diag(`ROUGH` / r)

r the measurements behind a row, c the mean of y, e = y - c, and v the likeliest variance. Without a hill, a result
stands out by its residual, foretold by all others (Rasmussen & Williams 2006, eq. 5.12), in standard deviations

    z_i = [C^-1 e]_i / sqrt([C^-1]_ii v),    v = e' C^-1 e / n

Given the top t and the width w of a hill, its height is that of a linear model (ibid. section 2.7), with
D = 1 + `HEIGHT`^2 b' C^-1 b and q = e' C^-1 e - `HEIGHT`^2 (b' C^-1 e)^2 / D:

    h ~ N(m, s^2),   m = `HEIGHT`^2 b' C^-1 e / D,   s^2 = (`HEIGHT`^2 / D) q / n

and the likelihood ratio of that hill to none, in nats, is

    l(t, w) = -1/2 log D - n/2 log(q / e' C^-1 e) + log 2 Phi(m / s)

The tops are drawn from the whole space, half of them from around what stands out (which their weights make up for), in
proportion to exp(l), and moved a few times by Metropolis' rule
(resample-move; Gilks & Berzuini 2001, doi:10.1111/1467-9868.00280). What is gained at x above the best y,

    gain(x) = mean over the hills of E[(trend(x) + h (b(x) - C(x, .) C^-1 b) - max y)+]

with the trend at most max y (above it, there is nothing hidden) and only h uncertain, in closed form. Pending
experiments count as if each had given what the trend foretells: no hill there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from labloop.planner.features import Features
from labloop.planner.kernel import Array, squared_distances
from labloop.planner.surrogate import Process
from labloop.space import Space

__all__ = ["HEIGHT", "ROUGH", "SMOOTH", "WIDTHS", "Hills", "Trend"]

SMOOTH, ROUGH = 0.7, 0.0125
"""How smooth the trend is that a result may stand out of, and the share of its variance that is noise."""
HEIGHT = 3.0
"""The sd of a hill's height before any result, in sds of the trend."""
WIDTHS = (0.06, 0.085, 0.12, 0.17)
"""How wide a hill may be, per root of the columns: narrower, it is not met; wider, it does not stand out."""
_KEPT = 256
_MOVES = 4
# The top of a hill is about so many of its widths away, in each column, from a result that tells of it.
_AWAY = 1.2
_FEW = 32
# Moves raise the likelihood of the likeliest top, by no more than this as a rule.
_HOPE = 4.0
# A hill on which a result stands lifts it by so much of its height at least.
_LIFTED = 0.02
_NEVER = -1e9


@dataclass(frozen=True)
class Trend:
    """A smooth trend through n results and, as it foretells them, p pending experiments; larger is better.

    Attributes
    ----------
    rows, mean : (n + p, F) features, and the mean of y.
    n, best, top : how many results there are, and the largest y and where it is.
    standing_out : by how many sds each of the results lies above the trend through all others, (n,).
    inverse, pulled, misfit : C^-1 (n + p, n + p), C^-1 e (n + p,), e' C^-1 e.
    groups : columns of the space.
    """

    rows: Array
    mean: float
    n: int
    best: float
    top: int
    standing_out: Array
    inverse: Array
    pulled: Array
    misfit: float
    groups: int

    @classmethod
    def of(cls, process: Process, sign: float, pending: Array | None = None) -> Trend:
        """Return the trend of a process's results times ``sign``, and of pending features (p, F)."""
        rows, y, groups = process.rows, sign * process.y, process.kernel.layout.groups
        e, noise = y - y.mean(), ROUGH / process.repeats
        inverse, pulled, misfit = _solved(rows, e, noise, groups)
        above: Array = pulled / np.sqrt(inverse.diagonal() * misfit / len(y))
        if pending is not None and len(pending):
            e = np.append(e, _smooth(pending, rows, groups) @ pulled)
            rows, noise = np.vstack([rows, pending]), np.append(noise, np.full(len(pending), ROUGH))
            inverse, pulled, misfit = _solved(rows, e, noise, groups)
        mean, best = float(y.mean()), float(y.max())
        return cls(rows, mean, len(y), best, int(np.argmax(y)), above, inverse, pulled, misfit, groups)

    def at(self, features: Array) -> tuple[Array, Array]:
        """Return the trend (b,) at features (b, F), and their covariance with all rows (b, n + p)."""
        cross = _smooth(features, self.rows, self.groups)
        return self.mean + cross @ self.pulled, cross


@dataclass(frozen=True)
class Hills:
    """K hills, each as likely as any other by what is known.

    Attributes
    ----------
    trend : what they stand on.
    cube, tops, widths : (K, d), (K, F), (K,) where and how wide they are.
    mean, sd : (K,) of their heights.
    pulled : (n + p, K) C^-1 b.
    """

    trend: Trend
    cube: Array
    tops: Array
    widths: Array
    mean: Array
    sd: Array
    pulled: Array

    @classmethod
    def drawn(
        cls,
        trend: Trend,
        features: Features,
        space: Space,
        rows: Array,
        about: Array,
        rng: np.random.Generator,
        *,
        lifts: int | None = None,
        least: float = -math.inf,
    ) -> Hills | None:
        """Draw hills; None where no hill is ``least`` nats likelier than none.

        Parameters
        ----------
        rows : (b, d) from all over the space, where tops may be.
        about : (d,) a result that stands out; as many tops again are tried around it.
        lifts : only hills on which this one of the n results stands, and higher than the best of all.
        """
        numbers = [j for j, column in enumerate(space.columns) if column.kind != "choice"]
        size = 2 * len(rows)
        widths = np.asarray(WIDTHS)[rng.integers(len(WIDTHS), size=size)]
        around = np.repeat(about[None], len(rows), axis=0)
        around[:, numbers] = _stepped(around[:, numbers], _AWAY * widths[len(rows) :], rng)
        rows = np.vstack([rows, around])
        likely = _weighed(trend, features(rows), widths, lifts)[0]
        if not (likely > _NEVER).any() or likely.max() < least - _HOPE:
            return None
        # Drawn from two places, and weighed as if from the whole space only.
        share = np.exp(likely - likely.max()) / (1.0 + _density(rows, about, _AWAY * widths, space, numbers))
        kept = rng.choice(size, _KEPT, p=share / share.sum())
        rows, widths, likely = rows[kept], widths[kept], likely[kept]
        for _ in range(_MOVES):
            # A step knows nothing of the hill it starts from: there and back are equally likely.
            steps, drawn = (np.asarray(WIDTHS)[rng.integers(len(WIDTHS), size=_KEPT)] for _ in range(2))
            other = rows.copy()
            other[:, numbers] = _stepped(rows[:, numbers], 0.5 * steps, rng)
            wide = np.where(rng.random(_KEPT) < 0.5, widths, drawn)
            told = _weighed(trend, features(other), wide, lifts)[0]
            taken = np.log(rng.random(_KEPT)) < told - likely
            rows[taken], widths[taken], likely[taken] = other[taken], wide[taken], told[taken]
        if likely.max() < least:
            return None
        tops = features(rows)
        _, mean, sd, pulled = _weighed(trend, tops, widths, lifts)
        return cls(trend, rows, tops, widths, mean, sd, pulled)

    def few(self) -> Hills:
        """Return some of the hills: they were drawn in no order."""
        part = slice(_FEW)
        trend, mean, sd, pulled = self.trend, self.mean[part], self.sd[part], self.pulled[:, part]
        return Hills(trend, self.cube[part], self.tops[part], self.widths[part], mean, sd, pulled)

    def gain(self, features: Array) -> Array:
        """Return what is expected to be gained above the best at features (b, F), (b,)."""
        foretold, cross = self.trend.at(features)
        risen = _bumps(features, self.tops, self.widths, self.trend.groups) - cross @ self.pulled
        missing = np.minimum(foretold - self.trend.best, 0.0)[:, None] + risen * self.mean
        sd = np.abs(risen) * self.sd + 1e-12
        z = missing / sd
        gained = missing * ndtr(z) + sd * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        found: Array = gained.mean(axis=1)
        return found


def _stepped(rows: Array, wide: Array, rng: np.random.Generator) -> Array:
    """Return numbers (b, k) moved by normal steps of sd ``wide`` (b,), reflected at 0 and 1."""
    moved = rows + wide[:, None] * rng.standard_normal(rows.shape)
    return np.clip(1.0 - np.abs(1.0 - np.abs(moved)), 0.0, 1.0)


def _density(rows: Array, about: Array, wide: Array, space: Space, numbers: list[int]) -> Array:
    """Return how much likelier rows (b, d) are around ``about`` than from the whole cube, (b,)."""
    named = [j for j, column in enumerate(space.columns) if column.kind == "choice"]
    at, here = rows[:, numbers], about[numbers]
    # What is reflected at a bound comes from beyond it.
    beyond = sum(np.exp(-0.5 * ((at - image) / wide[:, None]) ** 2) for image in (here, -here, 2.0 - here))
    density = np.prod(beyond / (math.sqrt(2.0 * math.pi) * wide[:, None]), axis=1)
    same = (np.abs(rows[:, named] - about[named]) < 1e-9).all(axis=1)
    found: Array = density * same * math.prod(space.columns[j].count for j in named)
    return found


def _smooth(a: Array, b: Array, groups: int) -> Array:
    found: Array = np.exp(-0.5 * squared_distances(a, b) / (SMOOTH**2 * groups))
    return found


def _solved(rows: Array, e: Array, noise: Array, groups: int) -> tuple[Array, Array, float]:
    """Return C^-1, C^-1 e and e' C^-1 e."""
    inverse = np.asarray(np.linalg.inv(_smooth(rows, rows, groups) + np.diag(noise)), dtype=np.float64)
    pulled: Array = inverse @ e
    return inverse, pulled, max(float(e @ pulled), 1e-300)


def _bumps(features: Array, tops: Array, widths: Array, groups: int) -> Array:
    found: Array = np.exp(-0.5 * squared_distances(features, tops) / (widths**2 * groups))
    return found


def _weighed(trend: Trend, tops: Array, widths: Array, lifts: int | None) -> tuple[Array, Array, Array, Array]:
    """Return l (K,), m (K,), s (K,) and C^-1 b (n + p, K) of K hills."""
    bumps = _bumps(trend.rows, tops, widths, trend.groups)
    pulled: Array = trend.inverse @ bumps
    d = 1.0 + HEIGHT**2 * np.einsum("nk,nk->k", bumps, pulled)
    fitted = trend.pulled @ bumps
    left = np.maximum(trend.misfit - HEIGHT**2 * fitted**2 / d, 1e-12 * trend.misfit)
    mean, sd = HEIGHT**2 * fitted / d, HEIGHT * np.sqrt(left / (trend.n * d))
    likely = -0.5 * np.log(d) - 0.5 * trend.n * np.log(left / trend.misfit) + log_ndtr(mean / sd) + math.log(2.0)
    if lifts is not None:
        likely = np.where(bumps[lifts] > np.maximum(bumps[trend.top], _LIFTED), likely, _NEVER)
    return likely, mean, sd, pulled
