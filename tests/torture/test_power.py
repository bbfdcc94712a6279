"""The power goes, or the process is killed at a write call: what was acknowledged is there, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from labloop.errors import LabloopError
from labloop.store import Store
from labloop.store.engine import journal_mode
from tests.torture import bench
from tests.torture.disk import Disk, Story, count_writes, killed_at, recorded

USED = journal_mode()
POLICY = [("DELETE", "EXTRA"), ("WAL", "FULL")]
CONTROLS = [("DELETE", "OFF"), ("DELETE", "FULL"), ("DELETE", "NORMAL"), ("WAL", "OFF"), ("WAL", "NORMAL")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    found = recorded(tmp_path_factory.mktemp("story"))
    assert len(found.transactions) > 10
    assert found.begins == 1
    return found


def _left(folder: Path, story: Story) -> int | None:
    """Open what is left as labloop would; return how many transactions are there, None if it is not whole."""
    path = folder / "labloop.db"
    if not path.exists() or not path.stat().st_size:
        return 0
    try:
        with Store(f"sqlite:///{path}").read() as snapshot:
            row = snapshot.find("kill")
        if row is None:
            return story.begins if bench.sound(path) else None
        # Each entry of the story is a transaction of its own.
        return story.begins + row.head if bench.sound(path) and bench.whole(Store(f"sqlite:///{path}")) else None
    except LabloopError:
        return None


def _lost(story: Story, settings: tuple[str, str], cuts: int, folder: Path) -> int:
    """Cut the power so many times and count how often something acknowledged was lost, or the store damaged."""
    chance = bench.chance(11)
    whole = Disk(None, chance)
    assert whole.play(story, settings) == len(story.transactions)
    lost = 0
    for cut in range(cuts):
        disk = Disk(chance.randint(1, whole.done), chance)
        acknowledged = disk.play(story, settings)
        left = folder / f"{settings[0]}-{settings[1]}-{cut}"
        left.mkdir()
        disk.after_cut(left)
        found = _left(left, story)
        if found is None or not acknowledged <= found <= acknowledged + 1:
            lost += 1
        for each in left.iterdir():
            each.unlink()
    return lost


@pytest.mark.parametrize("settings", POLICY, ids="/".join)
@pytest.mark.parametrize("cuts", [25, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    story: Story, tmp_path: Path, settings: tuple[str, str], cuts: int
) -> None:
    assert _lost(story, settings, cuts, tmp_path) == 0


@pytest.mark.parametrize("settings", CONTROLS, ids="/".join)
@pytest.mark.parametrize("cuts", [25, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_with_less_care_a_power_cut_does_lose(
    story: Story, tmp_path: Path, settings: tuple[str, str], cuts: int
) -> None:
    lost = _lost(story, settings, cuts, tmp_path)
    print(f"\n{'/'.join(settings)}: lost or damaged in {lost} of {cuts}")
    assert lost > 0, "the test cannot see a missing sync"


@pytest.mark.parametrize("every", [40, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_killed_at_each_write_call_nothing_acknowledged_is_lost(story: Story, tmp_path: Path, every: int) -> None:
    (tmp_path / "count").mkdir()
    calls = count_writes(story, tmp_path / "count" / "labloop.db", USED)
    assert calls > 100
    for call in range(1, calls + 1, every):
        folder = tmp_path / str(call)
        folder.mkdir()
        lines = bench.killed(killed_at, call, story, str(folder / "labloop.db"), USED)
        acknowledged = int(lines[-1]) if lines else 0
        found = _left(folder, story)
        assert found is not None, f"call {call}: the store is damaged"
        assert acknowledged <= found <= acknowledged + 1, f"call {call}: {acknowledged} acknowledged, {found} there"
    print(f"\nkilled at {len(range(1, calls + 1, every))} of {calls} write calls: 0 lost")
