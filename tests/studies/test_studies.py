"""Studies from Python: three lines, DataFrames and pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import labloop
from labloop.errors import InvalidSpec, NotFound, UsageError
from labloop.simulate import lab
from labloop.simulate.study import Study
from labloop.studies import Settings, compare, look, rehearse, simulate

SMALL: Settings = {"strategies": ["sobol", "random"], "seeds": 2, "budget": 8}


def test_a_lab_by_name_is_simulated_and_answers_in_frames(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = simulate(
        "branin", folder=tmp_path / "s", engine="serial", tell=lambda done, total: told.append((done, total)), **SMALL
    )
    assert repr(found) == f"<labloop study of 4 campaigns in {tmp_path / 's'}>"
    assert told[-1] == (4, 4)
    assert found.failures == ()
    assert len(found.results) == 4 * 8
    assert found.standings["strategy"].tolist() == ["sobol", "random"]
    assert found.standings["left"].between(found.standings["low"], found.standings["high"]).all()
    assert [path.name for path in found.draw()] == ["branin-batch4.png"]


@pytest.mark.parametrize("form", ["path", "text", "study"])
def test_a_study_may_be_a_file_or_an_object_and_settings_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text("labs: [branin, levy]\nstrategies: [sobol]\nseeds: 3\nbudget: 4\nnoise: 0.1\n")
    forms: dict[str, Study | str | Path] = {
        "path": Path("study.yaml"),
        "text": "study.yaml",
        "study": Study(labs=("branin", "levy"), strategies=("sobol",), seeds=(0, 1, 2), budget=4, noise=(0.1,)),
    }
    found = simulate(forms[form], engine="serial", seeds=1, noise=None)
    assert {(job.lab, job.seed, job.noise) for job in found.driver.jobs} == {("branin", 0, None), ("levy", 0, None)}
    assert found.driver.folder == Path("simulation")


def test_several_labs_are_compared_without_running_twice(tmp_path: Path) -> None:
    ran = simulate(["branin", "hills2"], folder=tmp_path, engine="serial", **SMALL)
    found = compare(look(tmp_path), against="random")
    assert found.report.done == 0
    assert found.standings.equals(ran.standings.assign(seconds=found.standings["seconds"]))
    assert found.differences[["lab", "strategy"]].to_numpy().tolist() == [["branin", "sobol"], ["hills2", "sobol"]]
    assert not found.differences["decided"].any(), "two seeds decide nothing"
    assert found.draw_differences().name == "differences.png"
    assert compare("branin", folder=tmp_path / "c", engine="serial", **SMALL).against == "sobol"


def test_what_cannot_be_studied_is_said(tmp_path: Path) -> None:
    ran = simulate("branin", folder=tmp_path, engine="serial", strategies="sobol", seeds=1, budget=2)
    with pytest.raises(UsageError, match="sobol cannot be compared with anything here"):
        compare(ran)
    with pytest.raises(UsageError, match="no strategy 'sobl'"):
        simulate("branin", folder=tmp_path, strategies="sobl")
    with pytest.raises(InvalidSpec, match="budget"):
        simulate("branin", folder=tmp_path, budget="many")  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no study nothing"):
        simulate(Path("nothing.yaml"), folder=tmp_path)
    (failure,) = simulate("branni", folder=tmp_path, engine="serial", strategies="sobol", seeds=1).failures
    assert failure == "sobol on branni, seed 0: no simulated lab 'branni' (did you mean 'branin'?)"


def test_what_a_campaign_cost_is_told_where_the_lab_says_it(tmp_path: Path) -> None:
    found = simulate("colours", folder=tmp_path, engine="serial", **SMALL)
    assert found.results["cost"].tolist() == [2.0] * len(found.results)
    assert found.standings["cost"].tolist() == [16.0, 16.0], "eight wells of two minutes"
    assert [path.name for path in found.draw()] == ["colours-batch4.png", "colours-batch4-cost.png"]


def test_a_campaign_is_rehearsed(tmp_path: Path) -> None:
    campaign = labloop.create(lab("hills2").campaign, folder=tmp_path)
    found = rehearse(
        campaign, batches=[2, 4], replicates=[1], budget=8, draws=2, folder=tmp_path / "r", engine="serial"
    )
    assert found.needed[["batch", "replicates"]].to_numpy().tolist() == [[2, 1], [4, 1]]
    assert isinstance(found.needed["half"].dtype, pd.Int64Dtype)
    assert found.needed["gained"].between(0, 1).all()
    assert [path.name for path in found.draw()] == ["rehearsal.png"]


SCRIPT = """\
from labloop.studies import simulate
found = simulate("branin", strategies=["sobol", "random"], seeds=2, budget=4, workers=2)
print("campaigns:", len(found.results) // 4, found.failures)
"""


def test_three_lines_in_a_script_need_no_guard_against_their_own_workers(tmp_path: Path) -> None:
    (tmp_path / "three.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "three.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "campaigns: 4 ()\n", done.stderr
