"""Pictures of what the experiments say: every one drawn by one function from an answer that `labloop.insight` made.

Each function draws into a figure or a part of one, so that the same drawing serves a file of its own, a sheet of
several, and the page. What is certain is filled, what is not is hollow; colours go with marks and words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from labloop.insight.curves import Contour, Curve, Interplay
from labloop.insight.effects import Effect, Interval
from labloop.insight.explain import Linear
from labloop.insight.sobol import Shares
from labloop.report.progress import heading, number
from labloop.report.style import LIGHT

__all__ = [
    "draw_contours",
    "draw_curves",
    "draw_effects",
    "draw_interplays",
    "draw_residuals",
    "draw_shares",
    "effects_height",
    "grid_height",
    "key",
]

ROW = 0.235  # inches
CELL = 1.85
COLUMNS = 3
_SERIES = ("improve", "novelty", "best", "awaited")
_DASHES: tuple[tuple[int, tuple[int, ...]], ...] = ((0, ()), (0, (5, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1, 1.5)))  # type: ignore[assignment]
_MAP = LinearSegmentedColormap.from_list("labloop", ["#f4f6f8", "#b9dcf2", "#56b4e9", "#0072b2", "#0b3d66"])
_MOST = 28
KEY: dict[str, Any] = {"labelcolor": LIGHT["faint"], "fontsize": 8, "handletextpad": 0.7, "handlelength": 1.4}
"""How keys look."""


def effects_height(effects: Sequence[Effect]) -> float:
    """Return the height in inches that `draw_effects` wants."""
    return 0.8 + ROW * max(min(len(effects), _MOST), 3)


def grid_height(count: int) -> float:
    """Return the height in inches of small panels, three a row."""
    return CELL * -(-count // COLUMNS) + (0.55 if count == 1 else 0.25)


def draw_effects(target: FigureBase, effects: Sequence[Effect], unit: str | None) -> None:
    """Draw effects with their 90 % intervals: the linear model's filled where claimed, the surrogate's below it."""
    shown = _ordered(effects)
    panel = target.subplots()
    panel.axvline(0.0, color=LIGHT["faint"], linewidth=1.0, zorder=1)
    for place, each in enumerate(shown):
        if each.linear is None:
            panel.annotate(
                "not estimable yet",
                (0.0, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=LIGHT["broken"],
                style="italic",
            )
            continue
        colour = {"found": LIGHT["improve"], "unstable": LIGHT["novelty"]}.get(each.standing, LIGHT["other"])
        _bar(panel, each.linear, place - 0.13, colour, filled=each.standing == "found", marker="o")
        if each.surrogate is not None:
            _bar(panel, each.surrogate, place + 0.17, LIGHT["best"], filled=False, marker="D")
    _fit_effects(panel, shown)
    panel.set_yticks(range(len(shown)), [each.name for each in shown])
    panel.set_ylim(len(shown) - 0.4, -0.6)
    panel.tick_params(axis="y", labelcolor=LIGHT["ink"])
    panel.grid(visible=True, axis="x")
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)
    panel.set_xlabel(heading("effect", unit))
    handles = [
        _handle("o", LIGHT["improve"], "linear model, claimed", filled=True),
        _handle("o", LIGHT["novelty"], "not claimed", filled=False),
        _handle("o", LIGHT["other"], "not seen", filled=False),
        _handle("D", LIGHT["best"], "surrogate", filled=False),
    ]
    # Beside the panel there is no room: long names leave it half of the sheet.
    target.legend(handles=handles, loc="outside upper right", ncols=len(handles), **KEY)


def _ordered(effects: Sequence[Effect]) -> list[Effect]:
    """Put the claimed ones first, the largest on top, and what is not estimable last."""
    order = {"found": 0, "unstable": 1, "not seen": 2, "not estimable yet": 3}
    size = {id(each): abs(each.linear.estimate) if each.linear else 0.0 for each in effects}
    return sorted(effects, key=lambda each: (order[each.standing], -size[id(each)]))[:_MOST]


def _fit_effects(panel: Axes, shown: Sequence[Effect]) -> None:
    """Let one hopeless interval run out of the picture rather than flatten all others."""
    ends = [abs(end) for each in shown if each.linear for end in (each.linear.low, each.linear.high)]
    ends += [abs(end) for each in shown if each.surrogate for end in (each.surrogate.low, each.surrogate.high)]
    finite = [end for end in ends if np.isfinite(end)]
    if not finite:
        return
    points = [abs(each.linear.estimate) for each in shown if each.linear]
    reach = min(max(finite), max(3.0 * float(np.median(finite)), 1.3 * max(points, default=0.0)))
    low = min([0.0, *(each.linear.low for each in shown if each.linear)])
    high = max([0.0, *(each.linear.high for each in shown if each.linear)])
    panel.set_xlim(max(-reach, low) * 1.06 - 0.02 * reach, min(reach, high) * 1.06 + 0.02 * reach)


def _bar(panel: Axes, interval: Interval, y: float, colour: str, *, filled: bool, marker: str) -> None:
    panel.hlines(y, interval.low, interval.high, color=colour, linewidth=1.6 if filled else 1.0, zorder=3)
    panel.plot(
        [interval.estimate],
        [y],
        marker,
        markersize=4.6 if marker == "o" else 3.2,
        color=colour,
        markerfacecolor=colour if filled else LIGHT["paper"],
        markeredgewidth=1.0,
        zorder=4,
    )


def _handle(marker: str, colour: str, label: str, *, filled: bool) -> Line2D:
    face = colour if filled else LIGHT["paper"]
    return Line2D(
        [],
        [],
        linestyle="-",
        linewidth=1.2,
        marker=marker,
        markersize=4.5,
        color=colour,
        markerfacecolor=face,
        label=label,
    )


def key(panel: Axes, handles: Sequence[Line2D]) -> None:
    """Put a key above a panel."""
    panel.legend(
        handles=list(handles),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.3,
        ncols=len(handles),
        **KEY,
    )


def draw_shares(target: FigureBase, shares: Shares) -> None:
    """Draw each factor's share of the variation: in all (bar), and on its own (the dark part), with 90 % intervals."""
    panel = target.subplots()
    order = sorted(range(len(shares.total)), key=lambda i: -shares.total[i].share)
    for place, i in enumerate(order):
        total, first = shares.total[i], shares.first[i]
        panel.barh(place, 100 * total.share, height=0.62, color="#b9dcf2", zorder=2)
        panel.barh(place, 100 * min(first.share, total.share), height=0.62, color=LIGHT["improve"], zorder=3)
        panel.hlines(place, 100 * total.low, 100 * total.high, color=LIGHT["ink"], linewidth=1.2, zorder=4)
    panel.set_yticks(range(len(order)), [shares.total[i].names[0] for i in order])
    panel.tick_params(axis="y", labelcolor=LIGHT["ink"])
    panel.set_ylim(len(order) - 0.4, -0.6)
    panel.set_xlim(0, max(100.0 * max(each.high for each in shares.total) * 1.05, 10.0))
    panel.grid(visible=True, axis="x")
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("share of the variation over the explored region [%]")
    handles = [
        Line2D([], [], linewidth=7, color=LIGHT["improve"], label="on its own"),
        Line2D([], [], linewidth=7, color="#b9dcf2", label="with the others"),
        Line2D([], [], linewidth=1.2, color=LIGHT["ink"], label="90 % interval of both together"),
    ]
    key(panel, handles)


