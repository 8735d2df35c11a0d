import gzip
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cirkit.benchmarks import pedes, photos
from cirkit.benchmarks.pedes import CUHK, ICFG, LAYOUTS, OFFICIAL, RSTP, Protocol
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import pedes as crowd
from cirkit.worlds.pedes import CUHK_PEDES, ICFG_PEDES, RSTPREID, SIZES

TINY = {
    name: replace(sizes["smoke"], train=2, val=min(1, sizes["smoke"].val), test=1, twins=2, views=2)
    for name, sizes in SIZES.items()
}
WORLDS = {world.name: world for world in (CUHK_PEDES, ICFG_PEDES, RSTPREID)}
SMALL = Protocol(shape=(96, 32))
THREE = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pedes")
    for layout in LAYOUTS.values():
        WORLDS[layout.name].publish(folder / layout.name, TINY[layout.name])
    return folder


def entry(layout, path, identity, split="test", captions=("a man",)):
    return {"split": split, "captions": list(captions), layout.key: path, "id": identity}


def write(root, layout, entries):
    (root / layout.file).write_text(json.dumps(entries))
    return root


@pytest.fixture
def four(tmp_path):
    """Four pictures of three people in CUHK's layout, each of one shade."""
    (tmp_path / "imgs" / "cam_a").mkdir(parents=True)
    for row in range(4):
        Image.new("RGB", (4 + row, 12), (row, row, row)).save(tmp_path / "imgs" / "cam_a" / f"{row}.png")
    people = [(7, ["a", "b"]), (9, ["c"]), (7, ["d", "e", "f"]), (12, ["g", "h"])]
    return write(
        tmp_path, CUHK, [entry(CUHK, f"cam_a/{i}.png", who, captions=said) for i, (who, said) in enumerate(people)]
    )


@THREE
def test_the_published_file_has_the_official_keys_and_conventions(roots, layout):
    content = json.loads((roots / layout.name / layout.file).read_text())
    keys = {
        "cuhk-pedes": ["split", "captions", "file_path", "processed_tokens", "id"],
        "icfg-pedes": ["split", "captions", "file_path", "processed_tokens", "id"],
        "rstpreid": ["id", "img_path", "captions", "split"],
    }[layout.name]
    assert all(list(record) == keys for record in content)
    assert all(len(record["captions"]) == TINY[layout.name].captions for record in content)
    assert min(record["id"] for record in content) == layout.first
    assert {record["split"] for record in content} == set(layout.splits)
    for record in content:
        assert (roots / layout.name / "imgs" / record[layout.key]).is_file()
        for words, caption in zip(record.get("processed_tokens", []), record["captions"], strict=False):
            assert words and all(word in caption.lower().replace("-", "") for word in words)


@THREE
def test_what_is_read_is_what_the_world_holds(roots, layout):
    root, size = roots / layout.name, TINY[layout.name]
    made = crowd.crowds(size)
    test, train = pedes.test(layout, root, SMALL), pedes.train(layout, root, SMALL)
    count = len(made["test"].views)
    drawing = crowd.drawing(size, "test", range(count))
    assert torch.equal(test.gallery[all_rows(test.gallery)], drawing.images)
    assert torch.equal(WORLDS[layout.name].images(size, "test", [3, 0]), drawing.images[[3, 0]])
    said = crowd.captions(size, "test", range(count), drawing.owner)
    assert test.query.text == [line for lines in said for line in lines] and test.query.image is None
    rows = [row for row, lines in enumerate(said) for _ in lines]
    who = made["test"].identity
    assert test.relevant == [[other for other in range(count) if who[other] == who[row]] for row in rows]
    assert all(row in right for row, right in zip(rows, test.relevant, strict=True)) and test.excluded is None
    assert len(train) == size.train * size.twins * size.views * size.captions
    assert sorted(set(train.reference.tolist())) == list(range(size.train * size.twins))
    batch = train[torch.tensor([1, 0])]
    assert batch.target.shape == (2, 3, 96, 32) and len(batch.query.text) == 2


@THREE
def test_no_person_and_no_picture_is_in_two_splits(roots, layout):
    found = pedes.records(layout, roots / layout.name)
    people = [{record.identity for record in part} for part in found.values()]
    paths = [{record.path for record in part} for part in found.values()]
    for sets in (people, paths):
        assert len(set.union(*sets)) == sum(len(part) for part in sets)


