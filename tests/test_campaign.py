"""The library's face: DataFrames in and out, everything the command line does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labloop
from labloop.design import Layout, Request
from labloop.errors import Conflict, InvalidInput, InvalidSpec, InvalidTable, NotFound
from labloop.loop import suggest as suggest_module
from labloop.records import Conditions
from tests.conftest import grid_plan, make_spec


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> labloop.Campaign:
    """A campaign in memory whose planner only walks along a grid."""
    import labloop.planner

    monkeypatch.setattr(labloop.planner, "plan", grid_plan)
    assert suggest_module.suggest is not None
    return labloop.create(make_spec(), store="sqlite://")


def test_three_lines_do_the_loop(campaign: labloop.Campaign) -> None:
    batch = campaign.suggest(3)
    assert list(batch.columns) == [
        "experiment", "temperature", "time", "solvent", "operator", "yield", "purity", "humidity",
        "predicted_yield", "low_yield", "high_yield", "chance_of_best", "distance", "slot", "reason",
    ]  # fmt: skip
    assert batch["yield"].isna().all()
    done = campaign.record(batch.assign(**{"yield": np.array([10.0, math.nan, 30.0])}))
    assert done.recorded == (1, 3)
    assert campaign.best(1)["yield"].tolist() == [30.0]


def test_ask_and_tell_are_the_same_loop(campaign: labloop.Campaign) -> None:
    (row,) = campaign.ask(1).to_dict("records")
    campaign.tell({"experiment": row["experiment"], "yield": 51.5})
    assert campaign.status().observations == 1


def test_a_frame_with_numpy_and_missing_values_is_read_as_it_is_meant(campaign: labloop.Campaign) -> None:
    campaign.suggest(2)
    frame = pd.DataFrame(
        {"experiment": [1, 2], "yield": np.array([5, 7]), "purity": [pd.NA, 96.5], "comment": ["x", None]}
    )
    campaign.record(frame)
    found = campaign.experiments()
    assert found["yield"].tolist() == [5.0, 7.0]
    assert np.isnan(found["purity"][0])


def test_a_renamed_outcome_is_an_error(campaign: labloop.Campaign) -> None:
    batch = campaign.suggest(2).drop(columns="yield").assign(product=[1.0, 2.0])
    with pytest.raises(InvalidTable, match=r"no column yield \[%\], and the unknown column 'product'"):
        campaign.record(batch)


@pytest.mark.parametrize("n", [0, "3"])
def test_a_number_of_experiments_is_one(campaign: labloop.Campaign, n: object) -> None:
    with pytest.raises(InvalidInput, match="is not a number of experiments"):
        campaign.suggest(n)  # type: ignore[arg-type]


def test_a_failure_is_amended(campaign: labloop.Campaign) -> None:
    campaign.suggest(1)
    campaign.record({"experiment": 1, "failure": "qc"})
    campaign.amend(1, failure="equipment", reason="the pump")
    assert campaign.experiments()["status"].tolist() == ["failed"]
    with pytest.raises(InvalidInput, match="amended on its own"):
        campaign.amend(1, failure="none", outcomes={"yield": 3.0}, reason="x")


def test_planned_and_executed_are_told_apart(campaign: labloop.Campaign) -> None:
    batch = campaign.suggest(1)
    campaign.record(batch.assign(temperature=21.5, **{"yield": 3.0}))
    assert campaign.experiments()["temperature"].tolist() == [21.5]
    with pytest.raises(InvalidTable, match="expected 20 to 80"):
        campaign.record({"experiment": 1, "temperature": 99, "yield": 3.0}, replicate=True)


def test_everything_that_can_go_wrong_names_the_fix(campaign: labloop.Campaign) -> None:
    campaign.suggest(1)
    with pytest.raises(NotFound, match="no experiment reaction#9"):
        campaign.record({"experiment": 9, "yield": 1})
    with pytest.raises(InvalidTable, match="unknown column 'yeild'") as caught:
        campaign.record({"experiment": 1, "yeild": 1})
    assert "did you mean 'yield'" in caught.value.hint
    with pytest.raises(InvalidTable, match="belongs to the campaign 'other'"):
        campaign.record({"experiment": "other#1", "yield": 1})
    with pytest.raises(InvalidTable, match="neither a number nor a text"):
        campaign.record({"experiment": 1, "yield": [1, 2]})
    assert campaign.status().observations == 0


def test_corrections_and_history(campaign: labloop.Campaign) -> None:
    campaign.suggest(3)
    campaign.record({"experiment": 1, "yield": 38.2})
    campaign.amend(1, outcomes={"yield": 83.2}, reason="typo")
    campaign.veto([2], reason="no water")
    assert len(campaign.replace("reaction#3", reason="no DMSO")) == 1
    assert campaign.undo(reason="after all") == 7
    history = campaign.history()
    assert history["kind"].tolist()[-3:] == ["vetoed", "proposed", "undone"]
    assert history["undone"].tolist()[-2:] == [True, False]
    assert campaign.verify() == ()


def test_own_and_earlier_experiments_come_in(campaign: labloop.Campaign, tmp_path: Path) -> None:
    hunch: Conditions = {"temperature": 60.0, "time": 5.0, "solvent": "DMSO"}
    campaign.add(hunch, note="a hunch")
    earlier = pd.DataFrame({"temperature": [30, 40], "time": [2, 3], "solvent": ["water", "EtOH"], "yield": [1.0, 2.0]})
    assert campaign.import_(earlier).added == (2, 3)
    assert campaign.import_(earlier).skipped == 2
    path = campaign.export(tmp_path / "all.csv")
    assert len(pd.read_csv(path)) == 3


def test_what_checks_a_campaign_is_there_too(campaign: labloop.Campaign, tmp_path: Path) -> None:
    campaign.suggest(3)
    campaign.record([{"experiment": k, "yield": value} for k, value in ((1, 48.0), (2, 98.0), (3, 51.0))])
    assert [each.sameness.value for each in campaign.replay()] == ["identical"]
    assert campaign.scorecard().cards[0].overall.results == 3
    assert [each.experiment.number for each in campaign.surprises().found] == [2]
    assert campaign.repeat_surprises().added == (4,)
    assert campaign.confirm(2).winner == 2
    assert campaign.dossier(tmp_path / "d.zip").stat().st_size > 0
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.csv").write_text("temperature,time,solvent,yield\n40,2,water,50\n")
    (taken,) = campaign.watch(tmp_path / "drop", settle=0).look()
    assert taken.error is None


def test_a_campaign_is_opened_by_name_from_its_folder(tmp_path: Path) -> None:
    made = labloop.create(make_spec(), folder=tmp_path)
    opened = labloop.open("reaction", folder=tmp_path)
    assert opened.spec == made.spec
    assert labloop.open(folder=tmp_path).name == "reaction"
    with pytest.raises(NotFound, match="no campaign 'reactor'"):
        labloop.open("reactor", folder=tmp_path)
    with pytest.raises(Conflict, match="already"):
        labloop.create(make_spec(), folder=tmp_path)


def test_a_spec_comes_as_text_mapping_or_path(tmp_path: Path) -> None:
    text = "schema: labloop/1\nname: a\nparameters:\n  x: {bounds: [0, 1]}\nobjectives:\n  y: {goal: maximize}\n"
    (tmp_path / "a.yaml").write_text(text)
    for spec in (
        text,
        tmp_path / "a.yaml",
        {
            "schema": "labloop/1",
            "name": "a",
            "parameters": {"x": {"bounds": [0, 1]}},
            "objectives": {"y": {"goal": "maximize"}},
        },
    ):
        assert labloop.create(spec, store="sqlite://").name == "a"
    with pytest.raises(InvalidSpec, match="objectives"):
        labloop.create({"schema": "labloop/1", "name": "a", "parameters": {"x": {"bounds": [0, 1]}}}, store="sqlite://")


def test_a_new_version_of_the_spec_needs_a_reason_and_shows(campaign: labloop.Campaign) -> None:
    campaign.suggest(1)
    assert campaign.revise(make_spec(question="why?"), reason="said more clearly") == 2
    assert campaign.spec.question == "why?"


def test_the_package_has_no_other_public_names() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        labloop.nothing  # noqa: B018


def test_a_design_is_looked_at_taken_and_printed(campaign: labloop.Campaign, tmp_path: Path) -> None:
    request = Request(kind="full-factorial", hold={"solvent": "EtOH"}, layout=Layout(blocks=2), block_name="day")
    seen = campaign.design(request)
    assert campaign.experiments().empty
    done = campaign.design(request, accept=True)
    assert done.design == seen.design
    assert campaign.experiments()["origin"].tolist() == ["design"] * 4
    sheet = pd.read_csv(campaign.run_sheet(tmp_path / "days.csv"))
    assert sheet["day"].tolist() == [1, 1, 2, 2]
    assert campaign.record(sheet.assign(**{"yield [%]": [1.0, 2.0, 3.0, 4.0]})).recorded == (1, 2, 3, 4)


def test_a_batch_in_random_order_is_the_same_batch(campaign: labloop.Campaign) -> None:
    batch = campaign.suggest(6, randomise=True)
    assert sorted(batch["temperature"]) == [20, 25, 30, 35, 40, 45]
    assert batch["temperature"].tolist() != [20, 25, 30, 35, 40, 45]
