"""Tables, figures and sentences on records made up for the purpose."""

import dataclasses
import math

import numpy as np
import pytest

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import AveragePrecision, Mean, Recall
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import Interval
from cirkit.figures import phrases, plots, tables


@dataclasses.dataclass(frozen=True)
class Declared:
    """What show asks of an experiment."""

    name: str
    row: str
    table: str = "Table 1"
    also: tuple = ()
    paper: str = "maaf"
    scale: str = "cpu"
    basis: str = "world"
    seeds: tuple[int, ...] = (0, 1, 2)
    code: str = "today"
    tests: dict = dataclasses.field(default_factory=lambda: {"css": None})


def record(name: str, seed: int, hits: int, code: str = "today") -> records.Record:
    """A run in which `hits` of twenty queries have their answer first, the others fifth."""
    values = np.array([1.0] * hits + [5.0] * (20 - hits))
    return records.Record(
        name=name,
        paper="maaf",
        scale="cpu",
        basis="world",
        seed=seed,
        fingerprint="f",
        code=code,
        declared={},
        where={"device": "a <fast> processor", "commit": "0123456789"},
        seconds={"train": 50.0, "test": 10.0},
        parameters=10,
        loss=[[1, 3.0], [2, 1.0]],
        ranks={"css": Ranks.from_mid(values, np.arange(21), 100)},
    )


