"""Shows that something is going on, on standard error and only where a person looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labloop.cli.answer import console

__all__ = ["counting", "going_along", "working"]

_EVERY = 30.0
# Entries that are done with in the twinkling of an eye.
_SHORT = 20_000


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Show a spinner while the block runs; it is given what stops it, to ask something in between."""
    to = console(stderr=True)
    if quiet or not to.is_terminal:
        yield lambda: None
        return
    with to.status(f"{what} ...") as spinner:
        yield spinner.stop


@contextmanager
def going_along(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of a long ledger is done, then take it away; nothing for a short one, or where nobody looks."""
    to = console(stderr=True)
    if quiet or not to.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=to, transient=True) as progress:
        task = progress.add_task(what, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=total > _SHORT)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much is done and how long the rest takes; in a log file, one line every half minute."""
    to = console(stderr=True)
    if not to.is_terminal:
        yield _Log(what)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=to) as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _Log:
    """Writes a line now and then: done, in all, minutes left at the pace so far."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._said = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now - self._said < _EVERY and done < total:
            return
        self._said = now
        fresh = done - self._first
        left = f", {(now - self._began) / fresh * (total - done) / 60:.1f} min left" if fresh and done < total else ""
        console(stderr=True).print(f"{done} of {total} {self._what}{left}")
