"""What all figures share: matplotlib's settings, marks, and writing to a file.

Only the object-oriented interface is used; there is no current figure, and nothing is left behind.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from labloop.errors import InvalidInput, StorageError
from labloop.report.progress import Point, Track
from labloop.report.style import LIGHT, MARKS, family

__all__ = ["MANY", "WIDTH", "figure_bytes", "key_handles", "scatter", "styled", "write_file"]

WIDTH = 7.2
"""Inches: two columns of a journal."""
MANY = 1500
"""Points, above which a vector file would be slow to open: they become a picture inside it."""
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": LIGHT["ink"],
    "axes.edgecolor": LIGHT["faint"],
    "axes.labelcolor": LIGHT["faint"],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 6.0,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.6,
    "xtick.color": LIGHT["faint"],
    "ytick.color": LIGHT["faint"],
    "xtick.major.width": 0.8,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "legend.columnspacing": 1.6,
    "svg.hashsalt": "labloop",
}
# matplotlib's settings belong to the whole process; two threads drawing at once would mix them up.
_LOCK = threading.RLock()


@contextmanager
def styled(**more: Any) -> Iterator[None]:
    """Draw in labloop's style, whatever the process has set, and leave that as it was."""
    # The name of the backend is not a matter of style, and setting it would load one.
    plain = {key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}
    settings: Any = {**plain, **_STYLE, **more}
    with _LOCK, rc_context(settings), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes, which is not worth a line on stderr.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure_bytes(figure: Figure, kind: Literal["png", "svg"], *, words: bool = False) -> bytes:
    """Return a figure as a file's content, the same bytes for the same figure.

    Parameters
    ----------
    figure : drawn in labloop's style.
    kind : ``png`` (200 dots an inch) or ``svg``.
    words : in SVG, keep text as text for a browser to set, rather than as outlines.
    """
    content = BytesIO()
    with styled(**{"svg.fonttype": "none" if words else "path"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(content, format=kind, dpi=200, metadata=metadata)
    return content.getvalue()


def save_picture(path: str | Path, draw: Callable[[], Figure], *, such_as: str) -> Path:
    """Draw a figure into a PNG or SVG file, and return its path; ``such_as`` is a name to propose.

    Raises
    ------
    InvalidInput
        If the file's name ends in neither ``.png`` nor ``.svg``.
    StorageError
        If it cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".png":
            return write_file(path, figure_bytes(draw(), "png"))
        case ".svg":
            return write_file(path, figure_bytes(draw(), "svg"))
    hint = f"write for instance {path.stem or such_as}.png"
    raise InvalidInput(f"the picture {path.name!r} must end in .png or .svg", hint=hint)


def write_file(path: Path, content: bytes) -> Path:
    """Write a file and return its path.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise StorageError(f"{path} cannot be written: {reason}", hint="choose another place") from error
    return path


def scatter(panel: Axes, points: Sequence[Point], x: Sequence[float], y: Sequence[float]) -> None:
    """Draw measured points, each with the mark of its family."""
    many = len(points) > MANY
    families = [family(point) for point in points]
    for name, mark in MARKS.items():
        chosen = [position for position, each in enumerate(families) if each == name]
        if not chosen:
            continue
        crossed = mark.shape == "x"
        panel.scatter(
            [x[position] for position in chosen],
            [y[position] for position in chosen],
            s=mark.area * (0.25 if many else 1.0),
            marker=mark.shape,
            facecolors=LIGHT[name],
            # A pale rim keeps overlapping points apart; a cross is all rim.
            edgecolors=None if crossed else LIGHT["paper"],
            linewidths=1.1 if crossed else 0.5,
            zorder=3 if crossed else 4,
            rasterized=many,
        )


def key_handles(tracks: Sequence[Track]) -> list[Line2D]:
    """Return one entry for every mark that was used, in words."""
    words: dict[str, list[str]] = {}
    for track in tracks:
        for point in track.measured:
            named = words.setdefault(family(point), [])
            word = "breaks a limit" if point.keeps is False else point.kind
            if word not in named:
                named.append(word)
    if any(track.awaited for track in tracks):
        words["awaited"] = ["expected, 90 %"]
    if any(track.fruitless for track in tracks):
        words["none"] = ["no result"]
    return [_handle(name, ", ".join(words[name])) for name in MARKS if name in words]


def _handle(name: str, text: str) -> Line2D:
    mark, hollow = MARKS[name], name == "awaited"
    return Line2D(
        [],
        [],
        linestyle="",
        marker=mark.shape,
        markersize=mark.area**0.5,
        color=LIGHT[name],
        markerfacecolor=LIGHT["paper"] if hollow else LIGHT[name],
        markeredgewidth=1.1 if hollow or mark.shape in ("x", "|") else 0.0,
        label=text,
    )
