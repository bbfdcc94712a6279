"""The order in which a design is run: blocks, whole plots of what is hard to change, controls throughout, chance.

Chance decides the order of the blocks' contents, of the whole plots within a block and of the runs within a whole
plot; centre points and controls stand at even distances, the first and the last run of a block among them (NIST/
SEMATECH e-Handbook, section 5.3.3.7). What chance decided follows from a seed that is kept, and the design order
stands beside the run order.

Hard-to-change factors make whole plots (Jones & Nachtsheim 2009, doi:10.1080/00224065.2009.11917790): they are set
once for several runs, so their effects are judged against the variation between whole plots, of which there are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labloop.design.blocks import into_blocks
from labloop.errors import InvalidInput
from labloop.space.axis import Array, Indices

__all__ = ["Layout", "Place", "laid_out"]


@dataclass(frozen=True)
class Layout:
    """How a design is to be run.

    Attributes
    ----------
    blocks : how many; each is run under its own conditions.
    plots : how many whole plots; as few as there are settings of the hard-to-change factors if None.
    controls : how many controls, spread over all blocks.
    random : False keeps the design order, within blocks and whole plots.
    """

    blocks: int = 1
    plots: int | None = None
    controls: int = 0
    random: bool = True


@dataclass(frozen=True)
class Place:
    """One line of a run sheet: which run of the design (None: a control), its block and whole plot from 1."""

    run: int | None
    block: int
    plot: int | None


def laid_out(
    layout: Layout,
    f: Array,
    weights: Array,
    *,
    centre: np.ndarray,
    hard: Indices,
    rng: np.random.Generator,
) -> tuple[Place, ...]:
    """Return the lines of a run sheet, in the order to be run.

    Parameters
    ----------
    f, weights : (n, p) model columns without the constant, and how much each counts when blocks are balanced.
    centre : (n,) which runs are centre points.
    hard : (n, h) grid indices of the hard-to-change factors; h = 0 where there are none.

    Raises
    ------
    InvalidInput
        If there are fewer runs than blocks or whole plots, or fewer whole plots than settings.
    """
    n = len(f)
    if not 1 <= layout.blocks <= n:
        raise InvalidInput(f"{layout.blocks} blocks for {n} runs", hint="at least one run in each block")
    block = _blocked(layout.blocks, f, weights, centre, rng)
    plot = _plotted(layout, f, weights, hard, block, rng=rng)
    order: list[Place] = []
    share = [layout.controls // layout.blocks + (b < layout.controls % layout.blocks) for b in range(layout.blocks)]
    number = 0
    for b in range(layout.blocks):
        runs = np.flatnonzero(block == b)
        if hard.shape[1]:
            plots = list(dict.fromkeys(plot[runs].tolist()))
            plots = [plots[i] for i in rng.permutation(len(plots))] if layout.random else plots
            lines: list[Place] = []
            for each in plots:
                number += 1
                inside = _ordered(runs[plot[runs] == each], layout, rng)
                lines += [Place(int(run), b + 1, number) for run in inside]
        else:
            ordinary, middle = _ordered(runs[~centre[runs]], layout, rng), runs[centre[runs]]
            # Whoever asks for the design order gets it, centre points at its end as printed.
            spread = _spread(ordinary, middle.tolist()) if layout.random else [*ordinary, *middle.tolist()]
            lines = [Place(int(run), b + 1, None) for run in spread]
        order += _with_controls(lines, share[b], b + 1)
    return tuple(order)


def _ordered(runs: Indices, layout: Layout, rng: np.random.Generator) -> list[int]:
    return [int(run) for run in (rng.permutation(runs) if layout.random else runs)]


def _blocked(blocks: int, f: Array, weights: Array, centre: np.ndarray, rng: np.random.Generator) -> Indices:
    """Return each run's block, from 0: ordinary runs balanced, centre points dealt out one by one."""
    block = np.zeros(len(f), dtype=np.int64)
    if blocks == 1:
        return block
    ordinary, middle = np.flatnonzero(~centre), np.flatnonzero(centre)
    if len(ordinary) < blocks:
        raise InvalidInput(f"{blocks} blocks for {len(ordinary)} runs", hint="fewer blocks")
    sizes = [len(ordinary) // blocks + (b < len(ordinary) % blocks) for b in range(blocks)]
    block[ordinary] = into_blocks(f[ordinary], weights, sizes, rng)
    # Blocks that got one run fewer get their centre point first.
    filled = np.bincount(block[ordinary], minlength=blocks)
    for run in middle:
        b = int(filled.argmin())
        block[run] = b
        filled[b] += 1
    return block


def _plotted(
    layout: Layout, f: Array, weights: Array, hard: Indices, block: Indices, *, rng: np.random.Generator
) -> Indices:
    """Return each run's whole plot: runs of one block and one setting of what is hard to change, or part of them."""
    plot = np.zeros(len(f), dtype=np.int64)
    if not hard.shape[1]:
        if layout.plots is not None:
            raise InvalidInput(
                "whole plots, but no factor is hard to change", hint="write change: hard in the campaign file"
            )
        return plot
    keys = np.column_stack([block, hard])
    _, first, plot = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    plot = np.asarray(plot).reshape(-1)
    least = len(first)
    wanted = least if layout.plots is None else layout.plots
    if not least <= wanted <= len(f):
        raise InvalidInput(
            f"{wanted} whole plots",
            hint=f"this design needs {least}, one for each setting of what is hard to change, and has {len(f)} runs",
        )
    for _ in range(wanted - least):
        counts = np.bincount(plot)
        biggest = int(counts.argmax())
        if counts[biggest] < 2:
            break
        runs = np.flatnonzero(plot == biggest)
        half = [len(runs) - len(runs) // 2, len(runs) // 2]
        plot[runs[into_blocks(f[runs], weights, half, rng) == 1]] = len(counts)
    return plot


def _spread(ordinary: list[int], middle: list[int]) -> list[int]:
    """Put the middle ones at even distances, the first and last place among them where there are two or more."""
    total, count = len(ordinary) + len(middle), len(middle)
    at = {round(i * (total - 1) / (count - 1)) for i in range(count)} if count > 1 else {total // 2} if count else set()
    one, other = iter(middle), iter(ordinary)
    return [next(one) if place in at else next(other) for place in range(total)]


def _with_controls(lines: Sequence[Place], count: int, block: int) -> list[Place]:
    """Put controls at even distances, at the beginning first; never within a whole plot, which they would break up."""
    n = len(lines)
    gaps = [i for i in range(n + 1) if i in (0, n) or lines[i - 1].plot is None or lines[i - 1].plot != lines[i].plot]
    before = dict.fromkeys(range(n + 1), 0)
    for i in range(count):
        even = i * n / (count - 1) if count > 1 else 0.0
        before[min(gaps, key=lambda gap: (abs(gap - even), gap))] += 1
    out: list[Place] = []
    for i in range(n + 1):
        out += [Place(None, block, None)] * before[i] + list(lines[i : i + 1])
    return out
