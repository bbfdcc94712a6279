"""The options that commands share, and how the words of a command line become objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from labloop.errors import InvalidInput, LabloopError, UsageError
from labloop.loop.lookup import experiment_number
from labloop.loop.workspace import Workspace, open_workspace

__all__ = [
    "CampaignName",
    "Json",
    "Key",
    "Reason",
    "StoreUrl",
    "Words",
    "Yes",
    "assignments",
    "campaign_and",
    "experiment_numbers",
    "known_campaigns",
    "notices",
    "workspace",
]


def known_campaigns(incomplete: str) -> list[str]:
    """Complete the name of a campaign; nothing where there is no workspace, or it cannot be read."""
    try:
        return [name for name in open_workspace().names() if name.startswith(incomplete)]
    except LabloopError:
        return []


CampaignName = Annotated[
    str | None,
    typer.Argument(
        metavar="CAMPAIGN",
        help="The campaign; may be left out when there is one.",
        autocompletion=known_campaigns,
    ),
]
Words = Annotated[
    list[str] | None, typer.Argument(metavar="CAMPAIGN WHAT", show_default=False, autocompletion=known_campaigns)
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, alone on standard output.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        envvar="LABLOOP_STORE",
        show_envvar=True,
        help="Another store: postgresql://USER@HOST/DB, or a SQLite file.",
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Why; it goes into the ledger.")]


Key = Annotated[
    str | None,
    typer.Option(
        "--key", help="An idempotency key: the same request under the same key is written once, however often it comes."
    ),
]

_opened: list[Workspace] = []


def workspace(store: str | None) -> Workspace:
    """Find the workspace of the current folder."""
    found = open_workspace(store=store)
    _opened.append(found)
    return found


def notices() -> tuple[str, ...]:
    """Return, once, what the opened workspaces have to say beside any command's own warnings."""
    found = tuple(notice for each in _opened for notice in each.notices)
    _opened.clear()
    return found


def campaign_and(ws: Workspace, words: Sequence[str] | None) -> tuple[str, list[str]]:
    """Split ``[CAMPAIGN] WHAT...``: the campaign may be left out when there is one, or follows from an id.

    Raises
    ------
    NotFound, UsageError
        If no campaign is meant, or it is not clear which.
    """
    words = list(words or ())
    if words:
        first = words[0]
        if first in ws.names():
            return first, words[1:]
        if "#" in first:
            return ws.resolve(first.rpartition("#")[0]), words
        if not _is_target(first):
            return ws.resolve(first), words[1:]
    return ws.resolve(None), words


def _is_target(word: str) -> bool:
    """Whether a word is an experiment, a range of them, standard input or a file: not a campaign."""
    return word == "-" or word.replace("-", "").isdigit() or "." in word.strip(".") or Path(word).exists()


def experiment_numbers(campaign: str, words: Sequence[str], *, command: str) -> list[int]:
    """Return the experiments that are meant by ``7``, ``hydrogel#7``, ``3-5``.

    Raises
    ------
    UsageError
        If none is named.
    InvalidInput
        If a word is not an experiment.
    """
    numbers: list[int] = []
    for word in words:
        first, dash, last = word.partition("-")
        if dash and "#" not in word:
            low, high = experiment_number(campaign, first), experiment_number(campaign, last)
            if not 0 < low <= high <= low + 100_000:
                raise InvalidInput(f"{word!r} is not a range of experiments", hint="write it as 3-5")
            numbers += range(low, high + 1)
        else:
            numbers.append(experiment_number(campaign, word))
    if not numbers:
        raise UsageError("which experiment?", hint=f"for instance: labloop {command} {campaign} 7")
    return list(dict.fromkeys(numbers))


def assignments(words: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    """Split ``NAME=VALUE`` words.

    Raises
    ------
    UsageError
        If one has no equals sign, or nothing on one side of it.
    """
    found = []
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{option} {word!r} is not NAME=VALUE", hint=f"for instance: {option} yield=83.2")
        found.append((name.strip(), value.strip()))
    return found
