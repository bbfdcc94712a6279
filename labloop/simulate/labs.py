"""The simulated labs by name.

======================= =======================================================================
``hydrogel``            a laboratory; also ``reaction``, ``ferment``, ``snar``, ``enzyme``, ``colours``
``hartmann6``           a test function; also ``branin``, ``ackley``, ``levy``
``ackley5``, ``shekel`` one of BoTorch's (`labloop.simulate.synthetic`), the number being its dimension
``zdt1``                one of BoTorch's with several objectives (`labloop.simulate.fronts`)
``dtlz2:objectives=3``  the same with another size
``hills4``              a deceptive landscape (`labloop.simulate.deceptive`), likewise
``hills4:width=0.08``   the same with its settings changed
``hartmann6:idle=14``   any of these with 14 more numbers that do nothing, as when factors are screened
======================= =======================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from labloop.errors import InvalidInput, NotFound, did_you_mean
from labloop.simulate.functions import FUNCTIONS
from labloop.simulate.functions import make as make_function
from labloop.simulate.lab import Lab, idling

__all__ = ["lab", "labs"]

# Imported when asked for: the fermentation needs scipy's integrators, which take their time to load.
_MODULES = {
    "hydrogel": "labloop.simulate.hydrogel",
    "reaction": "labloop.simulate.reaction",
    "ferment": "labloop.simulate.ferment",
    "snar": "labloop.simulate.snar",
    "enzyme": "labloop.simulate.enzyme",
    "colours": "labloop.simulate.colours",
}
_MOST_IDLE = 500
DECEPTIVE = ("hills", "outlier", "needle", "crossed")


def labs() -> tuple[str, ...]:
    """Return the names of the labs that need no number: laboratories first, then test functions."""
    return (*_MODULES, *FUNCTIONS)


def lab(name: str) -> Lab:
    """Return a simulated lab; see the head of this module for how labs are named.

    Raises
    ------
    NotFound
        If there is no lab of that name.
    InvalidInput
        If a setting behind the name is unknown or cannot be.
    """
    base, _, rest = name.partition(":")
    settings = _settings(name, rest)
    idle = settings.pop("idle", "")
    place = _plain(name, base, settings)
    return idling(place, _count(name, idle), name=name) if idle else place


def _plain(name: str, base: str, settings: Mapping[str, str]) -> Lab:
    kind, digits = _split(base)
    if kind in DECEPTIVE:
        from labloop.simulate import deceptive

        if digits:
            settings = {"dim": digits, **settings}
        return deceptive.make(kind, deceptive.shaped(kind, settings), name=name)
    if base not in FUNCTIONS and base not in _MODULES:
        return _of_botorch(base, settings)
    _refuse(base, settings)
    return make_function(base) if base in FUNCTIONS else cast(Lab, import_module(_MODULES[base]).make())


def _refuse(name: str, settings: Mapping[str, str]) -> None:
    if settings:
        said = ", ".join(f"{key}={value}" for key, value in settings.items())
        raise InvalidInput(
            f"the lab {name!r} has no settings, got {said}",
            hint=f"settings are for {', '.join(DECEPTIVE)}, dtlz1, zdt1; idle=14 is for all",
        )


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_IDLE:
        raise InvalidInput(
            f"idle={text} in the lab {name!r} is no number of columns, expected 1 to {_MOST_IDLE}",
            hint="write hartmann6:idle=14",
        )
    return int(text)


def _of_botorch(name: str, settings: Mapping[str, str]) -> Lab:
    # torch takes seconds to import: only for a name that looks like one of its functions.
    from labloop.simulate import fronts, synthetic

    if name in fronts.FRONTS:
        return fronts.make(name, settings)
    if synthetic.dimension_of(name) is not None:
        _refuse(name, settings)
        return synthetic.make(name)
    kind, digits = _split(name)
    if kind in synthetic.FAMILIES and digits:
        known = synthetic.FAMILIES[kind].dims
        shown = ", ".join(map(str, known)) if len(known) < 8 else f"{known[0]} to {known[-1]}"
        raise NotFound(f"no simulated lab {name!r}", hint=f"{kind} exists in {shown} dimensions")
    hint = did_you_mean(name, (*labs(), *DECEPTIVE, *synthetic.FAMILIES, *fronts.FRONTS))
    raise NotFound(f"no simulated lab {name!r}", hint=hint)


def _split(name: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\D*)(\d*)", name)
    return (found[1], found[2]) if found else (name, "")


def _settings(name: str, text: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InvalidInput(f"{part!r} in the lab {name!r} is not a setting", hint="write hills4:width=0.1,height=3")
        settings[key.strip()] = value.strip()
    return settings
