"""How a batch is filled: which slots, in which order, and why.

=========== ==================================================================================
strategy    slots
=========== ==================================================================================
explore     improve; one in eight is novelty, in batches one in four at first, and one follows; when
            nothing is left to gain, three in four are novelty
balanced    improve; when nothing is left to gain, every second is novelty
exploit     climb (largest predicted value) and improve in turn
learn       learn (largest reduction of the uncertainty everywhere); with a threshold, straddle
custom      the slots that the campaign names, in turn (`spec.slots`)
=========== ==================================================================================

A slot that follows looks for the top of a hill that the broad picture hides (`planner.hidden`), where a result stands
out of that picture and is not the best: it may lie on a flank. Under `explore` every batch of `MANY` has one; when
nothing is left to gain, one novelty slot of a batch becomes one (`Strategist._followed`). Improve slots follow as well,
also up the hill that the best stands on, where such a hill is far likelier than none and promises more than the model
does (`Strategist._risen`): the model would feel its way about a hill whose top those few results already tell.

Under the first three one improve slot measures again what is too good to be believed unrepeated (`planner.worth`). When
nothing is left to gain, it measures a leader again, where noise and not ignorance hides which of the two best is better
(`doubtful`), or climbs, while the largest predicted value is higher than at anything known (`Strategist._topped`): what
is found is worth its last decimals, which the expected improvement is in no hurry to collect.

'Nothing left to gain' is the surrogate's own verdict: with the largest expected improvement EI over the
space, u the utility predicted at what is known,

    EI_rel = EI / max(max u - median u, 0.3) < tau        (standardised units)

or, because on a flat top noise alone keeps the expected improvement up, with sigma the least noise of one measurement
that the samples of the hyperparameters leave possible (their lowest tenth),

    EI < 0.3 sigma   and   max u - max u without the last six < sigma

unless the model takes more than 4 % of the variance for noise: then it has lost the hill, and is no judge of it.

A planner that trusts its model stays on the first broad hill; this gate opens exactly when it would. Raising
the weight of the standard deviation instead was measured to be the wrong lever (`docs/planner.md`).

Each pick is conditioned on those before: its values are drawn from the model and taken as known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.special import ndtr

from labloop.planner.acquisition import Acquisition, Direct, Feasible, Held, Mean, Score
from labloop.planner.data import Data, keys_of
from labloop.planner.explore import Learning, farthest, inner
from labloop.planner.goal import Aim
from labloop.planner.hidden import Hills, Trend
from labloop.planner.kernel import Array
from labloop.planner.models import Models
from labloop.planner.optimise import Search
from labloop.planner.surrogate import Conditioned, Process
from labloop.space import Space
from labloop.spec.models import PlannerSettings
from labloop.spec.slots import Slot, parse_slot

__all__ = ["TAU", "Pick", "Strategist", "slots"]

TAU = 0.01
HIDDEN = 0.3
"""So small a share of the noise of one measurement is a gain that is not worth one."""
LATELY = 6
"""While so many results have raised the best prediction by more than the noise, a hill is being climbed."""
FLOOR = 8
"""One slot in so many is novelty under `explore`, gate or no gate."""
YOUNG, OFTEN = 20, 4
"""Of a batch, up to so many experiments, one slot in so many: its later picks are made without the earlier results."""
MANY = 4
"""In a batch of so many one slot follows what stands out."""
LARGE = 12
"""So many picks of a batch are polished; those after them are the best of a larger pool."""
_INCUMBENTS = 8
_DRAWS = 64
_DRAWS_FOR_ONE = 32
_REFERENCES = 256
_POOL = 1024
STANDING_OUT, FAR_OUT = 1.5, 2.0
"""So many sds above a smooth trend through all others a result is worth following, and for an improve slot too."""
LIKELIER = 8.0
"""So many nats a hidden hill has to be likelier than none before an improve slot looks for its top."""
# With fewer results there is no trend to stand out of; with more, weighing hills takes a fifth of the time.
_TRENDS_FROM, _TRENDS_TO = 8, 300
_TOPS = 512
# Tops are where most is gained; a few from elsewhere, in case that a rule or a limit forbids all of them.
_ELSEWHERE, _SHORTLIST = 256, 32
HIGHER = 1e-4
"""So much of the spread what a climb foretells has to lie above what is known."""
_DECIDED = 0.9
_ALIKE = 0.95
_LEAST_NOISE = 1e-3
# The noise counts by this quantile of its samples: few results can hardly tell noise from structure.
_CERTAIN = 0.1
# A model that takes a larger share of the variance for noise has lost the hill, and is no judge of what is left.
_LOST = 0.04
_DEAR = 1024
"""So many rows of a finite space are compared where each is dear: what they teach, what BoTorch's functions say."""


