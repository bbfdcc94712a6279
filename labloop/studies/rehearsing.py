"""Rehearse a campaign, and answer with a table and a curve."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from labloop.campaign import Campaign
from labloop.simulate.rehearse import Plan, Rehearsal, plans, rehearsal
from labloop.store import Store
from labloop.studies.running import Played

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rehearsed", "Ways", "rehearse", "rehearsed"]


@dataclass(frozen=True, repr=False)
class Rehearsed(Played):
    """A campaign that was rehearsed: the study of it, and how every way of running it did."""

    campaign: str

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """How every way of running the campaign did over all truths."""
        return tuple(plans(self.driver))

    @property
    def needed(self) -> pd.DataFrame:
        """One row a batch size and number of replicates: measurements until 90 % of the attainable."""
        import pandas as pd

        names = ("quarter", "half", "three_quarters")
        rows = [
            {
                "batch": each.batch,
                "replicates": each.replicates,
                **dict(zip(names, each.needed, strict=True)),
                "reached": each.reached,
                "gained": float(each.gained[-1]),
            }
            for each in self.plans
        ]
        return pd.DataFrame.from_records(rows).astype(dict.fromkeys(names, "Int64"))

    def draw(self) -> tuple[Path, ...]:
        """Draw the share of the attainable after every measurement into the study's folder."""
        from labloop.studies.figures import draw_rehearsal

        return (draw_rehearsal(self.plans, self.campaign, self.driver.folder / "rehearsal.png"),)


class Ways(TypedDict, total=False):
    """What is rehearsed (`labloop.simulate.rehearse.Rehearsal`)."""

    draws: int
    batches: Sequence[int]
    replicates: Sequence[int]
    budget: int
    noise: float | None


def rehearse(
    campaign: Campaign,
    *,
    folder: str | Path | None = None,
    engine: str = "process",
    workers: int | None = None,
    tell: Callable[[int, int], None] | None = None,
    **ways: Unpack[Ways],
) -> Rehearsed:
    """Rehearse a campaign, to see how many experiments it needs, in which batches, measured how often.

    Parameters
    ----------
    folder : where results are kept; ``NAME-rehearsal`` if not given.
    engine, workers, tell : as for `labloop.studies.simulate`.
    ways : ``batches`` and ``replicates`` to try, measurements in all (``budget``), how many possible truths
        (``draws``), and the sd of one measurement (``noise``; as learnt from the results if not given).

    Raises
    ------
    InvalidInput
        If the campaign has several objectives, or the budget does not hold one batch.
    """
    where = Path(folder) if folder is not None else Path(f"{campaign.name}-rehearsal")
    return rehearsed(
        campaign._store, campaign.name, Rehearsal(**ways), where, engine=engine, workers=workers, tell=tell
    )


def rehearsed(
    store: Store,
    name: str,
    wanted: Rehearsal,
    folder: Path,
    *,
    engine: str,
    workers: int | None,
    tell: Callable[[int, int], None] | None,
) -> Rehearsed:
    """Rehearse a campaign of a store."""
    driver = rehearsal(store, name, wanted, folder)
    said = tell or (lambda _done, _total: None)
    return Rehearsed(driver, driver.run(engine=engine, workers=workers or os.cpu_count() or 1, tell=said), name)
