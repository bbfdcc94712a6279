"""A study as a person writes it: which labs, which strategies, how many seeds; and the jobs it comes to.

    schema: labloop-study/1
    labs: [hartmann6, "hills4:width=0.1"]
    strategies: [explore, random, sobol]
    seeds: 20
    batch: [1, 4]
    budget: 60
    noise: 0.1

Every combination of lab, strategy, batch, noise and seed is a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from labloop.errors import InvalidSpec, NotFound, Problem
from labloop.simulate.job import Job
from labloop.simulate.tables import file_of
from labloop.spec.parameters import Model, Number, Whole
from labloop.spec.reader import read_yaml

__all__ = ["SCHEMA", "Study", "read_study"]

SCHEMA = "labloop-study/1"


def _several(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else [value]


def _seeds(value: object) -> object:
    return list(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value


class Study(Model):
    """Simulated campaigns to be compared."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Annotated[Literal["labloop-study/1"], Field(alias="schema")] = "labloop-study/1"
    """The version of this format."""
    labs: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
    """Simulated labs by name, or table:PATH, or emulate:PATH."""
    strategies: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)] = ("explore", "random")
    """Who plans: labloop's strategies, random, sobol, other optimisers."""
    seeds: Annotated[tuple[Whole, ...], BeforeValidator(_seeds), Field(min_length=1)] = tuple(range(10))
    """How many, or which."""
    batch: Annotated[tuple[Whole, ...], BeforeValidator(_several), Field(min_length=1)] = (4,)
    """Experiments a suggestion; several sizes are several studies in one."""
    budget: Whole = 48
    """Experiments a campaign."""
    noise: Annotated[tuple[Number | None, ...], BeforeValidator(_several), Field(min_length=1)] = (None,)
    """As a share of the outcome's sd over the space; null for the lab's own."""
    start: Whole = 0
    """Common space-filling experiments that every strategy starts from; 0: each begins as it is used to."""
    behaviour: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)] = ("",)
    """How the laboratory behaves: failures=0.1,drift=0.02; several are several studies in one."""
    replicates: Annotated[tuple[Whole, ...], BeforeValidator(_several), Field(min_length=1)] = (1,)
    """Measurements of each experiment; all of them count against the budget."""

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs: seed by seed, so that a study that is stopped early has all strategies to compare.

        Raises
        ------
        UsageError, InvalidInput
            If a strategy does not exist or a number cannot be.
        """
        return tuple(
            Job(
                lab=lab,
                strategy=strategy,
                seed=seed,
                batch=batch,
                budget=self.budget,
                noise=noise,
                start=self.start,
                behaviour=behaviour,
                replicates=replicates,
            )
            for lab, batch, noise, behaviour, replicates, seed, strategy in product(
                dict.fromkeys(self.labs),
                dict.fromkeys(self.batch),
                dict.fromkeys(self.noise),
                dict.fromkeys(self.behaviour),
                dict.fromkeys(self.replicates),
                dict.fromkeys(self.seeds),
                dict.fromkeys(self.strategies),
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the study as plain JSON values."""
        return {"schema": SCHEMA, **self.model_dump(mode="json", exclude={"schema_"})}


def study_of(fields: Mapping[str, Any], *, source: str) -> Study:
    """Check a study.

    Raises
    ------
    InvalidSpec
        If it is wrong; every problem is listed.
    """
    try:
        return Study.model_validate(fields)
    except ValidationError as error:
        problems = [
            Problem(each["msg"].removeprefix("Value error, "), ".".join(map(str, each["loc"])))
            for each in error.errors(include_url=False)
        ]
        raise InvalidSpec(source, problems, hint="see docs/simulating.md for what a study may say") from error


def read_study(path: Path, changes: Mapping[str, Any] | None = None) -> Study:
    """Read a study from a YAML file; paths of tables are relative to it.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidSpec
        If it is wrong.
    """
    if not path.is_file():
        raise NotFound(f"no study {path}", hint="write one (docs/simulating.md), or name a lab with --lab")
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise InvalidSpec(str(path), [Problem("expected keys and values", hint=f"start with:  schema: {SCHEMA}")])
    fields = {**document, **(changes or {})}
    fields["labs"] = [located(each, path.parent) for each in _as_list(fields.get("labs"))]
    return study_of(fields, source=str(path))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def located(name: Any, folder: Path) -> Any:
    if not isinstance(name, str):
        return name
    file = file_of(name)
    if file is None or file.is_absolute():
        return name
    return name.replace(f":{file}", f":{(folder / file).resolve()}", 1)
