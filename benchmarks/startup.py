"""How long commands take cold, as whole processes: `python benchmarks/startup.py`.

Medians of several runs after one that is not counted, on a workspace made for the purpose: 10,000 observations for
`status`, 50 for `suggest`, which is compared with `python -c "import botorch"` in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import labloop
from labloop.loop.record import record
from labloop.records import Origin, Result

PARAMETERS = {f"x{i}": {"bounds": [0, 1]} for i in range(1, 7)}


def fill(folder: Path, observations: int) -> None:
    """Make a workspace with one campaign of six parameters and so many random results."""
    spec = {"schema": "labloop/1", "name": "big", "parameters": PARAMETERS, "objectives": {"y": {"goal": "maximize"}}}
    campaign = labloop.create(spec, folder=folder)
    rng = np.random.default_rng(1)
    rows = [
        Result(None, {"y": float(np.sin(6 * x).sum())}, executed={f"x{i}": float(v) for i, v in enumerate(x, 1)})
        for x in rng.random((observations, 6))
    ]
    record(campaign._store, "big", rows, origin=Origin.IMPORT)


def median(words: list[str], folder: Path, runs: int) -> float:
    """Return the median wall time of a command in seconds."""
    taken = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def main() -> None:
    """Print promised against measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    command = str(Path(sys.executable).parent / "labloop")
    with tempfile.TemporaryDirectory() as many, tempfile.TemporaryDirectory() as few:
        fill(Path(many), 10_000)
        fill(Path(few), 50)
        botorch = median([sys.executable, "-c", "import botorch"], Path(few), runs)
        rows = [
            ("labloop --help", 0.35, median([command, "--help"], Path(many), runs)),
            ("labloop status, 10,000 observations", 0.8, median([command, "status"], Path(many), runs)),
            ("import botorch", None, botorch),
            ("labloop suggest, 50 observations", botorch + 2.5, median([command, "suggest"], Path(few), runs)),
        ]
    print(f"| whole process, median of {runs} | promised, s | measured, s |\n| --- | --- | --- |")
    for name, promised, measured in rows:
        print(f"| {name} | {'' if promised is None else f'{promised:.2f}'} | {measured:.2f} |")


if __name__ == "__main__":
    main()
