"""Lines with bands: how several strategies do over the experiments, one panel a measure.

Every strategy keeps its colour and its dash over all panels and figures, so that a line is told by both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from labloop.report.drawing import WIDTH, save_picture, styled
from labloop.report.style import LIGHT

__all__ = ["Curve", "Interval", "Panel", "intervals_figure", "panels_figure", "save_figure"]

_HEIGHT = 2.4  # inches
# Okabe and Ito's colours, the yellow left out (too pale for a line on white), then greys.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1f2328", "#98a1a9")
_DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
)


@dataclass(frozen=True)
class Curve:
    """One strategy's line over experiments 1, 2, ..., with a band where there is one."""

    name: str
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """One measure: what is said above it, its lines, and how its axis runs."""

    title: str
    curves: Sequence[Curve]
    scale: str = "linear"
    """``linear``, ``log`` or ``percent``."""


@dataclass(frozen=True)
class Interval:
    """One difference with its interval, in a group that is drawn together."""

    group: str
    name: str
    mean: float
    low: float
    high: float
    decided: bool


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure to a PNG or SVG file and return its path.

    Raises
    ------
    InvalidInput
        If the file's name ends in neither.
    StorageError
        If it cannot be written.
    """
    return save_picture(path, lambda: figure, such_as="figure")


def panels_figure(title: str, panels: Sequence[Panel], *, along: str = "experiment") -> Figure:
    """Draw panels one below the other, over the same experiments (or whatever is counted ``along``)."""
    with styled():
        figure = Figure(figsize=(WIDTH, _HEIGHT * len(panels) + 0.6), layout="constrained")
        axes: list[Axes] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0])
        for axis, panel in zip(axes, panels, strict=True):
            _lines(axis, panel)
        axes[0].set_title(title, loc="right", fontsize=8.5, color=LIGHT["faint"])
        axes[-1].set_xlabel(along)
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 6))
    return figure


def _lines(axis: Axes, panel: Panel) -> None:
    axis.set_title(panel.title, fontweight="bold")
    for position, curve in enumerate(panel.curves):
        x = range(1, len(curve.middle) + 1)
        colour, dash = _look(position)
        if len(curve.low):
            axis.fill_between(x, list(curve.low), list(curve.high), color=colour, alpha=0.14, linewidth=0)
        axis.plot(x, list(curve.middle), color=colour, linestyle=dash, linewidth=1.5, label=curve.name)
    if panel.scale == "log":
        axis.set_yscale("log")
    if panel.scale == "percent":
        axis.set_ylim(-0.02, 1.02)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))


def _look(position: int) -> tuple[str, str | tuple[float, tuple[float, ...]]]:
    turn = position // len(_COLOURS)
    return _COLOURS[position % len(_COLOURS)], _DASHES[(position + turn) % len(_DASHES)]


def intervals_figure(title: str, intervals: Sequence[Interval], names: Sequence[str]) -> Figure:
    """Draw differences with their intervals, one line each, grouped; decided ones are filled.

    ``names`` are all strategies in the order of the other figures, so that each keeps its colour.
    """
    with styled(**{"axes.grid.axis": "x"}):
        groups = list(dict.fromkeys(each.group for each in intervals))
        lines = len(intervals) + 1.2 * len(groups)
        figure = Figure(figsize=(WIDTH, 0.19 * lines + 1.0), layout="constrained")
        axis: Axes = figure.subplots()
        axis.axvline(0.0, color=LIGHT["faint"], linewidth=1.0)
        heights: list[float] = []
        height = 0.0
        for group in groups:
            height -= 1.2
            axis.annotate(group, (0.0, height), xycoords=("axes fraction", "data"), fontweight="bold", va="center")
            for each in (one for one in intervals if one.group == group):
                height -= 1.0
                heights.append(height)
                colour, _ = _look(list(names).index(each.name))
                axis.plot([each.low, each.high], [height, height], color=colour, linewidth=1.4)
                axis.plot(
                    [each.mean],
                    [height],
                    marker="o",
                    markersize=4.5,
                    color=colour,
                    markerfacecolor=colour if each.decided else LIGHT["paper"],
                )
        ordered = [each for group in groups for each in intervals if each.group == group]
        axis.set_yticks(heights, [each.name for each in ordered])
        axis.set_ylim(height - 1.0, 0.0)
        axis.set_xlabel(title)
    return figure
