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
    from labloop.simulate.driver import Driver, Report
    from labloop.simulate.study import Study
    from labloop.simulate.summary import Difference, Setting, Standing, Traces

__all__ = [
    "asked",
    "difference_as_json",
    "differences_table",
    "draw_all",
    "draw_differences",
    "failures_said",
    "standing_as_json",
    "standings_table",
    "whole_numbers",
    "workers_of",
    "write_more",
]

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
Behaviour = Annotated[
    list[str] | None,
    typer.Option(help="How the laboratory behaves: failures=0.1,drift=0.02,delay=2 (docs/simulating.md); repeatable."),
]
Start = Annotated[int | None, typer.Option(min=0, help="Common experiments to start from; 0: as each is used to.")]
Engine = Annotated[str, typer.Option(help="Where it runs: serial, process, dask://HOST:PORT, ray.")]
Figures = Annotated[
    bool, typer.Option("--figures", help="Draw regret, rank and the share of runs that found the basin.")
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one a core if not given.")]


def workers_of(given: int | None) -> int:
    """Return how many processes to use: as said, or one a core."""
    return given or os.cpu_count() or 1


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
        "behaviour": options.get("behaviour") or None,
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
            _place(each.setting),
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


def standing_as_json(each: Standing) -> dict[str, Any]:
    """Return how a strategy stands as JSON values."""
    return {
        **_setting_as_json(each),
        "left": each.left,
        "low": each.low,
        "high": each.high,
        "median_regret": each.regret,
        "found": each.found,
        "rank": each.rank,
        "seconds": each.seconds,
    }


def difference_as_json(each: Difference) -> dict[str, Any]:
    """Return a difference as JSON values."""
    return {
        **_setting_as_json(each),
        "difference": each.mean,
        "low": each.low,
        "high": each.high,
        "decided": each.decided,
    }


def _setting_as_json(each: Standing | Difference) -> dict[str, Any]:
    setting = each.setting
    return {
        "lab": setting.lab,
        "batch": setting.batch,
        "noise": setting.noise,
        "behaviour": setting.behaviour,
        "budget": setting.budget,
        "strategy": each.strategy,
        "seeds": each.seeds,
    }


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
            _place(setting),
            str(setting.batch),
            "own" if setting.noise is None else f"{setting.noise:g}",
            each.strategy,
            str(each.seeds),
            f"{each.mean:+.3f}",
            f"{each.low:+.3f} to {each.high:+.3f}",
            f"{better} is better" if each.decided else "within noise",
        )
    return table


def _short(lab: str) -> str:
    """Return a lab's name without the folder of its table."""
    kind, colon, path = lab.partition(":")
    return f"{kind}:{Path(path).name}" if colon and kind in ("table", "emulate") else lab


def _place(setting: Setting) -> str:
    return _short(setting.lab) + (f" ({setting.behaviour})" if setting.behaviour else "")


def draw_all(traces: Sequence[Traces], folder: Path) -> list[Path]:
    """Draw every setting's figure into a study's folder."""
    from labloop.report.panels import Curve, Panel, panels_figure, save_figure
    from labloop.simulate.summary import bands, found_so_far, mean_ranks

    written = []
    for each in traces:
        several = bands(each.left)
        left = [
            Curve(name, band.middle.tolist(), band.low.tolist(), band.high.tolist()) for name, band in several.items()
        ]
        panels = [
            Panel("left to gain (mean and 95 % interval; 1 is random, 0 the optimum)", left),
            Panel("rank (1 is best)", [Curve(name, list(v)) for name, v in mean_ranks(each).items() if len(v)]),
            Panel(
                "runs that found the global basin",
                [Curve(name, list(v)) for name, v in found_so_far(each).items()],
                scale="percent",
            ),
        ]
        setting = each.setting
        words = [_short(setting.lab), f"batch{setting.batch}", *([f"noise{setting.noise:g}"] if setting.noise else [])]
        words += [setting.behaviour] if setting.behaviour else []
        name = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in "-".join(words))
        figure = panels_figure(f"{_short(setting.lab)}, batch {setting.batch}", [p for p in panels if p.curves])
        written.append(save_figure(figure, folder / f"{name}.png"))
    return written


def draw_differences(found: Sequence[Difference], reference: str, names: Sequence[str], path: Path) -> Path:
    """Draw the paired differences of all settings into one file."""
    from labloop.report.panels import Interval, intervals_figure, save_figure

    intervals = [
        Interval(
            str(each.setting).replace(each.setting.lab, _short(each.setting.lab)),
            each.strategy,
            each.mean,
            each.low,
            each.high,
            each.decided,
        )
        for each in found
    ]
    title = f"left to gain, less what {reference} left (right of 0: {reference} is better)"
    return save_figure(intervals_figure(title, intervals, names), path)


def write_more(driver: Driver, *, parquet: bool, baybe: bool) -> list[Path]:
    """Write a study's results in the forms that were asked for."""
    from labloop.simulate.frames import baybe_frame, write_parquet

    written = [write_parquet(driver)] if parquet else []
    if baybe:
        path = driver.folder / "baybe.csv"
        baybe_frame(driver).to_csv(path, index=False, lineterminator="\n")
        written.append(path)
    return written
