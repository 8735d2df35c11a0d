"""Tables, figures and phrases on records of a toy."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from toys import EXPERIMENT, page_of

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import AveragePrecision, Mean, Recall
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import Interval
from cirkit.experiments.experiment import Column, Experiment
from cirkit.figures import overview, phrases, plots, reported, tables
from cirkit.models.baselines import ImageOnly, TextOnly
from cirkit.models.tirg import TIRG

COLUMN = Column("css", Recall(1))


def configured(name: str, row: str = "", model: type = TIRG) -> Experiment:
    """A row of Table 1 that is never trained."""
    training = dataclasses.replace(EXPERIMENT.training, model=functools.partial(model))
    facts = dict(name=f"maaf/{name}", row=row or name, scale="cpu", seeds=(0, 1, 2), exhibits={})
    tests = {"css": EXPERIMENT.tests["colours"]}
    return dataclasses.replace(EXPERIMENT, **facts, training=training, tests=tests)


def record(name: str, seed: int, hits: int, code: str = "") -> records.Record:
    """A run in which `hits` of twenty queries have their target first, the others fifth."""
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
        trainable=10,
        loss=[(1, 3.0), (2, 1.0)],
        evidence={"css": Ranks.from_mid(values, np.arange(21), 100)},
    )


ROW = {
    "id": "maaf-1", "paper": "maaf", "where": "Table 1", "says": "MAAF > TIRG & more.", "reported": "+14.1",
    "verdict": "holds", "mean": 12.3, "low": 10.1, "high": 14.2, "p": 0.0002, "holm": 0.0108,
    "bh": 0.0027, "unit": "points",
    "basis": "world", "scale": "cpu", "seeds": 3,
}  # fmt: skip


@pytest.fixture
def runs(monkeypatch):
    """The records of experiments by name."""
    runs = {"maaf/ran": [record("maaf/ran", seed, 12 + seed) for seed in range(3)]}
    monkeypatch.setattr(records, "done", lambda experiment: runs.get(experiment.name, []))
    return runs


@pytest.fixture(autouse=True)
def page(monkeypatch, runs):
    """A page whose paper has a row that ran and one that waits."""
    rows = [configured("ran", "MAAF, identity"), configured("waits", "A row of our own <b>")]
    blank = dict.fromkeys(("mean", "low", "high", "p", "holm", "bh"))
    untested = ROW | blank | {"id": "maaf-2", "verdict": "untested", "seeds": 0}
    monkeypatch.setattr(registry, "experiments", lambda paper=None, scale=None: rows)
    monkeypatch.setattr(registry, "experiment", lambda name, scale: {e.name: e for e in rows}[name])
    monkeypatch.setattr(registry, "ledger", lambda paper=None: [ROW, untested])
    return page_of(*rows)


def frame(page, table="Table 1"):
    """The cells of a table by method, without the spaces that align them."""
    cells = tables.table(page, table).content.data.set_index(tables.METHOD)
    return cells.map(lambda cell: cell.replace(phrases.FIGURE_SPACE, ""))


def test_a_table_keeps_the_papers_numbers_and_ours_in_columns_of_their_own(page):
    display, cells = tables.table(page, "Table 1"), frame(page)
    assert cells[tables.REPORTED].loc["MAAF, identity", "R@1, %"] == "87.8 ± 0.9"
    assert cells[tables.OURS].loc["MAAF, identity", "R@1, %"].startswith("65.0 [")
    assert not any("±" in cell for cell in cells[tables.OURS].to_numpy().ravel())
    assert "world · cpu · 3 seeds" in display.caption and "MAAF, identity: “MAAF (ours)”" in display.caption


def test_a_table_says_what_has_not_run_and_what_has_no_experiment(page):
    cells = frame(page)
    assert cells.loc["A row of our own <b>"].tolist() == ["not run", "–"]
    assert cells.loc["Locally Bounded Features [23]"].tolist() == ["–", "79.2 ± 1.2"]


def test_a_table_ends_with_chance_and_has_no_column_for_a_paper_that_reports_nothing(page, monkeypatch):
    monkeypatch.setattr(registry, "columns", lambda paper, table: (Column("css", Recall(5)),))
    cells = frame(page)
    assert list(cells.columns) == [(tables.OURS, "R@5, %")]
    assert cells.iloc[-1].tolist() == ["5.0"] and cells.index[-1] == "chance"  # one target among a hundred images


def test_columns_stand_in_the_order_of_the_paper(page):
    assert [str(column) for column in registry.columns("maaf", "Table S5")] == ["R@10", "R@1", "R@5"]
    assert list(tables.columns_of(page, "Table S5")) == ["R@1", "R@5", "R@10"]


def test_a_table_marks_the_best_row_and_those_not_told_apart_from_it(page, runs):
    rows = [configured(name) for name in ("best", "near", "far")]
    hits = {"best": (15, 16, 17), "near": (14, 16, 17), "far": (2, 3, 4)}
    runs |= {f"maaf/{name}": [record(f"maaf/{name}", s, n) for s, n in enumerate(each)] for name, each in hits.items()}
    display = tables.table(page_of(*rows), "Table 1")
    ours = display.content.data.set_index(tables.METHOD)[tables.OURS]["R@1, %"]
    assert [name for name, cell in ours.items() if tables.ALIKE in cell] == ["near"]
    page = display.content.to_html()
    assert page.count("number best") == 1
    assert page.count("reported best") == 1 and "87.8 ± 0.9" in page.partition("reported best")[2][:60]
    assert tables.NOTES[tables.ALIKE] in display.caption and tables.NOTES[tables.UNFINISHED] not in display.caption


def test_rows_that_are_not_above_image_only_are_marked_by_rule(page, runs):
    rows = {
        name: configured(name, model=model)
        for name, model in (("image", ImageOnly), ("text", TextOnly), ("below", TIRG), ("same", TIRG), ("above", TIRG))
    }
    hits = {"image": 8, "text": 1, "below": 4, "same": 8, "above": 19}
    runs |= {f"maaf/{name}": [record(f"maaf/{name}", seed, n) for seed in range(3)] for name, n in hits.items()}
    assert tables.unfinished(rows, COLUMN) == ["below", "same"]
    assert tables.unfinished({"above": rows["above"]}, COLUMN) == []  # nothing to compare with
    cells = tables.table(page_of(*rows.values()), "Table 1").content.data.set_index(tables.METHOD)
    assert [name for name, cell in cells[tables.OURS]["R@1, %"].items() if tables.UNFINISHED in cell] == [
        "below",
        "same",
    ]


def test_the_front_page_names_the_unfinished_rows_beside_image_only(monkeypatch, runs):
    rows = {
        name: configured(name, model=ImageOnly if name == "image" else TIRG) for name in ("image", "below", "above")
    }
    hits = {"image": 8, "below": 4, "above": 19}
    runs |= {f"maaf/{name}": [record(f"maaf/{name}", seed, n) for seed in range(3)] for name, n in hits.items()}
    monkeypatch.setattr(registry, "tables", lambda: [("maaf", "Table 1")])
    monkeypatch.setattr(registry, "rows", lambda paper, table, scale: rows)
    monkeypatch.setattr(registry, "columns", lambda paper, table: (COLUMN,))
    (line,) = overview.unfinished()
    assert (line["table"], line["row"], line["measure"]) == ("MAAF, Table 1", "below", "R@1")
    assert line["this row, %"].startswith("20.0 [") and line["image only, %"].startswith("40.0 [")


def test_verdicts_and_those_that_survive_a_correction_are_counted_by_paper(monkeypatch):
    rows = [ROW | {"holm": holm, "bh": bh} for holm, bh in ((0.05, 0.01), (0.06, 0.05), (0.2, 0.051))]
    rows += [ROW | {"verdict": "open", "holm": 0.01}, ROW | {"verdict": "untested", "p": None}]
    monkeypatch.setattr(registry, "ledger", lambda paper: rows if paper == "maaf" else [])
    line, *others = overview.many()
    assert list(line.values()) == ["MAAF", "0.05", "4", "3", "0.2", "1", "2"]
    assert others and all(list(each.values())[2:4] == ["0", "0"] for each in others)


def test_margins_are_listed_with_their_unit(monkeypatch):
    equal = ROW | {"id": "maaf-9", "margin": 2.0}
    monkeypatch.setattr(registry, "ledger", lambda: [ROW | {"margin": None}, equal])
    assert overview.margins() == [{"claim": "maaf-9", "says": ROW["says"], "margin": "2 points"}]


def test_a_table_escapes_what_it_holds_and_is_readable_on_dark_pages(page):
    shown = tables.table(page, "Table 1")._repr_html_()
    assert "&lt;b&gt;" in shown and "<b>" not in shown
    assert "a &lt;fast&gt; processor" in shown  # in the card
    assert 'class="dataframe cirkit-table"' in shown


def test_a_table_that_nobody_knows_is_a_problem_and_one_without_records_says_the_next_step(page, runs):
    with pytest.raises(Problem, match=r"no 'Table 9' in maaf"):
        tables.table(page, "Table 9")
    runs.clear()
    for display in (
        tables.table(page, "Table 1"),
        plots.dots(page, "Table 1", "Figure 1.1"),
        plots.loss_curves(page, "Table 1", "Figure 1.2"),
    ):
        assert "cirkit run --missing --paper maaf --scale cpu" in display._repr_html_()


def test_numbers_of_a_column_stand_on_their_decimal_points():
    cells = phrases.aligned(["8.0 [4.0, 12.9]", "100.0 [9.5, 100.0]", "not run", "5.2"])
    assert cells[0].index(".") == cells[1].index(".") == cells[3].index(".") and cells[2] == "not run"
    assert cells[0].rindex(".") == cells[1].rindex(".")
    assert [cell.replace(phrases.FIGURE_SPACE, "") for cell in cells][1] == "100.0 [9.5, 100.0]"
    assert phrases.aligned(["–", ""]) == ["–", ""]


def test_rows_stand_in_the_order_of_the_paper():
    known = [configured(row) for row in ("own", "TIRG", "FiLM")]
    assert list(reported.rows_of(page_of(*known), "Table 1")) == ["FiLM", "TIRG", "own"]


def test_dots_shows_every_seed_and_the_interval(page):
    display = plots.dots(page, "Table 1", "Figure 1.1")
    (axes,) = display.content.axes
    line, seeds, mean, floor = axes.lines
    assert sorted(seeds.get_xdata()) == pytest.approx([60.0, 65.0, 70.0])
    low, high = line.get_xdata()
    assert mean.get_xdata()[0] == pytest.approx(65.0)
    assert low < 65.0 < high
    assert floor.get_xdata()[0] == pytest.approx(1.0)
    assert [text.get_text() for text in axes.texts] == ["not run", " chance"]


def test_loss_curves_has_a_panel_per_row_that_ran_and_a_line_per_seed(runs):
    rows = [configured(name) for name in "abcde"]
    runs |= {each.name: [record(each.name, seed, 1) for seed in range(2)] for each in rows}
    page = page_of(*rows, configured("waits"))
    panels = [axes for axes in plots.loss_curves(page, "Table 1", "Figure 1.2").content.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == list("abcde")
    assert all(len(axes.lines) == 2 and axes.get_yscale() == "log" for axes in panels)
    assert panels[0].get_ylim() == panels[4].get_ylim()


def test_the_loss_of_one_run_is_shown_as_it_is():
    (line,) = plots.loss_curve([(1, 3.0), (2, 1.0)]).axes[0].lines
    assert line.get_xydata().tolist() == [[1.0, 3.0], [2.0, 1.0]]


def test_a_verdict_never_stands_without_its_basis_scale_and_seeds():
    assert phrases.claim("maaf-1").text == "holds (+12.3 [+10.1, +14.2] points; world · cpu · 3 seeds)"
    even = ROW | {"unit": "× uniform", "mean": 0.123, "low": 0.101, "high": 0.142}
    assert phrases.measured_row(even) == "+0.12 [+0.10, +0.14] × uniform"
    assert phrases.claim("maaf-2").text == "untested (no record yet)"
    with pytest.raises(Problem, match=r"no claim 'maaf-9'. Choose one of: maaf-1, maaf-2"):
        phrases.claim("maaf-9")


def test_a_result_is_a_number_with_an_interval_or_says_that_it_has_not_run():
    assert phrases.result("maaf/ran R@1").text.endswith("] % (world · cpu · 3 seeds)")
    assert phrases.result("maaf/waits R@1 cpu").text == "not run yet (world · cpu)"
    assert phrases.result("maaf/ran css:R@1") == phrases.result("maaf/ran R@1")
    for wrong in ("maaf/ran", "maaf/ran R@0", "maaf/ran accuracy", "maaf/ran cirr:R@1"):
        with pytest.raises(Problem):
            phrases.result(wrong)


def test_measures_are_found_by_the_name_they_print():
    for measure in (Recall(10), AveragePrecision(5), Mean((Recall(10), Recall(50)))):
        assert phrases.measure_of(str(measure)) == measure


def test_verdicts_are_counted():
    assert tables.verdicts() == {"holds": 1, "fails": 0, "open": 0, "untested": 1}


def test_records_whose_code_changed_are_told(runs):
    runs["maaf/ran"] = [
        record("maaf/ran", 0, 12, code=configured("ran").code),
        record("maaf/ran", 1, 12, code="before"),
    ]
    (row,) = tables.record_states()
    assert row["seeds"] == "2 of 3" and row["code since then"] == "changed for 1 of 2"
    assert math.isclose(float(row["minutes a seed"]), 1.0)


def test_an_interval_in_brackets():
    assert phrases.with_interval(Interval(50.0, 25.0, 75.0, 3)) == "50.0 [25.0, 75.0]"
    assert phrases.provenance("photos", "gpu", 1) == "photos · gpu · 1 seed"


class Error(Recall):
    """A measure of which less is better."""

    higher_is_better = False
    unit = "errors"


def test_less_is_better_where_the_measure_says_so_and_tests_name_their_columns(page, runs, monkeypatch):
    columns = (Column("css", Error(1)), Column("cirr", Error(1)))
    monkeypatch.setattr(registry, "columns", lambda paper, table: columns)
    rows = [configured("worse"), configured("better")]
    runs |= {f"maaf/{name}": [record(f"maaf/{name}", 0, n)] for name, n in (("worse", 15), ("better", 3))}
    display = tables.table(page_of(*rows), "Table 1")
    ours = display.content.data.set_index(tables.METHOD)[tables.OURS]
    assert list(ours) == ["css R@1, errors", "cirr R@1, errors"] and set(ours["cirr R@1, errors"]) == {"–"}
    page = display.content.to_html()
    assert page.count("number best") == 1 and "15.0" in page.partition("number best")[2][:40]
    assert tables.ALIKE not in display.caption
