"""The library's face: a campaign as one object, DataFrames in and out.

Three lines do the loop::

    campaign = labloop.open("hydrogel")
    batch = campaign.suggest(8)
    campaign.record(batch.assign(adhesion=measured))

Everything is a thin call into `labloop.loop`; what the command line does, this does.
"""

from labloop.campaign.face import Campaign, create, open

__all__ = ["Campaign", "create", "open"]
