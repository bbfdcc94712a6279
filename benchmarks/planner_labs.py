"""Is one planner better than another on many labs? Campaigns kept in a file, and two files compared seed by seed.

    python benchmarks/planner_labs.py --seeds 0-6 --noise 0.1 --out after.csv
    python benchmarks/planner_labs.py --compare before.csv after.csv

Four groups: deceptive landscapes, narrower ones, others whose narrow hill is no round bell, and test functions. Run it
in two checkouts (or, with PYTHONPATH, on two planners); batches of five and 40 experiments unless told otherwise. What
is compared is what was left to gain at the end (`labloop.simulate.scale`); errors are standard errors of the mean over
labs of paired differences.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from labloop.simulate.engines import Failed, run_jobs
from labloop.simulate.job import Job
from labloop.simulate.scale import FOUND

GROUPS: Mapping[str, tuple[str, ...]] = {
    "deceptive": (
        *("hills2:place=20", "hills2:place=5", "hills3", "hills3:place=20", "hills3:place=7", "hills3:place=11"),
        *("hills4", "hills4:place=20", "hills4:place=3", "hills5:place=20", "hills5:place=2"),
        *("crossed2", "crossed3", "crossed4", "crossed5", "needle3", "needle3:place=20", "needle4"),
        *("needle4:place=20", "needle4:place=9", "needle5:place=20", "needle5:place=4"),
    ),
    "narrower": (
        *("hills2:width=0.08,place=31", "hills3:width=0.085,place=32", "hills3:width=0.09,place=37"),
        *("hills4:width=0.085,place=33", "hills4:width=0.095,place=38", "hills5:width=0.1,place=34"),
        *("crossed2:width=0.07", "crossed3:width=0.08", "crossed4:width=0.08"),
        *("needle3:width=0.06,place=35", "needle4:width=0.065,place=36", "needle5:width=0.07,place=39"),
    ),
    # Narrow hills that are no bells, or not round.
    "otherwise shaped": (
        *("hills3:stretch=4,place=41", "hills4:stretch=3,place=42", "crossed3:stretch=3", "needle4:stretch=3,place=43"),
        *("hills3:power=1,place=44", "hills4:power=1,place=45", "crossed4:power=1", "needle3:power=1,place=46"),
        *("hills3:power=6,place=47", "hills4:power=6,place=48", "crossed3:power=6", "needle4:power=6,place=49"),
    ),
    "ordinary": (
        *("branin", "hartmann6", "ackley5", "levy4", "rosenbrock4", "michalewicz", "bukin", "sixhumpcamel"),
        *("hartmann3", "dropwave", "eggholder", "holdertable", "shekel", "styblinskitang3", "styblinskitang4"),
        *("rastrigin3", "griewank3", "dixonprice4", "powell4", "beale", "threehumpcamel", "levy6"),
    ),
}
KEYS = ["lab", "seed"]


def campaigns(given: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield what was left to gain in each campaign."""
    first, end = (int(part) for part in given.seeds.split("-"))
    setting = {"batch": given.batch, "budget": given.budget, "noise": given.noise}
    labs = [name for group in given.groups for name in GROUPS[group]]
    jobs = [Job(lab=name, strategy="explore", seed=seed, **setting) for seed in range(first, end) for name in labs]
    for job, outcome in run_jobs(jobs, workers=given.workers):
        if isinstance(outcome, Failed):
            print(f"{job.lab}, seed {job.seed}: {outcome.message}", file=sys.stderr)
        else:
            yield {"lab": job.lab, "seed": job.seed, "left": min(outcome.rows[-1].left, 1.0)}


def compared(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """Yield a table: by group, what is left and how often it was found, before and after, and the gain."""
    both = before.merge(after, on=KEYS, suffixes=("_before", "_after"))
    both["gain"] = both["left_before"] - both["left_after"]
    yield "| group | campaigns | left | found | gain in what is left |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for group, labs in GROUPS.items():
        here = both[both["lab"].isin(labs)]
        if len(here):
            gains = here.groupby("lab")["gain"]
            error = float(np.sqrt((gains.var() / gains.count()).sum())) / gains.ngroups
            left, found = (
                " to ".join(f"{here.groupby('lab')[f'left_{when}'].agg(of).mean():.3f}" for when in ("before", "after"))
                for of in ("mean", lambda values: (values < FOUND).mean())
            )
            yield f"| {group} | {len(here)} | {left} | {found} | {gains.mean().mean():+.3f} ± {error:.3f} |"


def main() -> None:
    """Run campaigns into a file, or compare two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", default="0-6", help="FIRST-END, the end not included")
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--noise", type=float, default=None, help="share of the outcome's sd over the space")
    parser.add_argument("--workers", type=int, default=2)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path)
    what.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    given = parser.parse_args()
    if given.out:
        pd.DataFrame(campaigns(given)).sort_values(KEYS).to_csv(given.out, index=False)
    else:
        print("\n".join(compared(*(pd.read_csv(path) for path in given.compare))))


if __name__ == "__main__":
    main()
