"""Pictures of answers: every number drawn comes from the answer, and every answer can be drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

import labloop
from labloop.campaign import Campaign
from labloop.errors import InvalidInput
from labloop.insight.explain import Explanation
from labloop.report.check_figures import draw_check, draw_drifts
from labloop.report.drawing import figure_bytes, styled
from labloop.report.insight_figures import draw_curves, draw_effects
from labloop.report.insight_page import figure_of, insight_page, parts_of, save_insight


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    made = labloop.create(
        {
            "schema": "labloop/1",
            "name": "coupling",
            "parameters": {
                "temperature": {"bounds": [20, 80], "unit": "degC"},
                "time": {"bounds": [1, 100], "scale": "log", "unit": "h"},
                "salt": {"choices": ["NaCl", "KCl", "a very long name of a salt"]},
            },
            "objectives": {"yield": {"goal": "maximize", "unit": "%"}},
        },
        store="sqlite://",
    )
    rng = np.random.default_rng(0)
    salts = ["NaCl", "KCl", "a very long name of a salt"]
    grid = [(t, h, s) for t in (20.0, 50.0, 80.0) for h in (1.0, 10.0, 100.0) for s in salts]
    made.import_(
        [{"temperature": t, "time": h, "salt": s, "yield": t / 4 + np.log(h) + 0.5 * rng.normal()} for t, h, s in grid]
    )
    return made


@pytest.fixture(scope="module")
def explained(campaign: Campaign) -> Explanation:
    return campaign.explain()


def test_every_effect_has_a_line_of_its_own_with_both_models(explained: Explanation) -> None:
    with styled():
        figure = Figure()
        draw_effects(figure, explained.effects, "%")
    (panel,) = figure.axes
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names[0] == "temperature"
    assert len(names) == min(len(explained.effects), 28)
    drawn = {round(float(np.asarray(line.get_xdata())[0]), 6) for line in panel.lines}
    for each in explained.effects[:10]:
        assert each.linear is not None
        assert round(each.linear.estimate, 6) in drawn


def test_curves_share_one_scale_and_a_log_axis_stays_one(explained: Explanation) -> None:
    with styled():
        figure = Figure()
        draw_curves(figure, explained.curves, "yield")
    panels = [each for each in figure.axes if each.axison]
    assert len({each.get_ylim() for each in panels}) == 1
    assert [each.get_xscale() for each in panels] == ["linear", "log", "linear"]
    figure_bytes(figure, "png")
    assert {"1", "10", "100"} <= {each.get_text() for each in panels[1].get_xticklabels()}
    labels = [each.get_text() for each in panels[2].get_xticklabels()]
    assert labels == ["NaCl", "KCl", "a very long n…"]


def test_the_check_marks_what_missed_its_interval(campaign: Campaign) -> None:
    check = campaign.check_model()
    with styled():
        figure = Figure()
        draw_check(figure, check)
    parity = figure.axes[0]
    inside = sum(each.low <= each.measured <= each.high for each in check.predictions)
    sizes = [np.size(line.get_xdata()) for line in parity.lines[1:]]
    assert sizes == [inside, len(check.predictions) - inside]


def test_drifts_are_drawn_for_numbers(campaign: Campaign) -> None:
    region = campaign.region("yield >= 15")
    with styled():
        figure = Figure()
        draw_drifts(figure, region)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["temperature [degC]", "time [h]"]


@pytest.mark.parametrize("asked", ["estimability", "check_model", "region"])
def test_every_answer_is_a_sheet_and_a_page(campaign: Campaign, asked: str, tmp_path: Path) -> None:
    answer = getattr(campaign, asked)()
    answer = answer.found if asked == "estimability" else answer
    assert save_insight(answer, tmp_path / "answer.png").read_bytes()[:4] == b"\x89PNG"
    stamp = "reaction 15:dcff2a689155"
    page = insight_page(answer, stamp=stamp)
    assert page.count("<figure>") == len(parts_of(answer)) > 0
    assert f'<meta name="labloop-head" content="{stamp}">' in page
    assert "15:dcff2a689155" in page.partition("<footer>")[2]
    assert "labloop-head" not in insight_page(answer)


def test_the_same_answer_is_the_same_picture(campaign: Campaign) -> None:
    found = campaign.estimability().found
    first = figure_bytes(figure_of(found), "svg")
    assert first == figure_bytes(figure_of(found), "svg")
    assert ElementTree.fromstring(first).tag.endswith("svg")


def test_other_endings_are_refused(explained: Explanation, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"must end in \.png, \.svg or \.html"):
        save_insight(explained, tmp_path / "effects.pdf")
