"""The little language in which constraints and limits are written.

A rule is one line as a chemist would write it::

    2*temperature + time <= 200
    0.2 <= A + B <= 0.8
    A + B + C == 1
    if solvent == "water" then temperature <= 95
    not (base == "NaH" and solvent in ["water", "EtOH"])

Grammar: Python's own expression grammar, restricted to names, numbers, strings, lists of those,
``+ - * / **``, comparisons, ``in``, ``and``, ``or``, ``not``, and one addition, ``if A then B``,
which means ``not A or B``. Nothing is ever executed: the text is parsed to the small tree below and
only that tree is evaluated. The same tree evaluates on scalars (one experiment) and on NumPy arrays
(a pool of candidates), because it only uses operators that both share.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "And",
    "Arithmetic",
    "Compare",
    "Linear",
    "Logic",
    "Member",
    "Name",
    "Not",
    "Number",
    "Or",
    "Rule",
    "RuleError",
    "Term",
    "Text",
    "evaluate",
    "linearise",
    "names_in",
    "parse_rule",
]

# Two sides are equal when they differ by less than this, relative to 1 + |right side|: fractions that
# were rounded to a step and summed in another order differ in the last bits.
TOLERANCE = 1e-9

Operator = Literal["<=", ">=", "==", "!=", "<", ">"]


class RuleError(ValueError):
    """A rule cannot be read; the message says where, the hint what would be accepted."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Number:
    """A literal number."""

    value: float


@dataclass(frozen=True)
class Text:
    """A literal string: one of the values of a choice."""

    value: str


@dataclass(frozen=True)
class Name:
    """A parameter, or (in a limit) an outcome."""

    id: str


@dataclass(frozen=True)
class Arithmetic:
    """``left operator right`` on numbers."""

    operator: Literal["+", "-", "*", "/", "**"]
    left: Term
    right: Term


Term = Number | Text | Name | Arithmetic


@dataclass(frozen=True)
class Compare:
    """``left operator right``; true or false."""

    operator: Operator
    left: Term
    right: Term


@dataclass(frozen=True)
class Member:
    """``name in [a, b, c]``."""

    term: Term
    values: tuple[Number | Text, ...]


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Logic, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Logic, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Logic


Logic = Compare | Member | And | Or | Not


@dataclass(frozen=True)
class Rule:
    """One constraint: its text as written, and its tree."""

    text: str
    tree: Logic

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Evaluate on one experiment (a bool) or on equally long arrays (a bool array)."""
        return evaluate(self.tree, values)


@dataclass(frozen=True)
class Linear:
    """``sum(coefficient * name) operator bound`` with ``operator`` one of ``<=``, ``>=``, ``==``."""

    coefficients: tuple[tuple[str, float], ...]
    operator: Literal["<=", ">=", "=="]
    bound: float


_IF_THEN = re.compile(r"^\s*if\b(?P<condition>.+?)\bthen\b(?P<consequence>.+)$", re.DOTALL)
_COMPARISONS: dict[type[ast.cmpop], Operator] = {
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.Gt: ">",
}
_ARITHMETIC: dict[type[ast.operator], Literal["+", "-", "*", "/", "**"]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
# The most common outcome of all, `yield`, is a keyword of Python: such words get a mark while Python's own
# parser reads them. The first alternative skips over texts in quotes.
_WORDS = {"and", "or", "not", "in", "is", "if", "else", "True", "False", "None"}
_MARK = "__name"
_KEYWORD = re.compile(r"""("[^"]*"|'[^']*')|\b(""" + "|".join(sorted(set(keyword.kwlist) - _WORDS)) + r""")\b""")
_MAX_LENGTH = 1000
_MAX_DEPTH = 60


