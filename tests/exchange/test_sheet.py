"""Sheets that are written are read back as they were, by spreadsheets and by us."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labloop.errors import Conflict, InvalidInput, StorageError
from labloop.exchange.layout import batch_sheet
from labloop.exchange.results import read_results
from labloop.exchange.sheet import Column, Sheet, write_sheet
from labloop.records import Experiment, Origin, Status, Value
from labloop.spec.models import Spec
from labloop.tabular import Table, read_table

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=x", "'=x", "''=x", "-", "'til", "=cmd|' /C calc'!A0"]
SHEET = Sheet((Column("id"), Column("dose", "plan"), Column("yield", "result")), (("s#1", 0.1 + 0.2, None),))
ENDINGS = pytest.mark.parametrize("ending", [".csv", ".xlsx", ".json"])

numbers = st.floats(-1e150, 1e150).map(lambda x: x + 0.0) | st.integers(-(2**53), 2**53)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufeff"),
    min_size=1,
    max_size=20,
).filter(lambda text: bool(text.strip()) and unicodedata.normalize("NFC", text) == text)


def round_trip(folder: Path, sheet: Sheet, ending: str) -> Table:
    path = folder / f"sheet{ending}"
    write_sheet(path, sheet, force=True)
    return read_table(path)


@ENDINGS
def test_numbers_keep_every_digit(tmp_path: Path, ending: str) -> None:
    table = round_trip(tmp_path, SHEET, ending)
    assert table.number(table.rows[0][table.headings.index("dose")]) == 0.1 + 0.2


@ENDINGS
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(words, numbers, words | st.none()), min_size=1, max_size=4))
def test_what_is_written_is_read_back(
    tmp_path: Path, ending: str, rows: list[tuple[str, float | int, str | None]]
) -> None:
    sheet = Sheet((Column("name"), Column("dose", "plan"), Column("remark"), Column("n")), tuple((*r, 1) for r in rows))
    table = round_trip(tmp_path, sheet, ending)
    for (name, dose, remark), cells in zip(rows, table.rows, strict=True):
        found = dict(zip(table.headings, cells, strict=True))
        assert found["name"] == name
        assert table.number(found["dose"]) == dose
        assert found.get("remark", "") == (remark or "")


@ENDINGS
@pytest.mark.parametrize("text", DANGEROUS)
def test_texts_that_look_like_formulas_come_back_as_they_were(tmp_path: Path, ending: str, text: str) -> None:
    table = round_trip(tmp_path, Sheet((Column("a"), Column("b")), ((text, 1.0),)), ending)
    assert table.rows[0][0] == text


@pytest.mark.parametrize("text", [text for text in DANGEROUS if text != "'til"])
def test_csv_never_hands_a_formula_to_a_spreadsheet(tmp_path: Path, text: str) -> None:
    write_sheet(tmp_path / "a.csv", Sheet((Column(text), Column("b")), ((text, -5.5),)))
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        (heading, _), (cell, number) = csv.reader(file)
    assert heading[0] == cell[0] == "'"
    assert number == "-5.5"


def test_xlsx_never_hands_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    write_sheet(tmp_path / "a.xlsx", Sheet((Column("a"),), tuple((text,) for text in DANGEROUS)))
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["experiments"]
    assert {cell.data_type for (cell,) in page.iter_rows(min_row=2)} == {"s"}


def test_csv_opens_in_excel_as_utf_8(tmp_path: Path) -> None:
    write_sheet(tmp_path / "a.csv", Sheet((Column("Temp (°C)"),), ((1.0,),)))
    assert (tmp_path / "a.csv").read_bytes() == "\ufeffTemp (°C)\r\n1\r\n".encode()


def test_xlsx_shows_what_to_set_and_what_to_fill_in(tmp_path: Path) -> None:
    write_sheet(tmp_path / "a.xlsx", SHEET)
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["experiments"]
    assert page.freeze_panes == "B2"
    assert page["A1"].font.bold
    shades = {page[cell].fill.fgColor.rgb for cell in ("A2", "B2", "C2")}
    assert len(shades) == 3
    assert page["B2"].number_format == "General"


@ENDINGS
def test_control_characters_are_shown_as_replaced(tmp_path: Path, ending: str) -> None:
    table = round_trip(tmp_path, Sheet((Column("a"), Column("b")), (("x\x0by", 1.0),)), ending)
    assert table.rows[0][0] == "x\ufffdy"


@ENDINGS
def test_a_file_is_not_overwritten_unasked(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_text("filled in by hand")
    with pytest.raises(Conflict, match="exists"):
        write_sheet(path, SHEET)
    assert path.read_text() == "filled in by hand"
    write_sheet(path, SHEET, force=True)
    assert len(read_table(path).rows) == 1


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dumps", fail)
    with pytest.raises(StorageError, match="No space left"):
        write_sheet(path, SHEET, force=True)
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_an_unknown_ending_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ends in '\.ods'"):
        write_sheet(tmp_path / "a.ods", SHEET)
    with pytest.raises(StorageError, match="no folder"):
        write_sheet(tmp_path / "nowhere" / "a.csv", SHEET)


@ENDINGS
def test_a_batch_comes_back_as_planned_and_not_measured(tmp_path: Path, spec: Spec, ending: str) -> None:
    planned: dict[str, Value] = {"temperature": 45.0, "time": 10.0, "solvent": "EtOH", "operator": "robot"}
    batch = [Experiment(k, Status.PROPOSED, Origin.PLANNER, planned, planned) for k in (1, 2)]
    table = round_trip(tmp_path, batch_sheet(spec, batch), ending)
    handed = read_results(table, spec, number_of=lambda text: int(text.rpartition("#")[2]))
    assert [result.experiment for result in handed.results] == [1, 2]
    assert all(result.executed == planned and not result.outcomes for result in handed.results)
