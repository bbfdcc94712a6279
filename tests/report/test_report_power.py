"""Power curves: the chance that a design sees an effect, over its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from labloop.design import Design, Request, design
from labloop.errors import InvalidInput
from labloop.report.power import power_figure, save_power
from tests.design.conftest import numbers, spec_of


def made(**asked: float) -> Design:
    parameters = {**numbers("a", "b"), "solvent": {"choices": ["x", "y", "z"]}}
    request = Request(kind="d-optimal", model="interactions", runs=24, **asked)  # type: ignore[arg-type]
    return design(spec_of(parameters), request, seed=1)


def test_a_curve_begins_at_the_level_and_passes_through_the_stated_power() -> None:
    found = made(effect=3.0, noise=1.5)
    stated = {each.name: each.chance for each in found.powers}
    assert {name for each in found.curves for name in each.names} == set(stated)
    for curve in found.curves:
        assert curve.sizes[0] == 0
        assert curve.chances[0] == pytest.approx(0.05)
        assert list(curve.chances) == sorted(curve.chances)
        middle = len(curve.sizes) // 2
        assert curve.sizes[middle] == pytest.approx(3.0)
        assert all(curve.chances[middle] == pytest.approx(stated[name], abs=1e-4) for name in curve.names)


def test_the_figure_names_every_curve_and_its_axes(tmp_path: Path) -> None:
    found = made(effect=3.0, noise=1.5)
    panel = power_figure(found, "kPa").axes[0]
    assert panel.get_xlabel() == "effect [kPa]"
    assert panel.get_ylabel() == "chance to see it [%]"
    legend = panel.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == min(len(found.curves), 4)
    assert save_power(found, "kPa", tmp_path / "power.svg").stat().st_size > 4000


def test_without_a_stated_effect_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no power to draw"):
        save_power(made(), None, tmp_path / "power.png")