def parse_rule(text: str) -> Rule:
    """Read one rule.

    Raises
    ------
    RuleError
        If the text is not a rule; the message quotes the part that is not understood.
    """
    clean = unicodedata.normalize("NFKC", text).strip()
    for sign, plain in (("≤", "<="), ("≥", ">="), ("≠", "!="), ("−", "-"), ("×", "*"), ("·", "*")):
        clean = clean.replace(sign, plain)
    if len(clean) > _MAX_LENGTH:
        raise RuleError(f"a rule of {len(clean)} characters", f"write at most {_MAX_LENGTH} characters a rule")
    match = _IF_THEN.match(clean)
    if match:
        condition = _logic(_python(match["condition"], text), text)
        consequence = _logic(_python(match["consequence"], text), text)
        return Rule(text, Or((Not(condition), consequence)))
    if re.match(r"^\s*if\b", clean):
        raise RuleError(f"{text!r} has an 'if' without a 'then'", 'write: if solvent == "water" then temperature <= 95')
    return Rule(text, _logic(_python(clean, text), text))


def _python(source: str, text: str) -> ast.expr:
    try:
        marked = _KEYWORD.sub(lambda found: found[1] or found[2] + _MARK, source.strip())
        tree = ast.parse(marked, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = "write for instance: 2*temperature + time <= 200"
        if re.search(r"(?<![<>=!])=(?!=)", source):
            hint = "compare with == (two equals signs), <= or >="
        raise RuleError(f"{text!r} is not a rule", hint) from error
    if _depth(tree) > _MAX_DEPTH:
        raise RuleError(f"a rule nested more than {_MAX_DEPTH} deep", "split it into several rules")
    return tree


def _depth(tree: ast.AST) -> int:
    deepest, stack = 0, [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest


def _logic(node: ast.expr, text: str) -> Logic:
    if isinstance(node, ast.BoolOp):
        parts = tuple(_logic(value, text) for value in node.values)
        return And(parts) if isinstance(node.op, ast.And) else Or(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Not(_logic(node.operand, text))
    if isinstance(node, ast.Compare):
        return _comparison(node, text)
    raise RuleError(
        f"{ast.unparse(node)!r} in {text!r} is neither true nor false",
        "a rule compares: 2*temperature + time <= 200",
    )


def _comparison(node: ast.Compare, text: str) -> Logic:
    left = node.left
    parts: list[Logic] = []
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, ast.In | ast.NotIn):
            member = Member(_term(left, text), _values(right, text))
            parts.append(member if isinstance(operator, ast.In) else Not(member))
        elif type(operator) in _COMPARISONS:
            parts.append(Compare(_COMPARISONS[type(operator)], _term(left, text), _term(right, text)))
        else:
            raise RuleError(f"{text!r} uses a comparison that rules do not have", "use <=, >=, ==, !=, <, > or in")
        left = right
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _values(node: ast.expr, text: str) -> tuple[Number | Text, ...]:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        raise RuleError(f"'in' needs a list in {text!r}", 'write: solvent in ["water", "EtOH"]')
    values = tuple(_term(item, text) for item in node.elts)
    if not all(isinstance(value, Number | Text) for value in values):
        raise RuleError(f"the list in {text!r} holds something other than numbers and texts", "list values only")
    return tuple(value for value in values if isinstance(value, Number | Text))


def _term(node: ast.expr, text: str) -> Term:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            if abs(value) > 1e150 or value != value:
                raise RuleError(f"the number {value!r} in {text!r} is out of range", "use numbers up to 1e150")
            return Number(float(value))
        case ast.Constant(value=str() as value):
            return Text(value)
        case ast.Name(id=name):
            return Name(name.removesuffix(_MARK))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _term(operand, text)
            return Number(-inner.value) if isinstance(inner, Number) else Arithmetic("*", Number(-1.0), inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _term(operand, text)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            return Arithmetic(_ARITHMETIC[type(operator)], _term(left, text), _term(right, text))
    raise RuleError(
        f"{ast.unparse(node)!r} in {text!r} is not something rules can compute with",
        "rules know names, numbers, quoted texts and + - * / **",
    )


def names_in(node: Logic | Term) -> Iterator[str]:
    """Yield every name that a tree mentions, in order of appearance, repeats included."""
    match node:
        case Name(id=name):
            yield name
        case Arithmetic(left=left, right=right) | Compare(left=left, right=right):
            yield from names_in(left)
            yield from names_in(right)
        case Member(term=term):
            yield from names_in(term)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from names_in(part)
        case Not(part=part):
            yield from names_in(part)


def evaluate(node: Logic, values: Mapping[str, Any]) -> Any:
    """Evaluate a tree on scalars or on equally long NumPy arrays; comparisons carry `TOLERANCE`."""
    match node:
        case Compare(operator=operator, left=left, right=right):
            return _compare(operator, _value(left, values), _value(right, values))
        case Member(term=term, values=options):
            found = _compare("==", _value(term, values), options[0].value) if options else False
            for option in options[1:]:
                found = found | _compare("==", _value(term, values), option.value)
            return found
        case And(parts=parts):
            truth = evaluate(parts[0], values)
            for part in parts[1:]:
                truth = truth & evaluate(part, values)
            return truth
        case Or(parts=parts):
            truth = evaluate(parts[0], values)
            for part in parts[1:]:
                truth = truth | evaluate(part, values)
            return truth
        case Not(part=part):
            return evaluate(part, values) ^ True


def _compare(operator: Operator, left: Any, right: Any) -> Any:
    if isinstance(right, str) or isinstance(left, str):
        return left != right if operator == "!=" else left == right
    tolerance = TOLERANCE * (1 + abs(right))
    match operator:
        case "<=":
            return left <= right + tolerance
        case ">=":
            return left >= right - tolerance
        case "==":
            return abs(left - right) <= tolerance
        case "!=":
            return abs(left - right) > tolerance
        case "<":
            return left < right - tolerance
        case ">":
            return left > right + tolerance


def _value(term: Term, values: Mapping[str, Any]) -> Any:
    match term:
        case Number(value=value) | Text(value=value):
            return value
        case Name(id=name):
            return values[name]
        case Arithmetic(operator=operator, left=left, right=right):
            a, b = _value(left, values), _value(right, values)
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/":
                    return _divide(a, b)
                case "**":
                    return a**b


def _divide(a: Any, b: Any) -> Any:
    # A ratio whose denominator is zero is as large as can be: 'A / B <= 2' fails at B = 0, as it should.
    if isinstance(b, int | float):
        return a / b if b else a * 1e150
    return a / (b + (b == 0) * 1e-150)


def linearise(node: Logic) -> Linear | None:
    """Return a comparison as a linear (in)equality over names, or None where it is not linear.

    ``<`` and ``>`` count as ``<=`` and ``>=``: on a continuum they have the same closure.
    """
    if not isinstance(node, Compare) or node.operator == "!=":
        return None
    difference = _affine(Arithmetic("-", node.left, node.right))
    if difference is None:
        return None
    coefficients, constant = difference
    kept = tuple((name, value) for name, value in coefficients.items() if value != 0)
    operator: Literal["<=", ">=", "=="] = (
        "==" if node.operator == "==" else "<=" if node.operator in ("<=", "<") else ">="
    )
    return Linear(kept, operator, -constant)


def _affine(term: Term) -> tuple[dict[str, float], float] | None:
    match term:
        case Number(value=value):
            return {}, value
        case Name(id=name):
            return {name: 1.0}, 0.0
        case Arithmetic(operator="+" | "-" as operator, left=left, right=right):
            a, b = _affine(left), _affine(right)
            if a is None or b is None:
                return None
            sign = 1.0 if operator == "+" else -1.0
            merged = dict(a[0])
            for name, value in b[0].items():
                merged[name] = merged.get(name, 0.0) + sign * value
            return merged, a[1] + sign * b[1]
        case Arithmetic(operator="*", left=left, right=right):
            a, b = _affine(left), _affine(right)
            if a is None or b is None or (a[0] and b[0]):
                return None
            factor, other = (a[1], b) if not a[0] else (b[1], a)
            return {name: factor * value for name, value in other[0].items()}, factor * other[1]
        case Arithmetic(operator="/", left=left, right=right):
            a, b = _affine(left), _affine(right)
            if a is None or b is None or b[0] or b[1] == 0:
                return None
            return {name: value / b[1] for name, value in a[0].items()}, a[1] / b[1]
    return None
