"""From a table of earlier results to the next experiments, without writing a file by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

import labloop
from labloop.exchange.infer import infer_spec
from labloop.tabular import read_table

RESULTS = """\
Temp (°C);Time (h);Solvent;Yield (%)
40,0;1,5;water;21,4
60,0;1,5;water;38,9
80,0;3,0;water;44,0
40,0;3,0;EtOH;35,2
60,0;6,0;EtOH;61,8
80,0;6,0;EtOH;55,1
60,0;1,5;DMSO;30,7
80,0;6,0;DMSO;48,3
50,0;4,0;EtOH;57,7
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "results.csv"
    path.write_text(RESULTS, encoding="utf-8")
    inferred = infer_spec(read_table(path), name="coupling")
    campaign = labloop.create({"schema": "labloop/1", **inferred.spec}, store="sqlite://")
    campaign.import_(path)
    batch = campaign.suggest(3)

print("\n".join(inferred.notes))
shown = ["experiment", "Temp", "Time", "Solvent", "predicted_Yield", "chance_of_best", "reason"]
print(batch[shown].to_string(index=False))
