"""The loop in three lines, on a simulated laboratory, with the store in memory."""

from __future__ import annotations

import numpy as np

import labloop
from labloop.simulate import lab

bench = lab("reaction")
rng = np.random.default_rng(1)
campaign = labloop.create(bench.spec, store="sqlite://")

for _ in range(3):
    batch = campaign.suggest(4)
    runs = batch[list(campaign.spec.proposed)].to_dict("records")
    batch["yield"] = [bench.measure({str(k): v for k, v in run.items()}, rng).get("yield") for run in runs]
    campaign.record(batch)

print(campaign.best(3)[["experiment", "ligand", "solvent", "temperature", "yield"]].to_string(index=False))
