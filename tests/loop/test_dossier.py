"""A dossier is whole, checkable with the standard library alone, replayable, and the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from labloop.errors import Conflict, IntegrityError, InvalidInput, NotFound
from labloop.loop.campaigns import create, revise
from labloop.loop.correct import amend, veto
from labloop.loop.dossier import dossier_files, read_dossier, write_dossier
from labloop.loop.look import history
from labloop.loop.record import record
from labloop.loop.replay import replay_entries
from labloop.loop.suggest import suggest
from labloop.records import Result
from labloop.spec.reader import parse_spec
from labloop.store import Store
from tests.conftest import grid_plan, make_spec


@pytest.fixture
def reaction(store: Store) -> Store:
    create(store, make_spec(question="Größer als 5 µm?\u2028Or not?"))
    for _ in range(2):
        batch = suggest(store, "reaction", plan=grid_plan).experiments
        record(store, "reaction", [Result(e.number, {"yield": 10.1 * e.number}, note='a "note"\r\n') for e in batch])
    amend(store, "reaction", 2, outcomes={"yield": 1e-7}, reason="typo")
    revise(store, make_spec(), reason="said more clearly")
    suggest(store, "reaction", plan=grid_plan)
    veto(store, "reaction", [9], reason="no vessel")
    return store


def recipe(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python in the README as a reader would: isolated, without site-packages, in the dossier's folder."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    words = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_its_own_recipe_finds_it_whole_with_the_standard_library_alone(reaction: Store, tmp_path: Path) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d")
    done = recipe(tmp_path / "d")
    row = history(reaction, "reaction").row
    assert done.stdout == f"whole: {row.head} entries, head {row.head_hash}\n", done.stderr


@pytest.mark.parametrize(
    ("old", "new"), [("typo", "none"), ('"yield":10.1', '"yield":99.9'), ('"actor":"', '"actor":"x')]
)
def test_its_own_recipe_finds_any_change(reaction: Store, tmp_path: Path, old: str, new: str) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d")
    ledger = tmp_path / "d" / "ledger.jsonl"
    text = ledger.read_text(encoding="utf-8")
    assert old in text
    ledger.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = recipe(tmp_path / "d")
    assert (done.returncode, done.stdout) == (1, "")
    assert "was changed" in done.stderr
    with pytest.raises(IntegrityError, match="is not whole"):
        read_dossier(tmp_path / "d")


def test_entries_swapped_or_cut_off_are_found(reaction: Store, tmp_path: Path) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d")
    ledger = tmp_path / "d" / "ledger.jsonl"
    first, second, *rest = [f"{line}\n" for line in ledger.read_text(encoding="utf-8").split("\n") if line]
    for changed, said in (([second, first, *rest], "is not whole"), ([first, second, *rest[:-1]], "published head")):
        ledger.write_text("".join(changed), encoding="utf-8")
        assert recipe(tmp_path / "d").returncode == 1
        with pytest.raises(IntegrityError, match=said):
            read_dossier(tmp_path / "d")


def test_the_same_ledger_gives_the_same_bytes(reaction: Store, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_dossier(reaction, "reaction", tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    write_dossier(reaction, "reaction", tmp_path / "d")
    files = dossier_files(reaction, "reaction")
    assert {str(p.relative_to(tmp_path / "d")) for p in (tmp_path / "d").rglob("*") if p.is_file()} == set(files)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {each.removeprefix("reaction/"): archive.read(each) for each in archive.namelist()} == files


def test_every_proposal_comes_out_again_from_the_dossier_alone(reaction: Store, tmp_path: Path) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d.zip")
    name, entries = read_dossier(tmp_path / "d.zip")
    assert name == "reaction"
    assert entries == history(reaction, "reaction").entries
    assert [each.sameness.value for each in replay_entries(entries, plan=grid_plan)] == ["identical"] * 3


def test_the_files_say_what_the_ledger_says(reaction: Store, tmp_path: Path) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d")
    versions = sorted((tmp_path / "d" / "specs").iterdir())
    assert [path.name for path in versions] == ["v1.yaml", "v2.yaml"]
    assert parse_spec(versions[1].read_text(encoding="utf-8")) == make_spec()
    with (tmp_path / "d" / "data" / "experiments.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["yield [%]"] == "1e-07"
    with (tmp_path / "d" / "data" / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["q0.5"] for row in csv.DictReader(file)] == ["50"] * 9
    (environment,) = json.loads((tmp_path / "d" / "environment.json").read_text())
    assert len(environment["entries"]) == 3
    pins = (tmp_path / "d" / "requirements.txt").read_text()
    assert f"torch=={environment['packages']['torch']}\n" in pins
    for line in (tmp_path / "d" / "checksums.txt").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "d" / name).read_bytes()).hexdigest() == digest


def test_the_crate_has_what_ro_crate_demands(reaction: Store) -> None:
    files = dossier_files(reaction, "reaction", license="https://creativecommons.org/licenses/by/4.0/")
    crate = json.loads(files["ro-crate-metadata.json"])
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {each["@id"]: each for each in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= set(root)
    assert root["license"]["@id"] in entities
    parts = {each["@id"] for each in root["hasPart"]}
    assert parts == set(files) - {"ro-crate-metadata.json"}
    assert all(int(entities[part]["contentSize"]) == len(files[part]) for part in parts)


def test_an_existing_folder_is_replaced_only_if_it_is_an_older_dossier(reaction: Store, tmp_path: Path) -> None:
    write_dossier(reaction, "reaction", tmp_path / "d")
    with pytest.raises(Conflict, match="exists"):
        write_dossier(reaction, "reaction", tmp_path / "d")
    write_dossier(reaction, "reaction", tmp_path / "d", force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(Conflict, match="exists"):
        write_dossier(reaction, "reaction", tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_what_is_no_dossier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no dossier"):
        read_dossier(tmp_path / "nothing.zip")
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    (tmp_path / "head.json").write_text('{"campaign": "a", "hash": "b"}')
    (tmp_path / "ledger.jsonl").write_text('{"sequence": 1}\n')
    for path in (tmp_path / "a.zip", tmp_path):
        with pytest.raises(InvalidInput, match="is not a dossier"):
            read_dossier(path)
