"""Hand in a table of results: read it against the spec, record it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from labloop.errors import Conflict, InvalidInput
from labloop.exchange.foreign import Layout, measured_rows, proposed_rows
from labloop.exchange.results import Handed, check_results, read_results, unusual
from labloop.loop.campaigns import spec_of
from labloop.loop.lookup import experiment_number
from labloop.loop.once import PLAIN, Delivery
from labloop.loop.record import Recorded, record
from labloop.records import Origin, Result
from labloop.spec.models import Spec
from labloop.store import Store
from labloop.tabular import Table, read_table

__all__ = ["add_proposed", "hand_in", "import_rows", "type_in"]

Confirm = Callable[[Recorded], bool]
Doubt = Callable[[Sequence[str]], bool]

_LOOKED_AT = 200


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
    spec, earlier = _known(store, name)
    handed = read_results(
        table, spec, number_of=lambda text: experiment_number(name, text), outside=outside, earlier=earlier
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
    layout: Layout | None = None,
    confirm: Confirm | None = None,
    delivery: Delivery = PLAIN,
) -> Recorded:
    """Take in earlier results; ids that the table carries are those of another book and are kept as notes.

    ``layout`` says that it is the table of another tool, of which the rows with results are taken.

    Raises
    ------
    InvalidTable
        If a row is wrong.
    """
    table = rows if isinstance(rows, Table) else read_table(rows, sheet=sheet)
    headings = tuple("earlier_id" if h.casefold() == "experiment" else h for h in table.headings)
    table = replace(table, headings=headings)
    spec, earlier = _known(store, name)
    if layout is not None:
        table = measured_rows(table, spec, layout)
    handed = read_results(
        table, spec, number_of=lambda text: experiment_number(name, text), outside=outside, earlier=earlier
    )
    if not handed.results:
        raise InvalidInput(f"{table.source} has headings but no rows", hint="import a table with results")
    record_it = partial(record, store, name, handed.results, origin=Origin.IMPORT, delivery=delivery)
    return _recorded(record_it, handed, source=table.source, confirm=confirm)


def add_proposed(store: Store, name: str, rows: str | Path, layout: Layout, *, outside: bool = False) -> Recorded:
    """Add what another tool proposes to run, from its own table; the experiments are open from now on.

    Raises
    ------
    InvalidTable, InvalidInput
        If a row is wrong, or nothing is proposed.
    """
    spec, _ = _known(store, name)
    table = proposed_rows(read_table(rows), spec, layout)
    handed = read_results(table, spec, number_of=lambda text: experiment_number(name, text), outside=outside)
    return _recorded(partial(record, store, name, handed.results), handed, source=table.source, confirm=None)


def type_in(
    store: Store,
    name: str,
    results: list[Result],
    *,
    replicate: bool = False,
    outside: bool = False,
    delivery: Delivery = PLAIN,
    doubt: Doubt | None = None,
) -> Recorded:
    """Record results that were typed.

    ``doubt`` is shown what is unusual though not impossible; if it answers no, nothing is recorded. Without it,
    that is only noted.

    Raises
    ------
    InvalidTable, NotFound, Conflict
        If a value cannot be, an experiment does not exist, or a value contradicts what is written.
    """
    spec, earlier = _known(store, name)
    check_results(results, spec, source="what was typed", outside=outside)
    odd = tuple(unusual(results, spec, earlier))
    if odd and doubt is not None and not doubt(odd):
        raise Conflict("nothing was recorded: you said no", hint="type it again")
    done = record(store, name, results, replicate=replicate, delivery=delivery)
    return replace(done, notes=(*odd, *done.notes))


def _known(store: Store, name: str) -> tuple[Spec, dict[str, list[float]]]:
    """Return the spec, and what the last experiments gave: enough to see that a value is of another size."""
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        last = range(max(1, row.experiments - _LOOKED_AT + 1), row.experiments + 1)
        found = snapshot.experiments(row, numbers=list(last))
    spec = spec_of(row)
    return spec, {
        name: [o.outcomes[name] for e in found for o in e.observations if name in o.outcomes] for name in spec.outcomes
    }


def _recorded(record_it: Callable[..., Recorded], handed: Handed, *, source: str, confirm: Confirm | None) -> Recorded:
    if confirm is not None:
        seen = record_it(source=source, preview=True)
        if (seen.recorded or seen.added) and not confirm(replace(seen, notes=(*handed.notes, *seen.notes))):
            raise Conflict("nothing was recorded: you said no", hint="correct the sheet, then record it again")
    done = record_it(source=source)
    return replace(done, notes=(*handed.notes, *done.notes))
