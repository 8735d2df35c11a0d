from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hyp

from cirkit.worlds import groups, statements
from cirkit.worlds.groups import GAP, What, all_of, apart, core, cores, free, look
from cirkit.worlds.render import render
from cirkit.worlds.scene import SIZES, Scene, Thing
from cirkit.worlds.statements import Added, Beside, Both, Compared, Count, Gone, Show, Swap

TRAIN = cores()["train"]


def scene(*things):
    """Things from (size, colour, material, shape, x, y)."""
    return tuple(Thing(shape, colour, size, x, y, 0.0, material) for size, colour, material, shape, x, y in things)


RED = ("large", "red", "rubber", "cube", -1.5, 0.0)
BLUE = ("large", "blue", "metal", "sphere", 1.5, 0.0)
SPOT = ("small", "green", "rubber", "sphere", 0.0, -2.0)
DOT = ("small", "green", "rubber", "cube", 2.8, 2.0)


def members(seed=0, number=0):
    rng = np.random.default_rng(seed)
    return groups.group(rng, TRAIN[number], frozenset(TRAIN), (1, 4))


def test_every_pair_of_kinds_is_in_exactly_one_split():
    held = [one for split in cores().values() for one in split]
    assert len(held) == len(set(held)) == 48 * 47 // 2
    assert all(len(one) == 2 for one in held)
    assert set(cores()) == {"train", "val", "test1", "unlabeled"}


def test_a_group_has_six_scenes_that_look_different_and_stay_within_the_split():
    for number in range(8):
        found = members(number, number)
        assert len(found) == 6 and len({look(things) for things in found}) == 6
        assert core(found[0]) == TRAIN[number]
        assert all(core(things) in TRAIN for things in found)
        assert all(2 <= len(things) <= 7 for things in found)


def test_no_thing_stands_in_another_and_all_are_in_the_picture():
    for number in range(6):
        for things in members(1, number):
            for one, other in combinations(things, 2):
                assert np.hypot(one.x - other.x, one.y - other.y) > SIZES[one.size] + SIZES[other.size] + GAP
            picture = render([Scene(things, 5, 0.3, 0.15)], 64)
            left, top, right, bottom = picture.boxes[0].unbind(1)
            assert (right - left).min() >= 3 and (bottom - top).min() >= 3  # each is seen
            assert left.min() >= 0 and right.max() <= 64


def test_the_same_seed_gives_the_same_group():
    assert members(3) == members(3) != members(4)


def test_neighbouring_cores_are_dealt_together():
    chosen = groups.neighbours(np.random.default_rng(0), cores()["unlabeled"], 30)
    assert len(chosen) == len(set(chosen)) == 30
    near = np.mean([any(apart(one, other) == 1 for other in chosen if other != one) for one in chosen])
    assert near > 0.6
    whole = groups.neighbours(np.random.default_rng(0), cores()["val"], 10_000)
    assert sorted(map(str, whole)) == sorted(map(str, cores()["val"]))


def test_how_far_apart_cores_are_is_counted_in_words():
    blue = ("cube", "blue", "metal")
    one = frozenset({blue, ("cube", "red", "metal")})
    assert apart(one, one) == 0
    assert apart(one, frozenset({blue, ("cube", "gray", "metal")})) == 1
    assert apart(one, frozenset({blue, ("cube", "gray", "rubber")})) == 2
    assert apart(one, frozenset({("cube", "red", "rubber"), ("cube", "cyan", "metal")})) == 9


CUBE, BALL = What(size="small", shape="cube"), What(size="small", shape="sphere")


