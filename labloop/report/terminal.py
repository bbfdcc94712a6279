"""Progress as characters: points, and a staircase of the best so far.

Drawn on a grid of one character a cell, row 0 at the top. A terminal that cannot show the box-drawing
characters gets ASCII ones.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labloop.report.progress import Point, Progress, Track, number
from labloop.report.ticks import axis, labels, nice_step

__all__ = ["terminal_progress"]

_LEAST_HEIGHT = 6
_LEAST_WIDTH = 40


@dataclass(frozen=True, slots=True)
class _Glyphs:
    """The characters of one drawing style; `corners` are where a step leaves its level, upwards and downwards."""

    marks: dict[str, str]
    rule: str
    post: str
    corners: tuple[str, str]
    tick: str
    axis: str
    foot: str
    notch: str
    dots: str


_UNICODE = _Glyphs(
    marks={"start": "▪", "improve": "●", "novelty": "◆", "other": "•", "broken": "×", "awaited": "○", "none": "!"},
    rule="─",
    post="│",
    corners=("╯", "╮"),
    tick="┤",
    axis="│",
    foot="─",
    notch="┬",
    dots="┄",
)
_ASCII = _Glyphs(
    marks={"start": "#", "improve": "o", "novelty": "^", "other": ".", "broken": "x", "awaited": "?", "none": "!"},
    rule="-",
    post="|",
    corners=("+", "+"),
    tick="+",
    axis="|",
    foot="-",
    notch="+",
    dots=".",
)
# Basic colours, so that the terminal's own theme decides what they look like.
_COLOURS = {"start": 36, "improve": 94, "novelty": 33, "other": 37, "broken": 31, "awaited": 35, "none": 31}
_BEST, _FAINT, _BOLD = 32, 2, 1
# Slots that look for gain are drawn alike, and so are those that look for knowledge.
_FAMILY = {"start": "start", "design": "start", "improve": "improve", "climb": "improve", "novelty": "novelty"}
_FAMILY["learn"] = "novelty"


def terminal_progress(
    data: Progress, width: int = 80, height: int = 20, *, colour: bool = False, encoding: str | None = "utf-8"
) -> str:
    """Draw the progress of every outcome as text, one panel under the other.

    Parameters
    ----------
    data : from `progress_frame`.
    width : characters a line, at least 40.
    height : lines in all, shared by the panels; a panel has at least 6, so that several may need more.
    colour : whether to use ANSI colours; nothing is said by colour alone.
    encoding : of the terminal; where it lacks the drawing characters, ASCII is used.

    Returns
    -------
    Lines without a line break at the end.
    """
    encoding = _known(encoding)
    glyphs = _UNICODE if _encodes(_UNICODE, encoding) else _ASCII
    width = max(width, _LEAST_WIDTH)
    shown = [track for track in data.tracks if track.measured]
    if not shown:
        return f"{data.spec.name}: nothing measured yet, so there is nothing to draw"
    body = max(height // len(shown) - 4, _LEAST_HEIGHT - 2)
    lines: list[str] = []
    for track in shown:
        lines += [*_panel(track, glyphs, (width, body), colour), ""]
    lines[-1:] = _key(shown, glyphs, width, colour)
    return "\n".join(line.rstrip() for line in lines).encode(encoding, "replace").decode(encoding)


def _known(encoding: str | None) -> str:
    """Return the name of an encoding, ASCII for none and for one that Python does not know."""
    try:
        return codecs.lookup(encoding or "ascii").name
    except LookupError:
        return "ascii"


def _encodes(glyphs: _Glyphs, encoding: str) -> bool:
    text = "".join([*glyphs.marks.values(), glyphs.rule, *glyphs.corners, glyphs.tick, glyphs.notch, glyphs.dots])
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@dataclass
class _Canvas:
    """Cells with a character and an ANSI code each (0: none)."""

    width: int
    height: int
    cells: list[list[str]] = field(init=False)
    codes: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.cells = [[" "] * self.width for _ in range(self.height)]
        self.codes = [[0] * self.width for _ in range(self.height)]

    def put(self, row: int, column: int, character: str, code: int = 0) -> None:
        self.cells[row][column], self.codes[row][column] = character, code

    def line(self, row: int, colour: bool) -> str:
        text, last = [], 0
        for character, code in zip(self.cells[row], self.codes[row], strict=True):
            if colour and code != last:
                text.append("\x1b[0m" if last else "")
                text.append(f"\x1b[{code}m" if code else "")
                last = code
            text.append(character)
        return "".join(text) + ("\x1b[0m" if last else "")


def _styled(text: str, code: int, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and text else text


def _panel(track: Track, glyphs: _Glyphs, size: tuple[int, int], colour: bool) -> list[str]:
    width, height = size
    values = [value for point in track.measured for value in (point.low, point.high) if value is not None]
    values += [p.prediction.median for p in track.awaited if p.prediction]
    values += [limit.bound for limit in track.limits] + ([track.target] if track.target is not None else [])
    bottom, top, marks = axis(min(values), max(values), max(2, height // 3))
    names = labels(marks)
    margin = max(map(len, names)) + 2
    canvas = _Canvas(width - margin - 1, height)

    def row(value: float) -> int:
        return round((top - value) / (top - bottom) * (height - 1))

    first, last = track.points[0].number, track.points[-1].number

    def column(point_number: float) -> int:
        return round((point_number - first) / max(last - first, 1) * (canvas.width - 2)) if last > first else 1

    bounds = [limit.bound for limit in track.limits] + ([track.target] if track.target is not None else [])
    for value in bounds:
        for place in range(canvas.width):
            canvas.put(row(value), place, glyphs.dots, _FAINT)
    _staircase(canvas, track.points, row, column, glyphs)
    _points(canvas, track, row, column, glyphs)
    by_row = {row(value): name for value, name in zip(marks, names, strict=True)}
    lines = [_title(track, width, colour)]
    for place in range(height):
        edge = glyphs.tick if place in by_row else glyphs.axis
        left = f"{by_row.get(place, ''):>{margin - 1}} {edge}"
        lines.append(_styled(left, _FAINT, colour) + canvas.line(place, colour))
    return [*lines, *_foot(glyphs, margin, canvas.width, (first, last, column), colour)]


def _title(track: Track, width: int, colour: bool) -> str:
    name = f" {track.heading}" + (f", {track.aim}" if track.aim else "")
    best = track.best
    said = f"best so far: {number(best.value)} (experiment {best.number})" if best and best.value is not None else ""
    gap = width - len(name) - len(said)
    if not said or gap < 2:
        return _styled(name, _BOLD, colour)
    return _styled(name, _BOLD, colour) + " " * gap + _styled(said, _BEST, colour)


def _staircase(
    canvas: _Canvas,
    points: Sequence[Point],
    row: Callable[[float], int],
    column: Callable[[float], int],
    glyphs: _Glyphs,
) -> None:
    """Draw the best so far: level until an experiment beats it, then a step."""
    here: int | None = None
    at = 0
    for point in [point for point in points if point.leads and point.best is not None]:
        there, step = row(float(point.best or 0.0)), column(point.number)
        if here is not None:
            for place in range(at, step):
                canvas.put(here, place, glyphs.rule, _BEST)
            if here != there:
                # Where it arrives stands the point that set it.
                up, down = glyphs.corners
                for between in range(min(here, there) + 1, max(here, there)):
                    canvas.put(between, step, glyphs.post, _BEST)
                canvas.put(here, step, up if there < here else down, _BEST)
                step += 1
        here, at = there, step
    if here is not None:
        for place in range(at, canvas.width):
            canvas.put(here, place, glyphs.rule, _BEST)


def _points(
    canvas: _Canvas, track: Track, row: Callable[[float], int], column: Callable[[float], int], glyphs: _Glyphs
) -> None:
    for point in track.fruitless:
        canvas.put(canvas.height - 1, column(point.number), glyphs.marks["none"], _COLOURS["none"])
    for point in track.awaited:
        if point.prediction:
            where = row(point.prediction.median), column(point.number)
            canvas.put(*where, glyphs.marks["awaited"], _COLOURS["awaited"])
    for point in sorted(track.measured, key=lambda each: each.leads):
        family = _family(point)
        canvas.put(row(point.value or 0.0), column(point.number), glyphs.marks[family], _COLOURS[family])


def _family(point: Point) -> str:
    return "broken" if point.keeps is False else _FAMILY.get(point.kind, "other")


def _foot(
    glyphs: _Glyphs, margin: int, width: int, span: tuple[int, int, Callable[[float], int]], colour: bool
) -> list[str]:
    first, last, column = span
    step = max(1, round(nice_step(max(last - first, 1), max(2, width // 10))))
    rule, text = [glyphs.foot] * width, [" "] * (width + margin)
    label = "experiment"
    text[-len(label) :] = label
    for value in sorted({first, *range(step * (first // step + 1), last + 1, step)}):
        name = str(value)
        begin = margin + column(value) + 1 - len(name) // 2
        if all(each == " " for each in text[begin - 1 : begin + len(name) + 1]):
            text[begin : begin + len(name)] = name
            rule[column(value)] = glyphs.notch
    corner = "└" if glyphs is _UNICODE else "+"
    return [_styled(f"{' ' * margin}{corner}{''.join(rule)}", _FAINT, colour), _styled("".join(text), _FAINT, colour)]


def _key(shown: Sequence[Track], glyphs: _Glyphs, width: int, colour: bool) -> list[str]:
    """Explain the marks that were used, in words, on as many lines as it takes."""
    families: dict[str, list[str]] = {}
    for track in shown:
        for point in track.measured:
            named = families.setdefault(_family(point), [])
            word = "breaks a limit" if point.keeps is False else point.kind
            if word not in named:
                named.append(word)
    if any(track.awaited for track in shown):
        families["awaited"] = ["expected"]
    if any(track.fruitless for track in shown):
        families["none"] = ["no result"]
    entries = [
        (glyphs.marks[family], _COLOURS[family], ", ".join(families[family]))
        for family in glyphs.marks
        if family in families
    ]
    if any(track.goal for track in shown):
        entries.append((glyphs.rule * 2, _BEST, "best so far"))
    lines, used = [""], 0
    for mark, code, words in entries:
        length = len(mark) + len(words) + 4
        if used and used + length > width + 3:
            lines.append("")
            used = 0
        lines[-1] += f" {_styled(mark, code, colour)} {words}  "
        used += length
    return lines
