import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled
from PIL import Image

from cirkit.benchmarks import genecis, photos
from cirkit.benchmarks.genecis import TASKS, Item, Protocol, crop
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import genecis as synthetic
from cirkit.worlds.genecis import GENECIS, Size

WORLD = GENECIS
TINY = Size(templates=5, crowded=24, families=20, image=32)
SMALL = Protocol(side=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "genecis"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


def edit(root, change, task="focus_attribute"):
    path = root / f"{task}.json"
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records))
    return root


@real
@pytest.mark.parametrize(
    "name, pictures, conditions, repeated, own",
    [
        ("focus_attribute", 13348, 40, 6, 0),
        ("change_attribute", 15058, 400, 5, 79),
        ("focus_object", 2198, 97, 0, 0),
        ("change_object", 2739, 109, 0, 0),
    ],
)
def test_the_official_files_have_the_counts_that_were_published(name, pictures, conditions, repeated, own):
    task = TASKS[name]
    asked = genecis.templates(REAL, task)
    assert len(asked) == task.templates and {len(t.gallery) for t in asked} == {task.distractors}
    assert len({i.image for t in asked for i in (t.reference, t.target, *t.gallery)}) == pictures == task.images
    assert len({t.condition for t in asked}) == conditions
    assert sum(len(set(t.gallery)) < len(t.gallery) for t in asked) == repeated
    assert sum(t.reference in t.gallery for t in asked) == own
    copies = sum(t.target in t.gallery for t in asked)
    assert copies == (name in ("focus_attribute", "change_object"))
    if task.boxed:
        same = sum(len({i.image for i in t.gallery}) < len(t.gallery) for t in asked)
        assert same == {"focus_attribute": 297, "change_attribute": 869}[name]
        assert any(min(i.box) < 0 for t in asked for i in (t.reference, t.target, *t.gallery))
    else:
        assert all(len(i.image) == 12 and i.box is None for t in asked for i in t.gallery)


def test_the_official_crop_grows_to_the_left_and_upwards_alone():
    assert crop((640, 480), (100, 50, 80, 120)) == pytest.approx((44, 0, 180, 204))
    assert crop((640, 480), (0, 0, 100, 100)) == pytest.approx((0, 0, 170, 170))  # stopped: then it grows to the right
    assert crop((640, 480), (560, 400, 80, 80)) == pytest.approx((504, 344, 640, 480))
    assert crop((100, 100), (-0.83, 10, 40, 40), dilation=0.0) == pytest.approx((0, 10, 40, 50))


@given(*[st.floats(0, 300) for _ in range(2)], *[st.floats(1, 300) for _ in range(2)])
@settings(max_examples=25, deadline=None)
def test_a_crop_stays_in_its_picture_and_holds_the_box(x, y, w, h):
    size = (700, 620)
    left, top, right, bottom = crop(size, (x, y, w, h))
    assert 0 <= left <= x and 0 <= top <= y and right <= 700 and bottom <= 620
    assert right >= min(700, x + w) - 1e-6 and bottom >= min(620, y + h) - 1e-6


def test_a_cut_lies_in_the_middle_of_a_black_square():
    image = Image.new("RGB", (100, 100), "white")
    wide = np.asarray(genecis.cut(image, (50.0, 60.0, 40.0, 10.0), 68))
    assert wide.shape == (68, 68, 3)
    assert wide[34, 34].tolist() == [255, 255, 255] and wide[5, 34].tolist() == [0, 0, 0] == wide[62, 34].tolist()
    assert np.array_equal(np.asarray(genecis.cut(image, None, 20)), np.asarray(photos.fit(image, 20)))


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for name, task in TASKS.items():
        records = json.loads((root / f"{name}.json").read_text())
        assert len(records) == 5
        for record in records:
            assert list(record) == ["condition", "gallery", "reference", "target"]
            assert len(record["gallery"]) == task.distractors
            for item in (record["reference"], record["target"], *record["gallery"]):
                if task.boxed:
                    assert [type(edge) for edge in item["instance_bbox"]] == [float] * 4
                    assert set(item) == {"image_id", "instance_bbox"} and type(item["image_id"]) is str
                    assert (root / "VG_100K_all" / f"{item['image_id']}.jpg").is_file()
                else:
                    assert set(item) == {"val_image_id"} and type(item["val_image_id"]) is int
                    assert (root / "val2017" / f"{item['val_image_id']:012d}.jpg").is_file()


def test_pictures_drawn_again_equal_those_published(root):
    for split in ("VG_100K_all", "val2017"):
        again = synthetic.images(TINY, split, [3, 1, 3])
        paths = [root / split / synthetic.file_name(split, row) for row in (3, 1, 3)]
        assert torch.equal(photos.stack(paths), again)


