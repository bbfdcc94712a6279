"""What a picture shows, and how it looks as characters, as a figure and on a page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from labloop.errors import InvalidInput, StorageError
from labloop.records import Experiment, FailureKind, Observation, Origin, Prediction, Status
from labloop.report.figures import predictions_figure, progress_figure, save_progress
from labloop.report.page import page, save_page
from labloop.report.progress import Progress, progress_frame
from labloop.report.terminal import terminal_progress
from labloop.spec.models import Spec


def make_spec(goal: Mapping[str, Any] | None = None, **changes: Any) -> Spec:
    fields: dict[str, Any] = {
        "name": "reaction",
        "question": "How hot?",
        "parameters": {"temperature": {"bounds": [20, 80], "unit": "degC"}, "humidity": {"observed": True}},
        "objectives": {"yield": {"unit": "%", **(goal or {"goal": "maximize"})}},
        "limits": ["purity >= 95"],
    }
    return Spec.model_validate({**fields, **changes})


def run(number: int, *yields: float, purity: float | None = 99.0, **fields: Any) -> Experiment:
    """Return an experiment with one replicate a yield; without any it is still to be run."""
    also = {} if purity is None else {"purity": purity}
    observed = tuple(
        Observation(index, {"yield": value, **also}, {"humidity": 40.0}) for index, value in enumerate(yields, 1)
    )
    conditions = {"temperature": 20.0 + number}
    known: dict[str, Any] = {
        "status": Status.COMPLETED if yields else Status.PROPOSED,
        "origin": Origin.PLANNER,
        "batch": (number + 1) // 2,
        "slot": "improve",
        "predictions": {"yield": Prediction(50.0, 10.0, 33.6, 50.0, 66.4)},
    }
    return Experiment(number, planned=conditions, executed=conditions, observations=observed, **{**known, **fields})


def frame(*experiments: Experiment, **changes: Any) -> Progress:
    return progress_frame(experiments, make_spec(**changes))


CAMPAIGN = (
    run(1, 10.0, slot="start", predictions={}),
    run(2, 20.0, 40.0),
    run(3, 90.0, purity=80.0),
    run(4, 25.0, slot="novelty"),
    run(5, status=Status.FAILED, failure=FailureKind.EQUIPMENT, note="pump <stopped> & leaked"),
    run(6, 60.0, origin=Origin.MANUAL, slot="", batch=None, predictions={}),
    run(7, status=Status.VETOED),
    run(8),
)


def test_the_value_of_an_experiment_is_the_mean_of_its_replicates() -> None:
    point = frame(*CAMPAIGN).tracks[0].points[1]
    assert (point.value, point.low, point.high) == (30.0, 20.0, 40.0)


def test_the_best_so_far_skips_what_breaks_a_limit() -> None:
    track = frame(*CAMPAIGN).tracks[0]
    assert [point.best for point in track.points] == [10.0, 30.0, 30.0, 30.0, 30.0, 60.0, 60.0]
    assert [point.number for point in track.points if point.leads] == [1, 2, 6]
    assert track.points[2].keeps is False


def test_an_unmeasured_limit_is_not_a_broken_one() -> None:
    point = frame(run(1, 10.0, purity=None)).tracks[0].points[0]
    assert (point.keeps, point.best) == (None, 10.0)


def test_the_best_so_far_falls_when_minimising() -> None:
    track = frame(run(1, 10.0), run(2, 4.0), run(3, 7.0), goal={"goal": "minimize"}).tracks[0]
    assert [point.best for point in track.points] == [10.0, 4.0, 4.0]


def test_the_best_so_far_is_the_closest_to_a_target() -> None:
    track = frame(run(1, 10.0), run(2, 80.0), run(3, 47.0), goal={"goal": "target", "target": 50}).tracks[0]
    assert [point.best for point in track.points] == [10.0, 80.0, 47.0]
    assert track.aim == "hit 50"


def test_an_outcome_with_a_mere_limit_has_a_track_without_a_best() -> None:
    track = frame(*CAMPAIGN).tracks[1]
    assert (track.outcome, track.goal, track.aim) == ("purity", None, "at least 95")
    assert track.best is None


def test_vetoed_experiments_are_left_out_and_order_does_not_matter() -> None:
    data = frame(*reversed(CAMPAIGN))
    assert [each.number for each in data.experiments] == [1, 2, 3, 4, 5, 6, 8]


def test_batches_and_kinds_come_from_the_records() -> None:
    data = frame(*CAMPAIGN)
    assert data.batches == ((1, 1, 2), (2, 3, 4), (3, 5, 5), (4, 8, 8))
    assert data.kinds == ("start", "improve", "novelty", "manual")


def test_several_objectives_have_a_track_each_and_a_pareto_set() -> None:
    objectives = {"yield": {"goal": "maximize"}, "purity": {"goal": "maximize"}}
    data = frame(
        run(1, 10.0, purity=99.0), run(2, 40.0, purity=90.0), run(3, 9.0, purity=80.0), objectives=objectives, limits=[]
    )
    assert [track.outcome for track in data.tracks] == ["yield", "purity"]
    assert data.leading == (1, 2)


def test_the_terminal_picture_shows_points_staircase_units_and_key() -> None:
    text = terminal_progress(frame(*CAMPAIGN), 80, 24)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "yield [%], maximize" in lines[0]
    assert lines[0].endswith("best so far: 60 (experiment 6)")
    for mark in ("▪ start", "● improve", "◆ novelty", "• manual", "× breaks a limit", "! no result", "○ expected"):
        assert mark in text
    assert "╯" in text
    assert "\x1b" not in text


def test_the_staircase_steps_up_between_the_rows_of_its_values() -> None:
    lines = terminal_progress(frame(run(1, 0.0), run(2, 100.0), limits=[]), 40, 12).splitlines()
    picture = [line[6:] for line in lines[1:9]]  # behind the axis
    column = picture[0].index("●")
    assert picture[0].endswith("●─")
    assert [line[column] for line in picture] == ["●", *"││││││", "╯"]
    assert picture[-1] == "●" + "─" * (column - 1) + "╯"


def test_the_staircase_steps_down_when_minimising() -> None:
    text = terminal_progress(frame(run(1, 100.0), run(2, 0.0), limits=[], goal={"goal": "minimize"}), 40, 12)
    assert text.splitlines()[1].rstrip().endswith("─╮")


def test_a_terminal_without_the_characters_gets_ascii() -> None:
    spec_with_mu = {"yield": {"goal": "maximize", "unit": "µg"}}
    text = terminal_progress(frame(*CAMPAIGN, objectives=spec_with_mu), 80, 20, encoding="ascii")
    assert text.isascii()
    assert "# start" in text
    assert "yield [?g]" in text
    assert terminal_progress(frame(*CAMPAIGN), encoding="klingon") == terminal_progress(frame(*CAMPAIGN), encoding=None)


def test_colour_adds_codes_and_changes_nothing_else() -> None:
    plain = terminal_progress(frame(*CAMPAIGN), 80, 20)
    coloured = terminal_progress(frame(*CAMPAIGN), 80, 20, colour=True)
    assert "\x1b[" in coloured
    stripped = re.sub(r"\x1b\[\d*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


@pytest.mark.parametrize("values", [(), (5.0,), (0.0,), (5.0, 5.0), (1e12, -1e12), (1e-9, 2e-9), (3.0, 1e6)])
@pytest.mark.parametrize("width", [10, 40, 81, 200])
def test_no_picture_is_too_odd_to_draw(values: tuple[float, ...], width: int) -> None:
    experiments = [run(number, value, predictions={}) for number, value in enumerate(values, 1)]
    text = terminal_progress(frame(*experiments, limits=[]), width, 5)
    assert all(len(line) <= max(width, 40) for line in text.splitlines()) or not values
    assert ("nothing measured yet" in text) is not bool(values)


def test_figures_have_a_panel_an_outcome() -> None:
    panels = progress_figure(frame(*CAMPAIGN)).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["yield [%]", "purity"]
    assert [panel.get_title(loc="right") for panel in panels] == ["maximize", "at least 95"]


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(mpl.rcParams)
    page(frame(*CAMPAIGN))
    assert dict(mpl.rcParams) == before


def test_a_name_with_dollars_is_not_read_as_mathematics() -> None:
    objectives = {"yield": {"goal": "maximize", "unit": "$\\frac$"}}
    text = page(frame(run(1, 1.0), objectives=objectives, limits=[]))
    picture = text[text.index("<svg") : text.index("</svg>")]
    assert "yield [$\\frac$]" in picture


@pytest.mark.parametrize("name", ["p.png", "p.svg"])
def test_the_same_picture_is_the_same_file(tmp_path: Path, name: str) -> None:
    first = save_progress(frame(*CAMPAIGN), tmp_path / name).read_bytes()
    assert save_progress(frame(*CAMPAIGN), tmp_path / name).read_bytes() == first
    assert first.startswith((b"\x89PNG", b"<?xml"))


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'p\.gif' must end in \.png or \.svg"):
        save_progress(frame(*CAMPAIGN), tmp_path / "p.gif")


def test_a_file_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file"):
        save_page(frame(*CAMPAIGN), tmp_path / "nowhere" / "page.html")


def test_there_is_no_picture_of_predictions_without_predictions() -> None:
    assert predictions_figure(frame(run(1, 5.0, predictions={}))) is None


def test_the_predictions_say_how_many_intervals_held() -> None:
    figure = predictions_figure(frame(run(1, 50.0), run(2, 60.0), run(3, 90.0)))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].texts] == ["2 of 3 within\ntheir 90 % interval"]


class _Outline(HTMLParser):
    """Collects tags, addresses, ids and the rows of tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def outline(text: str) -> _Outline:
    found = _Outline()
    found.feed(text)
    return found


