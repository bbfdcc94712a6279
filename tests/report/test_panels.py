"""Lines with bands, and differences with intervals, as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labloop.errors import InvalidInput
from labloop.report.panels import Curve, Interval, Panel, _look, intervals_figure, panels_figure, save_figure

CURVES = [Curve("explore", [1.0, 0.5, 0.2], [0.9, 0.4, 0.1], [1.0, 0.6, 0.3]), Curve("random", [1.0, 0.8, 0.7])]


def test_panels_share_their_experiments_and_name_their_lines_once() -> None:
    figure = panels_figure("branin", [Panel("left", CURVES), Panel("found", CURVES, scale="percent")])
    first, second = figure.axes
    assert [line.get_label() for line in first.get_lines()] == ["explore", "random"]
    line = first.get_lines()[0]
    assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3, 4], "what the last experiment left holds after it"
    assert np.asarray(line.get_ydata()).tolist() == [1.0, 0.5, 0.2, 0.2]
    assert line.get_drawstyle() == "steps-post"
    assert len(first.collections) == 1, "only one line has a band"
    assert second.get_xlabel() == "experiment"
    assert second.get_ylim() == pytest.approx((-0.02, 1.02))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["explore", "random"]


def test_a_curve_may_run_along_anything_and_ranks_have_the_best_on_top() -> None:
    paid = [Curve("explore", [1.0, 0.5], along=[0.0, 12.5])]
    first, second = panels_figure("b", [Panel("left", paid, scale="share"), Panel("rank", CURVES, scale="rank")]).axes
    assert np.asarray(first.get_lines()[0].get_xdata()).tolist() == [0.0, 12.5]
    assert first.get_ylim()[0] == 0.0
    bottom, top = second.get_ylim()
    assert bottom > 2 > 1 > top


def test_many_strategies_are_told_apart_by_colour_and_dash_together() -> None:
    assert len({str(_look(position)) for position in range(24)}) == 24


def test_a_decided_difference_is_filled_and_an_undecided_one_hollow() -> None:
    gaps = [
        Interval("branin", "random", 0.4, 0.3, 0.5, decided=True),
        Interval("branin", "sobol", 0.1, -0.1, 0.3, decided=False),
        Interval("levy", "random", -0.2, -0.3, -0.1, decided=True),
    ]
    figure = intervals_figure("left", gaps, ["explore", "random", "sobol"])
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["random", "sobol", "random"]
    marks = [line for line in axis.get_lines() if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == line.get_color() for line in marks] == [True, False, True]
    assert marks[0].get_color() == marks[2].get_color() != marks[1].get_color()


def test_a_figure_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    paths = [save_figure(panels_figure("b", [Panel("left", CURVES)]), tmp_path / name) for name in ("a.png", "b.png")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert save_figure(panels_figure("b", [Panel("left", CURVES)]), tmp_path / "c.svg").read_text().startswith("<?xml")


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"must end in \.png or \.svg"):
        save_figure(panels_figure("b", [Panel("left", CURVES)]), tmp_path / "a.jpg")
