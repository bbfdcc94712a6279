"""Every value that a spreadsheet may have altered is flagged, or refused where it can only be wrong."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from labloop.errors import InvalidTable
from labloop.exchange.damage import altered_name
from labloop.exchange.results import Handed, read_results
from labloop.spec.models import Spec
from labloop.tabular import read_stream, read_table

SPEC = Spec.model_validate(
    {
        "name": "film",
        "parameters": {
            "temperature": {"bounds": [20, 8e6]},
            "plate": {"choices": ["007", "2E5", "1.10", "MAR1", "glass"]},
        },
        "objectives": {"adhesion": {"goal": "maximize"}},
    }
)


def hand(text: str) -> Handed:
    return read_results(read_stream(text.encode(), source="sheet"), SPEC, number_of=int)


@pytest.mark.parametrize(
    ("text", "name"),
    [("7", "007"), ("200000", "2E5"), ("2.00E+05", "2E5"), ("1.1", "1.10"), ("8", None), ("glass", None), ("", None)],
)
def test_a_name_that_became_a_number_is_recognised(text: str, name: str | None) -> None:
    assert altered_name(text, ["007", "2E5", "1.10", "glass", "inf", "1_0"]) == name


def test_two_names_of_one_number_are_not_guessed_between() -> None:
    assert altered_name("7", ["007", "07"]) is None


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("7", "dropped the zeros of '007'"),
        ("2.00E+05", "made a number of '2E5'"),
        ("1.1", "made a number of '1.10'"),
        ("1-Mar", "spreadsheets make dates of 1-3 and MAR1"),
    ],
)
def test_a_choice_that_was_altered_is_refused_with_what_it_was(cell: str, hint: str) -> None:
    with pytest.raises(InvalidTable, match="is not a choice") as caught:
        hand(f"experiment,plate,adhesion\n1,{cell},3\n")
    assert hint in caught.value.hint


def test_numbers_shortened_by_a_spreadsheet_are_flagged_with_their_rows() -> None:
    handed = hand("temperature,plate,adhesion\n1.23E+05,glass,5\n40,glass,1E-07\n41,glass,2e-7\n")
    assert len(handed.results) == 3
    (first, second) = [note for note in handed.notes if "spreadsheet may have altered" in note]
    assert first.startswith("Row 1: 'temperature' has values as spreadsheets shorten them")
    assert second.startswith("Row 2: 'adhesion'")


@pytest.mark.parametrize("number", ["1.23e5", "123000", "1.2345678E+05", "1.5E5"])
def test_numbers_that_a_person_or_a_program_wrote_are_not_flagged(number: str) -> None:
    assert not any("altered" in note for note in hand(f"temperature,plate,adhesion\n{number},glass,5\n").notes)


def test_remarks_that_became_dates_or_lost_digits_are_flagged() -> None:
    handed = hand(
        "experiment,adhesion,sample,barcode,when\n"
        "1,5,A1,4006381333931000000,2024-03-01\n2,6,1-Mar,12,2024-03-02\n3,7,1.20E+11,13,2024-03-03\n"
    )
    notes = " ".join(handed.notes)
    assert "Row 2: 'sample' has values that are dates among others" in notes
    assert "Row 3: 'sample' has values as spreadsheets shorten them" in notes
    assert "Row 1: 'barcode' has values of more than 15 digits that end in 0" in notes
    assert "'when'" not in notes


def test_a_workbooks_own_dates_and_long_numbers_are_flagged(tmp_path: Path) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["experiment", "adhesion", "sample", "barcode"])
    page.append([1, 5, "A1", 12])
    page.append([2, 5, datetime.date(2024, 3, 1), 4006381333931000000])
    book.save(tmp_path / "sheet.xlsx")
    notes = " ".join(read_results(read_table(tmp_path / "sheet.xlsx"), SPEC, number_of=int).notes)
    assert "Row 2: 'sample' has values that are dates among others" in notes
    assert "Row 2: 'barcode'" in notes


def test_a_value_is_compared_with_what_was_measured_before() -> None:
    table = read_stream(b"experiment,adhesion\n9,8320\n", source="sheet")
    known = {"adhesion": [80.0, 85.0, 79.0, 0.0]}
    handed = read_results(table, SPEC, number_of=int, earlier=known)
    assert handed.notes == ("Row 1: adhesion = 8320 is over 100 times the median 82.5; check its unit.",)
    assert read_results(table, SPEC, number_of=int, earlier={"adhesion": [80.0, 85.0]}).notes == ()
