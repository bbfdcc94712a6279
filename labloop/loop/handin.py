"""Hand in a table of results: read it against the spec, record it in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from labloop.errors import Conflict, InvalidInput
from labloop.exchange.results import Handed, check_results, read_results
from labloop.loop.look import read_spec_of
from labloop.loop.lookup import experiment_number
from labloop.loop.once import PLAIN, Delivery
from labloop.loop.record import Recorded, record
from labloop.records import Origin, Result
from labloop.store import Store
from labloop.tabular import Table, read_table

__all__ = ["hand_in", "import_rows", "type_in"]

Confirm = Callable[[Recorded], bool]


def hand_in(
    store: Store,
    name: str,
    rows: Table | str | Path,
    *,
    replicate: bool = False,
    outside: bool = False,
    sheet: str | None = None,
    confirm: Confirm | None = None,
    delivery: Delivery = PLAIN,
) -> Recorded:
    """Record a filled-in sheet, all of it or nothing.

    Parameters
    ----------
    rows : a table, or the path of a CSV, XLSX or JSON file.
    sheet : which sheet of a workbook.
    confirm : is shown what would be recorded; if it answers no, nothing is.
    delivery : an idempotency key, and the claim under which the experiments were run.

    Raises
    ------
    InvalidTable, NotFound, Conflict
        If a row is wrong, names an experiment that does not exist, or contradicts what is written.
    """
    table = rows if isinstance(rows, Table) else read_table(rows, sheet=sheet)
    handed = read_results(
        table, read_spec_of(store, name), number_of=lambda text: experiment_number(name, text), outside=outside
    )
    if not handed.results:
        raise InvalidInput(f"{table.source} has headings but no rows", hint="fill in at least one row")
    record_it = partial(record, store, name, handed.results, replicate=replicate, delivery=delivery)
    return _recorded(record_it, handed, source=table.source, confirm=confirm)


def import_rows(
    store: Store,
    name: str,
    rows: Table | str | Path,
    *,
    outside: bool = False,
    sheet: str | None = None,
    confirm: Confirm | None = None,
    delivery: Delivery = PLAIN,
) -> Recorded:
    """Take in earlier results; ids that the table carries are those of another book and are kept as notes.

    Raises
    ------
    InvalidTable
        If a row is wrong.
    """
    table = rows if isinstance(rows, Table) else read_table(rows, sheet=sheet)
    headings = tuple("earlier_id" if h.casefold() == "experiment" else h for h in table.headings)
    table = replace(table, headings=headings)
    spec = read_spec_of(store, name)
    handed = read_results(table, spec, number_of=lambda text: experiment_number(name, text), outside=outside)
    if not handed.results:
        raise InvalidInput(f"{table.source} has headings but no rows", hint="import a table with results")
    record_it = partial(record, store, name, handed.results, origin=Origin.IMPORT, delivery=delivery)
    return _recorded(record_it, handed, source=table.source, confirm=confirm)


def type_in(
    store: Store,
    name: str,
    results: list[Result],
    *,
    replicate: bool = False,
    outside: bool = False,
    delivery: Delivery = PLAIN,
) -> Recorded:
    """Record results that were typed.

    Raises
    ------
    InvalidTable, NotFound, Conflict
        If a value cannot be, an experiment does not exist, or a value contradicts what is written.
    """
    check_results(results, read_spec_of(store, name), source="what was typed", outside=outside)
    return record(store, name, results, replicate=replicate, delivery=delivery)


def _recorded(record_it: Callable[..., Recorded], handed: Handed, *, source: str, confirm: Confirm | None) -> Recorded:
    if confirm is not None:
        seen = record_it(source=source, preview=True)
        if (seen.recorded or seen.added) and not confirm(replace(seen, notes=(*handed.notes, *seen.notes))):
            raise Conflict("nothing was recorded: you said no", hint="correct the sheet, then record it again")
    done = record_it(source=source)
    return replace(done, notes=(*handed.notes, *done.notes))
