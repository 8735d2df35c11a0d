from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cirkit.benchmarks import cub, cub_attributes, photos
from cirkit.benchmarks.cub import FOLDER, Protocol
from cirkit.benchmarks.cub_attributes import GROUPS, NAMES
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import cub as cub_world
from cirkit.worlds.birds import COLOURS, PARTS
from cirkit.worlds.cub import CUB, SIZES, true_of

WORLD = CUB
TINY = replace(SIZES["smoke"], each=2, image=16, image_format="png")
WHOLE = Protocol(crop=cub.whole, size=16)


FILES = {
    "images.txt": "1 001.A/x.png\n2 001.A/y.png\n3 002.B/z.png\n",
    "image_class_labels.txt": "1 1\n2 1\n3 2\n",
    "classes.txt": "1 001.A\n2 002.B\n",
    "train_test_split.txt": "1 1\n2 0\n3 1\n",
    "bounding_boxes.txt": "1 2.0 2.0 4.0 4.0\n2 0.0 0.0 8.0 8.0\n3 6.0 6.0 2.0 2.0\n",
}


@pytest.fixture
def three(tmp_path):
    """Three pictures of two classes, in the official layout."""
    base = tmp_path / FOLDER
    for row, name in enumerate(("001.A/x", "001.A/y", "002.B/z")):
        for path in (base / "images" / f"{name}.png", tmp_path / "text" / f"{name}.txt"):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L" if row == 1 else "RGB", (8, 8), 9 if row == 1 else (row, row, row)).save(
            base / "images" / f"{name}.png"
        )
        (tmp_path / "text" / f"{name}.txt").write_text(f"bird {row} is red.\n\n a {row} bird\n")
    for name, text in FILES.items():
        (base / name).write_text(text)
    (tmp_path / "testclasses.txt").write_text("002.B\n")
    return tmp_path


def test_the_published_folder_has_the_official_files(root):
    base = root / FOLDER
    count = TINY.classes * TINY.each
    assert len((base / "images.txt").read_text().splitlines()) == count
    for line in (base / "images.txt").read_text().splitlines():
        path = line.split()[1]
        folder, name = path.split("/")
        assert (base / "images" / path).is_file() and name.startswith(folder[4:])
        assert len((root / "text" / path.replace(".png", ".txt")).read_text().splitlines()) == 10
    assert [line.split()[0] for line in (base / "classes.txt").read_text().splitlines()] == [
        str(i) for i in range(1, 9)
    ]
    assert all(
        line.split()[1][:4] == f"{i:03d}." for i, line in enumerate((base / "classes.txt").read_text().splitlines(), 1)
    )
    assert len((base / "attributes" / "image_attribute_labels.txt").read_text().splitlines()) == 312 * count
    shares = [
        line.split()
        for line in (base / "attributes" / "class_attribute_labels_continuous.txt").read_text().splitlines()
    ]
    assert len(shares) == TINY.classes and all(len(row) == 312 for row in shares)
    assert (root / "attributes.txt").read_text().splitlines()[0] == "1 has_bill_shape::curved_(up_or_down)"
    assert all(len(line.split()) == 5 for line in (base / "bounding_boxes.txt").read_text().splitlines())


def test_there_are_312_attributes_in_28_groups_and_a_species_has_one_of_each():
    assert len(NAMES) == len(set(NAMES)) == 312 and len(GROUPS) == 28
    for kind in cub_world.flock(TINY).species:
        held = true_of(kind)
        assert held <= set(NAMES) and Counter(name.split("::")[0] for name in held) == dict.fromkeys(GROUPS, 1)
        assert f"has_wing_color::{kind.wing}" in held and f"has_bill_shape::{kind.beak}" in held
    assert set(COLOURS) <= set(GROUPS["has_wing_color"])


def test_what_is_read_is_what_the_world_holds(root):
    made, halves = cub_world.flock(TINY), {}
    for name, read in (("train", cub.train), ("test", cub.test)):
        half = halves[name] = read(root, WHOLE)
        rows = [row for row, label in enumerate(made.label) if (label >= 4) == (name == "test")]
        assert torch.equal(half.images[all_rows(half.images)], cub_world.drawing(TINY, rows).images)
        assert half.captions == [made.captions[row] for row in rows] and half.dropped == 0
        assert half.label.tolist() == [made.label[row] for row in rows]
    assert not set(halves["train"].label.tolist()) & set(halves["test"].label.tolist())
    genera = [{made.species[label].genus for label in half.label.tolist()} for half in halves.values()]
    assert not genera[0] & genera[1]


def test_attributes_are_read_per_picture(root):
    found, made = cub_attributes.attributes(root), cub_world.flock(TINY)
    assert found.shape == (16, 312) and found.sum(1).tolist() == [28] * 16
    for row, label in enumerate(made.label):
        assert {NAMES[i] for i in found[row].nonzero()[:, 0].tolist()} == true_of(made.species[label])


