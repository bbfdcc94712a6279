"""Understanding through the library: what the commands do, a campaign does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labloop
from labloop.campaign import Campaign
from labloop.errors import InvalidInput
from labloop.exchange.infer import infer_spec
from labloop.insight.plain import plain
from labloop.tabular import read_table


@pytest.fixture
def campaign() -> Campaign:
    made = labloop.create(
        {
            "schema": "labloop/1",
            "name": "coupling",
            "parameters": {"temperature": {"bounds": [20, 80]}, "time": {"bounds": [1, 9]}},
            "objectives": {"yield": {"goal": "maximize", "unit": "%"}},
        },
        store="sqlite://",
    )
    rng = np.random.default_rng(0)
    grid = [(t, h) for t in (20.0, 50.0, 80.0) for h in (1.0, 5.0, 9.0)] * 2
    made.import_([{"temperature": t, "time": h, "yield": t / 4 + 2 * h + 0.5 * rng.normal()} for t, h in grid])
    return made


def test_a_campaign_answers_all_four_questions(campaign: Campaign) -> None:
    told = campaign.estimability()
    assert all(each.separable for each in told.found.verdicts)
    explained = campaign.explain("yield")
    assert {each.name for each in explained.found} == {"temperature", "time"}
    assert campaign.check_model().use == "prediction"
    region = campaign.region("yield >= 25", probability=0.8)
    assert 0 < region.share < 1
    with pytest.raises(InvalidInput, match="has no outcome 'cost'"):
        campaign.explain("cost")


def test_answers_become_json_values_with_every_field(campaign: Campaign) -> None:
    values = plain(campaign.explain())
    assert values["effects"][0]["term"] == "temperature"
    assert values["estimability"]["verdicts"][0]["grade"] == "clear"
    assert "runs" not in values
    assert isinstance(values["linear"]["residuals"][0][0], int)


@pytest.mark.timeout(180)
def test_the_hydrogels_are_understood_in_under_a_minute(shared_data: Path) -> None:
    path = shared_data / "hydrogel_180.csv"
    gels = labloop.create({"schema": "labloop/1", **infer_spec(read_table(path), name="gels").spec}, store="sqlite://")
    gels.import_(path)
    check = gels.check_model()
    assert check.cross.r2 > 0.6
    assert abs(check.shuffled.r2) < 0.3
    assert check.edge is not None
    assert check.edge.left_out == 18
    assert check.edge.area > 0.7
    found = gels.explain().found
    # The cationic monomer sticks to glass, the more the more of the hydrophobic one is there.
    assert {"Cationic_ATAC", "Hydrophobic_BA", "Hydrophobic_BA × Cationic_ATAC"} <= {each.name for each in found}
    assert all(each.flips is not None and each.flips <= 0.1 for each in found)
