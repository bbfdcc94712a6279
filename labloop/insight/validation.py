"""Whether the surrogate may be believed: cross-validation that cannot leak, and harder questions.

What belongs together stays together: replicates of a condition, and whatever shares a block, plate, day or operator
on record (connected groups, where there are enough of them). The scale, the hyperparameters and their samples are
refitted in every fold. Against two baselines: the mean of what was learnt from, and the same model on outcomes
shuffled between groups.

    R2  = 1 - sum (y - mean(x))^2 / sum (y - mean of the fold's training values)^2
    calibration: the share of measurements below the p-quantile of their prediction, and in the central intervals
    forward:     learn from the first k groups in order, predict what came next
    edge:        leave out the best tenth of the conditions, learn from the rest; are they ranked on top? The rest is
                 predicted by folds of its own, none of which has seen the best tenth. The area under the ROC curve
                 is the chance that one of the best is ranked above one of the rest (0.5: no better than lots).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from labloop.errors import InvalidInput, PlannerError
from labloop.insight.posterior import Forecast, fit
from labloop.insight.runs import Array, Indices, Runs
from labloop.spec.models import Objective

__all__ = ["Check", "Edge", "Prediction", "Score", "check_model", "folds", "groups_of"]

FOLDS = 10
LEAST = 8
_LEVELS = (0.5, 0.8, 0.9)
_BLOCKS = 5
_RESAMPLES = 400

Use = Literal["prediction", "ranking", "the middle only", "nothing yet"]


@dataclass(frozen=True)
class Prediction:
    """One measurement predicted by a model that had not seen its group."""

    number: int
    measured: float
    mean: float
    low: float
    high: float
    below: float
    """The probability that was given to a smaller value."""


@dataclass(frozen=True)
class Score:
    """How good predictions were; ``r2_low`` and ``r2_high`` are a 90 % interval from resampling groups."""

    n: int
    r2: float
    r2_low: float
    r2_high: float
    rmse: float
    rank: float
    within: tuple[tuple[float, float], ...]
    """(nominal, actual) coverage of central intervals."""

    @property
    def coverage(self) -> float:
        """The share of measurements in their 90 % interval."""
        return self.within[-1][1]


@dataclass(frozen=True)
class Edge:
    """The best tenth, left out: how many, the ROC area, how many of them came back among as many on top."""

    left_out: int
    of: int
    area: float
    area_low: float
    area_high: float
    back: int
    threshold: float
    predictions: tuple[tuple[float, float, bool], ...]
    """(measured, predicted, whether it was one of the best), conditions."""


@dataclass(frozen=True)
class Check:
    """Everything that `labloop check-model` says."""

    outcome: str
    unit: str | None
    measurements: int
    groups: int
    together: tuple[str, ...]
    folds: int
    cross: Score
    predictions: tuple[Prediction, ...]
    baseline: float
    """The RMSE of predict-the-mean."""
    shuffled: Score
    forward: Score | None
    forward_predictions: tuple[Prediction, ...]
    edge: Edge | None
    use: Use
    verdict: str
    notes: tuple[str, ...]


def groups_of(runs: Runs) -> tuple[Indices, tuple[str, ...]]:
    """Return the groups (n,) that must stay together, and what made them; circumstances in too few parts are left out.

    Two measurements are in one group if a chain of shared conditions and shared labels connects them.
    """
    label = _codes(runs.condition)
    together = ["replicates of a condition"]
    for each in runs.circumstances:
        if each.numeric or not each.declared:
            continue
        joined = _joined(label, each.of.astype(np.int64))
        if len(np.unique(joined)) >= FOLDS // 2:
            label, together = joined, [*together, each.name]
    return label, tuple(together)


def _codes(values: Indices) -> Indices:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _joined(a: Indices, b: Indices) -> Indices:
    """Return the connected components of sharing a label in ``a`` or in ``b``."""
    found = _codes(a)
    while True:
        low = np.full(int(b.max()) + 1, len(a))
        np.minimum.at(low, b, found)
        spread = np.minimum(found, low[b])
        low = np.full(len(a), len(a))
        np.minimum.at(low, _codes(a), spread)
        spread = low[_codes(a)]
        if np.array_equal(spread, found):
            return _codes(found)
        found = spread


def folds(groups: Indices, count: int, rng: np.random.Generator) -> Iterator[tuple[Indices, Indices]]:
    """Yield (learnt from, predicted) positions; whole groups, folds of about equal numbers of them."""
    names = rng.permutation(np.unique(groups))
    for part in np.array_split(names, min(count, len(names))):
        held = np.isin(groups, part)
        yield np.flatnonzero(~held), np.flatnonzero(held)


def check_model(runs: Runs, *, seed: int = 0) -> Check:
    """Ask every question there is about the surrogate of one outcome.

    Raises
    ------
    InvalidInput
        If there are fewer than `LEAST` different conditions.
    """
    groups, together = groups_of(runs)
    count = len(np.unique(groups))
    if runs.conditions < LEAST:
        raise InvalidInput(
            f"{runs.outcome} was measured under {runs.conditions} different conditions, too few to check a model",
            hint=f"at least {LEAST} are needed; labloop estimability says which to run",
        )
    predictions, means = cross_validated(runs, groups, runs.y, seed)
    cross = _score(runs, groups, predictions, means)
    shuffled_y = _shuffled(runs, np.random.default_rng(seed + 1))
    shuffled = _score(runs, groups, *cross_validated(runs, groups, shuffled_y, seed, count=_BLOCKS), y=shuffled_y)
    forward, ahead = _forward(runs, seed)
    edge = _edge(runs, groups, seed)
    use, verdict = _verdict(runs, cross, shuffled, edge)
    notes = [
        f"{each.name} is on record, but in too few parts to leave one out at a time."
        for each in runs.circumstances
        if each.declared and not each.numeric and each.name not in together
    ]
    return Check(
        runs.outcome,
        runs.spec.outcomes[runs.outcome].unit,
        len(runs),
        count,
        together,
        min(FOLDS, count),
        cross,
        tuple(_listed(runs, predictions)),
        float(np.sqrt(np.mean((runs.y - means) ** 2))),
        shuffled,
        forward,
        ahead,
        edge,
        use,
        verdict,
        tuple(notes),
    )


def cross_validated(runs: Runs, groups: Indices, y: Array, seed: int, *, count: int = FOLDS) -> tuple[Forecast, Array]:
    """Return the prediction of every measurement by a model without its group, and the training means (n,)."""
    rng = np.random.default_rng(seed)
    pieces: list[tuple[Indices, Forecast]] = []
    means = np.empty(len(runs))
    for learnt, held in folds(groups, count, rng):
        means[held] = y[learnt].mean()
        pieces.append((held, _predicted(runs, learnt, held, y, rng)))
    return _assembled(pieces, len(runs)), means


def _predicted(runs: Runs, learnt: Indices, held: Indices, y: Array, rng: np.random.Generator) -> Forecast:
    try:
        return fit(runs, rng, chosen=learnt, y=y).measurement(runs.rows[held])
    except PlannerError:  # what was learnt from never varied: the mean is all there is to say
        spread = float(y[learnt].std()) or 1e-9 * max(abs(float(y[learnt].mean())), 1.0)
        return Forecast(np.full((1, len(held)), y[learnt].mean()), np.full((1, len(held)), spread))


def _assembled(pieces: Sequence[tuple[Indices, Forecast]], n: int) -> Forecast:
    """Put the folds' predictions in order; folds with fewer hyperparameters repeat theirs."""
    sets = int(np.lcm.reduce([len(each.means) for _, each in pieces]))
    means, sds = np.empty((sets, n)), np.empty((sets, n))
    for held, each in pieces:
        turn = np.arange(sets) % len(each.means)
        means[:, held], sds[:, held] = each.means[turn], each.sds[turn]
    return Forecast(means, sds)