def test_boxes_hold_the_bird(root):
    photos = cub.listing(root).photos
    bird = cub_world.drawing(TINY, range(16)).owner >= PARTS.index("tail")
    for photo, mask in zip(photos, bird, strict=True):
        left, top, width, height = (int(edge) for edge in photo.box)
        assert mask[top : top + height, left : left + width].sum() == mask.sum() > 0
        assert mask[top].any() and mask[:, left].any()


def test_by_image_and_by_class_divide_differently(three):
    by_class, by_image = replace(WHOLE, divide=cub.by_class), replace(WHOLE, divide=cub.by_image)
    assert cub.train(three, by_class).label.tolist() == [0, 0] and cub.test(three, by_class).label.tolist() == [1]
    assert cub.train(three, by_image).label.tolist() == [0, 1] and cub.test(three, by_image).label.tolist() == [0]
    (three / "testclasses.txt").unlink()
    with pytest.raises(Problem, match=r"no testclasses\.txt"):
        cub.train(three, by_class)
    assert cub.OFFICIAL_SPLIT.divide is cub.by_image and cub.ATTNGAN.divide is cub.by_class


def test_captions_become_pairs_and_questions(three):
    half = cub.train(three, WHOLE)
    assert half.captions == [["bird 0 is red.", "a 0 bird"], ["bird 1 is red.", "a 1 bird"]]
    pairs, bench = half.pairs(), half.benchmark()
    assert pairs.query.text == bench.query.text == ["bird 0 is red.", "a 0 bird", "bird 1 is red.", "a 1 bird"]
    assert pairs.reference.tolist() == [0, 0, 1, 1] and bench.relevant == [[0], [0], [1], [1]]
    assert bench.group == ["001.A"] * 4 and bench.query.image is None
    assert pairs[torch.tensor([3])].target[0, :, 0, 0].tolist() == [9, 9, 9]  # a grey picture has three channels


def test_the_crop_is_the_square_of_one_and_a_half_boxes(three):
    assert cub.around((100, 80), (40.0, 30.0, 20.0, 10.0)) == (35, 20, 65, 50)
    assert cub.around((100, 80), (0.0, 60.0, 40.0, 20.0)) == (0, 40, 50, 80)
    assert cub.whole((100, 80), (1.0, 2.0, 3.0, 4.0)) == (0, 0, 100, 80)
    assert cub.test(three, Protocol(size=5)).images.shape == (1, 3, 5, 5)
    (three / FOLDER / "bounding_boxes.txt").write_text(FILES["bounding_boxes.txt"].replace("3 6.0 6.0", "3 60.0 6.0"))
    with pytest.raises(Problem, match="lies outside"):
        cub.test(three)


def test_large_halves_are_decoded_when_asked_for(three, monkeypatch):
    held = cub.train(three, WHOLE).images
    monkeypatch.setattr(photos, "HOLD", 10)
    lazy = cub.train(three, WHOLE).images
    assert isinstance(lazy, photos.Crops) and len(lazy) == 2 and torch.equal(lazy[torch.tensor([1])], held[[1]])


def test_the_root_may_be_the_folder_itself(three):
    (three / "text").rename(three / FOLDER / "text")
    (three / "testclasses.txt").rename(three / FOLDER / "testclasses.txt")
    assert len(cub.train(three / FOLDER, WHOLE).captions) == len(cub.train(three, WHOLE).captions) == 2


def test_missing_pictures_go_with_their_captions_and_are_counted(three):
    (three / FOLDER / "images" / "001.A" / "x.png").unlink()
    half = cub.train(three, WHOLE)
    assert half.dropped == 1 and len(half.captions) == 1
    (three / FOLDER / "images" / "001.A" / "y.png").unlink()
    with pytest.raises(Problem, match="No image of this half"):
        cub.train(three, WHOLE)


