"""Spec -> unit cube and back, exactly; feasible sampling."""

from labloop.space.check import check_feasible
from labloop.space.space import Column, Space

__all__ = ["Column", "Space", "check_feasible"]
