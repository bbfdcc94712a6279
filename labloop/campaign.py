"""The library's face: a campaign as one object, DataFrames in and out.

Three lines do the loop::

    campaign = labloop.open("hydrogel")
    batch = campaign.suggest(8)
    campaign.record(batch.assign(adhesion=measured))

Everything is a thin call into `labloop.loop`; what the command line does, this does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labloop.errors import InvalidInput
from labloop.exchange.frames import experiments_frame, history_frame, rows_of_frame, suggestion_frame
from labloop.loop import campaigns, correct, look, suggest, understand
from labloop.loop.handin import hand_in, import_rows
from labloop.loop.lookup import experiment_number
from labloop.loop.record import Recorded, add
from labloop.loop.sheets import write_experiments
from labloop.loop.workspace import Workspace, open_workspace
from labloop.records import Conditions, Value
from labloop.spec.models import Spec
from labloop.spec.reader import parse_spec, read_spec

if TYPE_CHECKING:
    from labloop.insight.explain import Explanation
    from labloop.insight.region import OperatingRegion
    from labloop.insight.validation import Check

__all__ = ["Campaign", "create", "open"]

Rows = pd.DataFrame | Sequence[Mapping[str, Any]] | Mapping[str, Any] | str | Path
"""What may be handed in: a frame, one row or several as mappings, or the path of a CSV, XLSX or JSON file."""


def open(name: str | None = None, *, folder: str | Path | None = None, store: str | None = None) -> Campaign:
    """Open a campaign of a workspace.

    Parameters
    ----------
    name : the campaign; may be left out where there is one.
    folder : the workspace; the nearest folder upwards that has ``campaigns/`` if not given.
    store : a SQLAlchemy URL; the workspace's own SQLite file if not given.

    Raises
    ------
    NotFound
        If there is no such campaign.
    InvalidSpec
        If it only has a file yet, and the file is wrong.
    Conflict
        If its file was edited since the store took it in; see `Campaign.revise`.
    """
    workspace = open_workspace(folder, store=store)
    found = workspace.resolve(name)
    workspace.enrol(found)
    return Campaign(found, workspace)


def create(
    spec: Spec | Mapping[str, Any] | str | Path, *, folder: str | Path | None = None, store: str | None = None
) -> Campaign:
    """Begin a campaign from a spec, a mapping, YAML text or the path of a campaign file.

    With ``store="sqlite://"`` it lives in memory: for simulations and trials.

    Raises
    ------
    InvalidSpec
        If the spec is wrong or contradicts itself.
    Conflict
        If the store has a campaign of that name.
    """
    if isinstance(spec, Spec):
        checked = spec
    elif isinstance(spec, Path) or (isinstance(spec, str) and "\n" not in spec):
        checked = read_spec(spec)
    else:
        checked = parse_spec(spec)
    workspace = open_workspace(folder, store=store)
    if store is None:
        workspace.campaigns.mkdir(parents=True, exist_ok=True)
    campaigns.create(workspace.store, checked)
    return Campaign(checked.name, workspace)


class Campaign:
    """One campaign of a store. Holds no state of its own: every call reads and writes the store."""

    def __init__(self, name: str, workspace: Workspace) -> None:
        self.name = name
        self._workspace = workspace
        self._store = workspace.store

    def __repr__(self) -> str:
        return f"<labloop campaign {self.name!r} in {self._store.where}>"

    @property
    def spec(self) -> Spec:
        """The present version of the spec."""
        return look.read_spec_of(self._store, self.name)

    def suggest(self, n: int | None = None, *, strategy: str | None = None) -> pd.DataFrame:
        """Propose experiments and write them, with their predictions, into the ledger.

        Returns
        -------
        DataFrame
            One row an experiment: ``experiment`` (its id), one column per parameter, one empty column per
            outcome, then ``predicted_*``, ``low_*``, ``high_*`` (median and 90 % interval, in the outcome's
            unit), ``chance_of_best``, ``distance``, ``slot`` and ``reason``. What the planner has to say
            about the batch is in ``frame.attrs["notes"]``.

        Raises
        ------
        NothingToSuggest
            If the budget is spent or no feasible experiment is left.
        """
        suggestion = suggest.suggest(self._store, self.name, n, strategy=strategy)
        return suggestion_frame(self.spec, suggestion.experiments, suggestion.notes)

    def record(self, rows: Rows, *, replicate: bool = False, outside: bool = False) -> Recorded:
        """Record results: rows that name their ``experiment``, or new ones with all their conditions.

        A blank (None, NaN, empty) means not measured. Values of conditions that differ from the planned
        ones are taken as executed. All or nothing; what was recorded before is skipped.

        Parameters
        ----------
        replicate : a further value for an experiment that has one is a further measurement.
        outside : executed conditions may lie outside the bounds.

        Raises
        ------
        InvalidTable
            If a row is wrong; every problem is listed.
        NotFound
            If an experiment does not exist.
        Conflict
            If a value differs from the one already written down.
        """
        table = rows if isinstance(rows, str | Path) else rows_of_frame(rows)
        return hand_in(self._store, self.name, table, replicate=replicate, outside=outside)

    ask = suggest
    tell = record

    def import_(self, rows: Rows) -> Recorded:
        """Take in earlier results; every row is an experiment with all its conditions.

        Raises
        ------
        InvalidTable
            If a row is wrong; every problem is listed.
        """
        table = rows if isinstance(rows, str | Path) else rows_of_frame(rows)
        return import_rows(self._store, self.name, table)

    def add(self, conditions: Conditions | Iterable[Conditions], *, note: str = "", outside: bool = False) -> Recorded:
        """Add experiments of your own that have no result yet.

        Raises
        ------
        InvalidTable
            If a condition is missing or cannot be.
        """
        several = [conditions] if isinstance(conditions, Mapping) else list(conditions)
        return add(self._store, self.name, several, note=note, outside=outside)

    def amend(
        self,
        experiment: int | str,
        *,
        reason: str,
        outcomes: Mapping[str, float | None] | None = None,
        executed: Mapping[str, Value] | None = None,
        replicate: int | None = None,
        outside: bool = False,
    ) -> None:
        """Correct a result (None: not measured after all) or what was executed; the original stays visible.

        Raises
        ------
        NotFound, InvalidInput
            If there is no such experiment or replicate, or a value cannot be.
        """
        number = experiment_number(self.name, experiment)
        correct.amend(
            self._store,
            self.name,
            number,
            reason=reason,
            replicate=replicate,
            outcomes=outcomes,
            executed=executed,
            outside=outside,
        )

    def undo(self, *, reason: str, entry: int | None = None) -> int:
        """Take back the last entry, or a given one; return its number.

        Raises
        ------
        Conflict
            If later entries stand on it.
        """
        return correct.undo(self._store, self.name, reason=reason, sequence=entry).entry.sequence

    def veto(self, experiments: int | str | Sequence[int | str], *, reason: str) -> None:
        """Refuse proposed experiments; they will not come back.

        Raises
        ------
        NotFound, Conflict
            If one does not exist, or is no longer open.
        """
        several = [experiments] if isinstance(experiments, int | str) else experiments
        correct.veto(self._store, self.name, [experiment_number(self.name, e) for e in several], reason=reason)

    def replace(self, experiment: int | str, *, reason: str) -> pd.DataFrame:
        """Refuse one proposed experiment and get another in its place; returns it as `suggest` does."""
        number = experiment_number(self.name, experiment)
        suggestion = suggest.replacement(self._store, self.name, number, reason=reason)
        return suggestion_frame(self.spec, suggestion.experiments, suggestion.notes)

    def revise(self, spec: Spec | None = None, *, reason: str) -> int:
        """Take in a new version of the spec (the campaign's file if not given); return its version.

        Raises
        ------
        InvalidInput
            If it cannot describe the experiments already run.
        Conflict
            If nothing changed.
        """
        return self._workspace.revise(self.name, spec, reason=reason).spec_version

    def status(self) -> look.Standing:
        """Return where the campaign stands."""
        return look.status(self._store, self.name)

    def experiments(self) -> pd.DataFrame:
        """Return all experiments: one row an observation (or experiment without one), conditions as executed."""
        return experiments_frame(self.spec, look.experiments(self._store, self.name))

    def best(self, top: int = 5) -> pd.DataFrame:
        """Return the best experiments, best first; with several objectives the Pareto set first."""
        return experiments_frame(self.spec, look.best(self._store, self.name, top=top))

    def estimability(self, outcome: str | None = None, *, accept: bool = False) -> understand.Resolved:
        """Say which effects can be told apart, and which further experiments would resolve the rest.

        Parameters
        ----------
        outcome : whose measurements count; the first objective if not given.
        accept : add the further experiments to the campaign.

        Returns
        -------
        Resolved
            ``found.verdicts`` (one a term), ``extra.conditions`` and what was ``added``.

        Raises
        ------
        InvalidInput
            If there is no such outcome, or it was not measured yet.
        """
        return understand.estimability(self._store, self.name, outcome, accept=accept)

    def explain(self, outcome: str | None = None) -> Explanation:
        """Say what has been learnt about an outcome: effects and shares with intervals, or 'not estimable yet'.

        Raises
        ------
        InvalidInput
            If there is no such outcome, or it was not measured yet.
        PlannerError
            If nothing varied.
        """
        return understand.explain(self._store, self.name, outcome)

    def check_model(self, outcome: str | None = None) -> Check:
        """Check whether the model of an outcome may be believed, and what for.

        Raises
        ------
        InvalidInput
            If there is no such outcome, or it was measured under too few conditions.
        """
        return understand.check_model(self._store, self.name, outcome)

    def region(self, *goals: str, probability: float = 0.9) -> OperatingRegion:
        """Find the conditions that meet goals (``"yield >= 80"``) with a probability, and how far each may drift.

        Raises
        ------
        InvalidInput
            If a goal is no such line, or its outcome was not measured yet.
        PlannerError
            If an outcome cannot be modelled.
        """
        return understand.region(self._store, self.name, goals, probability=probability)

    def history(self) -> pd.DataFrame:
        """Return the ledger: one row an entry."""
        found = look.history(self._store, self.name)
        return history_frame(found.entries, found.undone)

    def verify(self) -> tuple[str, ...]:
        """Check the ledger's chain; return what is broken, nothing if it is whole."""
        return tuple(str(problem) for problem in look.verify(self._store, self.name)[1])

    def export(self, path: str | Path, *, force: bool = False) -> Path:
        """Write all experiments to a CSV, XLSX or JSON file.

        Raises
        ------
        InvalidInput
            If the file exists and ``force`` is not given, or its ending is none of these.
        """
        path = Path(path)
        if path.suffix.lower() not in (".csv", ".xlsx", ".json"):
            raise InvalidInput(f"{path.name} ends in {path.suffix!r}", hint="expected .csv, .xlsx or .json")
        write_experiments(path, self.spec, look.experiments(self._store, self.name), force=force)
        return path
