from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from labloop.errors import Conflict, IntegrityError, InvalidInput, NotFound, StorageError
from labloop.store import Store, Transaction
from labloop.store import tables as t
from labloop.store.audit import audit
from labloop.store.chain import GENESIS, broken_links, canonical, entry_hash
from labloop.store.engine import journal_mode, shown_url
from labloop.store.fold import changes_of, fold
from tests.conftest import make_spec


def _propose(transaction: Transaction, name: str, numbers: list[int]) -> None:
    row = transaction.campaign(name)
    experiments = [
        {"number": n, "conditions": {"temperature": 20.0 + n}, "slot": "novelty", "reason": "new"} for n in numbers
    ]
    payload = {"batch": row.batches + 1, "seed": 1, "strategy": "explore", "planner": {}, "notes": []}
    transaction.append(row, "proposed", {**payload, "experiments": experiments})


def _record(transaction: Transaction, name: str, number: int, value: float, index: int = 1) -> None:
    result = {"experiment": number, "observation": {"index": index, "outcomes": {"yield": value}}}
    transaction.append(transaction.campaign(name), "recorded", {"results": [result], "source": ""})


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as transaction:
        transaction.create("reaction", make_spec().to_json())
        _propose(transaction, "reaction", [1, 2, 3])
        _record(transaction, "reaction", 2, 83.2)
        _record(transaction, "reaction", 2, 84.0, index=2)
    return store


def test_every_entry_names_the_hash_of_the_one_before(filled: Store) -> None:
    with filled.read() as snapshot:
        row = snapshot.campaign("reaction")
        entries = list(snapshot.entries(row))
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4]
    assert entries[0].previous == GENESIS
    assert all(b.previous == a.hash for a, b in pairwise(entries))
    assert all(entry_hash(entry) == entry.hash for entry in entries)
    assert row.head_hash == entries[-1].hash
    assert list(broken_links(entries)) == []


@pytest.mark.parametrize("field", ["kind", "at", "actor", "version", "payload", "previous", "hash", "sequence"])
def test_a_changed_field_of_an_entry_is_named(filled: Store, field: str) -> None:
    from dataclasses import replace

    with filled.read() as snapshot:
        entries = list(snapshot.entries(snapshot.campaign("reaction")))
    forged: dict[str, Any] = {"payload": {"results": []}, "sequence": 7}
    entries[2] = replace(entries[2], **{field: forged.get(field, "forged")})
    assert any("entry 3" in problem.path or "entry 3" in problem.message for problem in broken_links(entries))


def test_a_removed_or_swapped_entry_is_named(filled: Store) -> None:
    with filled.read() as snapshot:
        one, two, three, four = snapshot.entries(snapshot.campaign("reaction"))
    assert any("entry 2 is missing" in each.message for each in broken_links([one, three, four]))
    assert list(broken_links([one, three, two, four]))
    assert any("entry 3 is missing" in each.message for each in broken_links([one, two, four]))


