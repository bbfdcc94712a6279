"""Questions at the terminal; where nobody can answer, the option that would have answered is named."""

from __future__ import annotations

import sys

import typer

from labloop.errors import UsageError

__all__ = ["agreed", "ask", "interactive", "reason_or_ask"]


def interactive(json: bool = False) -> bool:
    """Whether there is somebody to ask."""
    return not json and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str | None = None) -> str:
    """Ask on standard error and return the answer, blanks at its ends removed."""
    said: str = typer.prompt(question, default=default, err=True, show_default=default not in (None, ""))
    return said.strip()


def agreed(question: str, *, yes: bool, json: bool, default: bool = True) -> bool:
    """Ask for a yes; without anybody to ask, it is given."""
    if yes or not interactive(json):
        return True
    return typer.confirm(question, default=default, err=True)


def reason_or_ask(reason: str | None, json: bool) -> str:
    """Return the reason given, or ask for one.

    Raises
    ------
    UsageError
        If none is given and there is nobody to ask.
    """
    if reason is not None:
        return reason
    if not interactive(json):
        raise UsageError("a correction needs a reason", hint="--reason 'typed 38.2 for 83.2'")
    return ask("reason")
