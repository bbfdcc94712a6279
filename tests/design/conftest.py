"""Small spaces to design experiments in."""

from __future__ import annotations

from typing import Any

from labloop.spec.models import Spec


def spec_of(parameters: dict[str, Any], **more: Any) -> Spec:
    """A campaign over these parameters."""
    fields = {"name": "lab", "parameters": parameters, "objectives": {"y": {"goal": "maximize"}}}
    return Spec.model_validate({**fields, **more})


def numbers(*names: str, **more: Any) -> dict[str, Any]:
    """Parameters from 0 to 10."""
    return {name: {"bounds": [0, 10], **more} for name in names}