def test_boxes_lie_between_pixels_as_those_that_people_drew():
    boxes = np.array([part.box for part in synthetic.parts(replace(TINY, crowded=60))])
    assert (boxes % 1 != 0).mean() > 0.95 and (boxes[:, 2:] > 0).all()
    assert (boxes[:, :2] < 0).any() and (boxes[:, :2] > -1).all()


def test_the_same_size_gives_the_same_records_and_another_seed_other_ones():
    again = synthetic.records(TINY)
    synthetic.records.cache_clear()
    synthetic.parts.cache_clear()
    assert synthetic.records(TINY) == again != synthetic.records(replace(TINY, seed=1))


def test_a_query_sees_its_own_gallery_and_nothing_else(root):
    for task in TASKS.values():
        test, asked = genecis.test(root, task, SMALL), genecis.templates(root, task)
        assert test.name == f"genecis-{task.name.replace('_', '-')}"
        assert test.query.text == [t.condition for t in asked]
        for i, template in enumerate(asked):
            mine = sorted(test.candidates[i])
            assert len(mine) == len(set(template.gallery) | {template.target}) == task.distractors + 1
            assert test.relevant[i][0] in mine
            folder = "VG_100K_all" if task.boxed else "val2017"

            def seen(item, folder=folder):
                image = photos.decode(root / folder / f"{item.image}.jpg")
                return np.asarray(genecis.cut(image, item.box, 16)).transpose(2, 0, 1)

            shown = sorted(seen(item).tobytes() for item in (template.target, *template.gallery))
            assert sorted(pixels.numpy().tobytes() for pixels in test.gallery[torch.tensor(mine)]) == shown
            assert np.array_equal(test.gallery[torch.tensor(test.relevant[i])][0].numpy(), seen(template.target))
            reference = test.query.image[torch.tensor([i])][0].numpy()
            assert np.array_equal(reference, seen(template.reference))


def test_the_target_alone_meets_both_halves_of_a_query():
    thing = {}
    for part in synthetic.parts(TINY):
        record = part.record()
        thing[record["image_id"], tuple(record["instance_bbox"])] = part.thing

    def of(item):
        return thing[item["image_id"], tuple(item["instance_bbox"])]

    made = synthetic.records(TINY)
    for record in made["focus_attribute"]:
        aspect = synthetic.CONDITIONS[record["condition"]]
        wanted = getattr(of(record["reference"]), aspect)
        assert getattr(of(record["target"]), aspect) == wanted
        assert all(getattr(of(item), aspect) != wanted for item in record["gallery"])
    for record in made["change_attribute"]:
        before, after = of(record["reference"]), of(record["target"])
        words = [(one.shape, one.colour, one.material) for one in (before, after)]
        assert sum(a != b for a, b in zip(*words, strict=True)) == 1 and record["condition"] in words[1]
        others = [of(item) for item in record["gallery"]]
        assert words[1] not in [(one.shape, one.colour, one.material) for one in others]
    scenes = synthetic.scenes(TINY, "val2017")
    kinds = {synthetic.file_name("val2017", row): {f"{t.colour} {t.shape}" for t in scene.things}
             for row, scene in enumerate(scenes)}  # fmt: skip
    for task in ("focus_object", "change_object"):
        for record in made[task]:
            ends = [kinds[f"{record[end]['val_image_id']:012d}.jpg"] for end in ("reference", "target")]
            gallery = [kinds[f"{item['val_image_id']:012d}.jpg"] for item in record["gallery"]]
            said = record["condition"]
            assert said in ends[1] and (said in ends[0]) == (task == "focus_object")
            if task == "change_object":
                assert ends[1] == ends[0] | {said} and not any(ends[1] <= shown for shown in gallery)
            else:
                assert not any(said in shown for shown in gallery)


def test_a_distractor_listed_twice_counts_twice_and_a_copy_of_the_target_is_the_target(copied):
    def change(records):
        records[0]["gallery"][0] = records[0]["gallery"][1]
        records[1]["gallery"][0] = records[1]["target"]
        records[2]["gallery"][:2] = [records[2]["target"]] * 2

    test = genecis.test(edit(copied, change), TASKS["focus_attribute"], SMALL)
    assert [test.ranked(i) for i in range(5)] == [10, 9, 8, 10, 10]


def test_a_reference_in_its_own_gallery_is_ranked_unless_the_protocol_hides_it(copied):
    edit(copied, lambda records: records[0]["gallery"].__setitem__(0, records[0]["reference"]))
    kept = genecis.test(copied, TASKS["focus_attribute"], SMALL)
    hidden = genecis.test(copied, TASKS["focus_attribute"], Protocol(side=16, reference="excluded"))
    assert kept.ranked(0) == 10 and hidden.ranked(0) == 9


def test_one_picture_with_two_boxes_is_two_items(copied):
    def change(records):
        target = records[0]["target"]
        left, top, width, height = target["instance_bbox"]
        records[0]["gallery"][0] = {**target, "instance_bbox": [left + 1.5, top, width, height]}

    test = genecis.test(edit(copied, change), TASKS["focus_attribute"], SMALL)
    assert test.ranked(0) == 10


