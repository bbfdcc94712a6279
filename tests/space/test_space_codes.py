"""Rows as numbers: equal rows are found, different ones are told apart, as sets of rows would."""

from __future__ import annotations

import numpy as np
import pytest

from labloop.space.codes import Lookup, codes_of, first_of_each


def test_rows_are_looked_up_as_a_set_would() -> None:
    rng = np.random.default_rng(0)
    rows, others = rng.integers(-3, 4, (500, 4)), rng.integers(-3, 4, (800, 4))
    held = {tuple(row) for row in rows.tolist()}
    assert Lookup(rows)(others).tolist() == [tuple(row) in held for row in others.tolist()]


def test_the_first_of_each_row_is_kept_in_order() -> None:
    rows = np.random.default_rng(1).integers(0, 3, (200, 3))
    expected = list(dict.fromkeys(tuple(row) for row in rows.tolist()))
    assert [tuple(row) for row in rows[first_of_each(rows)].tolist()] == expected


def test_rows_that_share_a_code_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labloop.space.codes.codes_of", lambda rows: codes_of(rows) % np.uint64(2))
    rows = np.array([[1, 2], [3, 4], [1, 2], [5, 6]])
    assert first_of_each(rows).tolist() == [0, 1, 3]


def test_codes_of_neighbours_are_far_apart() -> None:
    rows = np.stack(np.meshgrid(np.arange(300), np.arange(300)), axis=-1).reshape(-1, 2)
    assert len(np.unique(codes_of(rows))) == 90_000
    assert len(np.unique(codes_of(rows) % np.uint64(2**20))) > 0.9 * 2**20 * (1 - np.exp(-90_000 / 2**20))
