"""Jobs on other machines: the workers of a Dask or a Ray cluster, which need labloop installed and nothing else.

Both give a job to another worker when one is lost. A table that a lab is made from must lie under the same path
on every machine; its digest is part of the job's key, so that a stale copy cannot go unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from labloop.errors import UsageError
from labloop.simulate.engines import Outcome, single_threaded, work
from labloop.simulate.job import Job

__all__ = ["on_dask", "on_ray"]


def on_dask(jobs: Sequence[Job], address: str, workers: int) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs on the cluster at ``dask://HOST:PORT``, or on one started here for ``dask://``.

    Raises
    ------
    UsageError
        If Dask is not installed, or nothing answers at that address.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError("Dask is not installed here", hint="pip install 'labloop[dask]'") from error
    where = address.removeprefix("dask").removeprefix("://")
    with single_threaded():
        try:
            client = (
                distributed.Client(f"tcp://{where}", timeout="20s")
                if where
                else distributed.Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            )
        except OSError as error:
            raise UsageError(f"no Dask scheduler answers at {where}", hint="start one: dask scheduler") from error
    with client:
        # pure=False: the same job of two studies is two tasks, and neither is Dask's to cache.
        futures = {client.submit(work, job, pure=False): job for job in jobs}
        for future, outcome in distributed.as_completed(futures, with_results=True):
            yield futures.pop(future), outcome


def on_ray(jobs: Sequence[Job], address: str, workers: int) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs on the cluster at ``ray://HOST:PORT``, or on one started here for ``ray``.

    Raises
    ------
    UsageError
        If Ray is not installed, or nothing answers at that address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError("Ray is not installed here", hint="pip install 'labloop[ray]'") from error
    here = "://" not in address
    try:
        with single_threaded():
            settings: dict[str, Any] = {"num_cpus": workers} if here else {"address": address}
            ray.init(ignore_reinit_error=True, include_dashboard=False if here else None, **settings)
    except ConnectionError as error:
        raise UsageError(f"no Ray cluster answers at {address}", hint="start one: ray start --head") from error
    remote = ray.remote(max_retries=-1)(work)
    try:
        waiting = {remote.remote(job): job for job in jobs}
        while waiting:
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(done), ray.get(done)
    finally:
        ray.shutdown()
