"""The model that a design is to estimate: which terms, and their columns for given experiments.

Notation: ``u`` (n, d) cube rows, ``B`` (n, b) base columns, ``F`` (n, p) model matrix. Base columns are

- a number: ``2 u - 1``, so -1 at its low and +1 at its high bound (by logarithm on a log scale);
- a choice of m options: m - 1 contrasts that sum to 0 and have mean square 1 over the options (two: -1, +1);
- a component: its share ``x`` of the total.

Every term is a product of at most two base columns. With a mixture the model is Scheffe's (1958): no constant,
because the shares sum to one, and products of shares instead of squares. A second mixture leaves its last share out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from labloop.errors import InvalidInput, did_you_mean
from labloop.space.axis import Array, Axis, Indices
from labloop.space.grid import Grid
from labloop.space.mixture import Group

__all__ = ["ORDERS", "Model", "Term", "contrasts", "model_of", "reduced"]

_SAME = 1e-7

ORDERS = ("main", "interactions", "quadratic")
"""Main effects; and all two-factor interactions; and all quadratics."""


@dataclass(frozen=True)
class Term:
    """One column of the model: its name, its parameters, and what it is.

    ``kind`` is ``constant``, ``main``, ``interaction``, ``quadratic`` or ``blend`` (a product of two shares).
    """

    name: str
    parameters: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class _Base:
    """One base column: of which cube column, and the values that a choice's options have."""

    name: str
    parameter: str
    column: int
    kind: str
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Model:
    """Terms, and how their columns follow from cube rows; see `model_of`."""

    order: str
    terms: tuple[Term, ...]
    bases: tuple[_Base, ...]
    left: Indices
    right: Indices

    @property
    def p(self) -> int:
        """How many terms there are."""
        return len(self.terms)

    @property
    def names(self) -> tuple[str, ...]:
        """The terms' names."""
        return tuple(term.name for term in self.terms)

    def columns(self, u: Array) -> Array:
        """Return the model matrix (n, p) of cube rows (n, d)."""
        base = np.ones((len(u), len(self.bases) + 1))
        for i, each in enumerate(self.bases, 1):
            column = u[:, each.column]
            if each.kind == "number":
                base[:, i] = 2.0 * column - 1.0
            elif each.kind == "share":
                base[:, i] = column
            else:
                count = len(each.values)
                option = np.minimum(np.maximum((column * count).astype(np.int64), 0), count - 1)
                base[:, i] = np.array(each.values)[option]
        return np.asarray(base[:, self.left] * base[:, self.right])


def reduced(model: Model, u: Array) -> tuple[Model, tuple[str, ...]]:
    """Return the model without the terms that nothing in the space tells from earlier ones, and their names.

    ``u`` (m, d) are cube rows from all over the space: where ``if additive == "none" then amount == 0`` holds, an
    effect of the amount without additive exists for no design.
    """
    f = model.columns(u)
    size = np.sqrt((f * f).sum(axis=0))
    basis = np.zeros((len(f), 0))
    kept = []
    for j in range(model.p):
        rest = f[:, j] - basis @ (basis.T @ f[:, j])
        rest -= basis @ (basis.T @ rest)
        length = float(np.sqrt(rest @ rest))
        if length > _SAME * max(float(size[j]), 1e-300):
            kept.append(j)
            basis = np.column_stack([basis, rest / length])
    if len(kept) == model.p:
        return model, ()
    lost = tuple(name for j, name in enumerate(model.names) if j not in kept)
    terms = tuple(model.terms[j] for j in kept)
    return replace(model, terms=terms, left=model.left[kept], right=model.right[kept]), lost


def contrasts(m: int) -> Array:
    """Return m - 1 contrasts (m, m - 1) of m options: orthogonal, each of sum 0 and mean square 1 (Helmert's)."""
    found = np.zeros((m, m - 1))
    for j in range(1, m):
        found[:j, j - 1] = -1.0
        found[j, j - 1] = j
    return np.asarray(found * np.sqrt(m / (found * found).sum(axis=0)))


def model_of(grid: Grid, order: str, *, held: Collection[int] = ()) -> Model:
    """Return the model of one order over a grid; columns in ``held`` do not vary and have no term.

    Numbers with two values have no quadratic.

    Raises
    ------
    InvalidInput
        If there is no such order.
    """
    if order not in ORDERS:
        raise InvalidInput(f"no model {order!r}", hint=did_you_mean(order, ORDERS))
    active = [j for j in range(grid.dim) if j not in held]
    bases = [base for j in active for base in _bases(grid, j)]
    groups = [group for group in grid.groups if any(int(j) not in held for j in group.columns)]
    pairs: list[tuple[int, int, str]] = [] if groups else [(0, 0, "constant")]
    pairs += [(0, i, "main") for i in range(1, len(bases) + 1)]
    if order != "main":
        pairs += [(i, j, kind) for i, j in combinations(range(1, len(bases) + 1), 2) if (kind := _kind(bases, i, j))]
    if order == "quadratic":
        pairs += [
            (i, i, "quadratic")
            for i, base in enumerate(bases, 1)
            if base.kind == "number" and grid.axes[base.column].count > 2
        ]
    spare = _spare(groups, bases)
    pairs = [pair for pair in pairs if not spare(pair)]
    terms = tuple(_term(bases, *pair) for pair in pairs)
    left, right = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    return Model(order, terms, tuple(bases), left, right)


def _bases(grid: Grid, j: int) -> list[_Base]:
    axis: Axis = grid.axes[j]
    if axis.names:
        table = contrasts(axis.count)
        if axis.count == 2:
            return [_Base(axis.name, axis.name, j, "option", tuple(table[:, 0]))]
        return [
            _Base(f"{axis.name}[{i + 1}]", axis.name, j, "option", tuple(table[:, i])) for i in range(axis.count - 1)
        ]
    return [_Base(axis.name, axis.name, j, "share" if axis.kind == "component" else "number")]


def _kind(bases: Sequence[_Base], i: int, j: int) -> str:
    one, other = bases[i - 1], bases[j - 1]
    if one.parameter == other.parameter:
        return ""
    return "blend" if one.kind == other.kind == "share" else "interaction"


def _spare(groups: Sequence[Group], bases: Sequence[_Base]) -> Callable[[tuple[int, int, str]], bool]:
    """Return whether a pair of base columns follows from others, because shares sum to one.

    Of every mixture the last varied share is left out where it meets another parameter (its product with z is z less
    the other products), and of a further mixture altogether.
    """
    last = {
        max((i for i, base in enumerate(bases, 1) if base.column in group.columns), default=-1): group.name
        for group in groups
    }
    first = groups[0].name if groups else ""
    mixed = {int(j): group.name for group in groups for j in group.columns}

    def spare(pair: tuple[int, int, str]) -> bool:
        i, j, kind = pair
        if kind == "main":
            return j in last and last[j] != first
        if kind in ("constant", "quadratic"):
            return False
        one, other = (mixed.get(bases[each - 1].column) for each in (i, j))
        return one != other and any(each in last for each in (i, j))

    return spare


def _term(bases: Sequence[_Base], i: int, j: int, kind: str) -> Term:
    if kind == "constant":
        return Term("constant", (), kind)
    if kind == "main":
        return Term(bases[j - 1].name, (bases[j - 1].parameter,), kind)
    if kind == "quadratic":
        return Term(f"{bases[i - 1].name}²", (bases[i - 1].parameter,), kind)
    return Term(f"{bases[i - 1].name} × {bases[j - 1].name}", (bases[i - 1].parameter, bases[j - 1].parameter), kind)
