"""Run a study, and answer with its tables and figures."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from labloop.errors import UsageError
from labloop.simulate.driver import Driver, Report
from labloop.simulate.study import Study, located, read_study, study_of
from labloop.simulate.summary import Difference, Setting, Standing, Traces, differences, standings, traces_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Compared", "Played", "Settings", "compare", "look", "simulate", "study_from"]

Tell = Callable[[int, int], None]
What = Study | str | Path | Sequence[str]
"""A study, the path of one in YAML, the name of a lab, or several."""


class Settings(TypedDict, total=False):
    """What a study may say beside its labs; one or several of each (`labloop.simulate.study.Study`)."""

    labs: str | Sequence[str]
    strategies: str | Sequence[str]
    seeds: int | Sequence[int]
    batch: int | Sequence[int]
    budget: int
    noise: float | Sequence[float | None] | None
    start: int
    behaviour: str | Sequence[str]
    replicates: int | Sequence[int]


@dataclass(frozen=True)
class Played:
    """A study that was run.

    Attributes
    ----------
    driver : reads the study's folder.
    report : how many campaigns there are, and which raised.
    """

    driver: Driver
    report: Report

    def __repr__(self) -> str:
        return f"<labloop study of {self.report.total} campaigns in {self.driver.folder}>"

    @property
    def failures(self) -> tuple[str, ...]:
        """Which campaigns raised, and what they said."""
        return tuple(
            f"{job.strategy} on {job.lab}, seed {job.seed}: {failed.message}"
            + (f" ({failed.hint})" if failed.hint else "")
            for job, failed in self.report.failures
        )

    @cached_property
    def traces(self) -> tuple[Traces, ...]:
        """The campaigns by setting: what was left to gain after every experiment, and more."""
        return tuple(traces_of(self.driver.courses()))

    @cached_property
    def standing(self) -> tuple[Standing, ...]:
        """How every strategy stands at the end of its budget."""
        return tuple(each for several in self.traces for each in standings(several))

    @property
    def results(self) -> pd.DataFrame:
        """One row an experiment, as in results.csv (`labloop.simulate.trial` says what the columns are)."""
        from labloop.simulate.frames import results_frame

        return results_frame(self.driver)

    @property
    def standings(self) -> pd.DataFrame:
        """One row a setting and strategy: what was left to gain with its interval, share found, rank, cost."""
        return _frame([standing_fields(each) for each in self.standing])

    @property
    def notes(self) -> dict[str, tuple[str, ...]]:
        """What an optimiser could not be told as a campaign says it, by optimiser and lab."""
        return {
            f"{strategy} on {several.setting.lab}": said
            for several in self.traces
            for strategy, said in several.notes.items()
            if said
        }

    def draw(self) -> tuple[Path, ...]:
        """Draw one picture a setting, and one of the cost where the lab states it, into the study's folder."""
        from labloop.studies.figures import draw_costs, draw_settings

        return (*draw_settings(self.traces, self.driver.folder), *draw_costs(self.traces, self.driver.folder))


@dataclass(frozen=True, repr=False)
class Compared(Played):
    """A study whose strategies are compared with one of them, ``against``."""

    against: str

    @cached_property
    def gaps(self) -> tuple[Difference, ...]:
        """Every other strategy against it, over the seeds that both have."""
        return tuple(each for several in self.traces for each in differences(several, self.against))

    @property
    def differences(self) -> pd.DataFrame:
        """One row a setting and strategy: the mean difference (above 0 ``against`` left less), its interval."""
        return _frame([difference_fields(each) for each in self.gaps])

    def draw_differences(self) -> Path:
        """Draw the differences of all settings into the study's folder."""
        from labloop.studies.figures import draw_differences

        return draw_differences(self.gaps, self.against, self.strategies, self.driver.folder / "differences.png")

    @property
    def strategies(self) -> tuple[str, ...]:
        """The study's strategies, in its order."""
        return tuple(dict.fromkeys(job.strategy for job in self.driver.jobs))


