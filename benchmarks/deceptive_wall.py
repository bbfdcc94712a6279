"""A wall of figures: where labloop and others look on landscapes made to deceive, in two dimensions.

    python benchmarks/deceptive_wall.py docs/deceptive.png --strategies explore ax baybe bofire botorch optuna

One campaign a panel, the same seed; needs `pip install 'labloop[peers]'` for the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labloop.loop.look import experiments
from labloop.records import Experiment
from labloop.report.drawing import styled
from labloop.report.style import LIGHT
from labloop.simulate.job import Job
from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab
from labloop.simulate.trial import run
from labloop.store import Store

LABS = ("hills2:place=3,width=0.05", "needle2:width=0.05", "crossed2:width=0.05", "outlier2")
TOLD = (
    "a broad hill, a narrow higher one",
    "a needle on a ridge",
    "main effects point away",
    "the worst level hides the best\n(filled: that level; rings: others)",
)
BATCH, BUDGET = 4, 32
GRID = 121


@dataclass(frozen=True)
class Campaign:
    """What was run, in order, and what was left to gain at the end."""

    place: Lab
    ran: tuple[Experiment, ...]
    left: float


def played(name: str, strategy: str, seed: int) -> Campaign:
    """Run one campaign as `labloop simulate` does."""
    place = lab(name)
    with closing(Store("sqlite://")) as store:
        course = run(Job(lab=name, strategy=strategy, seed=seed, batch=BATCH, budget=BUDGET), store)
        ran = experiments(store, place.campaign.name)
    return Campaign(place, ran, course.rows[-1].left)


def draw(panel: Axes, campaign: Campaign) -> None:
    """Draw the landscape, the experiments in their order, the optimum and the best that was found."""
    axis = np.linspace(0.0, 1.0, GRID)
    top = campaign.place.optimum.conditions
    at = {"level": top["level"]} if "level" in top else {}
    truth = [[campaign.place.truth({"x1": float(a), "x2": float(b)} | at)["score"] for a in axis] for b in axis]
    panel.contourf(axis, axis, truth, levels=18, cmap="Greys", alpha=0.75)
    order = np.arange(len(campaign.ran))
    x, y = (np.array([float(each.executed[name]) for each in campaign.ran]) for name in ("x1", "x2"))
    here = np.array([each.executed.get("level") == top.get("level") for each in campaign.ran])
    shades = panel.scatter(x[here], y[here], c=order[here], cmap="viridis", vmin=0, vmax=BUDGET, s=22, linewidths=0.5)
    shades.set_edgecolor("white")
    colours = [tuple(each) for each in shades.to_rgba(order[~here])]
    panel.scatter(x[~here], y[~here], s=14, facecolors="none", edgecolors=colours, linewidths=0.8)
    panel.plot(
        float(top["x1"]), float(top["x2"]), marker="*", markersize=11, color=LIGHT["best"], markeredgecolor="white"
    )
    panel.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], aspect="equal")
    found = campaign.left <= 0.1
    panel.set_xlabel(f"{'found' if found else f'{campaign.left:.0%} left'}", color="black" if found else "grey")


def wall(strategies: Sequence[str], seed: int) -> Figure:
    """Return the figure: a row a landscape, a column a strategy."""
    figure = Figure(figsize=(1.75 * len(strategies) + 1.0, 1.9 * len(LABS) + 0.4), layout="constrained")
    panels = figure.subplots(len(LABS), len(strategies), squeeze=False)
    for row, (name, told) in enumerate(zip(LABS, TOLD, strict=True)):
        for column, strategy in enumerate(strategies):
            panel = panels[row, column]
            draw(panel, played(name, strategy, seed))
            if row == 0:
                panel.set_title("labloop" if strategy == "explore" else strategy)
        panels[row, 0].set_ylabel(told)
    figure.suptitle(
        f"{BUDGET} experiments in batches of {BATCH}: early ones dark, late ones bright; the star is the best there is"
    )
    return figure


def main() -> None:
    """Draw the wall."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--strategies", nargs="+", default=["explore", "ax", "baybe", "bofire", "botorch", "optuna"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with styled():
        wall(given.strategies, given.seed).savefig(given.picture, dpi=130)


if __name__ == "__main__":
    main()
