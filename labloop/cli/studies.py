"""What the commands that run simulated campaigns share: their options, and the table of standings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from labloop.errors import UsageError

if TYPE_CHECKING:
    from labloop.simulate.driver import Report
    from labloop.simulate.study import Study
    from labloop.simulate.summary import Standing

__all__ = ["asked", "failures_said", "standings_table", "workers_of"]

LabNames = Annotated[
    list[str] | None,
    typer.Option("--lab", help="A lab: hydrogel, hartmann6, ackley5, hills4, table:FILE, emulate:FILE; repeatable."),
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
Start = Annotated[int | None, typer.Option(min=0, help="Common experiments to start from; 0: as each is used to.")]
Engine = Annotated[str, typer.Option(help="Where it runs: serial, process, dask://HOST:PORT, ray.")]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one a core if not given.")]


def workers_of(given: int | None) -> int:
    """Return how many processes to use: as said, or one a core."""
    return given or os.cpu_count() or 1


def asked(study: Path | None, **options: Any) -> Study:
    """Return the study that is meant by a file, by options, or by both.

    Raises
    ------
    UsageError
        If neither says which lab, or an option cannot be read.
    """
    from labloop.simulate.study import located, read_study, study_of

    changes = {key: value for key, value in _fields(options).items() if value is not None}
    if "labs" in changes:
        changes["labs"] = [located(each, Path.cwd()) for each in changes["labs"]]
    if study is not None:
        return read_study(study, changes)
    if "labs" not in changes:
        raise UsageError("which lab?", hint="--lab hartmann6, or a study: labloop simulate study.yaml")
    return study_of(changes, source="the command line")


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    strategy, batch, noise = options.get("strategy"), options.get("batch"), options.get("noise")
    labs = options.get("lab")
    return {
        "labs": [each for word in labs for each in _split_labs(word)] if labs else None,
        "strategies": [each.strip() for each in strategy.split(",") if each.strip()] if strategy else None,
        "seeds": _seeds(options.get("seeds")),
        "batch": [_number(each, "--batch", int) for each in batch.split(",")] if batch else None,
        "budget": options.get("budget"),
        "noise": [_number(each, "--noise", float) for each in noise.split(",")] if noise else None,
        "start": options.get("start"),
    }


def _split_labs(word: str) -> list[str]:
    # Commas also part settings: in hills4:width=0.1,dim=3 the second part has an equals sign.
    found: list[str] = []
    for part in word.split(","):
        if found and "=" in part and ":" not in part:
            found[-1] += f",{part}"
        elif part.strip():
            found.append(part.strip())
    return found


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
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
    table = Table(box=SIMPLE_HEAD)
    for name in ("lab", "batch", "noise", "strategy"):
        table.add_column(name)
    for name in ("seeds", "left to gain", "95 %", "found", "rank", "regret", "s a suggestion"):
        table.add_column(name, justify="right")
    setting = None
    for each in found:
        if setting is not None and each.setting != setting:
            table.add_section()
        setting = each.setting
        table.add_row(
            each.setting.lab,
            str(each.setting.batch),
            "own" if each.setting.noise is None else f"{each.setting.noise:g}",
            each.strategy,
            str(each.seeds),
            f"{each.left:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
            f"{each.found:.0%}",
            f"{each.rank:.2f}",
            f"{each.regret:.3g}",
            f"{each.seconds:.3f}",
        )
    return table


def failures_said(report: Report) -> tuple[str, ...]:
    """Say which campaigns raised, the first few by name."""
    said = [
        f"{job.strategy} on {job.lab}, seed {job.seed}: {failed.message}" + (f" ({failed.hint})" if failed.hint else "")
        for job, failed in report.failures[:5]
    ]
    more = len(report.failures) - len(said)
    return (*said, *((f"and {more} more: see failures.csv",) if more > 0 else ()))
