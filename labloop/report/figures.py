"""Two figures: progress over the experiments, and results against their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labloop.report.drawing import MANY, WIDTH, key_handles, save_picture, scatter, styled
from labloop.report.progress import Point, Progress, Track, number
from labloop.report.style import LIGHT, MARKS, family

__all__ = ["predictions_figure", "progress_figure", "save_progress"]

_PANEL = 2.3  # inches
_EDGE_SIZE = 7.5  # points
_MOST_BATCHES = 16


def save_progress(data: Progress, path: str | Path) -> Path:
    """Draw the progress of every outcome into a PNG or SVG file, and return its path.

    Raises
    ------
    InvalidInput
        If the file's name ends in neither ``.png`` nor ``.svg``.
    StorageError
        If it cannot be written.
    """
    return save_picture(path, lambda: progress_figure(data), such_as="progress")


def progress_figure(data: Progress) -> Figure:
    """Draw one panel an outcome, over the experiments in order of their number."""
    tracks = [track for track in data.tracks if track.measured or track.awaited]
    with styled():
        figure = Figure(figsize=(WIDTH, _PANEL * max(len(tracks), 1) + 0.35), layout="constrained")
        if not tracks:
            figure.text(0.5, 0.5, "nothing measured yet", ha="center", color=LIGHT["faint"])
            return figure
        panels: list[Axes] = list(figure.subplots(len(tracks), 1, sharex=True, squeeze=False)[:, 0])
        first, last = tracks[0].points[0].number, tracks[0].points[-1].number
        pad = 0.5 + 0.01 * (last - first)
        panels[0].set_xlim(first - pad, last + pad)
        for panel, track in zip(panels, tracks, strict=True):
            _bands(panel, data)
            _panel(panel, track)
        _batch_names(panels[0], data)
        panels[-1].set_xlabel("experiment")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        handles = key_handles(tracks)
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), labelcolor=LIGHT["faint"])
    return figure


def _bands(panel: Axes, data: Progress) -> None:
    """Shade every second batch."""
    for _, first, last in data.batches[::2]:
        panel.axvspan(first - 0.5, last + 0.5, color=LIGHT["band"], linewidth=0, zorder=0)


def _batch_names(panel: Axes, data: Progress) -> None:
    if not 2 <= len(data.batches) <= _MOST_BATCHES:
        return
    for position, (batch, first, last) in enumerate(data.batches):
        panel.annotate(
            f"batch {batch}" if position == 0 and last - first > 0 else str(batch),
            ((first + last) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -1),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=7,
            color=LIGHT["faint"],
            zorder=6,
        )


def _panel(panel: Axes, track: Track) -> None:
    panel.set_title(track.heading, fontweight="bold")
    panel.set_title(track.aim, loc="right", fontsize=8.5, color=LIGHT["faint"])
    bounds = _bounds(track)
    for value, _ in bounds:
        panel.axhline(value, color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    _staircase(panel, track)
    measured = track.measured
    _spread(panel, measured)
    scatter(panel, measured, [p.number for p in measured], [p.value or 0.0 for p in measured])
    _awaited(panel, track.awaited)
    low, high = _scale(panel, track, [value for value, _ in bounds])
    if fruitless := [point.number for point in track.fruitless]:
        mark = MARKS["none"].shape
        panel.plot(fruitless, [low] * len(fruitless), mark, color=LIGHT["none"], zorder=5, clip_on=False)
    labels = [(value, text, "faint") for value, text in bounds]
    if (best := track.best) is not None and best.value is not None:
        labels.append((best.value, f"best {number(best.value)}\n(experiment {best.number})", "best"))
    _at_edge(panel, labels, (low, high))


def _bounds(track: Track) -> list[tuple[float, str]]:
    found = [(limit.bound, f"{'≥' if limit.at_least else '≤'} {number(limit.bound)}") for limit in track.limits]
    if track.target is not None:
        found.append((track.target, f"target {number(track.target)}"))
    return found


def _staircase(panel: Axes, track: Track) -> None:
    steps = [(point.number, point.best) for point in track.points if point.best is not None]
    if steps:
        steps.append((track.points[-1].number + 1, steps[-1][1]))
        x, y = zip(*steps, strict=True)
        # Behind the points that set it, but not hidden by thousands of them.
        order = 5 if len(steps) > MANY else 2
        panel.step(x, y, where="post", color=LIGHT["best"], linewidth=1.7, zorder=order)


def _spread(panel: Axes, points: Sequence[Point]) -> None:
    """Draw the range of the replicates."""
    spread = [(p.number, p.low, p.high, LIGHT[family(p)]) for p in points if p.low != p.high]
    if spread:
        x, low, high, colours = zip(*spread, strict=True)
        panel.vlines(x, low, high, colors=colours, linewidth=1.1, zorder=3)


def _awaited(panel: Axes, points: Sequence[Point]) -> None:
    """Draw what is expected of experiments still to be run: the median and the 90 % interval."""
    for point in points:
        if point.prediction is None:
            continue
        colour, predicted = LIGHT["awaited"], point.prediction
        panel.vlines(point.number, predicted.low, predicted.high, color=colour, linewidth=1.1, zorder=2)
        panel.scatter(
            [point.number],
            [predicted.median],
            s=MARKS["awaited"].area,
            facecolors=LIGHT["paper"],
            edgecolors=colour,
            linewidths=1.1,
            zorder=4,
        )


def _scale(panel: Axes, track: Track, bounds: Sequence[float]) -> tuple[float, float]:
    """Fit the axis to what was measured; a wide interval of a prediction may leave it."""
    values = [value for p in track.measured for value in (p.low, p.high) if value is not None]
    values += [p.prediction.median for p in track.awaited if p.prediction]
    low, high = min([*values, *bounds]), max([*values, *bounds])
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    # Room at the top for the names of the batches.
    panel.set_ylim(low - pad, high + 2.2 * pad)
    return low - pad, high + 2.2 * pad


def _at_edge(panel: Axes, labels: Sequence[tuple[float, str, str]], ends: tuple[float, float]) -> None:
    """Write labels at the right edge, at the height of their values, pushed apart where they would collide."""
    low, high = ends
    taken = -1.0
    for value, text, role in sorted(labels):
        half = 0.65 * _EDGE_SIZE * 1.25 * (text.count("\n") + 1) / (72 * (_PANEL - 0.5))
        place = max((value - low) / (high - low), taken + half)
        taken = place + half
        panel.annotate(
            text,
            (1.0, place),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=_EDGE_SIZE,
            color=LIGHT[role],
        )


def predictions_figure(data: Progress) -> Figure | None:
    """Draw results against what was predicted of them; None where nothing was predicted and measured."""
    tracks = [track for track in data.tracks if track.judged]
    if not tracks:
        return None
    columns = min(len(tracks), 3)
    rows = -(-len(tracks) // columns)
    side = min(WIDTH / columns, 3.4)
    with styled():
        figure = Figure(figsize=(side * columns, side * rows), layout="constrained")
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for panel, track in zip(panels, tracks, strict=False):
            _parity(panel, track)
        for panel in panels[len(tracks) :]:
            panel.set_axis_off()
    return figure


def _parity(panel: Axes, track: Track) -> None:
    judged = track.judged
    predicted = [each.median for _, each, _ in judged]
    values = [value for _, _, value in judged]
    low, high = min(*predicted, *values), max(*predicted, *values)
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    ends = low - pad, high + pad
    panel.plot(ends, ends, color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    many = len(judged) > MANY
    lows, highs = [each.low for _, each, _ in judged], [each.high for _, each, _ in judged]
    colours = [LIGHT[family(point)] for point, _, _ in judged]
    panel.hlines(
        values, lows, highs, colors=colours, linewidth=0.8, alpha=0.1 if many else 0.45, zorder=2, rasterized=many
    )
    scatter(panel, [point for point, _, _ in judged], predicted, values)
    panel.set(xlim=ends, ylim=ends, xlabel="predicted, with 90 % interval", ylabel="measured")
    panel.set_aspect("equal")
    panel.grid(visible=True, axis="both")
    panel.set_title(track.heading, fontweight="bold")
    inside = sum(each.low <= value <= each.high for _, each, value in judged)
    panel.annotate(
        f"{inside} of {len(judged)} within\ntheir 90 % interval",
        (0.04, 0.97),
        xycoords="axes fraction",
        va="top",
        fontsize=_EDGE_SIZE,
        color=LIGHT["faint"],
    )
