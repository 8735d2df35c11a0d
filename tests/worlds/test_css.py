import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.benchmarks import css
from cirkit.benchmarks.css import FILE, OFFICIAL
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import css as css_world
from cirkit.worlds.css import CSS, SIZES, Size
from cirkit.worlds.language import TEMPLATES, Add, Make, Remove
from cirkit.worlds.scene import PALETTES

TINY = Size(references=25, mods=12, image=16)
WIDE = Size(references=200, mods=300, image=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("css") / "world"
    CSS.publish(folder, TINY)
    return folder


def test_what_is_read_is_what_the_world_holds(root):
    train, test = css.train(root), css.test(root)
    half = css_world.world(TINY)["test"]
    pairs = [(mod, s, t) for mod in half.mods for s, t in zip(mod.source, mod.target, strict=True)]
    assert len(test) == len(pairs) and len(test.gallery) == len(half.scenes)
    gallery = css_world.images(TINY, "test", range(len(half.scenes)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    for i, (mod, source, target) in enumerate(pairs):
        assert test.query.text[i] == str(mod.edit)
        assert test.excluded[i] == [source]
        same = [row for row, scene in enumerate(half.scenes) if scene.key == half.scenes[target].key]
        assert sorted(test.relevant[i]) == same and target in same
        assert torch.equal(test.query.image[torch.tensor([i])][0], gallery[source])
    assert len(train) == sum(len(mod.source) for mod in css_world.world(TINY)["train"].mods)
    batch = train[torch.tensor([3, 0])]
    assert batch.target.shape == (2, 3, 16, 16) and len(batch.query) == 2


def test_any_row_drawn_again_from_the_size_alone_equals_the_published_image(root):
    gallery = css.test(root).gallery
    css_world.world.cache_clear()
    for rows in ([5], [7, 2, 7], [len(gallery) - 1]):
        assert torch.equal(css_world.images(TINY, "test", rows), gallery[torch.tensor(rows)])


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    css_world.world.cache_clear()
    CSS.publish(tmp_path / "again", TINY)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((root / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)
    assert css_world.scenes(TINY, "test") != css_world.scenes(replace(TINY, seed=1), "test")


@pytest.mark.parametrize("size", [WIDE, replace(WIDE, seed=1)])
def test_no_scene_is_shared_and_no_reference_shows_a_pair_held_for_the_other_split(size):
    keys = {split: {scene.key for scene in css_world.scenes(size, split)} for split in ("train", "test")}
    assert not keys["train"] & keys["test"]
    for split, other in (("train", "test"), ("test", "train")):
        pairs = Counter((t.shape, t.colour) for s in css_world.scenes(size, split)[: size.references] for t in s.things)
        assert all(colour in PALETTES[split][shape] for shape, colour in pairs)
        assert all(colour not in PALETTES[other][shape] for shape, colour in pairs if shape != "sphere")
    # most test queries show a pair that no train reference has
    half = css_world.world(size)["test"]
    sources = [half.scenes[row] for mod in half.mods for row in mod.source]
    fresh = [any(t.shape != "sphere" for t in scene.things) for scene in sources]
    assert np.mean(fresh) > 0.8


def test_every_pair_differs_by_the_one_thing_that_its_text_names():
    verbs = Counter()
    for split in ("train", "test"):
        half = css_world.world(WIDE)[split]
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


def test_texts_are_distinct_and_mostly_said_of_three_references():
    for split in ("train", "test"):
        mods = css_world.world(WIDE)[split].mods
        assert len({str(mod.edit) for mod in mods}) == len(mods) == 300
        assert all(len(set(mod.source)) == len(mod.source) <= 3 for mod in mods)
        assert np.mean([len(mod.source) == 3 for mod in mods]) > 0.8


def test_too_many_texts_for_too_few_references_is_a_problem(monkeypatch):
    monkeypatch.setattr(css_world, "TRIES", 3)
    with pytest.raises(Problem, match=r"only \d+ texts"):
        css_world.world(Size(references=1, mods=400, most=1))


def test_the_scales_are_as_large_as_they_say():
    assert set(SIZES) == {"smoke", "live", "cpu", "gpu"}
    for split in ("train", "test"):
        assert len(css_world.scenes(SIZES["smoke"], split)) < 250
    for scale in ("cpu", "gpu"):
        size = SIZES[scale]
        assert size.references == 1000 and size.mods * size.pairs >= OFFICIAL["train"]["pairs"]


def test_about_one_text_in_nine_leaves_open_what_to_add_or_where():
    half = css_world.world(WIDE)["test"]
    said = [(mod.edit.what.place, mod.edit.what.size, mod.edit.what.colour, mod.edit.what.shape) for mod in half.mods]
    open_ = [isinstance(mod.edit, Add) and None in words for mod, words in zip(half.mods, said, strict=True)]
    share = sum(n for key, n in TEMPLATES.items() if key[0] == "add" and not all(key[2:])) / 6004
    assert abs(np.mean(open_) - share) < 0.05 and 0.1 < share < 0.12


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