def draw_curves(target: FigureBase, curves: Sequence[Curve], outcome: str) -> None:
    """Draw curves along the factors with their 90 % bands, on one scale."""
    low = min(min(each.low) for each in curves)
    high = max(max(each.high) for each in curves)
    measured = [y for each in curves for _, y in each.at]
    ends = _padded(min([low, *measured]), max([high, *measured]))
    for panel, each in _panels(target, len(curves)):
        curve = curves[each]
        _curve(panel, curve, "improve", 0)
        if curve.at:
            x, y = zip(*curve.at, strict=True)
            panel.plot(x, y, "o", markersize=3.2, color=LIGHT["ink"], markeredgewidth=0, zorder=5)
        panel.set_ylim(ends)
        _axes(panel, curve, outcome if each % COLUMNS == 0 else "")


def draw_interplays(target: FigureBase, interplays: Sequence[Interplay], outcome: str) -> None:
    """Draw the curve of one factor at the ends of another: parallel lines are no interaction."""
    low = min(min(each.low) for pair in interplays for each in pair.curves)
    high = max(max(each.high) for pair in interplays for each in pair.curves)
    for panel, place in _panels(target, len(interplays)):
        pair = interplays[place]
        for i, each in enumerate(pair.curves):
            _curve(panel, each, _SERIES[i % len(_SERIES)], i, band=len(pair.curves) <= 2)
        panel.set_ylim(_padded(low, high))
        _axes(panel, pair.curves[0], outcome if place % COLUMNS == 0 else "")
        panel.set_title("")
        panel.set_xlabel(heading(pair.first, pair.curves[0].unit))
        lines, labels = panel.get_legend_handles_labels()
        panel.legend(
            lines,
            [_short(each.partition(" = ")[2], 10) for each in labels],
            title=pair.second,
            title_fontproperties={"size": 8, "weight": "bold"},
            alignment="left",
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            borderaxespad=0.2,
            fontsize=6.8,
            ncols=2,
            columnspacing=1.0,
            handletextpad=0.5,
            handlelength=1.6,
            labelcolor=LIGHT["faint"],
        )


