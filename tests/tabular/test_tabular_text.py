"""Text files from anywhere: the encoding and the delimiter are certain, or the file is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from labloop.errors import InvalidInput, InvalidTable, NotFound
from labloop.tabular import Table, read_stream, read_table, reading


def read(folder: Path, content: str | bytes, name: str = "sheet.csv") -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


class TestEncodings:
    WESTERN = "Temp (°C);Qualität;c [µM]\n60,5;gut;1,25\n"
    JAPANESE = "温度(℃),収率(%),溶媒\n60.5,83.2,水\n"

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
    )
    def test_western_text_is_read(self, tmp_path: Path, encoding: str) -> None:
        table = read(tmp_path, self.WESTERN.encode(encoding))
        assert table.headings == ("Temp (°C)", "Qualität", "c [µM]")
        assert table.number(table.rows[0][0]) == 60.5

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "shift_jis", "cp932"])
    def test_japanese_text_is_read(self, tmp_path: Path, encoding: str) -> None:
        table = read(tmp_path, self.JAPANESE.encode(encoding))
        assert table.headings == ("温度(℃)", "収率(%)", "溶媒")
        assert table.rows[0][2] == "水"

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("温度,收率\n1,2\n", "gbk"),
            ("温度,収率\n1,2\n", "euc_jp"),
            ("온도,수율\n1,2\n", "euc_kr"),
            ("Температура,выход\n1,2\n", "cp1251"),
            ("Temp (°C),yield\n1,2\n", "mac_roman"),
            ("Temp (°C),yield\n1,2\n", "utf-32"),
        ],
    )
    def test_other_encodings_are_refused_with_the_way_out(self, tmp_path: Path, text: str, encoding: str) -> None:
        with pytest.raises(InvalidInput, match=r"sheet\.csv .*") as caught:
            read(tmp_path, text.encode(encoding))
        assert "UTF-8" in caught.value.hint

    def test_utf_8_with_a_foreign_byte_names_the_line(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="not in line 3: byte 0xe9"):
            read(tmp_path, "Temp (°C),µ\n1,2\n".encode() + b"\xe9,3\n")

    @pytest.mark.parametrize("content", [b"a,b\n1,\0\n", b"\0\1\2\3" * 50, b"\x7fELF\0\0\0"])
    def test_binary_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(InvalidInput, match="zero bytes"):
            read(tmp_path, content)

    def test_a_control_character_is_refused_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"control character U\+0001 in line 2"):
            read(tmp_path, "a,b\n1,\x01\n")

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b"%PDF-1.7 ...", "a PDF"),
            (b"\x89PNG\r\n", "a picture"),
            (b"\x1f\x8b\x08\0", "compressed"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "old or encrypted Excel"),
        ],
    )
    def test_well_known_files_are_called_by_name(self, tmp_path: Path, content: bytes, what: str) -> None:
        with pytest.raises(InvalidInput, match=what):
            read(tmp_path, content)


class TestDelimiters:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_are_found_out(self, tmp_path: Path, delimiter: str) -> None:
        table = read(tmp_path, "temp,yield\n60,83\n".replace(",", delimiter))
        assert table.headings == ("temp", "yield")
        assert table.rows == (("60", "83"),)

    def test_a_remark_may_hold_the_other_delimiter(self, tmp_path: Path) -> None:
        table = read(tmp_path, "temp,note\n60,slow; then fast\n70,ok\n")
        assert table.rows[0] == ("60", "slow; then fast")

    def test_a_file_with_two_readings_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="separated by commas and by semicolons"):
            read(tmp_path, "ratio A;B,yield\n1;2,50\n3;4,60\n")

    def test_a_comma_before_a_unit_is_punctuation(self, tmp_path: Path) -> None:
        table = read(tmp_path, "Temp, °C;Yield, %\n60,5;1,25\n")
        assert table.headings == ("Temp, °C", "Yield, %")
        assert [table.number(cell) for cell in table.rows[0]] == [60.5, 1.25]

    def test_a_line_that_names_the_delimiter_is_believed(self, tmp_path: Path) -> None:
        table = read(tmp_path, "sep=;\na, b;c\n1,5;2\n")
        assert table.headings == ("a, b", "c")
        assert [table.number(cell) for cell in table.rows[0]] == [1.5, 2.0]
        with pytest.raises(InvalidTable, match="line 4, row 2: 1 cells for 2 headings"):
            read(tmp_path, "sep=;\na;b\n1;2\n3\n")


class TestShape:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a,b\n1,2\n3,4,5\n", r"line 3, row 2: 3 cells for 2 headings"),
            ("a,b,c\n1,2,3\n4,5\n", r"line 3, row 2: 2 cells for 3 headings"),
            ("a,b\n60,5,1,25\n", r"line 2, row 1: 4 cells for 2 headings"),
            ("a,a\n1,2\n", r"heading 'a' appears twice"),
            ("yield,Yield\n1,2\n", r"heading 'yield' appears twice"),
            ("a,,b\n1,2,3\n", r"column 2 has no heading"),
            (",a\n3,1\n1,2\n", r"column 1 has no heading"),
        ],
    )
    def test_what_is_out_of_shape_is_refused_with_its_place(self, tmp_path: Path, text: str, said: str) -> None:
        with pytest.raises(InvalidTable, match=said):
            read(tmp_path, text)

    def test_every_ragged_row_is_listed(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTable, match="row 1") as caught:
            read(tmp_path, "a,b\n1\n1,2\n3\n")
        assert [problem.row for problem in caught.value.problems] == [1, 3]

    @pytest.mark.parametrize("text", ["", "\n\n", " \n", ",,\n,,\n"])
    def test_an_empty_file_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InvalidInput, match=r"sheet\.csv is empty"):
            read(tmp_path, text)

    def test_an_unclosed_quote_is_refused_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="line 2"):
            read(tmp_path, 'a,b\n"1,2\n')

    def test_blank_rows_and_columns_around_the_table_do_not_matter(self, tmp_path: Path) -> None:
        table = read(tmp_path, "\na,b,,\n1,2,,\n,,,\n\n3,,,\n,,\n")
        assert table.headings == ("a", "b")
        assert table.rows == (("1", "2"), ("3", ""))
        assert table.lines == (3, 6)

    @pytest.mark.parametrize("start", [0, 1])
    def test_an_index_without_a_heading_is_left_out_and_said(self, tmp_path: Path, start: int) -> None:
        table = read(tmp_path, f",a\n{start},5\n{start + 1},6\n")
        assert table.headings == ("a",)
        assert "only counts" in table.notes[0]

    def test_a_heading_over_several_lines_is_one(self, tmp_path: Path) -> None:
        assert read(tmp_path, '"Temp\n(°C)",b\n1,2\n').headings == ("Temp (°C)", "b")

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_all_systems_are_read(self, tmp_path: Path, line_end: str) -> None:
        assert read(tmp_path, "a,b\n1,2\n".replace("\n", line_end)).rows == (("1", "2"),)

    def test_a_formula_guard_is_taken_off(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a,b\n'=1+1,'til\n").rows == (("=1+1", "'til"),)


class TestPlaces:
    def test_a_missing_file_and_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="no file"):
            read_table(tmp_path / "nowhere.csv")
        with pytest.raises(InvalidInput, match="is a folder"):
            read_table(tmp_path)

    def test_a_huge_file_is_refused_before_it_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "_MAX_BYTES", 100)
        monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
        path = tmp_path / "huge.csv"
        path.write_bytes(b"a,b\n" + b"1,2\n" * 50)
        with pytest.raises(InvalidInput, match="204 bytes, expected at most 100"):
            read_table(path)

    def test_too_many_cells_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labloop.tabular.delimited.MOST_CELLS", 50)
        with pytest.raises(InvalidInput, match="more than 50 cells"):
            read(tmp_path, "a,b\n" + "1,2\n" * 60)

    def test_a_sheet_of_a_text_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("a,b\n1,2\n")
        with pytest.raises(InvalidInput, match="is no workbook"):
            read_table(tmp_path / "a.csv", sheet="one")

    def test_standard_input_may_be_text_or_json(self) -> None:
        assert read_stream(b"a,b\n1,2\n", source="-").rows == (("1", "2"),)
        assert read_stream(b'[{"a": 1}]', source="-").rows == ((1.0,),)
        with pytest.raises(InvalidInput, match="is empty"):
            read_stream(io.BytesIO().getvalue(), source="-")
