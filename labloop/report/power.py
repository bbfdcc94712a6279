"""The chance of a design to see an effect, over the effect's size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from labloop.design import Design
from labloop.design.power import PowerCurve
from labloop.errors import InvalidInput
from labloop.report.drawing import WIDTH, save_picture, styled
from labloop.report.progress import heading
from labloop.report.style import LIGHT

__all__ = ["power_figure", "save_power"]

_SERIES = ("improve", "novelty", "best", "awaited")
_DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1, 1.5)))
_SHOWN = 4
_WANTED = 0.8


def save_power(design: Design, unit: str | None, path: str | Path) -> Path:
    """Draw the power curves of a design into a PNG or SVG file, and return its path.

    Raises
    ------
    InvalidInput
        If the effect and the noise were not stated, or the file's name ends in neither ``.png`` nor ``.svg``.
    StorageError
        If it cannot be written.
    """
    if not design.curves:
        raise InvalidInput(
            "there is no power to draw: nothing says which effect matters, or nothing is left over to test it",
            hint="state the effect and the noise, for instance --effect 5 --noise 2",
        )
    return save_picture(path, lambda: power_figure(design, unit), such_as="power")


def power_figure(design: Design, unit: str | None) -> Figure:
    """Draw one curve for all terms that share it, and where 80 % and the stated effect lie."""
    with styled():
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        panel = figure.subplots()
        shown = _spread(sorted(design.curves, key=lambda each: -each.chances[len(each.chances) // 2]))
        for place, each in enumerate(shown):
            panel.plot(
                each.sizes, each.chances, color=LIGHT[_SERIES[place]], linestyle=_DASHES[place], label=_name(each.names)
            )
        middle = shown[0].sizes[len(shown[0].sizes) // 2]
        panel.axhline(_WANTED, color=LIGHT["faint"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        panel.axvline(middle, color=LIGHT["faint"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        panel.annotate(
            "stated effect", (middle, 0.0), xytext=(4, 4), textcoords="offset points", color=LIGHT["faint"], fontsize=8
        )
        panel.set(xlim=(0.0, shown[0].sizes[-1]), ylim=(0.0, 1.02))
        panel.set_yticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])
        panel.set_xlabel(heading("effect", unit))
        panel.set_ylabel(heading("chance to see it", "%"))
        panel.legend(
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            labelcolor=LIGHT["faint"],
            fontsize=8,
            handlelength=2.6,
            title=f"{len(shown)} of {len(design.curves)} curves, best to worst"
            if len(shown) < len(design.curves)
            else None,
            title_fontsize=8,
        )
    return figure


def _spread(curves: Sequence[PowerCurve]) -> list[PowerCurve]:
    """Return a few of many curves, the best and the worst among them."""
    if len(curves) <= _SHOWN:
        return list(curves)
    return [curves[round(i * (len(curves) - 1) / (_SHOWN - 1))] for i in range(_SHOWN)]


def _name(names: tuple[str, ...]) -> str:
    """Return what a curve is of, in a few words."""
    if len(names) <= 3:
        return "\n".join(names)
    return "\n".join([*names[:2], f"and {len(names) - 2} more"])
