"""labloop surprises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer, console
from labloop.cli.options import CampaignName, Json, StoreUrl, Yes, workspace
from labloop.cli.prompts import agreed, interactive
from labloop.cli.render import _table, heading, number, prediction_text, said
from labloop.errors import Conflict
from labloop.loop.look import read_spec_of
from labloop.loop.record import Recorded
from labloop.loop.surprises import Stage, Surprise, Surprises, repeat_surprises, surprises
from labloop.records import experiment_id
from labloop.spec.models import Spec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]

_STYLE = {Stage.OPEN: "yellow", Stage.UNDER_WAY: "cyan", Stage.CONFIRMED: "green", Stage.REFUTED: "dim"}
_NEXT = {
    Stage.CONFIRMED: "believe it: the repeats are outside the prediction too, on the same side",
    Stage.REFUTED: "the repeats sit where the model expected them: look for the error, then labloop amend or undo",
}


def command(
    campaign: CampaignName = None,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Add repeats of all that nobody has repeated yet to the campaign.")
    ] = False,
    times: Annotated[int, typer.Option(min=1, max=20, help="With --repeat: how often each is repeated.")] = 1,
    rate: Annotated[
        float, typer.Option(help="The share of the queue that may be chance (the false discovery rate).")
    ] = 0.1,
    yes: Yes = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Show results far outside their predictions, and repeat them before believing them.

    An outlier is either an error or the discovery. The rule allows for every result that was looked at, and for
    a model that is too sure of itself; see docs/honesty.md.

    For example:

        labloop surprises hydrogel

        labloop surprises hydrogel --repeat
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    spec = read_spec_of(ws.store, name)
    added = None
    if repeat:
        seen = surprises(ws.store, name, rate=rate)
        if interactive(json) and seen.open:
            _show(console(stderr=True), spec, seen, None)
            if not agreed(f"add {times * len(seen.open)} repeats?", yes=yes, json=json):
                raise Conflict("nothing was added: you said no", hint=f"labloop surprises {name}")
        added = repeat_surprises(ws.store, name, times=times, rate=rate)
    found = surprises(ws.store, name, rate=rate)
    data = {
        "campaign": name,
        "looked_at": found.looked_at,
        "rate": found.rate,
        "surprises": [_row(name, each) for each in found.found],
        "added": [experiment_id(name, each) for each in added.added] if added else [],
    }
    return Answer(data, lambda to: _show(to, spec, found, added))


def _row(name: str, each: Surprise) -> dict[str, Any]:
    case = each.odd.judged.case
    return {
        "experiment": experiment_id(name, case.number),
        "outcome": each.odd.outcome,
        "value": case.value,
        "predicted": {"low": case.prediction.low, "median": case.prediction.median, "high": case.prediction.high},
        "deviations": each.odd.judged.score,
        "widened": each.odd.widened,
        "rarity": each.odd.rarity,
        "better": each.better,
        "stage": each.stage.value,
        "repeats": list(each.repeats),
        "repeated_by": [experiment_id(name, number_) for number_ in each.repeated_by],
    }


def _show(to: Console, spec: Spec, found: Surprises, added: Recorded | None) -> None:
    name = found.row.name
    if not found.found:
        said(to, f"No surprise among {found.looked_at} results that had been predicted.")
        return
    table = _table()
    for title in ("experiment", "outcome", "measured", "predicted, 90 %", "by chance", "is", "stage", "repeats"):
        justify: Any = "right" if title in ("measured", "predicted, 90 %", "by chance") else "left"
        table.add_column(title, justify=justify)
    for each in found.found:
        case = each.odd.judged.case
        better = "" if each.better is None else "better" if each.better else "worse"
        table.add_row(
            Text(experiment_id(name, case.number), style="bold", no_wrap=True),
            Text(heading(each.odd.outcome, spec.outcomes[each.odd.outcome].unit)),
            number(case.value),
            prediction_text(case.prediction),
            _chance(each.odd.rarity),
            better,
            Text(each.stage.value, style=_STYLE[each.stage]),
            ", ".join(number(value) for value in each.repeats),
        )
    to.print(table)
    share = f"{100 * found.rate:g} %"
    said(to, "", f"Of {found.looked_at} results looked at; {share} of such a queue are expected to be chance.")
    for stage, advice in _NEXT.items():
        named = [experiment_id(name, each.experiment.number) for each in found.found if each.stage is stage]
        if named:
            said(to, f"{', '.join(dict.fromkeys(named))}: {advice}.")
    if added is not None:
        listed = ", ".join(experiment_id(name, each) for each in added.added)
        said(to, f"Added to be run: {listed}. A sheet:  labloop export {name} --open repeats.xlsx")
    elif found.open:
        said(to, f"Repeat what is open:  labloop surprises {name} --repeat")


def _chance(rarity: float) -> str:
    return f"1 in {float(f'{1 / rarity:.2g}'):,.0f}" if rarity > 1e-9 else "never"
