"""Answers as JSON values: every field of every answer, the arrays they were computed from left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from labloop.insight.runs import Runs
from labloop.insight.terms import Term

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return an answer as dicts, lists, numbers and texts; a term is its name."""
    if isinstance(value, Term):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = [each.name for each in fields(value) if not isinstance(getattr(value, each.name), Runs)]
        return {name: plain(getattr(value, name)) for name in kept}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.item() if isinstance(value, np.generic) else value
