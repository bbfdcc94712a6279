"""Wherever jobs run, the results are the same; whoever is killed, nothing is missing and nothing is there twice."""

from __future__ import annotations

import contextlib
import csv
import importlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from labloop.errors import UsageError
from labloop.simulate import engines
from labloop.simulate.driver import Driver
from labloop.simulate.engines import Failed, run_jobs
from labloop.simulate.job import Job
from labloop.simulate.study import Study

SMALL = {"labs": ["branin", "hills2"], "strategies": ["sobol", "random"], "seeds": 3, "budget": 6, "noise": 0.1}
STUDY = """\
schema: labloop-study/1
labs: [branin]
strategies: [sobol, random]
seeds: {seeds}
batch: 4
budget: 8
noise: 0.1
"""


def results(folder: Path, engine: str, **changes: object) -> bytes:
    driver = Driver(Study.model_validate({**SMALL, **changes}), folder)
    report = driver.run(engine=engine, workers=2)
    assert report.failures == ()
    return (folder / "results.csv").read_bytes()


def test_the_process_engine_gives_what_the_serial_one_gives(tmp_path: Path) -> None:
    assert results(tmp_path / "a", "serial") == results(tmp_path / "b", "process")


def test_labloops_planner_proposes_the_same_in_a_worker(tmp_path: Path) -> None:
    only = {"labs": ["branin"], "strategies": ["explore"], "seeds": 2, "budget": 12}
    assert results(tmp_path / "a", "serial", **only) == results(tmp_path / "b", "process", **only)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_dask_engine_gives_what_the_serial_one_gives(tmp_path: Path) -> None:
    if find_spec("distributed") is None:
        pytest.skip("NOT RUN: Dask is not installed here (pip install 'labloop[dask]')")
    assert results(tmp_path / "a", "serial") == results(tmp_path / "b", "dask://")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning")
def test_the_ray_engine_gives_what_the_serial_one_gives(tmp_path: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("NOT RUN: Ray is not installed here (pip install 'labloop[ray]')")
    assert results(tmp_path / "a", "serial") == results(tmp_path / "b", "ray")


@pytest.mark.parametrize("name", ["threads", "", "proces"])
def test_an_engine_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no engine"):
        run_jobs([], engine=name)


def test_without_workers_nothing_works() -> None:
    with pytest.raises(UsageError, match="0 workers cannot work"):
        run_jobs([], engine="process", workers=0)


def test_workers_have_one_thread_each_and_the_driver_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with engines.single_threaded():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


DEADLY = """\
import os, signal
from labloop.simulate.trial import run

def work(job):
    if job.seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return run(job)
"""


def test_a_job_that_takes_every_worker_down_is_given_up_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(engines, "work", importlib.import_module("deadly").work)
    jobs = [Job(lab="branin", strategy="random", seed=seed, budget=4) for seed in range(6)]
    found = dict(run_jobs(jobs, engine="process", workers=2))
    assert set(found) == set(jobs)
    assert [job.seed for job, outcome in found.items() if isinstance(outcome, Failed)] == [2]


def _kill_a_worker(folder: Path, ended: threading.Event, killed: list[int]) -> None:
    """Kill a worker as soon as a job is done."""
    chance = random.Random(3)
    while not killed and not ended.is_set():
        if not _done(folder):
            time.sleep(0.005)
            continue
        with contextlib.suppress(ProcessLookupError, IndexError):
            worker = chance.choice(_workers(os.getpid()))
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)


def _workers(driver: int) -> list[int]:
    """Return the processes that a driver has spawned to work."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(driver)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def test_workers_that_are_killed_at_random_lose_nothing(tmp_path: Path) -> None:
    killed: list[int] = []
    ended = threading.Event()
    killer = threading.Thread(target=_kill_a_worker, args=(tmp_path / "b", ended, killed))
    killer.start()
    found = results(tmp_path / "b", "process", seeds=4, budget=24, batch=1)
    ended.set()
    killer.join()
    assert killed, "no worker was there to be killed: this proves nothing"
    assert found == results(tmp_path / "a", "serial", seeds=4, budget=24, batch=1)


def _driver(folder: Path, study: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "labloop.cli.main", "simulate", str(study), "--out", str(folder), "-j", "2"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def _killed_and_started_again(tmp_path: Path, *, seeds: int, kills: int) -> None:
    """Kill a worker, then the driver, again and again; then let it finish and count the rows."""
    study, folder, chance = tmp_path / "study.yaml", tmp_path / "study", random.Random(5)
    study.write_text(STUDY.format(seeds=seeds))
    total = 2 * seeds
    for kill in range(kills):
        process = _driver(folder, study)
        try:
            _wait_for(folder, process, total * (kill + 0.4) / (kills + 1))
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(chance.choice(_workers(process.pid)), signal.SIGKILL)
            _wait_for(folder, process, total * (kill + 0.8) / (kills + 1))
        finally:
            process.kill()
            process.communicate()
        assert not (folder / "results.csv").exists()
    before = _done(folder)
    assert 0 < before < total
    process = _driver(folder, study)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    with (folder / "results.csv").open() as file:
        rows = Counter((row["strategy"], row["seed"], row["experiment"]) for row in csv.DictReader(file))
    assert len(rows) == total * 8
    assert set(rows.values()) == {1}


def _wait_for(folder: Path, process: subprocess.Popen[bytes], done: float) -> None:
    while _done(folder) < done:
        assert process.poll() is None, "the study ended before it was killed"
        time.sleep(0.01)


def _done(folder: Path) -> int:
    return len(list((folder / "jobs").glob("*.json")))


def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    _killed_and_started_again(tmp_path, seeds=60, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_campaigns_survive_three_kills_of_the_driver_and_of_workers(tmp_path: Path) -> None:
    _killed_and_started_again(tmp_path, seeds=500, kills=3)
