"""Lines with bands: how several strategies do over the experiments, one panel a measure.

Every strategy keeps its colour and its dash over all panels and figures, so that a line is told by both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

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
    along: Sequence[float] = ()
    """Where its points lie; 1, 2, ... if not said."""


@dataclass(frozen=True)
class Panel:
    """One measure: what is said above it, its lines, and how its axis runs."""

    title: str
    curves: Sequence[Curve]
    scale: str = "linear"
    """``linear``, ``log``, ``percent``, ``share`` (from 0 upwards) or ``rank`` (1 on top)."""


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
        figure = Figure(figsize=(WIDTH, _HEIGHT * len(panels) + 0.8), layout="constrained")
        axes: list[Axes] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0])
        for axis, panel in zip(axes, panels, strict=True):
            _lines(axis, panel)
        axes[-1].set_xlabel(along)
        counted = not any(len(curve.along) for panel in panels for curve in panel.curves)
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=counted, min_n_ticks=1))
        handles, labels = axes[0].get_legend_handles_labels()
        # The title has a line of its own: a setting can be long.
        legend = figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 6), title=title)
        legend.set_alignment("left")
        legend.get_title().set(fontsize=8.5, color=LIGHT["faint"])
    return figure


def _lines(axis: Axes, panel: Panel) -> None:
    """Draw lines that step from one experiment to the next: nothing is known between two."""
    axis.set_title(panel.title, fontweight="bold")
    axis.margins(x=0.0)
    for position, curve in enumerate(panel.curves):
        x, (middle, low, high) = _steps(curve)
        colour, dash = _look(position)
        if low:
            # Where many bands lie over each other, each has to be paler.
            alpha = 0.12 if len(panel.curves) <= 3 else 0.07
            axis.fill_between(x, low, high, step="post", color=colour, alpha=alpha, linewidth=0)
        (line,) = axis.plot(x, middle, color=colour, linestyle=dash, linewidth=1.5, label=curve.name)
        line.set_drawstyle("steps-post")
    _scaled(axis, panel)


def _steps(curve: Curve) -> tuple[list[float], tuple[list[float], ...]]:
    """Return where a curve steps, and its middle and band there; what is counted holds until the next would come."""
    values = tuple(list(each) for each in (curve.middle, curve.low, curve.high))
    if len(curve.along):
        return list(curve.along), values
    return [float(k) for k in range(1, len(curve.middle) + 2)], tuple(each + each[-1:] for each in values)


def _scaled(axis: Axes, panel: Panel) -> None:
    match panel.scale:
        case "log":
            axis.set_yscale("log")
        case "percent":
            axis.set_ylim(-0.02, 1.02)
            axis.yaxis.set_major_locator(MultipleLocator(0.25))
            axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        case "share":
            axis.set_ylim(bottom=0.0)
        case "rank":
            axis.set_ylim(len(panel.curves) + 0.1, 0.9)
            axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))


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
            axis.annotate(
                group,
                (0.0, height),
                xytext=(4, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontweight="bold",
                va="center",
                bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.0},
            )
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
