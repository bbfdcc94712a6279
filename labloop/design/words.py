"""What each kind of design sees, and what it cannot: one plain sentence each, said before anything is run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Kind", "sees"]


@dataclass(frozen=True)
class Kind:
    """A kind of design: what it sees, what it cannot see, and the model it is judged by if none is asked for."""

    sees: str
    blind: str
    model: str


KINDS: dict[str, Kind] = {
    "full-factorial": Kind(
        "All main effects and all interactions, none mixed up with another.",
        "With two levels a factor, curvature: whether the best lies in the middle.",
        "interactions",
    ),
    "fractional-factorial": Kind(
        "Main effects, and the interactions that the aliases leave apart.",
        "Effects in one alias chain: only their sum is measured. With two levels, curvature.",
        "main",
    ),
    "plackett-burman": Kind(
        "Main effects of many factors in few runs.",
        "Interactions: each is spread over the main effects of all other factors. Curvature.",
        "main",
    ),
    "definitive-screening": Kind(
        "Main effects, free of every interaction and every quadratic; a few strong ones of those as well.",
        "Many interactions at once: they are correlated with each other.",
        "main",
    ),
    "box-behnken": Kind(
        "Main effects, two-factor interactions and curvature, without any run in a corner.",
        "What happens in the corners: there the model only extrapolates.",
        "quadratic",
    ),
    "central-composite": Kind(
        "Main effects, two-factor interactions and curvature, and by its centre points the error.",
        "What is more bent than a parabola.",
        "quadratic",
    ),
    "latin-hypercube": Kind(
        "Every factor at as many values as there are runs; for models without a formula.",
        "Single effects, with errors as small as a factorial's; nothing is repeated, so the error stays unknown.",
        "main",
    ),
    "sobol": Kind(
        "The whole space evenly, and more points can follow; for models without a formula.",
        "Single effects, with errors as small as a factorial's; nothing is repeated, so the error stays unknown.",
        "main",
    ),
    "simplex-lattice": Kind(
        "Pure components and blends in equal steps; degree 2 sees how two components blend.",
        "With degree 2, blends of three or more: nothing is run inside.",
        "interactions",
    ),
    "simplex-centroid": Kind(
        "Pure components and equal blends of two, three and more.",
        "Unequal blends: the model fills them in.",
        "interactions",
    ),
    "d-optimal": Kind(
        "The stated model, with the smallest joint error of its coefficients, within every rule of the campaign.",
        "Whatever the stated model leaves out; add runs that test for it.",
        "interactions",
    ),
    "a-optimal": Kind(
        "The stated model, with the smallest mean error of its coefficients, within every rule of the campaign.",
        "Whatever the stated model leaves out; add runs that test for it.",
        "interactions",
    ),
    "i-optimal": Kind(
        "The stated model, with the smallest mean error of its predictions, within every rule of the campaign.",
        "Whatever the stated model leaves out; add runs that test for it.",
        "quadratic",
    ),
    "one-factor-at-a-time": Kind(
        "The effect of each factor while all others are at their low level, and only there.",
        "Any interaction. If a factor's effect depends on another factor, this design cannot know and its best point "
        "can be far from the best; a fraction with as many runs measures each effect from all runs, more precisely.",
        "main",
    ),
}


def sees(kind: str) -> tuple[str, str]:
    """Return what a kind sees, and what it cannot."""
    return KINDS[kind].sees, KINDS[kind].blind
