"""labloop design."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from labloop.cli.answer import Answer
from labloop.cli.design_view import design_data, show_design, show_run_sheet
from labloop.cli.options import CampaignName, Json, StoreUrl, assignments, workspace
from labloop.cli.progress import working
from labloop.cli.render import experiment_rows
from labloop.design.order import Layout
from labloop.design.request import Request
from labloop.errors import UsageError
from labloop.loop.design import Designed, RunSheet, accept, preview, run_sheet, write_run_sheet
from labloop.loop.look import read_spec_of
from labloop.loop.sheets import refuse_existing
from labloop.loop.typed import condition
from labloop.records import Value
from labloop.spec.models import Spec

__all__ = ["command"]

_SUFFIXES = (".csv", ".xlsx", ".json", ".html")
_PICTURES = (".png", ".svg")
Several = list[str] | None


def command(
    campaign: CampaignName = None,
    goal: Annotated[
        str | None, typer.Option(help="screen, interactions or response-surface: a design is chosen, and why is said.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="A certain design: box-behnken, d-optimal, ...; see above.")] = None,
    runs: Annotated[
        int | None, typer.Option("-n", "--runs", min=1, max=2000, help="How many runs; for a goal, at most.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="main, interactions or quadratic: what is to be estimated.")] = None,
    factors: Annotated[
        str | None, typer.Option(metavar="A,B", help="What varies; everything that can, if not given.")
    ] = None,
    hold: Annotated[Several, typer.Option(metavar="NAME=VALUE", help="Hold a parameter there.")] = None,
    effect: Annotated[float | None, typer.Option(help="The change of the outcome that matters.")] = None,
    noise: Annotated[float | None, typer.Option(help="The standard deviation of one measurement.")] = None,
    replicates: Annotated[int, typer.Option(min=1, help="How often the whole design is run.")] = 1,
    centres: Annotated[int | None, typer.Option(min=0, help="Centre points.")] = None,
    blocks: Annotated[int, typer.Option(min=1, help="Blocks, such as days.")] = 1,
    block_name: Annotated[str, typer.Option(help="What a block is: day, plate, operator.")] = "block",
    plots: Annotated[int | None, typer.Option(min=1, help="How often what is hard to change is set.")] = None,
    controls: Annotated[int, typer.Option(min=0, help="Controls, spread over the blocks.")] = 0,
    control: Annotated[
        Several, typer.Option(metavar="NAME=VALUE", help="A condition of the controls; else the middle.")
    ] = None,
    in_order: Annotated[bool, typer.Option("--in-order", help="Keep the design order; do not randomise.")] = False,
    augment: Annotated[bool, typer.Option("--augment", help="Add to what was run already (optimal designs).")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move runs that break a rule to the nearest that can be.")
    ] = False,
    generators: Annotated[str | None, typer.Option(metavar="E=ABC,F=BCD", help="Of a fraction.")] = None,
    levels: Annotated[int | None, typer.Option(min=2, help="Levels a number has in a full factorial.")] = None,
    form: Annotated[str, typer.Option(help="Central composite: faced, inscribed or circumscribed.")] = "faced",
    alpha: Annotated[float | None, typer.Option(help="How far its stars are out; rotatable if not given.")] = None,
    degree: Annotated[int, typer.Option(min=1, help="Of a simplex lattice.")] = 2,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What chance follows from; the campaign's, if not given.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "--accept", "-y", help="Take it: write its experiments into the ledger.")
    ] = False,
    sheet: Annotated[
        int | None,
        typer.Option("--sheet", metavar="ENTRY", help="Write the run sheet of a design in the ledger again."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", "-o", help="Write the run sheet: .xlsx, .csv, .json, .html to print; power curves: .png, .svg."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Design experiments: factorial, screening, response surface, optimal; with blocks and a run sheet.

    Without --yes the design is only shown: what it sees, what it cannot, its runs. With it, its experiments go into
    the ledger, in one entry, numbered in the order to be run; their results are recorded like any others, and the
    planner learns from them.

    Kinds: full-factorial, fractional-factorial, plackett-burman, definitive-screening, box-behnken,
    central-composite, latin-hypercube, sobol, simplex-lattice, simplex-centroid, d-optimal, a-optimal, i-optimal,
    one-factor-at-a-time.

    For example:

        labloop design reaction --goal screen --effect 5 --noise 2

        labloop design reaction --kind d-optimal -n 16 --blocks 2 --block-name day --yes --out days.xlsx

        labloop design reaction --goal interactions --effect 5 --noise 2 --out power.png

        labloop design reaction --sheet 12 --out sheet.html
    """
    _check_files(out, force, writes=yes, again=sheet is not None)
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    if sheet is not None:
        again = run_sheet(ws.store, name, sheet)
        _write(again, out, force=force)
        data = {"campaign": name, "entry": again.entry, "files": [str(each) for each in out or ()]}
        return Answer(data, lambda to: show_run_sheet(to, again, out))
    spec = read_spec_of(ws.store, name)
    request = Request(
        kind=kind,
        goal=goal,
        runs=runs,
        model=model,
        factors=_words(factors),
        hold=_values(spec, hold, "--hold"),
        generators=_words(generators),
        levels=levels,
        form=form,
        alpha=alpha,
        degree=degree,
        centres=centres,
        replicates=replicates,
        repair=repair,
        augment=augment,
        effect=effect,
        noise=noise,
        layout=Layout(blocks, plots, controls, not in_order),
        block_name=block_name,
        control=_values(spec, control, "--control"),
    )
    with working("designing the experiments"):
        if not yes or any(path.suffix.lower() in _PICTURES for path in out or ()):
            # A picture that cannot be drawn is said before anything is written.
            made = preview(ws.store, name, request, seed=seed)
            _draw(made, spec, out)
        if yes:
            made = accept(ws.store, name, request, seed=seed)
    if yes:
        _write(run_sheet(ws.store, name, made.entry), out, force=force)
    data = design_data(made) | {
        "experiments": experiment_rows(name, made.experiments),
        "files": [str(each) for each in out or ()],
    }
    warnings = made.notes if made.design.kind != "one-factor-at-a-time" else (made.design.blind, *made.notes)
    return Answer(data, lambda to: show_design(to, spec, made, out), warnings)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _values(spec: Spec, words: Sequence[str] | None, option: str) -> dict[str, Value]:
    return {name: condition(spec, name, text) for name, text in assignments(words, option)}