@pytest.mark.parametrize(
    "name, old, new, says",
    [
        ("images.txt", "2 001.A/y.png", "2 001.A/x.png", "a second time"),
        ("images.txt", "2 001.A/y.png", "1 001.A/y.png", "number 1 a second time"),
        ("images.txt", "2 001.A/y.png", "2 ../../y.png", "leaves"),
        ("images.txt", "2 001.A/y.png", "2 /etc/passwd", "no path below"),
        ("images.txt", "2 001.A/y.png", "2 out.png", "leaves"),
        ("images.txt", "2 001.A/y.png", "two 001.A/y.png", "record 2 is not a number and 1 words"),
        ("images.txt", "2 001.A/y.png", "9" * 5000 + " y", "is not a number"),
        ("images.txt", "3 002.B/z.png\n", "", "record 3 does not match images.txt"),
        ("image_class_labels.txt", "3 2", "3 7", "names class '7'"),
        ("image_class_labels.txt", "3 2", "3 b", "names class 'b'"),
        ("train_test_split.txt", "2 0", "2 2", "says '2', not 0 or 1"),
        ("train_test_split.txt", "2 0", "2 0 1", "not a number and 1 words"),
        ("bounding_boxes.txt", "2 0.0", "2 nan", "'nan' where a number"),
        ("bounding_boxes.txt", "2 0.0", "2 wide", "'wide' where a number"),
        ("classes.txt", "1 001.A\n2 002.B\n", "", "is empty"),
        ("classes.txt", "2 002.B", "2 002.C", r"names 002\.B, which classes\.txt lacks"),
    ],
)
def test_a_broken_line_is_a_problem_that_names_it(three, name, old, new, says):
    (three / FOLDER / "images" / "out.png").symlink_to("/etc/passwd")
    assert old in FILES[name]
    (three / FOLDER / name).write_text(FILES[name].replace(old, new))
    with pytest.raises(Problem, match=says):
        cub.train(three, WHOLE)


def test_missing_files_and_empty_captions_are_problems(three):
    (three / "text" / "001.A" / "x.txt").write_text("\n \n")
    with pytest.raises(Problem, match="no captions"):
        cub.train(three, WHOLE)
    (three / "text" / "001.A" / "x.txt").unlink()
    with pytest.raises(Problem, match=r"x\.txt"):
        cub.train(three, WHOLE)
    (three / FOLDER / "bounding_boxes.txt").unlink()
    with pytest.raises(Problem, match=r"bounding_boxes\.txt"):
        cub.train(three, WHOLE)


def test_attribute_lines_may_have_extra_columns_but_no_strange_numbers(three):
    (three / "attributes.txt").write_text("1 has_a::x\n2 has_a::y\n")
    path = three / FOLDER / "attributes" / "image_attribute_labels.txt"
    path.parent.mkdir()
    path.write_text("1 1 1 3 2.5\n1 2 0 4 1.0\n3 2 1 0 3 9.9\n")
    assert cub_attributes.attributes(three).tolist() == [[True, False], [False, False], [False, True]]
    for broken in ("4 1 1 1 1\n", "1 3 1 1 1\n", "1 1 2 1 1\n", "1 1\n", "a 1 1 1 1\n"):
        path.write_text("1 1 1 3 2.5\n" + broken)
        with pytest.raises(Problem, match="record 2"):
            cub_attributes.attributes(three)


WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["1", "0", "001.A/x.png", "..", "1e999", "."]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(FILES)), st.integers(0, 30), WORDS), min_size=1, max_size=3))
def test_whatever_the_files_say_only_a_problem_comes_of_it(three, edits):
    texts = dict(FILES)
    for name, place, word in edits:
        texts[name] = texts[name][:place] + word + texts[name][place:]
    for name, text in texts.items():
        (three / FOLDER / name).write_text(text)
    try:
        assert len(cub.train(three, WHOLE).captions) >= 1
    except Problem as problem:
        assert str(three) in str(problem) or "There is no" in str(problem)


def test_any_row_is_drawn_from_the_size_alone():
    images = cub_world.drawing(TINY, range(16)).images
    cub_world.flock.cache_clear()
    assert torch.equal(CUB.images(TINY, "test", [5, 1]), images[[11, 3]])
    assert cub_world.flock(replace(TINY, seed=1)).species != cub_world.flock(TINY).species


def test_sizes_that_split_a_genus_are_refused_and_scales_grow():
    for size in (replace(TINY, classes=7), replace(TINY, held=3), replace(TINY, held=8), replace(TINY, held=0)):
        with pytest.raises(Problem, match="multiples of 4"):
            cub_world.flock(size)
    counts = [size.classes * size.each for size in SIZES.values()]
    assert counts == sorted(counts) and counts[0] < 100 and 1000 < counts[1] < 5000
    assert SIZES["gpu"].classes == 200
    assert sum(half["images"] for half in cub.OFFICIAL.values()) == 11788


def test_the_check_counts_what_there_is_against_what_there_should_be(root, three):
    lines = cub.check(root)
    assert len(lines) == 4 and all(row["missing"] == 0 and row["expected"] == row["found"] > 0 for row in lines)
    (three / FOLDER / "images" / "001.A" / "x.png").unlink()
    found = {(row["split"], row["part"]): row for row in cub.check(three)}
    assert found["train", "images"] == {
        "split": "train", "part": "images", "expected": 5994, "found": 1, "missing": 5993,
    }  # fmt: skip
    assert found["test", "captions"]["found"] == 2
