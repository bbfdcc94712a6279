"""The run sheet of a design as one page to print: what to set, in which order, and room to write down what came.

Like every page of ours it is self-contained: no script, no font, no address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from labloop.loop.design import RunSheet
from labloop.records import Experiment, Value, experiment_id
from labloop.report.drawing import write_file
from labloop.report.page import document
from labloop.report.progress import heading
from labloop.report.stamp import stamp_words
from labloop.spec.models import Outcome
from labloop.spec.parameters import Choice, Constant, Parameter

__all__ = ["run_sheet_page", "save_run_sheet"]

_COLUMNS = 12


def save_run_sheet(sheet: RunSheet, path: str | Path) -> Path:
    """Write the page into a file, and return its path.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    return write_file(Path(path), run_sheet_page(sheet).encode())


def run_sheet_page(sheet: RunSheet) -> str:
    """Return the page as HTML."""
    spec, about = sheet.spec, sheet.about
    title = f"{escape(spec.name)}: run sheet"
    body = [
        f"<h1>{title}</h1>",
        f'<p class="question">{escape(spec.question)}</p>' if spec.question else "",
        f"<p>{escape(_summary(sheet))}</p>",
        '<p class="by">Run by <span></span> Date <span></span></p>',
        *_blocks(sheet),
        _notes(about.get("notes", ())),
        f"<footer>Design of entry {sheet.entry} of the ledger, seed {about['seed']}. {_order(about)}"
        f"{stamp_words(sheet.stamp)}</footer>",
    ]
    return document(title, body, css="runsheet.css", dark=False, stamp=sheet.stamp)


def _order(about: Mapping[str, Any]) -> str:
    if about.get("settings", {}).get("random") is False:
        return "It stands in the design's own order: whatever drifts in the laboratory may look like an effect."
    return (
        "Run it in this order: chance decided it, so that whatever drifts in the laboratory is no effect of what was "
        "set."
    )


def _summary(sheet: RunSheet) -> str:
    constants = [
        f"{name} = {_plain(each.value)} {each.unit or ''}".strip()
        for name, each in sheet.spec.proposed.items()
        if isinstance(each, Constant)
    ]
    always = f" Always: {', '.join(constants)}." if constants else ""
    return f"{sheet.about['kind']} design, {len(sheet.experiments)} runs.{always}"


def _blocks(sheet: RunSheet) -> list[str]:
    """Return one table a block, each on a page of its own."""
    name = str(sheet.about["block_name"])
    blocks = sheet.lead.get(name)
    if blocks is None:
        return [_table(sheet, range(len(sheet.experiments)))]
    tables = []
    for block in dict.fromkeys(blocks):
        rows = [row for row, each in enumerate(blocks) if each == block]
        tables.append(f"<section>\n<h2>{escape(name)} {block}</h2>\n{_table(sheet, rows)}\n</section>")
    return tables


def _table(sheet: RunSheet, rows: Sequence[int]) -> str:
    spec = sheet.spec
    block = str(sheet.about["block_name"])
    lead = [name for name in sheet.lead if name not in ("run order", "kind of run", block)]
    names = [name for name, each in spec.proposed.items() if not isinstance(each, Constant)]
    blanks: dict[str, Outcome | Parameter] = {
        **spec.outcomes,
        **{name: spec.parameters[name] for name in spec.covariates},
    }
    head = ["<th class=n>run</th>", "<th>experiment</th>", *(f"<th class=n>{escape(each)}</th>" for each in lead)]
    head += [
        f"<th{_side(spec.parameters[name])}>{escape(heading(name, spec.parameters[name].unit))}</th>" for name in names
    ]
    head += [f"<th class=fill>{escape(heading(name, each.unit))}</th>" for name, each in blanks.items()]
    head.append('<th class="fill note">note</th>')
    body = "\n".join(_row(sheet, row, lead, names, len(blanks) + 1) for row in rows)
    top = f"<thead><tr>{''.join(head)}</tr></thead>"
    # Beyond a dozen columns a landscape page is narrow.
    kind = " class=many" if len(head) > _COLUMNS else ""
    return f'<div class="wide"><table{kind}>{top}\n<tbody>\n{body}\n</tbody></table></div>'


def _row(sheet: RunSheet, row: int, lead: Sequence[str], names: Sequence[str], blanks: int) -> str:
    each: Experiment = sheet.experiments[row]
    kind = str(sheet.lead["kind of run"][row])
    cells = [
        f"<td class=n>{sheet.lead['run order'][row]}</td>",
        f"<td>{escape(experiment_id(sheet.spec.name, each.number))}</td>",
    ]
    for name in lead:
        value = sheet.lead[name][row]
        shown = kind if name == "design order" and kind != "design" else "" if value is None else str(value)
        cells.append(f"<td class=n>{escape(shown)}</td>")
    plots = sheet.lead.get("whole plot")
    changes = plots is not None and (row == 0 or plots[row] != plots[row - 1])
    cells += [f"<td{_side(sheet.spec.parameters[name])}>{escape(_plain(each.planned[name]))}</td>" for name in names]
    return f"<tr{' class=plot' if changes else ''}>{''.join(cells)}{'<td class=fill></td>' * blanks}</tr>"


def _notes(notes: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


def _side(parameter: Parameter) -> str:
    return "" if isinstance(parameter, Choice) else " class=n"


def _plain(value: Value) -> str:
    """Write a condition exactly as it is dialled in."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
