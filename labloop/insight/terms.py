"""Polynomial models over the factors: which columns a term has.

A *term* is a main effect, a two-factor interaction, a quadratic, or a circumstance; its columns at rows (n, d + c):

================ ===========================================================
number           z = 2 (x - low) / (high - low) - 1 over the range explored
covariate        the same
choice           one indicator an option that was run
component        its share of the mixture
interaction      products of the columns of both
quadratic        z^2 (numbers of three or more values)
================ ===========================================================

Indicators and shares sum to 1, so columns are redundant on purpose: coefficients are taken by the pseudo-inverse,
and only what does not depend on the redundancy is ever asked for: a difference c'b of predictions is estimable
exactly when c is in the row space of X. Two components of one mixture interact through x_i x_j, which with the
shares is Scheffe's quadratic model (Cornell 2002, ch. 2); a component has no square of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from labloop.insight.runs import Array, Circumstance, Factor, Runs

__all__ = ["Basis", "Term", "basis_of", "first_order", "second_order"]

TermKind = Literal["main", "interaction", "quadratic", "circumstance"]
_CELLS = 64


@dataclass(frozen=True)
class Term:
    """A term by the factors it is made of."""

    kind: TermKind
    names: tuple[str, ...]

    def __str__(self) -> str:
        return {"quadratic": f"{self.names[0]}²"}.get(self.kind, " × ".join(self.names))


@dataclass(frozen=True)
class Basis:
    """The columns of terms, at the measurements (``circumstances`` included) or anywhere else (without)."""

    factors: dict[str, Factor]
    circumstances: dict[str, Circumstance]

    def columns(self, term: Term, rows: Array) -> Array:
        """Return the columns (n, k) of a term at any rows; circumstances have no effect of their own: zeros."""
        match term.kind:
            case "main":
                return self._main(self.factors[term.names[0]], rows)
            case "interaction":
                a, b = (self._main(self.factors[name], rows) for name in term.names)
                return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(rows), -1))
            case "quadratic":
                return np.asarray(self._main(self.factors[term.names[0]], rows) ** 2)
            case "circumstance":
                return np.zeros((len(rows), self.circumstances[term.names[0]].columns().shape[1]))

    def deviations(self, term: Term, rows: Array) -> Array:
        """Return the columns of a term with those of a choice or a component counted from their average."""
        blocks = [self._main(self.factors[name], rows) for name in term.names]
        if term.kind == "interaction":
            a, b = (
                block - (block.mean(axis=0) if self.factors[name].mixture else 1.0 / block.shape[1])
                if self.factors[name].kind in ("choice", "component")
                else block
                for name, block in zip(term.names, blocks, strict=True)
            )
            return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(rows), -1))
        return self.columns(term, rows)

    def measured(self, term: Term, rows: Array) -> Array:
        """Return the columns of a term at the measurements themselves."""
        if term.kind == "circumstance":
            return self.circumstances[term.names[0]].columns()
        return self.columns(term, rows)

    def matrix(self, terms: Sequence[Term], rows: Array, *, measured: bool = False) -> Array:
        """Return the model matrix (n, 1 + k), the constant first."""
        take = self.measured if measured else self.columns
        return np.hstack([np.ones((len(rows), 1)), *(take(term, rows) for term in terms)])

    @staticmethod
    def _main(factor: Factor, rows: Array) -> Array:
        if factor.kind == "choice":
            option = factor.option(rows)
            return np.asarray(option[:, None] == np.array(factor.seen)[None], dtype=np.float64)
        x = rows[:, factor.column]
        if factor.kind == "component":
            return np.asarray(x[:, None])
        span = factor.high - factor.low
        return np.asarray((2.0 * (x - factor.low) / (span if span > 0 else 1.0) - 1.0)[:, None])


def basis_of(runs: Runs) -> Basis:
    """Return the basis of the factors and circumstances of some runs."""
    return Basis({each.name: each for each in runs.factors}, {each.name: each for each in runs.circumstances})


def first_order(runs: Runs) -> list[Term]:
    """Return the main effects of everything that varied."""
    return [Term("main", (each.name,)) for each in runs.varied]


def second_order(runs: Runs) -> list[Term]:
    """Return the two-factor interactions and quadratics; covariates take part with their main effect only."""
    set_ = [each for each in runs.varied if each.kind != "covariate"]
    pairs = [Term("interaction", (a.name, b.name)) for a, b in combinations(set_, 2) if _cells(a) * _cells(b) <= _CELLS]
    return pairs + [Term("quadratic", (each.name,)) for each in set_ if each.kind == "number" and each.values > 2]


def _cells(factor: Factor) -> int:
    return len(factor.seen) if factor.kind == "choice" else 1
