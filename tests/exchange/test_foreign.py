"""Tables of NIMO and EDBO+: read as those tools mean them, written so that those tools read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labloop.errors import InvalidInput, InvalidTable
from labloop.exchange.foreign import Layout, foreign_text, measured_rows, proposed_rows
from labloop.loop.campaigns import create
from labloop.loop.correct import veto
from labloop.loop.handin import add_proposed, import_rows
from labloop.loop.look import experiments, status
from labloop.loop.record import add, record
from labloop.loop.sheets import write_foreign
from labloop.records import Conditions, Result, Status
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.tabular import Table, read_stream

NUMBERS = Spec.model_validate(
    {
        "name": "alloy",
        "parameters": {"x": {"levels": [0, 0.5, 1]}, "T": {"levels": [300, 400]}, "vessel": {"value": "crucible"}},
        "objectives": {"hardness": {"goal": "maximize"}, "cost": {"goal": "minimize"}},
    }
)
NAMES = Spec.model_validate(
    {
        "name": "coupling",
        "parameters": {"Ligand": {"choices": ["L5", "L29"]}, "Concentration": {"levels": [0.033, 0.1]}},
        "objectives": {"yield": {"goal": "maximize"}, "ee": {"goal": "maximize"}},
    }
)
CANDIDATES = "x,T,hardness,cost\n0,300,,\n0.5,300,12,20\n1,300,,\n0,400,,\n0.5,400,5,8\n1,400,,\n"
PROPOSALS = "actions,x,T\n2,1.0,300.0\n3,0.0,400.0\n"
SCOPE = (
    "Ligand,Concentration,priority,yield,ee\n"
    "L5,0.033,1.0,PENDING,PENDING\nL29,0.1,0.0,PENDING,PENDING\nL5,0.1,-1.0,71.5,PENDING\nL29,0.033,-1.0,50,88\n"
)


def table(text: str) -> Table:
    return read_stream(text.encode(), source="table.csv")


def names_of(layout: Layout) -> Spec:
    return NUMBERS if layout is Layout.NIMO else NAMES


@pytest.mark.parametrize(
    ("layout", "text", "rows"),
    [(Layout.NIMO, CANDIDATES, 2), (Layout.EDBO, SCOPE, 2)],
)
def test_an_import_takes_the_rows_that_hold_a_result(
    store: Store, tmp_path: Path, layout: Layout, text: str, rows: int
) -> None:
    spec = names_of(layout)
    create(store, spec)
    (tmp_path / "t.csv").write_text(text)
    done = import_rows(store, spec.name, tmp_path / "t.csv", layout=layout)
    assert len(done.added) == rows
    assert "rows without a result are left out" in done.notes[0]
    assert {each.status for each in experiments(store, spec.name)} == {Status.COMPLETED}
    assert len(import_rows(store, spec.name, tmp_path / "t.csv", layout=layout).added) == 0


def test_what_is_pending_is_not_measured_and_never_a_number(store: Store, tmp_path: Path) -> None:
    create(store, NAMES)
    (tmp_path / "t.csv").write_text(SCOPE)
    import_rows(store, "coupling", tmp_path / "t.csv", layout=Layout.EDBO)
    first, second = experiments(store, "coupling")
    assert first.observations[0].outcomes == {"yield": 71.5}
    assert second.observations[0].outcomes == {"yield": 50.0, "ee": 88.0}


def test_a_word_where_nimo_wants_a_number_is_refused_not_taken_for_untested(store: Store, tmp_path: Path) -> None:
    create(store, NUMBERS)
    (tmp_path / "t.csv").write_text(CANDIDATES.replace("0,300,,", "0,300,failed,"))
    with pytest.raises(InvalidTable, match="'failed' is not a number"):
        import_rows(store, "alloy", tmp_path / "t.csv", layout=Layout.NIMO)


def test_predictions_of_edbo_are_no_results() -> None:
    text = (
        "Ligand,Concentration,priority,yield,ee,yield_predicted_mean,yield_predicted_variance,"
        "yield_expected_improvement\nL5,0.1,-1,71.5,80,70,2,0.1\n"
    )
    assert measured_rows(table(text), NAMES, Layout.EDBO).headings == ("Ligand", "Concentration", "yield", "ee")


@pytest.mark.parametrize(
    ("layout", "text", "conditions"),
    [
        (Layout.NIMO, PROPOSALS, [{"x": 1.0, "T": 300.0}, {"x": 0.0, "T": 400.0}]),
        (Layout.EDBO, SCOPE, [{"Ligand": "L5", "Concentration": 0.033}]),
    ],
)
def test_what_another_tool_proposes_is_open_from_then_on(
    store: Store, tmp_path: Path, layout: Layout, text: str, conditions: list[Conditions]
) -> None:
    spec = names_of(layout)
    create(store, spec)
    (tmp_path / "t.csv").write_text(text)
    for _ in range(2):  # the same proposals twice are added once
        add_proposed(store, spec.name, tmp_path / "t.csv", layout)
    found = experiments(store, spec.name)
    assert {each.status for each in found} == {Status.ACCEPTED}
    assert [{n: each.planned[n] for n in conditions[0]} for each in found] == conditions


@pytest.mark.parametrize(
    ("layout", "text", "said"),
    [
        (Layout.NIMO, CANDIDATES, "no column 'actions'"),
        (Layout.EDBO, "Ligand,Concentration\nL5,0.1\n", "no column 'priority'"),
        (Layout.EDBO, SCOPE.replace("L5,0.033,1.0", "L5,0.033,0.0"), "proposes nothing"),
    ],
)
def test_a_table_that_proposes_nothing_says_so(layout: Layout, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        proposed_rows(table(text), names_of(layout), layout)


def test_proposals_hold_no_results_to_import() -> None:
    with pytest.raises(InvalidInput, match="no column of an objective"):
        measured_rows(table(PROPOSALS), NUMBERS, Layout.NIMO)


@pytest.fixture
def alloy(store: Store) -> Store:
    create(store, NUMBERS)
    runs: list[Conditions] = [{"x": 0.5, "T": 300.0}, {"x": 1.0, "T": 400.0}, {"x": 0.0, "T": 400.0}]
    add(store, "alloy", runs)
    record(store, "alloy", [Result(1, {"hardness": 10.0, "cost": 20.0}), Result(1, {"hardness": 14.0}, replicate=2)])
    return store


def test_nimo_reads_our_candidates_as_it_reads_its_own(alloy: Store, tmp_path: Path) -> None:
    write_foreign(tmp_path / "candidates.csv", alloy, "alloy", Layout.NIMO)
    array = np.genfromtxt(tmp_path / "candidates.csv", skip_header=1, delimiter=",")  # as its ai_tools do
    assert array.shape == (6, 4)
    tested = array[~np.isnan(array[:, -1])]
    assert tested.tolist() == [[0.5, 300.0, 12.0, 20.0]]
    write_foreign(tmp_path / "proposals.csv", alloy, "alloy", Layout.NIMO, waiting=True)
    lines = (tmp_path / "proposals.csv").read_text().splitlines()
    assert lines[0] == "actions,x,T"
    for line in lines[1:]:
        action, *values = line.split(",")
        assert array[int(action), :2].tolist() == [float(value) for value in values]
    assert len(lines) == 3


def test_edbo_reads_our_scope_as_it_reads_its_own(store: Store, tmp_path: Path) -> None:
    create(store, NAMES)
    add(store, "coupling", [{"Ligand": "L5", "Concentration": 0.1}, {"Ligand": "L29", "Concentration": 0.1}])
    record(store, "coupling", [Result(2, {"yield": 50.0, "ee": 88.0})])
    write_foreign(tmp_path / "scope.csv", store, "coupling", Layout.EDBO)
    frame = pd.read_csv(tmp_path / "scope.csv")
    assert list(frame.columns) == ["Ligand", "Concentration", "priority", "yield", "ee"]
    assert frame["priority"].tolist() == [1, 0, 0, -1]
    pending = frame.apply(lambda row: row.astype(str).str.contains("PENDING", case=False).any(), axis=1)
    assert pending.tolist() == [True, True, True, False]
    assert frame["yield"].tolist()[-1] == "50"


@pytest.mark.parametrize("layout", list(Layout))
def test_a_campaign_goes_out_and_comes_back(store: Store, tmp_path: Path, layout: Layout) -> None:
    spec = names_of(layout)
    create(store, spec)
    (tmp_path / "t.csv").write_text(CANDIDATES if layout is Layout.NIMO else SCOPE)
    import_rows(store, spec.name, tmp_path / "t.csv", layout=layout)
    write_foreign(tmp_path / "out.csv", store, spec.name, layout)
    assert len(import_rows(store, spec.name, tmp_path / "out.csv", layout=layout).added) == 0
    assert status(store, spec.name).observations == 2


def test_what_was_run_besides_the_candidates_stands_behind_them(alloy: Store) -> None:
    add(alloy, "alloy", [{"x": 0.25, "T": 350.0}], outside=True)
    candidates: list[Conditions] = [{"x": 0.0, "T": 300.0}]
    text = foreign_text(NUMBERS, candidates, experiments(alloy, "alloy"), Layout.NIMO)
    assert text.splitlines()[1] == "0,300,,"
    assert text.splitlines()[-1] == "0.25,350,,"
    veto(alloy, "alloy", [4], reason="no such furnace")
    assert "0.25" not in foreign_text(NUMBERS, candidates, experiments(alloy, "alloy"), Layout.NIMO)


def test_nimo_is_not_given_names_and_neither_a_space_without_end(store: Store, tmp_path: Path) -> None:
    create(store, NAMES)
    with pytest.raises(InvalidInput, match="NIMO reads numbers only, but Ligand"):
        write_foreign(tmp_path / "c.csv", store, "coupling", Layout.NIMO)
    endless = {**NUMBERS.to_dict(), "name": "wide", "parameters": {"x": {"bounds": [0, 1]}, "y": {"bounds": [0, 1]}}}
    create(store, Spec.model_validate(endless))
    with pytest.raises(InvalidInput, match="no list of at most 200,000 candidates"):
        write_foreign(tmp_path / "c.csv", store, "wide", Layout.NIMO)
    assert not (tmp_path / "c.csv").exists()


def test_a_name_that_would_run_as_a_formula_is_guarded_and_a_negative_number_is_not() -> None:
    spec = Spec.model_validate(
        {
            "name": "odd",
            "parameters": {"a": {"choices": ["=1+1", "-5", "b"]}, "x": {"levels": [-5, 5]}},
            "objectives": {"y": {"goal": "maximize"}},
        }
    )
    text = foreign_text(spec, [{"a": "=1+1", "x": -5.0}, {"a": "-5", "x": 5.0}], [], Layout.EDBO)
    assert text.splitlines()[1:] == ["'=1+1,-5,0,PENDING", "'-5,5,0,PENDING"]
    frame = pd.read_csv(io.StringIO(text))
    assert frame["x"].tolist() == [-5, 5]
