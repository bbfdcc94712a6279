"""Can anything be run at all? Names the constraints that contradict each other."""

from __future__ import annotations

from labloop.spec.models import Spec

__all__ = ["check_feasible"]


def check_feasible(spec: Spec) -> None:
    """Raise InvalidSpec where no experiment satisfies the spec."""
    from labloop.space.grid import Grid

    Grid(spec)
