"""The figures of a study: `labloop.simulate.summary` gives the numbers, `labloop.report.panels` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labloop.report.panels import Curve, Interval, Panel, intervals_figure, panels_figure, save_figure
from labloop.simulate.labs import lab
from labloop.simulate.rehearse import Plan
from labloop.simulate.summary import Band, Difference, Setting, Traces, bands, found_so_far, left_by_cost, mean_ranks

__all__ = ["draw_costs", "draw_differences", "draw_rehearsal", "draw_settings", "short"]

_LEFT = "left to gain (mean and 95 % interval; 1 is random, 0 the optimum)"


def draw_settings(traces: Sequence[Traces], folder: Path) -> list[Path]:
    """Draw one picture a setting: what is left to gain, the ranks, the share of runs that found the basin."""
    written = []
    for each in traces:
        several = "at least 90 % of the hypervolume" if _weighs_several(each) else "the global basin"
        panels = [
            Panel(_LEFT, _banded(bands(each.left)), scale="share"),
            Panel("mean rank (1 is best)", _plain(mean_ranks(each)), scale="rank"),
            Panel(f"runs that found {several}", _plain(found_so_far(each)), scale="percent"),
        ]
        figure = panels_figure(_title(each.setting), [panel for panel in panels if panel.curves])
        written.append(save_figure(figure, folder / f"{_file_name(each.setting)}.png"))
    return written


def draw_costs(traces: Sequence[Traces], folder: Path) -> list[Path]:
    """Draw what is left to gain against what was spent, for every setting whose lab says what experiments cost."""
    written = []
    for each in traces:
        costs, found = left_by_cost(each)
        if found:
            cost = lab(each.setting.lab).cost
            unit = cost.unit if cost else ""
            panel = Panel(_LEFT, _banded(found, costs), scale="share")
            figure = panels_figure(_title(each.setting), [panel], along=f"spent on experiments, {unit}")
            written.append(save_figure(figure, folder / f"{_file_name(each.setting)}-cost.png"))
    return written


def draw_differences(found: Sequence[Difference], reference: str, names: Sequence[str], path: Path) -> Path:
    """Draw the paired differences of all settings into one file."""
    intervals = [
        Interval(_title(each.setting), each.strategy, each.mean, each.low, each.high, each.decided) for each in found
    ]
    title = f"left to gain, less what {reference} left (right of 0: {reference} is better)"
    return save_figure(intervals_figure(title, intervals, names), path)


def draw_rehearsal(found: Sequence[Plan], name: str, path: Path) -> Path:
    """Draw the share of the attainable after every measurement, one line a way of running the campaign."""
    curves = [
        Curve(
            f"{each.batch} at a time" + (f", {each.replicates} times" if each.replicates > 1 else ""),
            each.gained.tolist(),
            each.low.tolist(),
            each.high.tolist(),
        )
        for each in found
    ]
    title = "share of the attainable (mean, and 80 % of the truths between)"
    return save_figure(panels_figure(name, [Panel(title, curves, scale="percent")], along="measurement"), path)


def short(name: str) -> str:
    """Return a lab's name without the folder of its table."""
    kind, colon, path = name.partition(":")
    return f"{kind}:{Path(path).name}" if colon and kind in ("table", "emulate") else name


def _title(setting: Setting) -> str:
    return str(setting).replace(setting.lab, short(setting.lab), 1)


def _file_name(setting: Setting) -> str:
    words = [short(setting.lab), f"batch{setting.batch}"]
    words += [f"noise{setting.noise:g}"] if setting.noise else []
    words += [f"{setting.replicates}times"] if setting.replicates > 1 else []
    words += [setting.behaviour] if setting.behaviour else []
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in "-".join(words))


def _weighs_several(traces: Traces) -> bool:
    from labloop.simulate.tables import file_of

    return file_of(traces.setting.lab) is None and lab(traces.setting.lab).front is not None


def _plain(found: Mapping[str, NDArray[np.float64]]) -> list[Curve]:
    return [Curve(name, values.tolist()) for name, values in found.items() if len(values)]


def _banded(found: Mapping[str, Band], along: NDArray[np.float64] | None = None) -> list[Curve]:
    return [
        Curve(
            name,
            band.middle.tolist(),
            band.low.tolist(),
            band.high.tolist(),
            along=() if along is None else along[: len(band.middle)].tolist(),
        )
        for name, band in found.items()
    ]
