"""Where campaigns live: a folder with ``campaigns/`` in it, and a store."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from labloop.errors import Conflict, InvalidInput, LabloopError, NotFound, UsageError, did_you_mean, shown_path
from labloop.loop.campaigns import create, revise, spec_of
from labloop.spec.models import Spec, check_name
from labloop.spec.reader import read_spec
from labloop.store import CampaignRow, Store

__all__ = ["Workspace", "open_workspace"]

_FOLDER = "campaigns"
_DATABASE = "labloop.db"
_SUFFIXES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class Workspace:
    """A folder with ``campaigns/`` in it, and the store that its campaigns are kept in."""

    folder: Path
    store: Store
    notices: list[str] = field(default_factory=list, compare=False)
    """What is worth knowing about the files, beside any one command's answer."""

    @property
    def campaigns(self) -> Path:
        """The folder of the campaign files."""
        return self.folder / _FOLDER

    def file(self, name: str) -> Path:
        """Return where the file of a campaign is, or would be.

        Raises
        ------
        InvalidInput
            If no campaign can have that name.
        """
        try:
            return self.campaigns / f"{check_name(name)}.yaml"
        except ValueError as error:
            raise InvalidInput(
                f"{name!r} is not a campaign's name: {error}", hint="use a name such as hydrogel"
            ) from error

    def names(self) -> tuple[str, ...]:
        """Return the campaigns that have a file or stand in the store."""
        files = {path.stem for path in self.campaigns.glob("*.yaml")}
        stored: set[str] = set()
        if self.store.exists:
            with self.store.read() as snapshot:
                stored = {row.name for row in snapshot.campaigns()}
        return tuple(sorted(files | stored))

    def resolve(self, name: str | None) -> str:
        """Return the campaign that is meant; without a name, the only one there is.

        Raises
        ------
        NotFound
            If there is none of that name, or none at all.
        UsageError
            If no name is given and there are several.
        """
        if name is not None:
            name = name.removesuffix(".yaml").removesuffix(".yml")
            self.file(name)
        known = self.names()
        if name is None:
            if len(known) == 1:
                return known[0]
            if not known:
                raise NotFound(
                    f"no campaign in {self.campaigns}", hint="start one with: labloop init, or try: labloop demo"
                )
            raise UsageError(f"which campaign? There are {len(known)}: {', '.join(known)}", hint="name one of them")
        if name not in known:
            hint = did_you_mean(name, known) or "start one with: labloop init"
            raise NotFound(f"no campaign {name!r} in {self.campaigns}", hint=hint)
        return name

    def enrol(self, name: str, *, edited: bool = False) -> CampaignRow:
        """Return a campaign's row; a campaign that only has a file yet is taken into the store.

        ``edited`` allows a file that was edited since: the store's version holds, and `notices` says so. Results
        can always be recorded and looked at; only new proposals wait for ``labloop revise``.

        Raises
        ------
        InvalidSpec
            If the file is wrong.
        Conflict
            If the file was edited after the store took it in: a spec is changed by a new version only.
        """
        path = self.file(name)
        if self.store.exists:
            with self.store.read() as snapshot:
                row = snapshot.find(name)
            if row is not None and row.experiments == 0 and self.drifted(row):
                return self.revise(name, reason="edited before the first experiment")
            if row is not None:
                self._mind_drift(row, path, edited=edited)
                return row
        spec = self.read(name)
        return create(self.store, spec, source=source_of(path), file=path)

    def read(self, name: str) -> Spec:
        """Read a campaign's file.

        Raises
        ------
        InvalidSpec
            If it is wrong, or names another campaign.
        """
        path = self.file(name)
        spec = read_spec(path)
        if spec.name != name:
            raise InvalidInput(
                f"{shown_path(path)} says name: {spec.name}",
                hint=f"call the file {spec.name}.yaml, or write name: {name}",
            )
        return spec

    def revise(self, name: str, spec: Spec | None = None, *, reason: str) -> CampaignRow:
        """Take in a new version of a campaign's spec, from its file if not given.

        Raises
        ------
        InvalidSpec, InvalidInput
            If it is wrong, or cannot describe the experiments already run.
        Conflict
            If nothing changed.
        """
        path = self.file(name)
        if spec is None:
            return revise(self.store, self.read(name), reason=reason, source=source_of(path), file=path)
        return revise(self.store, spec, reason=reason)

    def drifted(self, row: CampaignRow) -> bool:
        """Whether a campaign's file says something else than the store's version of it."""
        path = self.file(row.name)
        if not path.exists() or source_of(path) == row.source:
            return False
        return self.read(row.name) != spec_of(row)

    def _mind_drift(self, row: CampaignRow, path: Path, *, edited: bool) -> None:
        fix = f"take the new version in with:  labloop revise {row.name} --reason '...'"
        try:
            drifted = self.drifted(row)
        except LabloopError as error:
            if not edited:
                raise
            self.notices.append(f"{shown_path(path)} is not in order ({error}); version {row.spec_version} holds.")
            return
        if not drifted:
            return
        if not edited:
            was = f"{shown_path(path)} was edited after version {row.spec_version} of {row.name} was taken in"
            raise Conflict(was, hint=fix)
        self.notices.append(f"{shown_path(path)} was edited; version {row.spec_version} holds until you {fix}")


def source_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_workspace(folder: str | Path | None = None, *, store: str | None = None) -> Workspace:
    """Find the workspace: the folder given, else the nearest one upwards that has ``campaigns/``.

    ``store`` is a SQLAlchemy URL or a SQLite file; without it the environment's ``LABLOOP_STORE``, else the
    workspace's own SQLite file ``campaigns/labloop.db``.
    """
    if folder is None:
        here = Path.cwd()
        folder = next((each for each in (here, *here.parents) if (each / _FOLDER).is_dir()), here)
    folder = Path(folder)
    url = store or os.environ.get("LABLOOP_STORE") or f"sqlite:///{(folder / _FOLDER / _DATABASE).absolute()}"
    if "://" not in url:
        if not Path(url).exists() and Path(url).suffix not in _SUFFIXES:
            raise UsageError(f"no store {url}", hint="to make a new one, give its file a name that ends in .db")
        url = f"sqlite:///{Path(url).absolute()}"
    return Workspace(folder, Store(url))
