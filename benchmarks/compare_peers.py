"""Everything in docs/benchmarks.md: run what is missing, keep it in benchmarks/results, write the page.

    python benchmarks/compare_peers.py --data FOLDER --seeds 10 --workers 2 --write docs/benchmarks.md

Needs `pip install 'labloop[peers]'`. Every finished campaign is one line of a table in benchmarks/results, so that it
can be stopped and started again, and so that what took hours need not be run twice: a line is run again only when what
made it has changed (a peer's packages; labloop's planner). The page is written from those lines, losses like wins, and
says how many seeds that is. FOLDER holds direct_arylation.csv (docs/benchmarks.md says where it comes from); without it
that lab is left out.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labloop.simulate.engines import Failed, run_jobs
from labloop.simulate.job import Job, is_own, packages_of, source_digest
from labloop.simulate.scale import FOUND
from labloop.simulate.summary import LEAST_SEEDS, interval
from labloop.simulate.trial import Course

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("lab", "strategy", "seed", "made_by", "left", "seconds", "suggestions", "notes")
ARYLATION = "direct_arylation"
FUNCTIONS = ("branin", "hartmann6", "ackley5", "levy4", "rosenbrock4")
DECEPTIVE = ("hills4", "outlier3", "needle3", "crossed4")
LABORATORIES = ("snar", "reaction", ARYLATION, "hydrogel")
LABS = (*FUNCTIONS, *DECEPTIVE, *LABORATORIES)
OURS = "explore"
STRATEGIES = (OURS, "ax", "baybe", "bofire", "botorch", "optuna", "optuna-tpe", "sobol", "random")
START, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True)
class Part:
    """One table of the page: a heading, and what is run."""

    name: str
    heading: str
    labs: tuple[str, ...]
    batch: int
    budget: int
    noise: float | None = None

    @property
    def path(self) -> Path:
        """Where its finished campaigns are kept."""
        return RESULTS / f"{self.name}.csv"

    def job(self, lab: str, strategy: str, seed: int, data: Path | None) -> Job:
        """Return one campaign."""
        name = f"table:{data / f'{lab}.csv'}" if lab == ARYLATION and data else lab
        return Job(lab=name, strategy=strategy, seed=seed, batch=self.batch, budget=self.budget, noise=self.noise)


PARTS = (
    Part("batch5", "Batches of 5, 40 experiments", LABS, 5, 40),
    Part("batch5-noise", "Batches of 5, 40 experiments, noise a tenth of the sd", (*FUNCTIONS, *DECEPTIVE), 5, 40, 0.1),
    Part("batch1", "One at a time, 30 experiments", (*FUNCTIONS, *DECEPTIVE, "reaction"), 1, 30),
    Part("batch96", "Batches of 96, 192 experiments", ("hartmann6", "hills4", "ackley5"), 96, 192),
)


def made_by(strategy: str) -> str:
    """Return what decides the results of a strategy: versions, and for labloop's own the planner's source."""
    text = " ".join(f"{name} {number}" for name, number in packages_of(strategy).items() if name != "labloop")
    return f"planner {source_digest()}" if is_own(strategy) else text or "labloop"


def kept(part: Part) -> pd.DataFrame:
    """Return the finished campaigns of a part; of several of the same, the last."""
    if not part.path.exists():
        return pd.DataFrame(columns=COLUMNS)
    found = pd.read_csv(part.path, keep_default_na=False)
    return found.drop_duplicates(["lab", "strategy", "seed"], keep="last")


def tidy(part: Part) -> None:
    """Write the table anew: in order, and without what an older planner or package made."""
    found = kept(part)
    ranks = {name: rank for rank, name in enumerate([*part.labs, *STRATEGIES])}
    found = found.sort_values(
        ["lab", "strategy", "seed"], key=lambda column: column.map(lambda each: ranks.get(each, each))
    )
    found.to_csv(part.path, index=False, lineterminator="\n")


def run(part: Part, given: argparse.Namespace) -> None:
    """Run the campaigns of a part that are missing, all strategies on one seed before the next."""
    done = kept(part)
    there = set(zip(done["lab"], done["strategy"], done["seed"], done["made_by"], strict=True))
    jobs = {
        part.job(lab, strategy, seed, given.data): (lab, strategy, seed)
        for seed in range(given.seeds)
        for lab in part.labs
        if (not given.labs or lab in given.labs) and (lab != ARYLATION or given.data)
        for strategy in given.strategies
        if (lab, strategy, seed, made_by(strategy)) not in there
    }
    RESULTS.mkdir(exist_ok=True)
    new = not part.path.exists()
    with part.path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for number, (job, outcome) in enumerate(run_jobs(list(jobs), workers=given.workers), 1):
            if isinstance(outcome, Failed):
                print(f"{part.name}: {job.strategy} on {job.lab}, seed {job.seed}: {outcome.message}", file=sys.stderr)
                continue
            writer.writerow([*jobs[job][:2], job.seed, made_by(job.strategy), *_cells(outcome)])
            file.flush()
            print(f"{part.name}: {number} of {len(jobs)}", file=sys.stderr)
    tidy(part)


def _cells(course: Course) -> list[object]:
    left = min(course.rows[-1].left, 1.0)
    return [f"{left:.6g}", f"{np.mean(course.seconds):.3g}", len(course.seconds), " | ".join(course.notes)]


def page() -> Iterator[str]:
    """Yield the lines of the results."""
    tables = {part: kept(part) for part in PARTS}
    made = {text for found in tables.values() for text in found[~found["strategy"].map(is_own)]["made_by"]}
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    yield f"Made by: {'; '.join(sorted(made))}; {machine}, one thread a campaign."
    for part, found in tables.items():
        if len(found):
            yield from ("", f"### {part.heading}", "")
            yield from _left(found, part)
            yield from _scores(found, part)


def paired(found: pd.DataFrame, lab: str, strategy: str) -> np.ndarray:
    """Return left(strategy) - left(labloop) over the seeds that both have: above 0 labloop left less."""
    here = found[found["lab"] == lab].pivot(index="seed", columns="strategy", values="left")
    if strategy not in here or OURS not in here:
        return np.zeros(0)
    return (here[strategy] - here[OURS]).dropna().to_numpy()


def _verdict(gap: np.ndarray) -> str:
    if len(gap) < LEAST_SEEDS:
        return ""
    low, high = interval(gap)
    return " ▼" if low > 0 else " ▲" if high < 0 else ""


def _left(found: pd.DataFrame, part: Part) -> Iterator[str]:
    """Yield what was left to gain, by lab and strategy."""
    names = [name for name in STRATEGIES if (found["strategy"] == name).any()]
    labs = [lab for lab in part.labs if (found["lab"] == lab).any()]
    yield "| lab | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    marks = dict.fromkeys(names, "")
    for lab in labs:
        here = {name: found[(found["lab"] == lab) & (found["strategy"] == name)]["left"] for name in names}
        least = min(float(left.mean()) for left in here.values() if len(left))
        cells = []
        for name, left in here.items():
            mark = "" if name == OURS else _verdict(paired(found, lab, name))
            marks[name] += mark
            text = f"{left.mean():.3f}" if len(left) else ""
            text = f"**{text}**" if len(left) and left.mean() == least else text
            cells.append(f"{text} ({(left <= FOUND).mean():.0%}, n={len(left)}){mark}" if len(left) else "")
        yield f"| {lab} | " + " | ".join(cells) + " |"
    yield "| *better than explore* | " + " | ".join("" if n == OURS else str(marks[n].count("▲")) for n in names) + " |"
    yield "| *worse than explore* | " + " | ".join("" if n == OURS else str(marks[n].count("▼")) for n in names) + " |"
    seconds = (found[found["strategy"] == name] for name in names)
    yield "| *seconds a suggestion* | " + " | ".join(f"{each['seconds'].mean():.2f}" for each in seconds) + " |"
    told = found[found["notes"] != ""].groupby("notes")
    if len(told):
        yield ""
    for said, where in told:
        places = sorted({f"{strategy} on {lab}" for strategy, lab in zip(where["strategy"], where["lab"], strict=True)})
        yield f"- {said}: {', '.join(places)}."


def _scores(found: pd.DataFrame, part: Part) -> Iterator[str]:
    """Yield mean scores over the labs, and over the deceptive ones how often the best was found."""
    names = [name for name in STRATEGIES if (found["strategy"] == name).any()]
    # Only seeds that every strategy has run, and labs that have such seeds.
    shared = found.pivot(index=["lab", "seed"], columns="strategy", values="left").reindex(columns=names).dropna()
    labs = [lab for lab in part.labs if lab in shared.index.get_level_values("lab")]
    if "random" not in names or not labs:
        return
    means = shared.groupby(level="lab").mean().loc[labs]
    score = 1.0 - means.div(means["random"], axis=0)
    found_best = (shared <= FOUND).groupby(level="lab").mean()
    hard = [lab for lab in labs if lab in DECEPTIVE]
    yield ""
    yield f"| on the {len(shared)} campaigns that all have run | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    yield f"| score, mean of {len(labs)} labs | " + " | ".join(f"{score[name].mean():.2f}" for name in names) + " |"
    if hard:
        rates = (f"{found_best.loc[hard, name].mean():.0%}" for name in names)
        yield f"| found, {len(hard)} deceptive labs | " + " | ".join(rates) + " |"
    lost = [text for lab in part.labs if (text := _lost(found, lab, names))]
    yield ""
    yield "Labs on which labloop is more than two standard errors behind the best of the others: "
    yield ("; ".join(lost) or "none") + "."


def _lost(found: pd.DataFrame, lab: str, names: Sequence[str]) -> str:
    gaps = {name: paired(found, lab, name) for name in names if name != OURS}
    gaps = {name: gap for name, gap in gaps.items() if len(gap) >= LEAST_SEEDS}
    if not gaps:
        return ""
    best = min(gaps, key=lambda name: float(gaps[name].mean()))
    gap = gaps[best]
    error = float(gap.std(ddof=1)) / len(gap) ** 0.5
    return f"{lab} ({best}, {gap.mean():+.3f} ± {error:.3f})" if gap.mean() < -2.0 * error else ""


def write(path: Path, lines: Iterator[str]) -> None:
    """Put the results between their marks."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    path.write_text(before + START + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def main() -> None:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--parts", nargs="+", default=[part.name for part in PARTS])
    parser.add_argument("--labs", nargs="+", default=[])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--data", type=Path, help=f"the folder of {ARYLATION}.csv")
    parser.add_argument("--write", type=Path, help="the page to write the results into")
    parser.add_argument("--only-write", action="store_true", help="run nothing")
    given = parser.parse_args()
    for part in PARTS:
        if part.name in given.parts and not given.only_write:
            run(part, given)
    if given.write:
        write(given.write, page())


if __name__ == "__main__":
    main()
