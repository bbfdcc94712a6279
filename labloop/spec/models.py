"""The campaign file as frozen pydantic models: what a person may write, and nothing else."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)

from labloop.spec.check import SpecProblems, problems_of
from labloop.spec.parameters import (
    LARGEST,
    Choice,
    Component,
    Constant,
    Covariate,
    Frozen,
    Model,
    Number,
    Parameter,
    Whole,
)
from labloop.spec.rules import Compare, Name, Rule, RuleError, linearise, parse_rule
from labloop.spec.rules import Number as RuleNumber
from labloop.spec.slots import parse_slot

__all__ = [
    "INTENTS",
    "SCHEMA",
    "Candidates",
    "Limit",
    "Mixture",
    "Objective",
    "Outcome",
    "PlannerSettings",
    "Spec",
    "Value",
    "check_name",
    "identifier",
    "usable",
]

SCHEMA = "labloop/1"

Value = float | int | str
"""One value of one parameter: a number, a whole number or a name."""

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}
# Headings that sheets use for themselves; a parameter of this name could not be told from them.
RESERVED = frozenset([
    "experiment", "campaign", "batch", "status", "slot", "reason", "note", "failure", "origin", "replicate",
    "if", "then", "and", "or", "not", "in", "is", "true", "false", "none",
])  # fmt: skip


def check_name(name: str) -> str:
    """Return a campaign's name if it can be a file name everywhere, a heading and a word on a command line.

    Raises
    ------
    ValueError
        If it cannot; the message says why.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        fixed = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[:64]
        fixed = fixed if fixed[:1].isalpha() else f"x_{fixed}".rstrip("_")
        expected = "expected a name of letters, digits, - and _, starting with a letter, at most 64 long"
        raise ValueError(f"{expected}; for instance {fixed}")
    if name.casefold() in _DEVICES:
        raise ValueError(f"is a device name on Windows, where a file of that name cannot exist; for instance {name}_1")
    return name


def identifier(name: str) -> str:
    """Return a parameter's or outcome's name as constraints can use it.

    Raises
    ------
    ValueError
        If it is not one; the message gives one that is.
    """
    clean = unicodedata.normalize("NFKC", name)
    if not clean.isidentifier():
        raise ValueError(
            f"expected a name of letters, digits and _ that constraints can use; write {usable(name)}: "
            f"and keep the heading as label: {name!r}"
        )
    if clean.casefold() in RESERVED:
        raise ValueError(f"is a word that labloop uses itself; write {usable(name)}: and keep the heading as a label")
    if len(clean) > 100:
        raise ValueError("expected at most 100 characters; keep the long heading as a label")
    return clean


def usable(heading: str) -> str:
    """Return a name that constraints can use, as near to a heading as can be."""
    clean = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", heading)).strip("_") or "x"
    clean = f"x_{clean}" if clean[0].isdigit() else clean
    return f"{clean}_1" if clean.casefold() in RESERVED else clean[:100]


Identifier = Annotated[str, AfterValidator(identifier)]


class Mixture(Model):
    """A group of components that sums to a total."""

    total: Annotated[Number, Field(gt=0)] = 1.0
    """What the components sum to, in their unit."""
    at_most: Annotated[Whole, Field(ge=1)] | None = None
    """At most this many components are present (above 0)."""
    at_least: Annotated[Whole, Field(ge=1)] = 1
    """At least this many components are present."""


class Outcome(Model):
    """Something that is measured."""

    label: str | None = None
    """The heading under which tables carry this column, where it differs from the name."""
    unit: str | None = None
    """The unit of every value."""
    description: str | None = None
    """What it is, for the reader."""
    error: Annotated[Number, Field(gt=0)] | None = None
    """The known standard deviation of one measurement, in the outcome's unit."""
    range: tuple[Number, Number] | None = None
    """What is physically possible (a yield: [0, 100]); a value outside is refused."""

    @model_validator(mode="after")
    def _ordered(self) -> Outcome:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range is reversed: expected [low, high], got {list(self.range)}; swap them")
        return self


