"""The library's face, the loop: proposing, recording and correcting; what else a campaign does is inherited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labloop.campaign.books import Booked
from labloop.campaign.insight import Understood
from labloop.errors import InvalidInput
from labloop.exchange.foreign import Layout
from labloop.exchange.frames import experiments_frame, rows_of_frame, suggestion_frame
from labloop.loop import campaigns, correct, look, suggest
from labloop.loop.claim import Claimed, claim, release, renew
from labloop.loop.handin import add_proposed, hand_in, import_rows
from labloop.loop.lookup import experiment_number
from labloop.loop.once import Delivery
from labloop.loop.record import Recorded, add
from labloop.loop.typed import failure_kind
from labloop.loop.watch import Watch
from labloop.loop.workspace import open_workspace
from labloop.records import Conditions, Value
from labloop.spec.models import Spec
from labloop.spec.reader import parse_spec, read_spec

if TYPE_CHECKING:
    from labloop.design import Request
    from labloop.loop.design import Designed


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


class Campaign(Understood, Booked):
    """One campaign of a store. Holds no state of its own: every call reads and writes the store."""

    def suggest(
        self,
        n: int | None = None,
        *,
        strategy: str | None = None,
        randomise: bool = False,
        key: str | None = None,
    ) -> pd.DataFrame:
        """Propose experiments and write them, with their predictions, into the ledger.

        With ``randomise`` they are numbered in a random order, which is the order to run them in. ``key`` makes
        the request safe to repeat: the same key gives the same batch.

        Returns
        -------
        DataFrame
            One row an experiment: ``experiment`` (its id), one column per parameter, one empty column per
            outcome, then ``predicted_*``, ``low_*``, ``high_*`` (median and 90 % interval, in the outcome's
            unit), ``chance_of_best``, ``distance``, ``slot`` and ``reason``. What the planner has to say
            about the batch is in ``frame.attrs["notes"]``.

        Raises
        ------
        InvalidInput
            If ``n`` is not a whole number of at least 1.
        NothingToSuggest
            If the budget is spent or no feasible experiment is left.
        """
        suggestion = suggest.suggest(self._store, self.name, n, strategy=strategy, randomise=randomise, key=key)
        return suggestion_frame(self.spec, suggestion.experiments, suggestion.notes)

    def design(self, request: Request, *, seed: int | None = None, accept: bool = False) -> Designed:
        """Design experiments; with ``accept`` write them into the ledger, else only look.

        For instance ``campaign.design(Request(goal="screen", effect=5, noise=2))``, with `labloop.design.Request`.
        What comes back holds the design with its runs, its quality and what it cannot see, and the experiments.

        Raises
        ------
        InvalidInput, InvalidTable
            If the design does not suit the campaign, or runs of it break its rules.
        """
        # Loads SciPy, which whoever only records must not wait for.
        from labloop.loop import design

        make = design.accept if accept else design.preview
        return make(self._store, self.name, request, seed=seed)

    def run_sheet(self, path: str | Path, *, entry: int | None = None, force: bool = False) -> Path:
        """Write the run sheet of a design (the latest, or that of an entry) to a CSV, XLSX or JSON file.

        Raises
        ------
        NotFound
            If there is no such design.
        Conflict
            If the file exists and ``force`` is not given.
        """
        from labloop.loop.design import run_sheet, write_run_sheet

        write_run_sheet(Path(path), run_sheet(self._store, self.name, entry), force=force)
        return Path(path)

    def record(
        self,
        rows: Rows,
        *,
        replicate: bool = False,
        outside: bool = False,
        key: str | None = None,
        token: int | None = None,
    ) -> Recorded:
        """Record results: rows that name their ``experiment``, or new ones with all their conditions.

        A blank (None, NaN, empty) means not measured. Values of conditions that differ from the planned
        ones are taken as executed. All or nothing; what was recorded before is skipped.

        Parameters
        ----------
        replicate : a further value for an experiment that has one is a further measurement.
        outside : executed conditions may lie outside the bounds.
        key : an idempotency key: the same rows under the same key are written once, however often they come.
        token : of the `claim` under which they were run.

        Raises
        ------
        InvalidTable
            If a row is wrong; every problem is listed.
        NotFound
            If an experiment does not exist.
        Conflict
            If a value differs from the one already written down, or the key was used for something else.
        """
        table = rows if isinstance(rows, str | Path) else rows_of_frame(rows)
        delivery = Delivery(key, token)
        return hand_in(self._store, self.name, table, replicate=replicate, outside=outside, delivery=delivery)

    ask = suggest
    tell = record

    def import_(self, rows: Rows, *, layout: Layout | None = None, key: str | None = None) -> Recorded:
        """Take in earlier results; every row is an experiment with all its conditions.

        ``layout`` says that it is a table of NIMO or EDBO+, of which the rows with results are taken.

        Raises
        ------
        InvalidTable
            If a row is wrong; every problem is listed.
        """
        table = rows if isinstance(rows, str | Path) else rows_of_frame(rows)
        return import_rows(self._store, self.name, table, layout=layout, delivery=Delivery(key))

    def add_proposed(self, path: str | Path, layout: Layout) -> Recorded:
        """Add what NIMO or EDBO+ proposes in a table of its own; the experiments are open from now on.

        Raises
        ------
        InvalidTable, InvalidInput
            If a row is wrong, or nothing is proposed.
        """
        return add_proposed(self._store, self.name, path, layout)

    def watch(self, folder: str | Path, *, settle: float = 2.0) -> Watch:
        """Watch a folder: every call of the answer's ``look()`` takes in the files that are whole by then.

        Raises
        ------
        NotFound
            If there is no such folder.
        """
        made = Watch(self._store, self.name, Path(folder), settle)
        made.prepare()
        return made

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
        failure: str | None = None,
        replicate: int | None = None,
        outside: bool = False,
    ) -> None:
        """Correct a result (None: not measured after all), what was executed, or a failure.

        The original stays visible. ``failure`` is the right kind, or ``"none"``: it did not fail.

        Raises
        ------
        NotFound, InvalidInput, Conflict
            If there is no such experiment, replicate or failure, or a value cannot be.
        """
        number = experiment_number(self.name, experiment)
        if failure is not None:
            if outcomes or executed:
                raise InvalidInput("a failure is amended on its own", hint="amend the failure, then the rest")
            correct.amend_failure(self._store, self.name, number, failure_kind(failure), reason=reason)
            return
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

    def claim(
        self,
        experiments: Sequence[int | str] | None = None,
        *,
        claimant: str,
        lease: timedelta,
        n: int = 1,
        take_over: str | None = None,
        key: str | None = None,
    ) -> Claimed:
        """Claim experiments, those named or the first ``n`` that nobody runs, so that nobody else runs them.

        Hand the results in with the token of the answer. When the lease has run out nobody else gets them by
        itself; ``take_over`` is the reason for taking them from whoever claimed them.

        Raises
        ------
        NothingToSuggest
            If no open experiment is free.
        NotFound, Conflict
            If one does not exist, is no longer open, or is claimed.
        """
        numbers = None if experiments is None else [experiment_number(self.name, each) for each in experiments]
        return claim(self._store, self.name, numbers, claimant=claimant, lease=lease, n=n, take_over=take_over, key=key)

    def renew(self, token: int, *, lease: timedelta) -> Claimed:
        """Prolong a claim from now on.

        Raises
        ------
        NotFound, Conflict
            If there is no such claim, or nothing of it is left to run.
        """
        return renew(self._store, self.name, token, lease=lease)

    def release(self, experiments: Sequence[int | str] | None = None, *, token: int | None = None, reason: str) -> None:
        """Give claimed experiments back: all that are left of a claim, or those named.

        Raises
        ------
        NotFound, Conflict
            If there is no such claim, or an experiment is not claimed, or by somebody else than the token says.
        """
        numbers = None if experiments is None else [experiment_number(self.name, each) for each in experiments]
        release(self._store, self.name, numbers, token=token, reason=reason)
