"""An answer of `labloop.insight` as a picture or a page: the same parts, on one sheet or one below the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matplotlib.figure import Figure, FigureBase

from labloop.errors import InvalidInput
from labloop.insight.estimability import Estimability
from labloop.insight.explain import Explanation
from labloop.insight.region import OperatingRegion
from labloop.insight.validation import Check
from labloop.report.check_figures import apart_height, draw_apart, draw_check, draw_drifts
from labloop.report.drawing import WIDTH, figure_bytes, styled, write_file
from labloop.report.insight_figures import (
    ROW,
    draw_contours,
    draw_curves,
    draw_effects,
    draw_interplays,
    draw_residuals,
    draw_shares,
    effect_caption,
    effects_height,
    grid_height,
)
from labloop.report.page import document, drawing
from labloop.report.progress import heading
from labloop.report.stamp import stamp_words

__all__ = ["Part", "figure_of", "insight_page", "parts_of", "save_insight"]

Answer = Estimability | Explanation | Check | OperatingRegion


@dataclass(frozen=True)
class Part:
    """One picture of a sheet: its title, a caption for the page, its height in inches, and how it is drawn."""

    title: str
    caption: str
    height: float
    draw: Callable[[FigureBase], None]


def save_insight(answer: Answer, path: str | Path, *, stamp: str = "") -> Path:
    """Write an answer into a PNG, SVG or HTML file, and return its path.

    A page carries ``stamp``, the head of the ledger.

    Raises
    ------
    InvalidInput
        If the file's name ends in something else.
    StorageError
        If it cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".html":
            content = insight_page(answer, stamp=stamp).encode()
        case ".png":
            content = figure_bytes(figure_of(answer), "png")
        case ".svg":
            content = figure_bytes(figure_of(answer), "svg")
        case _:
            hint = f"write for instance {path.stem or 'answer'}.png"
            raise InvalidInput(f"the picture {path.name!r} must end in .png, .svg or .html", hint=hint)
    return write_file(path, content)


def parts_of(answer: Answer) -> list[Part]:
    """Return the pictures of an answer, in order."""
    match answer:
        case Estimability():
            return _of_estimability(answer)
        case Explanation():
            return _of_explanation(answer)
        case Check():
            return _of_check(answer)
        case OperatingRegion():
            return _of_region(answer)


def figure_of(answer: Answer) -> Figure:
    """Draw all pictures of an answer on one sheet."""
    parts = parts_of(answer)
    with styled():
        figure = Figure(figsize=(WIDTH, sum(part.height + 0.3 for part in parts)), layout="constrained")
        rows = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=[part.height + 0.3 for part in parts])
        for part, row in zip(parts, rows[:, 0], strict=True):
            row.suptitle(part.title, x=0.012, ha="left", fontsize=10.5, fontweight="bold")
            part.draw(row)
    return figure


def _alone(part: Part) -> Figure:
    with styled():
        figure = Figure(figsize=(WIDTH, part.height), layout="constrained")
        part.draw(figure)
    return figure


def _of_estimability(found: Estimability) -> list[Part]:
    caption = (
        "Each square is one effect. A tilde: estimable only if others are nil; a cross: not separable from others."
    )
    return [Part("What can be told apart", caption, apart_height(found), lambda to: draw_apart(to, found))]


