"""Validation curves as small multiples: a panel per row that kept one, and nothing where none did."""

from dataclasses import replace

import pytest
from toys import CURVED, keep_curve, page_of

from cirkit.evaluators.measures import Recall
from cirkit.experiments import registry, run
from cirkit.experiments.experiment import Column
from cirkit.figures import plots


@pytest.fixture
def rows(home, monkeypatch):
    """Three rows with records of both seeds and, as yet, no curve."""
    monkeypatch.setattr(registry, "columns", lambda paper, table: (Column("colours", Recall(1)),))
    plain = [replace(CURVED, name=f"toy/{row}", row=row, scale="cpu", exhibits={}) for row in ("Slow", "Fast", "None")]
    run.run_missing(plain, tell=lambda line: None)
    return [replace(each, exhibits=CURVED.exhibits) for each in plain]


def test_a_panel_per_row_that_kept_a_curve_and_the_others_are_counted(rows):
    keep_curve(rows[0], [range(hits) for hits in (5, 10, 15, 20, 30, 32, 32, 32, 32, 33)])
    keep_curve(rows[1], [range(hits) for hits in (30, 60, 70, 75, 80, 80, 90, 80, 81, 82)])
    display = plots.validation_curves(page_of(*rows), "Table 1", "Figure 1.3")
    slow, fast = (axes for axes in display.content.axes if axes.get_visible())
    assert slow.get_title() == "Slow\nstill rising" and fast.get_title() == "Fast"
    assert slow.lines[0].get_xydata()[[0, 4, 9]].tolist() == [[2.0, 5.0], [10.0, 30.0], [20.0, 33.0]]
    assert slow.get_ylim() == fast.get_ylim() and slow.get_ylim()[0] == 0
    assert "of seed 0." in display.caption and "1 of 3 rows kept no curve." in display.caption
    assert display.caption.endswith("world · cpu · 1 seed.") and [each.row for each in display.rows] == ["Slow", "Fast"]


def test_still_rising_is_a_rule_of_more_than_two_points(rows):
    for row, last in zip(rows, (42, 43, 30), strict=True):
        keep_curve(row, [range(hits) for hits in (0, 0, 0, 0, 40, 0, 0, 0, 0, last)])
    display = plots.validation_curves(page_of(*rows), "Table 1", "Figure 1.3")
    titles = [axes.get_title() for axes in display.content.axes if axes.get_visible()]
    assert titles == ["Slow", "Fast\nstill rising", "None"] and "kept no curve" not in display.caption


def test_without_curves_there_is_nothing_to_show(rows):
    assert plots.validation_curves(page_of(*rows), "Table 1", "Figure 1.3") is None
    waiting = replace(rows[0], training=replace(rows[0].training, steps=30))
    keep_curve(waiting, [range(9)] * 10)  # but no record of its run
    assert plots.validation_curves(page_of(waiting), "Table 1", "Figure 1.3") is None
