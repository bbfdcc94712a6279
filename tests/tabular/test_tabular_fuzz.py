"""Whatever bytes come in, a table or one of our errors comes out."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from labloop.errors import LabloopError
from labloop.tabular import Table, read_stream

pieces = st.sampled_from(
    [
        "a",
        "b",
        "1",
        "2.5",
        "60,5",
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r\n",
        "\r",
        '"',
        "'",
        "=",
        " ",
        "°",
        "温度",
        "é",
        "{",
        "[",
    ]
)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932", "gbk", "utf-32"])


def attempt(raw: bytes) -> None:
    try:
        table = read_stream(raw, source="fuzz")
    except LabloopError:
        return
    check(table)


def check(table: Table) -> None:
    assert len(set(table.headings)) == len(table.headings) > 0
    assert all(heading.strip() for heading in table.headings)
    assert all(len(row) == len(table.headings) for row in table.rows)
    assert len(table.lines) == len(table.rows)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\xff\xfea")
@example(b"\xef\xbb\xbf")
@example(b"PK\x03\x04")
@example(b"\x80")
def test_random_bytes(raw: bytes) -> None:
    attempt(raw)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=40).map("".join), encodings)
@example("a;b\n\n", "utf-8")
def test_random_tables(text: str, encoding: str) -> None:
    attempt(text.encode(encoding, errors="ignore"))