def test_templates_and_items_that_need_a_missing_picture_are_left_out_together_and_said(copied):
    task = TASKS["focus_object"]
    asked = genecis.templates(copied, task)
    gone = asked[0].target.image
    (copied / "val2017" / f"{gone}.jpg").unlink()
    left = sum(gone in {i.image for i in (t.reference, t.target, *t.gallery)} for t in asked)
    with pytest.warns(UserWarning, match=f"{left} of 5 queries"):
        rest = genecis.test(copied, task, SMALL)
    assert len(rest) == 5 - left
    lines = {(line["split"], line["part"]): line for line in genecis.check(copied)}
    assert lines["focus_object", "images"]["expected"] == 2198
    (copied / "val2017").rename(copied / "elsewhere")
    with pytest.raises(Problem, match="in val2017"):
        genecis.test(copied, task, SMALL)


def test_items_too_many_for_memory_are_cut_when_asked_for(root, monkeypatch):
    held = genecis.test(root, TASKS["change_object"], SMALL).gallery
    monkeypatch.setattr(photos, "HOLD", 100)
    lazy = genecis.test(root, TASKS["change_object"], SMALL).gallery
    assert isinstance(lazy, photos.Crops) and torch.equal(lazy[all_rows(lazy)], held)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda r: r[0].update(gallery=[]), "record 0 has an empty gallery"),
        (lambda r: r[0].update(target=r[0]["reference"]), "reference for its target"),
        (lambda r: r[0]["target"].update(image_id="../../x"), "which is no number"),
        (lambda r: r[0]["target"].update(image_id="/etc/passwd"), "which is no number"),
        (lambda r: r[0]["target"].update(image_id=7), "'image_id' of type int"),
        (lambda r: r[0]["target"].update(instance_bbox=[1, 2, 3]), "not left, top, width, height"),
        (lambda r: r[0]["target"].update(instance_bbox=[1, 2, 3, "4"]), "not left, top"),
        (lambda r: r[0]["target"].update(instance_bbox=[1, 2, 0, 4]), "holds nothing"),
        (lambda r: r[0]["target"].update(instance_bbox=[1, 2, float("nan"), 4]), "not left, top"),
        (lambda r: r[0]["gallery"].__setitem__(0, None), "NoneType, not an object"),
        (lambda r: r[0].pop("condition"), "no 'condition'"),
        (lambda r: r.clear(), "no records"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    with pytest.raises(Problem, match=r"focus_attribute\.json.*" + says):
        genecis.test(edit(copied, change), TASKS["focus_attribute"], SMALL)


@pytest.mark.parametrize("key", ["1", -1, 10**12, True, 1.0])
def test_a_picture_number_that_is_none_is_a_problem(copied, key):
    with pytest.raises(Problem, match=r"focus_object\.json"):
        genecis.test(
            edit(copied, lambda r: r[0]["target"].update(val_image_id=key), "focus_object"), TASKS["focus_object"]
        )


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    for name in ("focus_attribute", "change_object"):
        value = data.draw(spoiled(json.loads((root / f"{name}.json").read_text())[:2]))
        (folder / f"{name}.json").write_text(json.dumps(value))
        try:
            assert genecis.templates(folder, TASKS[name])
        except Problem as problem:
            assert name in str(problem)


def test_too_many_templates_for_too_few_pictures_is_a_problem():
    with pytest.raises(Problem, match="templates for"):
        synthetic.records(replace(TINY, crowded=2))


def test_a_world_holds_what_its_counts_say(root):
    lines = genecis.check(root)
    assert len(lines) == 8 and all(line["expected"] == line["found"] and line["missing"] == 0 for line in lines)


def test_an_item_is_its_picture_and_its_box():
    assert Item("1", (0, 0, 1, 1)) != Item("1", (0, 0, 1, 2)) and Item("1") == Item("1", None)


def test_the_four_tasks_together_are_the_four_alone(tmp_path):
    WORLD.publish(tmp_path / "world", TINY)
    together = genecis.four_tasks(tmp_path / "world", SMALL)
    assert list(dict.fromkeys(together.group)) == list(TASKS) and together.name == "genecis"
    for name, task in TASKS.items():
        alone = genecis.test(tmp_path / "world", task, SMALL)
        rows = [row for row, group in enumerate(together.group) if group == name]
        assert alone.group is None and len(alone) == len(rows)
        for i, row in enumerate(rows):
            assert together.query.text[row] == alone.query.text[i]
            at = torch.tensor([i]), torch.tensor([row])
            assert torch.equal(alone.query.image[at[0]], together.query.image[at[1]])
            for mine, other in (
                (alone.relevant[i], together.relevant[row]),
                (alone.candidates[i], together.candidates[row]),
            ):
                pixels = [each.gallery[torch.tensor(own)] for each, own in ((alone, mine), (together, other))]
                assert torch.equal(*pixels)
