"""Everything in docs/benchmarks.md: run the studies (or go on with them), then write the page.

    python benchmarks/compare_peers.py runs --seeds 10 --workers 2 --write docs/benchmarks.md

Needs `pip install 'labloop[peers]'`. It can be stopped and started again; only what is missing runs. The page is
written from whatever is finished, losses like wins, and says how many seeds that is.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labloop.simulate.driver import Driver
from labloop.simulate.job import PEERS, packages_of
from labloop.simulate.study import Study
from labloop.simulate.summary import Difference, Standing, Traces, differences, standings, traces_of

LABS = (
    "branin", "hartmann6", "ackley5", "levy4", "rosenbrock4",
    "hills4", "outlier3", "needle3", "crossed4",
    "hydrogel", "reaction", "ferment",
)  # fmt: skip
STRATEGIES = ("explore", "ax", "baybe", "bofire", "botorch", "optuna", "optuna-tpe", "sobol", "random")
START, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True)
class Part:
    """One study of the page: a heading, and what is run."""

    name: str
    heading: str
    labs: tuple[str, ...]
    batch: int
    budget: int
    noise: float | None = None


PARTS = (
    Part("batch5", "Batches of 5, 40 experiments", LABS, 5, 40),
    Part("batch5-noise", "Batches of 5, 40 experiments, noise a tenth of the sd", LABS[:9], 5, 40, 0.1),
    Part("batch1", "One at a time, 30 experiments", LABS, 1, 30),
    Part("batch96", "Batches of 96, 192 experiments", ("hartmann6", "hills4", "reaction"), 96, 192),
)


def study_of(part: Part, seeds: Sequence[int], strategies: Sequence[str], labs: Sequence[str]) -> Study:
    """Return a part as a study."""
    chosen = [each for each in part.labs if not labs or each in labs]
    fields = {"labs": chosen, "batch": part.batch, "budget": part.budget, "noise": part.noise}
    return Study.model_validate({**fields, "strategies": list(strategies), "seeds": list(seeds)})


def page(runs: Path, reference: str) -> Iterator[str]:
    """Yield the lines of the results."""
    versions = {name: number for peer in PEERS for name, number in packages_of(peer).items()}
    yield f"Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}; Python"
    yield f"{platform.python_version()}, {platform.machine()}, one thread a campaign."
    for part in PARTS:
        folder = runs / part.name
        if not (folder / "study.json").exists():
            continue
        yield from ("", f"### {part.heading}", "")
        traces = traces_of(Driver.of(folder).courses())
        yield from _table(traces, reference)


def _table(traces: Sequence[Traces], reference: str) -> Iterator[str]:
    names = list(dict.fromkeys(name for each in traces for name in each.left))
    yield "| lab | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    notes: dict[str, set[str]] = {}
    wins = dict.fromkeys(names, 0)
    losses = dict.fromkeys(names, 0)
    seconds: dict[str, list[float]] = {}
    for each in traces:
        found = {standing.strategy: standing for standing in standings(each)}
        gaps = {gap.strategy: gap for gap in differences(each, reference)}
        for name, gap in gaps.items():
            wins[name] += gap.decided and gap.mean < 0
            losses[name] += gap.decided and gap.mean > 0
        for name, standing in found.items():
            seconds.setdefault(name, []).append(standing.seconds)
        for name, said in each.notes.items():
            for text in said:
                notes.setdefault(text, set()).add(f"{name} on {each.setting.lab}")
        least = min(standing.left for standing in found.values())
        cells = [_cell(found.get(name), gaps.get(name), least) for name in names]
        yield f"| {each.setting.lab} | " + " | ".join(cells) + " |"
    yield f"| *better than {reference}* | " + " | ".join(str(wins[n]) if n != reference else "" for n in names) + " |"
    yield f"| *worse than {reference}* | " + " | ".join(str(losses[n]) if n != reference else "" for n in names) + " |"
    means = (f"{sum(seconds[name]) / len(seconds[name]):.2f}" for name in names)
    yield "| *seconds a suggestion* | " + " | ".join(means) + " |"
    yield ""
    for text, where in notes.items():
        yield f"- {text}: {', '.join(sorted(where))}."


def _cell(standing: Standing | None, gap: Difference | None, least: float) -> str:
    if standing is None:
        return ""
    mark = "" if gap is None or not gap.decided else (" ▲" if gap.mean < 0 else " ▼")
    text = f"{standing.left:.3f}"
    return f"{f'**{text}**' if standing.left == least else text} ({standing.found:.0%}, n={standing.seeds}){mark}"


def write(path: Path, lines: Iterator[str]) -> None:
    """Put the results between their marks."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    path.write_text(before + START + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def main() -> None:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path, help="the folder that the studies are kept in")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--parts", nargs="+", default=[part.name for part in PARTS])
    parser.add_argument("--labs", nargs="+", default=[])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--write", type=Path, help="the page to write the results into")
    parser.add_argument("--only-write", action="store_true", help="run nothing")
    given = parser.parse_args()
    for part in PARTS:
        if part.name not in given.parts or given.only_write:
            continue
        driver = Driver(study_of(part, range(given.seeds), given.strategies, given.labs), given.runs / part.name)
        report = driver.run(
            engine="process",
            workers=given.workers,
            tell=lambda done, total, name=part.name: print(f"{name}: {done} of {total}", file=sys.stderr),  # type: ignore[misc]
        )
        for job, failed in report.failures:
            print(f"{part.name}: {job.strategy} on {job.lab}, seed {job.seed}: {failed.message}", file=sys.stderr)
    if given.write:
        write(given.write, page(given.runs, given.strategies[0]))


if __name__ == "__main__":
    main()