def draw_contours(target: FigureBase, contours: Sequence[Contour]) -> None:
    """Draw slices over pairs on one scale, with the conditions that were run and the one they go through."""
    values = [v for each in contours for line in each.value for v in line if np.isfinite(v)]
    low, high = (0.0, 1.0) if contours[0].of == "probability" else (min(values), max(values))
    if not high > low:
        high = low + 1.0
    levels = np.linspace(0.0, 1.0, 11) if contours[0].of == "probability" else MaxNLocator(10).tick_values(low, high)
    drawn = None
    panels = []
    for panel, place in _panels(target, len(contours)):
        each = contours[place]
        value = np.array(each.value)
        drawn = panel.contourf(each.x, each.y, value, levels=levels, cmap=_MAP, extend="neither")
        panel.contour(each.x, each.y, value, levels=levels[1:-1], colors=LIGHT["paper"], linewidths=0.5, alpha=0.7)
        inside = [p for p in each.points if each.x[0] <= p[0] <= each.x[-1] and each.y[0] <= p[1] <= each.y[-1]]
        if inside:
            x, y = zip(*inside, strict=True)
            panel.plot(
                x,
                y,
                "o",
                markersize=2.6,
                color=LIGHT["paper"],
                markeredgecolor=LIGHT["ink"],
                markeredgewidth=0.6,
                clip_on=False,
            )
        if each.best is not None:
            panel.plot(
                *each.best,
                "D",
                markersize=5.0,
                color=LIGHT["novelty"],
                markeredgecolor=LIGHT["paper"],
                markeredgewidth=0.8,
                zorder=6,
            )
        panel.set_xlim(min(each.x), max(each.x))
        panel.set_ylim(min(each.y), max(each.y))
        if each.log[0]:
            panel.set_xscale("log")
            _plain_log(panel.xaxis)
        if each.log[1]:
            panel.set_yscale("log")
            _plain_log(panel.yaxis)
        panel.set_xlabel(heading(each.first, each.first_unit))
        panel.set_ylabel(heading(each.second, each.second_unit))
        panel.grid(visible=False)
        panels.append(panel)
    if drawn is not None:
        bar = target.colorbar(drawn, ax=panels, fraction=0.04, pad=0.015, aspect=30)
        bar.outline.set_visible(False)
        bar.set_ticks([float(each) for each in levels[::2]])
        bar.set_label(heading(contours[0].of, contours[0].unit))


