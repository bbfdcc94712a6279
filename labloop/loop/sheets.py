"""Write experiments to files: the sheet of a batch, the export of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labloop.exchange.layout import batch_sheet, export_sheet
from labloop.exchange.sheet import refuse_existing, write_sheet
from labloop.records import Experiment
from labloop.spec.models import Spec

__all__ = ["refuse_existing", "write_batch", "write_experiments"]


def write_batch(path: Path, spec: Spec, experiments: Sequence[Experiment], *, force: bool = False) -> None:
    """Write the sheet of a batch, to be filled in.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    """
    write_sheet(path, batch_sheet(spec, experiments), force=force)


def write_experiments(path: Path, spec: Spec, experiments: Sequence[Experiment], *, force: bool = False) -> None:
    """Write all experiments with their results.

    Raises
    ------
    Conflict
        If the file exists and ``force`` is not given.
    """
    write_sheet(path, export_sheet(spec, experiments), force=force)
