import os
import tempfile
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from cirkit.benchmarks import mit_states
from cirkit.benchmarks.mit_states import TIRG, Entry, Protocol
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import mit_states as synthetic
from cirkit.worlds.mit_states import MIT_STATES, SIZES, Size
from cirkit.worlds.states import NOUNS, STATES, TESTED, adjectives, sample
from cirkit.worlds.wardrobe import draw

TINY = Size(nouns=6, test=2, adjectives=4, per_state=3, image=16)
HAND = {
    "old car": 2, "new car": 1, "wet car": 2, "ripe apple": 2, "cut apple": 1, "wet dog": 1, "small dog": 2,
}  # fmt: skip
DOG = Protocol(test_nouns=("dog",))
CAR = Protocol(test_nouns=("car",), draws=3)


def put(root, folder, name="1.jpg", shade=0):
    path = root / "images" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(path, format="PNG")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mit") / "world"
    MIT_STATES.publish(folder, TINY)
    return folder


@pytest.fixture
def hand(tmp_path):
    """Hand-made folders, each picture of its own shade of grey."""
    shade = 0
    for folder, count in HAND.items():
        for number in range(count):
            put(tmp_path, folder, f"{number}.jpg", shade := shade + 5)
    return tmp_path


def words(root, split, protocol):
    """Adjective and noun of every picture of a split, in the gallery's order, read in the plainest way."""
    found = []
    for folder in sorted(os.listdir(root / "images")):
        adjective, noun = folder.split()
        if (noun in protocol.test_nouns) == (split == "test"):
            found += [(adjective, noun)] * len(os.listdir(root / "images" / folder))
    return found


def test_what_is_published_is_read_again_and_any_picture_can_be_drawn_alone(world):
    rack = synthetic.world(TINY)["test"]
    listed = [entry.name for entry in mit_states._half(world, "test", TIRG)]
    assert listed == rack.names and len(listed) == 2 * 4 * 3
    gallery = mit_states.test(world).gallery
    assert torch.equal(gallery[all_rows(gallery)], synthetic.images(TINY, "test", range(len(listed))))
    synthetic.world.cache_clear()
    for rows in ([5], [7, 2, 7]):
        assert torch.equal(synthetic.images(TINY, "test", rows), gallery[torch.tensor(rows)])
    train, rows = mit_states.train(world), synthetic.world(TINY)["train"].names
    assert len(train) == 4 * 4 * 3 * TIRG.draws
    drawn = synthetic.images(TINY, "train", range(len(rows)))
    assert torch.equal(train.query.image[all_rows(train)], drawn[train.reference])