def simulate(
    what: What,
    *,
    folder: str | Path = "simulation",
    engine: str = "process",
    workers: int | None = None,
    tell: Tell | None = None,
    **settings: Unpack[Settings],
) -> Played:
    """Play whole campaigns on simulated labs, to see what a plan would find and how soon.

    Parameters
    ----------
    what : the name of a lab, several, the path of a study in YAML, or a study.
    folder : where results are kept; a study there goes on.
    engine, workers : where it runs (`labloop.simulate.engines`), one worker a core if not given.
    tell : called with (campaigns done, campaigns in all).
    settings : what the study says beside its labs; they change what a file says.

    Raises
    ------
    InvalidSpec, NotFound
        If the study is wrong, or its file is not there.
    UsageError, InvalidInput
        If a strategy or the engine does not exist, or a number cannot be.
    """
    driver = Driver(study_from(what, settings), Path(folder))
    said = tell or (lambda _done, _total: None)
    return Played(driver, driver.run(engine=engine, workers=workers or os.cpu_count() or 1, tell=said))


def look(folder: str | Path) -> Played:
    """Return a study that was run into a folder, without running anything.

    Raises
    ------
    NotFound
        If it holds none.
    """
    driver = Driver.of(Path(folder))
    return Played(driver, Report(len(driver.jobs), len(driver.jobs), 0))


def compare(
    what: What | Played,
    *,
    against: str | None = None,
    folder: str | Path = "comparison",
    engine: str = "process",
    workers: int | None = None,
    tell: Tell | None = None,
    **settings: Unpack[Settings],
) -> Compared:
    """Compare strategies and other optimisers on simulated labs, seed by seed.

    Parameters
    ----------
    what : as for `simulate`; or what `simulate` or `look` gave: then nothing is run.
    against : the strategy that the others are compared with; the study's first one if not given.

    Raises
    ------
    UsageError
        If there is nothing to compare it with.
    InvalidSpec, NotFound, InvalidInput
        As for `simulate`.
    """
    if isinstance(what, Played):
        played = what
    else:
        played = simulate(what, folder=folder, engine=engine, workers=workers, tell=tell, **settings)
    names = tuple(dict.fromkeys(job.strategy for job in played.driver.jobs))
    reference = against or names[0]
    if reference not in names or len(names) < 2:
        hint = f"the study has: {', '.join(names)}"
        raise UsageError(f"{reference} cannot be compared with anything here", hint=hint)
    return Compared(played.driver, played.report, reference)


def study_from(what: What | None, settings: Mapping[str, Any]) -> Study:
    """Return the study that is meant by a file or by labs, changed by settings.

    Raises
    ------
    UsageError
        If nothing says which lab.
    """
    changes = {key: value for key, value in settings.items() if value is not None or key == "noise"}
    if isinstance(what, Study):
        return study_of({**what.model_dump(exclude={"schema_"}), **changes}, source="the study")
    if isinstance(what, str) and what.lower().endswith((".yaml", ".yml")) and ":" not in what:
        what = Path(what)
    if what is not None and not isinstance(what, Path):
        changes["labs"] = [what] if isinstance(what, str) else list(what)
    if "labs" in changes:
        named = changes["labs"]
        changes["labs"] = [located(each, Path.cwd()) for each in ([named] if isinstance(named, str) else named)]
    if isinstance(what, Path):
        return read_study(what, changes)
    if "labs" not in changes:
        raise UsageError("which lab?", hint="--lab hartmann6, or a study: labloop simulate study.yaml")
    return study_of(changes, source="the study")


def standing_fields(each: Standing) -> dict[str, Any]:
    """Return how a strategy stands as plain values; None where there is no number."""
    return {
        **_setting_fields(each.setting),
        "strategy": each.strategy,
        "seeds": each.seeds,
        "left": each.left,
        "low": each.low,
        "high": each.high,
        "median_regret": _number(each.regret),
        "found": each.found,
        "rank": _number(each.rank),
        "seconds": each.seconds,
        "cost": _number(each.cost),
    }


def difference_fields(each: Difference) -> dict[str, Any]:
    """Return a difference as plain values."""
    return {
        **_setting_fields(each.setting),
        "strategy": each.strategy,
        "seeds": each.seeds,
        "difference": each.mean,
        "low": each.low,
        "high": each.high,
        "decided": each.decided,
    }


def _setting_fields(setting: Setting) -> dict[str, Any]:
    names = ("lab", "batch", "noise", "behaviour", "budget", "replicates")
    return {name: getattr(setting, name) for name in names}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_records([dict(row) for row in rows])
