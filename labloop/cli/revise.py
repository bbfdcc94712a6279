"""labloop revise."""

from __future__ import annotations

from labloop.cli.answer import Answer
from labloop.cli.options import CampaignName, Json, Reason, StoreUrl, workspace
from labloop.cli.prompts import reason_or_ask
from labloop.cli.render import said

__all__ = ["command"]


def command(campaign: CampaignName = None, reason: Reason = None, json: Json = False, store: StoreUrl = None) -> Answer:
    """Take an edited campaign file in as a new version.

    Experiments already run keep the version they were proposed under.

    For example:

        labloop revise hydrogel --reason "the oven reaches 90 degrees"
    """
    ws = workspace(store)
    name = ws.resolve(campaign)
    row = ws.revise(name, reason=reason_or_ask(reason, json))
    text = f"{ws.file(name)} is now version {row.spec_version} of {name}."
    return Answer({"campaign": name, "spec_version": row.spec_version}, lambda console: said(console, text))
