"""A study's results as tables for other programs: pandas, Parquet, and the columns that BayBE's simulations have."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from labloop.errors import UsageError
from labloop.simulate.driver import Driver
from labloop.simulate.job import Job, place_of
from labloop.simulate.scale import objective_of
from labloop.simulate.trial import Row

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["baybe_frame", "results_frame", "write_parquet"]


def results_frame(driver: Driver) -> pd.DataFrame:
    """Return one row an experiment: the job's columns, then the row's; the same as results.csv."""
    import pandas as pd

    job_names, row_names = ([each.name for each in fields(kind)] for kind in (Job, Row))
    records = [
        [driver.key_of(job), *(getattr(job, name) for name in job_names), *(getattr(row, name) for name in row_names)]
        for job, course in driver.courses()
        for row in course.rows
    ]
    frame = pd.DataFrame(records, columns=["key", *job_names, *row_names])
    numbers = ["noise", "value", "true", "best", "regret", "inference_regret", "left", "cost"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def baybe_frame(driver: Driver) -> pd.DataFrame:
    """Return one row an iteration, in the columns of ``baybe.simulation.simulate_scenarios``.

    ``Scenario`` is the strategy (with lab, batch and noise where the study has several), ``Random_Seed``,
    ``Iteration`` from 0, ``Num_Experiments`` so far, and for the objective ``NAME_Measurements``,
    ``NAME_IterBest`` and ``NAME_CumBest``.
    """
    import pandas as pd

    several = [name for name in ("lab", "batch", "noise") if len({getattr(job, name) for job in driver.jobs}) > 1]
    records = []
    for job, course in driver.courses():
        spec = place_of(job).campaign
        name = objective_of(spec)
        score = spec.objectives[name].score
        scenario = " ".join([job.strategy, *(f"{each}={getattr(job, each)}" for each in several)])
        best: float | None = None
        done = 0
        for iteration in sorted({row.iteration for row in course.rows}):
            values = [row.value for row in course.rows if row.iteration == iteration]
            measured = [value for value in values if value is not None]
            done += len(values)
            leading = max(measured, key=score, default=None)
            best = max((value for value in (best, leading) if value is not None), key=score, default=None)
            records.append(
                {
                    "Scenario": scenario,
                    "Random_Seed": job.seed,
                    "Iteration": iteration - 1,
                    "Num_Experiments": done,
                    f"{name}_Measurements": measured,
                    f"{name}_IterBest": leading,
                    f"{name}_CumBest": best,
                }
            )
    return pd.DataFrame.from_records(records)


def write_parquet(driver: Driver) -> Path:
    """Write results.parquet into the study's folder: the same rows as results.csv, the same bytes for them.

    Raises
    ------
    UsageError
        If pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'labloop[parquet]', or use results.csv") from error
    path = driver.folder / "results.parquet"
    aside = path.with_suffix(".parquet.part")
    pyarrow.parquet.write_table(pyarrow.Table.from_pandas(results_frame(driver), preserve_index=False), aside)
    aside.replace(path)
    return path