def _score(runs: Runs, groups: Indices, forecast: Forecast, means: Array, *, y: Array | None = None) -> Score:
    measured = runs.y if y is None else y
    return score(measured, forecast, means, groups)


def score(y: Array, forecast: Forecast, means: Array, groups: Indices) -> Score:
    """Score predictions against measurements (n,) and the training means (n,)."""
    from scipy.stats import spearmanr

    error, base = (y - forecast.mean) ** 2, (y - means) ** 2
    codes = _codes(groups)
    by_group = np.bincount(codes, error), np.bincount(codes, base)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(by_group[0]), size=(_RESAMPLES, len(by_group[0])))
    resampled = 1.0 - by_group[0][drawn].sum(axis=1) / np.maximum(by_group[1][drawn].sum(axis=1), 1e-300)
    below = forecast.below(y)
    within = tuple((level, float(np.mean(np.abs(below - 0.5) <= level / 2))) for level in _LEVELS)
    constant = np.ptp(forecast.mean) < 1e-12 or np.ptp(y) < 1e-300
    # Where the outcome never varied, there is nothing to be better than the mean at.
    plain = float(base.sum()) < 1e-300
    return Score(
        len(y),
        0.0 if plain else float(1.0 - error.sum() / float(base.sum())),
        float(np.quantile(resampled, 0.05)),
        float(np.quantile(resampled, 0.95)),
        float(np.sqrt(error.mean())),
        0.0 if constant else float(spearmanr(y, forecast.mean).statistic),
        within,
    )


