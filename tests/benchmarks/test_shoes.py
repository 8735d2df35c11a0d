import gzip
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled
from PIL import Image

from cirkit.benchmarks import shoes
from cirkit.benchmarks.shoes import FILE, LISTS, OFFICIAL
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import shoes as synthetic
from cirkit.worlds.footwear import KINDS
from cirkit.worlds.shoe_language import remarks
from cirkit.worlds.shoes import SHOES, SIZES, Size

SMOKE = SIZES["smoke"]
TINY = Size(train=3, test=2, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "shoes"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shoes") / "world"
    SHOES.publish(folder, SMOKE)
    return folder


def called(row):
    return f"img_womens_rain_boots_{row}.jpg"


def entry(reference, target, said="are brown not red"):
    return {"ImageName": called(target), "ReferenceImageName": called(reference), "RelativeCaption": said}


GOOD = [entry(0, 1, " a "), entry(11, 12, "b"), entry(12, 10, "c"), entry(10, 12, "d"), entry(13, 13, "itself")]
LISTED = {"train": [0, 1], "test": [10, 11, 12, 13]}


def say(root, records):
    (root / FILE).write_text(json.dumps(records))
    return root


def listing(root, split, rows):
    (root / LISTS[split]).write_text("".join(f"{row if isinstance(row, str) else called(row)}\n" for row in rows))
    return root


def stack(root):
    """Pictures of one shade each in two kinds of folders, and four queries that ask something."""
    for split, rows in LISTED.items():
        listing(root, split, rows)
        for row in rows:
            folder = root / "attributedata" / "womens_rain_boots" / str(row % 2)
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (row, row, row)).save(folder / called(row))
    return say(root, GOOD)


@pytest.fixture
def few(tmp_path):
    return stack(tmp_path)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    return stack(tmp_path_factory.mktemp("spoilt"))


def place(root, row):
    return root / "attributedata" / "womens_rain_boots" / str(row % 2) / called(row)


@real
def test_the_official_files_have_the_counts_that_were_published():
    assert len(shoes.read_json(REAL / FILE, list)) == 10751
    for split, due in OFFICIAL.items():
        assert len(shoes.names(REAL, split)) == due["images"]
        assert len(shoes.annotated(REAL, split)) == due["queries"]
        assert len(shoes.records(REAL, split)) == due["queries"] - due["to themselves"]
    assert all(line["found"] == line["expected"] or line["part"] == "images" for line in shoes.check(REAL))


def test_the_published_folder_has_the_official_names_and_schema(root):
    assert {path.name for path in root.iterdir() if path.is_file()} >= {FILE, *LISTS.values()}
    content = json.loads((root / FILE).read_text())
    assert len(content) == SMOKE.train + SMOKE.test
    assert all(list(record) == ["ImageName", "ReferenceImageName", "RelativeCaption"] for record in content)
    for split in LISTS:
        listed = (root / LISTS[split]).read_text().splitlines()
        for name in listed:
            assert shoes.NAME.fullmatch(name)
            folder = name.removeprefix("img_").rsplit("_", 1)[0]
            assert folder.removeprefix("womens_") in KINDS and (root / folder / "0" / name).is_file()


