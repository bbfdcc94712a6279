"""A campaign as one folder or archive, for a paper's supplement: whole, checkable and replayable without us.

Everything in it follows from the ledger, so the same ledger gives the same bytes, whenever and wherever it is
written (an archive is stored without compression for that reason: compressors differ). Its README holds a recipe
of the standard library alone that checks the chain of hashes; `read_dossier` does the same, for a replay.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from labloop.errors import Conflict, IntegrityError, InvalidInput, NotFound, StorageError
from labloop.exchange.crate import METADATA, Described, crate_metadata
from labloop.exchange.layout import export_sheet
from labloop.exchange.sheet import Column, Sheet, refuse_existing, write_sheet, written
from labloop.loop.campaigns import spec_of
from labloop.records import QUANTILES, Experiment, LedgerEntry, experiment_id
from labloop.spec.models import Spec
from labloop.spec.writer import spec_to_yaml
from labloop.store import CampaignRow, Store
from labloop.store.chain import broken_links, canonical

__all__ = ["NO_LICENSE", "dossier_files", "head_of_dossier", "read_dossier", "write_dossier"]

NO_LICENSE = "not stated: ask the authors before you use it"
_LEDGER, _HEAD = "ledger.jsonl", "head.json"
_MOST_BYTES = 200_000_000

_RECIPE = """\
import hashlib, json

head, previous = json.load(open("head.json", encoding="utf-8")), "0" * 64
for line in open("ledger.jsonl", encoding="utf-8"):
    entry = json.loads(line)
    claimed = entry.pop("hash")
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if entry["previous"] != previous or hashlib.sha256(text.encode("utf-8")).hexdigest() != claimed:
        raise SystemExit(f"entry {entry['sequence']} was changed, removed, inserted or swapped")
    previous = claimed
if previous != head["hash"]:
    raise SystemExit("the ledger does not end in the head that was published")
