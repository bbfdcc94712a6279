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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from planner_labs import GROUPS

from labloop.simulate.deceptive import KINDS
from labloop.simulate.engines import Failed, run_jobs
from labloop.simulate.job import Job, packages_of
from labloop.simulate.scale import FOUND
from labloop.simulate.summary import Difference, Setting, Standing, Traces, differences, standings

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("lab", "strategy", "seed", "key", "versions", "left", "seconds", "notes")
ARYLATION = "direct_arylation"
FUNCTIONS = ("branin", "hartmann6", "ackley5", "levy4", "rosenbrock4")
OTHERS = ("michalewicz", "bukin", "sixhumpcamel")
DECEPTIVE = ("hills4", "outlier3", "needle3", "crossed4")
FAMILY = (
    *(f"hills{dim}:place=20" for dim in range(2, 7)),
    *(f"crossed{dim}" for dim in range(2, 7)),
    *(f"needle{dim}:place=20" for dim in range(3, 6)),
    "outlier2:place=20",
)
"""Deceptive in 2 to 6 columns; nothing was chosen at this place."""
LABORATORIES = ("snar", "reaction", ARYLATION, "hydrogel")
LABS = (*FUNCTIONS, *DECEPTIVE, *LABORATORIES)
OURS = "explore"
STRATEGIES = (OURS, "ax", "baybe", "bofire", "botorch", "optuna", "optuna-tpe", "sobol", "random")
FEW = 3
"""Seeds on some lab from which on a strategy is scored."""
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
    first: int = 0
    """The first of its seeds: where labloop's choices were made at the first ones, others judge them."""

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
    Part("batch1", "One at a time, 30 experiments", (*FUNCTIONS, *OTHERS, *DECEPTIVE, "reaction"), 1, 30),
    Part("deceptive", "Deceptive in 2 to 6 columns, batches of 5, 40 experiments, noise", FAMILY, 5, 40, 0.1),
    Part("places", "The same, other places", GROUPS["deceptive"], 5, 40, 0.1, first=40),
    Part("narrower", "The same, narrower", GROUPS["narrower"], 5, 40, 0.1, first=40),
    Part("batch96", "Batches of 96, 192 experiments", ("hartmann6", "hills4", "ackley5"), 96, 192),
)


def versions_of(strategy: str) -> str:
    """Return the packages that decide what a strategy proposes."""
    return " ".join(f"{name} {number}" for name, number in packages_of(strategy).items())


def kept(part: Part) -> pd.DataFrame:
    """Return the finished campaigns of a part, in its order; of several of the same, the last."""
    if not part.path.exists():
        return pd.DataFrame(columns=COLUMNS)
    found = pd.read_csv(part.path, keep_default_na=False).drop_duplicates(["lab", "strategy", "seed"], keep="last")
    places = {name: place for place, name in enumerate([*part.labs, *STRATEGIES])}
    return found.sort_values(["lab", "strategy", "seed"], key=lambda column: column.map(lambda x: places.get(x, x)))


def run(part: Part, given: argparse.Namespace) -> None:
    """Run the campaigns of a part that are missing, all strategies on one seed before the next."""
    there = set(kept(part)["key"])
    labs = {
        part.job(lab, strategy, seed, given.data): lab
        for seed in range(part.first, part.first + given.seeds)
        for lab in part.labs
        if (not given.labs or lab in given.labs) and (lab != ARYLATION or given.data)
        for strategy in given.strategies
    }
    jobs = [job for job in labs if job.key not in there]
    RESULTS.mkdir(exist_ok=True)
    new = not part.path.exists()
    with part.path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for number, (job, outcome) in enumerate(run_jobs(jobs, workers=given.workers), 1):
            if isinstance(outcome, Failed):
                print(f"{part.name}: {job.strategy} on {job.lab}, seed {job.seed}: {outcome.message}", file=sys.stderr)
                continue
            left, seconds = f"{outcome.rows[-1].left:.6g}", f"{np.mean(outcome.seconds):.3g}"
            made = (job.key, versions_of(job.strategy))
            writer.writerow([labs[job], job.strategy, job.seed, *made, left, seconds, " | ".join(outcome.notes)])
            file.flush()
            print(f"{part.name}: {number} of {len(jobs)}", file=sys.stderr)
    # In order, and without what another planner or package made before.
    kept(part).to_csv(part.path, index=False, lineterminator="\n")


def traces(found: pd.DataFrame, part: Part) -> Iterator[Traces]:
    """Yield a part's campaigns by lab, as `labloop.simulate.summary` compares them: only their ends are kept."""
    for lab, here in found.groupby("lab", sort=False):
        several = {str(name): campaigns for name, campaigns in here.groupby("strategy", sort=False)}
        unknown = {name: np.full((len(each), 1), np.nan) for name, each in several.items()}
        yield Traces(
            setting=Setting(str(lab), part.batch, part.noise, part.budget),
            seeds={name: tuple(each["seed"]) for name, each in several.items()},
            left={name: np.minimum(each["left"].to_numpy(float), 1.0)[:, None] for name, each in several.items()},
            regret=unknown,
            inference=unknown,
            spent=unknown,
            seconds={name: each["seconds"].to_numpy(float) for name, each in several.items()},
            notes={name: tuple(dict.fromkeys(filter(None, each["notes"]))) for name, each in several.items()},
        )


