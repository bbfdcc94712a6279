"""What a user sees of the bookkeeping: replay, scorecard, surprises, confirm, dossier."""

from __future__ import annotations

from pathlib import Path

import pytest

import labloop.planner
from tests.cli.conftest import CAMPAIGN, Cli
from tests.conftest import grid_plan


@pytest.fixture
def walked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A workspace whose planner only walks along a grid and predicts 50 +- 10; one batch is measured."""
    monkeypatch.setattr(labloop.planner, "plan", grid_plan)
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    cli("suggest")
    for number, value in ((1, 48), (2, 55), (3, 61)):
        cli("record", str(number), "--result", f"yield={value}")
    return cli


def test_replay_says_that_all_is_identical(walked: Cli) -> None:
    assert "1 of 1 proposals of reaction come out identical" in walked("replay", "--all")
    (row,) = walked.json("replay", "reaction", "--experiment", "2")["data"]["proposals"]
    assert (row["sameness"], row["experiments"]) == ("identical", ["reaction#1", "reaction#2", "reaction#3"])


def test_replay_ends_with_code_9_where_something_differs(walked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labloop.planner, "plan", lambda spec, *rest: grid_plan(spec, *rest[:2], 2, rest[3]))
    walked("replay", code=9)
    assert "3 experiments were proposed, 2 come out now" in " ".join(walked.out.split())


def test_replay_of_one_and_all_is_refused(walked: Cli) -> None:
    walked("replay", "reaction", "--experiment", "2", "--all", code=2)
    assert "one experiment, or all" in walked.err


def test_the_scorecard_shows_rounds_a_verdict_and_a_picture(walked: Cli) -> None:
    said = walked("scorecard", "--out", "card.png", "--out", "card.svg")
    assert "Your 90 % intervals of yield held 100 % of the time (3 of 3)" in said
    assert Path("card.png").read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in Path("card.svg").read_bytes()
    data = walked.json("scorecard")["data"]
    card = data["outcomes"]["yield"]
    assert card["overall"]["coverage"]["0.9"]["held"] == 3
    assert card["rounds"][0]["batch"] == 1
    assert [each["experiment"] for each in card["results"]] == ["reaction#1", "reaction#2", "reaction#3"]
    walked("scorecard", "--out", "card.png", code=5)
    walked("scorecard", "--out", "card.pdf", code=2)


def test_a_scorecard_before_any_result_says_so(cli: Cli) -> None:
    (cli.folder / "campaigns" / "reaction.yaml").write_text(CAMPAIGN)
    assert "No prediction of yield has met its result yet." in cli("scorecard", "--out", "card.png")