def _of_explanation(found: Explanation) -> list[Part]:
    name, unit, shares = heading(found.outcome, found.unit), found.unit, found.shares
    caption = effect_caption(found.effects, found.chance)
    effects = found.effects
    parts = [Part("Effects", caption, effects_height(effects), lambda to: draw_effects(to, effects, unit))]
    if shares is not None:
        caption = "How much of the variation each factor makes over the explored region, by the surrogate."
        height = 0.9 + 1.2 * ROW * len(shares.total)
        parts.append(Part("Shares of the variation", caption, height, lambda to: draw_shares(to, shares)))
    if found.curves:
        caption = "The true mean along each factor, averaged over the others, with its 90 % band (surrogate)."
        parts.append(
            Part(
                "Main effects", caption, grid_height(len(found.curves)), lambda to: draw_curves(to, found.curves, name)
            )
        )
    if found.interplays:
        caption = "One factor at the ends of another. Parallel lines: no interaction. Bands are 90 %."
        height = grid_height(len(found.interplays)) + 0.4 * -(-len(found.interplays) // 3)
        parts.append(Part("Interactions", caption, height, lambda to: draw_interplays(to, found.interplays, name)))
    if found.slices:
        caption = f"Through experiment {found.best}; dots were measured there."
        height = grid_height(len(found.slices))
        parts.append(
            Part(
                f"Slices through experiment {found.best}",
                caption,
                height,
                lambda to: draw_curves(to, found.slices, name),
            )
        )
    if found.contours:
        caption = f"Two factors at a time, the others as in experiment {found.best} (diamond); dots are experiments."
        height = grid_height(len(found.contours))
        parts.append(Part("Pairs", caption, height, lambda to: draw_contours(to, found.contours)))
    caption = f"What the linear model leaves over. {found.linear.lack_of_fit.words}"
    parts.append(Part("Residuals", caption, 2.2, lambda to: draw_residuals(to, found.linear, unit)))
    return parts


def _of_check(check: Check) -> list[Part]:
    caption = (
        "Every result against its prediction by a model that had seen nothing of its group; orange ones lie outside "
        "their 90 % interval. Calibration: the line should stay in the band. Edge: the best tenth (squares) was left "
        "out; right of the dashed line is what the model ranks on top."
    )
    return [
        Part(
            check.verdict if len(check.verdict) < 60 else "Check of the model",
            caption,
            2.5,
            lambda to: draw_check(to, check),
        )
    ]


def _of_region(found: OperatingRegion) -> list[Part]:
    numbers = sum(not isinstance(each.centre, str) for each in found.drifts)
    parts = []
    if numbers:
        caption = (
            "How far each factor may drift from the centre while the goals still hold with the stated probability."
        )
        height = 0.7 + 0.42 * numbers
        parts.append(Part("How far each factor may drift", caption, height, lambda to: draw_drifts(to, found)))
    if found.contours:
        caption = "The probability that all goals hold, two factors at a time, the others at the centre (diamond)."
        height = grid_height(len(found.contours))
        parts.append(Part("Where the goals hold", caption, height, lambda to: draw_contours(to, found.contours)))
    return parts


def _title(answer: Answer) -> tuple[str, str]:
    match answer:
        case Estimability():
            return "What can be told apart", f"{len(answer.runs)} measurements under {answer.conditions} conditions"
        case Explanation():
            return f"What is known about {answer.outcome}", effect_caption(answer.effects, answer.chance)
        case Check():
            return f"May the model of {answer.outcome} be believed?", answer.verdict
        case OperatingRegion():
            return "Where the goals hold", answer.says


def _sentences(answer: Answer) -> list[str]:
    match answer:
        case Estimability():
            return [*answer.notes, *(each.says for each in answer.verdicts)]
        case Explanation():
            claimed = [f"{each.says} ({each.compares}; {each.evidence})" for each in answer.found]
            rest = [each.says for each in answer.effects if each.standing in ("unstable", "not estimable yet")]
            return [*answer.notes, *claimed, *rest]
        case Check() | OperatingRegion():
            return list(answer.notes)


def insight_page(answer: Answer, *, stamp: str = "") -> str:
    """Return an answer as one self-contained page; ``stamp`` is the head of the ledger that it carries."""
    title, says = _title(answer)
    blocks = []
    for place, part in enumerate(parts_of(answer)):
        drawn = drawing(_alone(part), f"part{place}", part.title)
        blocks.append(
            f"<h2>{escape(part.title)}</h2>\n<figure>{drawn}<figcaption>{escape(part.caption)}</figcaption></figure>"
        )
    sentences = _sentences(answer)
    if sentences:
        blocks.append("<h2>In words</h2>\n<ul>" + "".join(f"<li>{escape(each)}</li>" for each in sentences) + "</ul>")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="question">{escape(says)}</p>',
        *blocks,
        "<footer>Written by labloop. Intervals are 90 %; what is not estimable is not estimated."
        f"{stamp_words(stamp)}</footer>",
    ]
    return document(escape(title), body, stamp=stamp)
