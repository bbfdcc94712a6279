"""Labs from a table of results: its rows looked up, or a surrogate fitted to them.

What a lab is called says how it is made, so that a job can name it::

    table:results.csv                          every row is an experiment that can be run, and there are no others
    emulate:results.csv                        anything between can be run; the surrogate's mean is the truth
    table:results.csv:objective=cost,goal=minimize
    emulate:results.csv:noise=0.5              measured with this sd, in the outcome's unit, not as learnt
    draw:campaign.json:seed=3                  a campaign with a truth drawn for it (labloop rehearse writes the file)

Which columns are parameters and which is the objective is inferred as ``labloop init --from`` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labloop.errors import InvalidInput, NotFound
from labloop.exchange.infer import infer_spec
from labloop.exchange.results import read_results
from labloop.records import Conditions, Experiment, Observation, Origin, Outcomes, Result, Status
from labloop.simulate.draws import drawn
from labloop.simulate.lab import Lab, Noise, Optimum
from labloop.simulate.lookup import lookup_lab
from labloop.simulate.polish import climbed
from labloop.simulate.scale import objective_of
from labloop.space import Space
from labloop.spec.models import Spec
from labloop.tabular import read_table

__all__ = ["KINDS", "file_of", "from_table", "split"]

Array = NDArray[np.float64]

KINDS = ("table", "emulate", "draw")
_MOST_ROWS = 400
"""A surrogate is fitted to at most so many rows, drawn at random: its cost grows with their cube."""


def split(name: str) -> tuple[str, Path, dict[str, str]]:
    """Split a lab's name into its kind, the table's path and the settings behind it."""
    kind, _, rest = name.partition(":")
    path, colon, tail = rest.rpartition(":")
    if not colon or "=" not in tail:
        return kind, Path(rest), {}
    pairs = (part.partition("=") for part in tail.split(","))
    return kind, Path(path), {key.strip(): value.strip() for key, _, value in pairs}


def file_of(name: str) -> Path | None:
    """Return the table that a lab is made from; None for any other lab."""
    return split(name)[1] if name.partition(":")[0] in KINDS and ":" in name else None


def from_table(name: str) -> Lab:
    """Return the lab that a name such as ``table:results.csv`` stands for.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is not a table of results, or a setting is unknown.
    """
    kind, path, settings = split(name)
    if not path.is_file():
        raise NotFound(f"no table {path}", hint="check the path")
    if kind == "draw":
        return drawn(path, seed=int(settings["seed"]))
    unknown = set(settings) - {"objective", "goal", "noise"}
    if unknown or settings.get("goal", "maximize") not in ("maximize", "minimize"):
        raise InvalidInput(f"the settings of {name!r} cannot be read", hint="objective=COLUMN,goal=minimize,noise=0.5")
    given, found = _noise(settings), _made(kind, path, settings)
    return found if given is None else replace(found, noise=dict.fromkeys(found.campaign.objectives, given))


def _noise(settings: Mapping[str, str]) -> Noise | None:
    """Return the noise that is given; None where it is to be learnt."""
    if "noise" not in settings:
        return None
    try:
        sd = float(settings["noise"])
    except ValueError:
        sd = math.nan
    if not 0 <= sd < math.inf:
        raise InvalidInput(
            f"noise={settings['noise']} is no standard deviation", hint="0 or more, in the outcome's unit: noise=0.5"
        )
    return Noise(absolute=sd)


def _made(kind: str, path: Path, settings: Mapping[str, str]) -> Lab:
    minimize = settings.get("goal") == "minimize"
    table = read_table(path)
    title = re.sub(r"\W+", "_", path.stem).strip("_") or "table"
    title = title if title[0].isalpha() else f"t_{title}"
    inferred = infer_spec(table, name=title[:60], objective=settings.get("objective"), minimize=minimize)
    spec = Spec.model_validate(inferred.spec)
    results = read_results(table, spec, number_of=_no_number).results
    measured = [each for each in results if each.executed and each.outcomes]
    if not measured:
        raise InvalidInput(f"{path} holds no results", hint="name a table with conditions and results")
    if kind == "table":
        return lookup_lab(
            [each.executed or {} for each in measured],
            [each.outcomes for each in measured],
            name=title[:60],
            source=str(path.name),
            goal="minimize" if minimize else "maximize",
        )
    return _emulator(spec, measured, source=path.name)


def _no_number(text: str) -> int:
    # Numbers of experiments elsewhere mean nothing here.
    raise InvalidInput(f"experiment {text!r}", hint="leave the column experiment out")


def _emulator(spec: Spec, results: list[Result], *, source: str) -> Lab:
    rng = np.random.default_rng(0)
    chosen = results
    if len(results) > _MOST_ROWS:
        chosen = [results[i] for i in sorted(rng.choice(len(results), _MOST_ROWS, replace=False))]
    space = Space(spec)
    mean, sd = _fitted(spec, space, chosen)
    name = objective_of(spec)

    def response(conditions: Conditions) -> Outcomes:
        return {name: float(mean(space.encode([conditions]))[0])}

    score = spec.objectives[name].score
    best = climbed(space, lambda rows: np.array([score(float(each)) for each in mean(rows)]))
    return Lab(
        name=spec.name,
        description=f"A surrogate fitted to {len(chosen)} of {len(results)} experiments",
        source=f"{source}; the optimum is the best that a search of the surrogate found",
        spec=spec.to_dict(),
        response=response,
        noise={name: Noise(absolute=sd)},
        optimum=Optimum(best, response(best)),
    )


def _fitted(spec: Spec, space: Space, results: list[Result]) -> tuple[Callable[[Array], Array], float]:
    """Return the surrogate's mean over rows of the cube and the noise's sd, in the outcome's unit."""
    # The planner brings torch along, and only this kind of lab needs it.
    from labloop.planner.data import gather
    from labloop.planner.models import fit_models

    observed = [
        Experiment(
            number,
            Status.COMPLETED,
            Origin.IMPORT,
            each.executed or {},
            each.executed or {},
            observations=(Observation(1, each.outcomes, covariates=each.covariates),),
        )
        for number, each in enumerate(results, 1)
    ]
    models = fit_models(spec, space, gather(spec, space, observed, []), np.random.default_rng(0))
    name = objective_of(spec)
    if name not in models.surrogates:
        raise InvalidInput(f"no surrogate can be fitted: {name} {models.dropped.get(name, '')}", hint="check the table")
    surrogate = models.surrogates[name]

    def mean(cube: Array) -> Array:
        return np.asarray(surrogate.scale.to_user(surrogate.predict(models.features(cube))[0]), dtype=np.float64)

    return mean, math.sqrt(surrogate.mode.noise) * surrogate.scale.spread
