"""Shows that something is going on, on standard error and only where a person looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labloop.cli.answer import console

__all__ = ["working"]


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show a spinner while the block runs."""
    to = console(stderr=True)
    if not to.is_terminal:
        yield
        return
    with to.status(f"{what} ..."):
        yield
