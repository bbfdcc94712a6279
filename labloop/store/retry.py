"""Runs a use case again when the database took its transaction back because of somebody else's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from labloop.errors import Busy
from labloop.store.refusals import Overtaken

__all__ = ["retried"]

_ATTEMPTS = 10
_FIRST_PAUSE = 0.01
P = ParamSpec("P")
T = TypeVar("T")


def retried(use_case: Callable[P, T]) -> Callable[P, T]:
    """Run a use case of one transaction until nobody comes between, at most ten times.

    PostgreSQL ends one of two transactions that cannot both be right (serialisation failure, deadlock) and expects
    it to be run again, as a whole: what it read is no longer true. Nothing of it was written.
    """

    @wraps(use_case)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return use_case(*args, **kwargs)
            except Overtaken:
                # Two processes that met once must not meet again at the same moment.
                time.sleep(_FIRST_PAUSE * 2**attempt * random.Random().random())
        try:
            return use_case(*args, **kwargs)
        except Overtaken as error:
            raise Busy(f"{error.message}, {_ATTEMPTS} times in a row", hint="try again later") from error

    return wrapper
