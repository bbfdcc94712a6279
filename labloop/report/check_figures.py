"""Pictures of whether a model may be believed, what can be told apart, and where the goals hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from labloop.insight.estimability import Estimability, Verdict
from labloop.insight.region import Drift, OperatingRegion
from labloop.insight.validation import Check, Edge, Prediction
from labloop.report.insight_figures import key
from labloop.report.progress import heading, number
from labloop.report.style import LIGHT

__all__ = ["apart_height", "draw_apart", "draw_check", "draw_drifts"]

_GRADES = {
    "clear": ("best", "✓"),
    "conditional": ("start", "~"),
    "inseparable": ("novelty", "✗"),
    "never varied": ("rule", "–"),
}
_WORDS = {"clear": "clear", "conditional": "only if others are nil", "inseparable": "not separable"}


def draw_check(target: FigureBase, check: Check) -> None:
    """Draw predictions of unseen conditions against results, their calibration, and the best tenth left out."""
    panels = list(target.subplots(1, 3 if check.edge else 2))
    _parity(panels[0], check.predictions, check.outcome, check.unit)
    _calibration(panels[1], check.predictions)
    if check.edge is not None:
        _edge(panels[2], check.edge, check.unit)


def _parity(panel: Axes, predictions: Sequence[Prediction], title: str, unit: str | None) -> None:
    measured = np.array([each.measured for each in predictions])
    mean = np.array([each.mean for each in predictions])
    inside = np.array([each.low <= each.measured <= each.high for each in predictions])
    low, high = min(measured.min(), mean.min()), max(measured.max(), mean.max())
    pad = 0.06 * (high - low) or 1.0
    ends = low - pad, high + pad
    panel.plot(ends, ends, color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for chosen, role, marker in ((inside, "improve", "o"), (~inside, "novelty", "D")):
        shown = [each for each, yes in zip(predictions, chosen, strict=True) if yes]
        panel.hlines(
            [each.measured for each in shown],
            [each.low for each in shown],
            [each.high for each in shown],
            color=LIGHT[role],
            linewidth=0.8,
            alpha=0.4 if len(predictions) < 80 else 0.2,
            zorder=2,
        )
        panel.plot(
            mean[chosen],
            measured[chosen],
            marker,
            markersize=3.6,
            color=LIGHT[role],
            markeredgecolor=LIGHT["paper"],
            markeredgewidth=0.4,
            zorder=4,
        )
    panel.set(xlim=ends, ylim=ends, xlabel=heading("predicted unseen", unit), ylabel=heading("measured", unit))
    panel.set_box_aspect(1)
    panel.grid(visible=True, axis="both")
    panel.set_title(f"{title}, 90 % intervals", fontweight="bold")


def _calibration(panel: Axes, predictions: Sequence[Prediction]) -> None:
    """Draw the share of results below each quantile of their prediction: good predictions lie on the diagonal."""
    below = np.sort([each.below for each in predictions])
    n = len(below)
    share = (np.arange(n) + 0.5) / n
    grid = np.linspace(0.0, 1.0, 101)
    # 90 % of perfectly calibrated sets of this size stay in this band at any one place (normal approximation).
    band = 1.645 * np.sqrt(grid * (1 - grid) / n)
    panel.fill_between(
        grid,
        np.clip(grid - band, 0, 1),
        np.clip(grid + band, 0, 1),
        color=LIGHT["rule"],
        alpha=0.6,
        linewidth=0,
        zorder=1,
    )
    panel.plot((0, 1), (0, 1), color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    panel.step(
        np.concatenate([[0.0], below, [1.0]]),
        np.concatenate([[0.0], share, [1.0]]),
        where="mid",
        color=LIGHT["improve"],
        linewidth=1.7,
        zorder=3,
    )
    panel.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given to less", ylabel="share of results")
    panel.set_box_aspect(1)
    panel.grid(visible=True, axis="both")
    panel.set_title("Calibration", fontweight="bold")


def _edge(panel: Axes, edge: Edge, unit: str | None) -> None:
    measured = np.array([each[0] for each in edge.predictions])
    predicted = np.array([each[1] for each in edge.predictions])
    best = np.array([each[2] for each in edge.predictions])
    top = np.argsort(-predicted if measured[best].mean() >= measured[~best].mean() else predicted)[: edge.left_out]
    panel.axvline(predicted[top[-1]], color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for chosen, role, marker in ((~best, "other", "o"), (best, "best", "s")):
        panel.plot(
            predicted[chosen],
            measured[chosen],
            marker,
            markersize=3.6 if role == "other" else 4.6,
            color=LIGHT[role],
            markeredgecolor=LIGHT["paper"],
            markeredgewidth=0.4,
            zorder=3 if role == "other" else 4,
        )
    panel.set(xlabel=heading("predicted without the best", unit), ylabel=heading("measured", unit))
    panel.set_box_aspect(1)
    panel.set_title(f"Edge: {edge.back} of {edge.left_out} on top", fontweight="bold")


def apart_height(found: Estimability) -> float:
    """Return the height in inches that `draw_apart` wants."""
    return 1.1 + 0.32 * max(len(found.runs.varied), 3)


def draw_apart(target: FigureBase, found: Estimability) -> None:
    """Draw which effects can be told apart: main effects, curvatures, and interactions as a triangle of pairs."""
    names = [each.name for each in found.runs.varied]
    panel = target.subplots()
    for verdict in found.verdicts:
        place = _cell(verdict, names)
        if place is not None:
            _square(panel, place, verdict)
    count = len(names)
    panel.set_xlim(-0.6, count + 2.1)
    panel.set_ylim(count - 0.4, -0.6)
    panel.set_aspect("equal", anchor="W")
    panel.set_yticks(range(count), names)
    panel.set_xticks([0, 1, *range(3, count + 2)], ["main", "curved", *names[: count - 1]], rotation=35, ha="left")
    panel.xaxis.tick_top()
    panel.tick_params(axis="both", length=0, labelcolor=LIGHT["ink"], labelsize=8)
    panel.grid(visible=False)
    for spine in panel.spines.values():
        spine.set_visible(False)
    handles = [
        Line2D([], [], linestyle="", marker="s", markersize=8, color=LIGHT[role], label=f"{mark}  {_WORDS[grade]}")
        for grade, (role, mark) in _GRADES.items()
        if grade in _WORDS
    ]
    target.legend(handles=handles, loc="outside lower left", ncols=3, labelcolor=LIGHT["faint"])


def _cell(verdict: Verdict, names: Sequence[str]) -> tuple[int, int] | None:
    term = verdict.term
    if any(name not in names for name in term.names):
        return None
    if term.kind == "interaction":
        low, high = sorted(names.index(name) for name in term.names)
        return 3 + low, high
    return (0 if term.kind == "main" else 1), names.index(term.names[0])


def _square(panel: Axes, place: tuple[int, int], verdict: Verdict) -> None:
    role, mark = _GRADES[verdict.grade]
    x, y = place
    panel.add_patch(Rectangle((x - 0.44, y - 0.44), 0.88, 0.88, facecolor=LIGHT[role], linewidth=0))
    panel.annotate(mark, (x, y), ha="center", va="center", fontsize=8, color=LIGHT["paper"], fontweight="bold")


def draw_drifts(target: FigureBase, found: OperatingRegion) -> None:
    """Draw for every number how far it may drift, alone (pale) and with all at once (dark), in the range explored."""
    drifts = [each for each in found.drifts if not isinstance(each.centre, str)]
    panel = target.subplots()
    for place, each in enumerate(drifts):
        _drift(panel, place, each, holds=found.best >= found.probability)
    panel.set_yticks(range(len(drifts)), [heading(each.factor, each.unit) for each in drifts])
    panel.set_ylim(len(drifts) - 0.4, -0.6)
    panel.set_xlim(-0.02, 1.02)
    panel.set_xticks([])
    panel.tick_params(axis="y", labelcolor=LIGHT["ink"])
    panel.grid(visible=False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    handles = [
        Line2D([], [], linewidth=7, color=LIGHT["improve"], label="all at once"),
        Line2D([], [], linewidth=7, color="#b9dcf2", label="alone"),
        Line2D([], [], linewidth=2, color=LIGHT["rule"], label="explored"),
        Line2D([], [], linestyle="", marker="D", markersize=4.5, color=LIGHT["novelty"], label="centre"),
    ]
    key(panel, handles)


def _drift(panel: Axes, place: int, each: Drift, *, holds: bool) -> None:
    low, high = (float(end) for end in each.explored)
    span = high - low or 1.0

    def at(value: float | str) -> float:
        return (float(value) - low) / span

    panel.hlines(place, 0.0, 1.0, color=LIGHT["rule"], linewidth=2.0, zorder=1)
    if holds:
        panel.hlines(place, at(each.alone[0]), at(each.alone[1]), color="#b9dcf2", linewidth=9, zorder=2)
        panel.hlines(place, at(each.together[0]), at(each.together[1]), color=LIGHT["improve"], linewidth=9, zorder=3)
    panel.plot(
        [at(each.centre)], [place], "D", markersize=5, color=LIGHT["novelty"], markeredgecolor=LIGHT["paper"], zorder=5
    )
    for end, align, value in ((0.0, "left", low), (1.0, "right", high)):
        panel.annotate(
            number(value),
            (end, place),
            xytext=(0, -9),
            textcoords="offset points",
            ha=align,
            va="top",
            fontsize=6.5,
            color=LIGHT["faint"],
        )
    if holds:
        for side, align in ((0, "right"), (1, "left")):
            panel.annotate(
                number(float(each.together[side])),
                (at(each.together[side]), place),
                xytext=(0, 7),
                textcoords="offset points",
                ha=align,
                va="bottom",
                fontsize=6.5,
                color=LIGHT["improve"],
            )
