from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cirkit.worlds import groups, pinpoint, pinpoint_garments, pinpoint_scenes, statements
from cirkit.worlds.garments import worn
from cirkit.worlds.judging import NEGATIVES, Fit, judge
from cirkit.worlds.pinpoint import Size
from cirkit.worlds.pinpoint_garments import CUT, FRAMES, WORDS, Wish

SIZE = Size(pairs=4, members=24, queries=16, image=16)


@pytest.fixture(scope="module")
def world():
    return pinpoint.world(SIZE)


@pytest.fixture(scope="module")
def requests():
    """The queries of both halves with what was asked, which the world leaves to the texts."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        for module in (pinpoint_scenes, pinpoint_garments):
            original = module.Request.texts
            patch.setattr(
                module.Request, "texts", lambda self, rng, original=original: asked.append(self) or original(self, rng)
            )
        pinpoint.world.cache_clear()
        queries = pinpoint.world(SIZE)[2]
    return list(zip(asked, queries, strict=True))


def test_every_positive_satisfies_the_instruction_and_no_negative_does(world, requests):
    """By the facts of the scenes and garments alone, written down a second time."""
    scenes, garments, _ = world
    assert len(requests) == 2 * SIZE.queries
    for request, query in requests[: SIZE.queries]:
        before = scenes[query.source].things
        whole = statements.Both(request.first, request.second)
        right = [row for row, scene in enumerate(scenes) if statements.answers(whole, before, scene.things)]
        assert list(query.positives) == right and query.source not in right
        assert not set(right) & set(query.wrong)
    for request, query in requests[SIZE.queries :]:
        before = garments[query.source - len(scenes)]
        for row in (*query.positives, *query.wrong):
            after = garments[row - len(scenes)]
            has = [getattr(after, one.attribute) == one.value for one in (request.first, request.second)]
            same = all(getattr(after, name) == getattr(before, name) for name in CUT)
            assert (same and all(has)) == (row in query.positives)


def test_negatives_are_of_the_kinds_that_they_are_said_to_be(world, requests):
    scenes, garments, _ = world
    items = [scene.things for scene in scenes] + garments
    seen = Counter()
    for request, query in requests:
        assert query.negatives["look"][0] == query.source
        for kind, rows in query.negatives.items():
            for row in rows:
                fit = request.fit(items[query.source], items[row])
                assert None not in fit.parts
                assert (fit.keeps, sum(fit.parts)) == {"part": (True, 1), "look": (True, 0), "text": (False, 2)}[kind]
            seen[kind] += len(rows)
    assert min(seen[kind] for kind in NEGATIVES) > 50


def test_every_query_has_several_positives_and_either_part_matters(world, requests):
    for _, query in requests:
        assert SIZE.least <= len(query.positives) <= SIZE.most
        assert len(set(query.positives) | set(query.wrong)) == len(query.positives) + len(query.wrong)
        assert query.negatives["part"] and len(query.wrong) <= 36
    sources = [query.source for _, query in requests]
    assert len(set(sources)) == len(sources)
    assert np.mean([len(query.positives) for _, query in requests]) > 3


def test_paraphrases_of_scenes_mean_the_same(world, requests):
    scenes = world[0]
    changed = 0
    for request, query in requests[: SIZE.queries]:
        before = scenes[query.source].things
        assert len(set(query.texts)) == 6
        phrased = pinpoint_scenes.Request(
            *(replace(part, phrase=5 - part.phrase) for part in (request.first, request.second))
        )
        fits = [[one.fit(before, scene.things) for scene in scenes] for one in (request, phrased)]
        assert fits[0] == fits[1]  # the wording is no part of what is true
        parts = [{str(replace(part, phrase=i)) for i in range(6)} for part in (request.first, request.second)]
        for text, frame in zip(query.texts, pinpoint_scenes.FRAMES, strict=True):
            assert text in {frame.format(a=a, b=b) for a in parts[0] for b in parts[1]}
        changed += len(parts[0]) > 1
    assert changed == SIZE.queries


def test_paraphrases_of_garments_mean_the_same(requests):
    for request, query in requests[SIZE.queries :]:
        words = [WORDS[one.attribute, one.value] for one in (request.first, request.second)]
        assert len(set(query.texts)) == 6
        for text, frame in zip(query.texts, FRAMES, strict=True):
            assert text in {frame.format(a=a, b=b) for a in words[0] for b in words[1]}


def test_a_word_is_said_of_one_value_alone():
    spoken = [word for words in WORDS.values() for word in words]
    assert len(spoken) == len(set(spoken)) and min(len(words) for words in WORDS.values()) >= 2
    assert not {"is two toned", "is geometric"} & set(spoken)


def test_what_people_could_disagree_on_is_no_negative_and_no_positive(world):
    garments = [garment for garment in world[1] if garment.kind == "shirt" or garment.pattern == "striped"]
    striped = replace(garments[0], colour="red", accent="white", pattern="striped")
    plain = replace(striped, pattern="solid", accent="red", trim="pocket")
    assert Wish("colour", "red").holds(striped) is None and Wish("colour", "white").holds(striped) is None
    assert Wish("colour", "red").holds(plain) is True and Wish("colour", "blue").holds(striped) is False
    assert Wish("colour", "red").holds(replace(striped, pattern="dotted")) is True
    assert Wish("trim", "pockets").holds(plain) is None and Wish("trim", "zip").holds(plain) is False
    assert Fit(True, (True, None)).kind is None and Fit(False, (True, False)).kind is None


def test_a_gallery_has_pairs_of_groups_that_share_what_is_small(world):
    scenes, garments, _ = world
    both = 2 * SIZE.members
    assert len(scenes) == len(garments) == SIZE.pairs * both
    near = 0
    for start in range(0, len(scenes), both):
        cores = [groups.core(scene.things) for scene in scenes[start : start + both]]
        assert len(set(cores[: SIZE.members])) == len(set(cores[SIZE.members :])) == 1
        small = {groups.all_of(thing) for scene in scenes[start : start + both] for thing in scene.things}
        assert len(small) <= 4 + 4
        near += groups.apart(cores[0], cores[-1]) == 1
        cuts = [tuple(getattr(garment, name) for name in CUT) for garment in garments[start : start + both]]
        assert len(set(cuts)) == 2 and sum(a != b for a, b in zip(cuts[0], cuts[-1], strict=True)) == 1
        assert not {one.colour for one in garments[start : start + both]} & {
            one.accent for one in garments[start : start + both] if one.accent != one.colour
        }
    assert near >= 3 and all(worn(garment) for garment in garments)
    held = {one for split in ("train", "val", "test1") for one in groups.cores()[split]}
    assert not held & {groups.core(scene.things) for scene in scenes}


def test_negatives_are_drawn_up_to_a_dozen_of_a_kind():
    fits = [Fit(True, (False, False))] * 30 + [Fit(True, (True, True))] * 2 + [Fit(True, (True, False))] * 20
    found = judge(np.random.default_rng(0), 29, ["a"] * 6, fits)
    assert found.positives == (30, 31) and len(found.negatives["part"]) == len(set(found.negatives["look"])) == 12
    assert found.negatives["look"][0] == 29 and found.negatives["text"] == ()
    assert set(found.wrong) == {*found.negatives["look"], *found.negatives["part"]}


def test_names_of_images_say_nothing_of_them_and_differ_between_seeds():
    names = [pinpoint.signature(SIZE, row) for row in range(50)]
    assert len(set(names)) == 50 and all(len(name) == 32 for name in names)
    assert not set(names) & {pinpoint.signature(replace(SIZE, seed=1), row) for row in range(50)}
