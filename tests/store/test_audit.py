"""Somebody opens the file with sqlite3, drops the triggers and changes something: verify names it, rebuild mends."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labloop.errors import IntegrityError, InvalidInput
from labloop.loop.look import verify
from labloop.loop.upkeep import rebuilt
from labloop.records import LedgerEntry
from labloop.store import Store, expect
from labloop.store.chain import canonical, entry_hash, fingerprint, parsed
from labloop.store.heads import head_of
from tests.store.frozen.freeze import fill

READ_MODELS = ("experiment", "result", "touch", "receipt", "request")
FORGED = (
    "INSERT INTO ledger SELECT campaign_id, {}, kind, at, actor, version, payload, previous, hash "
    "FROM ledger WHERE campaign_id = 1 AND sequence = 3"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "labloop.db"
    store = Store(f"sqlite:///{path}")
    fill(store)
    store.close()
    return path


class Tampered:
    """A copy of a store that can be changed behind labloop's back."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self._whole = whole
        self.path = folder / "tampered.db"
        self.store = Store(f"sqlite:///{self.path}")
        self.again()

    def again(self) -> None:
        shutil.copyfile(self._whole, self.path)

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()

    def dump(self) -> dict[str, list[Any]]:
        """Everything that follows from the ledger, byte for byte, in order of the keys."""
        tables = {table: self.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in READ_MODELS}
        return tables | {"campaign": self.rows("SELECT * FROM campaign ORDER BY 1")}

    def problems(self, **options: Any) -> list[str]:
        return [str(each) for each in verify(self.store, "reaction", **options)[1]]


@pytest.fixture
def tampered(whole: Path, tmp_path: Path) -> Tampered:
    return Tampered(whole, tmp_path)


def _cells(tampered: Tampered, table: str) -> Iterator[tuple[int, str]]:
    columns = [name for _, name, *_ in tampered.rows(f"PRAGMA table_info({table})")]
    for (row,) in tampered.rows(f"SELECT rowid FROM {table} WHERE campaign_id = 1"):
        for column in columns:
            yield row, column


def test_a_store_that_nobody_touched_verifies(tampered: Tampered) -> None:
    assert tampered.problems() == []
    assert verify(tampered.store, "empty")[1] == ()


def test_every_single_field_of_the_ledger_is_watched(tampered: Tampered) -> None:
    for row, column in list(_cells(tampered, "ledger")):
        tampered.again()
        ((sequence, old),) = tampered.rows(f"SELECT sequence, {column} FROM ledger WHERE rowid = {row}")
        new = "2" if column == "campaign_id" else str(old + 1000) if column == "sequence" else f"'{_other(old)}'"
        tampered.run(f"UPDATE OR REPLACE ledger SET {column} = {new} WHERE rowid = {row}")
        said = " ".join(tampered.problems())
        assert f"entry {sequence}" in said or f"entry {sequence + 1}" in said, (sequence, column, said)


def _other(old: str) -> str:
    """Change one character, such that JSON stays JSON where it can."""
    for digit in "123456789":
        if digit in old:
            return old.replace(digit, str(int(digit) % 9 + 1), 1).replace("'", "''")
    return f"{old}x"


def test_every_single_field_of_a_read_model_is_watched(tampered: Tampered) -> None:
    seen = 0
    for table in READ_MODELS:
        for row, column in list(_cells(tampered, table)):
            tampered.again()
            ((old,),) = tampered.rows(f"SELECT {column} FROM {table} WHERE rowid = {row}")
            new = f"'{_other(old)}'" if isinstance(old, str) else str((old or 0) + 1)
            tampered.run(f"UPDATE OR REPLACE {table} SET {column} = {new} WHERE rowid = {row}")
            assert any(problem.startswith(f"{table} ") for problem in tampered.problems()), (table, row, column)
            seen += 1
    assert seen > 150


@pytest.mark.parametrize("column", ["head", "head_hash", "spec_version", "spec", "source", "experiments", "batches"])
def test_every_field_of_the_campaigns_row_is_watched(tampered: Tampered, column: str) -> None:
    tampered.run(f"UPDATE campaign SET {column} = 7 WHERE id = 1")
    assert any(column in problem for problem in tampered.problems())