_REPLACED = (
    "INTO ledger (campaign_id, sequence, kind, at, actor, version, payload, previous, hash) "
    "VALUES (1, 2, 'x', 'x', 'x', 'x', 'x', 'x', 'x')"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET actor = 'me'",
        "DELETE FROM ledger WHERE sequence = 2",
        f"INSERT {_REPLACED} ON CONFLICT (campaign_id, sequence) DO UPDATE SET kind = 'x'",
    ],
)
def test_the_database_itself_refuses_to_change_the_ledger(filled: Store, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only") as caught, filled.write() as transaction:
        transaction._connection.exec_driver_sql(statement)
    assert "labloop amend" in caught.value.hint
    with filled.read() as snapshot:
        assert audit(snapshot, snapshot.campaign("reaction")) == []


@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE"])
def test_sqlite_refuses_to_replace_an_entry_too(tmp_path: Path, verb: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.write() as transaction:
        transaction.create("reaction", make_spec().to_json())
        _propose(transaction, "reaction", [1])
    with pytest.raises(IntegrityError, match="append-only"), store.write() as transaction:
        transaction._connection.exec_driver_sql(f"{verb} {_REPLACED}")


def test_postgresql_refuses_to_truncate_the_ledger(postgres: str) -> None:
    store = Store(postgres)
    with store.write() as transaction:
        transaction.create("reaction", make_spec().to_json())
    with pytest.raises(IntegrityError, match="append-only"), store.write() as transaction:
        transaction._connection.exec_driver_sql("TRUNCATE ledger CASCADE")


def test_the_read_model_is_the_fold_of_the_entries(filled: Store) -> None:
    with filled.read() as snapshot:
        row = snapshot.campaign("reaction")
        entries = list(snapshot.entries(row))
        for experiment in snapshot.experiments(row):
            assert fold(experiment.number, entries) == experiment
        assert snapshot.means(row) == {2: {"yield": pytest.approx(83.6)}}


def test_a_block_that_raises_writes_nothing(filled: Store) -> None:
    def half() -> None:
        with filled.write() as transaction:
            _record(transaction, "reaction", 1, 10.0)
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        half()
    with filled.read() as snapshot:
        row = snapshot.campaign("reaction")
        assert row.head == 4
        assert not snapshot.experiments(row, numbers=[1])[0].observations


def test_what_a_transaction_keeps_is_what_stands_in_the_database(filled: Store) -> None:
    numbers = [1, 2, 3, 4, 5]
    with filled.write() as transaction:
        row = transaction.campaign("reaction")
        assert len(transaction.experiments(row, numbers=numbers)) == 3, "4 and 5 are not there yet"
        _propose(transaction, "reaction", [4, 5])
        _record(transaction, "reaction", 4, 80.0)
        _record(transaction, "reaction", 2, 85.0, index=3)
        entry = transaction.append(row, "undone", {"sequence": 5, "reason": "wrong campaign"})
        head, kept = transaction.campaign("reaction"), transaction.experiments(row, numbers=numbers)
        assert (head.head, head.head_hash) == (entry.sequence, entry.hash)
    assert [each.number for each in kept] == [1, 2, 3], "4 and 5 were undone"
    with filled.read() as snapshot:
        assert snapshot.campaign("reaction") == head
        assert snapshot.experiments(row, numbers=numbers) == kept
        assert audit(snapshot, head) == []


def test_what_brings_the_read_models_in_order_is_read_anew(filled: Store) -> None:
    with filled.write() as transaction:
        row = transaction.campaign("reaction")
        assert len(transaction.experiments(row, numbers=[1, 2])) == 2
        transaction.execute(delete(t.experiment).where(t.experiment.c.number == 1))
        transaction.execute(update(t.campaign).values(batches=7))
        assert [each.number for each in transaction.experiments(row, numbers=[1, 2])] == [2]
        assert transaction.campaign("reaction").batches == 7


def test_an_undone_entry_no_longer_counts_and_stays_in_the_ledger(filled: Store) -> None:
    with filled.write() as transaction:
        transaction.append(transaction.campaign("reaction"), "undone", {"sequence": 4, "reason": "typo"})
    with filled.read() as snapshot:
        row = snapshot.campaign("reaction")
        (experiment,) = snapshot.experiments(row, numbers=[2])
        assert [each.outcomes for each in experiment.observations] == [{"yield": 83.2}]
        assert snapshot.undone(row) == {4}
        assert len(list(snapshot.entries(row))) == 5


def test_the_history_of_an_experiment_holds_only_what_touched_it(filled: Store) -> None:
    with filled.read() as snapshot:
        row = snapshot.campaign("reaction")
        assert [each.sequence for each in snapshot.entries(row, experiment=2)] == [2, 3, 4]
        assert [each.sequence for each in snapshot.entries(row, experiment=1)] == [2]
        assert all(1 in dict(changes_of(each)) for each in snapshot.entries(row, experiment=1))


def test_two_campaigns_keep_apart(filled: Store) -> None:
    with filled.write() as transaction:
        transaction.create("other", make_spec(name="other").to_json())
        _propose(transaction, "other", [1])
    with filled.read() as snapshot:
        assert len(snapshot.experiments(snapshot.campaign("other"))) == 1
        assert len(snapshot.experiments(snapshot.campaign("reaction"))) == 3
        assert not list(broken_links(snapshot.entries(snapshot.campaign("other"))))


def test_a_second_campaign_of_the_same_name_is_a_conflict(filled: Store) -> None:
    with pytest.raises(Conflict, match="already"), filled.write() as transaction:
        transaction.create("reaction", "{}")


def test_an_unknown_campaign_is_answered_with_the_close_one(filled: Store) -> None:
    with pytest.raises(NotFound, match="no campaign 'reacton'") as caught, filled.read() as snapshot:
        snapshot.campaign("reacton")
    assert caught.value.hint == "did you mean 'reaction'?"


def test_nan_never_reaches_the_ledger(filled: Store) -> None:
    with pytest.raises(ValueError, match="JSON"), filled.write() as transaction:
        _record(transaction, "reaction", 1, float("nan"))
    assert canonical({"b": 1, "a": [0.1, "é"]}) == '{"a":[0.1,"é"],"b":1}'


def test_a_file_that_is_not_a_store_is_a_storage_error(tmp_path: Path) -> None:
    path = tmp_path / "labloop.db"
    path.write_bytes(b"this is not a database, it is a text of some length" * 40)
    with pytest.raises(StorageError, match="not a labloop store"), Store(f"sqlite:///{path}").read() as snapshot:
        snapshot.campaigns()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no folder"), Store(f"sqlite:///{tmp_path}/no/such.db").read():
        pass


def test_a_full_disk_is_said_and_earlier_rows_stay(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.write() as transaction:
        transaction.create("reaction", make_spec().to_json())
        _propose(transaction, "reaction", [1])

    def fill_the_disk() -> None:
        with store.write() as transaction:
            pages = transaction._connection.exec_driver_sql("PRAGMA page_count").scalar()
            transaction._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(2, 2000):
                _propose(transaction, "reaction", [number])

    with pytest.raises(StorageError, match="disk is full"):
        fill_the_disk()
    with store.read() as snapshot:
        assert snapshot.campaign("reaction").head == 2


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "DELETE"),
        ((3, 44, 5), "DELETE"),
        ((3, 44, 6), "WAL"),
        ((3, 50, 6), "DELETE"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 2), "DELETE"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
    ],
)
def test_write_ahead_logging_only_where_its_reset_is_fixed(version: tuple[int, ...], mode: str) -> None:
    assert journal_mode(version)[0] == mode


