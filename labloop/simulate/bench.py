"""A simulated bench: takes the sheet of a batch and hands it back filled in, as a person would."""

from __future__ import annotations

from pathlib import Path

from labloop.errors import InvalidInput
from labloop.exchange.layout import batch_sheet
from labloop.exchange.results import read_results
from labloop.exchange.sheet import write_sheet
from labloop.loop.look import experiments, read_spec_of
from labloop.loop.lookup import experiment_number
from labloop.records import Result
from labloop.simulate.lab import Lab
from labloop.store import Store
from labloop.tabular import read_table

__all__ = ["fill_sheet"]


def fill_sheet(store: Store, name: str, path: Path, lab: Lab, *, seed: int = 0) -> int:
    """Fill the blank results of a sheet by running its experiments in a simulated lab; return how many.

    Raises
    ------
    InvalidInput, InvalidTable
        If the file is not a sheet of the campaign, or the lab cannot run the campaign.
    """
    spec = read_spec_of(store, name)
    problems = lab.misfits(spec)
    if problems:
        raise InvalidInput(problems[0].message, hint=problems[0].hint or "choose another --lab")
    handed = read_results(read_table(path), spec, number_of=lambda text: experiment_number(name, text))
    said = {each.experiment: each for each in handed.results if each.experiment is not None}
    if not said:
        hint = "labloop suggest --out writes such a sheet"
        raise InvalidInput(f"{path.name} names no experiment of {name}", hint=hint)
    found = experiments(store, name, numbers=tuple(said))
    results: dict[int, Result] = {}
    filled = 0
    for each in found:
        result = said[each.number]
        if not result.outcomes and result.failure is None:
            conditions = {**each.executed, **(result.executed or {})}
            result = lab.perform(each.number, conditions, seed=seed)
            filled += 1
        results[each.number] = result
    write_sheet(path, batch_sheet(spec, found, results), force=True)
    return filled
