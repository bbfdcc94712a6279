"""Which design serves a goal: what fits the number of runs and the campaign's rules is looked at in turn.

To *screen* is to find the few factors that matter; *interactions* asks how they act together; a *response-surface*
is bent and has a best place inside. What is preferred first, and why, stands in `_CANDIDATES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from labloop.design.build import coded_of, placed_of
from labloop.design.fraction import best_fraction
from labloop.design.model import model_of
from labloop.design.power import runs_needed
from labloop.design.region import Region
from labloop.design.request import Advice, Option, Request
from labloop.errors import InvalidInput, did_you_mean

__all__ = ["GOALS", "advise"]

GOALS = ("screen", "interactions", "response-surface")
_SPARE = 4
_ORDER = {"screen": "main", "interactions": "interactions", "response-surface": "quadratic"}
_CENTRES = 3

Candidate = tuple[Request, str]


def advise(region: Region, request: Request) -> Advice:
    """Choose a design for a goal.

    Raises
    ------
    InvalidInput
        If no design serves it in so many runs; the message says how many are needed.
    """
    goal = str(request.goal)
    if goal not in GOALS:
        raise InvalidInput(f"no goal {goal!r}", hint=did_you_mean(goal, GOALS))
    options: list[Option] = []
    chosen: Request | None = None
    reason = ""
    for candidate, why in _candidates(region, request, goal):
        option, fitted = _tried(region, request, candidate, why)
        options.append(option)
        if chosen is None and option.serves:
            chosen, reason = fitted, why
    if chosen is None:
        fewest = min(each.runs for each in options if each.runs)
        raise InvalidInput(
            f"no design for {goal} of {len(region.factors)} parameters in {request.runs} runs",
            hint=f"at least {fewest} runs, or fewer parameters: --factors " + ",".join(region.names[:2]),
        )
    chosen, more = _enough(region, request, chosen, goal)
    return Advice(goal, chosen, (reason, *more), tuple(options))


def _candidates(region: Region, request: Request, goal: str) -> Iterator[Candidate]:
    """Yield designs in the order of preference, each with the reason for it."""
    plain = not region.mixed and not region.words and region.grid.table is None
    # The runs are those of all replicates together.
    once = None if request.runs is None else request.runs // request.replicates
    base = replace(request, kind=None, model=request.model or _ORDER[goal], runs=once)
    blend = bool(region.mixed) and len(region.mixed) == len(region.factors)
    single = sum(bool(set(g.columns.tolist()) & set(region.factors)) for g in region.grid.groups) == 1
    if request.augment:
        yield from _optimal(region, base, goal)
        return
    if blend and single and goal != "screen":
        yield from _blends(base, goal)
    elif plain:
        makers: dict[str, Callable[[Region, Request], Iterator[Candidate]]] = {
            "screen": _screens,
            "interactions": _factorials,
            "response-surface": _surfaces,
        }
        yield from makers[goal](region, base)
    yield from _optimal(region, base, goal)


def _screens(region: Region, base: Request) -> Iterator[Candidate]:
    k = len(region.factors)
    definitive: Candidate = (
        replace(base, kind="definitive-screening"),
        "Main effects free of interactions and curvature, which it also detects, in about two runs a factor.",
    )
    if len(region.numbers) >= 4 and len(region.twos) <= 2:
        yield definitive
    if k >= 3:
        runs = len(best_fraction(k).runs()) if k <= 16 else 0
        if runs:
            clear = "Resolution IV or more: main effects are clear of two-factor interactions."
            yield replace(base, kind="fractional-factorial", runs=runs), clear
        if k >= 4:
            crowded = "Few runs for many factors; every main effect is mixed with interactions, so check what it finds."
            # A quarter of the runs for the error, where there is no word on how many.
            yield replace(base, kind="plackett-burman", runs=base.runs or 4 * (k // 3 + 1)), crowded
    else:
        yield replace(base, kind="full-factorial"), "So few factors that every combination can be run."


def _factorials(region: Region, base: Request) -> Iterator[Candidate]:
    k = len(region.factors)
    if k <= 4:
        yield replace(base, kind="full-factorial"), "Every combination: all interactions, none aliased."
    elif k <= 16:
        try:
            runs = len(best_fraction(k, resolution=5).runs())
        except InvalidInput:
            return
        text = "Resolution V: main effects and two-factor interactions are clear of each other."
        yield replace(base, kind="fractional-factorial", runs=runs), text


def _surfaces(region: Region, base: Request) -> Iterator[Candidate]:
    k = len(region.factors)
    if region.twos or not 2 <= k <= 7:
        return
    if k >= 3:
        text = "The full quadratic model in few runs at three levels, and no run in an extreme corner."
        yield replace(base, kind="box-behnken"), text
    faced = "The full quadratic model at three levels, corners included, all within the bounds."
    yield replace(base, kind="central-composite", form="faced"), faced


def _blends(base: Request, goal: str) -> Iterator[Candidate]:
    if goal == "interactions":
        yield replace(base, kind="simplex-lattice", degree=2), "Pure components and halves: how any two blend."
    else:
        yield replace(base, kind="simplex-centroid"), "Blends of two, three and more, so that the inside is seen too."


def _optimal(region: Region, base: Request, goal: str) -> Iterator[Candidate]:
    kind = "i-optimal" if goal == "response-surface" else "d-optimal"
    what = "predicts best over the region" if kind == "i-optimal" else "estimates the model best"
    p = model_of(region.grid, str(base.model), held=tuple(region.held)).p
    runs = p + _SPARE if base.runs is None else base.runs
    yield replace(base, kind=kind, runs=runs), f"It takes this space as it is, rules and mixtures included, and {what}."


def _tried(region: Region, request: Request, candidate: Request, why: str) -> tuple[Option, Request]:
    """Make a candidate in coded units and see whether it fits the runs and the rules."""
    kind = str(candidate.kind)
    if kind.endswith("optimal"):
        p = model_of(region.grid, str(candidate.model), held=tuple(region.held)).p
        enough = request.augment or int(candidate.runs or 0) >= p
        says = why if enough else f"The model has {p} terms and needs at least as many runs."
        return Option(kind, int(candidate.runs or 0) if enough else p, enough, says), candidate
    try:
        coded = coded_of(region, candidate)
    except InvalidInput as error:
        return Option(kind, 0, False, error.message), candidate
    n = len(coded.runs)
    n *= request.replicates
    if request.runs is not None and n > request.runs:
        return Option(kind, n, False, f"It has {n} runs."), candidate
    broken = placed_of(region, coded).broken
    if broken and not request.repair:
        first = next(iter(broken.values()))[0]
        return Option(kind, n, False, f"{len(broken)} of its {n} runs break a rule ({first})."), candidate
    return Option(kind, n, True, why), candidate


def _enough(region: Region, request: Request, chosen: Request, goal: str) -> tuple[Request, tuple[str, ...]]:
    """Use what is left of the runs: repeats for the power that is asked for, then centre points."""
    kind = str(chosen.kind)
    says: list[str] = []
    if kind.endswith("optimal"):
        return chosen, ()
    n = len(coded_of(region, chosen).runs)
    needed = None
    if request.effect is not None and request.noise is not None and goal != "response-surface":
        p = model_of(region.grid, str(chosen.model), held=tuple(region.held)).p
        needed = runs_needed(p, effect=request.effect, noise=request.noise)
        says.append(
            f"An effect of {request.effect:g} against a noise of {request.noise:g} takes {needed} runs at two levels "
            "to be seen four times in five."
        )
        times = math.ceil(needed / n)
        if request.replicates == 1 and times > 1 and (request.runs is None or times * n <= request.runs):
            chosen = replace(chosen, replicates=times)
            says.append(f"So the design is run {times} times.")
        elif times > request.replicates:
            says.append(f"{request.runs or n} runs are too few for that: weaker effects may be missed.")
    used = n * chosen.replicates
    two_levels = kind in ("full-factorial", "fractional-factorial", "plackett-burman")
    if two_levels and region.numbers and request.centres is None and not region.words:
        left = _CENTRES if request.runs is None else min(request.runs - used, _CENTRES)
        if left > 0:
            chosen = replace(chosen, centres=left)
            says.append(f"{left} centre points show curvature and the error.")
    return chosen, tuple(says)
