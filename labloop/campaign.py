"""The library's face: a campaign as one object, DataFrames in and out.

Three lines do the loop::

    campaign = labloop.open("hydrogel")
    batch = campaign.suggest(8)
    campaign.record(batch.assign(adhesion=measured))

Everything is a thin call into `labloop.loop`; what the command line does, this does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labloop.errors import InvalidInput
from labloop.exchange.foreign import Layout
from labloop.exchange.frames import experiments_frame, history_frame, rows_of_frame, suggestion_frame
from labloop.loop import campaigns, correct, look, suggest, understand
from labloop.loop.claim import Claimed, claim, release, renew
from labloop.loop.confirm import Confirmation, confirm
from labloop.loop.dossier import NO_LICENSE, write_dossier
from labloop.loop.escape import EscapeReport, escape_of
from labloop.loop.handin import add_proposed, hand_in, import_rows
from labloop.loop.heads import stamp_of
from labloop.loop.lookup import experiment_number
from labloop.loop.once import Delivery
from labloop.loop.record import Recorded, add
from labloop.loop.replay import Replayed, replay
from labloop.loop.scorecard import Scorecard, scorecard
from labloop.loop.sheets import keep_stamp, refuse_existing, write_experiments, write_foreign
from labloop.loop.surprises import Surprises, repeat_surprises, surprises
from labloop.loop.typed import failure_kind
from labloop.loop.upkeep import Kept, backup, rebuilt
from labloop.loop.watch import Watch
from labloop.loop.workspace import Workspace, open_workspace
from labloop.records import Conditions, Value
from labloop.spec.models import Spec
from labloop.spec.reader import parse_spec, read_spec
from labloop.store.heads import head_of

if TYPE_CHECKING:
    from labloop.design import Request
    from labloop.insight.explain import Explanation
    from labloop.insight.region import OperatingRegion
    from labloop.insight.validation import Check
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

    @property
    def head(self) -> str:
        """The ledger's last entry as ``NUMBER:HASH``; kept elsewhere, it shows later whether the end was cut off."""
        return str(head_of(look.status(self._store, self.name).row))

    def verify(self, *, against: str | Path | None = None) -> tuple[str, ...]:
        """Check the ledger's chain and all that follows from it; return what is wrong, nothing if all is well.

        ``against`` is a `head` that was kept elsewhere.
        """
        return tuple(str(problem) for problem in look.verify(self._store, self.name, against=against)[1])

    def rebuild(self) -> None:
        """Write all that follows from the ledger anew.

        Raises
        ------
        IntegrityError
            If the ledger's chain is broken.
        """
        rebuilt(self._store, self.name)

    def backup(self, path: str | Path, *, force: bool = False) -> Kept:
        """Copy the whole store to a .db (SQLite only) or .jsonl file, check the copy, write its heads beside it.

        `labloop.loop.upkeep.restore` takes it back into an empty store.

        Raises
        ------
        Conflict
            If the file exists and ``force`` is not given.
        """
        return backup(self._store, Path(path), force=force)

    def replay(self, experiment: int | str | None = None) -> tuple[Replayed, ...]:
        """Derive all proposals again, or the one that an experiment came from, from the ledger as it stood then.

        Raises
        ------
        NotFound
            If there is no such experiment, or the planner did not propose it.
        """
        number = None if experiment is None else experiment_number(self.name, experiment)
        return replay(self._store, self.name, number=number)

    def scorecard(self) -> Scorecard:
        """Score every frozen prediction against its result; nothing is refitted.

        ``card.overall``, ``card.rounds`` and `labloop.insight.verdict.verdict` of each of its ``cards`` say what
        the predictions of one outcome were worth.
        """
        return scorecard(self._store, self.name)

    def escape(self, batch: int | None = None) -> EscapeReport:
        """Return how far a batch (the last one unless said) went from the known and from the predicted."""
        return escape_of(self._store, self.name, batch)

    def surprises(self, *, rate: float = 0.1) -> Surprises:
        """Return results too far outside their predictions to be chance, at a false discovery ``rate``."""
        return surprises(self._store, self.name, rate=rate)

    def repeat_surprises(self, *, times: int = 1) -> Recorded:
        """Add repeats of every surprise that nobody has repeated yet.

        Raises
        ------
        NothingToSuggest
            If there is none.
        """
        return repeat_surprises(self._store, self.name, times=times)

    def confirm(
        self,
        repeats: int = 3,
        *,
        winner: int | str | None = None,
        control: int | str | None = None,
        again: bool = False,
    ) -> Confirmation:
        """Add repeats of the winner and of a control; called again when they are measured, say what is left of it.

        Raises
        ------
        NothingToSuggest
            If fewer than two different conditions have been measured.
        """
        chosen = [None if each is None else experiment_number(self.name, each) for each in (winner, control)]
        return confirm(self._store, self.name, repeats=repeats, winner=chosen[0], control=chosen[1], again=again)

    def dossier(self, path: str | Path, *, license: str = NO_LICENSE, force: bool = False) -> Path:
        """Write the campaign as a folder, or as an archive if the path ends in .zip, for a paper's supplement.

        Raises
        ------
        Conflict
            If the path exists and ``force`` is not given.
        IntegrityError
            If the ledger's chain is broken.
        """
        path = Path(path)
        write_dossier(self._store, self.name, path, license=license, force=force)
        return path

    def export(self, path: str | Path, *, layout: Layout | None = None, force: bool = False) -> Path:
        """Write all experiments to a CSV, XLSX or JSON file, or all candidates to a CSV as NIMO or EDBO+ reads it.

        A workbook carries the head of the ledger; a plain table has it beside it, in ``FILE.heads.json``.

        Raises
        ------
        InvalidInput
            If the file exists and ``force`` is not given, or its ending is none of these.
        """
        path, stamp = Path(path), stamp_of(self._store, self.name)
        if layout is not None:
            refuse_existing(path, force=force)
            write_foreign(path, self._store, self.name, layout)
            keep_stamp(path, stamp)
            return path
        if path.suffix.lower() not in (".csv", ".xlsx", ".json"):
            raise InvalidInput(f"{path.name} ends in {path.suffix!r}", hint="expected .csv, .xlsx or .json")
        experiments = look.experiments(self._store, self.name)
        write_experiments(path, self.spec, experiments, force=force, stamp=stamp)
        keep_stamp(path, stamp)
        return path
