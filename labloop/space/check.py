"""Can anything be run at all? Names the constraints that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from math import gcd

import numpy as np

from labloop.errors import InvalidSpec, Problem
from labloop.space.descent import TRIES
from labloop.space.grid import Grid
from labloop.space.sampler import Sampler
from labloop.spec.models import Spec
from labloop.spec.rules import linearise, names_in

__all__ = ["check_feasible"]

_SECONDS = 5.0


def check_feasible(spec: Spec) -> None:
    """Make sure that at least one experiment satisfies every bound, step, mixture and constraint.

    Linear rules and conditions over them are decided by a solver, hence exactly; where a rule is curved
    (``A * B <= 2``) the search may miss a very small set, and the message says so.

    Raises
    ------
    InvalidSpec
        Naming a smallest set of constraints and mixtures that contradict each other: without any one of
        them, the rest can be satisfied.
    """
    grid = Grid(spec)
    if grid.table is not None:
        _check_table(spec, grid)
    elif Sampler(grid, {}).empty:
        raise InvalidSpec(spec.name, [_conflict(spec, grid) or _not_found(spec, grid)])


def _check_table(spec: Spec, grid: Grid) -> None:
    table = grid.table
    assert table is not None
    if grid.feasible(table).any():
        return
    sums = [name for name, mixed in grid.mixed_rows(table).items() if not mixed.any()]
    if sums:
        total = spec.mixtures[sums[0]].total
        problem = Problem(
            f"no row of the table has a {sums[0]} that sums to {total:g} with an allowed number of components",
            "candidates",
            "correct the amounts, or the mixture's total",
        )
    else:
        shown = "; ".join(repr(text) for text in spec.constraints)
        problem = Problem(
            f"none of the {len(table)} rows satisfies the constraints: {shown}", "candidates", "relax a constraint"
        )
    raise InvalidSpec(spec.name, [problem])


def _conflict(spec: Spec, grid: Grid) -> Problem | None:
    """Return the proved contradiction, made as small as can be by leaving out one part after the other."""
    rules, mixtures = list(range(len(spec.constraints))), list(range(len(grid.groups)))
    if not _contradict(grid, rules, mixtures):
        return None
    for position in list(rules):
        fewer = [each for each in rules if each != position]
        if _contradict(grid, fewer, mixtures):
            rules = fewer
    for position in list(mixtures):
        fewer = [each for each in mixtures if each != position]
        if _contradict(grid, rules, fewer):
            mixtures = fewer
    words = [repr(spec.constraints[each]) for each in rules]
    words += [f"the mixture {grid.groups[each].name} (total {grid.groups[each].amount:g})" for each in mixtures]
    path = f"constraints.{rules[0]}" if rules else f"mixtures.{grid.groups[mixtures[0]].name}"
    if len(words) == 1:
        hint = _between_steps(spec, grid, rules[0]) if rules else ""
        return Problem(
            f"no experiment within the bounds and steps satisfies {words[0]}", path, hint or _wider(spec, rules)
        )
    return Problem(
        f"these contradict each other within the bounds and steps: {'; '.join(words)}", path, "relax one of them"
    )


def _wider(spec: Spec, rules: Sequence[int]) -> str:
    """Say what would have to be widened: the parameters that one rule speaks of."""
    mentioned = dict.fromkeys(names_in(spec.rules[rules[0]].tree)) if rules else ()
    names = [name for name in mentioned if name in spec.varied]
    return f"widen {' or '.join(names)}, or relax it" if names else "widen the bounds, or relax it"


def _between_steps(spec: Spec, grid: Grid, rule: int) -> str:
    """Say which range to write instead of an equality that lies between two steps; nothing where it does not.

    With ``a + b == c`` and evenly spaced grids, the left side is its lowest value plus a multiple of ``g``, the
    steps' greatest common divisor. Where a grid is uneven (a log scale, 0 or at least min), ``g`` is the widest step.
    """
    linear = linearise(spec.rules[rule].tree)
    if linear is None or linear.operator != "==" or not all(name in grid.names for name, _ in linear.coefficients):
        return ""
    axes = [(grid.axes[grid.names.index(name)], _exactly(factor)) for name, factor in linear.coefficients]
    bound = _exactly(linear.bound)
    lowest = sum(min(factor * _exactly(axis.low), factor * _exactly(axis.high)) for axis, factor in axes)
    highest = sum(max(factor * _exactly(axis.low), factor * _exactly(axis.high)) for axis, factor in axes)
    steps = [abs(factor * part.pitch) for axis, factor in axes for part in axis.segments if part.count > 1]
    if not steps or any(axis.names for axis, _ in axes) or not lowest < bound < highest:
        return ""
    even = all(len(axis.segments) == 1 for axis, _ in axes)
    g, first = (reduce(_divisor, steps), lowest) if even else (max(steps), Fraction(0))
    below = first + (bound - first) // g * g
    sides = " + ".join(name if factor == 1 else f"{factor:g}*{name}" for name, factor in linear.coefficients)
    return (
        f"it lies between two steps: write {float(below):.12g} <= {sides} <= {float(below + g):.12g}, "
        "or give the parameters a step that meets it"
    ).replace("+ -", "- ")


def _exactly(value: float) -> Fraction:
    """Return the short decimal that a float64 was written as."""
    return Fraction(repr(value))


def _divisor(a: Fraction, b: Fraction) -> Fraction:
    """Return the greatest common divisor of two fractions."""
    common = a.denominator * b.denominator
    return Fraction(gcd(int(a * common), int(b * common)), common)


def _contradict(grid: Grid, rules: Sequence[int], mixtures: Sequence[int]) -> bool:
    # The solver's module loads scipy.optimize, which a spec without a contradiction never needs.
    from labloop.space.oracle import Oracle

    oracle = Oracle(grid, trees=[grid.trees[each] for each in rules], mixtures=mixtures)
    found = oracle.point(np.zeros(grid.dim), seconds=_SECONDS)
    return found.point is None and found.proved


def _not_found(spec: Spec, grid: Grid) -> Problem:
    shown = "; ".join(repr(text) for text in spec.constraints) or "the mixtures"
    tries = f" in {TRIES:,} tries" if grid.curved else ""
    return Problem(
        f"no feasible experiment found{tries} for: {shown}",
        "constraints",
        "relax a constraint, make a step finer, or list the experiments as candidates",
    )
