"""Constraints as the space computes with them: numbers only, negations pushed down, linear atoms as rows.

A choice is its option's position and a constant is its value, so that rules evaluate on columns of numbers.
Each rule is then compiled to a small tree of four kinds of atoms and two connectives; that tree only guides
where to look (and what to tell a solver). Whether an experiment is feasible is always decided by the rule
itself, evaluated on the values that would be proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from labloop.space.axis import Array, Axis, Bools
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant
from labloop.spec.rules import (
    And,
    Arithmetic,
    Compare,
    Logic,
    Member,
    Name,
    Not,
    Number,
    Operator,
    Or,
    Term,
    Text,
    evaluate,
    linearise,
    names_in,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Atom",
    "Curve",
    "Never",
    "Options",
    "Row",
    "Tree",
    "compile_rule",
    "holds",
    "numeric",
    "sides",
]


@dataclass(frozen=True)
class Row:
    """``coefficients @ v <= bound`` over raw values, or ``== bound``; ``strict`` for ``<``."""

    coefficients: tuple[float, ...]
    bound: float
    equal: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Options:
    """The choice in ``column`` is one of the allowed options."""

    column: int
    allowed: frozenset[int]


@dataclass(frozen=True)
class Curve:
    """A comparison that is not linear in the raw values, over the named columns."""

    columns: tuple[int, ...]
    equal: bool


@dataclass(frozen=True)
class Never:
    """False whatever the values."""


@dataclass(frozen=True)
class AllOf:
    """Every part holds; no parts: true."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of two or more parts holds."""

    parts: tuple[Tree, ...]


Atom = Row | Options | Curve | Never
Tree = Atom | AllOf | AnyOf

_TRUE = Compare("==", Number(0.0), Number(0.0))
_FALSE = Compare("==", Number(0.0), Number(1.0))
_OPPOSITE: dict[Operator, Operator] = {"<=": ">", ">": "<=", ">=": "<", "<": ">=", "==": "!=", "!=": "=="}


def numeric(spec: Spec, node: Logic) -> Logic:
    """Return a rule over numbers: choices as positions, constants as values, ``in`` as a chain of ``==``."""
    match node:
        case And(parts=parts):
            return And(tuple(numeric(spec, part) for part in parts))
        case Or(parts=parts):
            return Or(tuple(numeric(spec, part) for part in parts))
        case Not(part=part):
            return Not(numeric(spec, part))
        case Member(term=term, values=values):
            found = tuple(numeric(spec, Compare("==", term, value)) for value in values)
            return Or(found) if found else _FALSE
        case Compare(operator=operator, left=left, right=Text(value=word)):
            return _worded(spec, operator, left, word)
        case Compare(operator=operator, left=Text(value=word), right=right):
            return _worded(spec, operator, right, word)
        case Compare(operator=operator, left=left, right=right):
            return Compare(operator, _term(spec, left), _term(spec, right))


def _worded(spec: Spec, operator: str, term: Term, word: str) -> Logic:
    equal = operator == "=="
    assert isinstance(term, Name)  # checked when the spec was made
    parameter = spec.parameters[term.id]
    if isinstance(parameter, Choice):
        return Compare("==" if equal else "!=", term, Number(float(parameter.names.index(word))))
    same = isinstance(parameter, Constant) and parameter.value == word
    return _TRUE if same == equal else _FALSE


def _term(spec: Spec, term: Term) -> Term:
    match term:
        case Name(id=name) if isinstance(constant := spec.parameters[name], Constant):
            return Number(float(constant.value))
        case Arithmetic(operator=operator, left=left, right=right):
            return Arithmetic(operator, _term(spec, left), _term(spec, right))
    return term


def holds(node: Logic, values: Mapping[str, Array], n: int) -> Bools:
    """Evaluate a numeric rule on columns of raw values; what is undefined (0/0, a root of -1) does not hold."""
    with np.errstate(all="ignore"):
        found: Any = evaluate(node, values)
    return np.broadcast_to(np.asarray(found, dtype=np.bool_), (n,))


def sides(node: Compare, values: Mapping[str, Array], n: int) -> tuple[Array, Array]:
    """Return both sides (n,) of a comparison, as far as they can be computed."""
    with np.errstate(all="ignore"):
        left, right = (
            np.broadcast_to(np.asarray(_number(side, values), dtype=np.float64), (n,))
            for side in (node.left, node.right)
        )
    return left, right


