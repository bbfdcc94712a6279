"""JSON and mappings: flat, finite, each key once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labloop.errors import InvalidInput, InvalidTable
from labloop.tabular import Table, read_records, read_table


def read(folder: Path, text: str) -> Table:
    path = folder / "rows.json"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize("wrap", ["{}", '{{"results": {}}}'])
def test_a_list_of_objects_is_a_table(tmp_path: Path, wrap: str) -> None:
    table = read(tmp_path, wrap.format('[{"experiment": "h#1", "yield": 83.2}, {"yield": null, "note": "slow"}]'))
    assert table.headings == ("experiment", "yield", "note")
    assert table.rows == (("h#1", 83.2, ""), ("", "", "slow"))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_json_is_refused(tmp_path: Path, constant: str) -> None:
    with pytest.raises(InvalidInput, match=constant) as caught:
        read(tmp_path, f'[{{"yield": {constant}}}]')
    assert "null" in caught.value.hint


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="gives 'yield' twice"):
        read(tmp_path, '[{"yield": 1, "yield": 2}]')


@pytest.mark.parametrize("value", ['{"a": 1}', "[1]", "true"])
def test_nested_and_truth_values_are_refused_with_row_and_key(tmp_path: Path, value: str) -> None:
    with pytest.raises(InvalidTable, match=r"row 2, yield: .* is neither a number nor a text"):
        read(tmp_path, f'[{{"yield": 1}}, {{"yield": {value}}}]')


@pytest.mark.parametrize("text", ["[1, 2]", '"a"', "7", '{"results": 7}', '{"results": [1]}', "null"])
def test_what_is_no_list_of_objects_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="not a list of objects"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["[{]", '[{"a": 1}', "hello", "[" * 100_000])
def test_broken_json_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        read(tmp_path, text)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e999", "1e200"])
def test_a_number_too_large_is_refused_where_it_is_used(tmp_path: Path, number: str) -> None:
    table = read(tmp_path, f'[{{"yield": {number}}}]')
    with pytest.raises(InvalidInput, match=r"too large|not a number"):
        table.number(table.rows[0][0])


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is empty"):
        read(tmp_path, "[]")


def test_numpy_scalars_and_nan_in_mappings_are_plain_and_blank() -> None:
    table = read_records([{"a": np.float64(1.5), "b": np.int64(2), "c": float("nan"), "d": np.float64("nan")}])
    assert table.rows == ((1.5, 2.0, "", ""),)


def test_a_csv_that_begins_with_a_bracket_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "ions.csv"
    path.write_text("[Na+],[Cl-]\n1,2\n")
    assert read_table(path).headings == ("[Na+]", "[Cl-]")


def test_what_json_writes_is_read_back(tmp_path: Path) -> None:
    rows = [{"a": 0.1 + 0.2, "b": "=1+1", "c": "ü"}]
    assert read(tmp_path, json.dumps(rows)).rows == ((0.1 + 0.2, "=1+1", "ü"),)