def draw_residuals(target: FigureBase, linear: Linear, unit: str | None) -> None:
    """Draw residuals against what was fitted, against the order, and against normal quantiles."""
    from scipy.special import ndtri

    first, second, third = target.subplots(1, 3)
    order, fitted, residual = (np.array(each) for each in zip(*linear.residuals, strict=True))
    mark = {"markersize": 3.4, "color": LIGHT["improve"], "markeredgecolor": LIGHT["paper"], "markeredgewidth": 0.4}
    for panel, x, label in ((first, fitted, heading("fitted", unit)), (second, order, "experiment")):
        panel.axhline(0.0, color=LIGHT["faint"], linewidth=1.0)
        panel.plot(x, residual, "o", **mark)
        panel.set_xlabel(label)
    n = len(residual)
    normal = ndtri((np.arange(n) + 0.625) / (n + 0.25))
    spread = float(residual.std()) or 1.0
    third.plot(normal, normal * spread, color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)))
    third.plot(normal, np.sort(residual), "o", **mark)
    third.set_xlabel("normal quantile")
    first.set_ylabel(heading("residual", unit))


def _panels(target: FigureBase, count: int) -> list[tuple[Axes, int]]:
    columns = COLUMNS if count > 1 else 2
    panels = list(target.subplots(-(-count // columns), columns, squeeze=False).flat)
    for panel in panels[count:]:
        panel.set_axis_off()
    return [(panel, place) for place, panel in enumerate(panels[:count])]


def _curve(panel: Axes, curve: Curve, role: str, dash: int, *, band: bool = True) -> None:
    colour = LIGHT[role]
    x, mean = np.array(curve.x), np.array(curve.mean)
    if curve.options:
        x = x + 0.16 * (dash - 0.5) if curve.label else x
        panel.vlines(x, curve.low, curve.high, color=colour, linewidth=1.6, zorder=3)
        panel.plot(
            x,
            mean,
            "o",
            markersize=4.4,
            color=colour,
            markeredgecolor=LIGHT["paper"],
            label=curve.label or None,
            zorder=4,
        )
        return
    if band:
        panel.fill_between(x, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0, zorder=2)
    panel.plot(
        x,
        mean,
        color=colour,
        linewidth=1.7,
        linestyle=_DASHES[dash % len(_DASHES)],
        label=curve.label or None,
        zorder=4,
    )


def _axes(panel: Axes, curve: Curve, label: str) -> None:
    if curve.options:
        long = sum(map(len, curve.options)) > 22
        panel.set_xticks(
            range(len(curve.options)),
            [_short(each) for each in curve.options],
            rotation=30 if long else 0,
            ha="right" if long else "center",
            fontsize=7,
        )
        panel.set_xlim(-0.6, len(curve.options) - 0.4)
        panel.set_title(curve.factor, fontweight="bold")
    else:
        if curve.log:
            panel.set_xscale("log")
        panel.set_xlim(min(curve.x), max(curve.x))
        if curve.log:
            _plain_log(panel.xaxis)
        panel.set_title(heading(curve.factor, curve.unit), fontweight="bold")
    panel.set_ylabel(label)


def _plain_log(axis: Axis) -> None:
    """Write a logarithmic axis in plain numbers: powers of ten, and 2 and 5 between them where there is room."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low) if low > 0 else 3.0
    axis.set_major_locator(LogLocator(subs=(1.0,) if decades > 2.5 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _short(text: str, most: int = 14) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _padded(low: float, high: float) -> tuple[float, float]:
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - pad, high + pad


def effect_caption(effects: Sequence[Effect], chance: float) -> str:
    """Say how many effects there are, and how many would be found by chance."""
    claimed = sum(each.standing == "found" for each in effects)
    return (
        f"{claimed} of {len(effects)} effects may be claimed; if none were real, up to {number(chance, 2)} would be "
        f"claimed by chance. Bars are 90 % intervals."
    )
