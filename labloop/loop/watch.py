"""Take in what instruments and people drop into a folder.

A file is taken when it is whole: its size and time of change stayed the same for ``settle`` seconds, or a sentinel
``NAME.done`` stands beside it. (Writers that rename a finished file into the folder only have it wait.) It is first
moved to ``taking/``, so that nobody writes to what is being read; then read, recorded all or nothing, and moved
to ``done/``, or to ``rejected/`` with ``NAME.errors.txt`` beside it. A process that dies in between leaves it in
``taking/``, and the next one begins there: what was recorded already is skipped, so a file taken or dropped twice
changes nothing.

A table whose column ``experiment`` names experiments of this campaign is recorded; any other is imported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labloop.errors import Busy, Conflict, InvalidInput, LabloopError, NotFound, StorageError, _ManyProblems
from labloop.loop.handin import hand_in, import_rows
from labloop.loop.record import Recorded
from labloop.store import Store
from labloop.tabular import Table, read_table

__all__ = ["Taken", "Watch"]

_ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".json")
_SENTINEL = ".done"
_ERRORS = ".errors.txt"
_TAKING, _DONE, _REJECTED = "taking", "done", "rejected"

Look = tuple[int, int]
"""Size and time of change in nanoseconds."""


@dataclass(frozen=True)
class Taken:
    """What became of one file: where it lies now, and what was recorded or why not."""

    file: Path
    recorded: Recorded | None
    error: LabloopError | None = None


@dataclass
class Watch:
    """A folder under watch; remembers when each file was last seen to change.

    ``clock`` tells seconds that only go forward.
    """

    store: Store
    campaign: str
    folder: Path
    settle: float = 2.0
    outside: bool = False
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Look, float]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the folders that files are moved to.

        Raises
        ------
        NotFound
            If there is no such folder.
        StorageError
            If they cannot be made.
        """
        if not self.folder.is_dir():
            raise NotFound(f"no folder {self.folder}", hint="make it, or name another")
        try:
            for name in (_TAKING, _DONE, _REJECTED):
                (self.folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be written to: {error.strerror}", hint="check it") from error

    def look(self) -> Iterator[Taken]:
        """Take every file that is whole by now, those left over from a process that died first.

        Raises
        ------
        StorageError
            If the store or the folder refuses: nothing is lost, what was begun is taken up again.
        """
        try:
            for path in sorted((self.folder / _TAKING).iterdir()):
                if path.is_file():
                    yield from self._take(path)
            for path in self._whole():
                moved = self.folder / _TAKING / path.name
                if moved.exists():
                    continue  # its namesake is still being taken
                path.replace(moved)
                self._seen.pop(path.name, None)
                yield from self._take(moved)
        except OSError as error:
            raise StorageError(f"{self.folder}: {error.strerror or error}", hint="check the folder") from error

    @property
    def waiting(self) -> int:
        """How many files are there that were not taken yet."""
        return len(self._seen)

    def _whole(self) -> list[Path]:
        now = self.clock()
        present = {path.name: path for path in sorted(self.folder.iterdir()) if _is_table(path)}
        self._seen = {name: seen for name, seen in self._seen.items() if name in present}
        whole = []
        for name, path in present.items():
            status = path.stat()
            look = (status.st_size, status.st_mtime_ns)
            before, since = self._seen.get(name, (None, now))
            if before != look:
                since = now
            self._seen[name] = (look, since)
            if now - since >= self.settle or _sentinel(path).exists():
                whole.append(path)
        return whole

    def _take(self, path: Path) -> Iterator[Taken]:
        recorded, refused = None, None
        try:
            recorded = self._record(path)
        except Busy:
            return  # somebody else holds the store: it stays in taking/, and is taken at the next look
        except (InvalidInput, NotFound, Conflict) as error:
            refused = error
        target = _free(self.folder / (_REJECTED if refused else _DONE) / path.name)
        if refused is not None:
            (target.parent / f"{target.name}{_ERRORS}").write_text(_report(refused), encoding="utf-8")
        path.replace(target)
        _sentinel(self.folder / path.name).unlink(missing_ok=True)
        yield Taken(target, recorded, refused)

    def _record(self, path: Path) -> Recorded:
        table = read_table(path)
        take = hand_in if _is_ours(table, self.campaign) else import_rows
        return take(self.store, self.campaign, table, outside=self.outside)


def _is_table(path: Path) -> bool:
    """Whether a file may be a table: not hidden, not a spreadsheet's lock, no link, of an ending that is read."""
    name = path.name
    kept = name.endswith(".heads.json")  # what an export leaves beside its table
    return (
        not kept
        and path.suffix.lower() in _ENDINGS
        and name[0] not in ".~"
        and path.is_file()
        and not path.is_symlink()
    )


def _sentinel(path: Path) -> Path:
    return path.with_name(path.name + _SENTINEL)


def _is_ours(table: Table, campaign: str) -> bool:
    heading = next((each for each in table.headings if each.casefold() == "experiment"), None)
    named = [text for cell in table.column(heading) if (text := table.text(cell))] if heading else []
    return bool(named) and all(text.startswith(f"{campaign}#") for text in named)


def _free(path: Path) -> Path:
    """Return the path, numbered where a file of that name was taken before."""
    found, count = path, 1
    while found.exists():
        count += 1
        found = path.with_name(f"{path.stem}-{count}{path.suffix}")
    return found


def _report(error: LabloopError) -> str:
    lines = [f"Nothing of this file was recorded: {error.code}", ""]
    if isinstance(error, _ManyProblems):
        for problem in error.problems:
            lines += [str(problem), *([f"  fix: {problem.hint}"] if problem.hint else [])]
    else:
        lines += [error.message, *([f"  fix: {error.hint}"] if error.hint else [])]
    return "\n".join([*lines, "", "Correct the file and drop it again."]) + "\n"
