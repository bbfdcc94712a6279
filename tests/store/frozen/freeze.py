"""Writes the frozen store of the present layout; run once when the layout changes, and commit what it writes.

    python -m tests.store.frozen.freeze URL_OF_A_POSTGRESQL_DATABASE_WITH_NOTHING_IN_IT

A frozen store is never written again: later versions of labloop must be able to upgrade it. Beside the database
file and the dump of the same store on PostgreSQL stands what it held, as the labloop that wrote it saw it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from labloop.loop.campaigns import create, revise
from labloop.loop.claim import claim, release, renew
from labloop.loop.correct import amend, mark, undo, veto
from labloop.loop.once import Delivery
from labloop.loop.record import add, record
from labloop.loop.suggest import replacement, suggest
from labloop.records import FailureKind, Origin, Result, Status, Value
from labloop.store import Store
from labloop.store.codec import experiment_to_dict
from labloop.store.tables import SCHEMA_VERSION
from tests.conftest import grid_plan, make_spec

HERE = Path(__file__).parent


def fill(store: Store) -> None:
    """Do everything that can be done to a campaign, so that every kind of entry is in the ledger."""
    create(store, make_spec())
    suggest(store, "reaction", 6, plan=grid_plan)
    record(store, "reaction", [Result(1, {"yield": 61.5, "purity": 97.0}), Result(2, {"yield": 38.2})], source="a.csv")
    record(store, "reaction", [Result(2, {"yield": 40.0}, {"humidity": 41.0})], replicate=True)
    amend(store, "reaction", 2, reason="typed 38.2 for 83.2", outcomes={"yield": 83.2}, replicate=1)
    record(store, "reaction", [Result(3, failure=FailureKind.INFEASIBLE, note="did not dissolve")])
    veto(store, "reaction", [4], reason="out of stock")
    mark(store, "reaction", [5], Status.RUNNING)
    replacement(store, "reaction", 6, reason="too viscous", plan=grid_plan)
    own: dict[str, Value] = {"temperature": 60.0, "time": 5.0, "solvent": "DMSO"}
    add(store, "reaction", [own], note="an idea")
    earlier = [Result(None, {"yield": 10.0 + i}, executed=own | {"temperature": 20.0 + 5 * i}) for i in range(4)]
    record(store, "reaction", earlier, source="old.csv", origin=Origin.IMPORT)
    record(store, "reaction", [Result(5, {"yield": 99.0})])
    undo(store, "reaction", reason="the wrong vial")
    suggest(store, "reaction", 2, plan=grid_plan, key="batch-3")
    held = claim(store, "reaction", [13, 14], claimant="robot-1", lease=timedelta(hours=4))
    renew(store, "reaction", held.token, lease=timedelta(hours=8))
    release(store, "reaction", [14], reason="the pump broke")
    record(store, "reaction", [Result(13, {"yield": 31.0})], delivery=Delivery("run-13", held.token))
    revise(store, make_spec(question="Which solvent?"), reason="the question was missing")
    create(store, make_spec(name="empty"))


def held(store: Store) -> str:
    """Write down what a store holds, as this labloop sees it."""
    found: dict[str, dict[str, Any]] = {"heads": {}, "experiments": {}}
    with store.read() as snapshot:
        for row in snapshot.campaigns():
            found["heads"][row.name] = [row.head, row.head_hash]
            found["experiments"][row.name] = [experiment_to_dict(each) for each in snapshot.experiments(row)]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the frozen files of the present layout."""
    path = HERE / f"v{SCHEMA_VERSION}.db"
    if path.exists():
        sys.exit(f"{path.name} is frozen")
    store, server = Store(f"sqlite:///{path}"), Store(sys.argv[1])
    for each in (store, server):
        fill(each)
        (HERE / f"v{SCHEMA_VERSION}.{each.backend}.json").write_text(held(each))
    dump = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", "--schema", "public", server.url]
    done = subprocess.run(dump, check=True, capture_output=True, text=True)
    # Comments carry the version of the dumping program; what begins with a backslash is psql's, not SQL.
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
    (HERE / f"v{SCHEMA_VERSION}.postgresql.sql").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
