"""What was observed, as tables: replicates merged, against the obvious way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from labloop.planner.data import gather
from labloop.space import Space
from labloop.spec.models import Spec
from tests.planner.conftest import experiment

PLACES = (0.5, 0.2, 0.5, 0.9, 0.2, 0.5)
VALUES = np.array([3.0, 7.0, 4.5, 1.0, 7.5, 2.0])


@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e150])
def test_replicates_become_one_row_in_order_of_first_appearance(cube: Callable[..., Spec], unit: float) -> None:
    spec = cube(1)
    measured = zip(PLACES, unit * VALUES, strict=True)
    results = [experiment(i, {"x0": x}, {"y": float(y)}) for i, (x, y) in enumerate(measured, 1)]
    table = gather(spec, Space(spec), results, []).tables["y"]
    groups = [VALUES[[0, 2, 5]], VALUES[[1, 4]], VALUES[[3]]]
    assert table.cube[:, 0].tolist() == pytest.approx([0.5, 0.2, 0.9])
    assert table.repeats.tolist() == [3, 2, 1]
    assert (table.y / unit).tolist() == pytest.approx([each.mean() for each in groups])
    assert (table.spreads / unit).tolist() == pytest.approx([groups[0].std(ddof=1), groups[1].std(ddof=1), 0.0])
    assert table.freedom == 3
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in groups)
    assert table.within / unit == pytest.approx((squares / 3) ** 0.5)


def test_single_results_say_nothing_of_the_noise(cube: Callable[..., Spec]) -> None:
    spec = cube(1)
    results = [experiment(i, {"x0": i / 10}, {"y": 1.0 / i}) for i in range(1, 9)]
    table = gather(spec, Space(spec), results, []).tables["y"]
    assert (table.within, table.freedom) == (0.0, 0)
    assert not table.spreads.any()
