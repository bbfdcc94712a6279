"""Files dropped into a folder: whole ones are taken once, wrong ones rejected with the reason, none is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labloop.errors import Busy, NotFound, StorageError
from labloop.loop import watch as module
from labloop.loop.campaigns import create
from labloop.loop.look import experiments, history, status
from labloop.loop.suggest import suggest
from labloop.loop.watch import Taken, Watch
from labloop.records import Origin
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

HEAD = "temperature,time,solvent,yield\n"
ROW = "40,2,water,50\n"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(store: Store, tmp_path: Path, clock: Clock) -> Watch:
    create(store, make_spec())
    made = Watch(store, "reaction", tmp_path, settle=2.0, clock=clock)
    made.prepare()
    return made


def drop(watch: Watch, name: str, text: str) -> Path:
    path = watch.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def look(watch: Watch, clock: Clock, *, later: float = 2.0) -> list[Taken]:
    """Look, wait, look again."""
    first = list(watch.look())
    clock.now += later
    return [*first, *watch.look()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file_is_recorded_and_moved_to_done(watch: Watch, clock: Clock) -> None:
    drop(watch, "a.csv", HEAD + ROW)
    (taken,) = look(watch, clock)
    assert taken.recorded is not None
    assert taken.recorded.added == (1,)
    assert taken.file == watch.folder / "done" / "a.csv"
    assert names(watch.folder) == ["done", "rejected", "taking"]
    assert experiments(watch.store, "reaction")[0].origin is Origin.IMPORT


def test_a_file_that_still_grows_is_left_alone(watch: Watch, clock: Clock) -> None:
    path = drop(watch, "a.csv", HEAD)
    for turn in range(3):
        assert look(watch, clock, later=1.9) == []
        with path.open("a") as file:
            file.write(f"4{turn},2,water,50\n")
    (taken,) = look(watch, clock)
    assert taken.recorded is not None
    assert len(taken.recorded.added) == 3


def test_a_file_rewritten_at_the_same_size_is_not_whole_yet(watch: Watch, clock: Clock) -> None:
    path = drop(watch, "a.csv", HEAD + ROW)
    assert list(watch.look()) == []
    clock.now += 2
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    assert list(watch.look()) == []


def test_a_sentinel_says_that_it_is_whole_and_goes_with_it(watch: Watch) -> None:
    drop(watch, "a.csv", HEAD + ROW)
    drop(watch, "a.csv.done", "")
    assert len(list(watch.look())) == 1
    assert names(watch.folder) == ["done", "rejected", "taking"]


def test_dropping_a_file_twice_changes_nothing(watch: Watch, clock: Clock) -> None:
    for _ in range(2):
        drop(watch, "a.csv", HEAD + ROW)
        (taken,) = look(watch, clock)
    assert taken.recorded is not None
    assert (taken.recorded.added, taken.recorded.skipped) == ((), 1)
    assert names(watch.folder / "done") == ["a-2.csv", "a.csv"]
    assert status(watch.store, "reaction").observations == 1


def test_a_wrong_file_is_rejected_whole_with_every_problem_beside_it(watch: Watch, clock: Clock) -> None:
    drop(watch, "bad.csv", HEAD + ROW + "400,2,water,50\n40,2,wasser,50\n")
    (taken,) = look(watch, clock)
    assert taken.error is not None
    assert names(watch.folder / "rejected") == ["bad.csv", "bad.csv.errors.txt"]
    report = (watch.folder / "rejected" / "bad.csv.errors.txt").read_text(encoding="utf-8")
    assert "row 2, temperature: temperature is 400 degC, expected 20 to 80 degC" in report
    assert "row 3, solvent: solvent has no choice 'wasser'" in report
    assert history(watch.store, "reaction").row.head == 1


def test_a_corrected_file_is_taken_although_its_namesake_was_rejected(watch: Watch, clock: Clock) -> None:
    drop(watch, "a.csv", HEAD + "400,2,water,50\n")
    look(watch, clock)
    drop(watch, "a.csv", HEAD + ROW)
    (taken,) = look(watch, clock)
    assert taken.error is None


def test_a_sheet_with_the_campaigns_own_ids_is_recorded_not_imported(watch: Watch, clock: Clock) -> None:
    suggest(watch.store, "reaction", plan=grid_plan)
    drop(watch, "batch.csv", "experiment,yield\nreaction#1,50\nreaction#2,\n")
    drop(watch, "other.csv", "experiment,temperature,time,solvent,yield\nA-17,40,2,water,51\n")
    found = {each.file.name: each.recorded for each in look(watch, clock)}
    batch, other = found["batch.csv"], found["other.csv"]
    assert batch is not None
    assert other is not None
    assert (batch.recorded, other.added) == ((1,), (4,))


def test_a_file_left_by_a_process_that_died_is_taken_up_again(watch: Watch) -> None:
    drop(watch, "a.csv", HEAD + ROW)
    (watch.folder / "a.csv").replace(watch.folder / "taking" / "a.csv")
    (taken,) = watch.look()
    assert taken.file == watch.folder / "done" / "a.csv"


def test_a_store_that_is_busy_leaves_the_file_for_the_next_look(
    watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise Busy("somebody else writes")

    drop(watch, "a.csv", HEAD + ROW)
    with monkeypatch.context() as patched:
        patched.setattr(module, "import_rows", busy)
        assert look(watch, clock) == []
    assert names(watch.folder / "taking") == ["a.csv"]
    assert len(list(watch.look())) == 1


def test_a_store_that_refuses_stops_the_watch_and_loses_nothing(
    watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    drop(watch, "a.csv", HEAD + ROW)
    monkeypatch.setattr(module, "import_rows", full)
    with pytest.raises(StorageError, match="the disk is full"):
        look(watch, clock)
    assert names(watch.folder / "taking") == ["a.csv"]


@pytest.mark.parametrize("name", [".a.csv", "~$a.xlsx", "a.csv.part", "a.tmp", "a.csv.done", "notes.docx"])
def test_what_is_no_table_is_left_where_it_lies(watch: Watch, clock: Clock, name: str) -> None:
    drop(watch, name, "x")
    assert look(watch, clock) == []
    assert (watch.folder / name).exists()


def test_links_are_not_followed(watch: Watch, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "secret.dat").write_text(HEAD + ROW)
    (tmp_path / "link.csv").symlink_to(tmp_path / "secret.dat")
    assert look(watch, clock) == []


def test_a_folder_that_is_not_there_is_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        Watch(store, "reaction", tmp_path / "no").prepare()
