"""A lab that answers from a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from labloop.errors import InvalidInput
from labloop.records import Conditions, Outcomes
from labloop.simulate import lookup_lab

CONDITIONS: list[Conditions] = [
    {"solvent": "water", "temperature": 20, "vessel": "vial"},
    {"solvent": "water", "temperature": 40, "vessel": "vial"},
    {"solvent": "EtOH", "temperature": 20, "vessel": "vial"},
    {"solvent": "EtOH", "temperature": 40, "vessel": "vial"},
]
OUTCOMES: list[Outcomes] = [{"yield": 10.0}, {"yield": 30.0}, {"yield": 20.0}, {"yield": 90.0}]


def test_a_row_is_answered_with_its_result() -> None:
    place = lookup_lab(CONDITIONS, OUTCOMES)
    assert [place.truth(each)["yield"] for each in CONDITIONS] == [10.0, 30.0, 20.0, 90.0]
    assert place.perform(4, CONDITIONS[1]).outcomes == {"yield": 30.0}


def test_numbers_match_as_numbers() -> None:
    place = lookup_lab(CONDITIONS, OUTCOMES)
    assert place.truth({"solvent": "water", "temperature": 40.0 + 1e-13, "vessel": "vial"}) == {"yield": 30.0}


def test_a_constant_may_be_left_out() -> None:
    assert lookup_lab(CONDITIONS, OUTCOMES).truth({"solvent": "EtOH", "temperature": 40}) == {"yield": 90.0}


def test_the_optimum_is_the_best_row() -> None:
    assert lookup_lab(CONDITIONS, OUTCOMES).optimum.outcomes == {"yield": 90.0}
    assert lookup_lab(CONDITIONS, OUTCOMES, goal="minimize").optimum.conditions == CONDITIONS[0]


def test_every_combination_needs_no_list_of_candidates() -> None:
    assert lookup_lab(CONDITIONS, OUTCOMES).campaign.candidates is None


def test_missing_combinations_make_the_rows_the_whole_space() -> None:
    candidates = lookup_lab(CONDITIONS[:3], OUTCOMES[:3]).campaign.candidates
    assert candidates is not None
    assert candidates.columns == ("solvent", "temperature")
    assert candidates.rows == (("water", 20.0), ("water", 40.0), ("EtOH", 20.0))


def test_a_row_that_is_not_there_is_refused_and_the_nearest_is_named() -> None:
    place = lookup_lab(CONDITIONS[:3], OUTCOMES[:3])
    with pytest.raises(InvalidInput, match=r"no row with solvent = 'EtOH', temperature = 40") as caught:
        place.truth({"solvent": "EtOH", "temperature": 40})
    assert caught.value.hint == "the nearest row has temperature = 20.0"


def test_replicates_give_the_truth_and_the_noise() -> None:
    place = lookup_lab([*CONDITIONS, CONDITIONS[0]], [*OUTCOMES, {"yield": 14.0}])
    assert place.truth(CONDITIONS[0]) == {"yield": 12.0}
    assert place.noise["yield"].absolute == pytest.approx(8**0.5)
    draws = {place.measure(CONDITIONS[0], np.random.default_rng(seed))["yield"] for seed in range(5)}
    assert len(draws) == 5


def test_a_ragged_or_empty_table_is_refused() -> None:
    with pytest.raises(InvalidInput, match="row 2 has other parameters than the first row: pressure"):
        lookup_lab([{"temperature": 1}, {"temperature": 2, "pressure": 1}], OUTCOMES[:2])
    with pytest.raises(InvalidInput, match="0 rows of conditions"):
        lookup_lab([], [])
    with pytest.raises(InvalidInput, match="row 1 has no outcome"):
        lookup_lab(CONDITIONS[:1], [{}])


def test_the_direct_arylations_can_be_looked_up(shared_data: Path) -> None:
    with (shared_data / "direct_arylation.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("Base", "Ligand", "Solvent")
    conditions: list[Conditions] = [
        {**{n: row[n] for n in names}, "c": float(row["Concentration"]), "T": float(row["Temp_C"])} for row in rows
    ]
    place = lookup_lab(conditions, [{"yield": float(row["yield"])} for row in rows], name="arylation")
    assert len(rows) == 1728
    assert place.campaign.candidates is None
    assert place.optimum.outcomes["yield"] == max(float(row["yield"]) for row in rows)
    assert place.truth(conditions[2]) == {"yield": float(rows[2]["yield"])}
