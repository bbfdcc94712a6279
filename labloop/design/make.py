"""A designed experiment for a campaign, from what is asked for to the lines of the run sheet.

`design` is pure: the same spec, request, earlier experiments and seed give the same design, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labloop.design.blocks import block_columns, confounding, weights_of
from labloop.design.build import Built, build
from labloop.design.choose import advise
from labloop.design.fraction import LETTERS
from labloop.design.model import Model, model_of, reduced
from labloop.design.order import Layout, Place, laid_out
from labloop.design.power import Power, PowerCurve, power_curves, powers_of
from labloop.design.quality import quality_of
from labloop.design.region import Region, region_of
from labloop.design.request import Design, Request, Run
from labloop.design.words import KINDS, sees
from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Conditions, Value
from labloop.space.axis import Array, Indices
from labloop.spec.models import Spec

__all__ = ["design", "in_random_order"]

_MOST = 2000
_POINTS = 1000


def design(spec: Spec, request: Request, *, seed: int, ran: Sequence[Conditions] = ()) -> Design:
    """Make a designed experiment.

    Parameters
    ----------
    seed : everything random follows from it: the search, the blocks, the run order.
    ran : conditions of experiments that were run, for ``augment``.

    Raises
    ------
    InvalidInput, InvalidTable
        If the design does not suit the campaign, or runs of it break rules.
    """
    _check(request)
    search, shuffle, points = (np.random.default_rng([seed, i]) for i in range(3))
    region = region_of(spec, factors=request.factors, hold=request.hold)
    advice = None
    if request.kind is None:
        advice = advise(region, request)
        request = advice.chosen
    known = region.space.encode(list(ran)) if request.augment else np.empty((0, region.grid.dim))
    if request.augment and not len(known):
        raise InvalidInput("nothing was run yet that a design could augment", hint="leave --augment out")
    order = request.model or KINDS[str(request.kind)].model
    sample = region.space.sample(_POINTS, points, fixed=_fixed(region))
    model, lost = reduced(model_of(region.grid, order, held=tuple(region.held)), sample)
    built = build(region, request, model, known, search)
    k = built.k
    if len(k) > _MOST:
        raise InvalidInput(f"a design of {len(k)} runs", hint=f"at most {_MOST}; fewer levels, factors or replicates")
    u = region.grid.units(k)
    larger = reduced(model_of(region.grid, "quadratic", held=tuple(region.held)), sample)[0]
    places = _placed(region, request, larger, built, u, rng=shuffle)
    everything = np.vstack([u, known])
    block = _block_of(places, len(k), len(known))
    blocks = block_columns(block)
    quality = quality_of(model, larger, everything, blocks=blocks, region=sample, edges=_corners(region, sample))
    confounded = confounding(larger, u, block[: len(k)]) if request.layout.blocks > 1 else ()
    fraction = built.fraction
    saw, blind = sees(str(request.kind))
    return Design(
        kind=str(request.kind),
        model=order,
        seed=seed,
        settings={**request.settings(), **built.settings},
        runs=_runs(region, request, k, places, built),
        quality=quality,
        powers=_powers(region, model, everything, blocks, request),
        curves=_curves(region, model, everything, blocks, request),
        confounded=confounded,
        factors=dict(zip(LETTERS, region.names, strict=False)) if fraction else {},
        words=fraction.words if fraction else (),
        aliases=fraction.aliases() if fraction else (),
        sees=saw,
        blind=blind,
        notes=(
            *region.notes,
            *_lost_notes(lost),
            *_earlier_notes(request),
            *built.notes,
            *_plot_notes(region, places, k),
        ),
        advice=advice,
        block_name=request.block_name,
    )


def in_random_order(spec: Spec, conditions: Sequence[Conditions], *, seed: int) -> tuple[Run, ...]:
    """Return conditions as lines of a run sheet in random order, in whole plots of what is hard to change."""
    region = region_of(spec)
    u = region.space.encode(list(conditions))
    setting = np.unique(np.round(u[:, list(region.hard)], 9), axis=0, return_inverse=True)[1]
    places = laid_out(
        Layout(),
        np.zeros((len(u), 1)),
        np.ones(1),
        centre=np.zeros(len(u), dtype=np.bool_),
        hard=np.asarray(setting, dtype=np.int64).reshape(len(u), -1)[:, : len(region.hard)],
        rng=np.random.default_rng([seed, 1]),
    )
    order = [(place.run or 0, place.plot) for place in places]
    return tuple(Run(conditions[run], run + 1, "design", 1, plot) for run, plot in order)


def _check(request: Request) -> None:
    if request.kind is None and request.goal is None:
        raise InvalidInput("which design?", hint="say what it is for: --goal screen, interactions or response-surface")
    if request.kind is not None and request.kind not in KINDS:
        raise InvalidInput(f"no design {request.kind!r}", hint=did_you_mean(request.kind, KINDS))
    counts = {"runs": request.runs, "replicates": request.replicates, "blocks": request.layout.blocks}
    for name, count in counts.items():
        if count is not None and not 1 <= count <= _MOST:
            raise InvalidInput(f"{name} is {count}", hint=f"expected a whole number from 1 to {_MOST}")
    if (request.effect is None) != (request.noise is None):
        raise InvalidInput(
            "power needs both: the effect that matters and the noise", hint="for instance --effect 5 --noise 2"
        )


def _fixed(region: Region) -> dict[int, float]:
    return {j: float(region.axis(j).position(np.array([k]))[0]) for j, k in region.held.items()}


def _corners(region: Region, sample: Array) -> Array:
    """Return points of the region with their numbers pushed to the bounds, where the rules allow that."""
    u = sample.copy()
    columns = list(region.numbers)
    u[:, columns] = np.rint(u[:, columns])
    return np.asarray(u[region.space.feasible(u)])


def _placed(
    region: Region, request: Request, model: Model, built: Built, u: Array, *, rng: np.random.Generator
) -> tuple[Place, ...]:
    varying = [j for j, term in enumerate(model.terms) if term.kind != "constant"]
    return laid_out(
        request.layout,
        model.columns(u)[:, varying],
        weights_of(model),
        centre=built.centre,
        hard=built.k[:, list(region.hard)],
        rng=rng,
    )


def _runs(region: Region, request: Request, k: Indices, places: Sequence[Place], built: Built) -> tuple[Run, ...]:
    conditions = region.space.decode(region.grid.units(k))
    control = _control(region, request) if request.layout.controls else {}
    found = []
    for place in places:
        if place.run is None:
            found.append(Run(control, None, "control", place.block, place.plot))
            continue
        centre = bool(built.centre[place.run])
        found.append(
            Run(conditions[place.run], place.run + 1, "centre" if centre else "design", place.block, place.plot)
        )
    return tuple(found)


def _control(region: Region, request: Request) -> dict[str, Value]:
    """Return the conditions of a control: what is named, the rest in the middle, as near as the rules allow.

    Raises
    ------
    InvalidInput
        If what is named cannot be run.
    """
    named = region_of(region.spec, hold=request.control) if request.control else region
    fixed = _fixed(named) if request.control else _fixed(region)
    u = np.full(region.grid.dim, 0.5)
    for j, value in fixed.items():
        u[j] = value
    return region.space.decode(region.space.nearest(u, fixed=fixed)[None])[0]


def _block_of(places: Sequence[Place], n: int, earlier: int) -> Indices:
    """Return the block of each run in design order; where there are blocks, what was run earlier is one more."""
    block = np.zeros(n + earlier, dtype=np.int64)
    for place in places:
        if place.run is not None:
            block[place.run] = place.block
    if earlier and max(place.block for place in places) == 1:
        block[:] = 1
    return block


def _powers(region: Region, model: Model, u: Array, blocks: Array, request: Request) -> tuple[Power, ...]:
    """Return the power of every term but those that are judged between whole plots, whose variation nobody stated."""
    if request.effect is None or request.noise is None:
        return ()
    found = powers_of(model, u, effect=request.effect, noise=request.noise, blocks=blocks)
    between = _between(region, model)
    return tuple(replace(each, chance=None) if set(each.terms) <= between else each for each in found)


def _between(region: Region, model: Model) -> set[str]:
    hard = {region.grid.names[j] for j in region.hard}
    return {term.name for term in model.terms if set(term.parameters) <= hard}


def _curves(region: Region, model: Model, u: Array, blocks: Array, request: Request) -> tuple[PowerCurve, ...]:
    if request.effect is None or request.noise is None:
        return ()
    found = power_curves(model, u, effect=request.effect, noise=request.noise, blocks=blocks)
    judged = {each.name for each in _powers(region, model, u, blocks, request) if each.chance is not None}
    kept = [replace(each, names=tuple(name for name in each.names if name in judged)) for each in found]
    return tuple(each for each in kept if each.names)


def _earlier_notes(request: Request) -> tuple[str, ...]:
    if not request.augment:
        return ()
    if request.layout.blocks > 1:
        return ("What was run earlier counts as a block of its own.",)
    return ("What was run earlier counts as if it were run under the same conditions as these runs.",)


def _lost_notes(lost: Sequence[str]) -> tuple[str, ...]:
    if not lost:
        return ()
    shown = ", ".join(lost[:6]) + (f" and {len(lost) - 6} more" if len(lost) > 6 else "")
    return (f"Left out of the model, because the rules let no experiment tell it from other terms: {shown}.",)


def _plot_notes(region: Region, places: Sequence[Place], k: Indices) -> tuple[str, ...]:
    """Say what whole plots cost."""
    if not region.hard:
        return ()
    names = ", ".join(region.grid.names[j] for j in region.hard)
    plots = max(place.plot or 0 for place in places)
    settings = len(np.unique(k[:, list(region.hard)], axis=0))
    spare = plots - settings
    text = (
        f"{names} is set {plots} times, for whole plots of several runs; set it anew for each, even to the same value."
    )
    if spare > 0:
        return (
            text,
            f"Its effect is judged against {spare} degrees of freedom between whole plots, by their variation, not by "
            "that between runs.",
        )
    return (
        text,
        f"Each setting of {names} occurs once, so nothing tells its effect from chance between whole plots: "
        f"--plots {2 * settings} sets each twice.",
    )