@pytest.mark.parametrize(
    "said, before, after, right",
    [
        (Added(CUBE), (RED, BLUE), (RED, BLUE, DOT), True),
        (Added(CUBE), (RED, BLUE, DOT), (RED, BLUE, DOT, SPOT), False),
        (Added(CUBE), (RED, BLUE), (RED, DOT), False),  # a large thing is gone
        (Gone(BALL), (RED, BLUE, SPOT), (RED, BLUE), True),
        (Gone(BALL), (RED, BLUE), (RED, BLUE, DOT), False),
        (Show(CUBE, 1), (RED, BLUE), (RED, BLUE, DOT), True),
        (Show(CUBE, 1), (RED, BLUE, DOT), (RED, BLUE, DOT), False),
        (Count(What(size="small"), 2), (RED, BLUE, DOT), (RED, BLUE, DOT, SPOT), True),
        (Compared(What(), True), (RED, BLUE), (RED, BLUE, DOT), True),
        (Compared(What(), False), (RED, BLUE, DOT), (RED, BLUE), True),
        (Compared(CUBE, True), (RED, BLUE), (RED, BLUE, DOT), False),  # none to compare with
        (Beside(BALL, "in front of", What("large", shape="cube")), (RED, BLUE), (RED, BLUE, SPOT), True),
        (Beside(BALL, "behind", What("large", shape="cube")), (RED, BLUE), (RED, BLUE, SPOT), False),
        (Beside(BALL, "left of", What("large", shape="sphere")), (RED, BLUE), (RED, BLUE, SPOT), True),
        (Beside(BALL, "right of", What("large", shape="sphere")), (RED, BLUE), (RED, BLUE, SPOT), False),
        (Swap(What(shape="cube"), "gray"), (RED, BLUE), (("large", "gray", *RED[2:]), BLUE), True),
        (Swap(What(shape="cube"), "gray"), (RED, BLUE), (("large", "gray", *RED[2:]), BLUE, SPOT), True),
        (Swap(What(shape="cube"), "gray"), (RED, BLUE), (RED, BLUE), False),
        (Swap(What(shape="cube"), "metal"), (RED, BLUE), (("large", "red", "metal", *RED[3:]), BLUE), True),
        (Swap(What(size="large"), "gray"), (RED, BLUE), (("large", "gray", *RED[2:]), BLUE), False),  # which one?
        (Both(Swap(What(shape="cube"), "gray"), Added(CUBE)), (RED, BLUE), (("large", "gray", *RED[2:]), BLUE), False),
        (Both(Added(BALL), Added(CUBE)), (RED, BLUE), (RED, BLUE, SPOT, DOT), True),
    ],
)
def test_a_sentence_is_true_of_two_scenes_or_not(said, before, after, right):
    assert statements.answers(said, scene(*before), scene(*after)) is right


@pytest.mark.parametrize(
    "said, words",
    [
        (Added(CUBE), "add a small cube"),
        (Gone(CUBE, 1), "without any small cube"),
        (Count(CUBE, 3, 2), "there are three small cubes"),
        (Show(CUBE, 1, 2), "there is a small cube"),
        (Compared(What(), False, 1), "has fewer things"),
        (Beside(CUBE, "behind", What("large", "red")), "a small cube is behind the large red thing"),
        (Swap(What(shape="cube"), "metal", 1), "change the cube to metal"),
        (Swap(What(shape="cube"), "gray"), "the cube is gray instead"),
        (Both(Added(CUBE), Gone(BALL)), "add a small cube and has no small spheres"),
    ],
)
def test_what_sentences_say(said, words):
    assert str(said) == words


def test_sentences_that_are_drawn_are_true_of_the_pair():
    rng, kinds = np.random.default_rng(0), set()
    for number in range(12):
        found = members(number, number)
        for before, after in combinations(found, 2):
            singles, joined = statements.draw(rng, before, after)
            assert all(statements.answers(one, before, after) for one in singles + joined)
            assert not any(statements.answers(one, before, before) for one in singles + joined)
            kinds |= {aspect for one in singles + joined for aspect in statements.aspects(one)}
    assert kinds == {
        "addition", "cardinality", "compare_change", "comparative_statement", "direct_addressing", "negation",
        "spatial_relations_background", "statement_with_conjunction",
    }  # fmt: skip


@given(hyp.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_captions_run_from_long_to_short_and_are_true(seed):
    rng = np.random.default_rng(seed)
    things = groups.sample(rng, TRAIN[seed % len(TRAIN)], (0, 3))
    full, middle, pair, shapes, last = statements.captions(rng, things)
    assert len(full) > len(middle) > len(shapes)
    for thing in things:
        assert f"a {all_of(thing)}" in full and f"a {thing.colour} {thing.shape}" in middle
    for shape in {thing.shape for thing in things}:
        assert What(shape=shape).several(sum(thing.shape == shape for thing in things)) in shapes
    assert last.startswith(groups.WORDS[len(things)]) and ("among other things" in pair) == (len(things) > 2)


def test_numbers_and_lists_are_said_in_words():
    assert [CUBE.several(n) for n in (0, 1, 2)] == ["no small cube", "a small cube", "two small cubes"]
    assert statements.listed(["a"]) == "a" and statements.listed(["a", "b", "c"]) == "a, b and c"


def test_a_thing_hides_no_other_behind_it():
    large = scene(("large", "red", "rubber", "cube", 0.0, 0.0))
    beside, behind = scene(("small", "red", "rubber", "cube", 1.4, 0.0), ("small", "red", "rubber", "cube", 0.0, 1.4))
    assert free(large, beside) and not free(large, behind)
    assert not free((), scene(("small", "red", "rubber", "cube", 9.0, 0.0))[0])
