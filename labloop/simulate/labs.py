"""The simulated labs by name."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from labloop.errors import NotFound, did_you_mean
from labloop.simulate.functions import FUNCTIONS
from labloop.simulate.functions import make as make_function
from labloop.simulate.lab import Lab

__all__ = ["lab", "labs"]

# Imported when asked for: the fermentation needs scipy's integrators, which take their time to load.
_MODULES = {
    "hydrogel": "labloop.simulate.hydrogel",
    "reaction": "labloop.simulate.reaction",
    "ferment": "labloop.simulate.ferment",
}


def labs() -> tuple[str, ...]:
    """Return the names of all simulated labs: laboratories first, then test functions."""
    return (*_MODULES, *FUNCTIONS)


def lab(name: str) -> Lab:
    """Return a simulated lab.

    Raises
    ------
    NotFound
        If there is no lab of that name.
    """
    if name in FUNCTIONS:
        return make_function(name)
    if name not in _MODULES:
        raise NotFound(f"no simulated lab {name!r}", hint=did_you_mean(name, labs()))
    return cast(Lab, import_module(_MODULES[name]).make())