class Objective(Outcome):
    """An outcome to improve."""

    goal: Literal["maximize", "minimize", "target"]
    """Which way is better."""
    target: Number | None = None
    """The value to hit, with `goal: target`."""

    @model_validator(mode="after")
    def _targeted(self) -> Objective:
        if (self.goal == "target") != (self.target is not None):
            raise ValueError(
                "goal: target needs target: VALUE, and no other goal takes one; write {goal: target, target: 7}"
            )
        return self

    def score(self, value: float) -> float:
        """Return how good a value is: larger is better, in the outcome's unit."""
        if self.target is not None:
            return -abs(value - self.target)
        return value if self.goal == "maximize" else -value


class Limit(Outcome):
    """What must hold for an outcome (``purity >= 95``); written as that one line, or with a unit and an error."""

    limit: str
    """The line: an outcome, <= or >=, a number."""

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, raw: Any) -> Any:
        return {"limit": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one_comparison(self) -> Limit:
        try:
            tree = parse_rule(self.limit).tree
        except RuleError as error:
            raise ValueError(f"{error}; write for instance: purity >= 95") from error
        linear = linearise(tree)
        if (
            not isinstance(tree, Compare)
            or linear is None
            or len(linear.coefficients) != 1
            or tree.operator not in ("<=", ">=", "<", ">")
            or {type(tree.left), type(tree.right)} != {Name, RuleNumber}
        ):
            raise ValueError(f"{self.limit!r} is not a limit; write one outcome, <= or >=, and a number: purity >= 95")
        return self

    @cached_property
    def _parts(self) -> tuple[str, bool, float]:
        linear = linearise(parse_rule(self.limit).tree)
        assert linear is not None  # checked when the model was made
        ((name, coefficient),) = linear.coefficients
        return name, (linear.operator == ">=") == (coefficient > 0), linear.bound / coefficient

    @property
    def outcome(self) -> str:
        """The outcome's name."""
        return self._parts[0]

    @property
    def at_least(self) -> bool:
        """True for ``>=``, False for ``<=``."""
        return self._parts[1]

    @property
    def bound(self) -> float:
        """The number on the other side."""
        return self._parts[2]

    def holds(self, value: float) -> bool:
        """Whether a measured value satisfies the limit."""
        return value >= self.bound if self.at_least else value <= self.bound

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        fields = {key: value for key, value in handler(self).items() if value is not None}
        return fields["limit"] if set(fields) == {"limit"} else fields


def _plain_rows(given: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Return a table of texts and usual numbers as it is: cell by cell, a million rows take minutes."""
    found = []
    for row in given if isinstance(given, list | tuple) else [None]:
        if type(row) is not list and type(row) is not tuple:
            return handler(given)
        kinds = set(map(type, row))
        if not kinds <= {float, int, str}:
            return handler(given)
        numbers = row if str not in kinds else [each for each in row if type(each) is not str]
        # Extremes and sums see what is too large, or no number at all; the message is the cell's own.
        if numbers and not (-LARGEST <= min(numbers) <= max(numbers) <= LARGEST and math.isfinite(sum(numbers))):
            return handler(given)
        exact = int in kinds or 0.0 in numbers  # -0.0 is written as 0.0, and 1 as 1.0
        found.append(tuple([each if type(each) is str else each + 0.0 for each in row] if exact else row))
    return tuple(found)


class Candidates(Model):
    """An explicit table of all experiments that can be run: the whole space."""

    columns: tuple[str, ...]
    """Parameter names."""
    rows: Annotated[tuple[tuple[Number | str, ...], ...], WrapValidator(_plain_rows)]
    """One value per column and row."""

    @model_validator(mode="after")
    def _rectangular(self) -> Candidates:
        if not self.rows:
            raise ValueError("expected at least one candidate row; list the experiments, or leave candidates: out")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} values for {len(self.columns)} columns; one a column")
        return self


Strategy = Literal["explore", "balanced", "exploit", "learn", "custom"]
INTENTS: tuple[str, ...] = get_args(Strategy)
"""What a strategy can be called."""


def _slots(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        parse_slot(text)
    return texts


class PlannerSettings(Model):
    """How experiments are proposed; every default is what we would pick knowing nothing else."""

    strategy: Strategy = "explore"
    """The intent: look where nobody looked, a mixture, climb, reduce uncertainty, or slots of one's own."""
    slots: Annotated[tuple[str, ...], AfterValidator(_slots)] = ()
    """Under the strategy custom: acquisition functions by name, taken in turn along the campaign."""
    threshold: Number | None = None
    """Under the strategy learn: the value of the first objective about which uncertainty is reduced."""
    batch: Annotated[Whole, Field(ge=1, le=384)] = 4
    """Experiments a suggestion, where the command does not say."""
    budget: Annotated[Whole, Field(ge=1)] | None = None
    """Experiments in all; suggestions stop there."""
    start: Annotated[Whole, Field(ge=1)] | None = None
    """Space-filling experiments before the first model; 5 if not given, with choices max(5, d + 2) of d parameters."""
    seed: Annotated[Whole, Field(ge=0, lt=2**53)] = 0
    """Everything random follows from it."""

    @property
    def intent(self) -> str:
        """The strategy's name; for a custom one its slots, joined by +."""
        return "+".join(self.slots) if self.strategy == "custom" else self.strategy


def _present(value: object) -> object:
    # `HEA:` with nothing behind it is a parameter without fields: let its own errors speak.
    if isinstance(value, Mapping):
        return {key: {} if field is None else field for key, field in value.items()}
    return value


class Spec(Model):
    """One campaign's question, as a person wrote it."""

    model_config = ConfigDict(populate_by_name=True, title="labloop campaign")

    schema_: Annotated[Literal["labloop/1"], Field(alias="schema")] = "labloop/1"
    """The version of this format."""
    name: Annotated[str, AfterValidator(check_name)]
    """The campaign's name: letters, digits, - and _."""
    question: str = ""
    """What the campaign is to find out."""
    parameters: Annotated[Mapping[Identifier, Parameter], BeforeValidator(_present), *Frozen]
    """What is set, chosen, mixed or observed, by name."""
    mixtures: Annotated[Mapping[Identifier, Mixture], BeforeValidator(_present), *Frozen] = Field(default_factory=dict)
    """The groups that components belong to."""
    constraints: tuple[str, ...] = ()
    """What the conditions must satisfy."""
    candidates: Candidates | None = None
    """All experiments that can be run, if they can be listed; in a file also the path of a CSV table."""
    objectives: Annotated[Mapping[Identifier, Objective], BeforeValidator(_present), *Frozen]
    """What to improve, by outcome name."""
    limits: tuple[Limit, ...] = ()
    """What the outcomes must satisfy."""
    planner: PlannerSettings = PlannerSettings()
    """How experiments are proposed."""

    @model_validator(mode="after")
    def _consistent(self) -> Spec:
        problems = problems_of(self)
        if problems:
            raise SpecProblems(problems)
        return self

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The constraints, parsed."""
        return tuple(parse_rule(text) for text in self.constraints)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Everything that is measured: the objectives, then the outcomes that only have limits."""
        found: dict[str, Outcome] = dict(self.objectives)
        for limit in self.limits:
            found.setdefault(limit.outcome, limit)
        return found

    @property
    def proposed(self) -> dict[str, Parameter]:
        """The parameters that an experiment sets, constants included, covariates not."""
        return {name: each for name, each in self.parameters.items() if not isinstance(each, Covariate)}

    @property
    def varied(self) -> dict[str, Parameter]:
        """The parameters the planner may choose: neither constant nor only observed."""
        return {name: each for name, each in self.proposed.items() if not isinstance(each, Constant)}

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of what is only observed."""
        return tuple(name for name, each in self.parameters.items() if isinstance(each, Covariate))

    def components(self, mixture: str) -> tuple[str, ...]:
        """Return the names of a mixture's components, in the order written."""
        return tuple(n for n, p in self.parameters.items() if isinstance(p, Component) and p.mixture == mixture)

    def choices(self, parameter: str) -> tuple[str, ...]:
        """Return the names a choice can take."""
        found = self.parameters[parameter]
        assert isinstance(found, Choice), parameter
        return found.names

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON values, defaults left out: what is written to files and the ledger."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"schema": SCHEMA}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text: the ledger keeps this text, because the order of parameters matters."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
