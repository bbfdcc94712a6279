"""What a user sees of the bookkeeping: replay, scorecard, surprises, confirm, dossier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import labloop.planner
from labloop.records import Proposal
from labloop.spec.models import Spec
from tests.cli.conftest import CAMPAIGN, Cli
from tests.conftest import grid_plan

WALKED = CAMPAIGN.replace("objectives:", "  operator: {value: robot}\nobjectives:")


@pytest.fixture
def walked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A workspace whose planner only walks along a grid and predicts 50 +- 10; one batch is measured."""
    monkeypatch.setattr(labloop.planner, "plan", grid_plan)
    (cli.folder / "campaigns" / "reaction.yaml").write_text(WALKED)
    cli("suggest")
    for number, value in ((1, 48), (2, 55), (3, 61)):
        cli("record", str(number), "--result", f"yield={value}")
    return cli


def test_replay_says_that_all_is_identical(walked: Cli) -> None:
    assert "1 of 1 proposals of reaction come out identical" in walked("replay", "--all")
    (row,) = walked.json("replay", "reaction", "--experiment", "2")["data"]["proposals"]
    assert (row["sameness"], row["experiments"]) == ("identical", ["reaction#1", "reaction#2", "reaction#3"])


def test_replay_ends_with_code_9_where_something_differs(walked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fewer(spec: Spec, observed: Any, pending: Any, n: int, seed: int) -> Proposal:
        return grid_plan(spec, observed, pending, n - 1, seed)

    monkeypatch.setattr(labloop.planner, "plan", fewer)
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


def test_a_surprise_is_shown_and_repeated_once(walked: Cli) -> None:
    assert "No surprise among 3 results" in walked("surprises")
    walked("amend", "2", "--result", "yield=98", "--reason", "typed 55 for 98")
    said = " ".join(walked("surprises").split())
    assert "reaction#2" in said
    assert "better to be repeated" in said
    answer = walked.json("surprises", "--repeat", "--times", "2")["data"]
    assert answer["added"] == ["reaction#4", "reaction#5"]
    assert answer["surprises"][0]["stage"] == "repeat under way"
    walked("surprises", "--repeat", code=8)
    walked("record", "4", "--result", "yield=97")
    assert "believe it" in walked("surprises")
    walked("amend", "4", "--result", "yield=51", "--reason", "typo")
    assert "look for the error" in walked("surprises")
    walked("surprises", "--rate", "2", code=3)


def test_a_winner_is_repeated_beside_a_control_and_reported(walked: Cli) -> None:
    said = walked("confirm", "-n", "2")
    assert "Added 4 experiments" in said
    assert "4 repeats are still to be run" in said
    answer = walked.json("confirm")["data"]
    assert (answer["winner"], answer["control"], answer["added"]) == ("reaction#3", "reaction#1", [])
    for each, value in zip(answer["repeats"], (54, 56), strict=True):
        walked("record", each, "--result", f"yield={value}")
    for each, value in zip(answer["control_repeats"], (47, 49), strict=True):
        walked("record", each, "--result", f"yield={value}")
    said = walked("confirm")
    assert "the first value was flattered" in said
    assert "leads by       7" in said
    assert "13 % before" in said
    shown = walked.json("confirm", "reaction")["data"]["outcomes"]["yield"]
    assert shown["left"]["value"] == 55
    assert shown["noise"]["degrees_of_freedom"] == 3
    assert walked.json("confirm", "--again", "-n", "1")["data"]["added"] == ["reaction#8", "reaction#9"]


def test_a_dossier_is_written_checked_and_replayed(walked: Cli) -> None:
    answer = walked.json("dossier", "reaction", "supplement.zip")["data"]
    assert answer["head"] == walked.json("status")["data"]["head"]
    assert "1 of 1 proposals of reaction come out identical" in walked("replay", "--dossier", "supplement.zip")
    assert answer["head"]["hash"] in walked("dossier", "reaction", "folder")
    walked("dossier", "reaction", "supplement.zip", code=5)
    walked("dossier", "reaction", code=2)
    walked("replay", "reaction", "--dossier", "supplement.zip", code=2)
    walked("replay", "--dossier", "nothing.zip", code=4)
