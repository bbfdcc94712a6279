"""What the commands that run simulated campaigns share: their options, and the tables of what came of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from labloop.cli.answer import Answer
from labloop.cli.options import Json
from labloop.errors import UsageError

if TYPE_CHECKING:
    from labloop.simulate.summary import Difference, Setting, Standing
    from labloop.studies import Settings

__all__ = [
    "Engine",
    "Words",
    "Workers",
    "differences_table",
    "failures_said",
    "standings_table",
    "whole_numbers",
    "with_study",
]

LabNames = Annotated[
    list[str] | None,
    typer.Option(
        "--lab", help="A lab: hydrogel, hartmann6, ackley5, zdt1, hills4, table:FILE, emulate:FILE; repeatable."
    ),
]
Strategies = Annotated[
    str | None,
    typer.Option(
        help="Who plans, with commas: explore, balanced, exploit, learn, random, sobol; "
        "ax, baybe, bofire, botorch, optuna, optuna-tpe."
    ),
]
Seeds = Annotated[str | None, typer.Option(metavar="N|FIRST-LAST", help="How many campaigns of each, or which seeds.")]
Batch = Annotated[str | None, typer.Option("--batch", "-n", help="Experiments a suggestion; several with commas.")]
Budget = Annotated[int | None, typer.Option(min=1, help="Experiments a campaign.")]
NoiseShare = Annotated[
    str | None,
    typer.Option(
        "--noise", metavar="SHARE", help="As a share of the outcome's sd over the space; the lab's own if not given."
    ),
]
Behaviour = Annotated[
    list[str] | None,
    typer.Option(help="How the laboratory behaves: failures=0.1,drift=0.02,delay=2 (docs/simulating.md); repeatable."),
]
Start = Annotated[int | None, typer.Option(min=0, help="Common experiments to start from; 0: as each is used to.")]
Replicates = Annotated[
    str | None,
    typer.Option(help="Measurements of each experiment, all within the budget; several with commas."),
]
Engine = Annotated[str, typer.Option(help="Where it runs: serial, process, dask://HOST:PORT, ray.")]
Figures = Annotated[
    bool, typer.Option("--figures", help="Draw regret, rank, the share of runs that found the basin, and the cost.")
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one a core if not given.")]
StudyFile = Annotated[
    Path | None,
    typer.Argument(metavar="STUDY", help="A study in YAML, which options change; or the folder of one that was run."),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The folder for results; a study there goes on.")]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The options that every command for studies has, as they were typed."""

    study: StudyFile = None
    lab: LabNames = None
    strategy: Strategies = None
    seeds: Seeds = None
    batch: Batch = None
    budget: Budget = None
    noise: NoiseShare = None
    start: Start = None
    behaviour: Behaviour = None
    replicates: Replicates = None
    out: Out = None
    engine: Engine = "process"
    workers: Workers = None
    figures: Figures = False
    json: Json = False

    @property
    def finished(self) -> Path | None:
        """The folder of a study that was run, if one is named: then nothing runs."""
        return self.study if self.study is not None and self.study.is_dir() else None

    def settings(self) -> Settings:
        """Return what the options say about the study.

        Raises
        ------
        UsageError
            If one cannot be read.
        """
        found: Settings = {}
        if self.lab:
            found["labs"] = [each for word in self.lab for each in _split_labs(word)]
        if self.strategy:
            found["strategies"] = [each.strip() for each in self.strategy.split(",") if each.strip()]
        if self.seeds is not None:
            found["seeds"] = _seeds(self.seeds)
        if self.batch:
            found["batch"] = [_number(each, "--batch", int) for each in self.batch.split(",")]
        if self.budget is not None:
            found["budget"] = self.budget
        if self.noise:
            found["noise"] = [_number(each, "--noise", float) for each in self.noise.split(",")]
        if self.start is not None:
            found["start"] = self.start
        if self.behaviour:
            found["behaviour"] = self.behaviour
        if self.replicates:
            found["replicates"] = [_number(each, "--replicates", int) for each in self.replicates.split(",")]
        return found