@pytest.mark.parametrize("table", ["experiment", "result", "touch", "receipt"])
def test_a_row_of_a_read_model_that_is_gone_or_new_is_named(tampered: Tampered, table: str) -> None:
    tampered.run(f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    assert any(problem.startswith(f"{table} ") and "missing" in problem for problem in tampered.problems())
    tampered.again()
    key = "key" if table == "receipt" else "number" if table == "experiment" else "experiment"
    new = "'x'" if table == "receipt" else "4000000"
    tampered.run(
        f"CREATE TEMP TABLE copied AS SELECT * FROM {table} LIMIT 1",
        f"UPDATE copied SET {key} = {new}",
        f"INSERT INTO {table} SELECT * FROM copied",
    )
    assert any(problem.startswith(f"{table} ") and "not in the ledger" in problem for problem in tampered.problems())


def test_what_the_table_of_touches_says_of_the_last_entry_is_not_believed(tampered: Tampered) -> None:
    """Its rows say when an experiment can be let go; each wrong row of it, and only that, is named all the same."""
    rows = tampered.rows("SELECT experiment, sequence FROM touch WHERE campaign_id = 1")
    assert len(rows) > 20
    for experiment, sequence in rows:
        tampered.again()
        tampered.run(f"DELETE FROM touch WHERE campaign_id = 1 AND experiment = {experiment} AND sequence = {sequence}")
        assert tampered.problems() == [f"touch {experiment} {sequence}: is missing"]
    for experiment in {experiment for experiment, _ in rows}:
        for at in (0, 1, 14, 4000, "'x'"):
            tampered.again()
            tampered.run(f"INSERT INTO touch VALUES (1, {experiment}, {at})")
            shown = str(at).strip("'")
            assert tampered.problems() == [f"touch {experiment} {shown}: is not in the ledger"]
    tampered.again()
    tampered.run("DELETE FROM touch WHERE campaign_id = 1")
    assert len(tampered.problems()) == len(rows)


def test_a_row_that_stands_there_twice_is_named(tampered: Tampered) -> None:
    # Only a table without its key can hold one.
    for table in READ_MODELS:
        tampered.again()
        tampered.run(
            f"CREATE TABLE copied AS SELECT * FROM {table} UNION ALL SELECT * FROM (SELECT * FROM {table} LIMIT 1)",
            f"DROP TABLE {table}",
            f"ALTER TABLE copied RENAME TO {table}",
        )
        (problem,) = tampered.problems()
        assert problem.startswith(f"{table} ")
        assert problem.endswith("stands there 2 times")


def test_a_long_ledger_is_compared_in_parts_and_its_waiting_states_are_packed(
    tampered: Tampered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expect, "_PART", 2)
    monkeypatch.setattr(expect, "_AT_HAND", 1)
    assert tampered.problems() == []
    before = tampered.dump()
    tampered.run("DELETE FROM experiment WHERE number IN (3, 9)", "UPDATE result SET mean = 0 WHERE experiment = 2")
    found = sorted(each.split(":")[0] for each in tampered.problems())
    assert found == ["experiment 3", "experiment 9", "result 2 yield"]
    rebuilt(tampered.store, "reaction")
    assert tampered.dump() == before


def test_of_very_many_differences_a_hundred_are_named(tampered: Tampered) -> None:
    rows = ", ".join(f"(1, {number}, 'yield', 1, 1)" for number in range(100, 400))
    tampered.run(f"INSERT INTO result VALUES {rows}")
    said = tampered.problems()
    assert len(said) == 101
    assert "only the first 100" in said[-1]


@pytest.mark.parametrize("sequence", [1, 2, 7, 14])
def test_a_deleted_entry_is_named(tampered: Tampered, sequence: int) -> None:
    tampered.run(f"DELETE FROM ledger WHERE campaign_id = 1 AND sequence = {sequence}")
    assert any(f"entry {sequence} is missing" in problem for problem in tampered.problems())


def test_an_inserted_entry_is_named(tampered: Tampered) -> None:
    shifted = "UPDATE ledger SET sequence = {} WHERE campaign_id = 1 AND sequence {}"
    tampered.run(shifted.format("-sequence - 1", ">= 5"), shifted.format("-sequence", "< 0"), FORGED.format(5))
    assert any("entry 5" in problem for problem in tampered.problems())


def test_swapped_entries_are_named(tampered: Tampered) -> None:
    shifted = "UPDATE ledger SET sequence = {} WHERE campaign_id = 1 AND sequence = {}"
    tampered.run(shifted.format(-1, 3), shifted.format(3, 5), shifted.format(5, -1))
    said = " ".join(tampered.problems())
    assert "entry 3" in said
    assert "entry 5" in said


def test_a_cut_tail_is_found_by_the_row_of_the_campaign(tampered: Tampered) -> None:
    tampered.run("DELETE FROM ledger WHERE campaign_id = 1 AND sequence > 12")
    assert any("entries 13 to 20 are missing" in problem for problem in tampered.problems())


def test_a_tail_cut_with_care_is_found_by_a_head_that_was_kept(tampered: Tampered) -> None:
    with tampered.store.read() as snapshot:
        kept = str(head_of(snapshot.campaign("reaction")))
    tampered.run("DELETE FROM ledger WHERE campaign_id = 1 AND sequence > 12")
    rebuilt(tampered.store, "reaction")
    assert tampered.problems() == []
    (problem,) = tampered.problems(against=kept)
    assert "entry 20 is missing: the ledger was cut off after entry 12" in problem
    (problem,) = tampered.problems(against=kept.partition(":")[2])
    assert "no entry has the hash" in problem


def test_a_head_that_was_kept_is_still_there_when_entries_were_added(tampered: Tampered) -> None:
    ((kept,),) = tampered.rows("SELECT hash FROM ledger WHERE campaign_id = 1 AND sequence = 9")
    for head in (f"9:{kept}", f"9:{kept[:12]}", kept, kept.upper()):
        assert tampered.problems(against=head) == []
    (problem,) = tampered.problems(against=f"8:{kept}")
    assert "entry 8 has the hash" in problem


@pytest.mark.parametrize("head", ["", "15", "15:xyz", "15:abc", "15:" + "0" * 65])
def test_what_is_no_head_is_refused(tampered: Tampered, head: str) -> None:
    with pytest.raises(InvalidInput, match="is not a head"):
        tampered.problems(against=head)


DAMAGE: dict[str, Callable[[Tampered], None]] = {
    "emptied": lambda t: t.run(*(f"DELETE FROM {table}" for table in READ_MODELS)),
    "wrong": lambda t: t.run("UPDATE experiment SET record = '{}'", "UPDATE result SET mean = mean + 1"),
    "more": lambda t: t.run("INSERT INTO touch VALUES (1, 99, 99)", "INSERT INTO result VALUES (1, 99, 'yield', 1, 1)"),
    "head": lambda t: t.run("UPDATE campaign SET head = 3, head_hash = 'x', spec = '{}', experiments = 1 WHERE id = 1"),
    "lost": lambda t: t.run("DELETE FROM campaign WHERE id = 1"),
    "renamed": lambda t: t.run("UPDATE campaign SET spec_version = 9, batches = 9 WHERE id = 1"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_rebuild_writes_the_read_models_byte_for_byte(tampered: Tampered, damage: str) -> None:
    before = tampered.dump()
    DAMAGE[damage](tampered)
    assert tampered.dump() != before
    for name in ("reaction", "empty"):
        rebuilt(tampered.store, name)
    assert tampered.dump() == before
    assert tampered.problems() == []


def test_a_campaign_whose_row_is_gone_is_said_with_its_fix(tampered: Tampered) -> None:
    tampered.run("DELETE FROM campaign WHERE id = 1")
    with pytest.raises(IntegrityError, match="is in the ledger, but not among the campaigns") as caught:
        tampered.problems()
    assert caught.value.hint == "labloop rebuild reaction"


def test_rebuild_refuses_a_broken_ledger_and_changes_nothing(tampered: Tampered) -> None:
    tampered.run("UPDATE ledger SET actor = 'me' WHERE campaign_id = 1 AND sequence = 4", "DELETE FROM result")
    before = tampered.dump()
    with pytest.raises(IntegrityError, match="entry 4: was changed after it was written"):
        rebuilt(tampered.store, "reaction")
    assert tampered.dump() == before


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger SET at = 'x' WHERE sequence = 3", "DELETE FROM ledger WHERE sequence = 3"]
)
def test_tampering_on_a_server_is_named_and_mended_too(postgres: str, statement: str) -> None:
    store = Store(postgres)
    fill(store)
    assert verify(store, "reaction")[1] == ()
    with store.write() as transaction:
        transaction._connection.exec_driver_sql("UPDATE result SET mean = mean + 1e-9")
    assert any("result 1 yield" in str(problem) for problem in verify(store, "reaction")[1])
    rebuilt(store, "reaction")
    assert verify(store, "reaction")[1] == ()
    with store.write() as transaction:
        transaction._connection.exec_driver_sql("ALTER TABLE ledger DISABLE TRIGGER USER")
        transaction._connection.exec_driver_sql(statement)
    assert any("entry 3" in str(problem) for problem in verify(store, "reaction")[1])


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_TEXT, each, max_size=3),
    max_leaves=8,
)


# No deadline: how long an example takes is the machine's business, and a busy one would fail it.
@settings(deadline=None)
@given(
    st.builds(
        LedgerEntry,
        _TEXT,
        st.integers(1),
        _TEXT,
        _TEXT,
        _TEXT,
        _TEXT,
        st.dictionaries(_TEXT, _JSON, max_size=3),
        _TEXT,
        st.just(""),
    )
)
def test_the_hash_put_together_is_the_hash_of_the_canonical_json(entry: LedgerEntry) -> None:
    fields = {name: getattr(entry, name) for name in LedgerEntry.__slots__ if name != "hash"}
    assert entry_hash(entry) == fingerprint(fields)


@settings(deadline=None)
@given(_JSON)
def test_what_was_written_as_canonical_json_is_read_as_it_was(value: Any) -> None:
    # The repr too: 1 is not 1.0, and -0.0 not 0.0.
    assert repr(parsed(canonical(value))) == repr(json.loads(canonical(value)))
