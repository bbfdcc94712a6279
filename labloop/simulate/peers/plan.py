"""From an adapter to a plan: what was seen goes in, what comes out is put right where it cannot be run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import cast

from labloop.errors import UsageError
from labloop.records import Conditions, Experiment, Proposal, Value
from labloop.simulate.peers.form import Adapter, Form
from labloop.simulate.plans import Chosen, proposal_of
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.spec.parameters import Constant, Continuous

__all__ = ["peer_plan"]

_MODULES = {
    "ax": "labloop.simulate.peers.ax_client",
    "baybe": "labloop.simulate.peers.baybe_campaign",
    "bofire": "labloop.simulate.peers.bofire_sobo",
    "botorch": "labloop.simulate.peers.botorch_loop",
    "optuna": "labloop.simulate.peers.optuna_study",
    "optuna-tpe": "labloop.simulate.peers.optuna_study",
}


def peer_plan(name: str, spec: Spec, seed: int) -> Chosen:
    """Return an optimiser's plan for one campaign; it keeps its state from batch to batch, as its users' does.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        module = import_module(_MODULES[name])
    except ImportError as error:
        raise UsageError(
            f"{name} is not installed here: {error.name or error}", hint="pip install 'labloop[peers]'"
        ) from error
    form = Form(spec)
    make = cast(Callable[[str, Form, int], Adapter], module.make)
    adapter = make(name, form, seed)
    return Chosen(_Plan(form, adapter), _notes(form, cast("frozenset[str]", module.STATES)))


class _Plan:
    """Calls an adapter, and moves what cannot be run to the nearest experiment that can."""

    def __init__(self, form: Form, adapter: Adapter) -> None:
        self._form, self._adapter = form, adapter
        self._space = Space(form.spec)
        self._free = not (form.spec.constraints or form.spec.mixtures or form.spec.candidates)

    def __call__(
        self, _spec: Spec, observed: Sequence[Experiment], pending: Sequence[Conditions], n: int, seed: int
    ) -> Proposal:
        first = len(observed) + len(pending) + 1
        with quiet():
            rows = self._adapter.suggest(self._form.seen(observed), first, n)
        return proposal_of([self._possible(row) for row in rows[:n]], seed=seed, slot="peer")

    def _possible(self, row: dict[str, Value]) -> dict[str, Value]:
        spec = self._form.spec
        constants = {name: each.value for name, each in spec.proposed.items() if isinstance(each, Constant)}
        if self._free and not any(isinstance(each, Continuous) and each.step for each in spec.varied.values()):
            return {name: constants[name] if name in constants else row[name] for name in spec.proposed}
        near = self._space.nearest(self._space.encode([{**row, **constants}])[0])
        return self._space.decode(near[None])[0]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the packages' advice to their developers to themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_MISSING = {
    "linear": ("a linear constraint", "is met by the nearest experiment that can be run"),
    "mixture": ("a sum of shares", "is met by dividing by the sum"),
    "count": ("how many components there may be", "is met by the nearest mixture that may be"),
    "limit": ("a limit on an outcome", "costs the worst result so far"),
    "log": ("a log scale", "is given as a logarithm"),
}


def _notes(form: Form, states: frozenset[str]) -> tuple[str, ...]:
    """Say which parts of the campaign the optimiser was not told as they are."""
    spec = form.spec
    asked = {
        "linear": bool(form.rules),
        "mixture": bool(spec.mixtures),
        "count": any(mixture.at_most is not None for mixture in spec.mixtures.values()),
        "limit": bool(spec.limits),
        "log": any(getattr(each, "scale", "linear") == "log" for each in spec.varied.values()),
    }
    said = [f"{what} {how}" for name, (what, how) in _MISSING.items() if asked[name] and name not in states]
    if form.others:
        said.append("a condition between factors is met by the nearest experiment that can be run")
    if spec.candidates is not None:
        said.append("a list of candidates is met by the nearest one")
    return tuple(said)
