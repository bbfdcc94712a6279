"""What every part of the library's face is: a campaign's name in a store, and nothing kept besides."""

from __future__ import annotations

from labloop.loop import look
from labloop.loop.workspace import Workspace
from labloop.spec.models import Spec

__all__ = ["Held"]


class Held:
    """One campaign of a store. Holds no state of its own: every call reads and writes the store."""

    def __init__(self, name: str, workspace: Workspace) -> None:
        self.name = name
        self._workspace = workspace
        self._store = workspace.store

    def __repr__(self) -> str:
        return f"<labloop campaign {self.name!r} in {self._store.where}>"

    @property
    def spec(self) -> Spec:
        """The present version of the spec."""
        return look.read_spec_of(self._store, self.name)
