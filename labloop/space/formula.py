"""Constraints as the space computes with them: numbers only, negations pushed down, linear atoms as rows.

A choice is its option's position and a constant is its value, so that rules evaluate on columns of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labloop.space.axis import Array, Bools
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
    Or,
    Term,
    Text,
    evaluate,
)

__all__ = ["FALSE", "TRUE", "holds", "numeric"]

TRUE = Compare("==", Number(0.0), Number(0.0))
FALSE = Compare("==", Number(0.0), Number(1.0))


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
            return Or(found) if found else FALSE
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
    return TRUE if same == equal else FALSE


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