print("whole:", head["sequence"], "entries, head", previous)
"""


def write_dossier(store: Store, name: str, path: Path, *, license: str = NO_LICENSE, force: bool = False) -> int:
    """Write a campaign's dossier: an archive if the path ends in .zip, else a folder; return the number of files.

    Raises
    ------
    Conflict
        If the path exists and ``force`` is not given, or is a folder that holds something else.
    StorageError
        If it cannot be written.
    """
    files = dossier_files(store, name, license=license)
    if path.suffix.lower() == ".zip":
        refuse_existing(path, force=force)
        with written(path) as aside:
            _archive(aside, name, files)
        return len(files)
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (force and (path / METADATA).is_file())):
        raise Conflict(f"{path} exists", hint="choose another folder; --force replaces an older dossier only")
    _folder(path, files)
    return len(files)


def dossier_files(store: Store, name: str, *, license: str = NO_LICENSE) -> dict[str, bytes]:
    """Return the files of a dossier by their path in it.

    Raises
    ------
    IntegrityError
        If the chain of the ledger is broken: what is not whole is not handed on.
    """
    with store.read() as snapshot:
        row = snapshot.campaign(name)
        entries = tuple(snapshot.entries(row))
        experiments = snapshot.experiments(row)
    broken = next(broken_links(entries), None)
    if broken is not None:
        raise IntegrityError(f"the ledger of {name} is not whole: {broken}", hint=f"labloop verify {name}")
    spec = spec_of(row)
    described = {**_ledger(row, entries), **_specs(entries), **_data(spec, experiments), **_environment(entries)}
    described = {"README.md": ("what this is and how to check it", _readme(row, spec, entries)), **described}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, (_, content) in described.items())
    described["checksums.txt"] = ("SHA-256 of every file: sha256sum -c checksums.txt", sums.encode())
    about = Described(
        name=name,
        description=spec.question or f"The campaign {name}, proposed and kept by labloop.",
        license=license,
        began=entries[0].at,
        ended=entries[-1].at,
        version=entries[-1].version,
    )
    return {METADATA: crate_metadata(about, described), **{path: content for path, (_, content) in described.items()}}


def read_dossier(path: Path) -> tuple[str, tuple[LedgerEntry, ...]]:
    """Read the ledger out of a dossier, check it, and return it with the campaign's name.

    Raises
    ------
    NotFound
        If there is no such folder or archive.
    InvalidInput
        If it is not a dossier.
    IntegrityError
        If the ledger in it is not whole, or does not end in its published head.
    """
    try:
        head = json.loads(_taken(path, _HEAD))
        lines = _taken(path, _LEDGER).decode("utf-8").split("\n")
        entries = tuple(LedgerEntry(**json.loads(line)) for line in lines if line)
        name, last = str(head["campaign"]), str(head["hash"])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{path} is not a dossier", hint="write one with: labloop dossier") from error
    broken = next(broken_links(entries), None)
    if broken is not None:
        raise IntegrityError(f"the ledger in {path} is not whole: {broken}", hint="get the dossier again")
    if not entries or entries[-1].hash != last:
        raise IntegrityError(f"the ledger in {path} does not end in its published head", hint="get the dossier again")
    return name, entries


def head_of_dossier(path: Path) -> dict[str, Any]:
    """Return what a dossier says of its head: the campaign, the entry's number, its hash.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such dossier, or it is none.
    """
    try:
        found: dict[str, Any] = json.loads(_taken(path, _HEAD))
    except (ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{path} is not a dossier", hint="write one with: labloop dossier") from error
    return found


def _taken(path: Path, member: str) -> bytes:
    try:
        if path.is_dir():
            return (path / member).read_bytes()
        with zipfile.ZipFile(path) as archive:
            found = next((each for each in archive.infolist() if each.filename.endswith(f"/{member}")), None)
            if found is None or found.file_size > _MOST_BYTES:
                raise InvalidInput(f"{path} is not a dossier", hint="write one with: labloop dossier")
            return archive.read(found)
    except FileNotFoundError as error:
        raise NotFound(f"no dossier {path}", hint="name its folder or archive") from error


def _ledger(row: CampaignRow, entries: Iterable[LedgerEntry]) -> dict[str, tuple[str, bytes]]:
    names = [each.name for each in fields(LedgerEntry)]
    lines = [canonical({name: getattr(entry, name) for name in names}) + "\n" for entry in entries]
    head = {"campaign": row.name, "sequence": row.head, "hash": row.head_hash}
    return {
        _HEAD: ("number and hash of the ledger's last entry: compare it with a head published elsewhere", _json(head)),
        _LEDGER: ("the append-only, hash-chained ledger, one entry a line", "".join(lines).encode()),
    }


def _specs(entries: Iterable[LedgerEntry]) -> dict[str, tuple[str, bytes]]:
    found = {}
    for entry in entries:
        if entry.kind in ("created", "revised"):
            version, because = entry.payload["version"], entry.payload.get("reason", "")
            what = f"version {version} of the campaign file, from entry {entry.sequence}"
            text = spec_to_yaml(json.loads(entry.payload["spec"]))
            found[f"specs/v{version}.yaml"] = (f"{what}: {because}" if because else what, text.encode())
    return found


def _data(spec: Spec, experiments: Sequence[Experiment]) -> dict[str, tuple[str, bytes]]:
    return {
        "data/experiments.csv": (
            "every experiment, one row a measurement, conditions as executed, corrections applied",
            _csv(export_sheet(spec, experiments)),
        ),
        "data/predictions.csv": (
            "what was predicted of every proposed experiment before it was run",
            _csv(_predictions(spec, experiments)),
        ),
    }


def _predictions(spec: Spec, experiments: Iterable[Experiment]) -> Sheet:
    names = ["experiment", "batch", "outcome", "unit", "mean", "sd", "q0.05", "q0.5", "q0.95"]
    columns = tuple(Column(name) for name in (*names, *(f"q{level:g}" for level in QUANTILES)))
    rows = []
    for each in experiments:
        for outcome, claim in each.predictions.items():
            unit = spec.outcomes[outcome].unit if outcome in spec.outcomes else None
            shape = claim.quantiles or (None,) * len(QUANTILES)
            begin = (experiment_id(spec.name, each.number), each.batch, outcome, unit)
            rows.append((*begin, claim.mean, claim.sd, claim.low, claim.median, claim.high, *shape))
    return Sheet(columns, tuple(rows))


def _environment(entries: Iterable[LedgerEntry]) -> dict[str, tuple[str, bytes]]:
    seen: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "proposed":
            used = {"packages": entry.payload.get("packages", {}), "machine": entry.payload.get("machine")}
            seen.setdefault(canonical(used), {**used, "entries": []})["entries"].append(entry.sequence)
    last: Mapping[str, str] = next(reversed(seen.values()), {}).get("packages", {})
    pins = "".join(f"{package}=={version}\n" for package, version in sorted(last.items()) if version != "unknown")
    return {
        "environment.json": ("versions and machine behind each proposal, by ledger entry", _json(list(seen.values()))),
        "requirements.txt": ("the versions behind the last proposal, for pip", pins.encode()),
    }


def _readme(row: CampaignRow, spec: Spec, entries: Sequence[LedgerEntry]) -> bytes:
    proposals = sum(entry.kind == "proposed" for entry in entries)
    text = f"""\
# {row.name}

{spec.question or "A campaign proposed and kept by labloop."}

{row.head} ledger entries, {proposals} proposals, {row.experiments} experiments, {row.spec_version} version(s) of the
campaign file. Head of the ledger: `{row.head_hash}` (entry {row.head}).

A proposal and its predictions are entries of the ledger, written before the results; corrections are further
entries. Each entry carries the SHA-256 of the one before it, so none can be changed, removed or inserted without
changing every hash after it, the head included.

## Check that the ledger is whole

With Python alone, in this folder:

```python
{_RECIPE}```

## Derive every proposal again

```sh
pip install -r requirements.txt
labloop replay --dossier .
```

`environment.json` says which versions and which machine stood behind each proposal. On another processor the last
digits of a prediction may differ; the answer says by how much.

## What is in it

- `specs/`: every version of the campaign file
- `data/experiments.csv`: what was run and measured; `data/predictions.csv`: what had been predicted
- `ledger.jsonl`, `head.json`: the ledger as it was written, and its head
- `environment.json`, `requirements.txt`: software
- `{METADATA}`: this folder described as an RO-Crate 1.1; `checksums.txt`: `sha256sum -c checksums.txt`
"""
    return text.encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _csv(sheet: Sheet) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        write_sheet(path, sheet)
        return path.read_bytes()


def _archive(path: Path, name: str, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for member, content in files.items():
            # No time of writing and no system's own attributes: the same bytes every time.
            info = zipfile.ZipInfo(f"{name}/{member}", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, content)


def _folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder aside and move it into place, so that a half-written one is never seen."""
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            for member, content in files.items():
                (aside / member).parent.mkdir(exist_ok=True)
                (aside / member).write_bytes(content)
            aside.chmod(0o755)
            if path.is_dir():
                shutil.rmtree(path)
            aside.replace(path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", hint="check the folder") from error
