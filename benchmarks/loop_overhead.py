"""What the real loop costs a simulated campaign: 100 campaigns of 40 experiments with a strategy that is free.

    python benchmarks/loop_overhead.py

The lab is Branin's function and the strategy Sobol' points, so that nearly all of the time is the loop: a ledger
entry for every proposal and every result, hashed, in a store in memory. Promised: under 30 s on two cores with the
start of the workers, and at most 5 ms an experiment in one process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from labloop.simulate.driver import Driver
from labloop.simulate.job import Job
from labloop.simulate.study import Study
from labloop.simulate.trial import run


def study(campaigns: int, experiments: int, batch: int) -> float:
    """Return the seconds that a study takes on two workers, their start included."""
    wanted = Study.model_validate(
        {"labs": ["branin"], "strategies": ["sobol"], "seeds": campaigns, "budget": experiments, "batch": batch}
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        Driver(wanted, Path(folder)).run(engine="process", workers=2)
        return time.perf_counter() - began


def alone(experiments: int, batch: int) -> float:
    """Return the processor's milliseconds an experiment in this process, once everything is imported."""
    jobs = [Job(lab="branin", strategy="sobol", seed=seed, batch=batch, budget=experiments) for seed in range(11)]
    run(jobs[0])
    began = time.process_time()
    for job in jobs[1:]:
        run(job)
    return (time.process_time() - began) / 10 / experiments * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--experiments", type=int, default=40)
    given = parser.parse_args()
    for batch in (1, 4):
        spent = study(given.campaigns, given.experiments, batch)
        print(
            f"batch {batch}: {given.campaigns} x {given.experiments} experiments on 2 workers: {spent:.1f} s (under 30)"
        )
        print(f"batch {batch}: {alone(given.experiments, batch):.2f} ms an experiment in one process (at most 5)")


if __name__ == "__main__":
    main()