def test_a_page_needs_nothing_else_and_runs_nothing() -> None:
    found = outline(page(frame(*CAMPAIGN)))
    assert not {"script", "link", "iframe"} & set(found.tags)
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert len(found.ids) == len(set(found.ids))


def test_a_page_holds_both_pictures_and_every_experiment() -> None:
    text = page(frame(*CAMPAIGN))
    found = outline(text)
    assert found.tags.count("svg") == 2
    assert found.tags.count("tr") == 1 + 7
    for svg in re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL):
        ElementTree.fromstring(svg)
    assert "50 (33.6 to 66.4)" in text
    assert '<tr class="best"><td class=n>6</td>' in text
    assert '<tr class="broken"><td class=n>3</td>' in text


def test_a_page_escapes_what_comes_from_outside() -> None:
    evil = "<script>alert('x')</script>&"
    objectives = {"yield": {"goal": "maximize", "unit": evil}}
    text = page(frame(*CAMPAIGN, question=evil, objectives=objectives))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "pump &lt;stopped&gt; &amp; leaked" in text


def test_the_colours_of_a_page_follow_its_palette() -> None:
    pictures = re.findall(r"<svg .*?</svg>", page(frame(*CAMPAIGN)), flags=re.DOTALL)
    assert all("var(--ink)" in picture for picture in pictures)
    assert not any(re.search(r"#[0-9a-f]{6}\b", picture) for picture in pictures)


def test_an_empty_campaign_has_a_page_too() -> None:
    text = page(frame())
    assert "nothing measured yet" in text
    assert "<table" not in text


def test_the_data_of_a_picture_needs_no_drawing_library() -> None:
    code = (
        "import sys, labloop.report.progress, labloop.report.terminal;"
        "print([m for m in ('matplotlib', 'numpy', 'pandas', 'torch') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
