"""Along the curve: paired by query, said in one sentence, and silent where two rows share no queries."""

from dataclasses import replace
from functools import partial

import pytest
from toys import CURVE, CURVED, EXPERIMENT, colour_benchmark, keep_curve

from cirkit.evaluators.measures import Recall
from cirkit.experiments import registry, run
from cirkit.experiments.along import along, leads
from cirkit.experiments.claims import Claim, Gain, GainOverBest, above
from cirkit.experiments.page import Page
from cirkit.figures.claims import claims_table

A, B = (replace(CURVED, name=f"toy/{name}", row=name.upper()) for name in "ab")
ROWS = {each.name: each for each in (A, B)}
GAIN = Gain("toy/a", "toy/b", "colours", Recall(1))
CLAIM = Claim(
    id="toy-1", paper="toy", where="Table 1", says="A > B.", reported="our own", quantity=GAIN, expect=above(0.0)
)
HALF = range(50)


def curves_of(a, b=(HALF,) * 10, group=None):
    keep_curve(A, a, group)
    keep_curve(B, b, group)


def test_the_difference_is_paired_by_query(home):
    curves_of([range(30)] * 5 + [range(70, 100)] * 5, [range(20)] * 10)
    points = leads(GAIN, ROWS)
    assert [point.share for point in points] == pytest.approx([tenth / 10 for tenth in range(1, 11)])
    assert [round(point.gain.mean, 6) for point in points] == [10.0] * 10
    assert [point.side for point in points] == [1] * 5 + [0] * 5  # other queries: as large, but not decided
    assert 3 < points[0].gain.low < 6 and 14 < points[0].gain.high < 18  # 10 ± 1.96 · 3 of a hundred


def test_groups_count_alike(home):
    curves_of([range(5)] * 10, [()] * 10, ("dress",) * 10 + ("shirt",) * 90)
    assert leads(GAIN, ROWS)[0].gain.mean == pytest.approx(25.0)


def test_a_lead_is_dated_by_the_points_that_hold_to_the_end(home):
    curves_of([range(80), HALF, *[range(80)] * 8])
    assert along(CLAIM, ROWS) == "Validation curve of seed 0: A ahead from 30 % of the training on."
    curves_of([range(20)] * 10)
    assert along(CLAIM, ROWS) == "Validation curve of seed 0: B ahead from 10 % of the training on."
    curves_of([*[range(80)] * 6, *[range(51)] * 4])
    assert along(CLAIM, ROWS) == "Validation curve of seed 0: neither row ahead from 70 % of the training on."


def test_a_difference_that_turns_in_the_second_half_is_said_to_change(home):
    less, more = range(20), range(80)
    curves_of([*[more] * 5, less, HALF, less, HALF, more])
    text = "Changes along the validation curve of seed 0: B ahead at 60 %, A ahead at 100 % of the training."
    assert along(CLAIM, ROWS) == text
    curves_of([*[less] * 5, *[more] * 5])  # it turned before the second half
    assert along(CLAIM, ROWS) == "Validation curve of seed 0: A ahead from 60 % of the training on."


class Error(Recall):
    """A measure of which less is better."""

    higher_is_better = False


def test_less_is_ahead_where_the_measure_says_so(home):
    curves_of([range(20)] * 10)
    assert along(replace(CLAIM, quantity=replace(GAIN, measure=Error(1))), ROWS).startswith(
        "Validation curve of seed 0: A ahead"
    )


def test_nothing_is_said_without_two_curves_of_the_same_queries(home):
    curves_of([range(20)] * 10)
    assert along(CLAIM, ROWS)
    elsewhere = replace(CURVE, data=partial(colour_benchmark, seed=9))
    other = replace(B, exhibits={"colours": (elsewhere,)})
    keep_curve(other, [HALF] * 10)
    lacking = replace(EXPERIMENT, name="toy/b")
    for b in (other, lacking):
        assert leads(GAIN, ROWS | {"toy/b": b}) == [] and along(CLAIM, ROWS | {"toy/b": b}) == ""
    assert along(CLAIM, {"toy/a": A}) == ""
    assert along(replace(CLAIM, quantity=replace(GAIN, test="shapes")), ROWS) == ""
    assert along(replace(CLAIM, quantity=GainOverBest("toy/a", ("toy/b",), "colours", Recall(1))), ROWS) == ""


def test_a_page_says_it_beside_the_claim(home, monkeypatch):
    rows = [replace(each, paper="toy", scale="cpu") for each in (A, B)]
    monkeypatch.setattr(registry, "experiments", lambda paper, scale, root: rows)
    monkeypatch.setattr(registry, "claims", lambda paper: [CLAIM])
    (row,) = Page.of(paper="toy").claims()
    assert row["verdict"] == "untested" and row["along"] == ""
    run.run_missing(rows, tell=lambda line: None)
    for each in rows:
        keep_curve(each, [range(60 if each is rows[0] else 20)] * 10)
    (row,) = Page.of(paper="toy").claims()
    assert row["along"] == "Validation curve of seed 0: A ahead from 10 % of the training on."
    assert row["along"] in claims_table([row]).content
    (row,) = Page.of(paper="toy", seeds=[1]).claims()
    assert row["along"] == ""
