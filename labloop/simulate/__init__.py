"""Simulated laboratories: something to play a campaign on whose answer is known, and studies of many campaigns."""

from typing import TYPE_CHECKING, Any

from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab, labs
from labloop.simulate.lookup import lookup_lab

if TYPE_CHECKING:
    from labloop.simulate.driver import Driver
    from labloop.simulate.study import Study

__all__ = ["Driver", "Lab", "Study", "lab", "labs", "lookup_lab"]

_LATER = {"Driver": "labloop.simulate.driver", "Study": "labloop.simulate.study"}


def __getattr__(name: str) -> Any:
    # A study brings the loop and the store along, which somebody who only wants a lab need not wait for.
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
