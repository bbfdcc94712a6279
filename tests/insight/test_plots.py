"""Whole plots: what is hard to change is judged by what one setting-up differs from the next."""

from __future__ import annotations

import numpy as np
import pytest

from labloop.insight.effects import Effect, effects, ladder
from labloop.insight.estimability import Design, Estimability, estimability
from labloop.insight.plots import between
from labloop.insight.questions import Region, questions_of
from labloop.insight.runs import Runs, runs_of
from labloop.insight.terms import Term, basis_of, first_order, second_order
from labloop.records import Experiment
from labloop.spec.models import Spec
from tests.insight.conftest import coded_spec, completed

# Corrosion resistance of steel bars by furnace temperature and coating, six heats of four bars: Box, Hunter & Hunter
# (2005), section 9.1; the data as given at stat.ubc.ca/~rollin/teach/550.old/splt.html.
HEATS = [
    ("360", (67, 73, 83, 89)),
    ("370", (65, 91, 87, 86)),
    ("380", (155, 127, 147, 212)),
    ("380", (108, 100, 90, 153)),
    ("370", (140, 142, 121, 150)),
    ("360", (33, 8, 46, 54)),
]


def furnace(*, plots: bool = True) -> Runs:
    parameters = {
        "temperature": {"choices": ["360", "370", "380"], "change": "hard"},
        "coating": {"choices": ["1", "2", "3", "4"]},
    }
    spec = coded_spec([], parameters=parameters)
    made: list[Experiment] = []
    for heat, (temperature, values) in enumerate(HEATS, 1):
        for coating, value in zip("1234", values, strict=True):
            extra = {"whole plot": str(heat)} if plots else {}
            row = {"temperature": temperature, "coating": coating}
            made.append(completed(len(made) + 1, row, value, extra=extra))
    return runs_of(spec, made, "y")


def answers(runs: Runs) -> tuple[Estimability, dict[str, Effect]]:
    told = estimability(runs)
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    region = Region(runs)
    questions = questions_of(runs, region, [*design.mains, *design.seconds])
    return told, {each.name: each for each in effects(told, ladder(design, region), None, questions, 0)}


def test_the_split_plot_of_the_textbook_has_its_two_errors() -> None:
    runs = furnace()
    design = Design(runs, basis_of(runs), first_order(runs), second_order(runs))
    pair = Term("interaction", ("temperature", "coating"))
    found = between(design, [*design.mains, pair])
    assert found is not None
    # Means of four bars: four times their mean square is the error between heats, printed as 14,440 / 3 = 4,813.
    assert found.fit.df == 3
    assert 4 * found.fit.residual_ss == pytest.approx(14439.625)
    # By the plain sums of squares of the table, the slow obvious way.
    y = runs.y.reshape(6, 4)
    temperature = np.array([float(each) for each, _ in HEATS])
    settings = np.array([y[temperature == each].mean() for each in (360.0, 370.0, 380.0)])
    assert 8 * np.sum((settings - y.mean()) ** 2) == pytest.approx(26519.25)
    model = ladder(design, Region(runs))
    _, fitted = model.beside(pair)
    assert fitted.df == 9
    assert fitted.residual_ss == pytest.approx(1120.875)
    assert fitted.residual_ss / 9 == pytest.approx(124.54, abs=5e-3)


def test_the_hard_factor_is_judged_by_the_heats_and_the_coating_within_them() -> None:
    _, with_plots = answers(furnace())
    _, without = answers(furnace(plots=False))
    hot, bar = "temperature = 380", "coating = 4"
    pairs = [(with_plots[name].linear, without[name].linear) for name in (hot, bar)]
    (one, naive), (within, mixed) = pairs
    assert one is not None
    assert naive is not None
    assert within is not None
    assert mixed is not None
    assert one.estimate == pytest.approx(naive.estimate)
    assert one.high - one.low > 1.5 * (naive.high - naive.low), "36 degrees of freedom there are not"
    assert within.high - within.low < 0.7 * (mixed.high - mixed.low)
    assert within.excludes_zero


def test_the_answer_says_how_often_it_was_set_and_what_that_leaves() -> None:
    told, _ = answers(furnace())
    assert any("temperature was set 6 times for 24 measurements" in note for note in told.notes)
    assert any("with 3 degrees of freedom" in note for note in told.notes)
    assert all("whole plot" not in each.says for each in told.verdicts)


def hard_spec() -> Spec:
    parameters = {"a": {"bounds": [-1.0, 1.0], "change": "hard"}, "b": {"bounds": [-1.0, 1.0]}}
    return coded_spec([], parameters=parameters)


def test_each_setting_once_leaves_nothing_to_judge_it_by() -> None:
    made = [
        completed(i, {"a": a, "b": b}, 5 * a + b + 0.1 * (i % 3), extra={"whole plot": str(a)})
        for i, (a, b) in enumerate([(a, b) for a in (-1.0, 1.0) for b in (-1.0, -0.3, 0.4, 1.0)], 1)
    ]
    told, found = answers(runs_of(hard_spec(), made, "y"))
    assert found["a"].standing == "not estimable yet"
    assert "too few whole plots" in found["a"].says
    assert found["b"].standing == "found"
    assert any("each setting too rarely" in note for note in told.notes)


def test_a_null_hard_factor_is_not_found_more_often_than_promised() -> None:
    rng = np.random.default_rng(1)
    flagged = []
    for _ in range(120):
        made: list[Experiment] = []
        for plot in range(6):
            a, drift = (-1.0, 1.0)[plot % 2], rng.normal(0, 2)
            for b in (-1.0, 0.0, 1.0):
                value = drift + b + rng.normal(0, 0.5)
                made.append(completed(len(made) + 1, {"a": a, "b": b}, value, extra={"whole plot": str(plot)}))
        _, found = answers(runs_of(hard_spec(), made, "y"))
        interval = found["a"].linear
        assert interval is not None
        flagged.append(interval.excludes_zero)
    assert 0.03 < np.mean(flagged) < 0.18


def test_a_proposal_is_a_whole_plot_where_it_shares_a_setting() -> None:
    made = [
        completed(i, {"a": float(batch % 2), "b": i / 12}, float(i), batch=batch)
        for i, batch in enumerate([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], 1)
    ]
    runs = runs_of(hard_spec(), made, "y")
    assert runs.plot is not None
    assert runs.plot.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    alone = [completed(i, {"a": float(i % 2), "b": i / 12}, float(i)) for i in range(1, 9)]
    assert not runs_of(hard_spec(), alone, "y").plotted
