"""Drives a study: runs what is not done yet, keeps every finished job, writes the tables.

A study's folder::

    study.json     what was asked for last, and the keys of its jobs as the machine that ran it counted them
    jobs/KEY.json  one finished job each, written whole or not at all, named by its content hash
    results.csv    one row an experiment, in the study's order: the same bytes whenever the same study is run
    times.csv      one row a suggestion: how long it took (the one thing that is never the same twice)
    failures.csv   jobs that raised, if any did

A driver that is killed loses the jobs that were running, and no other: started again, it runs what is missing.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from labloop.errors import NotFound, StorageError
from labloop.simulate.engines import Failed, run_jobs
from labloop.simulate.job import Job
from labloop.simulate.study import Study, study_of
from labloop.simulate.trial import Course, Row

__all__ = ["COLUMNS", "Driver", "Report"]

JOB_COLUMNS = tuple(each.name for each in fields(Job))
COLUMNS = ("key", *JOB_COLUMNS, *(each.name for each in fields(Row)))
"""The columns of results.csv."""


@dataclass(frozen=True)
class Report:
    """How far a study is: jobs in all, done before, done now, and those that raised with what they said."""

    total: int
    before: int
    done: int
    failures: tuple[tuple[Job, Failed], ...] = ()


class Driver:
    """Runs one study in one folder; the only writer there."""

    def __init__(self, study: Study, folder: Path, *, keys: Sequence[str] | None = None) -> None:
        self.study, self.folder = study, folder
        self.jobs = study.jobs()
        self._keys = dict(zip(self.jobs, keys or [job.key for job in self.jobs], strict=True))

    @classmethod
    def of(cls, folder: Path) -> Driver:
        """Return the driver of a folder that a study was run in, to read what is there.

        The keys are those of the run: whoever looks at results need not have the packages that made them.

        Raises
        ------
        NotFound
            If it holds none.
        """
        path = folder / "study.json"
        if not path.is_file():
            raise NotFound(f"{folder} holds no study", hint="run one first: labloop simulate --out FOLDER")
        content = json.loads(path.read_text(encoding="utf-8"))
        keys = content.pop("keys")
        return cls(study_of(content, source=str(path)), folder, keys=keys)

    def run(
        self,
        *,
        engine: str = "process",
        workers: int = 1,
        tell: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Report:
        """Run the jobs that are not done yet, then write the tables.

        Parameters
        ----------
        tell : called with (jobs done, jobs in all) at the start and after every job.

        Raises
        ------
        UsageError
            If there is no such engine.
        StorageError
            If the folder cannot be written.
        """
        self._prepare()
        missing = [job for job in self.jobs if not self._path(job).exists()]
        before = done = len(self.jobs) - len(missing)
        failures: list[tuple[Job, Failed]] = []
        tell(done, len(self.jobs))
        if missing:
            for job, outcome in run_jobs(missing, engine=engine, workers=workers):
                if isinstance(outcome, Failed):
                    failures.append((job, outcome))
                else:
                    self._keep(job, outcome)
                    done += 1
                tell(done, len(self.jobs))
        self.write(failures)
        return Report(len(self.jobs), before, done - before, tuple(failures))

    def key_of(self, job: Job) -> str:
        """Return the content hash of one of the study's jobs."""
        return self._keys[job]

    def courses(self) -> Iterator[tuple[Job, Course]]:
        """Yield the finished jobs, in the study's order."""
        for job in self.jobs:
            path = self._path(job)
            if path.exists():
                yield job, _course(json.loads(path.read_text(encoding="utf-8")))

    def write(self, failures: Sequence[tuple[Job, Failed]] = ()) -> None:
        """Write the tables from the finished jobs."""
        found = list(self.courses())
        rows = ([self._keys[job], *_cells(job), *_cells(row)] for job, course in found for row in course.rows)
        _write_table(self.folder / "results.csv", COLUMNS, rows)
        times = (
            [self._keys[job], *_cells(job), iteration, f"{seconds:.6f}"]
            for job, course in found
            for iteration, seconds in enumerate(course.seconds, 1)
        )
        _write_table(self.folder / "times.csv", ("key", *JOB_COLUMNS, "iteration", "seconds"), times)
        path = self.folder / "failures.csv"
        if failures:
            said = ([self._keys[job], *_cells(job), failed.message, failed.hint] for job, failed in failures)
            _write_table(path, ("key", *JOB_COLUMNS, "message", "hint"), said)
        else:
            path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        try:
            (self.folder / "jobs").mkdir(parents=True, exist_ok=True)
            for stale in (self.folder / "jobs").glob("*.part"):
                stale.unlink()
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be made: {error.strerror}", hint="check the folder") from error
        content = {**self.study.to_dict(), "keys": list(self._keys.values())}
        _write_whole(self.folder / "study.json", json.dumps(content, indent=2) + "\n")

    def _path(self, job: Job) -> Path:
        return self.folder / "jobs" / f"{self._keys[job]}.json"

    def _keep(self, job: Job, course: Course) -> None:
        content = {
            "job": job.fields(),
            "rows": [[getattr(row, each.name) for each in fields(Row)] for row in course.rows],
            "seconds": list(course.seconds),
            "notes": list(course.notes),
        }
        _write_whole(self._path(job), json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")


def _course(content: Mapping[str, Any]) -> Course:
    rows = tuple(Row(*values) for values in content["rows"])
    return Course(rows, tuple(content["seconds"]), tuple(content["notes"]))


def _cells(thing: Job | Row) -> list[Any]:
    # repr, not str(numpy): the shortest text that reads back as the same float.
    values = (getattr(thing, each.name) for each in fields(thing))
    return ["" if value is None else repr(value) if isinstance(value, float) else value for value in values]


def _write_table(path: Path, heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    _write_whole(path, text.getvalue())


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whenever the process is killed."""
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}", hint="check the folder and the disk"
        ) from error
