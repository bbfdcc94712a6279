"""From a kind of design to experiments: made in coded units, put onto the grid, or searched for.

Notation: ``k`` (n, d) grid indices in design order; ``centre`` (n,) marks centre points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from labloop.design.coded import (
    Coded,
    box_behnken,
    central_composite,
    definitive_screening,
    fractional_factorial,
    full_factorial,
    one_factor_at_a_time,
    plackett_burman,
)
from labloop.design.filling import latin_hypercube, simplex_centroid, simplex_lattice, sobol
from labloop.design.fraction import Fraction
from labloop.design.model import Model
from labloop.design.moves import Moves
from labloop.design.optimal import optimise
from labloop.design.place import Placed, place, place_blends, settle
from labloop.design.region import Region
from labloop.design.request import Request
from labloop.errors import InvalidInput
from labloop.space.axis import Array, Bools, Indices

__all__ = ["Built", "build", "coded_of"]

_MIXED = ("simplex-lattice", "simplex-centroid")
_OPTIMAL = ("d-optimal", "a-optimal", "i-optimal")
_FILLING = ("latin-hypercube", "sobol")
_TWO_LEVELS = ("fractional-factorial", "plackett-burman")
_THREE_LEVELS = ("box-behnken", "central-composite")
_LEVELS = 3
_SOBOL_DRAWS = 64


@dataclass(frozen=True)
class Built:
    """A design on the grid, before it is put in order."""

    k: Indices
    centre: Bools
    settings: Mapping[str, Any] = field(default_factory=dict)
    fraction: Fraction | None = None
    notes: tuple[str, ...] = ()


def build(region: Region, request: Request, model: Model, ran: Array, rng: np.random.Generator) -> Built:
    """Make the experiments of one kind of design, repeated as often as asked for, then its further centre points.

    Parameters
    ----------
    model : what an optimal design is made for.
    ran : (m, d) cube rows of what was run already, where that is to count.

    Raises
    ------
    InvalidInput
        If the kind does not suit what varies.
    InvalidTable
        If runs of a classical design break rules, and ``repair`` was not asked for.
    """
    kind = str(request.kind)
    if len(ran) and kind not in _OPTIMAL:
        raise InvalidInput(f"a {kind} design takes no account of what was run", hint="augment with --kind d-optimal")
    if kind in _OPTIMAL:
        made = _searched(region, request, model, ran, rng)
    elif kind in _FILLING:
        made = _filled(region, request, kind, rng)
    else:
        coded = coded_of(region, request)
        placed = placed_of(region, coded)
        k, notes = settle(region, placed, repair=request.repair)
        intrinsic = (coded.runs == 0).all(axis=1) if kind not in _MIXED else np.zeros(len(k), dtype=np.bool_)
        made = Built(k, intrinsic, coded.settings, coded.fraction, (*placed.notes, *notes))
    times = request.replicates
    made = replace(made, k=np.tile(made.k, (times, 1)), centre=np.tile(made.centre, times))
    own_centres = kind in _THREE_LEVELS
    return _with_centres(region, made, 0 if own_centres else request.centres or 0, kind)


def placed_of(region: Region, coded: Coded) -> Placed:
    """Put a coded design onto the region's grid."""
    if coded.kind in _MIXED:
        return place_blends(region, coded.runs)
    return place(region, coded.runs)


def coded_of(region: Region, request: Request) -> Coded:
    """Return a classical design in coded units, one column a factor of the region.

    Raises
    ------
    InvalidInput
        If the kind does not suit what varies.
    """
    kind, k = str(request.kind), len(region.factors)
    _refuse_unsuited(region, kind)
    match kind:
        case "full-factorial":
            return full_factorial(_levels(region, request.levels))
        case "fractional-factorial":
            return fractional_factorial(k, request.runs, generators=request.generators)
        case "plackett-burman":
            return plackett_burman(k, request.runs)
        case "definitive-screening":
            return _screening(region, request)
        case "box-behnken":
            return box_behnken(k, request.centres)
        case "central-composite":
            return central_composite(k, request.form, alpha=request.alpha, centres=request.centres)
        case "one-factor-at-a-time":
            return one_factor_at_a_time(_levels(region, request.levels))
        case "simplex-lattice":
            return Coded(kind, simplex_lattice(k, request.degree), {"degree": request.degree})
        case "simplex-centroid":
            return Coded(kind, simplex_centroid(k))
    raise AssertionError(kind)


