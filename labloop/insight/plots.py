"""Whole plots: what is hard to change was set once for several runs, so its effects have errors of their own.

Notation: whole plots p with m_p runs each; y = hard + easy + d_p + e, d_p what one setting-up differs from the next.

An effect of easy factors, or of an easy with a hard one, is compared within whole plots: d_p cancels when the plots
stand in the model as blocks. An effect of hard factors alone is compared between them, by the means of the plots,

    mean_p (y - easy),  regressed on the hard terms, with (plots - terms) degrees of freedom,

the easy part as estimated within. For equal plots with the same easy settings in each this is the split-plot
analysis of the textbooks (Box, Hunter & Hunter 2005, section 9.1; Jones & Nachtsheim 2009,
doi:10.1080/00224065.2009.11917790); otherwise it leaves out that the easy part is an estimate.

Which runs share a whole plot: those that a run sheet puts there; those of one proposal with the same setting of what
is hard to change; any other experiment is a plot by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labloop.insight.linear import Contrast, Fit, fit
from labloop.insight.runs import PLOT, Array, Runs
from labloop.insight.terms import Term

if TYPE_CHECKING:
    from labloop.insight.estimability import Design
    from labloop.insight.questions import Question

__all__ = ["Between", "between", "is_between", "plots_note", "within"]


@dataclass(frozen=True)
class Between:
    """The model of the means of whole plots: hard terms only."""

    design: Design
    terms: tuple[Term, ...]
    fit: Fit

    def contrast(self, question: Question) -> Contrast | None:
        """Return the answer to a question about hard factors; None where nothing is left over to judge it by."""
        c = self.design.contrast(self.terms, question)
        if self.fit.df == 0 or not self.fit.estimable(c):
            return None
        return self.fit.contrast(c)


def is_between(runs: Runs, term: Term) -> bool:
    """Whether an effect is compared between whole plots only."""
    return bool(runs.plotted) and term.kind != "circumstance" and set(term.names) <= set(runs.hard)


def within(runs: Runs) -> tuple[Term, ...]:
    """Return the block that makes every other effect a comparison within whole plots; none where there are none."""
    return (Term("circumstance", (PLOT,)),) if runs.plotted else ()


def between(design: Design, terms: Sequence[Term]) -> Between | None:
    """Return the model of the plots' means, of the hard ones among some terms; None where there are no whole plots."""
    runs = design.runs
    hard = tuple(each for each in terms if is_between(runs, each))
    if not hard or runs.plot is None:
        return None
    rows, y = runs.rows, runs.y
    plot = (runs.plot[:, None] == np.arange(runs.plot.max() + 1)[None]).astype(np.float64)
    easy = [design.basis.deviations(each, rows) for each in terms if each not in hard and each.kind != "circumstance"]
    columns = np.hstack([plot, *easy])
    effects = np.linalg.lstsq(columns, y, rcond=1e-9)[0]
    adjusted = y - columns[:, plot.shape[1] :] @ effects[plot.shape[1] :]
    mean = plot / plot.sum(axis=0)
    x: Array = mean.T @ design.basis.matrix(hard, rows)
    settings = np.unique(np.round(x, 9), axis=0, return_inverse=True)[1].reshape(-1)
    return Between(design, hard, fit(x, mean.T @ adjusted, settings))


def plots_note(runs: Runs, found: Between | None) -> str:
    """Say in a sentence what the whole plots mean for the effects of what is hard to change."""
    if found is None or runs.plot is None:
        return ""
    names = " and ".join(each for each in runs.hard if runs.factor(each).varies)
    start = f"{names} was set {int(runs.plot.max()) + 1} times for {len(runs)} measurements"
    if found.fit.df == 0:
        return f"{start}, each setting too rarely to know what one setting-up differs from the next: repeat some."
    return (
        f"{start}, so its own effects are judged between whole plots, with {found.fit.df} degrees of freedom, and not "
        "by the variation from run to run. The surrogate knows no whole plots: of these, believe the linear model."
    )