def with_study(command: Callable[..., Answer]) -> Callable[..., Answer]:
    """Give a command the options of `Words` before its own; it gets them as one object."""
    shared = list(inspect.signature(Words, eval_str=True).parameters.values())
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @wraps(command)
    def called(**given: Any) -> Answer:
        words = Words(**{each.name: given.pop(each.name) for each in fields(Words)})
        return command(words, **given)

    # typer reads the signature: --json stays the last option, as everywhere.
    ordered = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*shared[:-1], *own, shared[-1])]
    called.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    called.__annotations__ = {}
    return called


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """Read whole numbers above 0, with commas between them.

    Raises
    ------
    UsageError
        If one is none.
    """
    found = tuple(int(_number(each, option, int)) for each in text.split(","))
    if min(found) < 1:
        raise UsageError(f"{option} {text} holds a number below 1", hint=f"for instance: {option} 1,4")
    return found


def _split_labs(word: str) -> list[str]:
    # Commas also part settings: in hills4:width=0.1,dim=3 the second part has an equals sign.
    found: list[str] = []
    for part in word.split(","):
        if found and "=" in part and ":" not in part:
            found[-1] += f",{part}"
        elif part.strip():
            found.append(part.strip())
    return found


def _seeds(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    if dash:
        low, high = _number(first, "--seeds", int), _number(last, "--seeds", int)
        if low > high:
            raise UsageError(f"--seeds {text} runs backwards", hint="--seeds 10-19")
        return list(range(low, high + 1))
    return list(range(_number(text, "--seeds", int)))


def _number(text: str, option: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(text.strip())
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"{option} {text.strip()!r} is not {wanted}", hint="see --help for an example") from error


def standings_table(found: Sequence[Standing]) -> Table:
    """Draw how strategies stand at the end of their budgets."""
    priced = any(each.cost == each.cost for each in found)  # not NaN
    table = Table(box=SIMPLE_HEAD)
    for name in ("lab", "batch", "noise", "strategy"):
        table.add_column(name)
    for name in ("seeds", "left to gain", "95 %", "found", "rank", "regret", *(["cost"] if priced else [])):
        table.add_column(name, justify="right")
    table.add_column("s a suggestion", justify="right")
    setting = None
    for each in found:
        if setting is not None and each.setting != setting:
            table.add_section()
        setting = each.setting
        table.add_row(
            *_place(each.setting),
            each.strategy,
            str(each.seeds),
            f"{each.left:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
            f"{each.found:.0%}",
            f"{each.rank:.2f}",
            f"{each.regret:.3g}",
            *([_cost(each)] if priced else []),
            f"{each.seconds:.3f}",
        )
    return table


def _cost(each: Standing) -> str:
    if each.cost != each.cost:  # NaN
        return ""
    from labloop.simulate.labs import lab

    cost = lab(each.setting.lab).cost
    return f"{each.cost:.4g} {cost.unit}" if cost else f"{each.cost:.4g}"


def failures_said(failures: Sequence[str]) -> tuple[str, ...]:
    """Say which campaigns raised, the first few by name."""
    more = len(failures) - 5
    return (*failures[:5], *((f"and {more} more: see failures.csv",) if more > 0 else ()))


def differences_table(found: Sequence[Difference], reference: str) -> Table:
    """Draw paired differences: what another strategy left to gain, less what the reference left."""
    table = Table(box=SIMPLE_HEAD, title=f"left to gain, less what {reference} left (above 0: {reference} is better)")
    for name in ("lab", "batch", "noise", "strategy"):
        table.add_column(name)
    for name in ("seeds", "difference", "95 %"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    setting = None
    for each in found:
        if setting is not None and each.setting != setting:
            table.add_section()
        setting = each.setting
        better = reference if each.mean > 0 else each.strategy
        table.add_row(
            *_place(setting),
            each.strategy,
            str(each.seeds),
            f"{each.mean:+.3f}",
            f"{each.low:+.3f} to {each.high:+.3f}",
            f"{better} is better" if each.decided else "within noise",
        )
    return table


def _place(setting: Setting) -> tuple[str, str, str]:
    """Return a setting as the first cells of a row: lab, batch, noise."""
    from labloop.studies.figures import short

    further = [setting.behaviour] if setting.behaviour else []
    further += [f"{setting.replicates} times"] if setting.replicates > 1 else []
    place = short(setting.lab) + (f" ({', '.join(further)})" if further else "")
    return place, str(setting.batch), "own" if setting.noise is None else f"{setting.noise:g}"
