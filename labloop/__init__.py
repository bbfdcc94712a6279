"""labloop proposes the experiment nobody would have tried, and keeps the books honest.

Three lines do the loop::

    import labloop

    campaign = labloop.open("hydrogel")  # campaigns/hydrogel.yaml
    batch = campaign.suggest(8)  # a DataFrame, outcomes empty
    campaign.record(batch.assign(adhesion=measured))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labloop.campaign import Campaign, create, open
    from labloop.errors import LabloopError
    from labloop.spec.models import Spec

__all__ = ["Campaign", "LabloopError", "Spec", "__version__", "create", "open"]

__version__ = "0.1.0"

_HOMES = {
    "Campaign": "labloop.campaign",
    "create": "labloop.campaign",
    "open": "labloop.campaign",
    "LabloopError": "labloop.errors",
    "Spec": "labloop.spec.models",
}


def __getattr__(name: str) -> Any:
    # The command line imports this package too, and must not wait for pandas.
    if name not in _HOMES:
        raise AttributeError(f"module 'labloop' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
