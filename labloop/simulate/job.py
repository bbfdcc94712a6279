"""One job of a study: which lab, who plans, which seed. Pure: the same job gives the same rows anywhere.

A job is known by the hash of everything that its rows depend on: its own fields, the table it looks results up
in, the packages that plan, and the source of labloop's planner. A finished job is never run twice, and rows of
an older planner are never mixed with those of a newer one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import labloop
from labloop.errors import InvalidInput, UsageError, did_you_mean
from labloop.simulate.behaviour import Scatter, behaviour_of
from labloop.simulate.lab import Lab
from labloop.simulate.labs import lab
from labloop.simulate.scale import Scale, noisy, scale_of, scatter_of
from labloop.simulate.tables import file_of, from_table, split
from labloop.spec.models import INTENTS
from labloop.spec.slots import SLOTS, split_slots

__all__ = ["OWN", "PEERS", "Job", "is_own", "packages_of", "place_of", "scale_for", "scatter_for", "strategies"]

OWN = tuple(each for each in INTENTS if each != "custom")
"""labloop's strategies; besides, slots by name (``qLogNEI+UCB:beta=4``, `labloop.spec.slots`)."""
PLAIN = ("random", "sobol")
PEERS: Mapping[str, tuple[str, ...]] = {
    "ax": ("ax-platform", "botorch"),
    "baybe": ("baybe", "botorch"),
    "bofire": ("bofire", "botorch"),
    "botorch": ("botorch", "gpytorch"),
    "optuna": ("optuna", "torch"),
    "optuna-tpe": ("optuna",),
}
"""Other optimisers, and the packages that decide what they propose."""
_OURS = ("torch", "botorch", "gpytorch", "numpy", "scipy")


def strategies() -> tuple[str, ...]:
    """Return every name that may plan: labloop's strategies, the plain ones, the peers."""
    return (*OWN, *PLAIN, *PEERS)


def is_own(strategy: str) -> bool:
    """Whether labloop's planner plans: one of its strategies, or slots by name."""
    if strategy in OWN:
        return True
    try:
        return strategy not in (*PLAIN, *PEERS) and bool(split_slots(strategy))
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Job:
    """One simulated campaign.

    Attributes
    ----------
    lab : its name, or ``table:PATH`` / ``emulate:PATH`` for one made from a table of results.
    strategy : who plans: one of `strategies`, or slots by name.
    seed : of the campaign and of the lab's noise.
    batch : experiments a suggestion.
    budget : experiments in all.
    noise : as a share of the outcome's sd over the space; None for the lab's own.
    behaviour : how the laboratory behaves (`labloop.simulate.behaviour`); an empty text: it only measures.
    replicates : measurements of each experiment; all of them count against the budget.
    start : experiments that every strategy starts from (the same for a seed); 0: each begins as it is used to.
    """

    lab: str
    strategy: str
    seed: int
    batch: int = 4
    budget: int = 48
    noise: float | None = None
    start: int = 0
    behaviour: str = ""
    replicates: int = 1

    def __post_init__(self) -> None:
        if self.strategy not in strategies() and not is_own(self.strategy):
            known = (*strategies(), *SLOTS)
            raise UsageError(f"no strategy {self.strategy!r}", hint=did_you_mean(self.strategy, known))
        for name, least in (("seed", 0), ("batch", 1), ("budget", 1), ("start", 0), ("replicates", 1)):
            if getattr(self, name) < least:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint=f"expected {least} or more", field=name)
        behaviour_of(self.behaviour)
        if self.replicates > 1 and self.behaviour:
            raise InvalidInput("replicates and a behaviour exclude each other", hint="leave one of them out")
        if self.batch > 384:
            raise InvalidInput(f"batch is {self.batch}", hint="expected at most 384", field="batch")

    @property
    def key(self) -> str:
        """The content hash that the job's results are kept under: 24 hexadecimal digits."""
        content = {
            "job": asdict(self) | {"lab": self.lab if file_of(self.lab) is None else _placeless(self.lab)},
            "packages": packages_of(self.strategy),
            "lab": _digest_of_lab(self.lab),
            "planner": _source_digest() if is_own(self.strategy) else "",
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def fields(self) -> dict[str, Any]:
        """Return the job as plain values, in the order of the results' columns."""
        return asdict(self)


def place_of(job: Job) -> Lab:
    """Return the lab of a job, with the job's noise.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such lab, or its table cannot be read.
    """
    return _place(job.lab, job.noise, _digest_of_lab(job.lab))


@lru_cache(maxsize=16)
def _place(name: str, noise: float | None, _digest: str) -> Lab:
    found = from_table(name) if file_of(name) is not None else lab(name)
    return found if noise is None else noisy(found, noise)


def scale_for(job: Job) -> Scale:
    """Return the scale of a job's lab.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such lab, or nothing to find on it.
    """
    return _scale(job.lab, _digest_of_lab(job.lab))


@lru_cache(maxsize=64)
def _scale(name: str, digest: str) -> Scale:
    return scale_of(_place(name, None, digest))


def scatter_for(job: Job) -> Mapping[str, Scatter]:
    """Return how the outcomes of a job's lab scatter over its space."""
    return _scatter(job.lab, _digest_of_lab(job.lab))


@lru_cache(maxsize=64)
def _scatter(name: str, digest: str) -> Mapping[str, Scatter]:
    return scatter_of(_place(name, None, digest))


def packages_of(strategy: str) -> dict[str, str]:
    """Return the versions of the packages that decide what a strategy proposes."""
    names = PEERS.get(strategy, _OURS)
    return {"labloop": labloop.__version__} | {name: _version(name) for name in names}


@lru_cache(maxsize=32)
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _placeless(lab: str) -> str:
    """Return what a lab from a table is called but for where it lies: what it holds counts (`_digest_of_lab`)."""
    kind, _, settings = split(lab)
    return f"{kind}:{json.dumps(settings, sort_keys=True)}"


def _digest_of_lab(name: str) -> str:
    file = file_of(name)
    if file is None:
        return ""
    if not file.is_file():
        return "absent"
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _source_digest() -> str:
    """Return a digest of the sources that decide what labloop proposes."""
    root = Path(labloop.__file__).parent
    digest = hashlib.sha256()
    for room in ("planner", "space"):
        for path in sorted((root / room).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
