"""Where in the space is the score largest? Every answer lies on the grid, is feasible, and is new.

Finite spaces of up to `ENUMERATED` points, and candidate tables of any length, are scored exhaustively, in chunks;
the later picks of a batch look at the `_SHORTLIST` that was best for the first, and a share from everywhere.
Otherwise, for each pick:

1. a pool: feasible grid points from all over the space (drawn once a plan) and neighbours of the best known;
2. the best few of the pool that lie apart, polished together by batched L-BFGS-B (BoTorch's) along the
   smooth columns with exact gradients, where the space is a box, and by shrinking random moves where it is
   not;
3. each end put on the grid, then improved by a local search: every value of every other small column, and
   random feasible neighbours, until nothing improves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labloop.planner.acquisition import Acquisition, Direct, Score
from labloop.planner.data import keys_of
from labloop.planner.descent import descend
from labloop.planner.features import Features
from labloop.planner.kernel import Array
from labloop.planner.surrogate import Followed
from labloop.space import Space
from labloop.space.codes import Codes

__all__ = ["ENUMERATED", "Search", "exhausted"]

ENUMERATED = 100_000
_CHUNK = 1024
_SHORTLIST = 6000
_FOLLOWED = 8192
_POOL = 1024
_AROUND = 16
_STARTS = 5
_SWEPT = 40
_SWEPT_OPTIONS = 2000
_NEAR = (0.3, 0.1, 0.03)
_SCALES = (0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.02, 0.02, 0.01, 0.005)
_TRIES = 24
_LOOKED_AT = 128
# Ten steps from three rows cost what six from five do, and bring a batch of 96 closer (docs/figures.md).
_TOUCHED, _TOUCHES = 3, 10
Fixed = Mapping[int, float]


@dataclass
class Ranking:
    """What an acquisition says of fixed rows, brought up to date from pick to pick.

    Attributes
    ----------
    bounds : (p,) what each row was worth when it was last looked at; another pick takes away from what a row is
        expected to gain, and adds nothing, so that it bounds what the row is worth.
    """

    acquisition: Acquisition
    followed: dict[str, Followed]
    bounds: Array

    @classmethod
    def of(cls, acquisition: Acquisition, features: Array) -> Ranking:
        """Follow the rows of (p, F) features."""
        return cls(acquisition, acquisition.follow(features), np.full(len(features), np.inf))

    def values(self, rows: npt.NDArray[np.intp]) -> Array:
        """Return what some of the rows are worth now."""
        self.bounds[rows] = self.acquisition.at(self.followed, rows)
        return np.asarray(self.bounds[rows])

    def best(self, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], Array]:
        """Return those of the rows that may be the best and what they are worth, the best among them.

        They are looked at in the order of their bounds, until one is above the next bound (lazy greedy; Minoux 1978).
        That holds while the goal stays the same from pick to pick.
        """
        order = rows[np.argsort(-self.bounds[rows], kind="stable")]
        looked, size = 0, _LOOKED_AT
        while True:
            self.values(order[looked:size])
            looked, size = min(size, len(order)), 2 * size
            found = self.bounds[order[:looked]]
            if looked == len(order) or found.max() >= self.bounds[order[looked]]:
                return order[:looked], found


@dataclass
class Pool:
    """Distinct rows (p, d) to choose from, their codes (p,), and which of them are still to be had."""

    rows: Array
    codes: Codes
    open: npt.NDArray[np.bool_]
    ranking: Ranking | None = None

    @classmethod
    def of(cls, rows: Array, banned: Codes) -> Pool:
        """Return the distinct rows that are not banned, in order."""
        codes = keys_of(rows)
        _, first = np.unique(codes, return_index=True)
        first = first[~np.isin(codes[first], banned)]
        if len(first) < len(rows):
            kept = np.sort(first)
            rows, codes = rows[kept], codes[kept]
        return cls(rows, codes, np.ones(len(rows), dtype=np.bool_))

    def fresh(self) -> Array:
        """Return the rows that are left."""
        return self.rows if self.open.all() else self.rows[self.open]

    def close(self, code: Codes) -> None:
        """Take the row of this code (1,) out, if it is here."""
        self.open &= self.codes != code


class Search:
    """One plan's view of the space: its pool, its grid, and what must not be proposed again.

    Parameters
    ----------
    known : (n, d) rows that are not to be proposed again.
    box : whether everything within the bounds is feasible.
    picks : how many rows are going to be asked for; one alone need not be followed by others.
    """

    def __init__(
        self, space: Space, features: Features, known: Array, *, box: bool, picks: int, rng: np.random.Generator
    ) -> None:
        self.space, self.features, self.rng, self.box, self.picks = space, features, rng, box, picks
        self.banned = keys_of(known)
        self.taken: list[Array] = []
        self.fixed: dict[int, float] = {}
        self.finite = space.enumerate(ENUMERATED)
        self._pool: Pool | None = None
        self._near = np.zeros((0, space.dim))
        self._nearest: dict[tuple[bytes, bool], Array] = {}

    def take(self, row: Array) -> None:
        """Never return this row again; hard-to-change columns keep its values from now on."""
        key = keys_of(row[None])
        self.banned = np.concatenate([self.banned, key])
        self.taken.append(row)
        if self._pool is not None:
            self._pool.close(key)
        if not self.fixed and len(self.space.hard):
            self.fixed = {int(j): float(row[j]) for j in self.space.hard}
            self._pool = None

    def pool(self) -> Array:
        """Return feasible grid points from all over the space, (p, d), those already taken left out."""
        return self._pooled().fresh()

    def enlarge(self, near: Array) -> None:
        """Make the pool fit for a large batch: more of the space, and the surroundings of rows (k, d)."""
        self._near = near
        self._pool = None

    def _pooled(self) -> Pool:
        if self._pool is None:
            self._pool = Pool.of(np.asarray(self._everywhere(), dtype=np.float64), self.banned)
        return self._pool

    def _everywhere(self) -> Array:
        if self.finite is None:
            near = self._held(self._near)
            if not len(near):
                return self.space.sample(_POOL, self.rng, fixed=self.fixed)
            around = self._moved(near, *_NEAR, times=_AROUND)
            return np.vstack([self.space.sample(2 * _POOL, self.rng, fixed=self.fixed), around])
        rows = self.finite
        for j, value in self.fixed.items():
            rows = rows[np.abs(rows[:, j] - value) < 1e-9]
        return rows

    def anywhere(self, count: int) -> Array:
        """Return feasible grid points from all over the space, whatever is fixed or taken."""
        if self.finite is not None:
            chosen = self.rng.permutation(len(self.finite))[:count]
            return np.asarray(self.finite[np.sort(chosen)], dtype=np.float64)
        return np.asarray(self.space.sample(count, self.rng), dtype=np.float64)

    def near(self, rows: Array) -> Array:
        """Return the feasible grid points nearest to rows (b, d)."""
        found = np.asarray(self.space.snap(rows), dtype=np.float64)
        held = np.all([np.abs(found[:, j] - value) < 1e-9 for j, value in self.fixed.items()], axis=0)
        kept: Array = found[np.asarray(self.space.feasible(found)) & held]
        return kept

    def fresh(self, rows: Array) -> Array:
        """Return the distinct rows that are not taken, in order."""
        return Pool.of(rows, self.banned).rows

    def values(self, score: Score, rows: Array) -> Array:
        """Return the score of many rows, in chunks."""
        return self.each(lambda features: score(features)[0], rows)

    def each(self, value: Callable[[Array], Array], rows: Array) -> Array:
        """Return a value of the features of many rows (b, d), (b,), in chunks."""
        parts = [value(self.features(rows[i : i + _CHUNK])) for i in range(0, len(rows), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def best(
        self, score: Score, near: Array, *, polish: bool = True, most: int | None = None
    ) -> tuple[Array, float] | None:
        """Return the row (d,) with the largest score found and its score; None when nothing is left.

        ``near`` (k, d): rows around which to look as well, the best known first. Without ``polish`` the pool is
        looked at lazily and its best are only touched, which is what the later picks of a large batch can afford.
        ``most``: score only so many rows of a finite space, drawn at random, because each is dear.
        """
        pool = self._pooled()
        ranking, left = pool.ranking, np.flatnonzero(pool.open)
        if not polish and len(left) and ranking and ranking.acquisition is score and isinstance(score.goal, Direct):
            some, values = ranking.best(left)
            return self._touched(score, pool.rows[some], values)
        rows = pool.fresh()
        if self.finite is not None and not len(rows):
            return None
        if self.finite is not None and most is not None and len(rows) > most:
            rows = rows[np.sort(self.rng.choice(len(rows), most, replace=False))]
            values = self.values(score, rows)
        else:
            values = self._of_pool(score, pool)
            if self.finite is not None and len(rows) > _SHORTLIST:
                self._pool = self._shortened(rows, values)
        if self.finite is not None or (len(rows) and not polish):
            return self._touched(score, rows, values)
        near = self._held(near)
        if len(near):
            around = self.fresh(self._moved(near, *_NEAR))
            rows, values = np.vstack([rows, around]), np.append(values, self.values(score, around))
        if not len(rows):
            return None
        starts = self._apart(rows, values, _STARTS)
        ends = self.fresh(np.vstack([self._polished(score, rows[starts]), rows[starts]]))
        found = self.values(score, ends)
        top = int(np.argmax(found))
        return self._climbed(score, ends[top], float(found[top]))

    def _of_pool(self, score: Score, pool: Pool) -> Array:
        """Return the score of what is left in the pool; an acquisition is followed from pick to pick."""
        if not isinstance(score, Acquisition) or len(pool.rows) > _FOLLOWED or self.picks == 1:
            return self.values(score, pool.fresh())
        if pool.ranking is None or pool.ranking.acquisition is not score:
            pool.ranking = Ranking.of(score, self.features(pool.rows))
        return pool.ranking.values(np.flatnonzero(pool.open))

    def _touched(self, score: Score, rows: Array, values: Array) -> tuple[Array, float]:
        """Return the best of the rows, or what a few steps uphill from some of them find, where there is a slope."""
        top, free = int(np.argmax(values)), self._free()
        best = rows[top], float(values[top])
        if self.finite is not None or not self.box or not free:
            return best
        starts = rows[self._apart(rows, values, _TOUCHED)]
        ends = self.fresh(np.asarray(self.space.snap(climb(score, self.features, starts, free, most=_TOUCHES))))
        if not len(ends):
            return best
        found = self.values(score, ends)
        top = int(np.argmax(found))
        return (ends[top], float(found[top])) if found[top] > best[1] else best

    def _shortened(self, rows: Array, values: Array) -> Pool:
        # Later picks of a batch only need the rows that were good for the first, and some from everywhere.
        order = np.argsort(-values, kind="stable")
        rest = self.rng.permutation(order[_SHORTLIST * 2 // 3 :])[: _SHORTLIST // 3]
        return Pool.of(rows[np.sort(np.concatenate([order[: _SHORTLIST * 2 // 3], rest]))], self.banned)

    def _held(self, rows: Array) -> Array:
        """Return the rows with the fixed columns at their values, repaired where they break a rule."""
        return np.stack([self._repaired(row) for row in rows]) if len(rows) else rows

    def _repaired(self, row: Array) -> Array:
        # Looked for once: where rules are tight, each search for the nearest feasible point takes its time.
        key = (row.tobytes(), bool(self.fixed))
        if key not in self._nearest:
            self._nearest[key] = np.asarray(self.space.nearest(row, fixed=self.fixed))
        return self._nearest[key]

    def _moved(self, rows: Array, *scales: float, times: int = 8) -> Array:
        """Return, scale by scale, ``times`` random feasible neighbours of each row, one row's after the other's."""
        each = np.tile(np.repeat(rows, times, axis=0), (len(scales), 1))
        wide = np.repeat(scales, len(rows) * times)
        return np.asarray(self.space.move(each, self.rng, wide, held=tuple(self.fixed)), dtype=np.float64)

    def _apart(self, rows: Array, values: Array, most: int) -> list[int]:
        """Return the best row and the best ones at some distance from those before, so many at most."""
        chosen: list[int] = []
        reach = 0.1 * self.space.dim**0.5
        for i in np.argsort(-values, kind="stable")[:400]:
            gaps = np.linalg.norm(rows[chosen] - rows[i], axis=1)
            if not chosen or gaps.min() > reach:
                chosen.append(int(i))
            if len(chosen) == most:
                break
        return chosen

    def _polished(self, score: Score, rows: Array) -> Array:
        free = self._free()
        if not free:
            return rows
        if not self.box:
            return self._wandered(score, rows)
        ends = climb(score, self.features, rows, free)
        return np.asarray(self.space.snap(ends), dtype=np.float64)

    def _free(self) -> list[int]:
        """Return which smooth columns are not held, as indices into `Features.smooth`."""
        return [k for k, j in enumerate(self.features.smooth) if int(j) not in self.fixed]

    def _wandered(self, score: Score, rows: Array) -> Array:
        """Improve each row by the best of its random feasible neighbours, at shrinking scales."""
        here, values = rows.copy(), self.values(score, rows)
        for scale in _SCALES:
            near = self._moved(here, scale, times=_TRIES)
            found = self.values(score, near)
            found[np.isin(keys_of(near), self.banned)] = -np.inf
            by_start = found.reshape(len(here), _TRIES)
            top = by_start.argmax(axis=1)
            gained = by_start.max(axis=1) > values
            chosen = near.reshape(len(here), _TRIES, -1)[np.arange(len(here)), top]
            here[gained], values[gained] = chosen[gained], by_start.max(axis=1)[gained]
        return here

    def _climbed(self, score: Score, row: Array, value: float) -> tuple[Array, float]:
        for _ in range(8):
            rows = self.fresh(np.vstack([self._swept(row), self._moved(row[None], 0.03, 0.003)]))
            if not len(rows):
                break
            found = self.values(score, rows)
            top = int(np.argmax(found))
            if found[top] <= value + 1e-9:
                break
            row, value = rows[top], float(found[top])
            if self.box and len(self.features.smooth):
                ends = self.fresh(self._polished(score, row[None]))
                if len(ends) and (again := self.values(score, ends)).max() > value:
                    row, value = ends[0], float(again[0])
        return row, value

    def _swept(self, row: Array) -> Array:
        """Return the row with each small column at each of its values, feasible ones only."""
        rows = [row[None]]
        for j, column in enumerate(self.space.columns):
            if j in self.fixed or (column.kind != "choice" and column.count > _SWEPT):
                continue
            # Numbers have neighbours to move to, options have not: of a library, as many as can be scored at once.
            values = (
                np.asarray(column.levels) if column.count <= _SWEPT else (np.arange(column.count) + 0.5) / column.count
            )
            if len(values) > _SWEPT_OPTIONS:
                values = values[self.rng.choice(len(values), _SWEPT_OPTIONS, replace=False)]
            turned = np.repeat(row[None], len(values), axis=0)
            turned[:, j] = values
            rows.append(turned)
        found = np.vstack(rows)
        return found[np.asarray(self.space.feasible(found))]


def exhausted(space: Space, known: Array) -> bool:
    """Whether a finite space has no row left that is not among the known ones (n, d)."""
    rows = space.enumerate(ENUMERATED)
    # Most spaces have more rows than were ever tried, and need no closer look.
    return rows is not None and len(rows) <= len(known) and bool(np.isin(keys_of(rows), keys_of(known)).all())


def climb(score: Score, features: Features, rows: Array, free: list[int], *, most: int = 100) -> Array:
    """Return the rows after batched L-BFGS-B on the smooth columns ``free`` (indices into `Features.smooth`)."""
    columns, moved = features.smooth[free], features.moved[free]

    def objective(batch: Array, batch_indices: list[int]) -> tuple[Array, Array]:
        full = rows[batch_indices]
        full[:, columns] = batch
        values, slopes = score(features(full), gradient=True)
        return -values, -slopes[:, moved]

    bounds = np.tile([[0.0], [1.0]], len(columns))
    found, _ = descend(objective, rows[:, columns], bounds, most=most, change=1e-4, slope=1e-3)
    ends = rows.copy()
    ends[:, columns] = np.clip(found, 0.0, 1.0)
    return ends
