"""Older stores, frozen as the labloop of their time wrote them, are brought up whole; on both databases."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from labloop.errors import StorageError
from labloop.loop.look import experiments, verify
from labloop.loop.record import record
from labloop.loop.upkeep import restore, upgraded
from labloop.records import Result
from labloop.store import Store
from labloop.store.codec import experiment_to_dict
from labloop.store.tables import SCHEMA_VERSION
from tests.store.frozen.freeze import HERE

OLDER = range(1, SCHEMA_VERSION)


@pytest.fixture(params=["sqlite", "postgresql"])
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Store]:
    """Thaw the frozen store of a layout."""

    def sqlite(version: int) -> Store:
        path = tmp_path / "labloop.db"
        shutil.copyfile(HERE / f"v{version}.db", path)
        return Store(f"sqlite:///{path}")

    def postgresql(version: int) -> Store:
        url: str = request.getfixturevalue("postgres")
        schema = url.rpartition("%3D")[2]
        dump = (HERE / f"v{version}.postgresql.sql").read_text().replace("public.", f"{schema}.")
        script = "\n".join(
            line
            for line in dump.splitlines()
            if not line.startswith(("SET ", "CREATE SCHEMA", "SELECT pg_catalog.set_config"))
        )
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.begin() as connection:
            # Many statements at once: the driver's plain cursor sends them as they are.
            connection.connection.cursor().execute(script)
        engine.dispose()
        return Store(url)

    return sqlite if request.param == "sqlite" else postgresql


def _held(version: int, backend: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"v{version}.{backend}.json").read_text())
    return found


def _looks_like(store: Store, version: int) -> None:
    held = _held(version, store.backend)
    for name, (head, head_hash) in held["heads"].items():
        row, problems = verify(store, name)
        assert problems == ()
        assert (row.head, row.head_hash) == (head, head_hash)
        assert [experiment_to_dict(each) for each in experiments(store, name)] == held["experiments"][name]


def _layout(store: Store) -> str:
    engine = create_engine(store.url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        found: str = connection.execute(
            text("SELECT value FROM labloop_meta WHERE key = 'schema_version'")
        ).scalar_one()
    engine.dispose()
    return found


def test_every_layout_there_ever_was_is_frozen() -> None:
    for version in (*OLDER, SCHEMA_VERSION):
        for kind in ("db", "sqlite.json", "postgresql.sql", "postgresql.json"):
            name = f"v{version}.{kind}"
            assert (HERE / name).exists(), f"python -m tests.store.frozen.freeze writes {name}"


@pytest.mark.parametrize("version", OLDER)
def test_an_older_store_is_refused_with_the_command_that_brings_it_up(
    frozen: Callable[[int], Store], version: int
) -> None:
    store = frozen(version)
    with pytest.raises(StorageError, match=f"has layout {version}, this labloop .* expects {SCHEMA_VERSION}") as caught:
        experiments(store, "reaction")
    assert "labloop upgrade" in caught.value.hint
    assert _layout(store) == str(version)


@pytest.mark.parametrize("version", OLDER)
def test_an_older_store_is_brought_up_with_all_it_held(frozen: Callable[[int], Store], version: int) -> None:
    store = frozen(version)
    assert upgraded(store) == (version, SCHEMA_VERSION)
    _looks_like(store, version)
    assert upgraded(store) == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert record(store, "reaction", [Result(7, {"yield": 5.0})]).recorded == (7,)
    assert verify(store, "reaction")[1] == ()


def test_the_frozen_store_of_the_present_layout_reads_as_it_is(frozen: Callable[[int], Store]) -> None:
    _looks_like(frozen(SCHEMA_VERSION), SCHEMA_VERSION)


def test_an_upgraded_store_has_the_tables_and_indices_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    shutil.copyfile(HERE / "v1.db", old)
    upgraded(Store(f"sqlite:///{old}"))
    with Store(f"sqlite:///{new}").read():
        pass

    def layout(path: Path) -> list[Any]:
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")).fetchall()
        engine.dispose()
        return [tuple(row) for row in rows]

    assert layout(old) == layout(new)


def test_a_backup_of_an_older_layout_can_be_restored(tmp_path: Path) -> None:
    shutil.copyfile(HERE / "v1.db", tmp_path / "old.db")
    store = Store(f"sqlite:///{tmp_path / 'labloop.db'}")
    assert restore(store, tmp_path / "old.db").notes
    _looks_like(Store(store.url), 1)


def test_a_newer_store_names_the_fix(frozen: Callable[[int], Store]) -> None:
    store = frozen(SCHEMA_VERSION)
    with store.write() as transaction:
        transaction._connection.exec_driver_sql("UPDATE labloop_meta SET value = '99' WHERE key = 'schema_version'")
    for look in (lambda: experiments(Store(store.url), "reaction"), Store(store.url).upgrade):
        with pytest.raises(StorageError, match="layout 99") as caught:
            look()
        assert "pip install --upgrade labloop" in caught.value.hint


def test_a_broken_ledger_is_not_brought_up(frozen: Callable[[int], Store]) -> None:
    store = frozen(1)
    engine = create_engine(store.url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        if store.backend == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_refuses_update"))
        else:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE ledger SET actor = 'me' WHERE sequence = 3"))
    engine.dispose()
    with pytest.raises(Exception, match="entry 3: was changed after it was written"):
        upgraded(store)
    assert _layout(store) == "1"


def _upgrade_until(url: str, statement: int | None, chatter: Any) -> None:
    """Upgrade, but be killed before the n-th statement; without one, say when it begins."""
    store, seen = Store(url), 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._engine, "before_cursor_execute", count)
    event.listen(store._engine, "commit", count)
    chatter.send("begins")
    store.upgrade()
    chatter.send(seen)


def _killed_upgrade(url: str, *, statement: int | None = None, after: float = 0.0) -> int | None:
    """Run an upgrade in a process that is killed; return how many statements it had, if it came to its end."""
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()
    process = forked.Process(target=_upgrade_until, args=(url, statement, there))
    process.start()
    there.close()
    here.recv()
    if statement is None:
        time.sleep(after)
        process.kill()
    process.join()
    try:
        found: int = here.recv()
    except EOFError:  # it was killed before it could say so
        return None
    finally:
        here.close()
    return found


def test_an_upgrade_that_is_killed_leaves_the_old_store_or_the_new_one(frozen: Callable[[int], Store]) -> None:
    store = frozen(1)
    # On a server the fork and the login take most of the time: there every fourth statement.
    every = 1 if store.backend == "sqlite" else 4
    url, statement, done = store.url, 0, None
    while done is None:
        statement += every
        done = _killed_upgrade(url, statement=statement)
        assert _layout(store) in ("1", str(SCHEMA_VERSION))
        if done is None:
            assert _layout(store) == "1", "nothing of an upgrade may be there before it is whole"
    assert statement > 30
    _looks_like(Store(url), 1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_upgrades_killed_at_random_leave_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "labloop.db"
    shutil.copyfile(HERE / "v1.db", path)
    store = Store(f"sqlite:///{path}")
    began = time.perf_counter()
    upgraded(store)
    long = time.perf_counter() - began
    chance, layouts = random.Random(7), []
    for _ in range(100):
        for leftover in tmp_path.glob("labloop.db*"):
            leftover.unlink()
        shutil.copyfile(HERE / "v1.db", path)
        _killed_upgrade(store.url, after=chance.uniform(0, 1.5 * long))
        layouts.append(_layout(store))
        upgraded(Store(store.url))
        _looks_like(Store(store.url), 1)
    print(f"\n100 upgrades killed: {layouts.count('1')} old, {layouts.count(str(SCHEMA_VERSION))} new")
    assert set(layouts) == {"1", str(SCHEMA_VERSION)}
