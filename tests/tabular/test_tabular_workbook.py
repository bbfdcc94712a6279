"""Workbooks: what the person sees is what is read; what a workbook can hide is refused."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from labloop.errors import InvalidInput, InvalidTable
from labloop.tabular import Stamp, Table, read_table


def saved(folder: Path, fill: Callable[[Any], object], *, edit: Callable[[str, bytes], bytes] | None = None) -> Path:
    """Fill a workbook and save it, each part of the archive passed through ``edit``."""
    book = Workbook()
    fill(book)
    path = folder / "sheet.xlsx"
    book.save(path)
    if edit is not None:
        with zipfile.ZipFile(path) as archive:
            parts = {name: edit(name, archive.read(name)) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    return path


def rows(*lines: list[Any]) -> Callable[[Any], None]:
    def fill(book: Any) -> None:
        for line in lines:
            book.active.append(line)

    return fill


def cells(table: Table, heading: str) -> list[float | None]:
    return [table.number(cell) for cell in table.column(heading)]


def test_typed_values_are_read(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, rows(["a", "name"], [60.5, "x"], [7, "007"], [None, "y"])))
    assert cells(table, "a") == [60.5, 7.0, None]
    assert table.column("name") == ("x", "007", "y")


def test_numbers_stored_as_text_are_numbers(tmp_path: Path) -> None:
    assert cells(read_table(saved(tmp_path, rows(["a"], ["60.5"]))), "a") == [60.5]


def test_a_percent_cell_is_read_as_it_is_shown(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        rows(["yield", "n"], [0.832, 1])(book)
        book.active["A2"].number_format = "0.0%"

    table = read_table(saved(tmp_path, fill))
    assert table.column("yield") == ("83.2 %",)
    assert table.number(table.rows[0][0], unit="%") == 83.2
    with pytest.raises(InvalidInput, match=r"'83\.2 %' is not a number"):
        table.number(table.rows[0][0])


def test_a_percent_sign_in_quotes_is_only_decoration(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        rows(["yield"], [83.2])(book)
        book.active["A2"].number_format = '0.0" %"'

    assert cells(read_table(saved(tmp_path, fill)), "yield") == [83.2]


@pytest.mark.parametrize(
    "value",
    [datetime.date(2024, 3, 1), datetime.datetime.fromisoformat("2024-03-01T12:30"), datetime.time(1, 3)],
)
def test_a_date_is_no_number(tmp_path: Path, value: object) -> None:
    table = read_table(saved(tmp_path, rows(["a"], [value])))
    assert isinstance(table.rows[0][0], Stamp)
    with pytest.raises(InvalidInput, match="is a date") as caught:
        table.number(table.rows[0][0])
    assert "spreadsheet made it" in caught.value.hint


def test_a_truth_value_is_no_number(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, rows(["a"], [True])))
    with pytest.raises(InvalidInput, match="'true' is not a number"):
        table.number(table.rows[0][0])


class TestFormulas:
    def test_that_were_never_calculated_are_refused_with_their_cells(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTable, match=r"cell B2: the formula '=A2\*2' has no value"):
            read_table(saved(tmp_path, rows(["a", "b"], [1, "=A2*2"])))

    def test_count_as_last_calculated(self, tmp_path: Path) -> None:
        def calculated(name: str, content: bytes) -> bytes:
            if name != "xl/worksheets/sheet1.xml":
                return content
            return re.sub(rb"(<f>A2\*2</f>)<v ?/?>(</v>)?", rb"\1<v>42.5</v>", content)

        path = saved(tmp_path, rows(["a", "b"], [1, "=A2*2"]), edit=calculated)
        assert cells(read_table(path), "b") == [42.5]

    @pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#REF!", "#VALUE!", "#NAME?"])
    def test_that_failed_are_refused(self, tmp_path: Path, error: str) -> None:
        with pytest.raises(InvalidTable, match=f"cell A2: the cell holds the error {re.escape(error)}"):
            read_table(saved(tmp_path, rows(["a"], [error])))


class TestSheets:
    @staticmethod
    def two(first: str, second: str, *, hidden: bool = False) -> Callable[[Any], None]:
        def fill(book: Any) -> None:
            book.active.title = first
            rows(["a"], [1])(book)
            other = book.create_sheet(second)
            other.append(["a"])
            other.append([2])
            if hidden:
                other.sheet_state = "hidden"

        return fill

    def test_that_are_several_are_refused_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="several sheets: one, two") as caught:
            read_table(saved(tmp_path, self.two("one", "two")))
        assert "--sheet" in caught.value.hint

    def test_that_are_hidden_count(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"several sheets: one, two \(hidden\)"):
            read_table(saved(tmp_path, self.two("one", "two", hidden=True)))

    def test_can_be_named(self, tmp_path: Path) -> None:
        path = saved(tmp_path, self.two("one", "two"))
        assert cells(read_table(path, sheet="two"), "a") == [2.0]
        with pytest.raises(InvalidInput, match="no sheet 'tow'") as caught:
            read_table(path, sheet="tow")
        assert "'two'" in caught.value.hint

    def test_that_labloop_wrote_go_first(self, tmp_path: Path) -> None:
        assert cells(read_table(saved(tmp_path, self.two("other", "experiments"))), "a") == [2.0]

    def test_that_are_empty_do_not_count(self, tmp_path: Path) -> None:
        def fill(book: Any) -> None:
            rows(["a"], [1])(book)
            book.create_sheet("Sheet2")

        assert cells(read_table(saved(tmp_path, fill)), "a") == [1.0]

    def test_that_are_all_empty_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="is empty"):
            read_table(saved(tmp_path, lambda _: None))

    def test_with_merged_cells_are_refused(self, tmp_path: Path) -> None:
        def fill(book: Any) -> None:
            rows(["a", "b"], [1, 5], [2, None])(book)
            book.active.merge_cells("B2:B3")

        with pytest.raises(InvalidTable, match="cells B2:B3 of the sheet 'Sheet' are merged"):
            read_table(saved(tmp_path, fill))

    def test_whose_declared_size_is_wrong_are_read_whole(self, tmp_path: Path) -> None:
        def lie(_: str, content: bytes) -> bytes:
            return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', content)

        assert cells(read_table(saved(tmp_path, rows(["a", "b"], [1, 2], [3, 4]), edit=lie)), "b") == [2.0, 4.0]

    def test_are_not_overlooked_where_their_declared_size_is_wrong(self, tmp_path: Path) -> None:
        def fill(book: Any) -> None:
            for name in ("one", "two"):
                page = book.active if name == "one" else book.create_sheet(name)
                page.title = name
                page["B3"], page["B4"] = "a", 1

        def lie(_: str, content: bytes) -> bytes:
            return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', content)

        with pytest.raises(InvalidInput, match="several sheets: one, two"):
            read_table(saved(tmp_path, fill, edit=lie))

    def test_whose_declared_size_is_enormous_are_read_at_once(self, tmp_path: Path) -> None:
        def lie(_: str, content: bytes) -> bytes:
            return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', content)

        assert cells(read_table(saved(tmp_path, rows(["a", "b"], [1, 2]), edit=lie)), "b") == [2.0]

    def test_with_something_far_away_are_refused(self, tmp_path: Path) -> None:
        def fill(book: Any) -> None:
            rows(["a", "b"], [1, 2])(book)
            book.active["XFD20"] = "x"

        with pytest.raises(InvalidTable, match="16384 cells for 2 headings"):
            read_table(saved(tmp_path, fill))


class TestDamage:
    @pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04 and no archive" * 9])
    def test_no_archive(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "sheet.xlsx"
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="not an XLSX workbook"):
            read_table(path)

    def test_text_under_the_name_of_a_workbook(self, tmp_path: Path) -> None:
        path = tmp_path / "sheet.xlsx"
        path.write_text("a,b\n1,2\n")
        with pytest.raises(InvalidInput, match="not an XLSX workbook"):
            read_table(path)

    def test_another_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "sheet.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
        with pytest.raises(InvalidInput, match="not an XLSX workbook"):
            read_table(path)

    def test_a_zip_bomb_is_refused_before_it_is_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("openpyxl.load_workbook", lambda *_, **__: pytest.fail("it was opened"))
        path = tmp_path / "bomb.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", bytes(30_000_000))
        with pytest.raises(InvalidInput, match=r"unpacks from .* to 30,000,000 bytes"):
            read_table(path)

    def test_xml_entities_are_refused(self, tmp_path: Path) -> None:
        def declare(name: str, content: bytes) -> bytes:
            if name != "xl/workbook.xml":
                return content
            return b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + content

        with pytest.raises(InvalidInput, match="declares XML entities"):
            read_table(saved(tmp_path, rows(["a"], [1]), edit=declare))

    def test_a_truncated_workbook(self, tmp_path: Path) -> None:
        path = saved(tmp_path, rows(["a"], [1]))
        whole = path.read_bytes()
        for length in range(4, len(whole), len(whole) // 12):
            path.write_bytes(whole[:length])
            with pytest.raises(InvalidInput, match="XLSX workbook"):
                read_table(path)

    def test_damaged_bytes_never_escape_as_another_error(self, tmp_path: Path) -> None:
        path = saved(tmp_path, rows(["a", "b"], [1, 2]))
        whole = path.read_bytes()
        for place in range(0, len(whole), 131):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
            try:
                read_table(path)
            except InvalidInput:
                continue

    def test_an_enormous_sheet_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labloop.tabular.workbook.MOST_CELLS", 20)
        with pytest.raises(InvalidInput, match="more than 20 cells"):
            read_table(saved(tmp_path, rows(["a", "b"], *([[1, 2]] * 30))))

    def test_a_stream_of_the_same_bytes_reads_the_same(self, tmp_path: Path) -> None:
        from labloop.tabular import read_stream

        path = saved(tmp_path, rows(["a"], [1]))
        assert read_stream(io.BytesIO(path.read_bytes()).read(), source="-").rows == ((1.0,),)


def test_a_second_sheet_that_is_not_read_is_said(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active.title = "experiments"
        rows(["a"], [1])(book)
        book.create_sheet("Tabelle2").append(["b"])
        book.create_sheet("empty")

    (note,) = read_table(saved(tmp_path, fill)).notes
    assert note == "sheet.xlsx: only the sheet 'experiments' was read, not Tabelle2 (see --sheet)."


def test_a_title_above_the_headings_is_one_problem_that_says_where_they_are(tmp_path: Path) -> None:
    table = rows(["Batch 3, 12 May"], [], ["a", "name"], *([index, "x"] for index in range(9)))
    with pytest.raises(InvalidTable, match="first row is a title, 'Batch 3, 12 May'") as caught:
        read_table(saved(tmp_path, table))
    assert len(caught.value.problems) == 1
    assert "headings seem to be in line 3" in caught.value.hint


def test_one_column_and_a_stray_row_of_numbers_is_no_title(tmp_path: Path) -> None:
    with pytest.raises(InvalidTable, match="2 cells for 1 headings"):
        read_table(saved(tmp_path, rows(["yield"], [1], [83, 2])))
