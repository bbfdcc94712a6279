"""Where jobs run: in this process, in spawned workers, on a Dask cluster, on Ray. One function, the same results.

A worker gets a job and gives back what came of it; it writes nothing. A job is pure, so one whose worker died is
simply run again: nothing is missing, and because only the driver writes, nothing is there twice.

============== =============================================================================================
``serial``     this process, one job after the other
``process``    spawned workers, one thread of linear algebra each; a killed worker is replaced
``dask://...`` the workers of a Dask cluster (``dask://scheduler:8786``; ``dask://`` alone starts one here)
``ray``        the workers of a Ray cluster (``ray://head:10001``; ``ray`` alone starts one here)
============== =============================================================================================
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from labloop.errors import LabloopError, UsageError
from labloop.simulate.job import Job
from labloop.simulate.trial import Course, run

__all__ = ["Failed", "Outcome", "run_jobs", "work"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_SUSPECT, _GIVEN_UP = 2, 4
"""After so many deaths of workers a job runs alone; after so many it is given up."""


@dataclass(frozen=True)
class Failed:
    """A job that raised: what it said, in one line."""

    message: str
    hint: str = ""


Outcome = Course | Failed


def work(job: Job) -> Outcome:
    """Run one job; what it raises is told, not raised: one broken strategy does not end a study of hundreds."""
    try:
        return run(job)
    except LabloopError as error:
        return Failed(error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - a peer may raise anything, and the driver lists it
        return Failed(f"{type(error).__name__}: {error}")


def run_jobs(jobs: Sequence[Job], *, engine: str = "process", workers: int = 1) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs and yield each with its outcome as it ends, in whatever order.

    Raises
    ------
    UsageError
        If there is no such engine, or it is not installed.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot work", hint="--workers 1 or more")
    if engine == "serial":
        return ((job, work(job)) for job in jobs)
    if engine == "process":
        return _in_processes(jobs, workers)
    if engine.startswith("dask"):
        from labloop.simulate.clusters import on_dask

        return on_dask(jobs, engine, workers)
    if engine.startswith("ray"):
        from labloop.simulate.clusters import on_ray

        return on_ray(jobs, engine, workers)
    raise UsageError(f"no engine {engine!r}", hint="serial, process, dask://HOST:PORT or ray")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let processes that are spawned within use one thread of linear algebra each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _on_their_own() -> Iterator[None]:
    """Let processes that are spawned within import nothing of the script that runs here.

    Otherwise each would run it again, up to the study, unless it is written under ``if __name__ == "__main__"``.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _in_processes(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Outcome]]:
    waiting = dict.fromkeys(jobs, 0)
    """What is left to do, and how often a worker died that had the job."""
    while waiting:
        # A job that was there when workers died again and again runs alone: then it is clear whose fault it is.
        alone = next((job for job, deaths in waiting.items() if deaths >= _SUSPECT), None)
        pool = _Pool([alone], 1) if alone is not None else _Pool(list(waiting), workers)
        try:
            for job, outcome in pool.outcomes():
                del waiting[job]
                yield job, outcome
        finally:
            pool.close()
        for job in pool.interrupted:
            waiting[job] += 1
            if waiting[job] >= _GIVEN_UP:
                del waiting[job]
                yield job, Failed("its worker dies whenever it runs", "is there enough memory? fewer --workers")


def _mind_the_driver() -> None:
    """End with the driver: a worker whose driver was killed would wait for a job for ever."""
    driver = multiprocessing.parent_process()

    def watch() -> None:
        if driver is not None:
            driver.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Pool:
    """One pool of spawned workers, fed with a few jobs more than it has workers; it ends early when one dies."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        with single_threaded():
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                min(workers, len(jobs)), mp_context=context, initializer=_mind_the_driver
            )
            self._queue = iter(jobs)
            self._futures: dict[Future[Outcome], Job] = {}
            for _ in range(2 * workers):
                self._feed()
        self.interrupted: tuple[Job, ...] = ()
        """The jobs that were being run, or next in line, when a worker died."""

    def _feed(self) -> None:
        job = next(self._queue, None)
        if job is not None:
            with single_threaded(), _on_their_own():
                self._futures[self._executor.submit(work, job)] = job

    def outcomes(self) -> Iterator[tuple[Job, Outcome]]:
        try:
            while self._futures:
                done, _ = wait(self._futures, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = future.result()
                    yield self._futures.pop(future), outcome
                    self._feed()
        except BrokenProcessPool:
            self.interrupted = tuple(self._futures.values())

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        # A driver that is interrupted must not wait minutes for jobs nobody wants any more.
        for process in list((self._executor._processes or {}).values()):
            process.terminate()
