"""The statements that every suggestion and every result runs, built once.

Building a statement with SQLAlchemy costs several times what the database takes to run it; one that is kept also
keeps the key under which its compiled form is found again. What is asked now and then is built where it is asked.

Values are bound by name: ``name`` of a campaign, ``campaign`` its id, ``numbers`` (or ``number``) of experiments.
"""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from labloop.store import tables as t

__all__ = [
    "ADD_EXPERIMENT",
    "ADD_LEDGER",
    "ADD_RESULT",
    "ADD_TOUCH",
    "ALL_RECORDS",
    "CHANGE_CAMPAIGN",
    "CHANGE_EXPERIMENT",
    "DROP_EXPERIMENTS",
    "DROP_RESULTS",
    "FIND",
    "HEAD",
    "LOCK",
    "RECORD",
    "RECORDS",
]

_CAMPAIGN: BindParameter[int] = bindparam("campaign")
_NUMBERS: BindParameter[int] = bindparam("numbers", expanding=True)

FIND = select(t.campaign).where(t.campaign.c.name == bindparam("name"))
LOCK = FIND.with_for_update()
"""PostgreSQL's lock on the head row: what is read after it is as new as it. SQLite holds the whole file."""
HEAD = select(t.campaign).where(t.campaign.c.id == _CAMPAIGN).with_for_update()
CHANGE_CAMPAIGN = update(t.campaign).where(t.campaign.c.id == _CAMPAIGN)

ALL_RECORDS = select(t.experiment.c.number, t.experiment.c.record).where(t.experiment.c.campaign_id == _CAMPAIGN)
RECORDS = ALL_RECORDS.where(t.experiment.c.number.in_(_NUMBERS))
RECORD = ALL_RECORDS.where(t.experiment.c.number == bindparam("number"))
"""One record: a list of one would be written out into the statement anew each time."""

ADD_LEDGER = insert(t.ledger)
ADD_EXPERIMENT = insert(t.experiment)
ADD_RESULT = insert(t.result)
ADD_TOUCH = insert(t.touch)
CHANGE_EXPERIMENT = update(t.experiment).where(
    t.experiment.c.campaign_id == _CAMPAIGN, t.experiment.c.number == bindparam("which")
)
DROP_EXPERIMENTS = delete(t.experiment).where(
    t.experiment.c.campaign_id == _CAMPAIGN, t.experiment.c.number.in_(_NUMBERS)
)
DROP_RESULTS = delete(t.result).where(t.result.c.campaign_id == _CAMPAIGN, t.result.c.experiment.in_(_NUMBERS))
