"""What `labloop import --watch` says while it runs."""

from __future__ import annotations

import time
from typing import Any

from labloop.cli.answer import Answer, console
from labloop.cli.record import recorded_data
from labloop.cli.render import said
from labloop.loop.watch import Taken, Watch

__all__ = ["watched"]

_EVERY = 0.5


def watched(watch: Watch, *, once: bool, json: bool) -> Answer:
    """Take files until Ctrl-C, or until none is left with ``once``; each is said as it is taken."""
    watch.prepare()
    to = console(stderr=True)
    taken: list[Taken] = []
    if not json and not once:
        said(to, f"Watching {watch.folder} for {watch.campaign}; Ctrl-C ends it.")
    try:
        while True:
            for each in watch.look():
                taken.append(each)
                if not json:
                    said(to, _line(each))
            if once and not watch.waiting:
                break
            time.sleep(min(_EVERY, max(watch.settle, 0.01)))
    except KeyboardInterrupt:
        pass
    rejected = sum(each.error is not None for each in taken)
    text = f"{len(taken) - rejected} files taken, {rejected} rejected."
    data = {"campaign": watch.campaign, "folder": str(watch.folder), "files": [_data(each) for each in taken]}
    return Answer(data, lambda out: said(out, text))


def _line(each: Taken) -> str:
    if each.error is not None:
        return f"{each.file.name}: rejected; {each.error.message.splitlines()[0]}"
    done = each.recorded
    assert done is not None
    return (
        f"{each.file.name}: {len(done.recorded)} recorded, {len(done.added)} new, {done.skipped} there already"
        + "".join(f"\n  note: {note}" for note in done.notes)
    )


def _data(each: Taken) -> dict[str, Any]:
    if each.error is not None:
        return {"file": str(each.file), "ok": False, "error": {"code": each.error.code, "message": each.error.message}}
    assert each.recorded is not None
    return {"file": str(each.file), "ok": True, "notes": list(each.recorded.notes), **recorded_data(each.recorded)}
