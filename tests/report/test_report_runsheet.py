"""The run sheet as a page to print."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from labloop.design import Layout, Request
from labloop.errors import StorageError
from labloop.loop.campaigns import create
from labloop.loop.design import RunSheet, accept, run_sheet
from labloop.report.runsheet import run_sheet_page, save_run_sheet
from labloop.store import Store
from tests.conftest import make_spec


@pytest.fixture
def sheet(store: Store) -> RunSheet:
    parameters = {
        "temperature": {"bounds": [20, 80], "step": 5, "unit": "degC", "change": "hard"},
        "time": {"bounds": [1, 100], "scale": "log", "unit": "h"},
        "humidity": {"observed": True, "unit": "%"},
        "operator": {"value": "<robot>"},
    }
    create(store, make_spec(parameters=parameters, question="Which is <best>?"))
    layout = Layout(blocks=2, controls=2)
    accept(store, "reaction", Request(kind="full-factorial", replicates=2, layout=layout, block_name="day"))
    return run_sheet(store, "reaction")


class Rows(HTMLParser):
    """Collects the cells of every row, and that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_the_page_has_a_line_a_run_in_order_and_room_for_results(sheet: RunSheet) -> None:
    parsed = Rows()
    parsed.feed(run_sheet_page(sheet))
    assert parsed.open == []
    headings = parsed.rows[0]
    assert headings == [
        "run", "experiment", "whole plot", "design order", "temperature [degC]", "time [h]", "yield [%]", "purity",
        "humidity [%]", "note",
    ]  # fmt: skip
    lines = [row for row in parsed.rows if row[0] != "run"]
    assert [row[0] for row in lines] == [str(i) for i in range(1, 11)]
    assert [row[1] for row in lines] == [f"reaction#{i}" for i in range(1, 11)]
    assert [row[3] for row in lines].count("control") == 2
    assert all(cell == "" for row in lines for cell in row[6:])


def test_every_block_is_a_section_of_its_own(sheet: RunSheet) -> None:
    assert re.findall(r"<h2>(.*?)</h2>", run_sheet_page(sheet)) == ["day 1", "day 2"]


def test_the_page_needs_nothing_from_outside_and_trusts_no_text(sheet: RunSheet) -> None:
    text = run_sheet_page(sheet)
    assert "http" not in re.sub(r"<meta http-equiv", "", text)
    assert "<script" not in text
    assert "Which is &lt;best&gt;?" in text
    assert "operator = &lt;robot&gt;" in text


def test_the_sheet_carries_the_head_of_the_ledger(sheet: RunSheet, store: Store) -> None:
    with store.read() as snapshot:
        row = snapshot.campaign("reaction")
    assert f'<meta name="labloop-head" content="reaction {row.head}:{row.head_hash}">' in run_sheet_page(sheet)


def test_predictions_and_seeds_of_thought_stay_off_the_sheet(sheet: RunSheet) -> None:
    text = run_sheet_page(sheet)
    assert "predicted" not in text
    assert f"seed {sheet.about['seed']}" in text


def test_a_folder_that_is_not_there_is_an_error(sheet: RunSheet, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        save_run_sheet(sheet, tmp_path / "none" / "sheet.html")
