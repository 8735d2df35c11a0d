"""Figures of PVLF: what stands on the axes is what records and the paper say; what is missing says what to run."""

from dataclasses import replace

import numpy as np
import pytest
from toys import record

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import records
from cirkit.experiments.bootstrap import estimate, gain, overall
from cirkit.experiments.page import Page
from cirkit.papers.pvlf import prompt_figures
from cirkit.papers.pvlf.fusion_rows import CIRR, FASHIONIQ

POINTS = {"PVLF": {0: "p = 0", 5: "p = 5", 25: "p = 25"}}
SHARES = {"pvlf/no_prompts": 0.2, "pvlf/length_5": 0.4, "pvlf/combined": 0.6, "pvlf/transagg_combined": 0.3}


def runs(experiment) -> list[records.Record]:
    """Three seeds, each with ranks of its own on every test."""
    share, found = SHARES[experiment.name], []
    for seed in range(3):
        hits = np.random.default_rng(seed + int(100 * share)).random(50) < share
        ranks: Ranks = record(hits).evidence["t"]
        where = {"device": "cpu", "peak_mb": 1}
        found.append(
            replace(record(hits, seed, experiment.name), evidence=dict.fromkeys(experiment.tests, ranks), where=where)
        )
    return found


@pytest.fixture
def page(monkeypatch) -> Page:
    kept = {}

    def done(each):
        return kept.setdefault(each.name, runs(each)) if each.name in SHARES else []

    monkeypatch.setattr(records, "done", done)
    return Page(paper="pvlf")


def test_a_curve_has_the_means_and_intervals_of_its_rows_and_the_papers_apart(page):
    display = prompt_figures.size_curves(page, "Table 4", POINTS, "prompt length", "Figure 4.1")
    ours, paper = display.content.axes
    rows = [page.rows("Table 4")[label] for label in POINTS["PVLF"].values()]
    intervals = [estimate(records.done(row), "cirr", Recall(1)) for row in rows]
    assert ours.lines[0].get_xydata().tolist() == [
        [x, each.mean] for x, each in zip((0, 5, 25), intervals, strict=True)
    ]
    assert [line.get_ydata().tolist() for line in ours.lines[1::2]] == [[each.low, each.high] for each in intervals]
    assert ours.lines[2].get_ydata().tolist() == [
        overall(run.evidence["cirr"], Recall(1)) for run in records.done(rows[0])
    ]
    assert paper.lines[0].get_xydata().tolist() == [[5, 39.49], [25, 40.32]]


def test_lines_of_differences_are_the_paired_gains_of_rows_that_ran(page):
    pairs = {
        "length": ("pvlf/combined", "pvlf/length_5"),
        "model": ("pvlf/combined", "pvlf/transagg_combined"),
        "not run": ("pvlf/depth_1", "pvlf/combined"),
    }
    display = prompt_figures.gains(page, pairs, (CIRR[0], FASHIONIQ[-1]), "Figure 2.2")
    panels = display.content.axes
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["length", "model"] and len(panels) == 2
    a, b = (records.done(page.experiment(name)) for name in pairs["model"])
    interval = gain(a, b, "cirr", Recall(1))
    bar, dot = panels[0].lines[2:4]
    assert bar.get_xdata().tolist() == [interval.low, interval.high] and dot.get_xdata().tolist() == [interval.mean]


def test_attention_is_the_mean_over_the_seeds_that_kept_it(page, monkeypatch):
    kinds = ["words", "prompts"]
    exhibits = {
        seed: {
            "kinds": kinds,
            "between": np.full((2, 2, 2), seed + 1.0).tolist(),
            "to_prompts": [[3.0, 1.0], [2.0, 5.0]],
        }
        for seed in (0, 2)
    }
    monkeypatch.setattr(records, "exhibited", lambda run, name: exhibits.get(run.seed) if name == "prompts" else None)
    row = page.experiment("pvlf/combined")
    display = prompt_figures.attention(page, row, "Figure 1.4")
    panels = display.content.axes[:2]
    assert all(np.asarray(axes.images[0].get_array()).tolist() == [[2.0, 2.0], [2.0, 2.0]] for axes in panels)
    assert "2 seeds" in display.caption and panels[0].texts[0].get_text() == "2.0"
    lines = prompt_figures.attention_to_prompts(page, row, "Figure 1.5").content.axes[0].lines
    assert [line.get_ydata().tolist() for line in lines[:2]] == [[3.0, 1.0], [5.0, 2.0]] and len(lines) == 5


def test_without_records_each_says_what_to_run(monkeypatch):
    monkeypatch.setattr(records, "done", lambda each: [])
    page = Page(paper="pvlf")
    row = page.experiment("pvlf/combined")
    pairs = {"one": ("pvlf/combined", "pvlf/length_5")}
    for display in (
        prompt_figures.size_curves(page, "Table 4", POINTS, "prompt length", "F"),
        prompt_figures.gains(page, pairs, (CIRR[0],), "F"),
        prompt_figures.attention(page, row, "F"),
        prompt_figures.attention_to_prompts(page, row, "F"),
    ):
        assert "cirkit run --missing --paper pvlf" in display.content