def test_the_same_size_gives_the_same_bytes_and_another_seed_another_world(world, tmp_path):
    synthetic.world.cache_clear()
    MIT_STATES.publish(tmp_path / "again", TINY)
    files = sorted(path.relative_to(world) for path in world.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((world / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)
    assert synthetic.world(TINY)["test"].things != synthetic.world(replace(TINY, seed=1))["test"].things
    assert MIT_STATES.folder(TINY, tmp_path) == MIT_STATES.folder(TINY, tmp_path)


def test_no_noun_is_in_both_splits_and_every_tested_adjective_is_trained_at_working_size():
    for size in (SIZES["smoke"], SIZES["cpu"], TINY):
        racks = synthetic.world(size)
        nouns = {split: {thing.noun for thing in rack.things} for split, rack in racks.items()}
        assert not nouns["train"] & nouns["test"]
        assert len(nouns["test"]) == size.test and len(nouns["train"]) == size.nouns - size.test
        assert all(
            name.split("/")[0] == thing.folder
            for name, thing in zip(racks["test"].names, racks["test"].things, strict=True)
        )
    cpu = synthetic.world(SIZES["cpu"])
    assert {thing.adjective for thing in cpu["test"].things} <= {thing.adjective for thing in cpu["train"].things}


def test_a_world_tests_on_nouns_that_released_loaders_know_or_on_some_like_those_of_training():
    tested = {thing.noun for thing in synthetic.world(SIZES["cpu"])["test"].things}
    assert len(tested) == 6 and tested <= set(mit_states.TEST_NOUNS) and len(set(mit_states.TEST_NOUNS)) == 49
    assert not set(mit_states.TEST_NOUNS) & set(NOUNS)
    drawn = {thing.noun for thing in synthetic.world(replace(SIZES["cpu"], test_nouns="drawn"))["test"].things}
    assert len(drawn) == 6 and drawn <= set(NOUNS)
    cuts = [(kind, *sorted(fixed.items())) for kind, fixed in (NOUNS | TESTED).values()]
    assert len(set(cuts)) == len(cuts)  # no test noun looks like one of training
    with pytest.raises(Problem, match="more test nouns than the 10"):
        synthetic.world(Size(test=11))


def test_without_a_list_the_test_nouns_are_those_of_the_released_code(hand):
    assert mit_states.test_nouns(hand) == mit_states.TEST_NOUNS
    for noun in mit_states.TEST_NOUNS:
        for adjective in ("old", "new"):
            put(hand, f"{adjective} {noun}")
    assert len(mit_states.test(hand)) == 2 * 49


def test_every_noun_has_many_states_and_each_shows_in_the_picture():
    assert len(NOUNS) >= 12 and len(STATES) >= 8
    rng = np.random.default_rng(0)
    for noun in NOUNS | TESTED:
        able = adjectives(noun)
        assert len(able) >= 14
        garments = {state: sample(rng, state, noun, 0.0).garment for state in able}
        for state, garment in garments.items():
            attribute = STATES[state][0]
            plain = replace(garment, **{attribute: _without(noun, attribute)})
            shown = draw([garment, plain], 32).images.int()
            assert (shown[0] - shown[1]).abs().sum(0).gt(24).sum() > 12, (noun, state)
            said = {other for other in able if other != state and _is(garment, other)}
            assert not said, (noun, state, said)


def _without(noun, attribute):
    """A value of the attribute that no adjective speaks of."""
    middle = {"colour": "grey", "pattern": "solid", "trim": "none", "silhouette": "straight", "finish": "matt"}
    return 1 if attribute == "length" else middle[attribute]


def _is(garment, state):
    attribute, value = STATES[state]
    last = 3 if garment.kind in ("dress", "skirt") else 2
    return getattr(garment, attribute) == {"least": 0, "most": last}.get(value, value)


def test_a_state_that_a_noun_cannot_be_in_is_refused():
    with pytest.raises(KeyError, match="No tunic is short"):
        sample(np.random.default_rng(0), "short", "tunic", 0.0)


@pytest.mark.parametrize("protocol", [DOG, CAR, Protocol(test_nouns=("apple", "car"))])
def test_the_queries_are_every_picture_with_every_other_adjective_of_its_noun(hand, protocol):
    benchmark = mit_states.test(hand, protocol)
    shelf = words(hand, "test", protocol)
    twin = []
    for row, (adjective, noun) in enumerate(shelf):
        for other in sorted({a for a, n in shelf if n == noun} - {adjective}):
            twin.append((row, other, [i for i, pair in enumerate(shelf) if pair == (other, noun)]))
    read = [(hide[0], said, found) for hide, said, found in _asked(benchmark)]
    assert sorted(read) == sorted(twin) and len(benchmark.gallery) == len(shelf)
    assert all(len(rows) == 1 for rows in benchmark.excluded)
    shown = benchmark.query.image[all_rows(benchmark.query)]
    assert torch.equal(shown, benchmark.gallery[torch.tensor([rows[0] for rows in benchmark.excluded])])


def _asked(benchmark):
    return zip(benchmark.excluded, benchmark.query.text, map(list, benchmark.relevant), strict=True)


def test_training_asks_all_ordered_pairs_of_adjectives_of_a_noun_equally_often(hand):
    train = mit_states.train(hand, CAR)
    shades = {}
    for split_folder in (hand / "images").iterdir():
        for path in split_folder.iterdir():
            shades[Image.open(path).getpixel((0, 0))[0]] = tuple(split_folder.name.split())
    start = [shades[int(p)] for p in train.query.image[all_rows(train)][:, 0, 0, 0]]
    end = [shades[int(p)] for p in train.target[all_rows(train)][:, 0, 0, 0]]
    counted = Counter(zip(start, end, strict=True))
    trained = {pair for pair in shades.values() if pair[1] != "car"}
    due = {(a, b) for a in trained for b in trained if a[1] == b[1] and a[0] != b[0]}
    assert counted == dict.fromkeys(due, CAR.draws)
    assert list(train.query.text) == [adjective for adjective, _ in end]
    assert train.reference.tolist() == train.query.image.index.tolist()


def test_each_picture_is_dealt_once_before_any_is_dealt_again():
    found = [Entry(f"{a} cup/{i}.jpg", a, "cup") for a in ("full", "empty") for i in range(4)]
    pairs = mit_states.training_pairs(found, Protocol(draws=6))
    starts = Counter(start for start, said, _ in pairs if said == "full")
    assert len(starts) == 4 and sorted(starts.values()) == [1, 1, 2, 2]
    assert (
        pairs
        == mit_states.training_pairs(found, Protocol(draws=6))
        != mit_states.training_pairs(found, Protocol(seed=1))
    )


def test_a_noun_more_changes_no_query_of_the_others():
    cups = [Entry(f"{a} cup/{i}.jpg", a, "cup") for a in ("empty", "full") for i in range(3)]
    more = [Entry(f"{a} bin/{i}.jpg", a, "bin") for a in ("empty", "full") for i in range(3)]
    assert mit_states.training_pairs(more + cups)[-20:] == mit_states.training_pairs(cups)


def test_the_order_in_which_a_file_system_lists_decides_nothing(hand, monkeypatch):
    before = mit_states.entries(hand), mit_states.train(hand, DOG).reference
    scan = os.scandir

    class Backwards(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(mit_states.os, "scandir", lambda folder: Backwards([*scan(folder)][::-1]))
    assert mit_states.entries(hand) == before[0]
    assert torch.equal(mit_states.train(hand, DOG).reference, before[1])


def test_folders_without_a_space_the_adjective_adj_and_other_files_are_skipped(hand):
    before = mit_states.entries(hand)
    put(hand, "adj dog")
    put(hand, "dogs")
    put(hand, ".wet dog")
    put(hand, "wet dog", "._1.jpg")
    (hand / "images" / "old file").write_text("no folder")
    (hand / "images" / "wet dog" / "notes.txt").write_text("no picture")
    (hand / "images" / "lonely noun").mkdir()
    assert mit_states.entries(hand) == before


@pytest.mark.parametrize("folder", ["very old car", "old  car", " car", "old ", "old\tred car", "old c\x1bar"])
def test_a_folder_whose_name_is_not_two_words_is_a_problem(hand, folder):
    put(hand, folder)
    with pytest.raises(Problem, match="not 'adjective noun'"):
        mit_states.test(hand, DOG)


def test_a_noun_with_one_adjective_is_in_the_gallery_and_asks_nothing(hand):
    before = mit_states.test(hand, DOG)
    put(hand, "open door")
    after = mit_states.test(hand, Protocol(test_nouns=("dog", "door")))
    assert len(after) == len(before) and len(after.gallery) == len(before.gallery) + 1


def test_pictures_that_cannot_be_opened_are_dropped_with_what_needs_them(hand):
    (hand / "images" / "small dog" / "0.jpg").write_bytes(b"not a picture")
    with pytest.warns(UserWarning, match="1 of 3 images are missing, so 1 of 3 queries"):
        benchmark = mit_states.test(hand, DOG)
    assert len(benchmark.gallery) == 2 and [*map(list, benchmark.relevant)] == [[1], [0]]
    (hand / "images" / "wet dog" / "0.jpg").unlink()
    (hand / "images" / "wet dog" / "0.jpg").symlink_to("gone.jpg")
    with pytest.raises(Problem, match="2 of 3 images are missing, so 3 of 3 queries"):
        mit_states.test(hand, DOG)
    put(hand, "cut apple", "9.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="1 of 9 images are missing"):
        train = mit_states.train(hand, DOG)
    complete = mit_states.training_pairs(mit_states._half(hand, "train", DOG), DOG)
    assert len(train) == sum("cut apple/9.jpg" not in pair for pair in complete) < len(complete)


def test_links_that_lead_out_of_the_root_are_a_problem(hand, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    put(outside, "x y")
    (hand / "images" / "old dog").symlink_to(outside / "images" / "x y")
    with pytest.raises(Problem, match="leaves"):
        mit_states.test(hand, DOG)
    (hand / "images" / "old dog").unlink()
    (hand / "images" / "wet dog" / "7.jpg").symlink_to(outside / "images" / "x y" / "1.jpg")
    with pytest.raises(Problem, match="leaves"):
        mit_states.test(hand, DOG)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (None, "no images of the test nouns"),
        ("", "none"),
        ("dog\ndog\n", "twice"),
        ("../dog\n", "no images of the test nouns"),
        ("/etc\n", "no images of the test nouns"),
        ("wet dog\n", "not one word"),
        ("do\x00g\n", "not one word"),
        ("dog\ncat\n", "no images of the test nouns"),
        ("dog\ncar\napple\n", "no noun to train on"),
    ],
)
def test_a_bad_list_of_test_nouns_is_a_problem(hand, listed, said):
    if listed is not None:
        (hand / "test_nouns.txt").write_text(listed)
    with pytest.raises(Problem, match=said):
        mit_states.train(hand)


def test_the_list_in_the_file_and_that_in_the_protocol_mean_the_same(hand):
    (hand / "test_nouns.txt").write_text("\ufeffdog\r\n\n", encoding="utf-8")
    assert mit_states.test_nouns(hand) == ("dog",) == mit_states.test_nouns(hand, DOG)
    assert [*mit_states.test(hand).query.text] == [*mit_states.test(hand, DOG).query.text]
    assert mit_states.test_nouns(hand, CAR) == ("car",)


def test_an_empty_root_and_unknown_splits_and_sizes_are_problems(hand, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    for root in (empty, empty / "absent", hand / "images"):
        with pytest.raises(Problem, match="listed"):
            mit_states.test(root, DOG)
    (empty / "images").mkdir()
    with pytest.raises(Problem, match="no images like"):
        mit_states.train(empty, DOG)
    with pytest.raises(Problem, match="no split"):
        mit_states._half(hand, "val", DOG)
    put(hand, "open door")
    with pytest.raises(Problem, match="no test noun that has two"):
        mit_states.test(hand, Protocol(test_nouns=("door",)))
    for change in ({"nouns": 99}, {"test": 0}, {"test": 6}, {"adjectives": 1}, {"per_state": 0}):
        with pytest.raises(Problem, match="Change it"):
            synthetic.world(replace(TINY, **change))


def test_check_counts_what_is_missing(world, hand, tmp_path_factory):
    assert all(line["missing"] == 0 and line["found"] == line["expected"] for line in mit_states.check(world))
    copy = tmp_path_factory.mktemp("copy") / "world"
    MIT_STATES.publish(copy, TINY)
    name = synthetic.world(TINY)["test"].names[0]
    (copy / "images" / name).write_bytes(b"")
    missing = {(line["split"], line["part"]): line["missing"] for line in mit_states.check(copy)}
    assert missing[("test", "images")] == 1 and missing[("train", "images")] == 0
    (hand / "test_nouns.txt").write_text("dog\n")
    lines = {(line["split"], line["part"]): line for line in mit_states.check(hand)}
    assert (lines["test", "nouns"]["expected"], lines["test", "nouns"]["found"]) == (49, 1)
    assert lines["train", "nouns"]["expected"] == 245 - 49


NAMES = some.one_of(
    some.text(some.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12),
    some.sampled_from(
        ["adj cup", "wet cup", "dry cup", "dry  cup", "cup", "..", " ", "wet \u00a0", "WET cup", "\u202e a"]
    ),
)


@settings(max_examples=25, deadline=None)
@given(some.lists(NAMES, max_size=5), some.text(max_size=8))
def test_whatever_folders_are_called_readers_give_data_or_a_problem(folders, listed):
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        root = Path(place)
        for folder in ["wet mug", "dry mug", "wet pan", "dry pan", *folders]:
            try:
                put(root, folder)
            except OSError:  # a name that this file system has no room for
                continue
        (root / "test_nouns.txt").write_bytes(listed.encode())
        for protocol in (Protocol(test_nouns=("mug",)), TIRG, Protocol(test_nouns=(listed,))):
            for read in (mit_states.train, mit_states.test):
                try:
                    assert len(read(root, protocol)) > 0
                except Problem as problem:
                    assert str(problem)
