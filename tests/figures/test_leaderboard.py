"""The leaderboard: blocks of rows that were tested alike, the best first, and what one part of a query solves."""

from dataclasses import replace

import pytest
import toys

from cirkit.evaluators.measures import Recall
from cirkit.experiments import records, registry
from cirkit.experiments.experiment import Column
from cirkit.figures import leaderboard

HITS = {"toy/image_only": [1, 0, 0, 0], "toy/text_only": [1, 1, 0, 0], "toy/both": [1, 1, 1, 0], "toy/late": [0] * 4}


@pytest.fixture
def rows(monkeypatch):
    """Four rows of one benchmark, of which the last has no record."""
    test = toys.EXPERIMENT.tests["colours"]
    every = [
        replace(toys.EXPERIMENT, name=name, row=name.upper(), scale="cpu", tests={"t": test}, exhibits={})
        for name in HITS
    ]
    seconds, where = {"train": 1.0, "test": 2.0}, {"peak_mb": 7.0, "device": "cpu"}
    runs = {
        name: [
            replace(toys.record(hits, seed, name), seconds=seconds, where=where, parameters=3000, trainable=1000)
            for seed in (0, 1)
        ]
        for name, hits in HITS.items()
        if name != "toy/late"
    }
    monkeypatch.setattr(registry, "DECLARED", ("maaf",))
    monkeypatch.setattr(registry, "experiments", lambda paper=None, scale=None, **_: every)
    monkeypatch.setattr(registry, "tables", lambda: [("maaf", "Table 1")])
    monkeypatch.setattr(registry, "columns", lambda paper, table: (Column("t", Recall(1)), Column("t", Recall(5))))
    monkeypatch.setattr(records, "done", lambda each: runs.get(each.name, []))
    return every


def test_the_best_row_of_a_block_comes_first_and_a_row_without_a_record_not_at_all(rows):
    (block,) = leaderboard.blocks("cpu")
    assert block.title == "t (MAAF)" and str(block.column) == "R@1" and "TOY/LATE" not in block.rows
    shown = leaderboard.leaderboard("cpu")
    frame = shown.content.data
    assert frame["retriever"].tolist() == ["TOY/BOTH", "TOY/TEXT_ONLY", "TOY/IMAGE_ONLY"]
    assert frame["measured, 95 % interval"].iloc[0].startswith("75.0") and set(frame["chance"]) == {"10.0"}
    assert set(frame["parameters, thousands"]) == {"3"} and set(frame["of these trained"]) == {"1"}
    assert set(frame["ms a query"]) == {"500.0"} and len(shown.rows) == 3


def test_rows_of_a_paper_that_reads_the_benchmarks_of_another_stand_in_its_block(rows, monkeypatch):
    other = [replace(each, paper="compodiff", row=f"{each.row} 2") for each in rows]
    found = {"clip_family": [replace(each, paper="clip_family") for each in rows], "compodiff": other}
    monkeypatch.setattr(registry, "DECLARED", tuple(found))
    monkeypatch.setattr(registry, "experiments", lambda paper=None, scale=None, **_: found[paper])
    monkeypatch.setattr(registry, "tables", lambda: [(paper, "Table 1") for paper in found])
    (block,) = leaderboard.blocks("cpu")
    assert block.title == "t (The CLIP family, CompoDiff)" and len(block.rows) == 6
    monkeypatch.setattr(leaderboard, "SHARED", {})
    assert [len(each.rows) for each in leaderboard.blocks("cpu")] == [3, 3]


def test_what_one_part_solves_is_counted_from_the_two_rows_that_see_it_alone(rows):
    frame = leaderboard.one_part("cpu", "Alone").content.data
    assert len(frame) == 1 and frame["benchmark"].iloc[0] == "t (MAAF)"
    found = {name: frame[f"{name}, %"].iloc[0] for name in ("image alone", "text alone", "either", "both")}
    assert [float(each.split()[0]) for each in found.values()] == [25, 50, 50, 25]


def test_without_a_record_both_say_what_to_run(rows, monkeypatch):
    monkeypatch.setattr(records, "done", lambda each: [])
    for shown in (leaderboard.leaderboard("cpu"), leaderboard.one_part("cpu", "Alone")):
        assert "cirkit run --missing --scale cpu" in shown._repr_html_()
