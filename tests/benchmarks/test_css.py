import json

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import css, photos
from cirkit.benchmarks.css import FILE
from cirkit.errors import Problem
from cirkit.query import all_rows


def pack(folder, content):
    held = np.empty((), object)
    held[()] = content
    np.save(folder / FILE, held, allow_pickle=True)
    return folder


def small(labels=(0, 1, 2, 1), mods=None):
    """A hand-made split in the official keys."""
    things = [{"shape": "cube", "color": "red", "size": "large", "pos": [0.5, 0.5]}]
    mods = [{"from": [0, 3], "to": [1, 2], "to_str": "make cube small"}] if mods is None else mods
    return {"objects_img": [things] * len(labels), "mods": mods, "labels": list(labels)}


@pytest.fixture
def folder(tmp_path):
    """A hand-made folder with four grey pictures per split."""
    (tmp_path / "images").mkdir()
    for split in ("train", "test"):
        for row in range(4):
            Image.new("RGB", (8, 8), (row, row, row)).save(tmp_path / "images" / f"css_{split}_{row:06d}.png")
    return pack(tmp_path, {"train": small(), "test": small()})


def test_labels_decide_what_is_right_and_the_reference_is_never_an_answer(folder):
    test = css.test(folder)
    assert [sorted(rows) for rows in test.relevant] == [[1, 3], [2]]
    assert test.excluded == [[0], [3]]
    pack(folder, {"test": small(labels=[1, 1, 1, 1], mods=[{"from": [0], "to": [1], "to_str": "x"}])})
    assert css.test(folder).relevant == [[1, 2, 3]]


def test_the_older_file_without_labels_and_one_with_arrays_are_read(folder):
    part = small()
    del part["labels"]
    pack(folder, {"test": part})
    assert css.test(folder).relevant == [[1], [2]]
    part = small()
    part["labels"] = np.array(part["labels"])
    part["mods"][0].update({"from": np.array([0, 3]), "to": [np.int64(1), np.int64(2)]})
    pack(folder, {"test": part})
    assert [sorted(rows) for rows in css.test(folder).relevant] == [[1, 3], [2]]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"mods": [{"from": [0], "to": [4], "to_str": "x"}]}, r"test mods\[0\] names image 4; there are 0 to 3"),
        ({"mods": [{"from": [-1], "to": [1], "to_str": "x"}]}, "names image -1"),
        ({"mods": [{"from": ["0"], "to": [1], "to_str": "x"}]}, "names image '0'"),
        ({"mods": [{"from": [0.0], "to": [1], "to_str": "x"}]}, "names image 0.0"),
        ({"mods": [{"from": [True], "to": [0], "to_str": "x"}]}, "names image True"),
        ({"mods": [{"from": [0, 1], "to": [1], "to_str": "x"}]}, "of one length"),
        ({"mods": [{"from": 0, "to": 1, "to_str": "x"}]}, "of one length"),
        ({"mods": [{"from": [0, [1]], "to": [1], "to_str": "x"}]}, "'from' and 'to'"),
        ({"mods": [{"from": [0], "to": [1]}]}, "no text"),
        ({"mods": [{"from": [0], "to": [1], "to_str": " "}]}, "no text"),
        ({"mods": [{"from": [2], "to": [2], "to_str": "x"}]}, "to itself"),
        ({"mods": ["x"]}, "no text"),
        ({"mods": []}, "no mods"),
        ({"mods": None}, "no split"),
        ({"objects_img": []}, "no images"),
        ({"objects_img": 3}, "no images"),
        ({"labels": [0, 1]}, "label per image"),
        ({"labels": 5}, "label per image"),
        ({"labels": [0, 1, [2], 3]}, "label per image"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(folder, change, says):
    with pytest.raises(Problem, match=says):
        css.test(pack(folder, {"test": {**small(), **change}}))


def test_a_missing_split_or_file_is_a_problem(folder):
    with pytest.raises(Problem, match="no split 'test'"):
        css.test(pack(folder, {"train": small()}))
    with pytest.raises(Problem, match="no split"):
        css.test(pack(folder, [1]))
    (folder / FILE).unlink()
    with pytest.raises(Problem, match=FILE):
        css.train(folder)


def test_missing_cut_and_huge_images_are_problems_that_name_the_file(folder, monkeypatch):
    path = folder / "images" / "css_test_000002.png"
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(Problem, match=r"css_test_000002\.png: there is no such file"):
        css.test(folder)
    for broken in (b"", b"no picture", whole[:40], whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(Problem, match=r"Cannot read the image .*css_test_000002\.png"):
            css.test(folder)
    Image.new("RGB", (9, 8)).save(path)
    monkeypatch.setattr(photos, "PIXELS", 64)
    with pytest.raises(Problem, match=r"9 x 8 pixels"):
        css.test(folder).gallery[torch.tensor([2])]


def test_images_too_many_for_memory_are_decoded_when_asked_for(folder, monkeypatch):
    held = css.test(folder).gallery
    monkeypatch.setattr(photos, "HOLD", 100)
    lazy = css.test(folder).gallery
    assert isinstance(lazy, photos.Files) and len(lazy) == 4
    assert torch.equal(lazy[all_rows(lazy)], held[:, :, :1, :1].expand(-1, -1, photos.CROP, photos.CROP))


def test_the_check_counts_what_there_is_against_what_there_should_be(folder):
    (folder / "images" / "css_test_000001.png").unlink()
    lines = {(line["split"], line["part"]): line for line in css.check(folder)}
    assert lines["test", "images"] == {
        "split": "test", "part": "images", "expected": 19057, "found": 3, "missing": 19054,
    }  # fmt: skip
    assert lines["train", "pairs"]["found"] == 2 and lines["train", "texts"]["expected"] == 6004


def test_the_check_of_a_world_goes_by_the_counts_of_its_publication(folder):
    counts = {split: {"texts": 1, "pairs": 2, "images": 5} for split in ("train", "test")}
    (folder / "world.json").write_text(json.dumps({"world": "css", "counts": counts}))
    lines = {(line["split"], line["part"]): line["missing"] for line in css.check(folder)}
    assert lines["train", "texts"] == lines["test", "pairs"] == 0 and lines["test", "images"] == 1
    del counts["test"]["pairs"]
    for broken in ({"counts": counts}, {"counts": 3}, {}):
        (folder / "world.json").write_text(json.dumps({"world": "css"} | broken))
        with pytest.raises(Problem, match="does not count"):
            css.check(folder)
