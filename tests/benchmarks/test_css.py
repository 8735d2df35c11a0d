import json
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import css, photos
from cirkit.benchmarks.css import FILE, OFFICIAL, SIZES, Size
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import publish as publishing
from cirkit.worlds.language import TEMPLATES, Add, Make, Remove
from cirkit.worlds.scene import PALETTES

TINY = Size(references=25, mods=12, image=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("css") / "world"
    css.publish(folder, TINY)
    return folder


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
def drawn(tmp_path):
    """A hand-made folder with four grey pictures per split."""
    (tmp_path / "images").mkdir()
    for split in ("train", "test"):
        for row in range(4):
            Image.new("RGB", (8, 8), (row, row, row)).save(tmp_path / "images" / f"css_{split}_{row:06d}.png")
    return pack(tmp_path, {"train": small(), "test": small()})


def test_the_published_folder_has_the_official_layout_and_schema(root):
    content = np.load(root / FILE, allow_pickle=True).item()
    assert set(content) == {"train", "test"}
    for split, part in content.items():
        count = len(part["objects_img"])
        names = sorted(os.listdir(root / "images"))
        assert [name for name in names if split in name] == [f"css_{split}_{row:06d}.png" for row in range(count)]
        assert len(part["labels"]) == count
        for mod in part["mods"]:
            assert set(mod) == {"from", "to", "to_str"} and len(mod["from"]) == len(mod["to"]) in (1, 2, 3)
        for thing in (thing for things in part["objects_img"] for thing in things):
            assert {"shape", "color", "size", "pos"} <= set(thing)
            assert all(0 < place < 1 for place in thing["pos"])


def test_what_is_read_is_what_the_world_holds(root):
    train, test = css.train(root), css.test(root)
    half = css.world(TINY)["test"]
    pairs = [(mod, s, t) for mod in half.mods for s, t in zip(mod.source, mod.target, strict=True)]
    assert len(test) == len(pairs) and len(test.gallery) == len(half.scenes)
    gallery = css.pictures(TINY, "test", range(len(half.scenes)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    for i, (mod, source, target) in enumerate(pairs):
        assert test.query.text[i] == str(mod.edit)
        assert test.excluded[i] == [source]
        same = [row for row, scene in enumerate(half.scenes) if scene.key == half.scenes[target].key]
        assert sorted(test.relevant[i]) == same and target in same
        assert torch.equal(test.query.image[torch.tensor([i])][0], gallery[source])
    assert len(train) == sum(len(mod.source) for mod in css.world(TINY)["train"].mods)
    batch = train[torch.tensor([3, 0])]
    assert batch.target.shape == (2, 3, 16, 16) and len(batch.query) == 2


def test_any_row_drawn_again_from_the_size_alone_equals_the_published_picture(root):
    gallery = css.test(root).gallery
    css.world.cache_clear()
    for rows in ([5], [7, 2, 7], [len(gallery) - 1]):
        assert torch.equal(css.pictures(TINY, "test", rows), gallery[torch.tensor(rows)])


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    css.world.cache_clear()
    css.publish(tmp_path / "again", TINY)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((root / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)
    assert css.scenes(TINY, "test") != css.scenes(replace(TINY, seed=1), "test")


def test_a_world_is_published_once_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path))
    made = css.published(TINY)
    assert made.parent == tmp_path / "worlds" and made.name.startswith("css-")
    assert json.loads((made / "world.json").read_text())["size"]["references"] == 25
    monkeypatch.setattr(css, "render", None)  # a second drawing would fail
    assert css.published(TINY) == made == css.published(TINY, tmp_path)
    assert publishing.place(css.manifest(replace(TINY, seed=1))) != made
    assert [path.name for path in (tmp_path / "worlds").iterdir()] == [made.name]


def test_a_folder_that_holds_something_else_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(Problem, match="something other"):
        css.publish(tmp_path, TINY)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_an_interrupted_publication_leaves_nothing(tmp_path):
    def build(folder):
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publishing.once(tmp_path / "w", {"world": "x"}, build)
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_publish_at_once_the_first_wins_and_both_succeed(tmp_path):
    def build(folder):
        publishing.once(tmp_path / "w", {"world": "x"}, lambda other: (other / "a").write_text("first") and None)
        (folder / "a").write_text("second")

    assert publishing.once(tmp_path / "w", {"world": "x"}, build) == tmp_path / "w"
    assert (tmp_path / "w" / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


WIDE = Size(references=200, mods=300, image=16)


@pytest.mark.parametrize("size", [WIDE, replace(WIDE, seed=1)])
def test_no_scene_is_shared_and_no_reference_shows_a_pair_held_for_the_other_split(size):
    keys = {split: {scene.key for scene in css.scenes(size, split)} for split in ("train", "test")}
    assert not keys["train"] & keys["test"]
    for split, other in (("train", "test"), ("test", "train")):
        pairs = Counter((t.shape, t.colour) for s in css.scenes(size, split)[: size.references] for t in s.things)
        assert all(colour in PALETTES[split][shape] for shape, colour in pairs)
        assert all(colour not in PALETTES[other][shape] for shape, colour in pairs if shape != "sphere")
    # most test queries show a pair that no train reference has
    half = css.world(size)["test"]
    sources = [half.scenes[row] for mod in half.mods for row in mod.source]
    fresh = [any(t.shape != "sphere" for t in scene.things) for scene in sources]
    assert np.mean(fresh) > 0.8


def test_every_pair_differs_by_the_one_thing_that_its_sentence_names():
    verbs = Counter()
    for split in ("train", "test"):
        half = css.world(WIDE)[split]
        for mod in half.mods:
            verbs[str(mod.edit).split()[0]] += 1
            for source, target in zip(mod.source, mod.target, strict=True):
                before, after = set(half.scenes[source].things), set(half.scenes[target].things)
                gone, come = before - after, after - before
                expected = {Make: (1, 1), Add: (0, 1), Remove: (1, 0)}[type(mod.edit)]
                assert (len(gone), len(come)) == expected
                if isinstance(mod.edit, Make):
                    (old,), (new,) = gone, come
                    assert new == replace(old, **{mod.edit.aspect: mod.edit.word})
                assert [t for t in before if mod.edit.what.fits(t)] == [*gone] or isinstance(mod.edit, Add)
                assert all(mod.edit.what.fits(t) for t in come) or isinstance(mod.edit, Make)
    total, real = sum(verbs.values()), Counter()
    for (verb, *_), count in TEMPLATES.items():
        real[verb] += count / 6004
    assert all(abs(verbs[verb] / total - share) < 0.06 for verb, share in real.items())


def test_sentences_are_distinct_and_mostly_said_of_three_references():
    for split in ("train", "test"):
        mods = css.world(WIDE)[split].mods
        assert len({str(mod.edit) for mod in mods}) == len(mods) == 300
        assert all(len(set(mod.source)) == len(mod.source) <= 3 for mod in mods)
        assert np.mean([len(mod.source) == 3 for mod in mods]) > 0.8


def test_too_many_sentences_for_too_few_references_is_a_problem(monkeypatch):
    monkeypatch.setattr(css, "TRIES", 3)
    with pytest.raises(Problem, match="sentences to say"):
        css.world(Size(references=1, mods=400, most=1))


def test_the_scales_are_as_large_as_they_say():
    assert set(SIZES) == {"smoke", "live", "cpu", "gpu"}
    for split in ("train", "test"):
        assert len(css.scenes(SIZES["smoke"], split)) < 250
    for scale in ("cpu", "gpu"):
        size = SIZES[scale]
        assert size.references == 1000 and size.mods * size.pairs >= OFFICIAL["train"]["pairs"]


def test_labels_decide_what_is_right_and_the_reference_is_never_an_answer(drawn):
    test = css.test(drawn)
    assert [sorted(rows) for rows in test.relevant] == [[1, 3], [2]]
    assert test.excluded == [[0], [3]]
    pack(drawn, {"test": small(labels=[1, 1, 1, 1], mods=[{"from": [0], "to": [1], "to_str": "x"}])})
    assert css.test(drawn).relevant == [[1, 2, 3]]


def test_the_older_file_without_labels_and_one_with_arrays_are_read(drawn):
    part = small()
    del part["labels"]
    pack(drawn, {"test": part})
    assert css.test(drawn).relevant == [[1], [2]]
    part = small()
    part["labels"] = np.array(part["labels"])
    part["mods"][0].update({"from": np.array([0, 3]), "to": [np.int64(1), np.int64(2)]})
    pack(drawn, {"test": part})
    assert [sorted(rows) for rows in css.test(drawn).relevant] == [[1, 3], [2]]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"mods": [{"from": [0], "to": [4], "to_str": "x"}]}, r"test mods\[0\] names picture 4; there are 0 to 3"),
        ({"mods": [{"from": [-1], "to": [1], "to_str": "x"}]}, "names picture -1"),
        ({"mods": [{"from": ["0"], "to": [1], "to_str": "x"}]}, "names picture '0'"),
        ({"mods": [{"from": [0.0], "to": [1], "to_str": "x"}]}, "names picture 0.0"),
        ({"mods": [{"from": [True], "to": [0], "to_str": "x"}]}, "names picture True"),
        ({"mods": [{"from": [0, 1], "to": [1], "to_str": "x"}]}, "of one length"),
        ({"mods": [{"from": 0, "to": 1, "to_str": "x"}]}, "of one length"),
        ({"mods": [{"from": [0, [1]], "to": [1], "to_str": "x"}]}, "'from' and 'to'"),
        ({"mods": [{"from": [0], "to": [1]}]}, "no sentence"),
        ({"mods": [{"from": [0], "to": [1], "to_str": " "}]}, "no sentence"),
        ({"mods": [{"from": [2], "to": [2], "to_str": "x"}]}, "to itself"),
        ({"mods": ["x"]}, "no sentence"),
        ({"mods": []}, "no mods"),
        ({"mods": None}, "no split"),
        ({"objects_img": []}, "no pictures"),
        ({"objects_img": 3}, "no pictures"),
        ({"labels": [0, 1]}, "label per picture"),
        ({"labels": 5}, "label per picture"),
        ({"labels": [0, 1, [2], 3]}, "label per picture"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(drawn, change, says):
    with pytest.raises(Problem, match=says):
        css.test(pack(drawn, {"test": {**small(), **change}}))


def test_a_missing_split_or_file_is_a_problem(drawn):
    with pytest.raises(Problem, match="no split 'test'"):
        css.test(pack(drawn, {"train": small()}))
    with pytest.raises(Problem, match="no split"):
        css.test(pack(drawn, [1]))
    (drawn / FILE).unlink()
    with pytest.raises(Problem, match=FILE):
        css.train(drawn)


def test_missing_cut_huge_and_uneven_pictures_are_problems_that_name_the_file(drawn, monkeypatch):
    path = drawn / "images" / "css_test_000002.png"
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(Problem, match=r"css_test_000002\.png: there is no such file"):
        css.test(drawn)
    for broken in (b"", b"no picture", whole[:40], whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(Problem, match=r"Cannot read the image .*css_test_000002\.png"):
            css.test(drawn)
    Image.new("RGB", (9, 8)).save(path)
    with pytest.raises(Problem, match="one size"):
        css.test(drawn)
    monkeypatch.setattr(photos, "PIXELS", 64)
    with pytest.raises(Problem, match=r"9 x 8 pixels"):
        css.test(drawn)


def test_pictures_too_many_for_memory_are_decoded_when_asked_for(drawn, monkeypatch):
    held = css.test(drawn).gallery
    monkeypatch.setattr(css, "HOLD", 100)
    monkeypatch.setattr(css, "CROP", 8)
    lazy = css.test(drawn).gallery
    assert isinstance(lazy, photos.Files) and len(lazy) == 4
    assert torch.equal(lazy[all_rows(lazy)], held)


def test_decoding_turns_photographs_upright_and_puts_them_on_white(tmp_path):
    upright = Image.new("RGB", (4, 2))
    exif = upright.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert photos.decode(tmp_path / "turned.jpg").size == (2, 4)
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert photos.decode(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    Image.new("L", (2, 2), 7).save(tmp_path / "grey.png")
    assert photos.decode(tmp_path / "grey.png").getpixel((1, 1)) == (7, 7, 7)


def test_fitting_keeps_the_middle_of_the_longer_side():
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    assert np.asarray(photos.fit(wide, 10))[:, 1:-1].reshape(-1, 3).mean(0)[2] > 240
    for size in ((7, 31), (31, 7), (5, 5), (640, 2)):
        assert photos.fit(Image.new("RGB", size), 9).size == (9, 9)


def test_the_check_counts_what_there_is_against_what_there_should_be(root, drawn):
    assert all(line["missing"] == 0 and line["expected"] == line["found"] for line in css.check(root))
    (drawn / "images" / "css_test_000001.png").unlink()
    lines = {(line["split"], line["part"]): line for line in css.check(drawn)}
    assert lines["test", "pictures"] == {
        "split": "test", "part": "pictures", "expected": 19057, "found": 3, "missing": 19054,
    }  # fmt: skip
    assert lines["train", "pairs"]["found"] == 2 and lines["train", "sentences"]["expected"] == 6004


def test_a_manifest_of_another_world_or_version_is_a_problem(drawn):
    for made, says in (
        ({"world": "x"}, "does not describe"),
        ({**css.manifest(TINY), "version": 0}, "another version"),
    ):
        (drawn / "world.json").write_text(json.dumps(made))
        with pytest.raises(Problem, match=says):
            css.check(drawn)


def test_about_one_sentence_in_nine_leaves_open_what_to_add_or_where():
    half = css.world(WIDE)["test"]
    said = [(mod.edit.what.place, mod.edit.what.size, mod.edit.what.colour, mod.edit.what.shape) for mod in half.mods]
    open_ = [isinstance(mod.edit, Add) and None in words for mod, words in zip(half.mods, said, strict=True)]
    share = sum(n for key, n in TEMPLATES.items() if key[0] == "add" and not all(key[2:])) / 6004
    assert abs(np.mean(open_) - share) < 0.05 and 0.1 < share < 0.12
