"""Mixed conditions: targets and broken images by the scenes' truth, wordings, masks, and what is refused."""

import json
from collections import Counter

import pytest
import torch

from cirkit.benchmarks import mixed_conditions
from cirkit.benchmarks.mixed_conditions import (
    GALLERY,
    KINDS,
    QUERIES,
    Protocol,
    annotations,
    broken,
    in_words,
    targets,
    text_alone,
)
from cirkit.errors import Problem
from cirkit.worlds import mixed_conditions as made
from cirkit.worlds.groups import all_of
from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS, Size, mask
from cirkit.worlds.render import render

TINY = Size(families=3, image=32, seed=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions") / "world"
    MIXED_CONDITIONS.publish(folder, TINY)
    return folder


def kinds(scene) -> Counter:
    return Counter(f"{thing.colour} {thing.shape}" for thing in scene.things)


def test_a_negative_query_has_its_targets_and_broken_images_by_what_is_in_the_scenes():
    part = made.world(TINY, "negative")
    assert len(part.queries) == 4 * TINY.families and len(part.scenes) == 8 * TINY.families
    for query in part.queries:
        wanted, unwanted = query.text.removeprefix("add a "), query.negative.removeprefix("a ")
        before = kinds(part.scenes[query.reference])
        rest = before - Counter([unwanted])
        for row, scene in enumerate(part.scenes):
            has = kinds(scene)
            fulfils = has == rest + Counter([wanted])
            breaks = has == rest + Counter([wanted, unwanted])
            if row == query.reference or (not fulfils and not breaks):
                assert row not in query.targets and row not in query.broken
            elif row in query.targets:
                assert fulfils
            elif row in query.broken:
                assert breaks
        assert len(query.targets) >= TINY.again and len(query.broken) >= TINY.again


def test_a_masked_query_changes_the_object_under_the_mask_and_no_other():
    part = made.world(TINY, "mask")
    for query in part.queries:
        before = part.scenes[query.reference].things
        new = query.text.removeprefix("change it to a ")
        for row in query.targets:
            after = part.scenes[row].things
            changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if all_of(a) != all_of(b)]
            if (before[0].x, before[0].y) == (after[0].x, after[0].y):  # of this family, not one that looks like it
                assert changed == [query.thing]
                assert f"{after[query.thing].colour} {after[query.thing].shape}" == new
        assert not set(query.targets) & set(query.broken)
        assert query.in_words.count(before[query.thing].colour) and query.in_words.endswith(new)


def test_what_is_read_is_what_the_world_holds(root):
    for kind in KINDS:
        part = made.world(TINY, kind)
        benchmark = mixed_conditions.test(root, Protocol(kind=kind))
        whole = torch.arange(len(part.scenes))
        assert torch.equal(benchmark.gallery[whole], MIXED_CONDITIONS.images(TINY, kind, whole.tolist()))
        other = mixed_conditions.test(root, Protocol(kind=kind, relevant=broken))
        held = iter(part.queries)
        for i, text in enumerate(benchmark.query.text):
            query = next(one for one in held if one.text == text and (one.reference,) == tuple(benchmark.excluded[i]))
            assert tuple(benchmark.relevant[i]) == query.targets and tuple(other.relevant[i]) == query.broken


def test_a_condition_is_told_as_one_or_in_words_or_not(root):
    asked = [one for one in annotations(root) if one.kind == "negative"]
    told, words, without = (
        mixed_conditions.test(root, protocol).query
        for protocol in (
            Protocol(kind="negative"),
            Protocol(kind="negative", wording=in_words),
            Protocol(kind="negative", wording=text_alone),
        )
    )
    assert told.avoid == [one.negative for one in asked] and told.text == without.text
    assert words.text == [f"{one.text} without {one.negative}" for one in asked]
    assert words.avoid is None and without.avoid is None and told.mask is None
    assert targets(asked[0]) and broken(asked[0])


def test_a_mask_covers_what_is_seen_of_its_object_and_little_more(root):
    part, benchmark = made.world(TINY, "mask"), mixed_conditions.test(root, Protocol(kind="mask"))
    things = [int(one.mask.rpartition("-")[2].removesuffix(".png")) for one in annotations(root) if one.kind == "mask"]
    drawn = render([part.scenes[rows[0]] for rows in benchmark.excluded], TINY.image)
    for thing, covered, owner in zip(things, benchmark.query.mask, drawn.owner, strict=True):
        seen = owner == thing
        assert (covered & seen).sum() == seen.sum() and covered.float().mean() < 0.35


def test_a_mask_is_its_box_grown_and_cut_at_the_border():
    drawn = mask(torch.tensor([0, 4, 3, 8]), 20, 0.1)
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[2:10, 0:5] = True
    assert torch.equal(drawn, expected)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "sound"}, "kind 'sound'"),
        ({"targets": []}, "needs names of images"),
        ({"targets": ["images/a.png"], "broken": ["images/a.png"]}, "twice"),
        ({"text": 3}, "text"),
    ],
)
def test_a_record_that_cannot_be_meant_is_named(root, tmp_path, change, says):
    records = json.loads((root / QUERIES).read_text())
    (tmp_path / QUERIES).write_text(json.dumps([records[0], records[1] | change]))
    with pytest.raises(Problem, match=says):
        annotations(tmp_path)


def test_images_and_masks_outside_the_folder_or_missing_are_refused(root, tmp_path):
    names = json.loads((root / GALLERY).read_text())
    (tmp_path / QUERIES).write_text((root / QUERIES).read_text())
    (tmp_path / GALLERY).write_text(json.dumps(names | {"negative": ["../secret.png", *names["negative"]]}))
    with pytest.raises(Problem, match="secret"):
        mixed_conditions.test(tmp_path, Protocol(kind="negative"))
    (tmp_path / GALLERY).write_text(json.dumps(names))
    (tmp_path / "images").symlink_to(root / "images")
    with pytest.raises(Problem, match="mask"):
        mixed_conditions.test(tmp_path, Protocol(kind="mask"))