def page() -> Iterator[str]:
    """Yield the lines of the results."""
    tables = {part: kept(part) for part in PARTS}
    made = {text for found in tables.values() for text in found["versions"]}
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    yield f"Made by: {'; '.join(sorted(made))}; {machine}, one thread a campaign."
    for part, found in tables.items():
        if len(found):
            several = list(traces(found, part))
            names = [name for name in STRATEGIES if any(name in each.left for each in several)]
            yield from ("", f"### {part.heading}", "")
            yield from _left(several, names)
            yield from _scores(several, names)


def _left(several: Sequence[Traces], names: Sequence[str]) -> Iterator[str]:
    """Yield what was left to gain, by lab and strategy."""
    yield from _heading("lab", names)
    gaps = [{gap.strategy: gap for gap in differences(each, OURS)} for each in several]
    for each, by_name in zip(several, gaps, strict=True):
        found = {standing.strategy: standing for standing in standings(each)}
        least = min(standing.left for standing in found.values())
        cells = [_cell(found.get(name), by_name.get(name), least) for name in names]
        yield f"| {each.setting.lab} | " + " | ".join(cells) + " |"
    marks = {name: [_mark(by_name.get(name)) for by_name in gaps] for name in names}
    for told, mark in (("better", "▲"), ("worse", "▼")):
        counts = ("" if name == OURS else str(marks[name].count(mark)) for name in names)
        yield f"| *{told} than {OURS}* | " + " | ".join(counts) + " |"
    seconds = (np.concatenate([each.seconds[name] for each in several if name in each.seconds]) for name in names)
    yield "| *seconds a suggestion* | " + " | ".join(f"{each.mean():.2f}" for each in seconds) + " |"
    notes: dict[str, list[str]] = {}
    for each in several:
        for name, said in each.notes.items():
            for text in said:
                notes.setdefault(text, []).append(f"{name} on {each.setting.lab}")
    yield ""
    for text, where in notes.items():
        yield f"- {text}: {', '.join(sorted(where))}."


def _heading(first: str, names: Sequence[str]) -> Iterator[str]:
    yield f"| {first} | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)


def _mark(gap: Difference | None) -> str:
    return "" if gap is None or not gap.decided else "▲" if gap.mean < 0 else "▼"


def _cell(standing: Standing | None, gap: Difference | None, least: float) -> str:
    if standing is None:
        return ""
    text = f"**{standing.left:.3f}**" if standing.left == least else f"{standing.left:.3f}"
    return f"{text} ({standing.found:.0%}, n={standing.seeds}) {_mark(gap)}".rstrip()


def _scores(several: Sequence[Traces], names: Sequence[str]) -> Iterator[str]:
    """Yield mean scores over the labs, and how often the best was found on the deceptive ones, on shared seeds.

    Whoever has run hardly any yet is left out: all others would be judged on those few.
    """
    most = {name: max(len(each.seeds.get(name, ())) for each in several) for name in names}
    names = [name for name in names if most[name] >= FEW]
    left = {lab: table for each in several if len(table := _shared(each, names)) for lab in [each.setting.lab]}
    if "random" in names and left:
        means = pd.DataFrame({lab: table.mean() for lab, table in left.items()}).T
        score = (1.0 - means.div(means["random"], axis=0)).mean()
        yield ""
        yield from _heading(f"on the {sum(map(len, left.values()))} campaigns that all of these have run", names)
        yield f"| score, mean of {len(left)} labs | " + " | ".join(f"{score[name]:.2f}" for name in names) + " |"
        yield (
            "| labloop's lead / without the lab that says most | "
            + " | ".join("" if name == OURS else _lead(left, name) for name in names)
            + " |"
        )
        if hard := [table for lab, table in left.items() if lab.startswith(tuple(KINDS))]:
            found = pd.DataFrame([(table <= FOUND).mean() for table in hard]).mean()
            cells = " | ".join(f"{found[name]:.0%}" for name in names)
            yield f"| found, {len(hard)} deceptive labs | {cells} |"
    behind = [told for each in several if (told := _behind(each))]
    yield ""
    yield f"Behind the best of the others by more than chance: {'; '.join(behind) or 'nowhere'}."


def _lead(left: Mapping[str, pd.DataFrame], name: str) -> str:
    """Return by how much labloop's score is larger, with its standard error, and without the lab that says most."""
    gaps = [(table[name] - table[OURS]) / table["random"].mean() for table in left.values()]
    rest = sorted(gaps, key=lambda gap: abs(gap.mean()))[:-1]
    told = []
    for some in filter(None, (gaps, rest)):
        error = sum(gap.var() / len(gap) for gap in some) ** 0.5 / len(some)
        told.append(f"{np.mean([gap.mean() for gap in some]):+.2f} ± {error:.2f}")
    return " / ".join(told)


def _shared(each: Traces, names: Sequence[str]) -> pd.DataFrame:
    """Return what was left on a lab by seed and strategy, for the seeds that every strategy has run."""
    columns = {name: pd.Series(each.left[name][:, -1], each.seeds[name]) for name in names if name in each.left}
    return pd.DataFrame(columns, columns=list(names)).dropna()


def _behind(each: Traces) -> str:
    """Say on which lab somebody is better than labloop, by how much, if that is decided."""
    better = [gap for gap in differences(each, OURS) if gap.decided and gap.mean < 0]
    if not better:
        return ""
    best = min(better, key=lambda gap: gap.mean)
    return f"{each.setting.lab} ({best.strategy}, {best.mean:+.3f}, 95 % {best.low:+.3f} to {best.high:+.3f})"


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
