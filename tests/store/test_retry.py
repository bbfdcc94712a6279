"""What PostgreSQL takes back because of somebody else is run again; what it refuses is said in our words."""

from __future__ import annotations

import re

import pytest

from labloop.errors import Busy, Conflict, LabloopError, StorageError
from labloop.loop.campaigns import create
from labloop.loop.look import experiments
from labloop.store import Store, retried
from labloop.store import retry as retry_room
from tests.conftest import make_spec
from tests.torture import bench

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'said by the test' USING ERRCODE = '{}'; END $$"


@pytest.fixture
def server(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(retry_room, "_FIRST_PAUSE", 0.0)
    return bench.begin(postgres)


@pytest.mark.parametrize("state", ["40001", "40P01", "23505"])
def test_a_use_case_that_was_overtaken_is_run_again(server: Store, state: str) -> None:
    calls = []

    @retried
    def use_case() -> int:
        with server.write() as transaction:
            calls.append(transaction.campaign("kill").head)
            transaction.append(transaction.campaign("kill"), "added", {"origin": "manual", "experiments": []})
            if len(calls) < 3:
                transaction._connection.exec_driver_sql(RAISE.format(state))
            return transaction.campaign("kill").head

    assert use_case() == 2
    assert calls == [1, 1, 1], "nothing of the attempts before was written"


def test_one_who_is_always_overtaken_gives_up_with_a_hint(server: Store) -> None:
    @retried
    def use_case() -> None:
        with server.write() as transaction:
            transaction._connection.exec_driver_sql(RAISE.format("40001"))

    with pytest.raises(Busy, match="10 times in a row") as caught:
        use_case()
    assert caught.value.exit_code == 6
    assert caught.value.hint == "try again later"


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("55P03", Busy, "in use by another process"),
        ("53100", StorageError, "refused"),
        ("42501", StorageError, "refused"),
    ],
)
def test_what_the_server_refuses_is_said_in_our_words(
    server: Store, state: str, error: type[LabloopError], said: str
) -> None:
    with pytest.raises(error, match=said), server.write() as transaction:
        transaction._connection.exec_driver_sql(RAISE.format(state))


def test_a_reader_sees_one_moment_however_long_it_reads(server: Store) -> None:
    bench.propose(server, 2)
    with server.read() as snapshot:
        before = snapshot.campaign("kill").head
        bench.measure(server, 1)
        assert snapshot.campaign("kill").head == before
        assert not any(each.observations for each in snapshot.experiments(snapshot.campaign("kill")))
    assert experiments(server, "kill")[0].observations


def test_a_reader_cannot_write(server: Store) -> None:
    with pytest.raises(StorageError, match="read-only"), server.read() as snapshot:
        snapshot._connection.exec_driver_sql("DELETE FROM result")


def test_two_who_create_the_same_campaign_at_once_make_one(server: Store) -> None:
    assert sorted(bench.together(_create, [(server.url,)] * 4), key=str) == [0, 5, 5, 5]
    with server.read() as snapshot:
        assert len(snapshot.campaigns()) == 2


def _create(url: str) -> None:
    try:
        create(Store(url), make_spec())
    except Conflict as error:
        raise SystemExit(error.exit_code) from error


@pytest.mark.parametrize("setting", ["synchronous_commit", "lock_timeout"])
def test_a_session_is_set_up_to_wait_for_the_disk_but_not_for_ever(server: Store, setting: str) -> None:
    with server.write() as transaction:
        assert transaction.settings(setting) == {setting: {"synchronous_commit": "on", "lock_timeout": "30s"}[setting]}


def test_a_server_that_does_not_answer_is_said(postgres: str) -> None:
    away = re.sub(r"@[^/]*/", "@127.0.0.1:1/", postgres)
    with pytest.raises(StorageError, match="server cannot be reached"), Store(away).read():
        pass
    wrong = re.sub(r"//(\w+):[^@]*@", r"//\1:wrong@", postgres)
    with pytest.raises(StorageError, match="refused the login"), Store(wrong).read():
        pass
