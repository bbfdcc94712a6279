"""Can anything be run at all? Names the constraints that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
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
    names = (
        [name for name in dict.fromkeys(names_in(spec.rules[rules[0]].tree)) if name in spec.varied] if rules else []
    )
    return f"widen {' or '.join(names)}, or relax it" if names else "widen the bounds, or relax it"


def _between_steps(spec: Spec, grid: Grid, rule: int) -> str:
    """Say which range to write instead of an equality that lies between two steps; nothing where it does not.

    With ``a + b == c`` and steps ``s``, the left side is its lowest value plus a multiple of the steps'
    greatest common divisor ``g``.
    """
    linear = linearise(spec.rules[rule].tree)
    if linear is None or linear.operator != "==":
        return ""
    lowest, highest, g = Fraction(0), Fraction(0), Fraction(0)
    for name, factor in linear.coefficients:
        axis = grid.axes[grid.names.index(name)] if name in grid.names else None
        if axis is None or axis.names or len(axis.segments) != 1:
            return ""
        exact, (only,) = Fraction(factor).limit_denominator(10**9), axis.segments
        ends = sorted(exact * Fraction(each).limit_denominator(10**12) for each in (only.low, only.high))
        lowest, highest = lowest + ends[0], highest + ends[1]
        step = abs(exact * only.pitch)
        g = Fraction(
            gcd(g.numerator * step.denominator, step.numerator * g.denominator), g.denominator * step.denominator
        )
    bound = Fraction(linear.bound).limit_denominator(10**12)
    if not g or not lowest < bound < highest:
        return ""
    below = lowest + (bound - lowest) // g * g
    sides = " + ".join(name if factor == 1 else f"{factor:g}*{name}" for name, factor in linear.coefficients)
    return (
        f"it lies between two steps: write {float(below):.12g} <= {sides} <= {float(below + g):.12g}, "
        "or give the parameters a step that meets it"
    ).replace("+ -", "- ")


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
