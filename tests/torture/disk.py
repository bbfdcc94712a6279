"""A disk that forgets what was not synced, and one that kills whoever writes to it: two VFS for SQLite, by apsw.

The real store's statements are recorded once (`recorded`) and run again on these disks. What a power cut leaves is
worked out so: of every write since the file's last sync each sector of 512 bytes is there or not, by chance; of the
names that were made and removed since the last sync of anything, the first few, as a journalling file system
promises. A sync keeps what was written to the file, and all names.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
from sqlalchemy import event

from labloop.loop.campaigns import create
from labloop.loop.claim import claim
from labloop.loop.correct import amend, undo
from labloop.store import Store
from tests.torture import bench

__all__ = ["Disk", "PowerCut", "Story", "count_writes", "killed_at", "recorded"]

_SECTOR = 512


class PowerCut(Exception):
    """The power went."""


@dataclass(frozen=True)
class Story:
    """The statements of every transaction that wrote, in order; all before ``begins`` lay the store out."""

    transactions: tuple[tuple[str, ...], ...]
    begins: int


def recorded(folder: Path) -> Story:
    """Let the real store work on a real file, and keep the statements that it sends."""
    said: list[str] = []
    store = Store(f"sqlite:///{folder / 'story.db'}")
    event.listen(store._engine, "connect", lambda connection, _: connection.set_trace_callback(said.append))
    with store.read():
        pass
    begins = len(_written(said))
    create(store, bench.spec())
    for _ in range(3):
        batch = bench.propose(store, 2)
        bench.measure(store, *(each.number for each in batch.experiments))
    amend(store, "kill", 2, reason="typed wrong", outcomes={"y": 4.0})
    undo(store, "kill", reason="it was right")
    bench.propose(store, 1, key="once")
    claim(store, "kill", claimant="robot", lease=timedelta(hours=1))
    return Story(_written(said), begins)


def _written(said: list[str]) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    inside: list[str] | None = None
    for statement in said:
        first = statement.lstrip().partition(" ")[0].upper()
        if statement.startswith("BEGIN IMMEDIATE"):
            inside = []
        elif first == "COMMIT" and inside is not None:
            found.append(tuple(inside))
            inside = None
        elif inside is not None and first in ("INSERT", "UPDATE", "DELETE", "CREATE") and statement not in inside:
            # A statement that runs a trigger is told twice.
            inside.append(statement)
    return tuple(each for each in found if each)


def play(story: Story, connection: apsw.Connection, settings: tuple[str, str], acknowledged: Any) -> None:
    """Run a story; calls ``acknowledged`` after every commit."""
    journal, synchronous = settings
    # One connection only, so that WAL needs no shared memory.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE" if journal == "WAL" else "PRAGMA locking_mode = NORMAL")
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA temp_store = MEMORY")
    for number, statements in enumerate(story.transactions, 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        acknowledged(number)


@dataclass(eq=False)
class _Content:
    """What a file holds for whoever reads it, what of it is on the disk, and what is on its way there."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes | None, *, lasts: bool) -> None:
        _apply(self.live, offset, data)
        if lasts:
            self.waiting.append((offset, data))

    def sync(self) -> None:
        self.durable, self.waiting = bytearray(self.live), []

    def after_cut(self, chance: random.Random) -> bytes:
        left = bytearray(self.durable)
        for offset, data in self.waiting:
            if data is None:
                if chance.random() < 0.5:
                    _apply(left, offset, None)
                continue
            for start in range(0, len(data), _SECTOR):
                if chance.random() < 0.5:
                    _apply(left, offset + start, data[start : start + _SECTOR])
        return bytes(left)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """A disk in memory on which the power goes at the n-th write, truncation, sync or removal."""

    def __init__(self, cut_at: int | None, chance: random.Random) -> None:
        self._name = f"power-{id(self)}"
        super().__init__(self._name, "")
        self.names: dict[str, _Content] = {}
        self.directories: list[dict[str, _Content]] = [{}]  # as on the disk, then after each change since
        self.done, self.cut_at, self.chance = 0, cut_at, chance
        self.dead = False

    def play(self, story: Story, settings: tuple[str, str]) -> int:
        """Run a story until the power goes; return how many transactions were acknowledged."""
        commits = 0

        def acknowledged(number: int) -> None:
            nonlocal commits
            if self.dead:
                raise PowerCut
            commits = number

        connection = apsw.Connection("/labloop.db", vfs=self._name)
        with suppress(PowerCut):
            play(story, connection, settings, acknowledged)
        self.dead = True
        connection.close()
        return commits

    def after_cut(self, folder: Path) -> None:
        """Write what the power cut left into a folder."""
        for name, content in self.directories[self.chance.randrange(len(self.directories))].items():
            (folder / Path(name).name).write_bytes(content.after_cut(self.chance))

    def step(self) -> bool:
        """Count one change; from the chosen one on nothing reaches the disk, though SQLite cannot know it yet."""
        self.done += not self.dead
        self.dead = self.dead or self.done == self.cut_at
        return not self.dead

    def synced(self) -> None:
        self.directories = [dict(self.names)]

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if path not in self.names:
            self.names[path] = _Content()
            if self.step():
                self.directories.append(dict(self.names))
        flags[1] = flags[0]
        return _File(self, self.names[path])

    def xDelete(self, filename: str, syncdir: bool) -> None:
        del self.names[filename]
        if self.step():
            self.directories.append(dict(self.names))
            if syncdir:
                self.synced()

    def xAccess(self, pathname: str, _flags: int) -> bool:
        return pathname in self.names

    def xFullPathname(self, name: str) -> str:
        return name


