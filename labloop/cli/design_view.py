"""How a design is shown: what it is and why, its runs, what it sees and what it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from labloop.cli.render import _table, heading, plain, said
from labloop.loop.design import Designed, RunSheet
from labloop.records import experiment_id
from labloop.spec.models import Spec
from labloop.spec.parameters import Choice, Constant

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labloop.design.request import Design

__all__ = ["design_data", "show_design", "show_run_sheet"]

_ALIASES = 12
_CHAINS = 30


def design_data(made: Designed) -> dict[str, Any]:
    """Write a design as JSON values."""
    design = made.design
    advice = design.advice
    return {
        "campaign": made.campaign,
        "entry": made.entry,
        "kind": design.kind,
        "model": design.model,
        "seed": design.seed,
        "settings": dict(design.settings),
        "runs": [asdict(run) | {"conditions": dict(run.conditions)} for run in design.runs],
        "quality": asdict(design.quality),
        "power": [asdict(each) for each in design.powers],
        "power_curves": [asdict(each) for each in design.curves],
        "confounded": [asdict(each) for each in design.confounded],
        "fraction": {
            "factors": dict(design.factors),
            "words": list(design.words),
            "aliases": [list(chain) for chain in design.aliases],
        },
        "sees": design.sees,
        "cannot_see": design.blind,
        "advice": None
        if advice is None
        else {"goal": advice.goal, "why": list(advice.why), "options": [asdict(each) for each in advice.options]},
    }


def show_design(to: Console, spec: Spec, made: Designed, out: Sequence[Path] | None) -> None:
    """Draw a design and say what comes next."""
    design = made.design
    to.print(Text(f"{design.kind}, {len(design.runs)} runs, seed {design.seed}", style="bold"))
    if design.advice is not None:
        said(to, *(f"  {line}" for line in design.advice.why))
        others = [each for each in design.advice.options if each.kind != design.kind]
        said(to, *(f"  not {each.kind} ({each.runs} runs): {each.says}" for each in others if not each.serves))
    said(to, "", f"Sees: {design.sees}", f"Cannot see: {design.blind}", "")
    to.print(_runs(spec, made))
    said(to, "", *_quality(design))
    if design.aliases:
        said(to, "", *_fraction(design))
    if out:
        said(to, "", *(f"Wrote {path}." for path in out))
    if made.entry is None:
        said(to, "", "Nothing is written yet. Take these experiments into the ledger with the same command and --yes.")
        return
    first, last = made.experiments[0].number, made.experiments[-1].number
    said(to, "", f"Experiments {first} to {last} of {made.campaign} are in the ledger, in the order to be run.")
    if any(path.suffix.lower() not in (".png", ".svg") for path in out or ()):
        said(to, f"Filled in:  labloop record {made.campaign} FILE")
    else:
        said(to, f"The run sheet:  labloop design {made.campaign} --sheet {made.entry} --out sheet.xlsx")


def show_run_sheet(to: Console, sheet: RunSheet, out: Sequence[Path] | None) -> None:
    """Say what a run sheet holds."""
    about = sheet.about
    said(to, f"Entry {sheet.entry}: a {about['kind']} design of {len(sheet.experiments)} runs, seed {about['seed']}.")
    said(to, *(f"Wrote {path}." for path in out or ()))
    if not out:
        said(to, f"Write its run sheet with  labloop design {sheet.spec.name} --sheet {sheet.entry} --out sheet.xlsx")


def _runs(spec: Spec, made: Designed) -> Table:
    design = made.design
    table = _table()
    table.add_column("run", justify="right")
    ids = [experiment_id(made.campaign, each.number) for each in made.experiments]
    blocks = any(run.block > 1 for run in design.runs)
    plots = any(run.plot is not None for run in design.runs)
    for title in (["experiment"] if ids else []) + ([design.block_name] if blocks else []):
        table.add_column(Text(title), no_wrap=True)
    if plots:
        table.add_column("whole plot", justify="right")
    table.add_column("design order", justify="right")
    names = [name for name, each in spec.proposed.items() if not isinstance(each, Constant)]
    for name in names:
        justify: Any = "left" if isinstance(spec.parameters[name], Choice) else "right"
        table.add_column(Text(heading(name, spec.parameters[name].unit)), justify=justify, overflow="fold")
    for place, run in enumerate(design.runs, 1):
        lead = [str(place)] + ([ids[place - 1]] if ids else []) + ([str(run.block)] if blocks else [])
        lead += [str(run.plot or "")] if plots else []
        lead.append(str(run.order) if run.point == "design" else run.point)
        table.add_row(*map(Text, (*lead, *(plain(run.conditions[name]) for name in names))))
    return table


def _quality(design: Design) -> Iterator[str]:
    """Yield what can be said about a design before it is run, in sentences."""
    q = design.quality
    yield f"Model: {design.model}, {q.p} terms; {q.error} degrees of freedom for the error, {q.pure} from repeats."
    if q.lost:
        yield f"Cannot be estimated: {', '.join(q.lost[:_ALIASES])}."
    if q.mean_variance is not None and q.worst_variance is not None:
        yield (
            f"A prediction has {q.mean_variance**0.5:.2f} times the error of one measurement on average over the "
            f"region, {q.worst_variance**0.5:.2f} times at worst. Highest leverage: {max(q.leverage):.2f}."
        )
    inflated = [each for each in q.estimates if each.inflation is not None and each.inflation > 2]
    if inflated:
        shown = ", ".join(f"{each.term} ({each.inflation:.1f})" for each in inflated[:6] if each.inflation)
        yield f"Variance inflation above 2: {shown}."
    yield from _mixed_up(design)
    if design.confounded:
        shown = ", ".join(f"{each.term} ({each.share:.0%})".replace("%", " %") for each in design.confounded[:8])
        yield f"Mixed up with the {design.block_name}s: {shown}."
    elif any(run.block > 1 for run in design.runs):
        yield f"Main effects, interactions and quadratics are orthogonal to the {design.block_name}s."
    yield from _power(design)


def _mixed_up(design: Design) -> Iterator[str]:
    """Yield what terms outside the model would do to the estimates; a regular fraction says it by its aliases."""
    found: dict[tuple[str, str], float] = {}
    for each in design.quality.aliases:
        # The contrasts of a choice are of no interest one by one.
        pair = re.sub(r"\[\d+\]", "", each.term), re.sub(r"\[\d+\]", "", each.partner)
        if each.term != "constant" and abs(each.share) > abs(found.get(pair, 0.0)):
            found[pair] = each.share
    if found and not design.aliases:
        shown = "; ".join(f"{term} by {share:.2f} of {partner}" for (term, partner), share in list(found.items())[:6])
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        yield f"If terms outside the model are active, they shift estimates: {shown}{more}."


def _power(design: Design) -> Iterator[str]:
    chances = [each for each in design.powers if each.chance is not None]
    if chances:
        weakest = sorted(chances, key=lambda each: each.chance or 0.0)
        shown = ", ".join(f"{each.name} {each.chance:.0%}".replace("%", " %") for each in weakest[:8])
        yield f"Chance to see the stated effect, weakest first: {shown}."
    elif design.powers:
        yield "Nothing is left to judge the error by, so no effect can be tested: add runs, repeats or centre points."


def _fraction(design: Design) -> Iterator[str]:
    named = ", ".join(f"{letter} = {name}" for letter, name in design.factors.items())
    yield f"Factors: {named}."
    generators = ", ".join(design.settings["generators"]) or "none"
    yield f"Resolution {design.settings['resolution']}; generators {generators}."
    if design.words:
        yield "Defining relation: I = " + " = ".join(design.words[:16]) + (" ..." if len(design.words) > 16 else "")
    chains = [chain for chain in design.aliases if len(chain) > 1]
    if chains:
        yield "Aliases, only the sum of which is measured:"
        for chain in chains[:_CHAINS]:
            yield "  " + " + ".join(chain).replace("+ -", "- ")
        if len(chains) > _CHAINS:
            yield f"  and {len(chains) - _CHAINS} more (--json lists all)"