def _listed(runs: Runs, forecast: Forecast, places: Indices | None = None) -> Iterator[Prediction]:
    chosen = np.arange(len(runs)) if places is None else places
    low, high = _quantile(forecast, 0.05), _quantile(forecast, 0.95)
    below = forecast.below(runs.y[chosen])
    for k, i in enumerate(chosen):
        yield Prediction(
            int(runs.number[i]),
            float(runs.y[i]),
            float(forecast.mean[k]),
            float(low[k]),
            float(high[k]),
            float(below[k]),
        )


def _quantile(forecast: Forecast, level: float) -> Array:
    from labloop.insight.posterior import quantiles

    return np.asarray(quantiles(forecast.means, forecast.sds**2, (level,))[0])


def _shuffled(runs: Runs, rng: np.random.Generator) -> Array:
    """Deal the outcomes to other conditions; what belonged together still does."""
    names, first = np.unique(runs.condition, return_index=True)
    places = [np.flatnonzero(runs.condition == name) for name in names[np.argsort(first)]]
    donors = [places[i] for i in rng.permutation(len(places))]
    y = np.empty(len(runs))
    for place, donor in zip(places, donors, strict=True):
        y[place] = runs.y[np.resize(donor, len(place))]
    return y


def _forward(runs: Runs, seed: int) -> tuple[Score | None, tuple[Prediction, ...]]:
    """Predict each later part from all before it, by batch where there are batches."""
    order = np.argsort(runs.number, kind="stable")
    conditions = _first_seen(runs.condition[order])
    start = max(LEAST, conditions[-1] // (_BLOCKS + 1)) if len(conditions) else LEAST
    cuts = np.unique(np.linspace(start, conditions[-1] + 1, _BLOCKS + 1).astype(int))
    rng = np.random.default_rng(seed)
    pieces: list[tuple[Indices, Forecast]] = []
    places: list[Indices] = []
    means: list[Array] = []
    for begin, end in pairwise(cuts.tolist()):
        learnt = order[conditions < begin]
        # A condition that was run before is known already: predicting it again proves nothing.
        held = order[(conditions >= begin) & (conditions < end)]
        if not len(held) or len(np.unique(runs.condition[learnt])) < LEAST:
            continue
        begun = sum(len(each) for each in places)
        pieces.append((np.arange(begun, begun + len(held)), _predicted(runs, learnt, held, runs.y, rng)))
        places.append(held)
        means.append(np.full(len(held), runs.y[learnt].mean()))
    if sum(len(each) for each in places) < _BLOCKS:
        return None, ()
    chosen = np.concatenate(places)
    forecast = _assembled(pieces, len(chosen))
    found = score(runs.y[chosen], forecast, np.concatenate(means), runs.condition[chosen])
    return found, tuple(_listed(runs, forecast, chosen))


def _first_seen(condition: Indices) -> Indices:
    """Return for each measurement in order how many other conditions had been run when its own first was."""
    seen: dict[int, int] = {}
    return np.array([seen.setdefault(int(each), len(seen)) for each in condition], dtype=np.int64)


def _edge(runs: Runs, groups: Indices, seed: int) -> Edge | None:
    objective = runs.spec.outcomes[runs.outcome]
    if not isinstance(objective, Objective):
        return None
    names = np.unique(runs.condition)
    if len(names) < 2 * LEAST:
        return None
    worth = np.array([objective.score(float(runs.y[runs.condition == name].mean())) for name in names])
    best = names[np.argsort(-worth, kind="stable")[: max(2, round(len(names) / 10))]]
    # Everything in the group of one of the best would give it away, so it is not learnt from either.
    given_away = np.isin(groups, groups[np.isin(runs.condition, best)])
    is_best = np.isin(runs.condition, best)
    rest = np.flatnonzero(~given_away)
    if len(np.unique(runs.condition[rest])) < LEAST:
        return None
    rng = np.random.default_rng(seed)
    total, times = np.zeros(len(runs)), np.zeros(len(runs))
    for learnt, held in folds(groups[rest], _BLOCKS, rng):
        asked = np.concatenate([rest[held], np.flatnonzero(is_best)])
        total[asked] += _predicted(runs, rest[learnt], asked, runs.y, rng).mean
        times[asked] += 1
    asked_of = [name for name in names if times[runs.condition == name].any()]
    predicted = np.array([float((total / np.maximum(times, 1))[runs.condition == name].mean()) for name in asked_of])
    value = np.array([objective.score(float(each)) for each in predicted])
    mark = np.isin(asked_of, best)
    area, low, high = _area(value[mark], value[~mark])
    top = np.argsort(-value, kind="stable")[: int(mark.sum())]
    measured = [float(runs.y[runs.condition == name].mean()) for name in asked_of]
    threshold = (
        min(measured[i] for i in np.flatnonzero(mark))
        if objective.goal == "maximize"
        else max(measured[i] for i in np.flatnonzero(mark))
    )
    listed = tuple(zip(measured, predicted.tolist(), mark.tolist(), strict=True))
    return Edge(int(mark.sum()), len(asked_of), area, low, high, int(mark[top].sum()), threshold, listed)


def _area(best: Array, rest: Array) -> tuple[float, float, float]:
    """Return the ROC area with a 90 % interval from resampling both sides."""
    wins = (best[:, None] > rest[None]) + 0.5 * (best[:, None] == rest[None])
    rng = np.random.default_rng(0)
    drawn = [
        wins[rng.integers(len(best), size=len(best))][:, rng.integers(len(rest), size=len(rest))].mean()
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.05, 0.95])
    return float(wins.mean()), float(low), float(high)


