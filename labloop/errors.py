"""Every error labloop raises on purpose, on one page.

The tree, with the process exit code that the CLI answers with::

    LabloopError
    ├── UsageError          2   the command line itself is wrong
    ├── InvalidInput        3   a value, row or file is wrong
    │   ├── InvalidSpec     3   the campaign file is wrong (carries every problem found)
    │   └── InvalidTable    3   a table is wrong (carries every problem found)
    ├── NotFound            4   no such campaign, experiment, file
    ├── Conflict            5   contradicts what is already written down
    ├── Busy                6   someone else holds the store
    ├── StorageError        7   the disk or the database refused
    ├── NothingToSuggest    8   no experiment is left to propose
    ├── IntegrityError      9   the ledger or a read model was altered
    ├── PlannerError       10   the planner failed and said why
    └── Stopped           130   the person stopped it (Ctrl-C, end of input)

A message names the thing, the value and what was expected; ``hint`` says how to put it right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

__all__ = [
    "Busy",
    "Conflict",
    "IntegrityError",
    "InvalidInput",
    "InvalidSpec",
    "InvalidTable",
    "LabloopError",
    "NotFound",
    "NothingToSuggest",
    "PlannerError",
    "Problem",
    "Stopped",
    "StorageError",
    "UsageError",
    "did_you_mean",
    "shown_path",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and how to put it right.

    ``path`` is a dotted path in a spec (``parameters.time.bounds``) or a column of a table; ``line`` is
    1-based in a text file, ``row`` is 1-based among the data rows of a table (the heading is row 0).
    """

    message: str
    path: str = ""
    hint: str = ""
    line: int | None = None
    row: int | None = None

    def __str__(self) -> str:
        place = []
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.path:
            place.append(self.path)
        where = ", ".join(place)
        return f"{where}: {self.message}" if where else self.message


class LabloopError(Exception):
    """The root of every error that labloop raises on purpose."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", field: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        self.row = row


class UsageError(LabloopError):
    """The command line is wrong."""

    code = "usage"
    exit_code = 2


class InvalidInput(LabloopError):
    """A value, a row or a file is wrong; nothing was written."""

    code = "invalid-input"
    exit_code = 3


class _ManyProblems(InvalidInput):
    """An input error that lists everything found at once, so that one round of fixing is enough."""

    def __init__(self, source: str, problems: Iterable[Problem], *, hint: str = "") -> None:
        self.source = source
        self.problems = tuple(problems)
        first = self.problems[0]
        lines = [f"{source}: {problem}" for problem in self.problems]
        super().__init__("\n".join(lines), hint=hint or first.hint, field=first.path or None, row=first.row)


class InvalidSpec(_ManyProblems):
    """The campaign file is wrong; ``problems`` lists all that was found."""

    code = "invalid-spec"


class InvalidTable(_ManyProblems):
    """A table (CSV, XLSX, DataFrame) is wrong; ``problems`` lists all that was found."""

    code = "invalid-table"


class NotFound(LabloopError):
    """No such campaign, experiment, file."""

    code = "not-found"
    exit_code = 4


class Conflict(LabloopError):
    """What was asked contradicts what is already written down."""

    code = "conflict"
    exit_code = 5


class Busy(LabloopError):
    """Another process holds the store; trying again later may succeed."""

    code = "busy"
    exit_code = 6


class StorageError(LabloopError):
    """The disk or the database refused; what was acknowledged before is intact."""

    code = "storage"
    exit_code = 7


class NothingToSuggest(LabloopError):
    """Every feasible experiment has been proposed or run, or the budget is spent."""

    code = "nothing-to-suggest"
    exit_code = 8


class IntegrityError(LabloopError):
    """The ledger's chain is broken, or a read model does not follow from it."""

    code = "integrity"
    exit_code = 9


class PlannerError(LabloopError):
    """The planner could not do what was asked and there was no honest way round it."""

    code = "planner"
    exit_code = 10


class Stopped(LabloopError):
    """A person stopped the command; everything recorded before is kept."""

    code = "stopped"
    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known word, or lists what is known."""
    words = [str(word) for word in known]
    folded = {word.casefold(): word for word in words}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    if not words:
        return ""
    shown = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
    return f"known: {shown}"


def shown_path(path: Path) -> str:
    """Return a path as messages show it: relative where it lies in the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