def _check_files(out: Sequence[Path] | None, force: bool, *, writes: bool, again: bool) -> None:
    for path in out or ():
        suffix = path.suffix.lower()
        if suffix not in (*_SUFFIXES, *_PICTURES):
            expected = ", ".join((*_SUFFIXES, *_PICTURES))
            raise UsageError(f"{path.name} ends in {path.suffix!r}", hint=f"expected {expected}")
        if suffix in _PICTURES and again:
            raise UsageError(f"{path.name}: --sheet writes the run sheet only", hint=f"expected {', '.join(_SUFFIXES)}")
        if suffix in _SUFFIXES and not (writes or again):
            raise UsageError(
                "a run sheet carries the ids of experiments, and these are not in the ledger yet",
                hint="take the design with --yes, or write the sheet of an earlier one with --sheet ENTRY",
            )
        refuse_existing(path, force=force)


def _draw(made: Designed, spec: Spec, out: Sequence[Path] | None) -> None:
    for path in out or ():
        if path.suffix.lower() in _PICTURES:
            from labloop.report.power import save_power

            save_power(made.design, next(iter(spec.objectives.values())).unit, path)


def _write(sheet: RunSheet, out: Sequence[Path] | None, *, force: bool) -> None:
    for path in out or ():
        if path.suffix.lower() in _PICTURES:
            continue
        if path.suffix.lower() == ".html":
            from labloop.report.runsheet import save_run_sheet

            save_run_sheet(sheet, path)
        else:
            write_run_sheet(path, sheet, force=force)