def test_no_secret_of_a_url_is_shown() -> None:
    shown = shown_url("postgresql://anna:geheim@db.example/lab?sslpassword=auchgeheim")
    assert "geheim" not in shown
    assert "anna" in shown


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "://"])
def test_a_url_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="store"):
        Store(url)


@pytest.mark.parametrize("outcomes", [("yield",), ("yield", "purity"), ("purity",), ("other",)])
@pytest.mark.parametrize(
    "measured",
    [
        [{"yield": 1.0, "purity": 2.0}] * 3,
        [{"yield": 1.0, "purity": 2.0}, {"yield": 1.0}, {"yield": 3.0}],
        [{"yield": 1.0}, {"purity": 2.0}, {"yield": 1.0, "purity": 5.0}],
        [{"yield": 1.0}, {}, {}],
        [{}, {}, {}],
    ],
)
def test_coverage_counts_what_was_measured(
    store: Store, measured: list[dict[str, float]], outcomes: tuple[str, ...]
) -> None:
    own = [
        {"number": number, "conditions": {"x": number}, "observations": [{"index": 1, "outcomes": each}]}
        for number, each in enumerate(measured, 1)
    ]
    with store.write() as transaction:
        row = transaction.create("reaction", make_spec().to_json())
        transaction.append(row, "added", {"origin": "manual", "experiments": own, "source": ""})
    with store.read() as snapshot:
        row = snapshot.campaign("reaction")
        observed = sum(each.observed for each in snapshot.tally(row).values())
        found = snapshot.coverage(row, outcomes, observed=observed)
    assert observed == 3
    right = sum(bool(each) for each in measured), sum(set(outcomes) <= each.keys() for each in measured)
    assert found == right