def test_a_hit_is_any_picture_of_the_person_and_the_described_one_stays_in_the_gallery(four):
    test = pedes.test(CUHK, four, Protocol(shape=(12, 4)))
    assert test.query.text == list("abcdefgh")
    assert test.relevant == [[0, 2]] * 2 + [[1]] + [[0, 2]] * 3 + [[3]] * 2
    assert test.gallery.shape == (4, 3, 12, 4) and test.gallery[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_training_numbers_people_anew_in_order_of_their_ids(tmp_path):
    (tmp_path / "imgs").mkdir()
    for row in range(3):
        Image.new("RGB", (4, 12)).save(tmp_path / "imgs" / f"{row}.png")
    write(tmp_path, RSTP, [entry(RSTP, f"{i}.png", who, "train", "xy") for i, who in enumerate((40, 3, 40))])
    assert pedes.train(RSTP, tmp_path, SMALL).reference.tolist() == [1, 1, 0, 0, 1, 1]


def test_missing_pictures_go_with_their_captions_and_are_counted(four):
    (four / "imgs" / "cam_a" / "0.png").unlink()
    found, dropped = pedes.present(CUHK, four, "test")
    assert len(found) == 3 and (dropped.images, dropped.captions) == (1, 2)
    test = pedes.test(CUHK, four, SMALL)
    assert len(test.gallery) == 3 and test.relevant == [[0]] + [[1]] * 3 + [[2]] * 2
    for path in (four / "imgs" / "cam_a").iterdir():
        path.unlink()
    with pytest.raises(Problem, match="No image of the test split"):
        pedes.test(CUHK, four)


def test_large_galleries_are_decoded_when_asked_for_and_stretched(four, monkeypatch):
    held = pedes.test(CUHK, four, Protocol(shape=(24, 8))).gallery
    monkeypatch.setattr(photos, "HOLD", 10)
    lazy = pedes.test(CUHK, four, Protocol(shape=(24, 8))).gallery
    assert isinstance(lazy, photos.Files) and torch.equal(lazy[torch.tensor([2, 1])], held[[2, 1]])
    assert pedes.STANDARD.shape == (384, 128)


def test_icfg_is_found_under_either_name_and_packed(tmp_path):
    (tmp_path / "imgs").mkdir()
    Image.new("RGB", (4, 12)).save(tmp_path / "imgs" / "0.jpg")
    text = json.dumps([entry(ICFG, "0.jpg", 0)])
    for name in ("ICFG-PEDES.json", "ICFG_PEDES.json"):
        (tmp_path / name).write_text(text)
        assert len(pedes.test(ICFG, tmp_path, SMALL)) == 1
        (tmp_path / name).unlink()
    (tmp_path / "ICFG_PEDES.json.gz").write_bytes(gzip.compress(text.encode()))
    assert len(pedes.test(ICFG, tmp_path, SMALL)) == 1


def test_the_path_key_and_the_first_id_are_those_of_each_benchmark(four):
    content = json.loads((four / CUHK.file).read_text())
    with pytest.raises(Problem, match="record 0 has no 'img_path'"):
        pedes.records(RSTP, write(four, RSTP, content))
    with pytest.raises(Problem, match="record 1 has the id 0; cuhk-pedes counts from 1"):
        pedes.records(CUHK, write(four, CUHK, [content[0], {**content[1], "id": 0}]))
    with pytest.raises(Problem, match="record 0 is of the split 'val'"):
        pedes.records(ICFG, write(four, ICFG, [{**content[0], "split": "val"}]))


def test_protocols_choose_split_shape_and_words(roots):
    root = roots / "cuhk-pedes"
    assert len(pedes.test(CUHK, root, Protocol(split="val", shape=(48, 16)))) == 8
    with pytest.raises(Problem, match="no split 'val'"):
        pedes.test(ICFG, roots / "icfg-pedes", Protocol(split="val"))
    plain = pedes.test(CUHK, root, SMALL).query.text
    read = pedes.test(CUHK, root, replace(pedes.TBPS_CLIP, shape=(96, 32))).query.text
    assert read == [pedes.cleaned(line) for line in plain] != plain
    assert pedes.cleaned('A "Man" (tall), wears: #1;~ *.!') == "a man tall, wears 1"
    assert pedes.cleaned(" ".join("w" for _ in range(70))).count("w") == 50


GOOD = [entry(CUHK, "cam_a/0.png", 7), entry(CUHK, "cam_a/1.png", 8)]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"id": "7"}, "record 1 has 'id' of type str"),
        ({"id": True}, "record 1 has 'id' of type bool"),
        ({"id": 7.0}, "of type float"),
        ({"captions": "a man"}, "'captions' of type str"),
        ({"captions": []}, "record 1 needs captions"),
        ({"captions": [None]}, "record 1 needs captions"),
        ({"split": "dev"}, "split 'dev'"),
        ({"split": 1}, "'split' of type int"),
        ({"file_path": 3}, "'file_path' of type int"),
        ({"file_path": ""}, "no path below"),
        ({"file_path": "/etc/passwd"}, "no path below"),
        ({"file_path": "../../x.png"}, "leaves"),
        ({"file_path": "cam_a/out.png"}, "leaves"),
        ({"file_path": "cam_a/0.png"}, "another person"),
        ({"file_path": "cam_a/0.png", "id": 7, "split": "train"}, "another split"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(four, change, says):
    (four / "imgs" / "cam_a" / "out.png").symlink_to("/etc/passwd")
    with pytest.raises(Problem, match=says):
        pedes.test(CUHK, write(four, CUHK, [GOOD[0], {**GOOD[1], **change}]))


@pytest.mark.parametrize(
    "text, says",
    [
        ("[", "not whole JSON"),
        ("{}", "a list is due"),
        ('[{"id": 1, "id": 2}]', "'id' twice"),
        ("[3]", "record 0 is a int"),
        ("[]", "No image of the test split"),
    ],
)
def test_a_broken_file_is_a_problem_that_names_it(four, text, says):
    (four / CUHK.file).write_text(text)
    with pytest.raises(Problem, match=says):
        pedes.test(CUHK, four)
    (four / CUHK.file).unlink()
    with pytest.raises(Problem, match=r"reid_raw\.json"):
        pedes.test(CUHK, four)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.floats(allow_nan=False), st.text(max_size=4),
    st.lists(st.text(max_size=3), max_size=2), st.sampled_from(["train", "test", "cam_a/1.png", "../x", "cam_a"]),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["id", "split", "captions", "file_path"]), VALUES), max_size=3
    )
)
def test_whatever_a_file_says_only_a_problem_comes_of_it(four, edits):
    content = [dict(record) for record in GOOD]
    for row, key, value in edits:
        content[row][key] = value
    write(four, CUHK, content)
    try:
        assert len(pedes.test(CUHK, four, Protocol(shape=(6, 2)))) >= 1
    except Problem as problem:
        assert "reid_raw.json" in str(problem) or "imgs" in str(problem)


