"""A mixture's grid: components counted in whole units that sum to the total exactly.

The unit is the largest amount of which the total and every step are whole multiples, so that a sum of amounts
is a sum of integers. Notation: ``x`` (n, m) amounts in units, ``total`` their sum; a component is absent (0) or
between ``low`` and ``high`` in strides of ``stride`` units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from labloop.errors import InvalidSpec, Problem
from labloop.space.axis import Array, Axis, Bools, Indices, Segment
from labloop.spec.models import Spec
from labloop.spec.parameters import Component, decimal_step

__all__ = ["Group", "group_of"]

_LARGEST_TOTAL = 10**9
_FULL = 0.8


@dataclass(frozen=True)
class Group:
    """One mixture in units; arrays are (m,), one entry a component, in the order written.

    Attributes
    ----------
    columns : the components' columns in the cube.
    total, amount : the sum of all components, in units and in the parameters' unit.
    base, optional : grid index k of a component is 0 units at ``k = 0`` where ``optional`` is 1, and
        ``base + (k - optional) * stride`` units otherwise.
    low, high, stride : the least and the most of a component that is present, and its step, in units.
    required : components that are never left out.
    at_least, at_most : how many components are present.
    """

    name: str
    columns: Indices
    total: int
    amount: float
    base: Indices
    optional: Indices
    low: Indices
    high: Indices
    stride: Indices
    required: Bools
    at_least: int
    at_most: int

    def sum_row(self, dim: int) -> Array:
        """Return the row (dim,) of raw values that sums up to `amount`."""
        row = np.zeros(dim)
        row[self.columns] = 1.0
        return row

    def units(self, k: Indices) -> Indices:
        """Return amounts (n, m) from the grid indices of this group's columns."""
        shifted = k - self.optional
        return np.where(shifted < 0, 0, self.base + shifted * self.stride)

    def indices(self, x: Indices) -> Indices:
        """Return grid indices (n, m) from amounts on the grid."""
        inside = (x - self.base) // self.stride + self.optional
        return np.where(x <= 0, 0, inside)

    def holds(self, x: Indices) -> Bools:
        """Whether amounts on the grid sum to the total with an allowed number of components."""
        present = (x > 0).sum(axis=1)
        return np.asarray((x.sum(axis=1) == self.total) & (present >= self.at_least) & (present <= self.at_most))

    def tightened(self, first: Indices, last: Indices) -> Group | None:
        """Return the group with its columns' grid indices between two bounds; None where nothing is left."""
        least, most = self.units(first), self.units(last)
        high = np.minimum(self.high, most)
        required = self.required | (least > 0)
        low = np.where(least > 0, np.maximum(self.low, least), self.low)
        # A component that must be absent can never be part of a support: it would exceed the total.
        absent = (high < low) | (most <= 0)
        if (absent & required).any():
            return None
        low, high = np.where(absent, self.total + 1, low), np.where(absent, 0, high)
        changed = replace(self, high=high, required=required, low=low)
        return changed if (low[required].sum() <= self.total <= high.sum()) else None

    def sample(self, n: int, rng: np.random.Generator) -> Indices:
        """Return amounts (<= n, m), uniform given which components are present; fewer where many draws fail."""
        found: list[Indices] = []
        missing = n
        for _ in range(30):
            support = self._supports(max(2 * missing, 64), rng)
            x = self._fill(support, rng)
            self._exchange(x, support, rng)
            kept = x[self.holds(x)][:missing]
            found.append(kept)
            missing -= len(kept)
            if missing <= 0:
                break
        return np.vstack(found)

    def _supports(self, n: int, rng: np.random.Generator) -> Bools:
        m = len(self.columns)
        fewest, most = self._sizes()
        if fewest > most:
            return np.zeros((0, m), dtype=np.bool_)
        size = np.where(rng.random(n) < _FULL, most, rng.integers(fewest, most + 1, n))
        keys = rng.random((n, m)) - 2.0 * self.required
        rank = keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        support = rank < size[:, None]
        possible = ((support * self.low).sum(axis=1) <= self.total) & ((support * self.high).sum(axis=1) >= self.total)
        return np.asarray(support[possible])

    def _sizes(self) -> tuple[int, int]:
        """Return how few and how many components can be present at all."""
        must = self.required
        least = np.concatenate([self.low[must], np.sort(self.low[~must])]).cumsum()
        most = np.concatenate([self.high[must], -np.sort(-self.high[~must])]).cumsum()
        fewest = int((most < self.total).sum()) + 1
        return max(fewest, self.at_least, int(must.sum())), min(self.at_most, int((least <= self.total).sum()))

    def _fill(self, support: Bools, rng: np.random.Generator) -> Indices:
        """Break the stick: without bounds, the uniform distribution on the simplex."""
        n, m = support.shape
        low, high = support * self.low, support * self.high
        keys = rng.random((n, m)) - self.stride / (self.stride.max() + 1.0) * 2.0
        order = keys.argsort(axis=1)  # coarse steps first: the fine ones take what remains
        rows = np.arange(n)
        left = np.full(n, self.total)
        low_left, high_left = low.sum(axis=1), high.sum(axis=1)
        count = support.sum(axis=1)
        x = np.zeros((n, m), dtype=np.int64)
        for step in range(m):
            j = order[:, step]
            here = support[rows, j]
            low_left = low_left - low[rows, j]
            high_left = high_left - high[rows, j]
            count = count - here
            stride = self.stride[j]
            least = np.maximum(low[rows, j], left - high_left)
            most = np.minimum(high[rows, j], left - low_left)
            share = 1.0 - rng.random(n) ** (1.0 / np.maximum(count, 1))
            share = np.where(count == 0, 0.0, share)
            amount = least + share * np.maximum(most - least, 0)
            base = low[rows, j]
            amount = base + np.rint((amount - base) / stride).astype(np.int64) * stride
            amount = np.where(amount > most, amount - stride, amount)
            amount = np.where(here, np.clip(amount, base, high[rows, j]), 0)
            x[rows, j] = amount
            left = left - amount
        return x

    def _exchange(self, x: Indices, support: Bools, rng: np.random.Generator) -> None:
        """Move amounts between random pairs: what the bounds distorted becomes uniform again."""
        bounded = bool((self.low > self.stride).any() or (self.high < self.total - self.low.sum()).any())
        rounds = 3 * len(self.columns) if bounded else 2
        rows = np.arange(len(x))
        for _ in range(rounds):
            i, j = self._pairs(support, rng)
            step = np.lcm(self.stride[i], self.stride[j])
            a, b = x[rows, i], x[rows, j]
            least = np.maximum(self.low[i] - a, b - self.high[j])
            most = np.minimum(self.high[i] - a, b - self.low[j])
            first, last = -((-least) // step), most // step
            t = first + np.floor(rng.random(len(x)) * (last - first + 1)).astype(np.int64)
            t = np.where((i != j) & (last >= first), t * step, 0)
            x[rows, i] += t
            x[rows, j] -= t

    def _pairs(self, support: Bools, rng: np.random.Generator) -> tuple[Indices, Indices]:
        keys = rng.random(support.shape) - 2.0 * support
        order = np.argpartition(keys, 1, axis=1)[:, :2]
        both = np.take_along_axis(support, order, axis=1).all(axis=1)
        return order[:, 0], np.where(both, order[:, 1], order[:, 0])

    def project(self, y: Array) -> Indices:
        """Return allowed amounts (n, m) close to wanted ones ``y`` (n, m) in units."""
        support = self._support_near(y)
        x = self._settle(y, support)
        bad = np.flatnonzero(~self.holds(x))
        if len(bad):
            pool = self.sample(512, np.random.default_rng(0))
            if not len(pool):
                raise InvalidSpec("mixtures", [Problem("no combination of steps sums to the total", self.name)])
            gaps = np.abs(y[bad][:, None, :] - pool[None]).sum(axis=2)
            x[bad] = pool[gaps.argmin(axis=1)]
        return x

    def _support_near(self, y: Array) -> Bools:
        m = y.shape[1]
        fewest, most = max(self.at_least, 1), min(self.at_most, m)
        wanted = self.required | (y >= np.maximum(self.low, self.stride) / 2.0)
        rank = (-(y + 1e9 * self.required)).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        size = np.clip(wanted.sum(axis=1), fewest, most)
        for _ in range(m):
            support = rank < size[:, None]
            lacking = (support * self.high).sum(axis=1) < self.total
            heavy = (support * self.low).sum(axis=1) > self.total
            change = np.where(lacking & (size < most), 1, np.where(heavy & (size > fewest), -1, 0))
            if not change.any():
                break
            size = size + change
        return np.asarray(rank < size[:, None])

    def _settle(self, y: Array, support: Bools) -> Indices:
        """Project onto ``sum == total`` within the bounds of the support, then onto the grid."""
        low, high = support * self.low, support * self.high
        finest = support & (self.stride == np.where(support, self.stride, np.iinfo(np.int64).max).min(axis=1)[:, None])
        shifted = _shift(y, low.astype(np.float64), high.astype(np.float64), np.full(len(y), float(self.total)))
        x = low + np.rint((shifted - low) / self.stride).astype(np.int64) * self.stride
        x = np.where(x > high, x - self.stride, x)
        # Coarse steps are rounded; the components with the finest step share what remains.
        x = np.where(finest, 0, np.where(support, x, 0))
        rest = self.total - x.sum(axis=1)
        floor, ceiling = np.where(finest, low, 0), np.where(finest, high, 0)
        exact = _shift(shifted, floor.astype(np.float64), ceiling.astype(np.float64), rest.astype(np.float64))
        share = floor + np.floor((exact - floor) / self.stride + 1e-9).astype(np.int64) * self.stride
        share = np.where(finest, share, 0)
        rest = rest - share.sum(axis=1)
        order = np.where(finest & (share + self.stride <= ceiling), share - exact, np.inf).argsort(
            axis=1, kind="stable"
        )
        rank = order.argsort(axis=1, kind="stable")
        step = np.where(finest, self.stride, 0).max(axis=1)
        more = (rank < (rest // np.maximum(step, 1))[:, None]) & finest & (share + self.stride <= ceiling)
        return np.asarray(x + share + more * self.stride)


def _shift(y: Array, low: Array, high: Array, total: Array) -> Array:
    """Return ``clip(y + t, low, high)`` with ``t`` such that the rows sum to ``total`` (bisection)."""
    reach = float(np.abs(y).max(initial=0.0) + np.abs(high).max(initial=0.0) + np.abs(total).max(initial=0.0)) + 1.0
    below, above = np.full(len(y), -reach), np.full(len(y), reach)
    for _ in range(60):
        middle = (below + above) / 2
        short = np.clip(y + middle[:, None], low, high).sum(axis=1) < total
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return np.asarray(np.clip(y + above[:, None], low, high))


def group_of(spec: Spec, name: str, columns: Indices) -> tuple[Group, list[Axis]]:
    """Return a mixture and its components' axes.

    Raises
    ------
    InvalidSpec
        If the steps do not fit the total.
    """
    mixture = spec.mixtures[name]
    names = spec.components(name)
    parts = [part for each in names if isinstance(part := spec.parameters[each], Component)]
    steps = [_step(spec, name, part) for part in parts]
    known = [each for each in steps if each is not None]
    total = math.lcm(*(each.denominator for each in known))
    unit = mixture.total / total
    stride = [int(each * total) for each in known]
    if len(known) < len(steps) or total > _LARGEST_TOTAL or total % math.gcd(*stride):
        shown = ", ".join(f"{each}: {part.step:g}" for each, part in zip(names, parts, strict=True) if part.step)
        problem = Problem(
            f"multiples of the steps ({shown}) never sum to {mixture.total:g}",
            f"mixtures.{name}",
            "give the steps a common measure that divides the total, or leave a step out",
        )
        raise InvalidSpec(spec.name, [problem])
    low = [max(math.ceil(p.min / unit / s - 1e-9), 1) * s for p, s in zip(parts, stride, strict=True)]
    most = [
        math.floor((mixture.total if p.max is None else p.max) / unit / s + 1e-9) * s
        for p, s in zip(parts, stride, strict=True)
    ]
    required = np.array([p.required for p in parts])
    base, high = np.array(low, dtype=np.int64), np.array(most, dtype=np.int64)
    group = Group(
        name=name,
        columns=columns,
        total=total,
        amount=mixture.total,
        base=base,
        optional=(~required).astype(np.int64),
        low=np.where(high < base, total + 1, base),
        high=np.where(high < base, 0, high),
        stride=np.array(stride, dtype=np.int64),
        required=required,
        at_least=mixture.at_least,
        at_most=mixture.at_most or len(parts),
    )
    axes = [
        Axis(each, "component", _grid(group, i, mixture.total), low=0.0, high=mixture.total)
        for i, each in enumerate(names)
    ]
    return group, axes


def _step(spec: Spec, name: str, part: Component) -> Fraction | None:
    """Return a component's step as a share of the total; None where it is no simple one."""
    total = spec.mixtures[name].total
    if part.step is not None:
        share = Fraction(part.step / total).limit_denominator(_LARGEST_TOTAL)
        return share if share and abs(float(share) * total / part.step - 1) < 1e-12 else None
    step = decimal_step(total)
    ends = [each for each in (part.min, part.max) if each]
    # Up to three digits finer where the total, the least or the most amount asks for them.
    for wanted in ([total, *ends], [total]):
        for finer in range(4):
            if all(_whole(each / step * 10**finer) for each in wanted):
                return Fraction(1, round(total / step * 10**finer))
    return Fraction(1, 1000)  # a total like 1/3 is no multiple of any power of ten


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-9 * max(value, 1.0)


def _grid(group: Group, i: int, total: float) -> list[Segment]:
    zero = [] if group.required[i] else [Segment(0.0, 1.0, 1)]
    low, high, stride = int(group.base[i]), int(group.high[i]), int(group.stride[i])
    count = (high - low) // stride + 1
    if count < 1:
        return [Segment(0.0, 1.0, 1)]
    unit = total / group.total
    for places in range(19):
        scaled = unit * 10.0**places
        if scaled * group.total < 2.0**53 and abs(scaled - round(scaled)) < 1e-13 * scaled:
            whole = float(round(scaled))
            return [*zero, Segment(low * whole, stride * whole, count, over=10.0**places)]
    return [*zero, Segment(float(low), float(stride), count, times=unit)]
