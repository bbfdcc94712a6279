"""labloop history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from labloop.cli.answer import Answer
from labloop.cli.grid import Grid, aligned
from labloop.cli.options import Json, StoreUrl, Words, campaign_and, experiment_numbers, workspace
from labloop.cli.render import plain
from labloop.errors import UsageError
from labloop.loop.look import History, history
from labloop.records import LedgerEntry

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


def command(words: Words = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Show what happened, entry by entry, corrections included.

    Nothing in the ledger is ever changed: a correction is a further entry, and what it corrects stays.

    For example:

        labloop history hydrogel

        labloop history hydrogel 7
    """
    ws = workspace(store)
    name, rest = campaign_and(ws, words)
    ws.enrol(name, edited=True)
    if len(rest) > 1:
        raise UsageError("the history of one experiment at a time", hint=f"labloop history {name} {rest[0]}")
    number_ = experiment_numbers(name, rest, command="history")[0] if rest else None
    found = history(ws.store, name, number=number_)
    entries = [_entry(each, each.sequence in found.undone) for each in found.entries]
    data = {"campaign": name, "head": {"sequence": found.row.head, "hash": found.row.head_hash}, "entries": entries}
    return Answer(data, lambda console: _show(console, found))


def _entry(entry: LedgerEntry, undone: bool) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "kind": entry.kind,
        "at": entry.at,
        "actor": entry.actor,
        "version": entry.version,
        "hash": entry.hash,
        "undone": undone,
        "summary": summary(entry),
        "payload": entry.payload,
    }


def _show(console: Console, found: History) -> None:
    grid = Grid()
    grid.add("entry", aligned([str(entry.sequence) for entry in found.entries]), kind="number")
    grid.add("when (UTC)", [entry.at[:19].replace("T", " ") for entry in found.entries], kind="id")
    grid.add("who", [entry.actor for entry in found.entries])
    grid.add("what", [_what(entry, entry.sequence in found.undone) for entry in found.entries], kind="prose")
    grid.add("hash", [entry.hash[:8] for entry in found.entries], kind="id", style="dim")
    console.print(grid)


def _what(entry: LedgerEntry, undone: bool) -> Text:
    text = Text(summary(entry), style="strike dim" if undone else "")
    if undone:
        text.append("  (undone)", style="not strike yellow")
    return text


def summary(entry: LedgerEntry) -> str:
    """Say in one sentence what an entry did."""
    payload = entry.payload
    because = f": {payload['reason']}" if payload.get("reason") else ""
    match entry.kind:
        case "created":
            return "began the campaign"
        case "revised":
            return f"took in version {payload['version']} of the spec{because}"
        case "proposed":
            numbers = [each["number"] for each in payload["experiments"]]
            return f"proposed {_numbers(numbers)} (batch {payload['batch']}, {payload['strategy']})"
        case "added":
            numbers = [each["number"] for each in payload["experiments"]]
            return f"added {_numbers(numbers)} ({payload['origin']}{_from(payload)})"
        case "recorded":
            return (
                "; ".join(_result(each) for each in payload["results"][:3])
                + _more(payload["results"])
                + _from_too(payload)
            )
        case "amended":
            return f"amended {payload['experiment']}, {_changes(payload)}{because}"
        case "vetoed":
            return f"vetoed {_numbers(payload['experiments'])}{because}"
        case "moved":
            return f"marked {_numbers(payload['experiments'])} as {payload['status']}{because}"
        case "claimed":
            verb = "prolonged the claim of" if "renews" in payload else "claimed"
            return f"{payload['claimant']} {verb} {_numbers(payload['experiments'])} until {_minute(payload)}{because}"
        case "released":
            return f"released {_numbers(payload['experiments'])}{because}"
        case "undone":
            return f"took back entry {payload['sequence']}{because}"
    return entry.kind


def _minute(payload: Any) -> str:
    return str(payload["until"])[:16].replace("T", " ")


def _from(payload: Any) -> str:
    return f" from {payload['source']}" if payload.get("source") else ""


def _from_too(payload: Any) -> str:
    return f" (from {payload['source']})" if payload.get("source") else ""


def _more(results: list[Any]) -> str:
    return f" and {len(results) - 3} more" if len(results) > 3 else ""


def _result(result: Any) -> str:
    """Say everything that one part of an entry wrote down."""
    seen = result.get("observation", {})
    parts = [f"{name} = {value:.12g}" for name, value in seen.get("outcomes", {}).items()]
    parts += [f"{name} = {value:.12g}" for name, value in seen.get("covariates", {}).items()]
    if result.get("executed"):
        parts.append("executed at " + ", ".join(f"{name} = {plain(v)}" for name, v in result["executed"].items()))
    parts += [f"{heading}: {text}" for heading, text in seen.get("extra", {}).items()]
    parts += [f"note: {text}" for text in (result.get("note"), seen.get("note")) if text]
    if result.get("failure"):
        return f"{result['experiment']} failed ({result['failure']})" + (f": {', '.join(parts)}" if parts else "")
    return f"recorded {result['experiment']}: {', '.join(parts)}"


def _changes(payload: Any) -> str:
    changed = {**payload.get("outcomes", {}), **payload.get("covariates", {}), **payload.get("executed", {})}
    parts = [f"{name} = {'not measured' if value is None else plain(value)}" for name, value in changed.items()]
    if "failure" in payload:
        parts.append(f"failure: {payload['failure'] or 'none'}")
    return ", ".join(parts)


def _numbers(numbers: list[int]) -> str:
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")
