"""A campaign on one self-contained page: pictures, the table of experiments, predictions against results.

Nothing is fetched and nothing runs: no script, no font, no address; the page looks the same in ten years. Every
text from outside goes through `html.escape`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from matplotlib.figure import Figure

from labloop.records import Experiment, Prediction, Status, Value
from labloop.report.drawing import figure_bytes, write_file
from labloop.report.figures import predictions_figure, progress_figure
from labloop.report.progress import Point, Progress, heading, kind_of, number
from labloop.report.stamp import stamp_meta, stamp_words
from labloop.report.style import DARK, LIGHT
from labloop.spec.parameters import Choice, Constant, Parameter

__all__ = ["document", "drawing", "page", "save_page"]

# CSS pixels an inch of figure: its 8.5 points become the size of small print on the page.
_PIXELS = 132


def save_page(data: Progress, path: str | Path, *, stamp: str = "") -> Path:
    """Write the page into a file, and return its path; it carries ``stamp``, the head of the ledger.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    return write_file(Path(path), page(data, stamp=stamp).encode())


def page(data: Progress, *, stamp: str = "") -> str:
    """Return the page as HTML; ``stamp`` is the head of the ledger that it carries."""
    name = escape(data.spec.name)
    body = [
        f"<h1>{name}</h1>",
        f'<p class="question">{escape(data.spec.question)}</p>' if data.spec.question else "",
        _summary(data),
        _progress(data),
        _predictions(data),
        _table(data),
        "<footer>Written by labloop. A prediction is kept as it was made, before its result existed."
        f"{stamp_words(stamp)}</footer>",
    ]
    return document(f"{name}: progress", body, stamp=stamp)


def document(title: str, body: Sequence[str], *, css: str = "page.css", dark: bool = True, stamp: str = "") -> str:
    """Return a self-contained page, no script, no font, no address; ``title`` and ``body`` are HTML.

    ``stamp`` is the head of the ledger that the page carries.
    ``dark`` lets a screen choose the dark palette; a page to print is light whatever the screen.
    """
    style = files("labloop.report").joinpath(css).read_text(encoding="utf-8")
    images = " img-src data:" if dark else ""
    lines = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"
        f'{";" if images else ""}{images}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        *([stamp_meta(stamp)] if stamp else []),
        *(['<meta name="color-scheme" content="light dark">'] if dark else []),
        f"<title>{title}</title>\n<style>\n{palette() if dark else _colours(LIGHT)}{style}</style>",
        "</head>\n<body>\n<main>",
        *body,
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(lines)


def palette() -> str:
    """Return the colours of light and dark as style rules."""
    # Paper is white whatever the screen: the dark palette is for screens only.
    return f"{_colours(LIGHT)}@media screen and (prefers-color-scheme: dark) {{ {_colours(DARK).strip()} }}\n"


def _colours(colours: Mapping[str, str]) -> str:
    return ":root { " + " ".join(f"--{role}: {colour};" for role, colour in colours.items()) + " }\n"


def _summary(data: Progress) -> str:
    statuses = [each.status for each in data.experiments]
    done = statuses.count(Status.COMPLETED)
    awaited = sum(status.is_open for status in statuses)
    failed = sum(status in (Status.FAILED, Status.INFEASIBLE) for status in statuses)
    items = [("experiments with results", str(done))]
    if awaited:
        items.append(("still to come", str(awaited)))
    if failed:
        items.append(("without a result", str(failed)))
    for track in data.tracks:
        if (best := track.best) is not None and best.value is not None:
            unit = f" {escape(track.unit)}" if track.unit else ""
            said = f"{number(best.value)}{unit} <small>experiment {best.number}</small>"
            items.append((f"best {escape(track.outcome)} ({escape(track.aim)})", said))
    return "<dl>" + "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in items) + "</dl>"


def _progress(data: Progress) -> str:
    caption = "Every experiment in the order of its number"
    if len(data.batches) > 1:
        caption += ", every second batch shaded"
    if any(track.best for track in data.tracks):
        caption += "; the line is the best so far"
        caption += " among those that keep the limits" if data.spec.limits else ""
    if any(point.high != point.low for track in data.tracks for point in track.measured):
        caption += "; bars on results span the replicates"
    drawn = drawing(progress_figure(data), "progress", f"Progress of {data.spec.name}")
    return f"<h2>Progress</h2>\n<figure>{drawn}<figcaption>{escape(caption)}.</figcaption></figure>"