def test_what_is_read_is_what_the_world_holds(root):
    made, test = synthetic.world(SMOKE)["test"], shoes.test(root)
    gallery = synthetic.images(SMOKE, "test", range(len(made.names)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    assert len(gallery) >= SMOKE.spare * SMOKE.test
    assert test.query.text == [said.strip() for _, _, said in made.queries]
    assert test.relevant == [[target] for _, target, _ in made.queries]
    assert test.excluded == [[source] for source, _, _ in made.queries]
    assert torch.equal(test.query.image[all_rows(test.query.image)], gallery[[source for source, _, _ in made.queries]])
    train, made = shoes.train(root), synthetic.world(SMOKE)["train"]
    assert len(train) == SMOKE.train and train.reference.tolist() == [source for source, _, _ in made.queries]
    batch = train[torch.tensor([3, 0])]
    assert torch.equal(batch.target, synthetic.images(SMOKE, "train", [made.queries[row][1] for row in (3, 0)]))
    assert torch.equal(batch.query.image, synthetic.images(SMOKE, "train", [made.queries[row][0] for row in (3, 0)]))


def test_what_is_asked_is_true_of_a_pair_of_one_kind():
    for rack in synthetic.world(SMOKE).values():
        for source, target, said in rack.queries:
            reference, other = rack.shoes[source], rack.shoes[target]
            assert reference.kind == other.kind and reference.key != other.key
            assert remarks(reference, other) and said


def test_a_picture_drawn_alone_equals_it_among_others():
    count = len(synthetic.world(SMOKE)["train"].names)
    together = synthetic.drawing(SMOKE, "train", range(count))
    assert together.images.shape == (count, 3, 32, 32) and together.images.dtype == torch.uint8
    for row in (0, 7, count - 1):
        assert torch.equal(synthetic.drawing(SMOKE, "train", [row]).images[0], together.images[row])
    assert len({bytes(image.numpy()) for image in together.images}) == count


def test_no_shoe_and_no_name_is_in_train_and_test(root):
    made = synthetic.world(SMOKE)
    keys = [shoe.key for rack in made.values() for shoe in rack.shoes]
    assert len(set(keys)) == len(keys)
    train, test = (set(shoes.names(root, split)) for split in LISTS)
    assert train and test and not train & test


def test_the_same_size_publishes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, size in (("one", TINY), ("two", TINY), ("other", replace(TINY, seed=1))):
        synthetic.world.cache_clear()
        SHOES.publish(tmp_path / name, size)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) >= 3 + 5
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    assert (tmp_path / "one" / FILE).read_bytes() != (tmp_path / "other" / FILE).read_bytes()


def test_the_image_name_is_the_target_and_pairs_with_themselves_ask_nothing(few):
    test, train = shoes.test(few), shoes.train(few)
    assert test.name == "shoes" and test.query.text == ["b", "c", "d"]
    shade = test.gallery[all_rows(test.gallery)][:, 0, 0, 0].tolist()
    assert shade == LISTED["test"]  # the gallery is the whole eval list, in its order
    assert [shade[row] for (row,) in test.relevant] == [12, 10, 12]
    assert [shade[row] for (row,) in test.excluded] == [11, 12, 10]
    assert test.query.image[all_rows(test.query.image)][:, 0, 0, 0].tolist() == [11, 12, 10]
    batch = train[torch.tensor([0])]
    assert train.query.text == ["a"] and batch.target[0, 0, 0, 0] == 1 and batch.query.image[0, 0, 0, 0] == 0


@pytest.mark.parametrize("where", ["", "attributedata", "images"])
def test_pictures_are_found_below_either_folder_and_any_number(few, where):
    shutil.move(few / "attributedata" / "womens_rain_boots", few / "moved")
    (few / where).mkdir(exist_ok=True)
    shutil.move(few / "moved", few / where / "womens_rain_boots")
    assert shoes.test(few).gallery[all_rows(shoes.test(few).gallery)][:, 0, 0, 0].tolist() == LISTED["test"]


def test_missing_pictures_go_with_their_queries_and_are_counted(few):
    place(few, 11).unlink()
    with pytest.warns(UserWarning, match="1 of 4 images are missing, so 1 of 3 queries are left out"):
        test = shoes.test(few)
    assert test.query.text == ["c", "d"] and len(test.gallery) == 3
    assert test.relevant == [[0], [1]] and test.excluded == [[1], [0]]
    place(few, 12).unlink()
    with pytest.raises(Problem, match="3 of 3 queries are left out: all of them"):
        shoes.test(few)
    for row in (0, 1):
        place(few, row).unlink()
    with pytest.raises(Problem, match=r"has none of its 2 images, such as .*womens_rain_boots/0/img"):
        shoes.train(few)


def test_a_missing_picture_that_nothing_asks_for_is_said_too(few):
    place(few, 13).unlink()
    with pytest.warns(UserWarning, match="1 of 4 images are missing, so 0 of 3 queries"):
        assert len(shoes.test(few)) == 3


def test_a_picture_that_is_a_link_out_of_the_root_is_a_problem(few):
    place(few, 12).unlink()
    place(few, 12).symlink_to("/etc/passwd")
    with pytest.raises(Problem, match="leaves"):
        shoes.test(few)


def test_a_picture_that_is_none_is_a_problem_that_names_it(few):
    place(few, 12).write_bytes(b"not a picture")
    with pytest.raises(Problem, match=called(12)):
        shoes.test(few).gallery[torch.tensor([2])]
    place(few, 10).write_bytes(b"")
    with pytest.raises(Problem, match=called(10)):
        shoes.test(few)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"ImageName": 3}, "record 1 has 'ImageName' of type int"),
        ({"ReferenceImageName": None}, "record 1 has 'ReferenceImageName' of type NoneType"),
        ({"RelativeCaption": ["x"]}, "record 1 has 'RelativeCaption' of type list"),
        ({"ImageName": "../../etc/passwd"}, "record 1 names .* which no one list holds"),
        ({"ImageName": "/etc/passwd"}, "record 1 names .* which no one list holds"),
        ({"ReferenceImageName": called(99)}, "record 1 names .* which no one list holds"),
        ({"ReferenceImageName": called(0)}, "record 1 names .* which no one list holds"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(few, change, says):
    with pytest.raises(Problem, match=rf"{FILE}: {says}"):
        shoes.test(say(few, [GOOD[0], {**GOOD[1], **change}]))


@pytest.mark.parametrize("key", list(GOOD[0]))
def test_a_record_without_a_key_is_a_problem_that_names_it(few, key):
    with pytest.raises(Problem, match=f"record 0 has no '{key}'"):
        shoes.test(say(few, [{name: value for name, value in GOOD[1].items() if name != key}]))


@pytest.mark.parametrize(
    "text, says",
    [
        (json.dumps(GOOD)[:-20], "not whole JSON"),
        ("", "not whole JSON"),
        ("{}", "a list is due"),
        ('[{"ImageName": "a", "ImageName": "b"}]', "'ImageName' twice"),
        ("[3]", "record 0 is a int"),
        ("[]", "has no test queries"),
        (json.dumps(GOOD[:1]), "has no test queries"),
        (json.dumps(GOOD[4:]), "has no test queries"),
    ],
)
def test_a_broken_file_is_a_problem_that_names_it(few, text, says):
    (few / FILE).write_text(text)
    with pytest.raises(Problem, match=rf"{FILE}.*{says}"):
        shoes.test(few)
    (few / FILE).unlink()
    with pytest.raises(Problem, match=rf"There is no .*{FILE}"):
        shoes.test(few)


@pytest.mark.parametrize(
    "rows, says",
    [
        ([], "is empty or lists an image twice"),
        ([10, 11, 12, 13, 10], "is empty or lists an image twice"),
        ([10, "../../etc/passwd"], "record 2 is '../../etc/passwd', not like"),
        (["/etc/passwd"], "record 1 is '/etc/passwd', not like"),
        (["img_womens_../x_1.jpg"], "record 1 is"),
        (["img_womens_boots_1.jpg\timg_womens_boots_2.jpg"], "record 1 is"),
        (["img_womens_boots_1.jpg\0"], "record 1 is"),
    ],
)
def test_a_broken_list_is_a_problem_that_names_it(few, rows, says):
    with pytest.raises(Problem, match=rf"eval_im_names\.txt:? {says}"):
        shoes.test(listing(few, "test", rows))


def test_lists_that_share_a_picture_are_a_problem(few):
    with pytest.raises(Problem, match="lists of train and eval share images"):
        shoes.test(listing(few, "train", [0, 1, 12]))


def test_an_absent_list_and_an_unknown_split_are_problems(few):
    with pytest.raises(Problem, match="no split 'val'"):
        shoes.names(few, "val")
    (few / LISTS["train"]).unlink()
    with pytest.raises(Problem, match=r"There is no .*train_im_names\.txt"):
        shoes.test(few)


def test_files_may_lie_packed(few):
    for name in (FILE, *LISTS.values()):
        (few / f"{name}.gz").write_bytes(gzip.compress((few / name).read_bytes()))
        (few / name).unlink()
    assert len(shoes.test(few)) == 3


def harmless(root):
    """Reads both splits; any Problem must name what lies below the root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for read in (shoes.train, shoes.test):
            try:
                assert len(read(root)) > 0
            except Problem as problem:
                assert str(root) in str(problem)


@settings(max_examples=25, deadline=None)
@given(content=spoiled(GOOD))
def test_whatever_the_annotations_say_only_a_problem_comes_of_it(spoilt, content):
    harmless(say(spoilt, content))
    say(spoilt, GOOD)


@settings(max_examples=25, deadline=None)
@given(split=st.sampled_from([*LISTS]), place=st.integers(0, 90), odd=st.text(max_size=5), cut=st.integers(0, 90))
def test_whatever_the_lists_say_only_a_problem_comes_of_it(spoilt, split, place, odd, cut):
    path = spoilt / LISTS[split]
    text = path.read_text()
    path.write_bytes((text[:place] + odd + text[place + cut :]).encode(errors="replace"))
    harmless(spoilt)
    listing(spoilt, split, LISTED[split])


@pytest.mark.parametrize("name", [f"img_womens_rain_boots_{'1' * 300}.jpg", f"img_womens_{'a' * 300}_1.jpg"])
def test_a_name_too_long_for_any_file_is_a_problem(few, name):
    with pytest.raises(Problem, match="record 2 is"):
        shoes.test(listing(few, "test", [10, name]))


def test_the_check_counts_what_there_is_against_what_there_should_be(root, few):
    found = shoes.check(root)
    assert len(found) == 8 and all(line["missing"] == 0 and line["expected"] == line["found"] for line in found)
    assert all((line["found"] == 0) == (line["part"] == "to themselves, left out") for line in found)
    place(few, 12).unlink()
    counted = {(line["split"], line["part"]): line for line in shoes.check(few)}
    assert counted["test", "images"] == {
        "split": "test", "part": "images", "expected": 4658, "found": 3, "missing": 4655,
    }  # fmt: skip
    assert counted["test", "queries"]["found"] == 4 and counted["train", "listed"]["expected"] == 10000
    assert sum(part["queries"] for part in OFFICIAL.values()) == 10751


def test_pairs_that_lead_to_themselves_are_counted_apart_and_are_no_gap(few, monkeypatch):
    for split, due in {"train": (1, 0, 2), "test": (4, 1, 4)}.items():
        monkeypatch.setitem(OFFICIAL, split, dict(zip(("queries", "to themselves", "images"), due, strict=True)))
    lines = shoes.check(few)
    assert all(line["missing"] == 0 and line["expected"] == line["found"] and line.gone is None for line in lines)
    apart = {line["split"]: line["found"] for line in lines if line["part"] == "to themselves, left out"}
    assert apart == {"train": 0, "test": 1} and len(shoes.test(few)) == 3
    place(few, 12).unlink()
    (gone,) = [line.gone for line in shoes.check(few) if line.gone is not None]
    assert gone.absent == [called(12)]
    assert gone.dropped == [  # of the three that ask something: two lead to 12, one from it
        {
            "protocol": "shoes", "queries": 3, "of_queries": 3, "by_reference": 1, "by_target": 2,
            "gallery": 1, "of_gallery": 4,
        }
    ]  # fmt: skip
