"""Many claimants at once: no experiment has two owners."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from labloop.errors import NothingToSuggest
from labloop.loop.claim import claim
from labloop.loop.look import experiments
from labloop.records import Status
from labloop.store import Store
from tests.torture import bench


def _claim_until_none_is_left(url: str, name: str, told: int) -> None:
    store = Store(url)
    while True:
        try:
            found = claim(store, "kill", claimant=name, lease=timedelta(hours=1))
        except NothingToSuggest:
            return
        os.write(told, f"{found.experiments[0].number} {found.token} {name}\n".encode())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("claims", "claimants"), [(60, 6), pytest.param(2000, 16, marks=pytest.mark.slow)])
def test_no_experiment_is_claimed_twice(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str, claims: int, claimants: int
) -> None:
    url = f"sqlite:///{tmp_path / 'labloop.db'}" if backend == "sqlite" else request.getfixturevalue("postgres")
    store = bench.begin(url)
    bench.propose(store, claims)
    reader, writer = os.pipe()
    codes = bench.together(_claim_until_none_is_left, [(url, f"robot-{i}", writer) for i in range(claimants)])
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = [line.split() for line in lines]
    assert codes == [0] * claimants
    assert sorted(int(number) for number, _, _ in told) == list(range(1, claims + 1))
    assert len({token for _, token, _ in told}) == claims
    found = {each.number: each for each in experiments(store, "kill")}
    for number, token, name in told:
        state = found[int(number)]
        assert state.status is Status.RUNNING
        assert state.claim is not None
        assert (state.claim.token, state.claim.claimant) == (int(token), name)
    assert bench.whole(store)
    fewest = min(Counter(name for *_, name in told).values())
    print(f"\n{claims} claims by {claimants} on {backend}: 0 double; {fewest} or more each")
