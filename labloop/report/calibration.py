"""How honest predictions were, as a picture: one row an outcome, three panels.

Left, how often intervals held against how often they should have (on the diagonal: calibrated; below it:
overconfident). Middle, the histogram of the probability integral transform (flat: calibrated; a hill in the middle:
intervals too wide; hills at the ends: too narrow), with the band in which 95 % of the bars of a calibrated model
lie. Right, the CRPS of each round beside that of predicting the mean of what was known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labloop.insight.scores import LEVELS, Card, share_interval
from labloop.report.drawing import WIDTH, save_picture, styled
from labloop.report.progress import heading
from labloop.report.style import LIGHT

__all__ = ["calibration_figure", "save_calibration"]

_PANEL = 2.35  # inches
_MOST_BINS = 10
_FEWEST_BINS = 4


def save_calibration(cards: Sequence[Card], path: str | Path) -> Path:
    """Draw scorecards into a PNG or SVG file, and return its path.

    Raises
    ------
    InvalidInput
        If the file's name ends in neither ``.png`` nor ``.svg``.
    StorageError
        If it cannot be written.
    """
    return save_picture(path, lambda: calibration_figure(cards), such_as="calibration")


def calibration_figure(cards: Sequence[Card]) -> Figure:
    """Draw one row an outcome that has results to predictions."""
    shown = [card for card in cards if card.judged]
    with styled():
        figure = Figure(figsize=(WIDTH, _PANEL * max(len(shown), 1) + 0.2), layout="constrained")
        if not shown:
            figure.text(0.5, 0.5, "no prediction has met its result yet", ha="center", color=LIGHT["faint"])
            return figure
        panels = figure.subplots(len(shown), 3, squeeze=False)
        for (left, middle, right), card in zip(panels, shown, strict=True):
            _coverage(left, card)
            _transform(middle, card)
            _rounds(right, card)
    return figure


def _coverage(panel: Axes, card: Card) -> None:
    total = card.overall
    panel.plot([0, 1], [0, 1], color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for level, hits in zip(LEVELS, total.hits, strict=True):
        low, high = share_interval(hits, total.results, 0.95)
        panel.vlines(level, low, high, color=LIGHT["improve"], linewidth=1.2, zorder=2)
    held = [hits / total.results for hits in total.hits]
    panel.plot(LEVELS, held, "o", color=LIGHT["improve"], markersize=4.5, zorder=3)
    panel.set(xlim=(0.44, 0.99), ylim=(0, 1.04), xlabel="interval [%]", ylabel="held")
    panel.set_xticks(LEVELS, [f"{100 * level:.0f}" for level in LEVELS], fontsize=7)
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    panel.set_title(heading(card.outcome, card.unit), fontweight="bold")


def _transform(panel: Axes, card: Card) -> None:
    from scipy.stats import binom  # most of a second, and only pictures need it

    pits = [each.pit for each in card.judged]
    bins = max(_FEWEST_BINS, min(_MOST_BINS, len(pits) // 5))
    low, high = (float(binom.ppf(tail, len(pits), 1 / bins)) for tail in (0.025, 0.975))
    panel.axhspan(low, high, color=LIGHT["rule"], alpha=0.6, linewidth=0, zorder=0)
    panel.axhline(len(pits) / bins, color=LIGHT["faint"], linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    edges = [i / bins for i in range(bins + 1)]
    panel.hist(pits, bins=edges, color=LIGHT["start"], edgecolor=LIGHT["paper"], linewidth=0.8, zorder=2)
    panel.set(xlim=(0, 1), xlabel="result's place in its prediction (PIT)", ylabel="results")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_title(f"{len(pits)} results", loc="right", fontsize=8.5, color=LIGHT["faint"])


def _rounds(panel: Axes, card: Card) -> None:
    rounds = [number for number, _ in card.rounds]
    plain = [(n, each.crps_mean) for n, each in card.rounds if each.crps_mean is not None]
    if plain:
        x, y = zip(*plain, strict=True)
        panel.plot(x, y, "o--", color=LIGHT["other"], markersize=3.5, linewidth=1.1, label="predicting the mean")
    panel.plot(
        rounds,
        [each.crps for _, each in card.rounds],
        "o-",
        color=LIGHT["improve"],
        markersize=4,
        linewidth=1.4,
        label="the model",
    )
    panel.set(xlabel="batch", ylabel="CRPS" + (f" [{card.unit}]" if card.unit else ""))
    panel.set_ylim(bottom=0)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    top = panel.get_ylim()[1]
    panel.set_ylim(0, 1.3 * top)
    panel.legend(loc="upper right", fontsize=7, labelcolor=LIGHT["faint"])
