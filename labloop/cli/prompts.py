"""Questions at the terminal; where nobody can answer, the option that would have answered is named.

Standard output belongs to the answer: questions go to standard error, to the last character.
"""

from __future__ import annotations

import sys

from labloop.errors import UsageError

__all__ = ["agreed", "ask", "interactive", "reason_or_ask"]


def interactive(json: bool = False) -> bool:
    """Whether there is somebody to ask."""
    return not json and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str | None = None) -> str:
    """Ask until there is an answer, and return it, blanks at its ends removed; Enter takes the default.

    Raises
    ------
    EOFError
        If the input has ended.
    """
    while True:
        sys.stderr.write(f"{question} [{default}]: " if default else f"{question}: ")
        sys.stderr.flush()
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            sys.stderr.write("that was no text in the terminal's encoding; type it again\n")
            continue
        if not line:
            raise EOFError
        answer = line.strip() or default
        if answer is not None:
            return answer


def agreed(question: str, *, yes: bool, json: bool, default: bool = True) -> bool:
    """Ask for a yes; without anybody to ask, it is given."""
    if yes or not interactive(json):
        return True
    while True:
        answer = ask(f"{question} [{'Y/n' if default else 'y/N'}]", "").casefold()
        if answer in ("", "y", "yes", "n", "no"):
            return default if not answer else answer.startswith("y")
        sys.stderr.write("answer y or n\n")


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
