"""Pilots: their seeds, their file, and what a doubling moves."""

from dataclasses import replace

import pytest

from cirkit.errors import Problem
from cirkit.experiments import pilots
from cirkit.experiments.experiment import ROOT
from cirkit.experiments.trainings import Trainer
from cirkit.papers import clip_family, maaf

HEAD = {"name": "maaf/spot_the_diff/tirg", "scale": "smoke", "seed": 100, "setting": "a", "measure": "R@1", "loss": 1.0}


def test_a_pilot_leaves_nothing_but_its_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("CIRKIT_RECORDS", str(tmp_path / "records"))
    image_only = next(each for each in maaf.experiments("smoke") if each.name == "maaf/spot_the_diff/image_only")
    lines = pilots.pilot(image_only, 100, 3, Trainer(tell=str))
    assert [(line["measure"], line["steps"]) for line in lines] == [("R@10", 3), ("R@50", 3)]
    assert 0 < lines[0]["value"] <= lines[1]["value"] <= 100
    assert not list(tmp_path.rglob("*.safetensors")) and not list(tmp_path.rglob("*.json"))
    with pytest.raises(Problem, match="Seed 4 is for records"):
        pilots.pilot(image_only, 4, 3, Trainer())


def test_a_row_that_learns_nothing_has_a_pilot_without_steps_on_every_table_it_is_in(tmp_path, monkeypatch):
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path))
    row = next(each for each in clip_family.experiments("smoke") if each.name == "clip_family/sum")
    row = replace(row, training=replace(row.training, start={}))
    with pytest.raises(Problem, match="learns nothing"):
        pilots.pilot(row, 100, 3, Trainer())
    lines = pilots.pilot(row, 100, 0, Trainer(tell=str))
    measures = [line["measure"] for line in lines]
    assert len(set(measures)) == len(measures) and "circo: mAP@5" in measures
    assert all(line["loss"] != line["loss"] and 0 <= line["value"] <= 100 for line in lines)


def test_a_doubling_is_found_and_what_it_moved():
    lines = [HEAD | {"steps": steps, "value": value} for steps, value in ((400, 10.0), (800, 14.5), (1000, 90.0))]
    others = [HEAD | {"steps": 800, "value": 50.0} | change for change in ({"seed": 101}, {"setting": "b"})]
    (found,) = pilots.doublings([*lines, *others])
    assert (found["steps"], found["value"], found["twice"], found["moved"]) == (400, 10.0, 14.5, 4.5)


def test_the_lengths_of_the_records_pass_the_rule_or_the_page_says_that_they_do_not():
    """Where each seed draws its world, every table has a pilot; a doubling moves a row by more than `MOVE` or not."""
    rows = {each.name: each for each in maaf.experiments("cpu")}
    lines = pilots.doublings(pilots.current(pilots.read(), tuple(rows.values())))
    shown = [
        line
        for line in lines
        if line["steps"] == rows[line["name"]].training.steps
        and line["measure"] == str(maaf.COLUMNS[rows[line["name"]].table][0])
    ]
    assert {rows[line["name"]].table for line in shown} == {
        row.table for row in rows.values() if any(hasattr(test.data, "of_seed") for test in row.tests.values())
    }
    slow = {rows[line["name"]].table for line in shown if abs(line["moved"]) > pilots.MOVE}
    pages = [path.read_text("utf-8") for path in sorted(ROOT.glob("notebooks/maaf/*.py"))]
    homes = {table: [page for page in pages if f'tables.table(page, "{table}")' in page] for table in slow}
    assert all(len(found) == 1 for found in homes.values())
    assert all("verdicts on this length of training" in _prose(found[0]) for found in homes.values())
    assert len(slow) < len({rows[line["name"]].table for line in shown})


def _prose(page: str) -> str:
    return " ".join(line.removeprefix("# ") for line in page.splitlines())


def test_a_file_keeps_one_line_of_a_run_the_newest(tmp_path):
    file = tmp_path / "pilots.csv"
    assert pilots.read(file) == []
    pilots.add([HEAD | {"steps": 800, "value": 14.5}, HEAD | {"steps": 400, "value": 10.0}], file)
    pilots.add([HEAD | {"steps": 400, "value": 11.0}], file)
    assert [(line["steps"], line["value"]) for line in pilots.read(file)] == [(400, 11.0), (800, 14.5)]


def test_a_line_of_another_setting_is_not_todays():
    row = next(each for each in maaf.experiments("smoke") if each.name == HEAD["name"])
    longer = replace(row, training=replace(row.training, steps=999))
    wider = replace(row, training=replace(row.training, batch=4))
    lines = [HEAD | {"setting": pilots.setting(each), "steps": 4, "value": 1.0} for each in (row, wider)]
    assert pilots.setting(longer) == pilots.setting(row)
    assert pilots.current(lines, [row]) == lines[:1] == pilots.current(lines, [longer])
    assert pilots.current(lines, [wider]) == lines[1:]