def _number(term: Term, values: Mapping[str, Array]) -> Any:
    match term:
        case Number(value=value):
            return value
        case Name(id=name):
            return values[name]
        case Arithmetic(operator=operator, left=left, right=right):
            a, b = np.asarray(_number(left, values)), np.asarray(_number(right, values))
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/":
                    return a / b
                case "**":
                    return a**b
    raise AssertionError(term)  # texts became positions in `numeric`


def compile_rule(node: Logic, axes: Sequence[Axis], *, negated: bool = False) -> Tree:
    """Return a numeric rule as a tree of atoms without negations."""
    match node:
        case Not(part=part):
            return compile_rule(part, axes, negated=not negated)
        case And(parts=parts) | Or(parts=parts):
            found = tuple(compile_rule(part, axes, negated=negated) for part in parts)
            return all_of(found) if isinstance(node, And) != negated else any_of(found, axes)
        case Compare(operator=operator, left=left, right=right):
            kept: Operator = _OPPOSITE[operator] if negated else operator
            return _atom(Compare(kept, left, right), axes)
    raise AssertionError(node)  # `in` was written out by `numeric`


def all_of(parts: Sequence[Tree]) -> Tree:
    """Return a conjunction, flat."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, AllOf) else (part,))]
    if any(isinstance(each, Never) for each in flat):
        return Never()
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Sequence[Tree], axes: Sequence[Axis]) -> Tree:
    """Return a disjunction, flat; options of one choice are united."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, AnyOf) else (part,))]
    if any(isinstance(each, AllOf) and not each.parts for each in flat):
        return AllOf(())
    united: dict[int, frozenset[int]] = {}
    rest: list[Tree] = []
    for each in flat:
        if isinstance(each, Options):
            united[each.column] = united.get(each.column, frozenset()) | each.allowed
        elif not isinstance(each, Never):
            rest.append(each)
    if any(len(allowed) == axes[column].count for column, allowed in united.items()):
        return AllOf(())
    whole = [*(Options(column, allowed) for column, allowed in united.items()), *rest]
    if not whole:
        return Never()
    return whole[0] if len(whole) == 1 else AnyOf(tuple(whole))


def _atom(node: Compare, axes: Sequence[Axis]) -> Tree:
    index = {axis.name: j for j, axis in enumerate(axes)}
    columns = tuple(dict.fromkeys(index[name] for name in names_in(node)))
    if not columns:
        return AllOf(()) if bool(evaluate(node, {})) else Never()
    if len(columns) == 1 and axes[columns[0]].names:
        axis = axes[columns[0]]
        truth = holds(node, {axis.name: np.arange(axis.count, dtype=np.float64)}, axis.count)
        if truth.all():
            return AllOf(())
        return Options(columns[0], frozenset(np.flatnonzero(truth).tolist())) if truth.any() else Never()
    if node.operator == "!=":
        sides: tuple[Literal["<"], Literal[">"]] = ("<", ">")
        return any_of([_atom(Compare(side, node.left, node.right), axes) for side in sides], axes)
    linear = linearise(node) or _cleared(node, axes, index)
    if linear is None:
        return Curve(columns, node.operator == "==")
    if not linear.coefficients:
        return AllOf(()) if bool(evaluate(node, {axes[j].name: 1.0 for j in columns})) else Never()
    sign = -1.0 if linear.operator == ">=" else 1.0
    coefficients = [0.0] * len(axes)
    for name, value in linear.coefficients:
        coefficients[index[name]] = sign * value
    return Row(tuple(coefficients), sign * linear.bound, linear.operator == "==", node.operator in ("<", ">"))


def _cleared(node: Compare, axes: Sequence[Axis], index: Mapping[str, int]) -> Any:
    """Return ``A / B <= c`` as ``A <= c * B`` where B cannot be negative; None where that does not help."""
    for side, other, turned in ((node.left, node.right, False), (node.right, node.left, True)):
        if isinstance(side, Arithmetic) and side.operator == "/" and _never_negative(side.right, axes, index):
            product = Arithmetic("*", other, side.right)
            left, right = (product, side.left) if turned else (side.left, product)
            return linearise(Compare(node.operator, left, right))
    return None


def _never_negative(term: Term, axes: Sequence[Axis], index: Mapping[str, int]) -> bool:
    affine = linearise(Compare("<=", term, Number(0.0)))
    if affine is None:
        return False
    least = -affine.bound
    for name, value in affine.coefficients:
        axis = axes[index[name]]
        ends = (axis.segments[0].low, axis.segments[-1].high)
        least += min(value * ends[0], value * ends[1])
    return least >= 0
