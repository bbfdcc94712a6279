"""The part of a campaign's space that a design works in: which parameters vary, and where the others are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labloop.errors import InvalidInput, did_you_mean
from labloop.records import Value
from labloop.space import Space
from labloop.space.axis import Axis, Indices
from labloop.space.grid import Grid
from labloop.spec.models import Spec

__all__ = ["Region", "region_of"]


@dataclass(frozen=True)
class Region:
    """What varies, and what is held.

    Attributes
    ----------
    factors : columns that vary, in the order of the spec: the first is factor A of a classical design.
    held : grid index by column of what does not vary.
    notes : sentences about what was held where, without being asked.
    """

    spec: Spec
    space: Space
    grid: Grid
    factors: tuple[int, ...]
    held: Mapping[int, int]
    notes: tuple[str, ...] = ()

    def axis(self, j: int) -> Axis:
        """Return the grid of a column."""
        return self.grid.axes[j]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what varies."""
        return tuple(self.grid.names[j] for j in self.factors)

    @property
    def mixed(self) -> tuple[int, ...]:
        """The columns that vary and are shares of a mixture."""
        return tuple(j for j in self.factors if self.grid.shares[j])

    @property
    def numbers(self) -> tuple[int, ...]:
        """The columns that vary over three or more ordered values."""
        return tuple(j for j in self.factors if not self.grid.shares[j] and not self.axis(j).names and self.many(j))

    @property
    def words(self) -> tuple[int, ...]:
        """The columns that vary over three or more options without an order."""
        return tuple(j for j in self.factors if self.axis(j).names and self.many(j))

    @property
    def twos(self) -> tuple[int, ...]:
        """The columns that have two values."""
        return tuple(j for j in self.factors if not self.grid.shares[j] and not self.many(j))

    def many(self, j: int) -> bool:
        """Whether a column has three or more values."""
        return self.axis(j).count > 2

    @property
    def hard(self) -> tuple[int, ...]:
        """The columns that vary and are hard to change."""
        return tuple(j for j in self.factors if self.space.columns[j].hard)

    def based(self) -> Indices:
        """Return grid indices (d,) with what is held in place, 0 elsewhere."""
        k = np.zeros(self.grid.dim, dtype=np.int64)
        for j, value in self.held.items():
            k[j] = value
        return k


def region_of(spec: Spec, *, factors: Sequence[str] = (), hold: Mapping[str, Value] | None = None) -> Region:
    """Return the region in which ``factors`` vary (all but those held, if not given).

    Other parameters are held where ``hold`` says, numbers else at their middle, choices at their first option.

    Raises
    ------
    InvalidInput
        If a name or a value is wrong, or part of a mixture would be held and part not.
    """
    space, grid = Space(spec), Grid(spec)
    hold = dict(hold or {})
    for name in (*factors, *hold):
        if name not in grid.names:
            raise InvalidInput(
                f"{name!r} does not vary in {spec.name}", hint=did_you_mean(name, grid.names), field=name
            )
    if both := [name for name in factors if name in hold]:
        raise InvalidInput(f"{both[0]} is to vary and to be held", hint="leave it out of one of the two", field=both[0])
    wanted = [n for n in grid.names if (n in factors if factors else n not in hold)]
    if not wanted:
        raise InvalidInput("nothing varies", hint="name the factors: --factors temperature,time")
    chosen = tuple(j for j, name in enumerate(grid.names) if name in wanted)
    _refuse_split_mixture(spec, wanted, hold)
    held, notes = {}, []
    for j, name in enumerate(grid.names):
        if j in chosen:
            continue
        axis = grid.axes[j]
        if name in hold:
            held[j] = _index(axis, hold[name])
        else:
            held[j] = 0 if axis.names else int(axis.nearest(np.array([0.5]))[0])
            value = axis.value(np.array([held[j]]))[0]
            notes.append(
                f"{name} does not vary; it is held at {axis.names[int(value)] if axis.names else f'{value:g}'}."
            )
    return Region(spec, space, grid, chosen, held, tuple(notes))


def _refuse_split_mixture(spec: Spec, wanted: Sequence[str], hold: Mapping[str, Value]) -> None:
    for mixture in spec.mixtures:
        parts = spec.components(mixture)
        varied = [name for name in parts if name in wanted]
        loose = [name for name in parts if name not in wanted and name not in hold]
        if loose and varied:
            raise InvalidInput(
                f"part of {mixture} varies ({', '.join(varied)}), and nothing says how much there is of {loose[0]}",
                hint=f"vary all components, or hold it: --hold {loose[0]}=0",
                field=loose[0],
            )
        if loose:
            raise InvalidInput(
                f"{mixture} does not vary, and nothing says how much there is of {loose[0]}",
                hint=f"hold every component: --hold {loose[0]}=...",
                field=loose[0],
            )


def _index(axis: Axis, value: Value) -> int:
    if axis.names:
        if value not in axis.names:
            raise InvalidInput(
                f"{axis.name} has no choice {value!r}", hint=did_you_mean(str(value), axis.names), field=axis.name
            )
        return axis.names.index(str(value))
    if isinstance(value, str):
        raise InvalidInput(f"{axis.name} is {value!r}, expected a number", field=axis.name)
    k = int(axis.index(np.array([float(value)]))[0])
    nearest = float(axis.value(np.array([k]))[0])
    if abs(nearest - value) > 1e-9 * max(abs(axis.high - axis.low), abs(nearest)):
        raise InvalidInput(
            f"{axis.name} cannot be held at {value:g}: it is not on its grid, or outside its bounds",
            hint=f"the nearest value is {nearest:g}",
            field=axis.name,
        )
    return k
