"""What a slot of a custom portfolio may ask for: acquisition functions by name, with their settings and sources.

    planner: {strategy: custom, slots: [qLogNEI, qLogNEI, "UCB:beta=4", maximin]}

The slots are taken in turn, counted along the campaign. A name with dots in it is the import path of a function of
one's own (`labloop.planner.named` says what it is given and what it returns).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from labloop.errors import did_you_mean

__all__ = ["ALIASES", "SLOTS", "Slot", "SlotKind", "parse_slot", "split_slots"]

_BETWEEN = re.compile(r"\+(?=[A-Za-z_ ])")
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class SlotKind:
    """One acquisition function: what it looks for, where it comes from, its settings with their defaults.

    A default of None: there is a rule instead (said in ``says``), or the setting must be given.
    """

    says: str
    source: str
    settings: Mapping[str, float | None] = field(default_factory=dict)
    objectives: str = ""
    """What it is only for: ``one`` maximised or minimised objective, or ``several`` objectives."""


_ONE, _SEVERAL = "one", "several"
SLOTS: Mapping[str, SlotKind] = {
    "qLogNEI": SlotKind("noisy log expected improvement, in closed form", "Ament et al. 2023, eq. 10"),
    "qLogEI": SlotKind("log expected improvement on the best predicted value", "Ament et al. 2023, eq. 9"),
    "UCB": SlotKind(
        "upper confidence bound; beta = 0.2 d log(2 t) unless given",
        "Srinivas et al. 2010; Kandasamy, Schneider & Poczos 2015",
        {"beta": None},
    ),
    "TS": SlotKind("the maximum of one pathwise posterior draw (Thompson sampling)", "Wilson et al. 2020"),
    "MES": SlotKind(
        "information about the largest value (GIBBON)", "Wang & Jegelka 2017; Moss et al. 2021", objectives=_ONE
    ),
    "JES": SlotKind(
        "information about the best conditions and their value", "Hvarfner, Hutter & Nardi 2022", objectives=_ONE
    ),
    "PI": SlotKind("probability to beat the best predicted value by a margin", "Kushner 1964", {"margin": 0.0}),
    "mean": SlotKind("the largest predicted value", "pure exploitation"),
    "PSTD": SlotKind("the largest standard deviation", "MacKay 1992, uncertainty sampling", objectives=_ONE),
    "qNIPV": SlotKind("the largest reduction of the variance everywhere, in closed form", "Seo et al. 2000, eq. 8"),
    "straddle": SlotKind(
        "where it is least clear on which side of a threshold the outcome lies",
        "Bryan et al. 2005",
        {"threshold": None, "kappa": 1.96},
    ),
    "maximin": SlotKind("far from everything known, model or no model", "Johnson, Moore & Ylvisaker 1990"),
    "UCB-PE": SlotKind(
        "the upper confidence bound first, then the largest sd where the best may still be",
        "Contal et al. 2013",
        {"beta": 3.24},
        objectives=_ONE,
    ),
    "qLogNEHVI": SlotKind(
        "noisy log expected hypervolume improvement",
        "Daulton, Balandat & Bakshy 2021; Ament et al. 2023",
        objectives=_SEVERAL,
    ),
    "qLogNParEGO": SlotKind(
        "noisy log expected improvement of a random Chebyshev scalarisation",
        "Knowles 2006; Daulton et al. 2020",
        objectives=_SEVERAL,
    ),
}
"""By name; case does not matter."""
ALIASES = {"improve": "qLogNEI", "climb": "mean", "novelty": "maximin", "learn": "qNIPV"}
"""The names by which the strategies' own slots go."""


@dataclass(frozen=True)
class Slot:
    """A parsed slot: the name in `SLOTS` or an import path, the settings that were given, and the text itself."""

    name: str
    settings: Mapping[str, float]
    text: str

    @property
    def own(self) -> bool:
        """A function of the user's."""
        return "." in self.name


def parse_slot(text: str) -> Slot:
    """Read ``name`` or ``name:setting=number,...``.

    Raises
    ------
    ValueError
        If there is no such function or setting, or a setting is not a number; the message says what there is.
    """
    name, _, rest = text.strip().partition(":")
    settings = dict(_setting(part, text) for part in rest.split(",")) if rest else {}
    if _PATH.fullmatch(name):
        return Slot(name, settings, text.strip())
    known = {each.casefold(): each for each in SLOTS} | ALIASES
    found = known.get(name.casefold())
    if found is None:
        raise ValueError(f"no acquisition function {name!r}; {did_you_mean(name, [*SLOTS, *ALIASES])}")
    wrong = [each for each in settings if each not in SLOTS[found].settings]
    if wrong:
        takes = ", ".join(SLOTS[found].settings) or "no settings"
        raise ValueError(f"{found} has no setting {wrong[0]!r}; it takes {takes}")
    if found == "straddle" and "threshold" not in settings:
        raise ValueError("straddle needs a threshold, for instance straddle:threshold=30")
    return Slot(found, settings, text.strip())


def split_slots(text: str) -> tuple[str, ...]:
    """Split ``qLogNEI+UCB:beta=4`` into its slots, each checked.

    Raises
    ------
    ValueError
        If one of them cannot be read.
    """
    return tuple(parse_slot(part).text for part in _BETWEEN.split(text))


def _setting(part: str, text: str) -> tuple[str, float]:
    name, equals, value = part.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        said = f"{value.strip()!r} is not a number" if equals else f"{part.strip()!r} is not setting=number"
        raise ValueError(f"in {text!r} {said}; write for instance UCB:beta=4") from None
