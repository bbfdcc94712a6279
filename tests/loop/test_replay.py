"""Every proposal comes out again from the ledger as it stood when it was made."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from labloop.errors import NotFound
from labloop.loop.campaigns import create, revise
from labloop.loop.correct import amend, mark, undo, veto
from labloop.loop.look import experiments, history
from labloop.loop.past import Past
from labloop.loop.record import add, record
from labloop.loop.replay import Replayed, Sameness, replay, replay_entries
from labloop.loop.suggest import _libraries, replacement, suggest, threads
from labloop.records import Conditions, Experiment, FailureKind, LedgerEntry, Origin, Proposal, Result, Status, Value
from labloop.spec.models import Spec
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

SPEC: dict[str, Any] = {
    "name": "film",
    "parameters": {
        "temperature": {"bounds": [20, 80], "step": 5, "unit": "degC"},
        "time": {"bounds": [1, 100], "scale": "log", "unit": "h"},
        "solvent": {"choices": ["water", "EtOH", "DMSO"]},
        "humidity": {"observed": True, "unit": "%"},
    },
    "constraints": ['if solvent == "water" then temperature <= 75'],
    "objectives": {"yield": {"goal": "maximize", "unit": "%", "range": [0, 100]}},
    "limits": ["purity >= 60"],
    "planner": {"batch": 2, "start": 6},
}


def bench(number: int, planned: Mapping[str, Value]) -> Result:
    """A laboratory whose answers need no generator."""
    temperature, time = float(planned["temperature"]), math.log10(float(planned["time"]))
    gain = {"water": 0.0, "EtOH": 12.0, "DMSO": 20.0}[str(planned["solvent"])]
    value = 70 - 0.02 * (temperature - 55) ** 2 - 15 * (time - 1) ** 2 + gain + math.sin(7.0 * number)
    if temperature > 77:
        return Result(number, failure=FailureKind.INFEASIBLE, note="it boiled")
    humidity = {"humidity": 40 + 5 * math.cos(3.0 * number)} if number % 3 else {}
    return Result(number, {"yield": max(0.0, min(100.0, value)), "purity": 90 - 0.3 * temperature}, humidity)


def play(store: Store) -> None:
    """Ten rounds with everything that happens in a laboratory: mistakes, refusals, failures, second thoughts."""
    create(store, Spec.model_validate(SPEC))
    earlier: list[Conditions] = [
        {"temperature": 25.0 + 10 * k, "time": 2.0 + k, "solvent": ["water", "EtOH", "DMSO"][k % 3]} for k in range(5)
    ]
    rows = [replace(bench(100 + k, each), experiment=None, executed=each) for k, each in enumerate(earlier)]
    record(store, "film", rows, origin=Origin.IMPORT)
    for turn in range(1, 11):
        batch = suggest(store, "film", strategy="exploit" if turn == 6 else None).experiments
        if turn == 2:
            veto(store, "film", [batch[0].number], reason="no vessel")
        if turn == 3:
            batch = (*batch[1:], *replacement(store, "film", batch[0].number, reason="out of stock").experiments)
        if turn == 4:
            mark(store, "film", [batch[0].number], Status.RUNNING)
        if turn == 5:
            record(store, "film", [Result(batch[0].number, failure=FailureKind.EQUIPMENT)])
            batch = batch[1:]
        waiting = [each for each in batch if each.status.is_open and turn != 2] or list(batch[1:])
        record(store, "film", [bench(each.number, each.planned) for each in waiting])
        if turn == 4:
            amend(store, "film", waiting[0].number, outcomes={"yield": 33.0}, reason="typed 66 for 33")
        if turn == 7:
            add(store, "film", [{"temperature": 50.0, "time": 10.0, "solvent": "EtOH"}], note="a hunch")
            revise(store, Spec.model_validate({**SPEC, "question": "Which solvent?"}), reason="said more clearly")
        if turn == 8:
            last = waiting[-1]
            record(store, "film", [Result(last.number, {"yield": 41.0}, replicate=2)])
    # Afterwards: a result and an amendment that proposals have been made on are taken back.
    for entry in reversed(history(store, "film").entries):
        if entry.kind in ("recorded", "amended") and entry.sequence > 3:
            undo(store, "film", reason="it was another sample", sequence=entry.sequence)
            break


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "campaigns").mkdir()
    store = Store(f"sqlite:///{folder / 'campaigns' / 'labloop.db'}")
    play(store)
    store.close()
    return folder


def test_all_proposals_of_ten_rounds_come_out_identical_in_another_process(played: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    done = subprocess.run(
        [sys.executable, "-m", "labloop.cli.main", "replay", "film", "--all", "--json"],
        cwd=played, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout)["data"]
    assert [each["sameness"] for each in answer["proposals"]] == ["identical"] * 11, done.stdout
    assert answer["counts"] == {"identical": 11, "different": 0, "unknown": 0}
    assert done.returncode == 0


def test_the_campaign_replayed_has_all_that_can_happen(played: Path) -> None:
    with Store(f"sqlite:///{played / 'campaigns' / 'labloop.db'}").read() as snapshot:
        row = snapshot.campaign("film")
        entries = list(snapshot.entries(row))
        stored = snapshot.experiments(row)
    kinds = {each.kind for each in entries}
    assert kinds >= {"created", "revised", "proposed", "added", "recorded", "amended", "vetoed", "moved", "undone"}
    assert any(each.payload["strategy"] == "exploit" for each in entries if each.kind == "proposed")
    assert any(each.payload["planner"].get("surrogate") for each in entries if each.kind == "proposed")
    past = Past()
    for entry in entries:
        past.take(entry)
    assert past.experiments == stored


def _grid(store: Store) -> tuple[LedgerEntry, ...]:
    """Three rounds on a planner that only walks: replays in no time."""
    create(store, make_spec())
    for _ in range(3):
        batch = suggest(store, "reaction", plan=grid_plan).experiments
        record(store, "reaction", [Result(each.number, {"yield": 10.0 + each.number}) for each in batch[:2]])
    return history(store, "reaction").entries


def _kinds(found: Sequence[Replayed]) -> list[str]:
    return [each.sameness.value for each in found]


def test_what_came_later_does_not_leak_into_a_replay(store: Store) -> None:
    _grid(store)
    undo(store, "reaction", reason="wrong sample")
    amend(store, "reaction", 1, outcomes={"yield": 99.0}, reason="typo")
    veto(store, "reaction", [9], reason="no vessel")
    assert _kinds(replay(store, "reaction", plan=grid_plan)) == ["identical"] * 3


def test_one_experiment_asks_for_its_own_proposal_only(store: Store) -> None:
    _grid(store)
    (found,) = replay(store, "reaction", number=5, plan=grid_plan)
    assert (found.batch, found.experiments) == (2, (4, 5, 6))


def test_an_experiment_that_nobody_proposed_has_no_replay(store: Store) -> None:
    _grid(store)
    add(store, "reaction", [{"temperature": 60.0, "time": 5.0, "solvent": "DMSO"}])
    with pytest.raises(NotFound, match="reaction#10 was not proposed by the planner"):
        replay(store, "reaction", number=10, plan=grid_plan)
    with pytest.raises(NotFound, match="no experiment reaction#11"):
        replay(store, "reaction", number=11, plan=grid_plan)


def test_a_planner_that_changed_is_told_with_what_changed(store: Store) -> None:
    _grid(store)

    def other(spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int) -> Proposal:
        made = grid_plan(spec, observed, pending, n, seed)
        first = made.experiments[0]
        nudged = replace(first.predictions["yield"], mean=50.0 * (1 + 1e-12))
        changed = replace(first, predictions={"yield": nudged})
        return replace(made, experiments=(changed, *made.experiments[1:]))

    found = replay(store, "reaction", plan=other)[0]
    assert found.sameness is Sameness.DIFFERENT
    assert found.largest == pytest.approx(1e-12, rel=1e-3)
    assert "only numbers differ, by at most 1.0e-12" in found.differences[0]
    assert "first experiment: predictions" in found.differences[1]
    assert "the same versions and kind of machine" in found.causes[0]


def test_other_conditions_are_not_called_a_difference_of_numbers(store: Store) -> None:
    _grid(store)

    def elsewhere(
        spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        made = grid_plan(spec, observed, pending, n, seed)
        moved = replace(made.experiments[0], conditions={**made.experiments[0].conditions, "solvent": "DMSO"})
        return replace(made, experiments=(moved, *made.experiments[1:]))

    found = replay(store, "reaction", plan=elsewhere)[0]
    assert found.largest is None
    assert found.differences == ("the first experiment: conditions",)


def _changed(entries: Sequence[LedgerEntry], kind: str, **payload: Any) -> list[LedgerEntry]:
    """The ledger as if its last entry of a kind had been written otherwise."""
    place = max(i for i, each in enumerate(entries) if each.kind == kind)
    forged = replace(entries[place], payload={**entries[place].payload, **payload})
    return [*entries[:place], forged, *entries[place + 1 :]]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"packages": {"torch": "1.0"}}, r"other versions: .*torch 1\.0 then"),
        ({"machine": "Python 2.7, Amiga m68k"}, "another machine: Python 2.7, Amiga m68k then"),
    ],
)
def test_other_versions_and_machines_are_named_as_causes(store: Store, payload: dict[str, Any], said: str) -> None:
    entries = _changed(_grid(store), "proposed", notes=["as it was"], **payload)
    found = list(replay_entries(entries, plan=grid_plan))
    assert _kinds(found) == ["identical", "identical", "different"]
    assert found[-1].differences == ("the notes of the proposal",)
    assert any(re.search(said, cause) for cause in found[-1].causes)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"data": {"sequence": 5, "hash": "0" * 64}}, "it was made on entries that end in 000000000000"),
        ({"data": {"sequence": 99, "hash": "0" * 64}}, "does not say on which entries"),
        ({"data": {}}, "does not say on which entries"),
        ({"spec_version": 4}, "version 4 of the spec is not in the ledger before it"),
    ],
)
def test_a_proposal_on_a_ledger_that_is_not_this_one_is_unknown(
    store: Store, payload: dict[str, Any], said: str
) -> None:
    found = list(replay_entries(_changed(_grid(store), "proposed", **payload), plan=grid_plan))
    unknown = next(each for each in found if each.sameness is Sameness.UNKNOWN)
    assert said in unknown.causes[0]


def test_threads_are_counted_as_they_are_now_also_in_libraries_that_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.linalg.norm([3.0, 4.0]) == 5.0  # a library whose threads are counted is loaded
    for wanted in (1, 2):
        with threadpool_limits(limits=wanted, user_api="blas"):  # type: ignore[no-untyped-call]
            assert threads()["blas"] == wanted
    looked = _libraries.cache_info().misses
    threads()
    assert _libraries.cache_info().misses == looked
    monkeypatch.setitem(sys.modules, "imported_later", ModuleType("imported_later"))
    threads()
    assert _libraries.cache_info().misses == looked + 1


def test_a_replay_uses_as_many_threads_as_the_proposal_did(store: Store) -> None:
    """Last digits depend on it: here the planner writes down the number itself."""
    assert np.linalg.norm([3.0, 4.0]) == 5.0  # the library whose threads are counted is loaded
    create(store, make_spec())

    def counting(
        spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        used = {each["user_api"]: each["num_threads"] for each in threadpool_info()}
        return replace(grid_plan(spec, observed, pending, n, seed), notes=(f"{used['blas']} threads",))

    for count in (1, 2):
        with threadpool_limits(limits=count):  # type: ignore[no-untyped-call]
            suggest(store, "reaction", plan=counting)
    with threadpool_limits(limits=1):  # type: ignore[no-untyped-call]
        assert _kinds(replay(store, "reaction", plan=counting)) == ["identical"] * 2
    proposed = [each.payload for each in history(store, "reaction").entries if each.kind == "proposed"]
    assert [each["threads"]["blas"] for each in proposed] == [1, 2]


def test_a_proposal_of_fewer_than_were_asked_for_comes_out_the_same(store: Store) -> None:
    create(store, make_spec())
    suggest(store, "reaction", 50, plan=grid_plan)
    asked: list[int] = []

    def counted(
        spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        asked.append(n)
        return grid_plan(spec, observed, pending, n, seed)

    assert _kinds(replay(store, "reaction", plan=counted)) == ["identical"]
    assert asked == [50]
    assert len(experiments(store, "reaction")) == 39


def test_a_shuffled_proposal_comes_out_in_the_order_in_which_it_was_numbered() -> None:
    store = Store("sqlite://")
    create(store, make_spec())
    suggestion = suggest(store, "reaction", 6, plan=grid_plan, randomise=True)
    assert [each.planned["temperature"] for each in suggestion.experiments] != [20.0 + 5 * i for i in range(6)]
    (found,) = replay(store, "reaction", plan=grid_plan)
    assert found.sameness is Sameness.IDENTICAL
