"""Designs in the ledger: one entry, ordinary experiments, sheets that come back filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from labloop.design import Design, Layout, Request, design
from labloop.errors import InvalidInput, NotFound
from labloop.loop import correct, look
from labloop.loop.campaigns import create
from labloop.loop.design import accept, preview, run_sheet, take, unordered, write_run_sheet
from labloop.loop.handin import hand_in
from labloop.loop.record import add, record
from labloop.loop.suggest import suggest
from labloop.records import Conditions, Experiment, Origin, Proposal, Result, Status
from labloop.spec.models import Spec
from labloop.store import Store
from tests.conftest import grid_plan, make_spec

FACTORIAL = Request(
    kind="full-factorial", hold={"solvent": "EtOH"}, layout=Layout(blocks=2, controls=2), block_name="day"
)


@pytest.fixture
def campaign(store: Store, spec: Spec) -> str:
    create(store, spec)
    return spec.name


def test_looking_writes_nothing(store: Store, campaign: str) -> None:
    made = preview(store, campaign, FACTORIAL)
    assert len(made.design.runs) == 6
    assert made.entry is None
    assert look.experiments(store, campaign) == ()
    assert len(look.history(store, campaign).entries) == 1


def test_what_was_looked_at_is_what_is_written_in_one_entry(store: Store, campaign: str) -> None:
    seen = preview(store, campaign, FACTORIAL)
    done = accept(store, campaign, FACTORIAL)
    assert done.design == seen.design
    entries = look.history(store, campaign).entries
    assert [each.kind for each in entries] == ["created", "added"]
    about = entries[-1].payload["design"]
    assert (about["kind"], about["model"], about["seed"]) == ("full-factorial", "interactions", done.design.seed)
    assert about["settings"]["hold"] == {"solvent": "EtOH"}
    assert about["settings"]["blocks"] == 2
    assert look.verify(store, campaign)[1] == ()


def test_its_experiments_are_open_and_numbered_in_the_order_to_be_run(store: Store, campaign: str) -> None:
    done = accept(store, campaign, FACTORIAL)
    found = look.experiments(store, campaign)
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 6]
    assert [dict(each.planned) for each in found] == [dict(run.conditions) for run in done.design.runs]
    assert [each.origin for each in found].count(Origin.CONTROL) == 2
    assert {each.origin for each in found} == {Origin.DESIGN, Origin.CONTROL}
    assert {each.status for each in found} == {Status.ACCEPTED}
    assert {each.planned["operator"] for each in found} == {"robot"}
    ordinary = next(each for each in found if each.origin is Origin.DESIGN)
    assert "of a full-factorial design, day 1." in ordinary.reason


def test_the_next_design_differs_because_the_ledger_has_moved(store: Store, campaign: str) -> None:
    one, other = accept(store, campaign, FACTORIAL), accept(store, campaign, FACTORIAL)
    assert one.design.seed != other.design.seed
    assert accept(store, campaign, FACTORIAL, seed=5).design.seed == 5


def test_a_design_is_made_again_when_somebody_wrote_meanwhile(
    store: Store, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def slowly(spec: Spec, request: Request, *, seed: int, ran: Sequence[Conditions] = ()) -> Design:
        seeds.append(seed)
        if len(seeds) == 1:
            add(store, campaign, [{"temperature": 50, "time": 10, "solvent": "water"}])
        return design(spec, request, seed=seed, ran=ran)

    monkeypatch.setattr("labloop.loop.design.design", slowly)
    done = accept(store, campaign, FACTORIAL)
    assert len(seeds) == 2
    assert done.design.seed == seeds[1] != seeds[0]
    assert [each.number for each in done.experiments] == [2, 3, 4, 5, 6, 7]
    assert look.verify(store, campaign)[1] == ()


def test_the_planner_counts_on_a_design_and_learns_from_it(store: Store, campaign: str) -> None:
    accept(store, campaign, FACTORIAL)
    record(store, campaign, [Result(1, {"yield": 50.0, "purity": 99.0})])
    known: list[int] = []
    waiting: list[Conditions] = []

    def plan(spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int) -> Proposal:
        known.extend(each.number for each in observed)
        waiting.extend(pending)
        return grid_plan(spec, observed, pending, n, seed)

    suggest(store, campaign, 1, plan=plan)
    assert known == [1]
    assert len(waiting) == 5


def test_a_design_is_taken_back_whole(store: Store, campaign: str) -> None:
    done = accept(store, campaign, FACTORIAL)
    correct.undo(store, campaign, reason="wrong solvent", sequence=done.entry)
    assert look.experiments(store, campaign) == ()
    with pytest.raises(NotFound, match="no design in reaction yet"):
        run_sheet(store, campaign)


def test_the_run_sheet_comes_from_the_ledger_and_goes_back_filled_in(
    store: Store, campaign: str, tmp_path: Path
) -> None:
    done = accept(store, campaign, FACTORIAL)
    sheet = run_sheet(store, campaign)
    assert sheet.entry == done.entry
    assert list(sheet.lead) == ["run order", "day", "design order", "kind of run"]
    assert sheet.lead["run order"] == (1, 2, 3, 4, 5, 6)
    assert sorted(each for each in sheet.lead["design order"] if each) == [1, 2, 3, 4]
    path = tmp_path / "sheet.csv"
    write_run_sheet(path, sheet)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("experiment,run order,day,design order,kind of run,temperature [degC],time [h],solvent")
    heading = lines[0].split(",").index("yield [%]")
    cells = [line.split(",") for line in lines[1:]]
    for row, line in enumerate(cells):
        line[heading] = str(40 + row)
    path.write_text("\n".join([lines[0], *(",".join(line) for line in cells)]), encoding="utf-8")
    assert hand_in(store, campaign, path).recorded == (1, 2, 3, 4, 5, 6)
    found = look.experiments(store, campaign)
    assert [each.mean("yield") for each in found] == [40, 41, 42, 43, 44, 45]
    assert found[4].observations[0].extra["day"] == "2"


def test_augmenting_counts_what_was_run_and_what_is_under_way(store: Store, campaign: str) -> None:
    accept(store, campaign, FACTORIAL)
    more = Request(kind="d-optimal", model="main", runs=4, augment=True)
    assert preview(store, campaign, more).design.quality.n == 10
    correct.veto(store, campaign, [1, 2], reason="no")
    assert preview(store, campaign, more).design.quality.n == 8


def test_a_budget_that_would_be_overdrawn_is_said(store: Store) -> None:
    create(store, make_spec(planner={"budget": 4}))
    assert "the budget of 4 is overdrawn" in preview(store, "reaction", FACTORIAL).notes[-1]


@pytest.mark.parametrize("word", ["temperature", "Note", "run order", " "])
def test_blocks_are_not_called_like_another_column(store: Store, campaign: str, word: str) -> None:
    request = Request(kind="full-factorial", block_name=word)
    with pytest.raises(InvalidInput, match="cannot be what a block is called"):
        preview(store, campaign, request)


def test_an_entry_that_is_no_design_has_no_sheet(store: Store, campaign: str) -> None:
    with pytest.raises(NotFound, match="entry 1 of reaction is no design"):
        run_sheet(store, campaign, 1)


def test_a_planned_batch_is_put_in_a_random_order_on_request(store: Store, campaign: str) -> None:
    made = suggest(store, campaign, 8, randomise=True, plan=grid_plan)
    temperatures = [each.planned["temperature"] for each in made.experiments]
    assert sorted(map(float, temperatures)) == [20 + 5 * i for i in range(8)]
    assert temperatures != sorted(map(float, temperatures))
    assert [each.number for each in made.experiments] == list(range(1, 9))
    entry = look.history(store, campaign).entries[-1]
    order = entry.payload["planner"]["planned_order"]
    assert temperatures == [20 + 5 * (place - 1) for place in order]


def test_a_sheet_is_read_again_whatever_its_units(store: Store, tmp_path: Path) -> None:
    """Units that no list knows stand in our own headings like any others."""
    parameters = {"feed": {"bounds": [1, 9], "unit": "mL/h"}, "field": {"bounds": [0, 1], "unit": "kOe"}}
    create(
        store,
        make_spec(parameters=parameters, objectives={"yield": {"goal": "maximize", "unit": "pg/cell"}}, limits=[]),
    )
    accept(store, "reaction", Request(kind="full-factorial"))
    path = tmp_path / "sheet.xlsx"
    write_run_sheet(path, run_sheet(store, "reaction"))
    assert hand_in(store, "reaction", path).recorded == ()


def test_conditions_chosen_elsewhere_become_a_design_in_random_order(store: Store, campaign: str, spec: Spec) -> None:
    asked = [run.conditions for run in design(spec, Request(kind="full-factorial"), seed=0).runs]
    one = take(store, campaign, asked, kind="resolving", reason="Run to tell apart: a × b.")
    other = take(store, campaign, asked, kind="resolving", reason="Run to tell apart: a × b.")
    sheets = [run_sheet(store, campaign, each.entry) for each in (one, other)]
    assert [sheet.about["seed"] for sheet in sheets] == [one.seed, other.seed]
    orders = [sheet.lead["design order"] for sheet in sheets]
    assert sorted(orders[0], key=str) == sorted(range(1, len(asked) + 1), key=str)
    assert len({orders[0], orders[1], tuple(range(1, len(asked) + 1))}) == 3, "drawn anew each time, and not as given"
    found = sheets[0].experiments
    assert [dict(each.planned) for each in found] == [dict(asked[int(place or 0) - 1]) for place in orders[0]]
    assert {each.origin for each in found} == {Origin.DESIGN}
    assert look.verify(store, campaign)[1] == ()


def test_only_designs_in_their_printed_order_count_as_unordered(store: Store, campaign: str) -> None:
    accept(store, campaign, FACTORIAL)
    kept = Request(kind="full-factorial", hold={"solvent": "EtOH"}, layout=Layout(random=False))
    done = accept(store, campaign, kept)
    with store.read() as snapshot:
        found = unordered(snapshot, snapshot.campaign(campaign))
    assert found == {each.number for each in done.experiments}
