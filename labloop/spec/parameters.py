"""The kinds of parameter, told apart by the fields they carry.

========== ============================== ===============================================
kind       told by                        a value is
========== ============================== ===============================================
Continuous ``bounds``                     a number within the bounds, on the step's grid
Integer    ``bounds`` + ``integer: true`` a whole number within the bounds
Levels     ``levels``                     one of the listed numbers
Choice     ``choices``                    one of the listed names (with or without descriptors)
Component  ``mixture``                    a share of the mixture: 0, or between min and max
Covariate  ``observed: true``             a number that is measured along, never proposed
Constant   ``value``                      always the same
========== ============================== ===============================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Strict,
    Tag,
    model_validator,
)

__all__ = [
    "Choice",
    "Component",
    "Constant",
    "Continuous",
    "Covariate",
    "Frozen",
    "FrozenDict",
    "Integer",
    "Levels",
    "Model",
    "Number",
    "Parameter",
    "Scale",
    "kind_of",
]

# Squares of larger numbers leave float64: no sum of squares, variance or likelihood survives them.
LARGEST = 1e150


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change: mappings inside frozen models are frozen too."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise TypeError("a spec is never edited in place; make a new one with model_copy(update=...)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = _refuse  # type: ignore[assignment]
    __ior__ = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


Frozen = (AfterValidator(FrozenDict), PlainSerializer(dict))


class Model(BaseModel):
    """Base of every spec model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def _small_enough(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError(f"expected a number of at most {LARGEST:g} in size; check the value and its unit")
    return value + 0.0  # -0.0 and 0.0 are one number, and are written as one


Number = Annotated[float, Strict(), AllowInfNan(False), AfterValidator(_small_enough)]
Whole = Annotated[int, Strict()]
Scale = Literal["linear", "log"]
Change = Literal["easy", "hard"]


def _name_of_choice(value: object) -> object:
    # YAML reads `choices: [1, 2]` as numbers and `[true, false]` as truth values; a choice is a name.
    if isinstance(value, bool):
        raise ValueError('expected a name in quotes: YAML reads a bare true/false as a truth value; write "true"')
    if isinstance(value, int | float):
        raise ValueError(f'expected a name; write "{value}" in quotes, or use levels: for ordered numbers')
    return value


ChoiceName = Annotated[str, BeforeValidator(_name_of_choice), Field(min_length=1, max_length=200)]


class _Described(Model):
    label: str | None = None
    """The heading under which tables carry this column, where it differs from the name."""
    unit: str | None = None
    """The unit of every value of this parameter, as it is written in headings."""
    description: str | None = None
    """What it is, for the reader."""


class _Set(_Described):
    change: Change = "easy"
    """`hard`: the same value across a batch (an incubator's temperature)."""


class _Ranged(_Set):
    scale: Scale = "linear"
    """`log` where equal ratios matter rather than equal differences; needs positive values."""


def _check_bounds(bounds: tuple[float, float], scale: str) -> None:
    low, high = bounds
    if low > high:
        raise ValueError(f"bounds are reversed: expected [low, high], got [{low:g}, {high:g}]; swap them")
    if low == high:
        raise ValueError(f"bounds are equal ({low:g}): expected low < high; for a fixed value write value: {low:g}")
    if scale == "log" and low <= 0:
        raise ValueError(f"a log scale needs bounds above 0, got {low:g}; raise the lower bound or use scale: linear")


class Continuous(_Ranged):
    """A number within bounds."""

    bounds: tuple[Number, Number]
    """The lowest and the highest value, both allowed."""
    step: Annotated[Number, Field(gt=0)] | None = None
    """Proposals lie on low + k * step. Without it: on a decimal grid of 3 to 4 digits of the range."""

    @model_validator(mode="after")
    def _consistent(self) -> Continuous:
        _check_bounds(self.bounds, self.scale)
        low, high = self.bounds
        if self.step is not None and self.step > high - low:
            raise ValueError(f"step {self.step:g} is larger than the range {high - low:g}; use a smaller step")
        return self


class Integer(_Ranged):
    """A whole number within bounds."""

    bounds: tuple[Whole, Whole]
    """The lowest and the highest value, both allowed."""
    integer: Literal[True]
    """Marks the parameter as a whole number."""

    @model_validator(mode="after")
    def _consistent(self) -> Integer:
        _check_bounds(self.bounds, self.scale)
        if max(abs(bound) for bound in self.bounds) > 2**53:
            raise ValueError("whole numbers above 2**53 are not exact in float64; use smaller bounds")
        return self


class Levels(_Ranged):
    """One of a few ordered numbers."""

    levels: tuple[Number, ...]
    """The numbers, in increasing order."""

    @model_validator(mode="after")
    def _consistent(self) -> Levels:
        if len(self.levels) < 2:
            raise ValueError("expected at least two levels; for a fixed value write value:")
        if len(set(self.levels)) != len(self.levels):
            twice = next(level for level in self.levels if self.levels.count(level) > 1)
            raise ValueError(f"the level {twice:g} is listed twice; remove one")
        if list(self.levels) != sorted(self.levels):
            ordered = ", ".join(f"{level:g}" for level in sorted(self.levels))
            raise ValueError(f"levels are ordered numbers; write them in increasing order: [{ordered}]")
        if self.scale == "log" and self.levels[0] <= 0:
            raise ValueError(f"a log scale needs levels above 0, got {self.levels[0]:g}; use scale: linear")
        return self


class Choice(_Set):
    """One of a few named options, optionally described by numbers."""

    choices: tuple[ChoiceName, ...] | Annotated[Mapping[ChoiceName, Annotated[Mapping[str, Number], *Frozen]], *Frozen]
    """The names; or a mapping from name to numeric descriptors; or, in a file, the path of a CSV table whose
    first column holds the names and whose other columns are descriptors."""

    @model_validator(mode="after")
    def _consistent(self) -> Choice:
        names = self.names
        if len(names) < 2:
            raise ValueError("expected at least two choices; for a fixed value write value:")
        folded: dict[str, str] = {}
        for name in names:
            if name.casefold() in folded:
                raise ValueError(f"the choices {folded[name.casefold()]!r} and {name!r} are the same; remove one")
            if name != name.strip():
                raise ValueError(f"the choice {name!r} has blanks at its ends; remove them")
            folded[name.casefold()] = name
        tables = list(self.descriptors.values())
        for name, table in self.descriptors.items():
            if set(table) != set(tables[0]):
                odd = sorted(set(table) ^ set(tables[0]))
                raise ValueError(
                    f"the choice {name!r} has other descriptors than the first one: {', '.join(odd)}; complete it"
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The options, in the order written."""
        return tuple(self.choices)

    @property
    def descriptors(self) -> Mapping[str, Mapping[str, float]]:
        """Descriptor values by option; empty where there are none."""
        return self.choices if isinstance(self.choices, Mapping) else {}


class Component(_Described):
    """A share of a mixture: 0, or between ``min`` and ``max``; the group sums to its total."""

    mixture: str
    """The mixture's name."""
    min: Annotated[Number, Field(ge=0)] = 0.0
    """The least amount worth weighing in when the component is present at all."""
    max: Annotated[Number, Field(gt=0)] | None = None
    """The most; the mixture's total if not given."""
    step: Annotated[Number, Field(gt=0)] | None = None
    """Proposals lie on multiples of the step. Without it: on a decimal grid of 3 to 4 digits of the total."""
    required: bool = False
    """True: never left out (then the share is between min and max)."""


class Covariate(_Described):
    """Measured along with an experiment, never proposed (room humidity)."""

    observed: Literal[True]
    """Marks the parameter as only observed."""


class Constant(_Described):
    """The same in every experiment; written on every sheet."""

    value: Number | Annotated[str, Field(min_length=1)]
    """The value."""


_TELLING = {
    "mixture": "component",
    "observed": "covariate",
    "levels": "levels",
    "choices": "choice",
    "integer": "integer",
    "bounds": "continuous",
    "value": "constant",
}
_KINDS = {
    Component: "component",
    Covariate: "covariate",
    Levels: "levels",
    Choice: "choice",
    Integer: "integer",
    Continuous: "continuous",
    Constant: "constant",
}


def kind_of(raw: object) -> str | None:
    """Name the kind of a parameter from the fields it carries; None where no field tells."""
    if isinstance(raw, Mapping):
        return next((kind for key, kind in _TELLING.items() if key in raw), None)
    return _KINDS.get(type(raw))  # type: ignore[call-overload,no-any-return]


Parameter = Annotated[
    Annotated[Continuous, Tag("continuous")]
    | Annotated[Integer, Tag("integer")]
    | Annotated[Levels, Tag("levels")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Component, Tag("component")]
    | Annotated[Covariate, Tag("covariate")]
    | Annotated[Constant, Tag("constant")],
    Discriminator(
        kind_of,
        custom_error_type="parameter_kind",
        custom_error_message="expected one of bounds, levels, choices, mixture, observed or value",
    ),
]


def decimal_step(span: float) -> float:
    """Return the default resolution for a range: the power of ten that leaves 3 to 4 significant digits."""
    return float(f"1e{math.floor(math.log10(span)) - 3}")