def _predictions(data: Progress) -> str:
    figure = predictions_figure(data)
    if figure is None:
        return ""
    caption = (
        "What was predicted before the experiment, with its 90 % interval, against what was measured. On the "
        "dashed line they agree; of good intervals nine in ten cross it."
    )
    drawn = drawing(figure, "predictions", "Results against predictions")
    return f"<h2>Predictions against results</h2>\n<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def drawing(figure: Figure, prefix: str, label: str) -> str:
    """Return a figure as an SVG element whose colours are the page's and whose ids are its own."""
    text = figure_bytes(figure, "svg", words=True).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    for role, colour in LIGHT.items():
        text = text.replace(colour, f"var(--{role})")
    # Words are set in the page's own font, which the elements inherit.
    text = text.replace("font-family: 'DejaVu Sans'; ", "").replace("; font-family: 'DejaVu Sans'", "")
    width = f"max-width: {figure.get_figwidth() * _PIXELS:.0f}px"
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" style="{width}" ', 1)


@dataclass(frozen=True)
class _Columns:
    """What the table has columns for."""

    predicted: frozenset[str]
    conditions: tuple[str, ...]
    why: bool
    leading: frozenset[int]


def _columns(data: Progress) -> _Columns:
    return _Columns(
        frozenset(track.outcome for track in data.tracks if any(point.prediction for point in track.points)),
        tuple(name for name, each in data.spec.parameters.items() if not isinstance(each, Constant)),
        any(each.reason or each.note for each in data.experiments),
        frozenset(data.leading),
    )


def _table(data: Progress) -> str:
    if not data.experiments:
        return ""
    columns, parameters = _columns(data), data.spec.parameters
    head = ["<th class=n>no.</th>", "<th class=n>batch</th>", "<th>asked by</th>", "<th>status</th>"]
    for track in data.tracks:
        head.append(f"<th class=n>{escape(track.heading)}</th>")
        if track.outcome in columns.predicted:
            head.append("<th class=n>predicted, 90&nbsp;%</th>")
    head += [
        f"<th{_side(parameters[name])}>{escape(heading(name, parameters[name].unit))}</th>"
        for name in columns.conditions
    ]
    if columns.why:
        head.append("<th>why</th>")
    rows = "\n".join(_row(data, position, columns) for position in range(len(data.experiments)))
    return (
        '<section class="experiments">\n<h2>Experiments</h2>\n'
        f'<div class="wide"><table><thead><tr>{"".join(head)}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
        f'<p class="note">{escape(_legend(data))}</p>\n</section>'
    )


def _side(parameter: Parameter) -> str:
    return "" if isinstance(parameter, Choice) else " class=n"


def _legend(data: Progress) -> str:
    parts = ["Conditions as executed; results are means over replicates."]
    if data.leading:
        best = "The best experiment is" if len(data.leading) == 1 else "The experiments that no other beats are"
        parts.append(f"{best} marked and bold.")
    if any(point.keeps is False for track in data.tracks for point in track.points):
        parts.append("Grey rows break a limit.")
    if any(not p.low <= value <= p.high for track in data.tracks for _, p, value in track.judged):
        parts.append("Predictions whose interval missed the result are orange.")
    constants = [(n, p) for n, p in data.spec.parameters.items() if isinstance(p, Constant)]
    if constants:
        parts.append(
            "Always: " + ", ".join(f"{n} = {_plain(p.value)} {p.unit or ''}".strip() for n, p in constants) + "."
        )
    return " ".join(parts)


def _row(data: Progress, position: int, columns: _Columns) -> str:
    each = data.experiments[position]
    cells = [
        f"<td class=n>{each.number}</td>",
        f"<td class=n>{each.batch if each.batch is not None else ''}</td>",
        f"<td>{escape(kind_of(each))}</td>",
        f"<td>{escape(each.failure.value if each.failure else each.status.value)}</td>",
    ]
    for track in data.tracks:
        cells += _outcome(track.points[position], track.outcome in columns.predicted)
    cells += [
        f"<td{_side(data.spec.parameters[name])}>{escape(_condition(each, name))}</td>" for name in columns.conditions
    ]
    if columns.why:
        cells.append(f'<td class="why">{escape(" ".join(text for text in (each.reason, each.note) if text))}</td>')
    kind = ' class="best"' if each.number in columns.leading else ""
    if not kind and data.tracks[0].points[position].keeps is False:
        kind = ' class="broken"'
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _outcome(point: Point, predicted: bool) -> Iterator[str]:
    yield f"<td class=n>{'' if point.value is None else number(point.value)}</td>"
    if predicted:
        missed = point.prediction and point.value is not None and not _inside(point.prediction, point.value)
        kind = "n missed" if missed else "n faint"
        yield f'<td class="{kind}">{_interval(point.prediction) if point.prediction else ""}</td>'


def _inside(prediction: Prediction, value: float) -> bool:
    return prediction.low <= value <= prediction.high


def _interval(prediction: Prediction) -> str:
    return f"{number(prediction.median, 3)} ({number(prediction.low, 3)} to {number(prediction.high, 3)})"


def _condition(each: Experiment, name: str) -> str:
    if name in each.executed:
        return _plain(each.executed[name])
    values = [o.covariates[name] for o in each.observations if name in o.covariates]
    return number(sum(values) / len(values)) if values else ""


def _plain(value: Value) -> str:
    """Write a condition exactly as it was dialled in."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
