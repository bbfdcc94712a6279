"""How good optimal designs are, and how long they take: `python benchmarks/design_efficiency.py`.

Five mixed spaces with rules. Each design, as `labloop design` makes it, is compared with the best of 1,000 exchanges
from random starts: relative D-efficiency is the ratio of |F'F|^(1/p).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from labloop.design.model import model_of, reduced
from labloop.design.moves import Moves
from labloop.design.optimal import optimise
from labloop.space import Space
from labloop.space.grid import Grid
from labloop.spec.models import Spec

TEMPERATURE = {"bounds": [20, 80], "step": 5}
TIME = {"bounds": [1, 100], "scale": "log"}
SPACES: dict[str, tuple[str, int, Mapping[str, Any]]] = {
    "numbers, a choice, two rules": (
        "quadratic",
        26,
        {
            "parameters": {
                "temperature": TEMPERATURE,
                "time": TIME,
                "solvent": {"choices": ["water", "EtOH", "DMSO", "toluene"]},
                "dose": {"levels": [0.1, 0.5, 2.5]},
            },
            "constraints": ["2*temperature + time <= 200", 'if solvent == "water" then temperature <= 60'],
        },
    ),
    "six components, at most four, and a temperature": (
        "interactions",
        34,
        {
            "parameters": {
                "temperature": TEMPERATURE,
                **{name: {"mixture": "blend", "min": 0.02, "step": 0.01} for name in "ABCDEF"},
            },
            "mixtures": {"blend": {"at_most": 4}},
        },
    ),
    "a cut polytope of five numbers": (
        "quadratic",
        28,
        {
            "parameters": {f"x{i}": {"bounds": [0, 1]} for i in range(1, 6)},
            "constraints": ["x1 + x2 + x3 <= 1.5", "x4 - x5 <= 0.4", "x1 + x5 >= 0.3"],
        },
    ),
    "conditions on an additive": (
        "interactions",
        24,
        {
            "parameters": {
                "additive": {"choices": ["none", "salt", "acid"]},
                "amount": {"bounds": [0, 5]},
                "pH": {"bounds": [4, 9], "step": 0.1},
                "stirring": {"bounds": [100, 900], "integer": True},
            },
            "constraints": ['if additive == "none" then amount == 0', 'if additive == "acid" then pH <= 7'],
        },
    ),
    "three bounded components and two numbers": (
        "interactions",
        20,
        {
            "parameters": {
                "oil": {"mixture": "cream", "min": 0.2, "max": 0.6, "required": True},
                "water": {"mixture": "cream", "min": 0.3, "max": 0.7, "required": True},
                "wax": {"mixture": "cream", "max": 0.15},
                "temperature": TEMPERATURE,
                "time": TIME,
            },
            "mixtures": {"cream": {"total": 1}},
            "constraints": ["oil + 2*wax <= 0.7"],
        },
    ),
}


def compared(order: str, runs: int, fields: Mapping[str, Any], starts: int) -> tuple[float, float, float, int, int]:
    """Return (relative D-efficiency, seconds of one design by the clock and of a processor, its starts, terms)."""
    spec = Spec.model_validate({"name": "space", "objectives": {"y": {"goal": "maximize"}}, **fields})
    began, worked = time.perf_counter(), time.process_time()
    rng = np.random.default_rng(1)
    space, grid = Space(spec), Grid(spec)
    moves, model = Moves(space, grid, {}, rng), reduced(model_of(grid, order), space.sample(1000, rng))[0]
    ours = optimise(model, moves, runs, rng)
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    best = ours.value
    rng = np.random.default_rng(2)
    for _ in range(starts // 20):
        best = max(best, optimise(model, moves, runs, rng, starts=20).value)
    return ours.value / best, taken, worked, len(ours.values), model.p


def main() -> None:
    """Print promised against measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=1000)
    starts = parser.parse_args().starts
    promised = "relative D-efficiency (promised >= 0.98) | seconds (promised < 10) | of a processor"
    print(f"| space | terms | runs | starts | {promised} |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name, (order, runs, fields) in SPACES.items():
        efficiency, taken, worked, used, p = compared(order, runs, fields, starts)
        print(f"| {name} | {p} | {runs} | {used} | {efficiency:.4f} | {taken:.1f} | {worked:.1f} |", flush=True)


if __name__ == "__main__":
    main()
