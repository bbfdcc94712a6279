"""How likely a design is to see an effect of a given size, and how many runs that takes.

An effect is the change of the outcome from a factor's low level to its high level: twice its coefficient. The F test
of q coefficients ``b`` with covariance ``sigma^2 C`` has non-centrality ``b'C^-1 b / sigma^2``, q and v degrees of
freedom; its power is the probability that F exceeds the critical value (Montgomery, section on sample size; Cohen,
*Statistical Power Analysis*, 1988). For an interaction the effect is half the change of one factor's effect, for a
quadratic the sag of the middle below the ends, for a blend the excess of the equal mix over the straight line.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import fdtri, ncfdtr

from labloop.design.model import Model, contrasts
from labloop.errors import InvalidInput
from labloop.space.axis import Array

__all__ = ["Power", "PowerCurve", "power_curves", "power_of", "powers_of", "runs_needed"]

_PER_EFFECT = {"main": 0.5, "interaction": 0.5, "quadratic": 1.0, "blend": 4.0}
_CERTAIN = 2000.0
_MOST = 20_000
_SIZES = 33


@dataclass(frozen=True)
class Power:
    """The chance to see an effect of the stated size in these terms, tested together."""

    name: str
    terms: tuple[str, ...]
    chance: float | None


@dataclass(frozen=True)
class PowerCurve:
    """The chance to see an effect of each size, of what shares one curve; sizes in the outcome's unit."""

    names: tuple[str, ...]
    sizes: tuple[float, ...]
    chances: tuple[float, ...]


def power_of(noncentrality: float, q: int, v: int, *, level: float = 0.05) -> float:
    """Return the power of an F test with q and v degrees of freedom."""
    if v < 1:
        return 0.0
    if noncentrality > _CERTAIN:
        return 1.0
    return float(1.0 - ncfdtr(q, v, noncentrality, float(fdtri(q, v, 1.0 - level))))


def powers_of(
    model: Model, u: Array, *, effect: float, noise: float, blocks: Array | None = None, level: float = 0.05
) -> tuple[Power, ...]:
    """Return the power for every parameter and every further term; None where a term is lost or nothing tests it.

    A choice of several options is tested as a whole, for the two options that the design tells apart worst.
    ``blocks`` (n, b) are columns that tell blocks apart.
    """
    if not effect > 0 or not noise > 0:
        raise InvalidInput(
            f"an effect of {effect:g} against a noise of {noise:g}",
            hint="both are numbers above 0, in the outcome's unit",
        )
    f = model.columns(u) if blocks is None else np.column_stack([model.columns(u), blocks])
    n, rank = len(f), int(np.linalg.matrix_rank(f))
    d = np.linalg.pinv(f.T @ f)
    found = []
    for name, columns in _together(model):
        terms = tuple(model.names[j] for j in columns)
        if rank < f.shape[1] or n <= rank or model.terms[columns[0]].kind == "constant":
            found.append(Power(name, terms, None))
            continue
        exact = np.linalg.inv(d[np.ix_(columns, columns)])
        least = min(float(b @ exact @ b) for b in _coefficients(model, columns, effect))
        found.append(Power(name, terms, power_of(least / noise**2, len(columns), n - rank, level=level)))
    return tuple(each for each in found if each.name != "constant")


def power_curves(
    model: Model, u: Array, *, effect: float, noise: float, blocks: Array | None = None, level: float = 0.05
) -> tuple[PowerCurve, ...]:
    """Return the power over sizes from 0 to twice the stated effect, what has the same curve together."""
    sizes = np.linspace(0.0, 2.0 * effect, _SIZES)
    steps = [powers_of(model, u, effect=float(size), noise=noise, blocks=blocks, level=level) for size in sizes[1:]]
    curves: dict[tuple[float, ...], list[str]] = {}
    for turn in zip(*steps, strict=True):
        chances = tuple(each.chance for each in turn if each.chance is not None)
        if len(chances) == len(turn):
            # At size 0 the chance to see something is the level itself.
            curves.setdefault((level, *(round(each, 4) for each in chances)), []).append(turn[0].name)
    return tuple(PowerCurve(tuple(names), tuple(sizes.tolist()), chances) for chances, names in curves.items())


def runs_needed(p: int, *, effect: float, noise: float, chance: float = 0.8, level: float = 0.05) -> int:
    """Return the fewest runs, a multiple of 4, of an orthogonal two-level design of p terms that see an effect."""
    if not 0 < chance < 1:
        raise InvalidInput(f"a power of {chance:g}", hint="expected a chance between 0 and 1, such as 0.8")
    for n in range(4 * ((p + 4) // 4), _MOST, 4):
        if power_of(n * (effect / 2.0 / noise) ** 2, 1, n - p, level=level) >= chance:
            return n
    raise InvalidInput(
        f"an effect of {effect:g} against a noise of {noise:g} takes more than {_MOST} runs",
        hint="measure more precisely, widen the bounds, or look for larger effects",
    )


def _together(model: Model) -> list[tuple[str, list[int]]]:
    """Return terms that are tested together: the contrasts of one choice, or of its interaction with one parameter.

    Shares of a mixture have no test of their own: a coefficient there is the outcome of a pure component.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    shares = {base.parameter for base in model.bases if base.kind == "share"}
    for j, term in enumerate(model.terms):
        if term.kind == "constant" or (term.kind == "main" and term.parameters[0] in shares):
            continue
        groups.setdefault((term.kind, *term.parameters), []).append(j)
    named = []
    for (kind, *parameters), columns in groups.items():
        name = f"{parameters[0]}²" if kind == "quadratic" else " × ".join(parameters)
        named.append((name, columns))
    return named


def _coefficients(model: Model, columns: list[int], effect: float) -> list[Array]:
    """Return coefficient vectors that are an effect of the stated size."""
    term = model.terms[columns[0]]
    if len(columns) == 1:
        return [np.array([effect * _PER_EFFECT[term.kind]])]
    if term.kind == "main":
        return _pairs(len(columns) + 1, effect)
    # An interaction with a choice: the other factor's effect differs between two options.
    sizes = [sum(base.parameter == name for base in model.bases) for name in term.parameters]
    sides = [_pairs(size + 1, 2.0) if size > 1 else [np.array([1.0])] for size in sizes]
    return [effect / 2.0 * np.outer(a, b).ravel() for a in sides[0] for b in sides[1]]


def _pairs(m: int, effect: float) -> list[Array]:
    """Return the contrasts' coefficients where two of m options differ by an effect and the others lie between."""
    table = contrasts(m)
    found = []
    for i, j in combinations(range(m), 2):
        level = np.zeros(m)
        level[i], level[j] = effect / 2.0, -effect / 2.0
        found.append(table.T @ level / m)
    return found
