"""The command line: finds the command, runs it, and answers in text or JSON with a documented exit code.

Only the command that is called is imported: ``labloop --help`` and ``labloop status`` load neither torch nor
pandas. A command returns an `Answer`; what it raises becomes an error message, never a traceback.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from labloop import __version__
from labloop.cli.answer import Answer, failed, shown
from labloop.errors import LabloopError, Stopped, StorageError, UsageError, did_you_mean

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter

__all__ = ["COMMANDS", "app", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("Start a campaign", "Start a campaign: answer questions, infer it from a table, or take a template."),
    "check": ("Start a campaign", "Check a campaign file and say what it asks for."),
    "suggest": ("Go round", "Propose the next experiments, each with its prediction and its reason."),
    "design": (
        "Go round",
        "Design experiments: factorial, screening, response surface, optimal; with blocks and a run sheet.",
    ),
    "record": ("Go round", "Record results: typed, from a filled-in sheet, or JSON on standard input."),
    "loop": ("Go round", "Alternate between suggesting and recording until you stop; resumes where it stopped."),
    "add": ("Go round", "Add experiments of your own, with or without results."),
    "import": ("Go round", "Import earlier results from a table."),
    "claim": ("Go round", "Claim experiments, so that nobody else runs them."),
    "release": ("Go round", "Give claimed experiments back, so that somebody else can run them."),
    "status": ("Look", "Say where a campaign stands."),
    "show": ("Look", "Show experiments: conditions, results, predictions, reasons."),
    "best": ("Look", "Show the best results so far."),
    "history": ("Look", "Show what happened, entry by entry, corrections included."),
    "plot": ("Look", "Draw the progress: in the terminal, and as PNG, SVG or HTML."),
    "export": ("Look", "Write the experiments to CSV, XLSX or JSON."),
    "estimability": (
        "Understand",
        "Say which effects can be told apart, and which experiments would resolve the rest.",
    ),
    "explain": (
        "Understand",
        "Say what has been learnt about an outcome, with intervals; 'not estimable yet' is an answer.",
    ),
    "check-model": ("Understand", "Check whether the model may be believed, and what for."),
    "region": (
        "Understand",
        "Find the conditions that meet the goals with a probability, and how far each factor may drift.",
    ),
    "amend": ("Put right", "Correct a result or what was executed; the original stays visible."),
    "undo": ("Put right", "Take back the last entry, or a given one."),
    "veto": ("Put right", "Refuse proposed experiments; they will not come back."),
    "replace": ("Put right", "Refuse one proposed experiment and get another in its place."),
    "revise": ("Put right", "Take an edited campaign file in as a new version."),
    "escape": ("Check", "Show how far a batch goes from what is known and from what is predicted."),
    "replay": ("Check", "Derive proposals again from the ledger as it stood then, and compare."),
    "scorecard": ("Check", "Compare frozen predictions with what came, and say what they were worth."),
    "surprises": (
        "Check",
        "Show results far outside their predictions, and repeat them before believing them.",
    ),
    "confirm": ("Check", "Run the winner again beside a control, and say what is left of it."),
    "dossier": ("Check", "Write a campaign as one folder or archive that anybody can check and replay."),
    "verify": ("Tools", "Check the ledger's chain of hashes, and all that follows from it."),
    "rebuild": ("Tools", "Write all that follows from the ledger anew."),
    "backup": ("Tools", "Copy the whole store while others may write to it, and check the copy."),
    "restore": ("Tools", "Fill an empty store from a backup."),
    "upgrade": ("Tools", "Bring an older store up to this labloop's layout."),
    "schema": ("Tools", "Print the JSON Schema of campaign files, for editors."),
    "doctor": ("Tools", "Check the installation, the workspace and the store."),
    "demo": ("Tools", "Run a whole campaign against a simulated lab, in a folder of its own."),
    "simulate": ("Simulate", "Play whole campaigns on simulated labs, to see what a plan would find and how soon."),
    "compare": ("Simulate", "Compare strategies and other optimisers on simulated labs, seed by seed."),
    "rehearse": (
        "Simulate",
        "Rehearse a campaign, to see how many experiments it needs, in which batches, measured how often.",
    ),
    "fill": ("Tools", "Play the laboratory: fill a sheet with the results of a simulated one."),
}
"""Every command: the panel of ``--help`` it stands in, and its line there (a test holds it to the docstring)."""


def _plain(params: list[Parameter]) -> list[Parameter]:
    """Leave the kind of value off options that take none: typer writes ``<bool>`` there."""
    for each in params:
        if isinstance(each, TyperOption) and each.is_flag and each.metavar is None:
            each.metavar = ""
    return params


class _Command(TyperCommand):
    """A command whose help is free of what only a programmer reads."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _plain(super().get_params(ctx))


