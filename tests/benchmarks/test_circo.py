import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import circo, pictured
from cirkit.benchmarks.circo import BY_ASPECT, TARGET, Protocol
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import circo as synthetic
from cirkit.worlds import cirr, groups, statements
from cirkit.worlds.circo import CIRCO, SIZES, Size

WORLD = CIRCO
TINY = Size(families=6, members=6, val=8, test=8, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "circo"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


def edit(root, change, file="annotations/val.json"):
    value = json.loads((root / file).read_text())
    change(value)
    (root / file).write_text(json.dumps(value))
    return root


INFO = f"{circo.COCO}/annotations/image_info_unlabeled2017.json"


@real
def test_the_official_files_have_the_counts_that_were_published():
    val, test = circo.annotations(REAL, "val"), circo.annotations(REAL, "test")
    assert (len(val), len(test)) == (220, 800)
    right = [len(q.relevant) for q in val]
    assert (min(right), max(right), round(np.mean(right), 2), right.count(1)) == (1, 14, 4.16, 29)
    assert all(q.relevant[0] == q.target and q.reference not in q.relevant for q in val)
    assert [q.id for q in val] == list(range(220)) and [q.id for q in test] == list(range(800))
    assert Counter(aspect for q in val for aspect in q.aspects) == {
        "statement_with_conjunction": 164, "direct_addressing": 119, "spatial_relations_background": 100,
        "compare_change": 86, "addition": 80, "viewpoint": 54, "comparative_statement": 50, "cardinality": 37,
        "negation": 21,
    }  # fmt: skip
    assert all(q.target is None and q.relevant == () and q.aspects == () for q in test)
    assert len({q.reference for q in val} & {q.reference for q in test}) == 1
    assert len(test) - len({q.reference for q in test}) == 2


@real
def test_a_check_of_the_annotations_alone_finds_all_queries_and_no_picture():
    found = [(line["split"], line["found"], line["missing"]) for line in circo.check(REAL)]
    assert found == [("val", 220, 0), ("test", 800, 0), ("unlabeled", 0, 123403)]


def test_the_published_folder_has_the_official_layout_and_schema(root):
    info = json.loads((root / INFO).read_text())["images"]
    assert [record["file_name"] for record in info] == [f"{record['id']:012d}.jpg" for record in info]
    assert all((root / circo.COCO / "unlabeled2017" / record["file_name"]).is_file() for record in info)
    asked = {"reference_img_id", "relative_caption", "shared_concept", "id"}
    for split, keys in (("val", asked | {"target_img_id", "gt_img_ids", "semantic_aspects"}), ("test", asked)):
        records = json.loads((root / "annotations" / f"{split}.json").read_text())
        assert all(set(record) == keys for record in records)
        assert [record["id"] for record in records] == list(range(8))


def test_what_is_read_is_what_the_world_holds(root):
    test, (scenes, asked) = circo.test(root), synthetic.world(TINY)
    gallery = synthetic.images(TINY, "val", range(len(scenes)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    assert test.relevant == [list(one.relevant) for one in asked["val"]]
    assert test.query.text == [str(one.statement) for one in asked["val"]]
    for i, one in enumerate(asked["val"]):
        assert torch.equal(test.query.image[torch.tensor([i])][0], gallery[one.source])
    assert test.excluded is None and test.group is None  # the reference stays, as in the official evaluation
    synthetic.world.cache_clear()
    assert torch.equal(synthetic.images(TINY, "test", [5, 3]), gallery[[5, 3]])


def test_the_right_answers_of_a_world_are_all_there_are():
    scenes, asked = synthetic.world(TINY)
    for one in asked["val"] + asked["test"]:
        before = scenes[one.source].things
        right = [
            row
            for row, scene in enumerate(scenes)
            if row != one.source and statements.answers(one.statement, before, scene.things)
        ]
        assert sorted(one.relevant) == right and 1 <= len(right) <= synthetic.MOST
        assert len(set(one.relevant)) == len(one.relevant)


def test_many_queries_have_several_right_answers():
    _, asked = synthetic.world(replace(SIZES["smoke"], families=12, members=12, val=40, test=40))
    right = [len(one.relevant) for one in asked["val"]]
    assert 2 < np.mean(right) < 6 and max(right) > 4
    kinds = {aspect for one in asked["test"] for aspect in statements.aspects(one.statement)}
    assert kinds <= set(circo.ASPECTS) and len(kinds) >= 7


def test_no_concept_is_asked_of_in_both_splits_nor_seen_in_training():
    scenes, asked = synthetic.world(TINY)
    val, test = ({groups.core(scenes[one.source].things) for one in asked[split]} for split in circo.SPLITS)
    assert not val & test
    train = {groups.core(s.things) for s in cirr.scenes(cirr.Size(train=6, val=1, test1=1), "train")}
    assert not train & {groups.core(scene.things) for scene in scenes}


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    synthetic.world.cache_clear()
    CIRCO.publish(tmp_path / "again", TINY)
    for file in (path.relative_to(root) for path in root.rglob("*.*")):
        assert (root / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert synthetic.world(TINY)[0] != synthetic.world(replace(TINY, seed=1))[0]


def test_each_protocol_asks_and_counts_as_it_says(root):
    asked, base = circo.annotations(root, "val"), circo.test(root)
    assert circo.test(root, TARGET).relevant == [rows[:1] for rows in base.relevant]
    hidden = circo.test(root, Protocol(name="x", reference="excluded"))
    row = {key: i for i, key in enumerate(circo.image_names(root))}
    assert hidden.excluded == [[row[q.reference]] for q in asked]
    told = circo.test(root, Protocol(name="x", words=circo.with_concept)).query.text
    assert told == [f"{q.concept} that {q.caption}" for q in asked]


def test_by_aspect_a_query_stands_once_in_each_of_its_groups(root):
    asked, spread = circo.annotations(root, "val"), circo.test(root, BY_ASPECT)
    assert Counter(spread.group) == Counter(aspect for q in asked for aspect in q.aspects)
    assert spread.query.text == [q.caption for q in asked for _ in q.aspects]
    assert len(spread.relevant) == len(spread) == sum(len(q.aspects) for q in asked)


def test_the_gallery_is_in_the_order_of_the_official_list(copied):
    before = list(circo.image_names(copied))
    edit(copied, lambda value: value["images"].reverse(), INFO)
    assert list(circo.image_names(copied)) == before[::-1]
    test = circo.test(copied)
    assert torch.equal(test.gallery[torch.tensor([0])], synthetic.images(TINY, "val", [len(before) - 1]))


def test_queries_and_pictures_that_need_what_is_missing_are_left_out_together_and_said(copied):
    asked = circo.annotations(copied, "val")
    gone = asked[0].relevant[0]
    circo.file_path(copied, circo.image_names(copied)[gone]).unlink()
    left = sum(gone in (q.reference, *q.relevant) for q in asked)
    with pytest.warns(UserWarning, match=f"1 of 36 images are missing, so {left} of 8 queries"):
        rest = circo.test(copied)
    assert len(rest) == 8 - left and len(rest.gallery) == 35
    names = [key for key in circo.image_names(copied) if key != gone]
    kept = [q for q in asked if gone not in (q.reference, *q.relevant)]
    assert [[names[row] for row in rows] for rows in rest.relevant] == [list(q.relevant) for q in kept]


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda v: v[0].update(gt_img_ids=[]), "target_img_id first"),
        (lambda v: v[0].update(gt_img_ids=v[0]["gt_img_ids"] * 2), "distinct gt_img_ids"),
        (lambda v: v[0].update(gt_img_ids=[str(v[0]["target_img_id"])]), "distinct gt_img_ids"),
        (lambda v: v[0].update(gt_img_ids=[v[0]["target_img_id"], v[0]["reference_img_id"]]), "reference among its"),
        (lambda v: v[0].update(target_img_id=1), "target_img_id first"),
        (lambda v: v[0].update(reference_img_id=1), "names image 1, which"),
        (lambda v: v[0].update(reference_img_id=True), "type bool"),
        (lambda v: v[0].update(id=1), "the id 1 of an earlier"),
        (lambda v: v[0].update(semantic_aspects="negation"), "no list of words"),
        (lambda v: v[0].pop("relative_caption"), "no 'relative_caption'"),
        (lambda v: v.clear(), "no records"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    with pytest.raises(Problem, match=r"val\.json.*" + says):
        circo.test(edit(copied, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["images"][0].update(file_name="../../x.jpg"),
        lambda v: v["images"][0].update(file_name="/etc/passwd"),
        lambda v: v["images"][0].update(id=v["images"][1]["id"]),
        lambda v: v["images"][0].update(id="8"),
        lambda v: v.update(images=[]),
        lambda v: v.pop("images"),
    ],
)
def test_a_broken_list_of_the_gallery_is_a_problem(copied, change):
    with pytest.raises(Problem, match="image_info_unlabeled2017"):
        circo.test(edit(copied, change, INFO))


def test_a_picture_that_is_a_link_out_of_the_root_is_a_problem(copied, tmp_path):
    path = circo.file_path(copied, next(iter(circo.image_names(copied).values())))
    path.rename(tmp_path / "out.jpg")
    path.symlink_to(tmp_path / "out.jpg")
    with pytest.raises(Problem, match="leaves"):
        circo.test(copied)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    for part in ("annotations/val.json", INFO):
        value = data.draw(spoiled(json.loads((root / part).read_text())))
        (folder / part).parent.mkdir(parents=True)
        (folder / part).write_text(json.dumps(value))
    for read in (lambda: circo.annotations(folder, "val"), lambda: circo.image_names(folder)):
        try:
            assert read()
        except Problem as problem:
            assert ".json" in str(problem)


def test_too_many_queries_for_too_few_pictures_is_a_problem(monkeypatch):
    monkeypatch.setattr(synthetic, "TRIES", 1)
    with pytest.raises(Problem, match="queries to ask"):
        synthetic.world(Size(families=2, members=1, val=40, test=1))


def test_a_world_holds_what_its_counts_say(root):
    lines = circo.check(root)
    assert len(lines) == 3 and all(line["expected"] == line["found"] and line["missing"] == 0 for line in lines)


def test_a_name_no_file_system_allows_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="cannot be looked for"):
        pictured.find(tmp_path, {"a": tmp_path / ("x" * 4000)})