@THREE
def test_the_check_counts_what_there_is_against_what_there_should_be(roots, four, layout):
    lines = pedes.check(layout, roots / layout.name)
    assert len(lines) == 3 * len(layout.splits)
    assert all(line["missing"] == 0 and line["expected"] == line["found"] > 0 for line in lines)
    assert set(OFFICIAL[layout.name]) == set(layout.splits)
    if layout is CUHK:
        (four / "imgs" / "cam_a" / "1.png").unlink()
        found = {(line["split"], line["part"]): line for line in pedes.check(CUHK, four)}
        assert found["test", "images"] == {
            "split": "test", "part": "images", "expected": 3074, "found": 3, "missing": 3071,
        }  # fmt: skip
        assert found["test", "captions"]["found"] == 7 and found["train", "people"]["missing"] == 11003


def test_the_official_totals_are_those_of_the_literature_and_scales_grow():
    assert sum(part["images"] for part in OFFICIAL["cuhk-pedes"].values()) == 40206
    assert sum(part["people"] for part in OFFICIAL["cuhk-pedes"].values()) == 13003
    assert sum(part["images"] for part in OFFICIAL["icfg-pedes"].values()) == 54522
    assert sum(part["images"] for part in OFFICIAL["rstpreid"].values()) == 20505
    for sizes in SIZES.values():
        pictures = [
            sum(getattr(size, split) for split in crowd.SPLITS) * size.twins * size.views for size in sizes.values()
        ]
        assert list(sizes) == ["smoke", "cpu", "gpu"] and pictures == sorted(pictures)
        assert pictures[0] < 250 and 1500 < pictures[1] < 5000


def test_a_size_with_a_val_split_is_refused_where_the_benchmark_has_none(tmp_path):
    with pytest.raises(Problem, match="no val split"):
        ICFG_PEDES.publish(tmp_path / "w", TINY["cuhk-pedes"])
    assert list(tmp_path.iterdir()) == []
