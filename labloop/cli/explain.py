"""labloop explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.insight import Force, Outcome, Pictures, check_pictures, draw_pictures, effects_table, table
from labloop.cli.options import CampaignName, Json, StoreUrl, workspace
from labloop.cli.progress import working
from labloop.cli.render import heading, number, said
from labloop.loop.understand import explain

if TYPE_CHECKING:
    from rich.console import Console

    from labloop.insight.explain import Explanation

__all__ = ["command"]


def command(
    campaign: CampaignName = None,
    outcome: Outcome = None,
    everything: Annotated[bool, typer.Option("--all", help="Also list effects that were not seen.")] = False,
    out: Pictures = None,
    force: Force = False,
    json: Json = False,
    store: StoreUrl = None,
) -> Answer:
    """Say what has been learnt about an outcome, with intervals; 'not estimable yet' is an answer.

    Main effects, interactions and curvature from a linear model and from the surrogate, each with a 90 %
    interval, its evidence and whether it may be claimed; and whose share of the variation is whose.

    For example:

        labloop explain reaction

        labloop explain reaction --out effects.html
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    ws.enrol(name)
    check_pictures(out, force=force)
    with working("looking at the results"):
        found = explain(ws.store, name, outcome, pictures=bool(out) or json)
        draw_pictures(found, out, ws.store, name)
    return Answer(
        {"campaign": name, "files": [str(each) for each in out or ()], **_data(found)},
        lambda to: _show(to, found, everything, out or []),
        found.notes,
    )


def _data(found: Explanation) -> dict[str, Any]:
    from labloop.insight.plain import plain

    values: dict[str, Any] = plain(found)
    return values


def _show(to: Console, found: Explanation, everything: bool, files: list[Path]) -> None:
    said(
        to,
        f"{heading(found.outcome, found.unit)}: {found.measurements} measurements under {found.conditions} conditions.",
        f"Linear model: {found.linear.order}, {found.linear.terms} coefficients, "
        f"{_error(found)}. {found.linear.lack_of_fit.words}",
    )
    to.print()
    shown = found.effects if everything else found.found
    if shown:
        to.print(effects_table(shown, found.unit))
        said(to, *_evidence(found))
    _say_rest(to, found, everything)
    if found.shares is not None:
        to.print()
        to.print(_shares(found))
    said(to, *(f"Wrote {path}." for path in files))


def _error(found: Explanation) -> str:
    if not found.linear.df:
        return "no experiment is left over to know the error from"
    return f"error {number(found.linear.error_sd, 3)} ({found.linear.df} degrees of freedom)"


def _say_rest(to: Console, found: Explanation, everything: bool) -> None:
    unseen = [each.name for each in found.effects if each.standing == "not seen"]
    unstable = [each.name for each in found.effects if each.standing == "unstable"]
    silent = dict.fromkeys(str(each.term) for each in found.effects if each.standing == "not estimable yet")
    if silent:
        said(to, f"Not estimable yet: {', '.join(silent)} (labloop estimability says why).")
    if unstable and not everything:
        said(
            to, f"Not claimed, because the sign is not stable or the surrogate does not see it: {', '.join(unstable)}."
        )
    if unseen and not everything:
        said(to, f"No effect seen of {len(unseen)} others (--all lists them with their intervals).")
    if not found.found:
        said(to, "No effect may be claimed yet.")
    elif found.chance >= 0.5:
        said(
            to,
            f"{sum(e.linear is not None for e in found.effects)} effects were looked at: if none were real, up to "
            f"{found.chance:.0f} would be claimed by chance.",
        )


def _evidence(found: Explanation) -> list[str]:
    """Say by how the factors came to their values what the effects are evidence of."""
    means = {
        "randomised": "in random order, so an effect is the factor's",
        "set, not randomised": "not run in random order, so whatever drifted along may share in an effect",
        "only observed": "a correlation, never a cause",
    }
    lines = []
    for label, meaning in means.items():
        names = [name for name, evidence in found.evidence.items() if evidence == label]
        if names:
            lines.append(f"{label.capitalize()} ({meaning}): {', '.join(names)}.")
    return lines


def _shares(found: Explanation) -> Any:
    shares = found.shares
    assert shares is not None
    drawn = table()
    drawn.title = Text("share of the variation over the explored region, surrogate, 90 %", style="bold")
    drawn.title_justify = "left"
    drawn.add_column("factor")
    drawn.add_column("on its own", justify="right")
    drawn.add_column("in all", justify="right")
    for one, total in zip(shares.first, shares.total, strict=True):
        drawn.add_row(Text(one.names[0]), _share(one), _share(total))
    for pair in sorted(shares.second, key=lambda each: -each.share)[:5]:
        if pair.low > 0.01:
            drawn.add_row(Text(" × ".join(pair.names)), _share(pair), "")
    return drawn


def _share(index: Any) -> str:
    return f"{100 * index.share:.0f} % ({100 * index.low:.0f} to {100 * index.high:.0f})"
