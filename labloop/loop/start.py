"""Start a campaign: a checked spec becomes a file that a person reads and edits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labloop.errors import Conflict, StorageError
from labloop.exchange.sheet import refuse_existing, written
from labloop.loop.campaigns import check
from labloop.loop.workspace import Workspace
from labloop.spec.reader import parse_spec
from labloop.spec.writer import spec_to_yaml

__all__ = ["start"]


def start(
    ws: Workspace, spec: Mapping[str, Any], *, comments: Mapping[str, str] | None = None, force: bool = False
) -> Path:
    """Write a campaign file into the workspace and return its path; the folder is made if need be.

    Raises
    ------
    InvalidSpec
        If the spec is wrong.
    Conflict
        If there is a campaign of that name.
    StorageError
        If the file cannot be written.
    """
    fields = {"schema": "labloop/1", **spec}
    # Checked as values first: the lines of a file that is not written yet help nobody.
    check(parse_spec(fields, source="the new campaign", folder=ws.campaigns))
    text = spec_to_yaml(fields, comments=comments)
    checked = parse_spec(text, source="the new campaign", folder=ws.campaigns)
    path = ws.file(checked.name)
    if path.exists():
        refuse_existing(path, force=force)
    if ws.store.exists:
        with ws.store.read() as snapshot:
            if snapshot.find(checked.name) is not None:
                raise Conflict(f"the store has a campaign {checked.name!r}", hint="choose another name")
    try:
        ws.campaigns.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{ws.campaigns} cannot be made: {error.strerror}", hint="check the folder") from error
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path
