"""The loop on real campaigns, when their tables are beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import labloop
from labloop.exchange.infer import infer_spec
from labloop.records import Status
from labloop.tabular import read_table


def test_the_hydrogels_go_from_a_table_to_eight_new_mixtures(shared_data: Path) -> None:
    path = shared_data / "hydrogel_180.csv"
    inferred = infer_spec(read_table(path), name="gels")
    campaign = labloop.create({"schema": "labloop/1", **inferred.spec}, store="sqlite://")
    assert len(campaign.import_(path).added) == 180
    names = list(campaign.spec.components("mixture"))
    assert len(names) == 6
    known = campaign.experiments()[names].to_numpy()
    batch = campaign.suggest(8)
    mixtures = batch[names].to_numpy(dtype=float)
    assert np.abs(mixtures.sum(axis=1) - 1).max() < 1e-9
    assert len(np.unique(mixtures, axis=0)) == 8
    assert np.abs(mixtures[:, None] - known[None]).max(axis=2).min() > 1e-3
    assert (batch["low_Glass_max"] < batch["high_Glass_max"]).all()
    measured = batch.assign(Glass_max=[150.0 if i == 0 else 20.0 for i in range(8)])
    twin = labloop.create({"schema": "labloop/1", **inferred.spec}, store="sqlite://")
    twin.import_(path)
    twin.suggest(8)
    campaign.record(measured)
    twin.record(measured.assign(Glass_max=20.0))
    assert not campaign.suggest(4)[names].equals(twin.suggest(4)[names]), "results do not change the next proposal"
    assert campaign.status().counts[Status.COMPLETED] == 188


def test_a_grown_table_of_hydrogels_is_imported_again(shared_data: Path) -> None:
    inferred = infer_spec(read_table(shared_data / "hydrogel_341.csv"), name="gels")
    campaign = labloop.create({"schema": "labloop/1", **inferred.spec}, store="sqlite://")
    added = [len(campaign.import_(shared_data / f"hydrogel_{rows}.csv").added) for rows in (180, 289, 316, 341)]
    assert added == [180, 109, 27, 25]
    assert campaign.best(1)["Glass_max"].iloc[0] > 350
