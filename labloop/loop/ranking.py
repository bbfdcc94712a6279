"""Which results are best: by the objective, among those that keep the limits; a Pareto set for several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labloop.records import Outcomes
from labloop.spec.models import Spec

__all__ = ["keeps_limits", "leaders", "ranked", "scores"]


def scores(spec: Spec, means: Outcomes) -> tuple[float, ...] | None:
    """Return one score an objective, larger is better; None where an objective was not measured."""
    if any(name not in means for name in spec.objectives):
        return None
    return tuple(objective.score(means[name]) for name, objective in spec.objectives.items())


def keeps_limits(spec: Spec, means: Outcomes) -> bool | None:
    """Whether the limits hold; None where one was not measured and none is broken."""
    unknown = False
    for limit in spec.limits:
        if limit.outcome not in means:
            unknown = True
        elif not limit.holds(means[limit.outcome]):
            return False
    return None if unknown else True


def leaders(spec: Spec, means: Mapping[int, Outcomes]) -> tuple[int, ...]:
    """Return the best experiment, or the Pareto set when there are several objectives, in order of number.

    Experiments that break a limit lead only while none keeps them all.
    """
    fronts = _fronts(spec, means)
    first = next(fronts, [])
    return tuple(first[:1] if len(spec.objectives) == 1 else first)


def ranked(spec: Spec, means: Mapping[int, Outcomes]) -> list[int]:
    """Return experiment numbers, best first.

    With one objective: by its score. With several: those that no other beats in everything first (the Pareto
    set, in order of number), then the next set, and so on. Experiments that break a limit come last, those
    where an objective was not measured are left out.
    """
    return [number for front in _fronts(spec, means) for number in front]


def _fronts(spec: Spec, means: Mapping[int, Outcomes]) -> Iterator[list[int]]:
    found = {number: each for number, outcomes in means.items() if (each := scores(spec, outcomes)) is not None}
    keeping = {n: s for n, s in found.items() if keeps_limits(spec, means[n]) is not False}
    breaking = {n: s for n, s in found.items() if n not in keeping}
    for group in (keeping, breaking):
        if len(spec.objectives) == 1:
            if group:
                yield sorted(group, key=lambda number: (-found[number][0], number))
            continue
        while group:
            front = sorted(n for n, score in group.items() if not any(_beats(s, score) for s in group.values()))
            yield front
            group = {number: score for number, score in group.items() if number not in front}


def _beats(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b
