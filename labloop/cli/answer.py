"""What a command answers, and how it is said: tables for people, one JSON envelope for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labloop.errors import LabloopError, _ManyProblems

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ENVELOPE", "Answer", "console", "failed", "shown"]

ENVELOPE = "labloop.cli/1"
_WIDTH_OF_A_FILE = 140


@dataclass(frozen=True)
class Answer:
    """What a command found or did.

    ``data`` goes to JSON; ``show`` draws it for a person; ``warnings`` are sentences for both; a command that
    succeeded in saying that something is wrong (``verify``) sets ``exit_code``.
    """

    data: Mapping[str, Any]
    show: Callable[[Console], None] | None = None
    warnings: tuple[str, ...] = field(default=())
    exit_code: int = 0


def console(*, stderr: bool = False) -> Console:
    """Return a console that does not cut tables to 80 columns when the output goes to a file."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # rich would leave the process with 1; the last line in main() knows better.
            raise BrokenPipeError

    made = Plain(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in made._environ:
        made = Plain(stderr=stderr, highlight=False, width=_WIDTH_OF_A_FILE)
    return made


def shown(answer: Answer, *, as_json: bool, command: str) -> int:
    """Say an answer and return the exit code."""
    if as_json:
        _print_json(command, data=answer.data, warnings=answer.warnings, error=None, ok=answer.exit_code == 0)
        return answer.exit_code
    if answer.show is not None:
        answer.show(console())
    if answer.warnings:
        to = console(stderr=True)
        for warning in answer.warnings:
            to.print("[yellow]note:[/yellow] " + _escaped(warning))
    return answer.exit_code


def failed(error: LabloopError, *, as_json: bool, command: str) -> int:
    """Say an error and return its exit code."""
    if as_json:
        fields: dict[str, Any] = {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "field": error.field,
            "row": error.row,
        }
        if isinstance(error, _ManyProblems):
            fields["problems"] = [
                {"message": p.message, "field": p.path or None, "line": p.line, "row": p.row, "hint": p.hint}
                for p in error.problems
            ]
        _print_json(command, data=None, warnings=(), error=fields, ok=False)
        return error.exit_code
    to = console(stderr=True)
    if isinstance(error, _ManyProblems):
        to.print(f"[bold red]error:[/bold red] {_escaped(error.source)}: {_count(len(error.problems))}")
        for problem in error.problems:
            to.print("  " + _escaped(str(problem)))
            if problem.hint:
                to.print("    [cyan]fix:[/cyan] " + _escaped(problem.hint))
    else:
        to.print("[bold red]error:[/bold red] " + _escaped(error.message))
        if error.hint:
            to.print("  [cyan]fix:[/cyan] " + _escaped(error.hint))
    return error.exit_code


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_json(command: str, *, data: Any, warnings: tuple[str, ...], error: Any, ok: bool) -> None:
    envelope = {
        "schema": ENVELOPE,
        "command": command,
        "ok": ok,
        "data": finite(data),
        "warnings": list(warnings),
        "error": error,
    }
    # ASCII only: the same bytes whatever the terminal's encoding.
    sys.stdout.write(json.dumps(envelope, indent=2, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """Return a copy in which what JSON cannot say (NaN, infinities) is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value
