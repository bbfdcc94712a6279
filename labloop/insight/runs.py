"""The measurements of one outcome as arrays, and the factors behind them.

Notation: n measurements, d varied parameters, c covariates.

    rows (n, d + c)   the cube position of every executed condition, then the covariates in their unit
    y (n,)            the outcome
    condition (n,)    equal for measurements under the same conditions (to 1e-6 of the cube): replicates

A *factor* is a column of ``rows`` with the range in which it was really varied. What comes with a measurement but
is no parameter (the batch, a day, a plate, an operator, the order) is a *circumstance*: it may be confounded with
a factor, and no model of the factors alone can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Conditions, Experiment, Observation, Origin
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.parameters import Component

__all__ = ["PLOT", "Array", "Bools", "Circumstance", "Factor", "Indices", "Runs", "outcome_of", "runs_of"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["number", "choice", "component", "covariate"]

_SAME = 1e-6
PLOT = "whole plot"
_ORDERS = ("order", "run_order", "run order", "sequence")


@dataclass(frozen=True)
class Factor:
    """One column of the rows.

    Attributes
    ----------
    name, unit, kind : of the parameter.
    column : where it stands in the rows.
    low, high : the range in which it was varied, in units of the rows (a choice: 0 and 1; a component: the shares
        that 10 and 90 % of the measurements stay below).
    values : how many different values it had.
    options : the names of a choice, and ``seen``, the positions of those that were run.
    mixture : the mixture of a component; ``least`` and ``most`` are its extreme shares.
    """

    name: str
    unit: str | None
    kind: Kind
    column: int
    low: float
    high: float
    values: int
    options: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    mixture: str = ""
    least: float = 0.0
    most: float = 1.0

    @property
    def varies(self) -> bool:
        """Whether it had more than one value."""
        return self.values > 1

    def option(self, rows: Array) -> Indices:
        """Return the option of each row, for a choice."""
        k = len(self.options)
        return np.clip(np.floor(rows[:, self.column] * k), 0, k - 1).astype(np.int64)

    def at_option(self, option: int) -> float:
        """Return where an option lies in the rows."""
        return (option + 0.5) / len(self.options)


@dataclass(frozen=True)
class Circumstance:
    """What came along with each measurement: labels (``of`` holds their codes), or a number (``numeric``)."""

    name: str
    of: Array
    labels: tuple[str, ...] = ()
    declared: bool = True

    @property
    def numeric(self) -> bool:
        """Whether it is a number (the order), not a label."""
        return not self.labels

    def columns(self) -> Array:
        """Return it as centred columns: one for a number, one a label otherwise."""
        if self.numeric:
            span = float(np.ptp(self.of)) or 1.0
            return np.asarray((self.of - self.of.mean())[:, None] / span)
        found = (self.of[:, None] == np.arange(len(self.labels))[None]).astype(np.float64)
        return np.asarray(found - found.mean(axis=0))


@dataclass(frozen=True)
class Runs:
    """All measurements of one outcome; ``hard`` names what is hard to change, ``plot`` (n,) codes the whole plots."""

    spec: Spec
    space: Space
    outcome: str
    rows: Array
    y: Array
    number: Indices
    condition: Indices
    factors: tuple[Factor, ...]
    circumstances: tuple[Circumstance, ...]
    origins: tuple[Origin, ...]
    executed: tuple[Conditions, ...]
    hard: tuple[str, ...] = ()
    plot: Indices | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def conditions(self) -> int:
        """How many different conditions were run."""
        return len(np.unique(self.condition))

    @property
    def plotted(self) -> bool:
        """Whether something that is hard to change varied, and was set for several runs at once."""
        return self.plot is not None

    @property
    def cube(self) -> Array:
        """The cube part of the rows."""
        return self.rows[:, : self.space.dim]

    @property
    def varied(self) -> tuple[Factor, ...]:
        """The factors that had more than one value."""
        return tuple(each for each in self.factors if each.varies)

    def factor(self, name: str) -> Factor:
        """Return a factor by its name."""
        return next(each for each in self.factors if each.name == name)


def outcome_of(spec: Spec, name: str | None) -> str:
    """Return the outcome that is meant: the first objective if none is named.

    Raises
    ------
    InvalidInput
        If the campaign has none of that name.
    """
    if name is None:
        return next(iter(spec.objectives))
    if name not in spec.outcomes:
        raise InvalidInput(
            f"the campaign {spec.name} has no outcome {name!r}", hint=did_you_mean(name, spec.outcomes), field="outcome"
        )
    return name


def runs_of(spec: Spec, experiments: Sequence[Experiment], outcome: str) -> Runs:
    """Gather the measurements of one outcome.

    Raises
    ------
    InvalidInput
        If it was not measured yet.
    """
    space = Space(spec)
    pairs = [(each, o) for each in experiments for o in each.observations if outcome in o.outcomes]
    if not pairs:
        raise InvalidInput(
            f"{outcome} was not measured yet in {spec.name}", hint=f"record results first: labloop record {spec.name}"
        )
    cube = np.asarray(space.encode([each.executed for each, _ in pairs]), dtype=np.float64)
    covariates = _covariates(spec, [o for _, o in pairs])
    rows = np.hstack([cube, covariates])
    keys = np.round(cube / _SAME) if cube.shape[1] else np.zeros((len(cube), 1))
    condition = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    plot = _plots(space, pairs, keys)
    circumstances = _circumstances(pairs)
    if plot is not None:
        circumstances.append(_labelled(PLOT, [str(each) for each in plot], declared=False))
    return Runs(
        spec,
        space,
        outcome,
        rows,
        np.array([o.outcomes[outcome] for _, o in pairs], dtype=np.float64),
        np.array([each.number for each, _ in pairs], dtype=np.int64),
        condition.astype(np.int64),
        tuple(_factors(spec, space, rows)),
        tuple(circumstances),
        tuple(each.origin for each, _ in pairs),
        tuple(each.executed for each, _ in pairs),
        tuple(space.columns[j].name for j in space.hard),
        plot,
    )


def _plots(space: Space, pairs: Sequence[tuple[Experiment, Observation]], keys: Array) -> Indices | None:
    """Return the whole plot of each measurement (see `plots`); None where nothing shared one."""
    hard = keys[:, list(space.hard)]
    if not hard.shape[1] or len(np.unique(hard, axis=0)) < 2:
        return None
    found: dict[tuple[object, ...], int] = {}
    codes = []
    for i, (each, o) in enumerate(pairs):
        label = o.extra.get(PLOT, "").strip()
        shared = (PLOT, label) if label else ("batch", each.batch) if each.batch is not None else ("alone", each.number)
        codes.append(found.setdefault((*shared, hard[i].tobytes()), len(found)))
    return np.array(codes, dtype=np.int64) if len(found) < len({each.number for each, _ in pairs}) else None


def _covariates(spec: Spec, observations: Sequence[Observation]) -> Array:
    """Return (n, c) covariates; what was not measured takes the median of what was."""
    found = np.array(
        [[o.covariates.get(name, np.nan) for name in spec.covariates] for o in observations], dtype=np.float64
    ).reshape(len(observations), len(spec.covariates))
    for j in range(found.shape[1]):
        measured = found[np.isfinite(found[:, j]), j]
        found[~np.isfinite(found[:, j]), j] = float(np.median(measured)) if len(measured) else 0.0
    return found


def _factors(spec: Spec, space: Space, rows: Array) -> list[Factor]:
    found = []
    for j, column in enumerate(space.columns):
        parameter = spec.parameters[column.name]
        x = rows[:, j]
        values = len(np.unique(np.round(x, 6)))
        if column.kind == "choice":
            options = spec.choices(column.name)
            seen = np.unique(np.clip(np.floor(x * len(options)), 0, len(options) - 1).astype(int))
            found.append(
                Factor(column.name, parameter.unit, "choice", j, 0.0, 1.0, len(seen), options, tuple(seen.tolist()))
            )
        elif isinstance(parameter, Component):
            # Single extreme blends would stretch the range over shares that hardly any blend has.
            low, high = np.quantile(x, [0.1, 0.9])
            if high - low < _SAME:
                low, high = x.min(), x.max()
            found.append(
                Factor(
                    column.name,
                    parameter.unit,
                    "component",
                    j,
                    float(low),
                    float(high),
                    values,
                    mixture=parameter.mixture,
                    least=float(x.min()),
                    most=float(x.max()),
                )
            )
        else:
            found.append(Factor(column.name, parameter.unit, "number", j, float(x.min()), float(x.max()), values))
    for j, name in enumerate(spec.covariates, start=space.dim):
        x = rows[:, j]
        values = len(np.unique(x))
        unit = spec.parameters[name].unit
        found.append(Factor(name, unit, "covariate", j, float(x.min()), float(x.max()), values))
    return found


def _circumstances(pairs: Sequence[tuple[Experiment, Observation]]) -> list[Circumstance]:
    order = np.array([float(each.number) for each, _ in pairs])
    found: list[Circumstance] = []
    batches = [None if each.batch is None else str(each.batch) for each, _ in pairs]
    if len({each for each in batches if each is not None}) > 1:
        found.append(_labelled("batch", [each or "none" for each in batches], declared=False))
    names = dict.fromkeys(name for _, o in pairs for name in o.extra)
    for name in names:
        texts = [o.extra.get(name, "").strip() for _, o in pairs]
        if name.casefold() == PLOT:
            continue
        if name.casefold() in _ORDERS:
            numbers = _numbers(texts)
            order = order if numbers is None else numbers
        elif 2 <= len(set(texts)) <= max(len(texts) // 2, 2):
            found.append(_labelled(name, [text or "not said" for text in texts], declared=True))
    if len(np.unique(order)) > 2:
        found.append(Circumstance("run order", order, declared=False))
    return found


def _labelled(name: str, texts: Sequence[str], *, declared: bool) -> Circumstance:
    labels = tuple(dict.fromkeys(texts))
    codes = np.array([float(labels.index(text)) for text in texts])
    return Circumstance(name, codes, labels, declared)


def _numbers(texts: Sequence[str]) -> Array | None:
    try:
        found = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None