def _refuse_unsuited(region: Region, kind: str) -> None:
    names = region.grid.names
    if kind in _MIXED:
        groups = [g for g in region.grid.groups if set(g.columns.tolist()) & set(region.factors)]
        if len(groups) != 1 or len(region.mixed) != len(region.factors):
            raise InvalidInput(
                f"a {kind} design is for one mixture and nothing else",
                hint="name its components with --factors, or take --kind d-optimal, which takes everything",
            )
        return
    if region.mixed:
        raise InvalidInput(
            f"{names[region.mixed[0]]} is a share of a mixture: shares cannot be low and high one by one",
            hint="take --kind simplex-lattice, simplex-centroid, or d-optimal for mixtures with other parameters",
        )
    if kind in (*_TWO_LEVELS, *_THREE_LEVELS, "definitive-screening") and region.words:
        j = region.words[0]
        raise InvalidInput(
            f"{names[j]} has {region.axis(j).count} choices without an order, a {kind} design two or three levels",
            hint=f"take --kind d-optimal or full-factorial, or hold it: --hold {names[j]}={region.axis(j).names[0]}",
        )
    if kind in _THREE_LEVELS and region.twos:
        raise InvalidInput(
            f"{names[region.twos[0]]} has two values, a {kind} design needs a middle one",
            hint="take --kind i-optimal, or definitive-screening, or hold it",
        )


def _levels(region: Region, levels: int | None) -> list[int]:
    """Return how many levels each factor has: a choice all its options, a number two if not said otherwise."""
    return [
        region.axis(j).count if region.axis(j).names else min(levels or 2, region.axis(j).count) for j in region.factors
    ]


def _screening(region: Region, request: Request) -> Coded:
    numbers, twos = region.numbers, region.twos
    coded = definitive_screening(len(numbers), len(twos))
    runs = np.empty((len(coded.runs), len(region.factors)))
    for column, j in enumerate((*numbers, *twos)):
        runs[:, region.factors.index(j)] = coded.runs[:, column]
    if request.runs is not None and request.runs >= len(runs) + 4:
        extra = (request.runs - len(runs)) // 4 * 2
        wider = definitive_screening(len(numbers), len(twos), extra=extra)
        if len(wider.runs) <= request.runs:
            runs = np.empty((len(wider.runs), len(region.factors)))
            for column, j in enumerate((*numbers, *twos)):
                runs[:, region.factors.index(j)] = wider.runs[:, column]
            coded = wider
    return Coded(coded.kind, runs, coded.settings)


def _searched(region: Region, request: Request, model: Model, ran: Array, rng: np.random.Generator) -> Built:
    criterion = str(request.kind)[0].upper()
    before = model.columns(ran) if len(ran) else None
    n = max(model.p + 4 - len(ran), 4) if request.runs is None else request.runs
    if n + len(ran) < model.p:
        raise InvalidInput(
            f"the {model.order} model has {model.p} terms, and {n + len(ran)} runs cannot estimate them",
            hint=f"at least {model.p - len(ran)} runs (4 more leave something for the error), or --model main",
        )
    few = _few(region, model)
    moves = Moves(region.space, region.grid, region.held, rng, kept=few)
    found = optimise(model, moves, n, rng, criterion=criterion, ran=before)
    settings = {"criterion": criterion, "value": found.value, "starts": len(found.values), "augmented": len(ran)}
    names = ", ".join(region.grid.names[j] for j in moves.kept)
    note = f"{names} takes the values that the model needs and no others, so that it is set few times."
    return Built(found.k, np.zeros(n, dtype=np.bool_), settings, None, (note,) if moves.kept else ())


