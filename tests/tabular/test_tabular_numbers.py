"""Numbers: read as written, or refused; never another number."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labloop.errors import InvalidInput, LabloopError
from labloop.tabular import Table, parse_number, read_table


def read(folder: Path, text: str) -> Table:
    path = folder / "sheet.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def numbers(table: Table, heading: str) -> list[float | None]:
    return [table.number(cell) for cell in table.column(heading)]


class TestOneNumber:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("60.5", 60.5), (" 7 ", 7.0), ("-0.25", -0.25), ("\u22125", -5.0), ("+3", 3.0), (".5", 0.5), ("5.", 5.0),
            ("1e-5", 1e-5), ("2.5E3", 2500.0), ("1,234.5", 1234.5), ("1,234,567.0", 1234567.0), ("007", 7.0),
            ("1\u00a0234", 1234.0),
        ],
    )  # fmt: skip
    def test_is_read(self, text: str, value: float) -> None:
        assert parse_number(text) == value

    @pytest.mark.parametrize(
        "text",
        ["", "abc", "1_000", "0x10", "1 234", "5±1", "1/2", "1..2", "--5", "1e", "e5", "1,2,3", "12,34.5", "TRUE", "∞"],
    )
    def test_is_nothing_else(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="is not a number"):
            parse_number(text)

    @pytest.mark.parametrize("text", ["1e308", "-1e151", "1e999", "9" * 400])
    def test_is_not_larger_than_its_square_can_be(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="too large"):
            parse_number(text)

    @pytest.mark.parametrize("text", ["n/a", "NA", "nan", "NaN", "-", "null", "None", "n.d.", "failed", "?"])
    def test_is_not_a_word_for_nothing(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="is not a number") as caught:
            parse_number(text)
        assert "leave the cell blank" in caught.value.hint
        assert "failure" in caught.value.hint

    @pytest.mark.parametrize("text", ["inf", "-inf", "Infinity"])
    def test_is_finite(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="is not a number"):
            parse_number(text)

    @pytest.mark.parametrize(
        "text",
        ["2024-03-01", "1-Mar", "Mar-01", "01.03.2024", "1/3/24", "3. Mai", "12:30", "2024-03-01 00:00:00", "Okt 24"],
    )
    def test_is_not_a_date_and_the_hint_says_who_made_it(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="is not a number") as caught:
            parse_number(text)
        assert "spreadsheet made a date" in caught.value.hint

    @pytest.mark.parametrize("text", ["1,234", "12,345", "-1,234"])
    def test_that_could_be_two_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="could be"):
            parse_number(text)

    @given(st.floats(-1e150, 1e150))
    def test_survives_its_own_repr(self, value: float) -> None:
        assert parse_number(repr(value)) == value

    @given(st.text(max_size=12))
    def test_is_finite_or_refused_whatever_is_typed(self, text: str) -> None:
        with contextlib.suppress(LabloopError):
            assert math.isfinite(parse_number(text))


class TestDecimalCommas:
    def test_are_read_in_a_file_of_semicolons(self, tmp_path: Path) -> None:
        table = read(tmp_path, "temp;yield\n60,5;1,25\n")
        assert numbers(table, "temp") == [60.5]
        assert numbers(table, "yield") == [1.25]

    def test_are_read_in_a_file_of_tabs(self, tmp_path: Path) -> None:
        assert numbers(read(tmp_path, "temp\tyield\n60,5\t7\n"), "temp") == [60.5]

    def test_in_quotes_are_read_where_only_one_reading_makes_sense(self, tmp_path: Path) -> None:
        assert numbers(read(tmp_path, 'temp,yield\n"60,5",7\n"1,234",8\n'), "temp") == [60.5, 1.234]

    @pytest.mark.parametrize("text", ["temp;yield\n1,234;5\n12,345;6\n", 'temp,yield\n"1,234",5\n'])
    def test_that_may_be_thousands_are_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InvalidInput, match=r"could be 1\.234 or 1234") as caught:
            numbers(read(tmp_path, text), "temp")
        assert "decimal point" in caught.value.hint

    def test_are_told_by_another_number_of_the_file(self, tmp_path: Path) -> None:
        table = read(tmp_path, "temp;yield\n1,234;60,5\n12,345;61,5\n")
        assert numbers(table, "temp") == [1.234, 12.345]

    def test_with_thousands_are_read(self, tmp_path: Path) -> None:
        assert numbers(read(tmp_path, "temp;yield\n1.234,5;5\n"), "temp") == [1234.5]

    def test_beside_points_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"sheet\.csv: decimal commas \('60,5'\) and decimal points \('1.5'\)"):
            read(tmp_path, "temp;yield\n60,5;1.5\n")

    def test_beside_what_may_be_thousands_with_points_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="in one table"):
            read(tmp_path, "temp;yield\n60,5;1.234\n")

    def test_in_a_remark_say_nothing_about_the_numbers(self, tmp_path: Path) -> None:
        table = read(tmp_path, 'temp,note\n60.5,"3,5 used"\n61.5,fine\n62.5,so so\n')
        assert numbers(table, "temp") == [60.5, 61.5, 62.5]

    def test_behind_which_a_unit_stands_count_too(self, tmp_path: Path) -> None:
        table = read(tmp_path, "yield;n\n83,2 %;1\n")
        assert table.number(table.rows[0][0], unit="%") == 83.2

    @given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 4)), min_size=1, max_size=6))
    def test_never_change_a_value(self, values: list[float]) -> None:
        from labloop.tabular import read_stream

        text = "a;b\n" + "".join(f"{f'{value:.4f}'.replace('.', ',')};1\n" for value in values)
        assert numbers(read_stream(text.encode(), source="x"), "a") == values


class TestUnitsInCells:
    def test_the_declared_unit_may_be_repeated(self, tmp_path: Path) -> None:
        table = read(tmp_path, "yield,n\n83.2 %,1\n")
        assert table.number(table.rows[0][0], unit="%") == 83.2

    def test_another_is_refused(self, tmp_path: Path) -> None:
        table = read(tmp_path, "p,n\n83.2 psi,1\n")
        with pytest.raises(InvalidInput, match=r"'83\.2 psi' is not a number"):
            table.number(table.rows[0][0], unit="kPa")

    def test_blank_is_not_measured_and_never_zero(self, tmp_path: Path) -> None:
        assert numbers(read(tmp_path, "a,b\n,1\n ,2\n0,3\n"), "a") == [None, None, 0.0]
