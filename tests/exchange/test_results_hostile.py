"""Filled-in sheets as laboratories hand them in: every cell that cannot be is refused with row and column."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from labloop.errors import InvalidInput, InvalidTable
from labloop.exchange.results import Handed, read_results
from labloop.loop.lookup import experiment_number
from labloop.records import FailureKind
from labloop.spec.models import Spec
from labloop.tabular import read_records, read_stream, read_table

SPEC = Spec.model_validate(
    {
        "name": "film",
        "parameters": {
            "A": {"mixture": "blend", "unit": "%"},
            "B": {"mixture": "blend", "unit": "%"},
            "temperature": {"bounds": [20, 80], "unit": "degC"},
            "cycles": {"bounds": [1, 8], "integer": True},
            "plate": {"choices": ["007", "MAR1", "glass"]},
            "humidity": {"observed": True, "unit": "%"},
            "arm": {"value": "robot"},
        },
        "mixtures": {"blend": {"total": 100}},
        "objectives": {
            "adhesion": {"goal": "maximize", "unit": "kPa", "label": "Glass (kPa)_max"},
            "yield": {"goal": "maximize", "unit": "%", "range": [0, 100]},
        },
    }
)
OWN: dict[str, Any] = {"A": 40, "B": 60, "temperature": 50, "cycles": 3, "plate": "glass"}


def hand(*rows: Mapping[str, Any], outside: bool = False) -> Handed:
    return read_results(
        read_records(rows, source="sheet"),
        SPEC,
        number_of=lambda text: experiment_number("film", text),
        outside=outside,
    )


def hand_csv(text: str) -> Handed:
    return read_results(
        read_stream(text.encode(), source="sheet"), SPEC, number_of=lambda text: experiment_number("film", text)
    )


class TestCells:
    @pytest.mark.parametrize(
        ("column", "value", "said"),
        [
            ("yield", "1e308", r"'1e308' is too large"),
            ("yield", "inf", r"'inf' is not a number"),
            ("yield", "nan", r"'nan' is not a number"),
            ("yield", "n/a", r"'n/a' is not a number"),
            ("yield", "none left", r"'none left' is not a number"),
            ("yield", "2024-03-01", r"'2024-03-01' is not a number"),
            ("yield", 120, r"yield = 120 is outside its range 0 to 100"),
            ("yield", -1, r"yield = -1 is outside"),
            ("yield", "83.2 kPa", r"'83\.2 kPa' is in kPa, expected %"),
            ("Glass (kPa)_max", "3 MPa", r"'3 MPa' is in MPa, expected kPa"),
            ("cycles", "3 min", r"'3 min' is in min, expected a number without a unit"),
            ("temperature", 90, r"temperature is 90 degC, expected 20 to 80 degC"),
            ("cycles", 2.5, r"cycles is 2\.5, expected a whole number"),
            ("plate", "wood", r"plate has no choice 'wood'"),
            ("arm", "hand", r"arm has no choice|arm is 'hand'"),
            ("humidity", "damp", r"'damp' is not a number"),
            ("failure", "broke", r"'broke' is not a kind of failure"),
            ("replicate", "second", r"'second' is not a replicate"),
            ("replicate", 0, r"'0' is not a replicate"),
            ("experiment", "other#1", r"belongs to the campaign 'other'"),
            ("experiment", "seven", r"'seven' is not an experiment"),
        ],
    )
    def test_that_cannot_be_are_refused_with_row_and_column(self, column: str, value: object, said: str) -> None:
        good = {"experiment": "film#1", "yield": 50, "humidity": 40}
        with pytest.raises(InvalidTable, match=said) as caught:
            hand(good, {"experiment": "film#2", "yield": 51, column: value})
        (problem,) = caught.value.problems
        assert (problem.row, problem.path) == (2, column)
        assert problem.hint

    def test_are_all_listed_but_not_without_end(self) -> None:
        with pytest.raises(InvalidTable, match="and 20 more problems") as caught:
            hand(*({"experiment": k, "yield": "?"} for k in range(1, 41)))
        assert len(caught.value.problems) == 21

    def test_may_repeat_their_own_unit_in_any_spelling(self) -> None:
        (result,) = hand({**OWN, "temperature": "50 °C", "yield": "83.2 %"}).results
        assert (result.executed or {})["temperature"] == 50
        assert result.outcomes == {"yield": 83.2}

    def test_that_are_blank_are_not_measured(self) -> None:
        (result,) = hand({"experiment": "film#1", "yield": "", "Glass (kPa)_max": None, "humidity": " "}).results
        assert result.outcomes == {}
        assert result.covariates == {}
        assert result.executed is None

    def test_outside_the_bounds_are_taken_when_asked_but_never_outside_the_range(self) -> None:
        (result,) = hand({"experiment": 1, "temperature": 90, "yield": 3}, outside=True).results
        assert result.executed == {"temperature": 90}
        with pytest.raises(InvalidTable, match="outside its range"):
            hand({"experiment": 1, "yield": 130}, outside=True)

    def test_that_tell_of_a_failure_cannot_tell_a_result(self) -> None:
        with pytest.raises(InvalidTable, match="failed, and yet it has results"):
            hand({"experiment": 1, "yield": 3, "failure": "operator"})
        (result,) = hand({"experiment": 1, "failure": "Infeasible"}).results
        assert result.failure is FailureKind.INFEASIBLE

    def test_far_from_all_others_are_said_and_kept(self) -> None:
        handed = hand(*({"experiment": k, "Glass (kPa)_max": 5.0 if k < 6 else 5000} for k in range(1, 7)))
        assert len(handed.results) == 6
        assert "Row 6: adhesion = 5000 is over 100 times the median" in handed.notes[-1]


class TestSpreadsheetDamage:
    @staticmethod
    def workbook(folder: Path, **cells: object) -> Handed:
        book = Workbook()
        page = book.active
        assert page is not None
        page.append(["experiment", *cells])
        page.append(["film#1", *cells.values()])
        book.save(folder / "sheet.xlsx")
        return read_results(read_table(folder / "sheet.xlsx"), SPEC, number_of=lambda t: experiment_number("film", t))

    def test_dropped_zeros_of_a_choice(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTable, match="row 1, plate: '7' is not a choice") as caught:
            self.workbook(tmp_path, plate=7)
        assert "dropped the zeros of '007'" in caught.value.hint

    def test_a_choice_that_became_a_date(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTable, match=r"plate: .* is a date"):
            self.workbook(tmp_path, plate=datetime.date(2024, 3, 1))
        with pytest.raises(InvalidTable, match="'1-Mar' is not a choice, and looks like a date"):
            hand_csv("experiment,plate\n1,1-Mar\n")

    def test_a_number_that_became_a_date(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTable, match=r"row 1, yield: .* is a date"):
            self.workbook(tmp_path, **{"yield": datetime.date(2024, 3, 1)})

    def test_a_choice_as_text_keeps_its_zeros(self, tmp_path: Path) -> None:
        (result,) = self.workbook(tmp_path, plate="007").results
        assert result.executed == {"plate": "007"}


class TestHeadings:
    @pytest.mark.parametrize(
        "heading",
        ["yield", "Yield", "yield [%]", "yield (%)", "Yield_%", "yield / %", "yield (percent)", "YIELD %"],
    )
    def test_are_known_with_their_unit_or_without(self, heading: str) -> None:
        assert hand({"experiment": 1, heading: 3}).results[0].outcomes == {"yield": 3}

    @pytest.mark.parametrize(
        ("heading", "unit"), [("yield (kPa)", "kPa"), ("adhesion MPa", "MPa"), ("temperature [K]", "K")]
    )
    def test_with_another_unit_are_refused(self, heading: str, unit: str) -> None:
        with pytest.raises(InvalidTable, match=f"is in {unit}, .* is declared in"):
            hand({"experiment": 1, heading: 3, "note": ""})

    @pytest.mark.parametrize(
        ("heading", "meant"),
        [
            ("yeild", "yield"),
            ("Yields", "yield"),
            ("yield (furlong)", "yield"),
            ("yield of run", "yield"),
            ("adhesion", None),
            ("adhesoin", "Glass"),
            ("tempreature", "temperature"),
            ("Experimnt", "experiment"),
            ("replicates", "replicate"),
        ],
    )
    def test_that_are_renamed_are_never_taken_for_remarks(self, heading: str, meant: str | None) -> None:
        if meant is None:
            assert hand({"experiment": 1, heading: 3}).results[0].outcomes == {"adhesion": 3}
            return
        with pytest.raises(InvalidTable, match="unknown column") as caught:
            hand({"note": "x", heading: 3, "humidity": 4})
        assert meant in caught.value.hint

    def test_that_mean_the_same_are_refused(self) -> None:
        with pytest.raises(InvalidTable, match=r"'yield' and 'yield \[%\]' both mean yield"):
            hand({"experiment": 1, "yield": 3, "yield [%]": 4})

    def test_that_are_unknown_are_kept_as_remarks(self) -> None:
        row = {"experiment": 1, "yield": 3, "adhesion": None, "fume hood": 7, "colour": "", "batch": 4}
        handed = hand(row)
        assert handed.results[0].extra == {"fume hood": "7"}
        assert handed.notes == ("Not in the campaign, kept as notes: fume hood.",)

    @pytest.mark.parametrize("value", [7, "7,5", "7.5 kPa"])
    def test_that_may_be_an_outcome_under_another_name_are_refused(self, value: object) -> None:
        with pytest.raises(InvalidTable, match=r"no column Glass \(kPa\)_max, and the unknown column 'tack'") as caught:
            hand({"experiment": 1, "yield": 3, "tack": value})
        assert "rename the column if it holds adhesion" in caught.value.hint
        assert "blank column" in caught.value.hint

    @pytest.mark.parametrize("remark", ["blue", "12a", "2026-05-01", "12.05.2026", "B 7"])
    def test_of_remarks_are_kept_though_an_outcome_is_missing(self, remark: str) -> None:
        assert hand({"experiment": 1, "yield": 3, "tack": remark}).results[0].extra == {"tack": remark}

    def test_of_what_an_export_adds_are_passed_over(self) -> None:
        (result,) = hand({"experiment": 1, "yield": 3, "planned temperature": 40}).results
        assert result.extra == {}

    @pytest.mark.parametrize("heading", ["note", "Notes", "comment", "Remarks"])
    def test_of_notes_are_notes(self, heading: str) -> None:
        (result,) = hand({"experiment": 1, "yield": 3, heading: "odd"}).results
        assert result.note == "odd"

    def test_of_which_none_is_known_are_refused(self) -> None:
        with pytest.raises(InvalidInput, match="no column that the campaign knows"):
            hand({"wobble": 1, "speed": 2})


class TestRows:
    @pytest.mark.parametrize("said", [7, "7", 7.0, "film#7", " film#7 "])
    def test_name_their_experiment_in_any_way(self, said: object) -> None:
        assert hand({"experiment": said, "yield": 3}).results[0].experiment == 7

    def test_that_repeat_an_experiment_are_refused(self) -> None:
        with pytest.raises(InvalidTable, match="row 2, experiment: repeats the experiment of row 1") as caught:
            hand({"experiment": 1, "yield": 3}, {"experiment": "film#1", "yield": 3})
        assert "replicate" in caught.value.hint

    def test_that_number_their_replicates_are_taken(self) -> None:
        rows = [{"experiment": 1, "replicate": k, "yield": 3} for k in (1, 2)]
        assert [result.replicate for result in hand(*rows).results] == [1, 2]
        with pytest.raises(InvalidTable, match="repeats"):
            hand(*rows, {"experiment": 1, "replicate": 2, "yield": 4})

    def test_without_an_experiment_need_all_conditions(self) -> None:
        with pytest.raises(InvalidTable, match=r"row 1: .* lacks A, B, cycles, plate"):
            hand({"temperature": 50, "yield": 3})
        (result,) = hand({**OWN, "yield": 3}).results
        assert result.experiment is None
        assert result.executed == OWN


class TestMixtures:
    @pytest.mark.parametrize("named", [{}, {"experiment": "film#1"}])
    def test_that_do_not_sum_up_are_refused(self, named: dict[str, Any]) -> None:
        with pytest.raises(InvalidTable, match="row 1, A: blend sums to 90, expected 100"):
            hand({**OWN, **named, "A": 30, "yield": 3})

    def test_in_fractions_instead_of_percent_are_called_that(self) -> None:
        with pytest.raises(InvalidTable, match="blend sums to 1, expected 100") as caught:
            hand({**OWN, "A": 0.4, "B": 0.6, "yield": 3})
        assert "percent or fraction?" in caught.value.hint

    @pytest.mark.parametrize(("amount", "noted"), [(60.0, False), (60 + 1e-9, False), (60.4, True), (59.2, True)])
    def test_as_weighed_in_are_kept_as_they_are(self, amount: float, noted: bool) -> None:
        handed = hand({**OWN, "B": amount, "yield": 3})
        assert (handed.results[0].executed or {})["B"] == amount
        assert any("blend sums to" in note for note in handed.notes) == noted

    def test_of_which_one_part_is_given_are_left_to_the_plan(self) -> None:
        assert hand({"experiment": 1, "A": 41, "yield": 3}).results[0].executed == {"A": 41}


class TestDecimalCommas:
    def test_of_a_german_sheet_are_read(self) -> None:
        handed = hand_csv("experiment;temperature [°C];yield [%]\nfilm#1;60,5;1,25\n")
        (result,) = handed.results
        assert result.executed == {"temperature": 60.5}
        assert result.outcomes == {"yield": 1.25}

    def test_that_may_be_thousands_are_refused(self) -> None:
        with pytest.raises(InvalidTable, match=r"row 1, yield: '1,234' could be 1\.234 or 1234"):
            hand_csv("experiment;yield\n1;1,234\n")
