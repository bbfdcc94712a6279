"""The library's face, what was learnt: effects, models, regions, and how far predictions and winners hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labloop.campaign.base import Held
from labloop.loop import understand
from labloop.loop.confirm import Confirmation, confirm
from labloop.loop.escape import EscapeReport, escape_of
from labloop.loop.lookup import experiment_number
from labloop.loop.record import Recorded
from labloop.loop.scorecard import Scorecard, scorecard
from labloop.loop.surprises import Surprises, repeat_surprises, surprises

if TYPE_CHECKING:
    from labloop.insight.explain import Explanation
    from labloop.insight.region import OperatingRegion
    from labloop.insight.validation import Check


__all__ = ["Understood"]


class Understood(Held):
    """What a campaign has learnt."""

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
