"""How a batch is filled: which slots, in which order, and why.

=========== ==================================================================================
strategy    slots
=========== ==================================================================================
explore     improve; one in eight is novelty; when nothing is left to gain, three in four are
balanced    improve; when nothing is left to gain, every second is novelty
exploit     climb (largest predicted value) and improve in turn
learn       learn (largest reduction of the uncertainty everywhere)
=========== ==================================================================================

'Nothing left to gain' is the surrogate's own verdict: with the largest expected improvement EI over the
space, u the utility predicted at what is known,

    EI_rel = EI / max(max u - median u, 0.3) < tau        (standardised units)

A planner that trusts its model stays on the first broad hill; this gate opens exactly when it would. Raising
the weight of the standard deviation instead was measured to be the wrong lever (`docs/planner.md`).

Each pick is conditioned on those before: its values are drawn from the model and taken as known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from labloop.planner.acquisition import Acquisition, Direct, log_sum_exp
from labloop.planner.data import Data
from labloop.planner.explore import Learning, farthest, inner
from labloop.planner.goal import Aim
from labloop.planner.kernel import Array
from labloop.planner.models import Models
from labloop.planner.optimise import Search
from labloop.planner.surrogate import Conditioned
from labloop.space import Space

__all__ = ["TAU", "Pick", "Strategist", "slots"]

TAU = 0.01
FLOOR = 8
"""One slot in so many is novelty under `explore`, gate or no gate."""
_INCUMBENTS = 8
_DRAWS = 64
_REFERENCES = 256
_TAUGHT = 1024
"""Rows of a finite space that are compared for what they teach; it hardly differs between neighbours."""


@dataclass(frozen=True)
class Pick:
    """One chosen row of the cube, (d,), and the slot that asked for it."""

    row: Array
    slot: str


def slots(strategy: str, n: int, *, gate: bool, position: int) -> list[str]:
    """Return the kinds of n slots; ``position`` (experiments so far) keeps shares right for small batches."""
    if strategy == "learn":
        return ["learn"] * n
    if strategy == "exploit":
        return ["climb" if (position + i) % 2 == 0 else "improve" for i in range(n)]
    if gate:
        period, share = (4, 3) if strategy == "explore" else (2, 1)
        return ["novelty" if (position + i) % period < share else "improve" for i in range(n)]
    # Counted along the campaign, so that batches of four get their share too; last in a batch, where it knows most.
    floor = sum((position + i) % FLOOR == FLOOR - 1 for i in range(n)) if strategy == "explore" else 0
    return ["improve"] * (n - floor) + ["novelty"] * floor


@dataclass
class Strategist:
    """Everything one batch is filled from."""

    space: Space
    data: Data
    models: Models
    aim: Aim
    seen: Array
    """(k, d) distinct conditions with results."""
    utility: Array
    """(k,) utility predicted there."""
    search: Search
    rng: np.random.Generator
    relative_gain: float | None = None
    acquisition: Acquisition = field(init=False)
    _normals: dict[str, Array] = field(init=False)
    _appended: int = 0

    def fill(self, strategy: str, n: int) -> list[Pick]:
        """Return up to n picks, all distinct and new; fewer when the space is exhausted."""
        self._prepare(n)
        picks: list[Pick] = []
        first: Array | None = None
        gate = False
        if strategy in ("explore", "balanced") and not self.aim.seeking:
            found = self._improve()
            if found is None:
                return []
            first, value = found
            self.relative_gain = self._relative(value)
            gate = self.relative_gain < TAU
        for slot in slots(strategy, n, gate=gate, position=len(self.data.known)):
            row = self._chosen(slot, first if slot == "improve" else None)
            if slot == "improve":
                first = None
            if row is None:
                break
            self.search.take(row)
            self._append(row)
            picks.append(Pick(row, slot))
            first = None
        return picks

    def _relative(self, value: float) -> float:
        spread = float(self.utility.max() - np.median(self.utility))
        return math.exp(min(value, 50.0)) / max(spread, 0.3)

    def _chosen(self, slot: str, ready: Array | None) -> Array | None:
        if ready is not None:
            return ready
        match slot:
            case "novelty":
                return self._novel()
            case "learn":
                references = self.models.features(self.search.anywhere(_REFERENCES))
                processes = list(self.acquisition.processes.values())
                found = self.search.best(Learning(processes, references), self.seen[:0], most=_TAUGHT)
            case "climb":
                found = self.search.best(Mean(self.acquisition), self._near())
            case _:
                found = self._improve()
        return None if found is None else found[0]

    def _novel(self) -> Array | None:
        """Return the most promising of what is farthest from everything known."""
        rows = self.search.pool()
        if not len(rows):
            return None
        far = farthest(self.space, inner(self.space, rows), self._known())
        self.acquisition.goal = self.aim.goal(self.rng)
        return np.asarray(far[int(np.argmax(self.search.values(self.acquisition, far)))])

    def _improve(self) -> tuple[Array, float] | None:
        self.acquisition.goal = self.aim.goal(self.rng)
        return self.search.best(self.acquisition, self._near())

    def _near(self) -> Array:
        order = np.argsort(-self.utility, kind="stable")
        return self.seen[order[:4]]

    def _known(self) -> Array:
        return np.vstack([self.data.known, *[row[None] for row in self.search.taken]])

    def _prepare(self, n: int) -> None:
        """Draw incumbents and pending experiments jointly."""
        base = np.vstack([self._incumbents(), self.data.pending])
        count = max(len(each.process.noise) for each in self.models.surrogates.values())
        draws = max(_DRAWS // count, 1)
        size = len(base) + n
        self._normals = {
            name: quasi_normal(count * draws, size, self.rng).reshape(draws, count, size).swapaxes(0, 1)
            for name in self.models.surrogates
        }
        processes = {
            name: Conditioned.on(each.process.repeated(count), draws) for name, each in self.models.surrogates.items()
        }
        floor = float(self.utility.min())
        self.acquisition = Acquisition(processes, self.aim.goal(self.rng), self.aim.limits(), floor)
        for row in base:
            self._append(row)

    def _append(self, row: Array) -> None:
        features = self.models.features(row[None])[0]
        normal = {name: each[:, :, self._appended] for name, each in self._normals.items()}
        self.acquisition.append(features, normal)
        self._appended += 1

    def _incumbents(self) -> Array:
        """Return the rows that are the best in some joint draw, the best predicted first, at most eight."""
        features = self.models.features(self.seen)
        drawn = {}
        for name, each in self.models.surrogates.items():
            sets = len(each.process.noise)
            normal = self.rng.standard_normal((sets, _DRAWS // sets, len(features)))
            drawn[name] = each.process.draw(features, normal).reshape(-1, len(features))
        utility = self.aim.utility(drawn)
        wins = np.bincount(utility.argmax(axis=1), minlength=len(features)).astype(np.float64)
        wins[int(np.argmax(self.utility))] += len(utility)
        order = np.argsort(-wins, kind="stable")[:_INCUMBENTS]
        return self.seen[order[wins[order] > 0]]


@dataclass(frozen=True)
class Mean:
    """The predicted utility, averaged over draws: what a pure climber follows."""

    acquisition: Acquisition

    def __call__(self, features: Array, *, gradient: bool = False) -> tuple[Array, Array]:
        """Return the predicted value (b,); for a direct goal with its gradient (b, F)."""
        goal = self.acquisition.goal
        slices = {name: each.evaluate(features) for name, each in self.acquisition.processes.items()}
        value = goal.of({name: part.mean for name, part in slices.items()}).mean(axis=(0, 2))
        for margin in self.acquisition.margins:
            held = margin.log_probability(slices)[0]
            value = value + log_sum_exp(held, (0, 2))[0, :, 0] - math.log(held.shape[0] * held.shape[2])
        slope = np.zeros_like(features)
        if gradient and isinstance(goal, Direct):
            part = slices[goal.outcome]
            share = goal.sign / (part.mean.shape[0] * part.mean.shape[2])
            slope = part.pullback(np.full_like(part.mean, share), np.zeros_like(part.sd))
        return value, slope


def quasi_normal(draws: int, size: int, rng: np.random.Generator) -> Array:
    """Return (draws, size) scrambled Sobol points as standard normal numbers; no global state is touched."""
    seed = int(rng.integers(2**31))
    engine = torch.quasirandom.SobolEngine(size, scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # torch
    uniform = engine.draw(draws, dtype=torch.float64).clamp(1e-7, 1.0 - 1e-7)
    found: Array = (math.sqrt(2.0) * torch.erfinv(2.0 * uniform - 1.0)).numpy()
    return found