class _Lazy(TyperGroup):
    """A group that imports a command's module only when the command is called."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _plain(super().get_params(ctx))

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - typer's signature
        if cmd_name not in COMMANDS:
            return None
        panel, summary = COMMANDS[cmd_name]
        # Enough for the list in --help; resolve_command below gives the real one.
        return TyperCommand(cmd_name, help=summary, rich_help_panel=panel, rich_markup_mode="markdown")

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS:
            if ctx.resilient_parsing:
                return None, None, args
            raise UsageError(f"no command {name!r}", hint=did_you_mean(name, COMMANDS))
        return name, load(name), args[1:]


def load(name: str) -> Command:
    """Import one command."""
    file = "import_" if name == "import" else name.replace("-", "_")
    module = importlib.import_module(f"labloop.cli.{file}")
    single = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    single.command(name=name, cls=_Command, no_args_is_help=False)(module.command)
    return typer.main.get_command(single)


app = typer.Typer(cls=_Lazy, rich_markup_mode="markdown", pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Say which labloop this is, and stop."),
    json: bool = typer.Option(False, "--json", help="With --version: answer in JSON."),
) -> Answer | None:
    """Labloop proposes the experiment nobody would have tried, and keeps the books honest.

    Write campaigns/NAME.yaml (or **labloop init**), then go round:
    **labloop suggest** - run the experiments - **labloop record**.
    Every command takes the campaign's name first; with one campaign it may be left out.
    """
    if version and ctx.invoked_subcommand is None:
        return Answer({"version": __version__}, lambda to: to.print(f"labloop {__version__}"))
    if ctx.invoked_subcommand is None:
        raise UsageError("which command?", hint="see: labloop --help")
    if version or json:
        said = "--version takes no command" if version else "--json goes behind the command"
        raise UsageError(said, hint=f"labloop {'--version' if version else f'{ctx.invoked_subcommand} --json'}")
    return None


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the documented exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    _settle()
    as_json = "--json" in arguments
    name = next((each for each in arguments if not each.startswith("-")), "version" if "--version" in arguments else "")
    outcome = _outcome(arguments or ["--help"])
    try:
        code = _said(outcome, as_json=as_json, command=name)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (labloop show | head): not an error, and nothing left to say.
        _forget_output()
        code = outcome.exit_code if isinstance(outcome, Answer | LabloopError) else 0
    except OSError as error:
        _forget_output()
        done = "; what the command did is done" if isinstance(outcome, Answer) else ""
        sys.stderr.write(f"error: the answer cannot be written to standard output: {error.strerror}{done}\n")
        code = StorageError.exit_code
    return code


def _outcome(arguments: list[str]) -> Answer | LabloopError | int:
    """Run one command; whatever it raises becomes an error that can be said."""
    try:
        answer = app(arguments, prog_name="labloop", standalone_mode=False)
    except LabloopError as error:
        return error
    except (KeyboardInterrupt, EOFError, typer.Abort):
        return Stopped("stopped; everything recorded so far is kept")
    except (BrokenPipeError, SystemExit):  # typer's help, whose reader has gone
        _forget_output()
        return 0
    except Exception as error:  # noqa: BLE001 - the last line: a user never sees a traceback
        return _ours(error, arguments)
    if isinstance(answer, Answer):
        # Loaded by now by the command itself; --help must not wait for it.
        from labloop.cli.options import notices

        return replace(answer, warnings=(*notices(), *answer.warnings))
    return answer if isinstance(answer, int) else 0


def _said(outcome: Answer | LabloopError | int, *, as_json: bool, command: str) -> int:
    if isinstance(outcome, Answer):
        return shown(outcome, as_json=as_json, command=command)
    if isinstance(outcome, LabloopError):
        return failed(outcome, as_json=as_json, command=command)
    return outcome


def _forget_output() -> None:
    # Python flushes once more when it ends, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ours(error: Exception, arguments: list[str]) -> LabloopError:
    shown_message = getattr(error, "format_message", None)
    if shown_message is not None:  # typer's own usage errors
        # Without the value of --store: it can hold a password.
        called = " ".join(["labloop", *(each if "://" not in each else "URL" for each in arguments)])
        return UsageError(f"{shown_message()}: {called}", hint=f"see: labloop {' '.join(arguments[:1])} --help")
    if isinstance(error, MemoryError):
        return LabloopError("out of memory", hint="close other programs, or take a smaller batch or table")
    if os.environ.get("LABLOOP_DEBUG"):
        raise error
    where = _crash_report(error)
    return LabloopError(
        f"something unexpected happened in labloop: {type(error).__name__}: {error}",
        hint=f"this is a mistake of ours, not yours; the details are in {where}",
    )


def _crash_report(error: Exception) -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="labloop-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return file.name


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _settle() -> None:
    # A closed standard stream (labloop status >&-) is no stream at all.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    # A campaign's matrices are small: two threads that wait for each other take longer than one (measured: 4 s of
    # processor time instead of 1.3 s for a suggestion on a busy machine). Whoever sets the variable is obeyed.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Warnings of the libraries below are for developers; what a user must know is in an Answer's warnings.
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    main()
