"""CompoDiff's pages and figures: whole from records and exhibits, and a next step where there are none."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import record

from cirkit.evaluators.evidence import Ranks
from cirkit.experiments.experiment import exhibits_home
from cirkit.experiments.page import Page
from cirkit.experiments.records import write
from cirkit.figures.tables import table
from cirkit.papers import compodiff
from cirkit.papers.clip_family.retrieved import FIRST_OF_CIRR, cirr_images
from cirkit.papers.compodiff import figures, steps, weights
from cirkit.papers.compodiff.beside import JointPage
from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A home of records with none in it."""
    monkeypatch.setenv("CIRKIT_RECORDS", str(tmp_path / "records"))
    return tmp_path


def leave(experiment, seed, tests, exhibits=None):
    """A record of an experiment with these ranks by test, and its exhibits by name."""
    found = {name: Ranks.from_mid(np.array(mid, float), np.arange(len(mid) + 1), 40) for name, mid in tests.items()}
    made = replace(
        record([True], seed), name=experiment.name, paper=experiment.paper, scale=experiment.scale,
        fingerprint=experiment.fingerprint, declared=experiment.declared(), evidence=found,
        where={"device": "cpu", "finished": "", "commit": "0" * 40, "peak_mb": 1}, seconds={"train": 1.0, "test": 1.0},
        loss=[(1, 1.0)],
    )  # fmt: skip
    write(made, experiment.path(seed))
    for name, content in (exhibits or {}).items():
        path = exhibits_home() / f"{experiment.name}-{experiment.scale}-{name}-s{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        head = {"experiment": experiment.name, "fingerprint": experiment.fingerprint}
        path.write_text(json.dumps(head | content))


def test_a_page_without_records_says_how_to_get_them(place):
    page = Page.of(paper="compodiff", scale="smoke")
    shown = [
        table(page, "Table 4"),
        figures.steps_and_time(page, "F"),
        figures.time_table(page, "Table 4", "T"),
        figures.heat_map(page, "F"),
        figures.weighted(page, "F"),
        figures.told(page, "mask", "F"),
        figures.beside_pic2word(JointPage.of(paper="compodiff", scale="smoke"), "F"),
    ]
    assert all("run" in each.content and each.caption == "Not run." for each in shown)


def test_steps_and_time_hold_a_line_for_each_sampler_and_a_dot_for_each_rival(place):
    page = Page.of(paper="compodiff", scale="smoke")
    rows = page.rows(steps.TABLE)
    for each in rows.values():
        times = {test: {"1": 2.0 + i, "16": 4.0 + i} for i, test in enumerate(each.tests)}
        if len(each.tests) == 1:
            times = {"as trained": {"1": 1.0, "16": 2.0}}
        ranks = {test: [1 + i, 12, 30] for i, test in enumerate(each.tests)}
        leave(each, 0, ranks, {"milliseconds": {"milliseconds": times}})
    shown = figures.steps_and_time(page, "Figure 4.1")
    left, right = shown.content.axes
    assert [len(line.get_xdata()) for line in right.lines] == [8, 8, 6, 1, 1]
    assert len(left.containers) == len(rows) == 5
    rates = figures.time_table(page, steps.TABLE, "Table 4.1").content.data
    assert len(rates) == 8 + 8 + 6 + 2
    one = rates[rates["use"] == "as trained"].iloc[0]
    assert "1000" in one["batch 1: queries a second"] and "8000" in one["batch 16: queries a second"]


def test_the_heat_map_has_a_cell_for_each_pair_and_its_level(place):
    page = Page.of(paper="compodiff", scale="smoke")
    row = page.experiment("compodiff/guidance")
    best = weights.test_of(2.0, 4.0)
    leave(row, 0, {test: [1 if test == best else 60 % 40, 20] for test in row.tests})
    shown = figures.heat_map(page, "Figure 10").content
    levels = np.asarray(shown.axes[0].images[0].get_array())
    assert levels.shape == (len(weights.IMAGE), len(weights.TEXT))
    where = np.unravel_index(levels.argmax(), levels.shape)
    assert (weights.IMAGE[where[0]], weights.TEXT[where[1]]) == (2.0, 4.0)


def test_the_same_query_stands_in_a_line_for_each_choice(place):
    page = Page.of(paper="compodiff", scale="smoke")
    query = {"query": 0, "text": "add a cube", "reference": 0, "relevant": [4], "rank": 2.0, "top": [*range(1, 11)]}
    for name in ("compodiff", "compodiff_words", "compodiff_without"):
        each = page.experiment(f"compodiff/conditions/{name}")
        kept = {"top-negative": {"queries": [query, query | {"query": 1}]}}
        leave(each, 0, {test: [1, 2] for test in each.tests}, kept)
    shown = figures.told(page, "negative", "Figure N.2").content
    panels = [axes for axes in shown.axes if axes.images]
    assert len(panels) == 2 * 3 * 7
    size = MIXED_CONDITIONS.sizes["smoke"]
    first = MIXED_CONDITIONS.images(size, "negative", [0])[0].permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(panels[0].images[0].get_array()), first)
    assert sum(axes.get_xlabel() == "✓" for axes in panels) == 6


def test_pic2word_and_compodiff_stand_in_turn_for_each_query(place):
    page = JointPage.of(paper="compodiff", scale="smoke")
    names = ("clip_family/pic2word", "compodiff/compodiff")
    lists = dict(zip(names, ([3, 1, 2, 4, 5, 6], [9, 8, 7, 6, 5, 4]), strict=True))
    for name, top in lists.items():
        query = {"query": 0, "text": "add a cube", "reference": 0, "relevant": [4], "rank": 2.0, "top": top}
        each = page.experiment(name)
        assert FIRST_OF_CIRR in each.exhibits["cirr"]
        leave(each, 0, {test: [1, 2] for test in each.tests}, {"top-cirr": {"queries": [query] * 2}})
    shown = figures.beside_pic2word(page, "Figure 11")
    panels = [axes for axes in shown.content.axes if axes.images]
    assert len(panels) == 2 * 2 * 7
    images = cirr_images("smoke")([0, 3, 9])
    for panel, image in zip((panels[0], panels[1], panels[8]), images, strict=True):
        assert np.array_equal(np.asarray(panel.images[0].get_array()), image.permute(1, 2, 0).numpy())
    assert [panels[i].get_xlabel() for i in (4, 13)] == ["✓", "✓"]


def test_tables_of_boards_hold_the_family_s_rows_beside():
    page = JointPage.of(paper="compodiff", scale="smoke")
    own = Page.of(paper="compodiff", scale="smoke")
    assert set(own.experiments) < set(page.experiments) and set(own.rows("Table 3")) < set(page.rows("Table 3"))
    third, first = page.rows("Table 3"), page.rows("Table B.1")
    assert {"CompoDiff", "SEARLE", "Pic2Word", "Text only"} <= set(third) and "Combiner, supervised" not in third
    assert first["Combiner, supervised"].name == "clip_family/fashioniq/combiner"
    assert first["Combiner on synthetic triplets"].name == "compodiff/combiner"
    assert page.rows("Table 5")["CLIP alone"].name == "clip_family/world_clip"
    family = Page.of(paper="clip_family", scale="smoke").experiments
    for name, each in page.experiments.items():
        if name in family:
            assert each.fingerprint == family[name].fingerprint
    assert {table for table, _ in own.experiments["compodiff/compodiff"].also} <= set(compodiff.COLUMNS)