def _few(region: Region, model: Model) -> dict[int, Indices]:
    """Return the values of hard-to-change numbers that a model needs: its ends, and for a square the middle too.

    A search that is free to choose puts single runs at values beside these, each a whole plot of its own, for a
    fraction of a per cent of efficiency; some per cent where rules cut corners off.
    """
    found = {}
    for j in region.hard:
        axis = region.axis(j)
        if j in region.numbers and axis.count > _LEVELS:
            wanted = [0.0, 0.5, 1.0] if model.order == "quadratic" else [0.0, 1.0]
            found[j] = np.unique(axis.nearest(np.array(wanted)))
    return found


def _filled(region: Region, request: Request, kind: str, rng: np.random.Generator) -> Built:
    if region.mixed:
        raise InvalidInput(
            f"{region.grid.names[region.mixed[0]]} is a share of a mixture, which a {kind} design cannot sum up",
            hint="take --kind d-optimal, or labloop suggest, which fills any space",
        )
    n = request.runs or 10 * len(region.factors)
    if kind == "latin-hypercube":
        placed = _from_cube(region, latin_hypercube(n, len(region.factors), rng))
        k, notes = settle(region, placed, repair=request.repair)
        return Built(k, np.zeros(n, dtype=np.bool_), {"runs": n}, None, (*placed.notes, *notes))
    placed = _from_cube(region, sobol(n * _SOBOL_DRAWS, len(region.factors), rng))
    kept = [row for row in range(len(placed.k)) if row not in placed.broken][:n]
    if len(kept) < n:
        raise InvalidInput(
            f"only {len(kept)} of {n * _SOBOL_DRAWS} points of the sequence keep the campaign's rules",
            hint="take --kind d-optimal, or labloop suggest, which looks for them",
        )
    skipped = kept[-1] + 1 - n
    notes = (f"{skipped} points of the sequence break a rule and were passed over.",) if skipped else ()
    if n & (n - 1):
        notes += (f"A Sobol sequence is most even at a power of two: {1 << n.bit_length()} rather than {n} runs.",)
    return Built(placed.k[kept], np.zeros(n, dtype=np.bool_), {"runs": n}, None, notes)


def _from_cube(region: Region, u: Array) -> Placed:
    """Put cube positions (n, f) onto the grid: choices and levels in equal parts."""
    coded = np.empty_like(u)
    for column, j in enumerate(region.factors):
        axis = region.axis(j)
        if axis.names or axis.kind == "levels":
            option = np.minimum(np.floor(u[:, column] * axis.count), axis.count - 1)
            coded[:, column] = 2.0 * option / (axis.count - 1) - 1.0
        else:
            coded[:, column] = 2.0 * u[:, column] - 1.0
    placed = place(region, coded)
    return Placed(placed.k, placed.wanted, placed.broken, ())


def _with_centres(region: Region, made: Built, count: int, kind: str) -> Built:
    """Add centre points: numbers at their middle, what has no middle at each of its values in turn."""
    if not count:
        return made
    if region.mixed or not region.numbers:
        raise InvalidInput(
            f"centre points for a {kind} design without a number that has a middle",
            hint="repeat the design instead: --replicates 2",
        )
    coded = np.zeros((count, len(region.factors)))
    turn = 1
    for column, j in enumerate(region.factors):
        if j in region.words or j in region.twos:
            m = region.axis(j).count
            coded[:, column] = 2.0 * (np.arange(count) // turn % m) / (m - 1) - 1.0
            turn *= m
    placed = place(region, coded)
    if placed.broken:
        k, notes = settle(region, placed, repair=True)
        notes = ("The middle of the space cannot be run; the nearest that can stands for it.", *notes[:1])
    else:
        k, notes = placed.k, placed.notes
    centre = np.concatenate([made.centre, np.ones(count, dtype=np.bool_)])
    return Built(
        np.vstack([made.k, k]), centre, {**made.settings, "centres": count}, made.fraction, (*made.notes, *notes)
    )