def _verdict(runs: Runs, cross: Score, shuffled: Score, edge: Edge | None) -> tuple[Use, str]:
    unit = runs.spec.outcomes[runs.outcome].unit
    error = f"{cross.rmse:.3g}{' ' + unit if unit else ''}"
    beats = cross.r2_low > max(shuffled.r2, 0.0)
    at_edge = edge is None or edge.area_low > 0.5
    calm = cross.coverage >= 0.8
    if not beats:
        return "nothing yet", (
            f"Not to be believed yet: it predicts unseen conditions no better than their mean (R2 {cross.r2:.2f}); use "
            f"it to choose where to look, not to say what will come."
        )
    if not at_edge:
        return "the middle only", (
            f"It may be used to predict ordinary conditions (typical error {error}), not to find the best: left out, "
            f"the best tenth was not ranked on top (ROC area {edge.area:.2f})."
            if edge
            else ""
        )
    if cross.r2 < 0.5 or not calm:
        why = f"the typical error is {error}" if calm else "its intervals are too narrow"
        return "ranking", (
            f"It may be used to rank candidates (rank correlation {cross.rank:.2f}), not for numbers: {why}."
        )
    weak = edge is not None and 3 * edge.back < edge.left_out
    tail = ", but it does not single out the very best from the good ones" if weak else ""
    return "prediction", (
        f"It may be used to rank candidates and to predict unseen conditions (typical error {error}){tail}."
    )
