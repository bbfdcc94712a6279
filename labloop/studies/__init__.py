"""Simulated campaigns from Python: what ``labloop simulate``, ``compare`` and ``rehearse`` do, in three lines.

::

    from labloop.studies import compare, rehearse, simulate

    found = simulate("hartmann6", strategies=["explore", "random"], seeds=20, batch=4, budget=60)
    found.standings, found.draw()

A study is kept in a folder as it runs; the same call again goes on where it was. In a notebook as in a script, the
workers need nothing of what called them.
"""

from labloop.studies.rehearsing import Rehearsed, rehearse
from labloop.studies.running import Compared, Played, Settings, compare, look, simulate

__all__ = ["Compared", "Played", "Rehearsed", "Settings", "compare", "look", "rehearse", "simulate"]
