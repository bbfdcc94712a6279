"""Write experiments to files: the sheet of a batch, the export of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labloop.errors import InvalidInput
from labloop.exchange.foreign import Layout, foreign_text
from labloop.exchange.layout import batch_sheet, export_sheet
from labloop.exchange.sheet import refuse_existing, write_sheet, written
from labloop.loop.campaigns import spec_of
from labloop.loop.heads import PROPERTY, keep_beside
from labloop.records import Experiment
from labloop.spec.models import Spec
from labloop.store import Store

__all__ = ["keep_stamp", "refuse_existing", "write_batch", "write_experiments", "write_foreign"]

_MOST_CANDIDATES = 200_000


def write_foreign(path: Path, store: Store, name: str, layout: Layout, *, waiting: bool = False) -> int:
    """Write a campaign as a table of another tool; return the number of experiments in it.

    ``waiting`` writes what is open as NIMO's proposals.csv; EDBO+ marks it in its one table.

    Raises
    ------
    InvalidInput
        If the parameters have no finite list of combinations, or the tool cannot read them.
    """
    from labloop.space import Space  # brings NumPy and SciPy, which other sheets do without

    with store.read() as snapshot:
        row = snapshot.campaign(name)
        experiments = snapshot.experiments(row)
    spec = spec_of(row)
    space = Space(spec)
    cube = space.enumerate(_MOST_CANDIDATES)
    if cube is None:
        raise InvalidInput(
            f"{name} has no list of at most {_MOST_CANDIDATES:,} candidates, which these tools choose from",
            hint="give every parameter levels:, choices: or step:, or a table of candidates:",
        )
    text = foreign_text(spec, space.decode(cube), experiments, layout, proposals=waiting and layout is Layout.NIMO)
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")
    return len(experiments)


def write_batch(
    path: Path, spec: Spec, experiments: Sequence[Experiment], *, force: bool = False, stamp: str = ""
) -> None:
    """Write the sheet of a batch, to be filled in; a workbook carries ``stamp``, the head of the ledger.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    """
    write_sheet(path, batch_sheet(spec, experiments), force=force, properties=_carried(stamp))


def write_experiments(
    path: Path, spec: Spec, experiments: Sequence[Experiment], *, force: bool = False, stamp: str = ""
) -> None:
    """Write all experiments with their results; a workbook carries ``stamp``, the head of the ledger.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    """
    write_sheet(path, export_sheet(spec, experiments), force=force, properties=_carried(stamp))


def keep_stamp(path: Path, stamp: str) -> None:
    """Write the head of the ledger beside an exported table that cannot hold it without becoming something else."""
    if path.suffix.lower() != ".xlsx":
        name, _, head = stamp.partition(" ")
        keep_beside(path, {name: head})


def _carried(stamp: str) -> dict[str, str]:
    return {PROPERTY: stamp} if stamp else {}
