"""Least squares with honest standard errors.

Notation: X (n, p) a model matrix that may be redundant, r its rank, y (n,), groups of replicates g.

    b = X^+ y,   SS_res = |y - X b|^2 with n - r degrees of freedom
    pure error:   SS_pe  = sum_g sum_{i in g} (y_i - mean_g)^2       with n - m, m the number of groups
    lack of fit:  SS_lof = SS_res - SS_pe                            with m - r
    F = (SS_lof / (m - r)) / (SS_pe / (n - m))                       Draper & Smith (1998), section 2.1

A contrast c'b has variance s2 c'(X'X)^+ c. For s2 the residual mean square is taken as long as the model fits. If
the lack of fit shows (p below `ALPHA`), replicates no longer are independent evidence about the model: s2 is then
the mean square of the lack of fit, with its degrees of freedom. So a wrong model has wide intervals, not narrow ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from labloop.insight.runs import Array, Indices

__all__ = ["ALPHA", "AnovaRow", "Contrast", "Fit", "LackOfFit", "anova", "fit"]

ALPHA = 0.1
_RANK = 1e-9


@dataclass(frozen=True)
class LackOfFit:
    """The test whether the model describes the means of the conditions as well as replicates agree."""

    ss: float
    df: int
    pure_ss: float
    pure_df: int
    f: float | None
    p: float | None

    @property
    def shows(self) -> bool:
        """Whether the model clearly does not fit."""
        return self.p is not None and self.p < ALPHA

    @property
    def words(self) -> str:
        """The test in a sentence."""
        if self.pure_df == 0:
            return "No condition was repeated, so nobody can say how much of the scatter is noise: repeat a few."
        if self.df == 0:
            return "The model has as many terms as there are conditions: whether it fits cannot be tested."
        if self.p is None:
            return "The replicates agree exactly, so whether the model fits cannot be tested."
        if self.shows:
            return (
                f"The model does not fit: the means of the conditions are further from it than replicates from each "
                f"other (lack of fit F({self.df}, {self.pure_df}) = {self.f:.3g}, p = {self.p:.2g}); intervals are "
                f"widened accordingly."
            )
        return (
            f"The model fits as well as replicates agree (lack of fit F({self.df}, {self.pure_df}) = {self.f:.3g}, "
            f"p = {self.p:.2g})."
        )


@dataclass(frozen=True)
class Contrast:
    """A difference of predictions: estimate, standard error, degrees of freedom, t, p, 90 % interval."""

    estimate: float
    se: float
    df: int
    t: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    ``size`` (p,) are the norms of the columns, V (p, r) and s (r,) the singular value decomposition of X with
    columns of norm 1, so that units do not decide what counts as redundant.
    """

    x: Array
    y: Array
    coefficients: Array
    size: Array
    v: Array
    s: Array
    groups: Indices

    @property
    def rank(self) -> int:
        """The number of parameters that the data determine."""
        return len(self.s)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return len(self.y) - self.rank

    @cached_property
    def fitted(self) -> Array:
        """The fitted values."""
        return np.asarray(self.x @ self.coefficients)

    @cached_property
    def residual_ss(self) -> float:
        """The residual sum of squares."""
        return float(np.sum((self.y - self.fitted) ** 2))

    @property
    def r_squared(self) -> float:
        """The share of the variation that the model reproduces; says nothing about prediction."""
        total = float(np.sum((self.y - self.y.mean()) ** 2))
        return 1.0 - self.residual_ss / total if total > 0 else 0.0

    @cached_property
    def lack_of_fit(self) -> LackOfFit:
        """Pure error against lack of fit."""
        _, codes = np.unique(self.groups, return_inverse=True)
        codes = codes.reshape(-1)
        count = np.bincount(codes)
        means = np.bincount(codes, self.y) / count
        pure = float(np.sum((self.y - means[codes]) ** 2))
        pure_df, df = len(self.y) - len(count), max(len(count) - self.rank, 0)
        ss = max(self.residual_ss - pure, 0.0)
        if pure_df == 0 or df == 0 or pure <= 1e-20 * max(float(np.sum(self.y**2)), 1e-300):
            return LackOfFit(ss, df, pure, pure_df, None, None)
        f = (ss / df) / (pure / pure_df)
        return LackOfFit(ss, df, pure, pure_df, f, float(fdtrc(df, pure_df, f)))

    @cached_property
    def error(self) -> tuple[float, int]:
        """The error variance that intervals rest on, and its degrees of freedom; NaN and 0 where there is none."""
        lack = self.lack_of_fit
        if lack.shows and lack.df > 0:
            return lack.ss / lack.df, lack.df
        return (self.residual_ss / self.df, self.df) if self.df > 0 else (float("nan"), 0)

    def unscaled(self, c: Array) -> float:
        """Return c'(X'X)^+ c: the variance of c'b in units of the error variance."""
        along = (c / self.size) @ self.v
        return float(np.sum((along / self.s) ** 2))

    def estimable(self, c: Array) -> bool:
        """Whether the data determine c'b at all."""
        asked = c / self.size
        norm = float(np.linalg.norm(asked))
        if norm < 1e-12:
            return False
        return float(np.linalg.norm(asked - self.v @ (asked @ self.v))) <= 1e-6 * norm

    def contrast(self, c: Array, level: float = 0.9) -> Contrast:
        """Return the estimate of c'b with its interval."""
        variance, df = self.error
        estimate = float(c @ self.coefficients)
        se = float(np.sqrt(variance * self.unscaled(c))) if df else float("nan")
        if not df:
            return Contrast(estimate, se, 0, float("nan"), float("nan"), float("nan"), float("nan"))
        t = estimate / se if se > 0 else float(np.copysign(np.inf, estimate))
        reach = float(stdtrit(df, 0.5 + level / 2)) * se
        return Contrast(estimate, se, df, t, 2.0 * float(stdtr(df, -abs(t))), estimate - reach, estimate + reach)


