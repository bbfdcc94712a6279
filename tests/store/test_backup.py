"""A copy taken while others write verifies; taking it back never overwrites, and a copy that was cut is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from labloop.errors import Conflict, IntegrityError, InvalidInput, NotFound
from labloop.loop.campaigns import create
from labloop.loop.look import experiments, verify
from labloop.loop.upkeep import backup, restore
from labloop.store import Store
from labloop.store.heads import head_of
from tests.store.frozen.freeze import fill
from tests.torture import bench


def _sqlite(path: Path) -> Store:
    return Store(f"sqlite:///{path}")


def _keep_writing(url: str, stop: Path, first: int) -> None:
    store = Store(url)
    for number in range(first, first + 100_000):
        if stop.exists():
            return
        bench.measure(store, number)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backups", [3, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("backend", "kind"), [("sqlite", "db"), ("sqlite", "jsonl"), ("postgresql", "jsonl")])
def test_every_backup_under_concurrent_writers_verifies(
    request: pytest.FixtureRequest, tmp_path: Path, backups: int, backend: str, kind: str
) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}" if backend == "sqlite" else request.getfixturevalue("postgres")
    store, stop = bench.begin(url), tmp_path / "stop"
    each = 10 * backups
    bench.propose(store, 3 * each * 10)
    writers = [bench.FORKED.Process(target=_keep_writing, args=(url, stop, 1 + each * 10 * i)) for i in range(3)]
    for writer in writers:
        writer.start()
    heads = []
    for number in range(backups):
        time.sleep(0.05)
        kept = backup(store, tmp_path / f"{number}.{kind}")
        heads.append(kept.heads["kill"].sequence or 0)
    stop.touch()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0], "a writer was disturbed"
    assert len(set(heads)) > 1, "nobody wrote in the meantime"
    assert heads == sorted(heads)
    for number, head in enumerate(heads):
        copy = _sqlite(tmp_path / f"restored-{number}.db")
        assert restore(copy, tmp_path / f"{number}.{kind}").notes == ()
        row, problems = verify(Store(copy.url), "kill")
        assert problems == ()
        assert row.head == head
        # What the copy holds, the store still holds: nothing was taken from the middle of a commit.
        assert verify(store, "kill", against=str(head_of(row)))[1] == ()
    print(f"\n{backups} of {backups} {kind} backups from {store.backend} verify, {min(heads)} to {max(heads)} entries")


@pytest.mark.parametrize("kind", ["db", "jsonl"])
def test_what_was_restored_is_what_was_backed_up(tmp_path: Path, kind: str) -> None:
    store = _sqlite(tmp_path / "a.db")
    fill(store)
    kept = backup(store, tmp_path / f"copy.{kind}")
    other = _sqlite(tmp_path / "b.db")
    assert restore(other, kept.path).heads == kept.heads
    other = Store(other.url)
    for name in ("reaction", "empty"):
        assert experiments(other, name) == experiments(store, name)
        assert verify(other, name)[1] == ()


def test_a_store_moves_to_a_server_and_back(tmp_path: Path, postgres: str) -> None:
    store, server, home = _sqlite(tmp_path / "a.db"), Store(postgres), _sqlite(tmp_path / "b.db")
    fill(store)
    heads = backup(store, tmp_path / "a.db.copy.db").heads
    assert restore(server, tmp_path / "a.db.copy.db").heads == heads
    assert backup(server, tmp_path / "server.jsonl").heads == heads
    assert restore(home, tmp_path / "server.jsonl").heads == heads
    assert experiments(Store(home.url), "reaction") == experiments(server, "reaction") == experiments(store, "reaction")
    bench.begin(postgres)  # the server counts its campaigns on from there


def test_a_server_is_not_copied_as_a_file(tmp_path: Path, postgres: str) -> None:
    bench.begin(postgres)
    with pytest.raises(InvalidInput, match="cannot be copied as a file") as caught:
        backup(Store(postgres), tmp_path / "copy.db")
    assert "copy.jsonl" in caught.value.hint


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    store = _sqlite(tmp_path / "labloop.db")
    fill(store)
    return store


def test_a_backup_is_not_overwritten(filled: Store, tmp_path: Path) -> None:
    backup(filled, tmp_path / "copy.db")
    with pytest.raises(Conflict, match="exists"):
        backup(filled, tmp_path / "copy.db")
    assert backup(filled, tmp_path / "copy.db", force=True).heads
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.db", "copy.db.heads.json", "labloop.db"]


def test_a_store_is_never_overwritten(filled: Store, tmp_path: Path, url: str) -> None:
    copy = backup(filled, tmp_path / "copy.db").path
    before = (tmp_path / "labloop.db").read_bytes()
    with pytest.raises(Conflict, match="there is a store in"):
        restore(Store(filled.url), copy)
    assert (tmp_path / "labloop.db").read_bytes() == before
    if url.startswith("postgresql"):
        bench.begin(url)
        with pytest.raises(Conflict, match="the store has 1 campaigns already, kill among them"):
            restore(Store(url), copy)


@pytest.mark.parametrize("name", ["copy.csv", "copy", "copy.gz"])
def test_a_backup_of_another_kind_is_refused(filled: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="ends in"):
        backup(filled, tmp_path / name)


def test_there_is_nothing_to_copy_or_to_restore(tmp_path: Path) -> None:
    store = _sqlite(tmp_path / "none.db")
    with pytest.raises(NotFound, match="there is no store"):
        backup(store, tmp_path / "copy.db")
    with pytest.raises(NotFound, match="no file"):
        restore(store, tmp_path / "copy.db")
    (tmp_path / "copy.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(InvalidInput, match="is not a backup"):
        restore(store, tmp_path / "copy.jsonl")
    assert not (tmp_path / "none.db").exists()


def test_lines_that_were_cut_off_or_altered_are_refused(filled: Store, tmp_path: Path) -> None:
    path = backup(filled, tmp_path / "copy.jsonl").path
    lines = path.read_text().splitlines(keepends=True)
    other = _sqlite(tmp_path / "other.db")
    damages = {
        "ends at 19:": lines[:-1],
        "is not JSON": [*lines[:-1], lines[-1][:40]],
        "is broken: entry 5": [line.replace("83.2", "83.3") for line in lines],
        "do not stand together": [lines[0], lines[2], lines[1], *lines[3:]],
        "ends at nothing": [lines[0]],
    }
    for said, damaged in damages.items():
        path.write_text("".join(damaged))
        with pytest.raises((IntegrityError, InvalidInput), match=said):
            restore(other, path)
        assert not (tmp_path / "other.db").exists()


def test_a_database_whose_end_was_cut_off_is_seen_by_the_heads_beside_it(filled: Store, tmp_path: Path) -> None:
    old = backup(filled, tmp_path / "old.db").path
    create(filled, bench.spec())
    new = backup(filled, tmp_path / "new.db").path
    old.replace(new)
    other = _sqlite(tmp_path / "other.db")
    with pytest.raises(IntegrityError, match="the backup's ledger of kill ends at nothing"):
        restore(other, new)
    beside = tmp_path / "new.db.heads.json"
    assert json.loads(beside.read_text())["heads"]["kill"].startswith("1:")
    beside.unlink()
    assert "nobody could tell" in restore(other, new).notes[0]
