"""labloop doctor."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rich.text import Text

from labloop import __version__
from labloop.cli.answer import Answer
from labloop.cli.options import Json, StoreUrl, workspace
from labloop.cli.render import _table, said
from labloop.errors import LabloopError
from labloop.loop.health import kept
from labloop.loop.look import verify
from labloop.loop.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]

_PACKAGES = ("torch", "botorch", "gpytorch", "numpy", "scipy", "pandas", "pydantic", "SQLAlchemy", "typer")


@dataclass(frozen=True)
class _Finding:
    what: str
    ok: bool
    said: str
    fix: str = ""


def command(json: Json = False, store: StoreUrl = None) -> Answer:
    """Check the installation, the workspace and the store.

    Says which versions are at work, whether the store can be written to and how it is kept safe, and walks
    the ledger of every campaign.

    For example:

        labloop doctor
    """
    findings = list(_findings(workspace(store)))
    data = {
        "labloop": __version__,
        "checks": [{"what": f.what, "ok": f.ok, "message": f.said, "hint": f.fix or None} for f in findings],
    }
    healthy = all(each.ok for each in findings)
    return Answer(data, lambda to: _show(to, findings), exit_code=0 if healthy else 7)


def _findings(ws: Workspace) -> Iterator[_Finding]:
    python_ok = sys.version_info >= (3, 11)
    yield _Finding("python", python_ok, f"{platform.python_version()} on {platform.platform()}", "install Python 3.11")
    for package in _PACKAGES:
        try:
            yield _Finding(package, True, version(package))
        except PackageNotFoundError:
            yield _Finding(package, False, "is not installed", "pip install labloop")
    empty = "" if ws.campaigns.is_dir() else ": no campaigns/ here yet; start one with: labloop init"
    yield _Finding("workspace", True, f"{ws.folder.absolute()}{empty}")
    free = shutil.disk_usage(ws.folder).free
    yield _Finding("disk", free > 100e6, f"{free / 1e9:.1f} GB free", "free some space")
    if not ws.campaigns.is_dir():
        return
    try:
        if ws.store.exists:
            ws.store.try_write()
            how = kept(ws.store)
            yield _Finding("store", not how.fix, f"{ws.store.where}: {how.said}", how.fix)
        else:
            yield _Finding("store", True, f"{ws.store.where}: is made with the first suggestion")
        for name in ws.names():
            yield _campaign(ws, name)
    except LabloopError as error:
        yield _Finding("store", False, error.message, error.hint)


def _campaign(ws: Workspace, name: str) -> _Finding:
    try:
        if ws.file(name).exists():
            ws.read(name)
        if name not in _stored(ws):
            return _Finding(name, True, "its file is in order; nothing proposed yet")
        row, problems = verify(ws.store, name)
        if problems:
            return _Finding(name, False, f"its ledger is broken: {problems[0]}", f"labloop verify {name}")
        drift = "; its file was edited since" if ws.drifted(row) else ""
        return _Finding(name, True, f"{row.head} entries, the chain is whole{drift}")
    except LabloopError as error:
        return _Finding(name, False, error.message, error.hint)


def _stored(ws: Workspace) -> set[str]:
    if not ws.store.exists:
        return set()
    with ws.store.read() as snapshot:
        return {row.name for row in snapshot.campaigns()}


def _show(to: Console, findings: list[_Finding]) -> None:
    table = _table()
    table.add_column("")
    table.add_column("what")
    table.add_column("found", ratio=1)
    for each in findings:
        mark = Text("ok", style="green") if each.ok else Text("NO", style="bold red")
        table.add_row(mark, each.what, Text(each.said + (f"\nfix: {each.fix}" if not each.ok and each.fix else "")))
    to.print(table)
    broken = sum(not each.ok for each in findings)
    said(to, "", "All is well." if not broken else f"{broken} of {len(findings)} need attention.")