def fit(x: Array, y: Array, groups: Indices) -> Fit:
    """Fit a model by least squares; ``groups`` are equal for replicates."""
    norms = np.linalg.norm(x, axis=0)
    size = np.where(norms > 0, norms, 1.0)
    u, s, vt = np.linalg.svd(x / size, full_matrices=False)
    kept = s > _RANK * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    return Fit(x, y, np.asarray(vt.T @ ((u.T @ y) / s)) / size, size, np.asarray(vt.T), s, groups)


@dataclass(frozen=True)
class AnovaRow:
    """One line of an analysis of variance; ``f`` and ``p`` are None where there is nothing to test against."""

    source: str
    ss: float
    df: int
    ms: float
    f: float | None
    p: float | None


def anova(blocks: Sequence[tuple[str, Array]], y: Array, groups: Indices) -> list[AnovaRow]:
    """Return the sequential analysis of variance: every term given those before it, then the residual in parts.

    Parameters
    ----------
    blocks : the terms' names and columns (n, k), the constant left out.
    y : (n,) the outcome.
    groups : (n,) equal for replicates.
    """
    x = np.ones((len(y), 1))
    last = fit(x, y, groups)
    steps: list[tuple[str, float, int]] = []
    for name, columns in blocks:
        x = np.hstack([x, columns])
        now = fit(x, y, groups)
        steps.append((name, max(last.residual_ss - now.residual_ss, 0.0), now.rank - last.rank))
        last = now
    rows = [_row(name, ss, df, last.residual_ss, last.df) for name, ss, df in steps if df > 0]
    rows.append(_row("residual", last.residual_ss, last.df, 0.0, 0))
    lack = last.lack_of_fit
    if lack.pure_df and lack.df:
        rows.append(_row("  lack of fit", lack.ss, lack.df, lack.pure_ss, lack.pure_df))
        rows.append(_row("  pure error", lack.pure_ss, lack.pure_df, 0.0, 0))
    rows.append(AnovaRow("total", float(np.sum((y - y.mean()) ** 2)), len(y) - 1, float("nan"), None, None))
    return rows


def _row(name: str, ss: float, df: int, error: float, error_df: int) -> AnovaRow:
    ms = ss / df if df else float("nan")
    if not df or not error_df or error <= 0:
        return AnovaRow(name, ss, df, ms, None, None)
    f = ms / (error / error_df)
    return AnovaRow(name, ss, df, ms, f, float(fdtrc(df, error_df, f)))
