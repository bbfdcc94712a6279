"""What may be asked of a design, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labloop.design.blocks import Confounding
from labloop.design.order import Layout
from labloop.design.power import Power, PowerCurve
from labloop.design.quality import Quality
from labloop.records import Conditions, Value

__all__ = ["Advice", "Design", "Option", "Request", "Run"]


@dataclass(frozen=True)
class Request:
    """A design that is asked for; what is None or empty is decided by the kind.

    Attributes
    ----------
    kind, goal : one of `labloop.design.words.KINDS`, or a goal for which one is chosen.
    runs : how many in one replicate, for a goal in all; what a classical kind has if None.
    model : ``main``, ``interactions`` or ``quadratic``: what an optimal design is made for and any is judged by.
    factors, hold : what varies, and where the rest is held (see `labloop.design.region.region_of`).
    generators, levels, form, alpha, degree : settings of single kinds.
    centres, replicates : further centre points (what box-behnken and central-composite have instead of their own);
        how often the design without them is run.
    repair : move runs that break a rule to the nearest that do not.
    augment : count what was run already.
    effect, noise : a change of the outcome that matters, and the standard deviation of one measurement.
    layout, block_name : blocks, whole plots, controls, run order; what a block is (``day``).
    control : conditions of the controls; what is not named is in the middle.
    """

    kind: str | None = None
    goal: str | None = None
    runs: int | None = None
    model: str | None = None
    factors: tuple[str, ...] = ()
    hold: Mapping[str, Value] = field(default_factory=dict)
    generators: tuple[str, ...] = ()
    levels: int | None = None
    form: str = "faced"
    alpha: float | None = None
    degree: int = 2
    centres: int | None = None
    replicates: int = 1
    repair: bool = False
    augment: bool = False
    effect: float | None = None
    noise: float | None = None
    layout: Layout = field(default_factory=Layout)
    block_name: str = "block"
    control: Mapping[str, Value] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Return what was asked for as JSON values, defaults left out."""
        plain = Request()
        names = [each for each in self.__dataclass_fields__ if each != "layout"]
        found = {name: getattr(self, name) for name in names if getattr(self, name) != getattr(plain, name)}
        for name in Layout.__dataclass_fields__:
            if getattr(self.layout, name) != getattr(plain.layout, name):
                found[name] = getattr(self.layout, name)
        return {
            k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v for k, v in found.items()
        }


@dataclass(frozen=True)
class Option:
    """A design that was thought of: whether it serves, and the sentence that says why or why not."""

    kind: str
    runs: int
    serves: bool
    says: str


@dataclass(frozen=True)
class Advice:
    """Which design serves a goal, why, and what else was thought of."""

    goal: str
    chosen: Request
    why: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Run:
    """One line of a run sheet.

    Attributes
    ----------
    order : its number in the design as the textbook prints it; None for a control.
    point : ``design``, ``centre`` or ``control``.
    block, plot : from 1; plot is None where nothing is hard to change.
    """

    conditions: Conditions
    order: int | None
    point: str
    block: int
    plot: int | None


@dataclass(frozen=True)
class Design:
    """A designed experiment, in the order to be run, with all that is known about it beforehand.

    Attributes
    ----------
    kind, model, seed : what it is, the model it is judged by, and what chance followed from.
    settings : what was asked for and how it was made, in JSON values: enough to make it again.
    runs : lines of the run sheet.
    powers, curves : the chance to see the stated effect, and one of any other size.
    factors : the letters of a regular fraction and the parameters they stand for.
    words, aliases : its defining relation and its alias chains, in letters.
    sees, blind : what it sees and what it cannot, in words.
    notes : what was rounded, held, moved, confounded.
    """

    kind: str
    model: str
    seed: int
    settings: Mapping[str, Any]
    runs: tuple[Run, ...]
    quality: Quality
    powers: tuple[Power, ...] = ()
    curves: tuple[PowerCurve, ...] = ()
    confounded: tuple[Confounding, ...] = ()
    factors: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    aliases: tuple[tuple[str, ...], ...] = ()
    sees: str = ""
    blind: str = ""
    notes: tuple[str, ...] = ()
    advice: Advice | None = None
    block_name: str = "block"
