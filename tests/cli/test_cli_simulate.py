"""labloop simulate and labloop compare, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from labloop.cli.demo import _known
from labloop.simulate import lab
from tests.cli.conftest import Cli

SMALL = ("--lab", "branin", "--strategy", "sobol,random", "--seeds", "2", "--budget", "8", "--engine", "serial")


def test_simulate_shows_how_strategies_stand_and_leaves_the_tables(cli: Cli) -> None:
    cli("simulate", *SMALL, "--out", "study")
    assert "left to gain" in cli.out
    assert "4 campaigns, 4 of them run now; tables in study" in cli.out
    cli("simulate", *SMALL, "--out", "study", "--figures", "--baybe")
    assert "4 campaigns, 0 of them run now" in cli.out
    found = {path.name for path in Path("study").iterdir()}
    assert found == {"jobs", "study.json", "results.csv", "times.csv", "branin-batch4.png", "baybe.csv"}


def test_simulate_answers_in_json(cli: Cli) -> None:
    data = cli.json("simulate", *SMALL, "--out", "study", "--noise", "0.1", "--batch", "1,4")["data"]
    assert (data["campaigns"], data["done_before"], data["done_now"], data["failed"]) == (8, 0, 8, [])
    assert [(each["batch"], each["strategy"], each["seeds"]) for each in data["standings"]] == [
        (1, "sobol", 2), (1, "random", 2), (4, "sobol", 2), (4, "random", 2),
    ]  # fmt: skip
    assert all(each["noise"] == 0.1 for each in data["standings"])


def test_a_study_file_runs_and_options_change_it(cli: Cli) -> None:
    Path("study.yaml").write_text("labs: [branin]\nstrategies: [sobol]\nseeds: 3\nbudget: 4\n")
    data = cli.json("simulate", "study.yaml", "--seeds", "5-6", "--engine", "serial")["data"]
    assert data["campaigns"] == 2
    assert (Path("simulation") / "results.csv").exists()


def test_a_table_is_a_lab(cli: Cli) -> None:
    Path("results.csv").write_text("solvent,yield\nwater,1\nEtOH,2\nDMF,5\n")
    data = cli.json("simulate", "--lab", "table:results.csv", "--strategy", "random", "--seeds", "1", "--budget", "3",
                    "--engine", "serial")["data"]  # fmt: skip
    assert data["standings"][0]["lab"] == f"table:{cli.folder / 'results.csv'}"


def test_settings_of_a_lab_may_hold_commas(cli: Cli) -> None:
    words = ("--strategy", "random", "--seeds", "1", "--budget", "2", "--engine", "serial")
    data = cli.json("simulate", "--lab", "branin,hills3:width=0.1,height=3", *words)["data"]
    assert [each["lab"] for each in data["standings"]] == ["branin", "hills3:width=0.1,height=3"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "which lab?"),
        (("--lab", "branin", "--strategy", "explor"), 2, "no strategy 'explor'"),
        (("--lab", "branin", "--seeds", "many"), 2, "--seeds 'many' is not a whole number"),
        (("--lab", "branin", "--seeds", "7-3"), 2, "--seeds 7-3 runs backwards"),
        (("--lab", "branin", "--noise", "loud"), 2, "--noise 'loud' is not a number"),
        (("--lab", "branin", "--batch", "0"), 3, "batch is 0"),
        (("--lab", "branin", "--engine", "threads"), 2, "no engine 'threads'"),
        (("nothing.yaml",), 4, "no study nothing.yaml"),
    ],
)
def test_what_cannot_be_simulated_is_said(cli: Cli, words: tuple[str, ...], code: int, message: str) -> None:
    cli("simulate", *words, code=code)
    assert message in cli.err


def test_campaigns_that_raise_are_named_and_set_the_exit_code(cli: Cli) -> None:
    cli("simulate", "--lab", "branni", "--strategy", "sobol", "--seeds", "1", "--engine", "serial", code=1)
    assert "sobol on branni, seed 0: no simulated lab 'branni' (did you mean 'branin'?)" in cli.err.replace("\n", " ")


def test_compare_pairs_seeds_and_warns_where_the_difference_is_within_noise(cli: Cli) -> None:
    cli("compare", *SMALL, "--out", "c")
    assert "within noise" in cli.out
    assert "1 of 1 differences are within noise" in cli.err
    assert (Path("c") / "differences.png").exists()


def test_compare_reads_a_folder_without_running_anything(cli: Cli) -> None:
    cli("simulate", *SMALL, "--out", "study")
    data = cli.json("compare", "study", "--against", "random")["data"]
    assert [each["strategy"] for each in data["differences"]] == ["sobol"]
    assert data["differences"][0]["decided"] is False
    cli("compare", "study", "--against", "explore", code=2)
    assert "explore cannot be compared with anything here" in cli.err
    cli("compare", ".", code=4)
    assert "holds no study" in cli.err


def test_simulate_reads_a_folder_too_and_replicates_are_an_option(cli: Cli) -> None:
    cli("simulate", *SMALL, "--replicates", "1,2", "--out", "study")
    assert "branin (2 times)" in cli.out
    data = cli.json("simulate", "study", "--figures")["data"]
    assert (data["folder"], data["campaigns"], data["done_now"]) == ("study", 8, 0)
    assert [(each["replicates"], each["budget"]) for each in data["standings"][::2]] == [(1, 8), (2, 4)]
    assert [Path(each).name for each in data["files"]] == ["branin-batch4.png", "branin-batch4-2times.png"]


def test_what_experiments_cost_is_in_the_table_where_the_lab_says_it(cli: Cli) -> None:
    words = ("--lab", "colours", "--strategy", "random", "--seeds", "2", "--budget", "8", "--engine", "serial")
    cli("simulate", *words, "--figures")
    assert "16 min" in cli.out
    assert (Path("simulation") / "colours-batch4-cost.png").exists()
    assert cli.json("simulate", *words)["data"]["standings"][0]["cost"] == 16.0


def test_a_lab_with_several_objectives_is_simulated_like_any_other(cli: Cli) -> None:
    words = ("--lab", "dtlz2:dim=4,objectives=3", "--strategy", "sobol", "--seeds", "1", "--budget", "8")
    (standing,) = cli.json("simulate", *words, "--engine", "serial")["data"]["standings"]
    assert standing["lab"] == "dtlz2:dim=4,objectives=3"
    assert 0 < standing["left"] <= 1
    assert standing["cost"] is None
    assert "a hypervolume of 0.8074" in _known(lab("dtlz2:dim=4,objectives=3"))
    assert _known(lab("branin")) == "value = 0.3979"


def test_a_decided_difference_says_who_is_better(cli: Cli) -> None:
    words = ("--lab", "hills2", "--strategy", "sobol,random", "--seeds", "8", "--budget", "32", "--engine", "serial")
    data = cli.json("compare", *words)["data"]
    (gap,) = data["differences"]
    assert gap["seeds"] == 8
    assert gap["decided"] == (gap["low"] > 0 or gap["high"] < 0)
