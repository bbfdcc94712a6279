"""The commands that explain: estimability, explain, check-model, region."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cli.conftest import Cli

CAMPAIGN = """\
schema: labloop/1
name: coupling
parameters:
  temperature: {bounds: [20, 80], unit: degC}
  time: {bounds: [1, 9], unit: h}
  salt: {choices: [NaCl, KCl]}
objectives:
  yield: {goal: maximize, unit: "%"}
"""
HEAD = "temperature,time,salt,day,yield\n"


def rows(design: list[tuple[float, float, str]], seed: int = 0) -> str:
    """Results of a lab in which temperature matters, and time the more the hotter it is."""
    rng = np.random.default_rng(seed)
    lines = []
    for i, (temperature, time, salt) in enumerate(design):
        hot, long = (temperature - 50) / 30, (time - 5) / 4
        value = 50 + 12 * hot + 4 * long + 6 * hot * long - 5 * hot**2 + rng.normal(0, 0.6)
        lines.append(f"{temperature:.4g},{time:.4g},{salt},{('mon', 'tue', 'wed', 'thu')[i % 4]},{value:.3f}")
    return HEAD + "\n".join(lines) + "\n"


def filled(cli: Cli, design: list[tuple[float, float, str]]) -> Cli:
    (cli.folder / "campaigns" / "coupling.yaml").write_text(CAMPAIGN)
    (cli.folder / "old.csv").write_text(rows(design))
    cli("import", "coupling", "old.csv")
    return cli


@pytest.fixture
def factorial(cli: Cli) -> Cli:
    rng = np.random.default_rng(1)
    design = [(t, h, s) for t in (20, 50, 80) for h in (1, 5, 9) for s in ("NaCl", "KCl")] * 2
    return filled(cli, [design[i] for i in rng.permutation(len(design))])


@pytest.fixture
def one_at_a_time(cli: Cli) -> Cli:
    design: list[tuple[float, float, str]] = [(50, 5, "NaCl"), (50, 5, "KCl")]
    design += [(t, 5, "NaCl") for t in (20, 35, 65, 80)] + [(50, h, "NaCl") for h in (1, 3, 7, 9)]
    return filled(cli, design)


def test_explain_finds_what_is_there_and_names_its_evidence(factorial: Cli) -> None:
    said = factorial("explain", "coupling")
    for name in ("temperature from 20 to 80 degC", "temperature × time", "temperature²"):
        assert name in said
    assert "Set, not randomised" in said
    assert "lack of fit" in said
    data = factorial.json("explain")["data"]
    found = {each["name"]: each for each in data["effects"] if each["standing"] == "found"}
    assert found["temperature"]["linear"]["estimate"] == pytest.approx(24, abs=1)
    assert found["temperature"]["surrogate"]["low"] < 24 < found["temperature"]["surrogate"]["high"] + 1
    assert "salt = KCl" not in found
    assert data["linear"]["anova"][-1]["source"] == "total"
    assert {each["factor"] for each in data["curves"]} == {"temperature", "time", "salt"}


def test_explain_says_not_estimable_yet_about_interactions_one_at_a_time(one_at_a_time: Cli) -> None:
    said = one_at_a_time("explain", "--all")
    assert "not estimable yet" in said
    assert "Not estimable yet: temperature × time" in said
    data = one_at_a_time.json("explain")["data"]
    pairs = [each for each in data["effects"] if "×" in each["term"]]
    assert {each["standing"] for each in pairs} == {"not estimable yet"}


def test_estimability_accepts_the_experiments_that_resolve_it(one_at_a_time: Cli) -> None:
    said = one_at_a_time("estimability", "coupling")
    assert "one factor at a time cannot see an interaction" in said
    assert "would tell apart: temperature × time" in said
    assert "labloop estimability coupling --accept" in said
    one_at_a_time("show", "11", code=4)
    data = one_at_a_time.json("estimability", "--accept")["data"]
    assert data["added"] == list(range(11, 11 + len(data["extra"]["conditions"])))
    assert isinstance(data["seed"], int)
    assert "Run to tell apart: " in one_at_a_time("show", "11")


def test_check_model_says_in_one_sentence_what_it_may_be_used_for(factorial: Cli) -> None:
    said = factorial("check-model")
    assert "It may be used to rank candidates and to predict unseen conditions" in said
    assert "Kept together: replicates of a condition" in said
    assert "The best 2 of 18 conditions, left out: ROC area" in said
    data = factorial.json("check-model")["data"]
    assert data["use"] == "prediction"
    assert data["cross"]["r2"] > 0.8 > data["shuffled"]["r2"]


def test_region_is_a_set_with_a_stated_probability(factorial: Cli) -> None:
    said = factorial("region", "--goal", "yield >= 60", "-p", "0.8")
    assert "yield >= 60 holds with at least 80 % probability in" in said
    data = factorial.json("region", "--goal", "yield >= 60")["data"]
    assert 0 < data["share"] < 0.6
    assert data["goals"] == [{"outcome": "yield", "low": 60.0, "high": None, "why": "asked for"}]


@pytest.mark.parametrize("command", ["estimability", "check-model", "region"])
def test_pictures_are_written_and_never_over_others(factorial: Cli, command: str) -> None:
    files = ["answer.png", "answer.html"]
    factorial(command, *(word for file in files for word in ("--out", file)))
    assert all(f"Wrote {file}." in factorial.out for file in files)
    for file in files:
        assert (factorial.folder / file).stat().st_size > 4000
        factorial(command, "--out", file, code=5)
    factorial(command, "--out", "answer.pdf", code=2)
    assert "expected .png, .svg or .html" in factorial.err


@pytest.mark.parametrize("command", ["estimability", "explain", "check-model", "region"])
def test_before_the_first_result_there_is_a_hint_instead_of_an_answer(cli: Cli, command: str) -> None:
    (cli.folder / "campaigns" / "coupling.yaml").write_text(CAMPAIGN)
    cli(command, code=3)
    assert "yield was not measured yet in coupling" in cli.err


def test_mistakes_are_answered_with_what_was_expected(factorial: Cli) -> None:
    factorial("explain", "--outcome", "yeild", code=3)
    assert "has no outcome 'yeild'" in factorial.err
    assert "did you mean 'yield'?" in factorial.err
    factorial("region", "--goal", "yield > high", code=3)
    assert "'yield > high' is not a goal" in factorial.err
    factorial("region", "--goal", "purity >= 3", code=3)
    assert "has no outcome 'purity'" in factorial.err
    factorial("region", "-p", "1.5", code=3)
    assert "expected a number between 0 and 1" in factorial.err


def test_the_page_holds_the_words_of_the_answer_and_names_are_only_text(cli: Cli) -> None:
    text = CAMPAIGN.replace('unit: "%"', 'unit: "<b>&"').replace("NaCl", '"<i>NaCl</i>"')
    (cli.folder / "campaigns" / "coupling.yaml").write_text(text)
    salts = ("<i>NaCl</i>", "KCl")
    (cli.folder / "old.csv").write_text(rows([(t, h, s) for t in (20, 50, 80) for h in (1, 9) for s in salts]))
    cli("import", "coupling", "old.csv")
    cli("explain", "--out", "effects.html", "--out", "effects.png")
    page = (cli.folder / "effects.html").read_text(encoding="utf-8")
    assert "<h2>Effects</h2>" in page
    assert "temperature × time" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    assert "<i>NaCl" not in page
    assert "<b>&" not in page
