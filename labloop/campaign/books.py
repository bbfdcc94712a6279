"""The library's face, the books: the ledger, its checks and copies, and what leaves the store."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from labloop.campaign.base import Held
from labloop.errors import InvalidInput
from labloop.exchange.foreign import Layout
from labloop.exchange.frames import history_frame
from labloop.loop import look
from labloop.loop.dossier import NO_LICENSE, write_dossier
from labloop.loop.heads import stamp_of
from labloop.loop.lookup import experiment_number
from labloop.loop.replay import Replayed, replay
from labloop.loop.sheets import keep_stamp, refuse_existing, write_experiments, write_foreign
from labloop.loop.upkeep import Kept, backup, rebuilt
from labloop.store.heads import head_of

__all__ = ["Booked"]


class Booked(Held):
    """What a campaign has written down."""

    def history(self) -> pd.DataFrame:
        """Return the ledger: one row an entry."""
        found = look.history(self._store, self.name)
        return history_frame(found.entries, found.undone)

    @property
    def head(self) -> str:
        """The ledger's last entry as ``NUMBER:HASH``; kept elsewhere, it shows later whether the end was cut off."""
        return str(head_of(look.status(self._store, self.name).row))

    def verify(self, *, against: str | Path | None = None) -> tuple[str, ...]:
        """Check the ledger's chain and all that follows from it; return what is wrong, nothing if all is well.

        ``against`` is a `head` that was kept elsewhere.
        """
        return tuple(str(problem) for problem in look.verify(self._store, self.name, against=against)[1])

    def rebuild(self) -> None:
        """Write all that follows from the ledger anew.

        Raises
        ------
        IntegrityError
            If the ledger's chain is broken.
        """
        rebuilt(self._store, self.name)

    def backup(self, path: str | Path, *, force: bool = False) -> Kept:
        """Copy the whole store to a .db (SQLite only) or .jsonl file, check the copy, write its heads beside it.

        `labloop.loop.upkeep.restore` takes it back into an empty store.

        Raises
        ------
        Conflict
            If the file exists and ``force`` is not given.
        """
        return backup(self._store, Path(path), force=force)

    def replay(self, experiment: int | str | None = None) -> tuple[Replayed, ...]:
        """Derive all proposals again, or the one that an experiment came from, from the ledger as it stood then.

        Raises
        ------
        NotFound
            If there is no such experiment, or the planner did not propose it.
        """
        number = None if experiment is None else experiment_number(self.name, experiment)
        return replay(self._store, self.name, number=number)

    def dossier(self, path: str | Path, *, license: str = NO_LICENSE, force: bool = False) -> Path:
        """Write the campaign as a folder, or as an archive if the path ends in .zip, for a paper's supplement.

        Raises
        ------
        Conflict
            If the path exists and ``force`` is not given.
        IntegrityError
            If the ledger's chain is broken.
        """
        path = Path(path)
        write_dossier(self._store, self.name, path, license=license, force=force)
        return path

    def export(self, path: str | Path, *, layout: Layout | None = None, force: bool = False) -> Path:
        """Write all experiments to a CSV, XLSX or JSON file, or all candidates to a CSV as NIMO or EDBO+ reads it.

        A workbook carries the head of the ledger; a plain table has it beside it, in ``FILE.heads.json``.

        Raises
        ------
        InvalidInput
            If the file exists and ``force`` is not given, or its ending is none of these.
        """
        path, stamp = Path(path), stamp_of(self._store, self.name)
        if layout is not None:
            refuse_existing(path, force=force)
            write_foreign(path, self._store, self.name, layout)
            keep_stamp(path, stamp)
            return path
        if path.suffix.lower() not in (".csv", ".xlsx", ".json"):
            raise InvalidInput(f"{path.name} ends in {path.suffix!r}", hint="expected .csv, .xlsx or .json")
        experiments = look.experiments(self._store, self.name)
        write_experiments(path, self.spec, experiments, force=force, stamp=stamp)
        keep_stamp(path, stamp)
        return path