class _File:
    """An open file of a `Disk`; one connection only, so locks are always given."""

    def __init__(self, disk: Disk, content: _Content) -> None:
        self._disk, self._content = disk, content

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._content.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._content.write(offset, bytes(data), lasts=self._disk.step())

    def xTruncate(self, size: int) -> None:
        self._content.write(size, None, lasts=self._disk.step())

    def xSync(self, _flags: int) -> None:
        if self._disk.step():
            self._content.sync()
            self._disk.synced()

    def xFileSize(self) -> int:
        return len(self._content.live)

    def xClose(self) -> None: ...

    def xLock(self, _level: int) -> None: ...

    def xUnlock(self, _level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, _op: int, _ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return _SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0


class _Killer(apsw.VFS):
    """The real disk, but whoever writes to it for the n-th time is killed; without a number it only counts."""

    def __init__(self, kill_at: int | None) -> None:
        self._name = f"killer-{id(self)}"
        super().__init__(self._name, "")
        self.done, self.kill_at = 0, kill_at

    @property
    def name(self) -> str:
        return self._name

    def step(self) -> None:
        self.done += 1
        if self.done == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _Deadly(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.step()
        super().xDelete(filename, syncdir)


class _Deadly(apsw.VFSFile):
    def __init__(self, vfs: _Killer, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:
        self._vfs.step()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._vfs.step()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._vfs.step()
        super().xSync(flags)


def count_writes(story: Story, path: Path, settings: tuple[str, str]) -> int:
    """Return how many times a story writes, truncates, syncs and removes."""
    vfs = _Killer(None)
    connection = apsw.Connection(str(path), vfs=vfs.name)
    play(story, connection, settings, lambda _: None)
    connection.close()
    return vfs.done


def killed_at(call: int, story: Story, path: str, settings: tuple[str, str], acknowledged: int) -> None:
    """Run a story on the real disk and be killed at the n-th write call; write one line after each commit."""
    vfs = _Killer(call)
    connection = apsw.Connection(path, vfs=vfs.name)
    play(story, connection, settings, lambda number: os.write(acknowledged, f"{number}\n".encode()))
