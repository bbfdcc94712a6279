"""A full disk, a folder that is read-only, an input/output error: said clearly, exit code 7, earlier rows intact."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp

import pytest
from sqlalchemy import Engine, event

from labloop.cli.main import run
from labloop.loop.look import experiments
from labloop.store import Store
from labloop.store import engine as engine_room
from tests.torture import bench

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that somebody without rights can reach, unlike pytest's own."""
    made = Path(mkdtemp(prefix="labloop-"))
    made.chmod(0o755)
    (made / "campaigns").mkdir()
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.fixture
def store(folder: Path) -> Store:
    made = bench.begin(f"sqlite:///{folder / 'campaigns' / 'labloop.db'}")
    bench.propose(made, 3)
    bench.measure(made, 1)
    return made


def _said(folder: Path, *, without: Callable[[], None], rights: bool = True) -> tuple[int, dict[str, str]]:
    """Record a result on the command line, in a process that first gives something up."""
    out = folder / "out.json"
    opened = out.open("w")

    def command() -> None:
        os.chdir(folder)
        # Everything is imported before the rights are gone: they may not reach as far as the libraries.
        with redirect_stdout(StringIO()):
            run(["record", "kill", "99", "--result", "y=2", "--json"])
            run(["status", "kill"])
        without()
        if not rights:
            os.setresuid(NOBODY, NOBODY, NOBODY)
        note = "n" * 20_000
        with opened, redirect_stdout(opened):
            code = run(["record", "kill", "2", "--result", "y=2", "--note", note, "--json"])
        os._exit(code)

    process = bench.FORKED.Process(target=command)
    process.start()
    opened.close()
    process.join()
    error: dict[str, str] = json.loads(out.read_text())["error"]
    assert process.exitcode is not None
    return process.exitcode, error


def _intact(store: Store) -> bool:
    first, second, third = experiments(store, "kill")
    kept = [each.outcomes for each in first.observations] == [{"y": 1.5}] and not second.observations
    return kept and not third.observations and bench.whole(store)


def test_a_full_disk(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = engine_room.open_engine

    def nearly_full(url: str) -> Engine:
        made = opened(url)
        limit = "PRAGMA max_page_count = 1"  # SQLite takes the number of pages that there are
        event.listen(made, "connect", lambda connection, _: connection.execute(limit))
        return made

    code, error = _said(folder, without=lambda: monkeypatch.setattr("labloop.store.store.open_engine", nearly_full))
    assert code == 7
    assert error["code"] == "storage"
    assert "the disk is full" in error["message"]
    assert "earlier entries are intact" in error["hint"]
    assert _intact(store)


def test_a_disk_that_refuses_a_write(folder: Path, store: Store) -> None:
    size = (folder / "campaigns" / "labloop.db").stat().st_size

    def no_larger_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    code, error = _said(folder, without=no_larger_files)
    assert code == 7
    assert "input/output error" in error["message"] or "disk is full" in error["message"]
    assert "earlier entries are intact" in error["hint"]
    assert _intact(store)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_read_only(folder: Path, store: Store, what: str) -> None:
    campaigns = folder / "campaigns"
    for each in (campaigns, *campaigns.iterdir()):
        writable = each == campaigns if what == "file" else each != campaigns
        each.chmod(each.stat().st_mode | stat.S_IRWXO if writable else 0o555 if each.is_dir() else 0o444)
    # Whoever runs the tests as root would be let in anyway.
    code, error = _said(folder, without=lambda: None, rights=os.geteuid() != 0)
    assert code == 7, error
    assert "read-only" in error["message"] or "cannot be opened" in error["message"]
    assert "permissions" in error["hint"] or "written to" in error["hint"]
    campaigns.chmod(0o755)
    (campaigns / "labloop.db").chmod(0o644)
    assert _intact(store)