ROW = {
    "id": "maaf-1", "paper": "maaf", "where": "Table 1", "says": "MAAF > TIRG & more.", "reported": "+14.1",
    "verdict": "holds", "mean": 0.123, "low": 0.101, "high": 0.142, "unit": "points",
    "basis": "world", "scale": "cpu", "seeds": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    declared = [Declared("maaf/ran", "MAAF, identity"), Declared("maaf/waits", "A row of our own <b>")]
    runs = {"maaf/ran": [record("maaf/ran", seed, 12 + seed) for seed in range(3)]}
    untested = ROW | {"id": "maaf-2", "verdict": "untested", "mean": None, "low": None, "high": None, "seeds": 0}
    monkeypatch.setattr(registry, "experiments", lambda paper=None, scale=None: declared)
    monkeypatch.setattr(registry, "experiment", lambda name, scale: {e.name: e for e in declared}[name])
    monkeypatch.setattr(registry, "ledger", lambda paper=None: [ROW, untested])
    monkeypatch.setattr(records, "done", lambda experiment: runs.get(experiment.name, []))


def test_a_table_keeps_the_papers_numbers_and_ours_in_columns_of_their_own():
    frame = tables.table("maaf", "Table 1", "cpu", Recall(1)).data
    ran = frame[frame.method == "MAAF, identity"].iloc[0]
    assert ran["printed in the paper (original data)"] == "87.8 ± 0.9 (as “MAAF (ours)”)"
    assert ran["ours: R@1, %"].startswith("65.0 [") and ran["ours: basis · scale · seeds"] == "world · cpu · 3 seeds"
    ours = frame.filter(like="ours").map(str).to_numpy().ravel()
    assert not any("±" in cell for cell in ours)


def test_a_table_says_what_has_not_run_and_what_has_no_experiment():
    frame = tables.table("maaf", "Table 1", "cpu", Recall(1)).data.set_index("method")
    waits = frame.loc["A row of our own <b>"]
    assert waits["ours: R@1, %"] == "not run" and waits["printed in the paper (original data)"] == "not in the table"
    assert frame.loc["Locally Bounded Features [23]", "ours: R@1, %"] == "no experiment"


def test_a_table_ends_with_chance_and_has_no_column_for_a_paper_that_printed_nothing():
    frame = tables.table("photos", "Table 1", "cpu", Recall(5)).data
    assert list(frame.columns) == ["method", "ours: R@5, %", "ours: basis · scale · seeds"]
    assert frame.iloc[-1].tolist() == ["a random order", "5.0", ""]  # one answer among a hundred pictures


def test_a_table_escapes_what_it_holds_and_is_readable_on_dark_pages():
    page = tables.table("maaf", "Table 1", "cpu", Recall(1)).to_html()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert 'class="dataframe cirkit-table"' in page


def test_a_table_that_nobody_knows_is_a_problem():
    with pytest.raises(Problem, match="no Table 9 of 'maaf'"):
        tables.table("maaf", "Table 9", "cpu", Recall(1))


def test_dots_draws_every_seed_and_the_interval():
    axes = plots.dots("maaf", "Table 1", "cpu", Recall(1)).axes[0]
    line, seeds, middle, floor = axes.lines
    assert sorted(seeds.get_xdata()) == pytest.approx([60.0, 65.0, 70.0])
    low, high = line.get_xdata()
    assert middle.get_xdata()[0] == pytest.approx(65.0)
    assert low < 65.0 < high
    assert floor.get_xdata()[0] == pytest.approx(1.0)
    assert [text.get_text() for text in axes.texts] == ["not run", " chance"]


def test_loss_curves_draws_one_line_per_seed_and_names_a_row_once():
    axes = plots.loss_curves("maaf", "Table 1", "cpu").axes[0]
    assert len(axes.lines) == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["MAAF, identity"]


def test_the_loss_of_one_run_is_drawn_as_it_is():
    (line,) = plots.loss_curve([(1, 3.0), (2, 1.0)]).axes[0].lines
    assert line.get_xydata().tolist() == [[1.0, 3.0], [2.0, 1.0]]


def test_a_verdict_never_stands_without_its_basis_scale_and_seeds():
    assert phrases.claim("maaf-1").text == "holds (+12.3 [+10.1, +14.2] points; world · cpu · 3 seeds)"
    assert phrases.measured_row(ROW | {"unit": "of an even look"}) == "+0.12 [+0.10, +0.14] of an even look"
    assert phrases.claim("maaf-2").text == "untested (no record yet)"
    with pytest.raises(Problem, match=r"no claim 'maaf-9'. Choose one of: maaf-1, maaf-2"):
        phrases.claim("maaf-9")


def test_a_result_is_a_number_with_an_interval_or_says_that_it_has_not_run():
    assert phrases.result("maaf/ran R@1").text.endswith("] % (world · cpu · 3 seeds)")
    assert phrases.result("maaf/waits R@1 cpu").text == "not run yet (world · cpu)"
    for wrong in ("maaf/ran", "maaf/ran R@0", "maaf/ran accuracy"):
        with pytest.raises(Problem):
            phrases.result(wrong)


def test_measures_are_found_by_the_name_they_print():
    for measure in (Recall(10), AveragePrecision(5), Mean((Recall(10), Recall(50)))):
        assert phrases.measure_of(str(measure)) == measure


def test_the_ledger_shows_verdicts_and_counts_them():
    frame = tables.ledger_table().data
    assert list(frame["our number"]) == ["+12.3 [+10.1, +14.2] points", ""]
    assert list(tables.ledger_table("maaf", where=("Table 1",)).data["claim"]) == ["maaf-1", "maaf-2"]
    assert list(tables.ledger_table("maaf", where=("Table 9",)).data["claim"]) == ["none declared"]
    assert tables.verdicts() == {"holds": 1, "fails": 0, "open": 0, "untested": 1}


def test_records_whose_code_changed_are_told(monkeypatch):
    runs = [record("maaf/ran", 0, 12), record("maaf/ran", 1, 12, code="before")]
    monkeypatch.setattr(records, "done", lambda experiment: runs if experiment.name == "maaf/ran" else [])
    (row,) = tables.record_states()
    assert row["seeds"] == "2 of 3" and row["code since then"] == "changed for 1 of 2"
    assert math.isclose(float(row["minutes a seed"]), 1.0)


def test_a_percentage_is_the_fraction_times_a_hundred():
    assert phrases.percent(Interval(0.5, 0.25, 0.75, 3)) == "50.0 [25.0, 75.0]"
    assert phrases.provenance("photos", "gpu", 1) == "photos · gpu · 1 seed"