@dataclass(frozen=True)
class Pick:
    """One chosen row of the cube, (d,), the slot that asked for it, and whether it is a striking result again."""

    row: Array
    slot: str
    striking: bool = False


def slots(settings: PlannerSettings, n: int, *, gate: bool, position: int) -> list[str]:
    """Return the kinds of n slots; ``position`` (experiments so far) keeps shares right for small batches.

    One improve slot is there for replicates first, then for the top, and of many novelty slots one for following.
    """
    kinds = _shares(settings, n, gate=gate, position=position)
    if settings.strategy != "custom" and "improve" in kinds:
        kinds[kinds.index("improve")] = "replicate"
    if gate and "novelty" in kinds and (n > 1 or position % 2 == 0):
        kinds[kinds.index("novelty")] = "follow"
    return kinds


def _shares(settings: PlannerSettings, n: int, *, gate: bool, position: int) -> list[str]:
    strategy = settings.strategy
    if strategy == "custom":
        return [settings.slots[(position + i) % len(settings.slots)] for i in range(n)]
    if strategy == "learn":
        about = settings.threshold
        return ["learn" if about is None else f"straddle:threshold={about!r}"] * n
    if strategy == "exploit":
        return ["climb" if (position + i) % 2 == 0 else "improve" for i in range(n)]
    if gate:
        period, share = (4, 3) if strategy == "explore" else (2, 1)
        return ["novelty" if (position + i) % period < share else "improve" for i in range(n)]
    if strategy != "explore":
        return ["improve"] * n
    # Counted along the campaign, so that batches of four get their share too; last in a batch, where it knows most.
    periods = [OFTEN if n > 1 and i < YOUNG else FLOOR for i in range(position, position + n)]
    floor = sum((position + i) % period == period - 1 for i, period in enumerate(periods))
    follow = int(n >= MANY)
    return ["improve"] * (n - floor - follow) + ["follow"] * follow + ["novelty"] * floor


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
    hidden: bool = False
    """Whether what is left to gain is hidden by noise."""
    acquisition: Acquisition = field(init=False)
    _flat: bool = False
    """Whether no hidden hill was found for an improve slot of this batch, which no later pick can change for long."""
    _normals: dict[str, Array] = field(init=False)
    _appended: int = 0

    def fill(self, settings: PlannerSettings, n: int) -> list[Pick]:
        """Return up to n picks, all distinct and new; fewer when the space is exhausted."""
        self._prepare(n)
        if n > LARGE:
            self.search.enlarge(self._near())
        picks: list[Pick] = []
        first: Array | None = None
        gate = False
        if settings.strategy in ("explore", "balanced", "exploit") and not self.aim.seeking:
            found = self._improve()
            if found is None:
                return []
            first, value = found
            gain = math.exp(min(value, 50.0))
            self.relative_gain = gain / self._spread()
            self.hidden = self._hides(gain)
            gate = self.spent
        wanted = slots(settings, n, gate=gate, position=len(self.data.known))
        # Nothing to measure again and no top to climb, or nothing to follow.
        otherwise = {"replicate": "improve", "follow": "novelty" if gate else "improve"}
        for kind in wanted:
            pick = self._special(kind, gate=gate)
            slot = otherwise.get(kind, kind)
            if pick is None and slot == "improve" and len(picks) < LARGE:
                pick = self._risen()
            if pick is None:
                row = first if slot == "improve" else None
                if row is None:
                    row = self._chosen(slot, polish=len(picks) < LARGE)
                if row is None:
                    break
                pick = Pick(row, slot)
            first = None
            self.search.take(pick.row)
            self._append(pick.row)
            picks.append(pick)
        return picks

    @property
    def spent(self) -> bool:
        """Whether nothing is left to gain where the model knows its way."""
        return self.hidden or (self.relative_gain is not None and self.relative_gain < TAU)

    def _hides(self, gain: float) -> bool:
        """Say whether a gain is hidden by the noise of one measurement, and no hill is being climbed.

        Only one outcome has a noise to compare with: never for targets and several objectives.
        """
        goal = self.acquisition.goal
        if not isinstance(goal, Direct) or len(self.utility) <= LATELY:
            return False
        variances = self.models.surrogates[goal.outcome].process.noise
        noise = math.sqrt(float(np.quantile(variances, _CERTAIN)))
        risen = float(self.utility.max() - self.utility[:-LATELY].max())
        return float(variances.mean()) <= _LOST and gain < HIDDEN * noise and risen < noise

    def _special(self, kind: str, *, gate: bool) -> Pick | None:
        """Return what a slot finds that is only sometimes worth filling; None where it is not."""
        if self.aim.seeking or not isinstance(self.acquisition.goal, Direct):
            return None
        if kind == "replicate":
            again = self._again(self.acquisition.goal, gate=gate)
            return self._topped() if again is None and gate else again
        return self._followed(self.acquisition.goal) if kind == "follow" else None

    def _again(self, goal: Direct, *, gate: bool) -> Pick | None:
        """Return what to measure again: what is too good to be believed, or a leader that noise hides."""
        table, surrogate = self.data.tables[goal.outcome], self.models.surrogates[goal.outcome]
        if surrogate.striking is not None and self._repeatable(row := table.cube[surrogate.striking]):
            return Pick(row, "replicate", striking=True)
        chosen = doubtful(surrogate.process, goal.sign) if gate else None
        if chosen is None or not self._repeatable(row := table.cube[chosen]):
            return None
        return Pick(row, "replicate")

    def _repeatable(self, row: Array) -> bool:
        """Whether a row (d,) may be proposed again: it is not pending, and could be proposed at all."""
        waiting = bool(np.isin(keys_of(row[None]), keys_of(self.data.pending)).any())
        # What was executed need not be what could be proposed: off the grid, against a rule, at another hard setting.
        snapped = np.asarray(self.space.snap(row[None]))
        held = all(abs(row[j] - value) < 1e-9 for j, value in self.search.fixed.items())
        allowed = bool(np.abs(snapped - row).max() < 1e-9) and bool(self.space.feasible(snapped)[0]) and held
        return allowed and not waiting

    def _topped(self) -> Pick | None:
        """Return the row with the largest predicted value; None where that is hardly above what is known."""
        predicted = Mean(self.acquisition)
        found = self.search.best(predicted, self._near())
        if found is None or found[1] <= self.search.values(predicted, self.seen).max() + HIGHER * self._spread():
            return None
        return Pick(found[0], "climb")

    def _spread(self) -> float:
        return max(float(self.utility.max() - np.median(self.utility)), 0.3)

    def _chosen(self, text: str, *, polish: bool) -> Array | None:
        slot = parse_slot(text)
        if self.aim.seeking and slot.name not in ("maximin", "qNIPV", "PSTD"):
            found = self._improve(polish=polish)
        elif slot.name == "maximin":
            return self._novel()
        elif slot.name == "qNIPV":
            references = self.models.features(self.search.anywhere(_REFERENCES))
            learning = Learning(list(self.acquisition.processes.values()), references)
            found = self.search.best(learning, self.seen[:0], polish=polish, most=_DEAR)
        elif slot.name == "mean":
            found = self.search.best(Mean(self.acquisition), self._near(), polish=polish)
        elif slot.name == "qLogNEI":
            found = self._improve(polish=polish)
        else:
            named = Held(self._named(slot), self.acquisition)
            found = self.search.best(named, self._near(), polish=polish, most=_DEAR)
        return None if found is None else found[0]

    def _named(self, slot: Slot) -> Score:
        # BoTorch's acquisition functions bring scipy.stats along: half a second for those who ask for them.
        from labloop.planner.named import Torch, function_of, situation_of

        rows = (self.seen, self._waiting(), self.search.anywhere(_POOL))
        seen, waiting, pool = (self.models.features(each) for each in rows)
        situation = situation_of(self.models, self.aim, seen, pending=waiting, pool=pool, rng=self.rng)
        return Torch(function_of(slot, situation))

    def _novel(self) -> Array | None:
        """Return, of what is farthest from everything known, in turn the very farthest and the most promising."""
        rows = self.search.pool()
        if not len(rows):
            return None
        known = self._known()
        far = farthest(self.space, inner(self.space, rows), known)
        turn = len(known)
        # Every eighth experiment and experiments one after the other: both alternate.
        if (turn // FLOOR + turn) % 2 == 0:
            return np.asarray(far[int(np.argmax(np.asarray(self.space.distances(far, known)).min(axis=1)))])
        self.acquisition.goal = self.aim.goal(self.rng)
        return np.asarray(far[int(np.argmax(self.search.values(self.acquisition, far)))])

    def _trend(self, goal: Direct) -> Trend:
        process = self.models.surrogates[goal.outcome].alone
        return Trend.of(process, goal.sign, self.models.features(self._waiting()))

    def _followed(self, goal: Direct) -> Pick | None:
        """Return where a hidden hill may be highest that lifts what stands out most, if that is not the best."""
        trend = self._trend(goal)
        above = trend.standing_out
        i = int(np.argmax(above))
        if above[i] < STANDING_OUT or i == trend.top:
            return None
        found = self._highest(goal, trend, i, lifts=True)
        return None if found is None else Pick(found[0], "follow")

    def _risen(self) -> Pick | None:
        """Return where a hidden hill may be highest, if that promises more than the model does; None otherwise."""
        goal = self.acquisition.goal
        if self._flat or self.relative_gain is None or not isinstance(goal, Direct):
            return None
        found = None
        if _TRENDS_FROM <= len(self.data.tables[goal.outcome].cube) <= _TRENDS_TO:
            trend = self._trend(goal)
            above = trend.standing_out
            i = trend.top if above[trend.top] >= FAR_OUT else int(np.argmax(above))
            if above[i] >= FAR_OUT:
                found = self._highest(goal, trend, i, lifts=i != trend.top, least=LIKELIER)
        if found is None or found[1] < self.relative_gain * self._spread():
            self._flat = True
            return None
        return Pick(found[0], "follow")

    def _highest(
        self, goal: Direct, trend: Trend, about: int, *, lifts: bool, least: float = -math.inf
    ) -> tuple[Array, float] | None:
        """Return the row (d,) where most is to be gained by a hidden hill, and that gain; None without a hill.

        ``about``: the result that stands out; ``lifts``: only by hills on which it stands higher than the best.
        """
        features, row = self.models.features, self.data.tables[goal.outcome].cube[about]
        anywhere = self.search.anywhere(_TOPS)
        hills = Hills.drawn(
            trend, features, self.space, anywhere, row, self.rng, lifts=about if lifts else None, least=least
        )
        if hills is None:
            return None
        rows = self.search.pool()
        if self.search.finite is None:
            rows = self.search.fresh(np.vstack([rows[:_ELSEWHERE], self.search.near(hills.cube)]))
        if not len(rows):
            return None
        # All are looked at with a few hills, the best of them with all.
        rough = self.search.each(hills.few().gain, rows)
        rows = rows[np.argsort(-rough, kind="stable")[:_SHORTLIST]]
        gains = hills.gain(features(rows)) * np.exp(Feasible(self.acquisition)(features(rows))[0])
        i = int(np.argmax(gains))
        return rows[i], float(gains[i])

    def _improve(self, *, polish: bool = True) -> tuple[Array, float] | None:
        self.acquisition.goal = self.aim.goal(self.rng)
        return self.search.best(self.acquisition, self._near(), polish=polish)

    def _near(self) -> Array:
        order = np.argsort(-self.utility, kind="stable")
        return self.seen[order[:4]]

    def _known(self) -> Array:
        return np.vstack([self.data.known, *[row[None] for row in self.search.taken]])

    def _waiting(self) -> Array:
        return np.vstack([self.data.pending, *[row[None] for row in self.search.taken]])

    def _prepare(self, n: int) -> None:
        """Draw incumbents and pending experiments jointly."""
        # One alone is looked for at the mode: it finds no less than under all samples, in less time (docs/planner.md).
        processes = {name: each.alone if n == 1 else each.process for name, each in self.models.surrogates.items()}
        count = max(len(each.noise) for each in processes.values())
        draws = max((_DRAWS_FOR_ONE if n == 1 else _DRAWS) // count, 1)
        base = np.vstack([self._incumbents(processes), self.data.pending])
        size = len(base) + n
        self._normals = {
            name: quasi_normal(count * draws, size, self.rng).reshape(draws, count, size).swapaxes(0, 1)
            for name in processes
        }
        conditioned = {name: Conditioned.on(each.repeated(count), draws) for name, each in processes.items()}
        floor = float(self.utility.min())
        self.acquisition = Acquisition(conditioned, self.aim.goal(self.rng), self.aim.limits(), floor)
        for row in base:
            self._append(row)

    def _append(self, row: Array) -> None:
        features = self.models.features(row[None])[0]
        normal = {name: each[:, :, self._appended] for name, each in self._normals.items()}
        self.acquisition.append(features, normal)
        self._appended += 1

    def _incumbents(self, processes: Mapping[str, Process]) -> Array:
        """Return the rows that are the best in some joint draw, the best predicted first, at most eight."""
        features = self.models.features(self.seen)
        drawn = {}
        for name, each in processes.items():
            sets = len(each.noise)
            normal = self.rng.standard_normal((sets, _DRAWS // sets, len(features)))
            drawn[name] = each.draw(features, normal).reshape(-1, len(features))
        utility = self.aim.utility(drawn)
        wins = np.bincount(utility.argmax(axis=1), minlength=len(features)).astype(np.float64)
        wins[int(np.argmax(self.utility))] += len(utility)
        order = np.argsort(-wins, kind="stable")[:_INCUMBENTS]
        return self.seen[order[wins[order] > 0]]


def doubtful(process: Process, sign: float) -> int | None:
    """Return which of the two leaders to measure again, if only noise hides which of them is better.

    With D = f(a) - f(b) of the two best predicted: P(D > 0) < `_DECIDED`, their correlation below `_ALIKE` (whoever is
    all but the same need not be told apart), and at the one that is known less the variance is still at least half
    of noise / repeats: no neighbour says more about it than its own measurements do.
    """
    means, _ = process.posterior(process.rows)
    order = np.argsort(-sign * means.mean(axis=0), kind="stable")[:2]
    if len(order) < 2:
        return None
    mean, covariance = (each.mean(axis=0) for each in process.joint(process.rows[order]))
    variance = np.diag(covariance)
    spread = variance.sum() - 2.0 * covariance[0, 1]
    decided = float(ndtr(sign * (mean[0] - mean[1]) / math.sqrt(max(spread, 1e-12))))
    alike = covariance[0, 1] > _ALIKE * math.sqrt(max(variance.prod(), 1e-24))
    which = int(np.argmax(variance))
    noise = float(process.noise.mean()) / process.repeats[order[which]]
    if decided >= _DECIDED or alike or noise < _LEAST_NOISE or variance[which] < 0.5 * noise:
        return None
    return int(order[which])


def quasi_normal(draws: int, size: int, rng: np.random.Generator) -> Array:
    """Return (draws, size) scrambled Sobol points as standard normal numbers; no global state is touched."""
    seed = int(rng.integers(2**31))
    engine = torch.quasirandom.SobolEngine(size, scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # torch
    uniform = engine.draw(draws, dtype=torch.float64).clamp(1e-7, 1.0 - 1e-7)
    found: Array = (math.sqrt(2.0) * torch.erfinv(2.0 * uniform - 1.0)).numpy()
    return found
