import gzip
import json
import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled
from PIL import Image

from cirkit.benchmarks import fashion200k
from cirkit.benchmarks.fashion200k import CATEGORIES, QUERIES, SPLITS
from cirkit.benchmarks.fashion200k_pairs import (
    TIRG,
    WHOLE_WORDS,
    Protocol,
    as_words,
    by_substring,
    by_word,
    families,
    modification,
    sibling,
)
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import fashion200k as synthetic
from cirkit.worlds.fashion200k import FASHION200K, SIZES, Size

SMOKE = SIZES["smoke"]
TINY = Size(train=15, test=30, queries=4, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "fashion200k" / "manifest.json"
real = pytest.mark.skipif(not REAL.is_file(), reason="the public sample of titles is not here")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fashion200k") / "world"
    FASHION200K.publish(folder, SMOKE)
    return folder


def lines(root, split):
    """Path and title of every line, read the plain way."""
    files = sorted(path for path in (root / "labels").iterdir() if split in path.name)
    parts = [line.split("\t") for file in files for line in file.read_text().splitlines()]
    return [(path, title) for path, _, title in parts]


TITLES = {
    "train": ["red dress", "blue dress", "blue dress", "black & white long gown"],
    "test": ["red dress", "blue dress", "blue dress", "red skirt", "odd thing"],
}


def shown(split, row):
    return f"women/dresses/{split}/{row}/{row}_0.jpeg"


def write(root, split, rows):
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / f"dress_{split}_detect_all.txt").write_text("".join(f"{row}\n" for row in rows))
    return root


def ask(root, *pairs):
    (root / QUERIES).write_text("".join(f"{shown('test', a)} {shown('test', b)}\n" for a, b in pairs))
    return root


def hang(root):
    """A few pictures of one shade each, with titles and three queries."""
    for split, titles in TITLES.items():
        for row in range(len(titles)):
            path = root / shown(split, row)
            path.parent.mkdir(parents=True)
            Image.new("RGB", (4, 4), (row, row, row)).save(path)
        write(root, split, [f"{shown(split, row)}\t0.9{row}\t{title}" for row, title in enumerate(titles)])
    return ask(root, (0, 1), (1, 0), (0, 3))


@pytest.fixture
def few(tmp_path):
    return hang(tmp_path)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    return hang(tmp_path_factory.mktemp("spoilt"))


def test_the_published_folder_has_the_official_names_and_columns(root):
    assert {path.name for path in (root / "labels").iterdir()} == {
        f"{category}_{split}_detect_all.txt" for category in CATEGORIES for split in SPLITS
    }
    for split in SPLITS:
        for category in CATEGORIES:
            text = (root / "labels" / f"{category}_{split}_detect_all.txt").read_text()
            assert text
            for line in text.splitlines():
                path, score, title = line.split("\t")
                women, kind, _, number, name = path.split("/")
                assert women == "women" and kind.startswith(category) and name.startswith(f"{number}_")
                assert 0 <= float(score) <= 1 and title == title.strip() != "" and (root / path).is_file()
    asked = [line.split(" ") for line in (root / QUERIES).read_text().splitlines()]
    held = {path for path, _ in lines(root, "test")}
    assert len(asked) == SMOKE.queries and all(len(pair) == 2 and set(pair) <= held for pair in asked)


def test_what_is_read_is_what_the_world_holds(root):
    made = synthetic.world(SMOKE)["test"]
    order = [path for path, _ in lines(root, "test")]
    assert sorted(order) == sorted(made.paths)
    test = fashion200k.test(root)
    rows = [made.paths.index(path) for path in order]
    assert torch.equal(test.gallery[all_rows(test.gallery)], synthetic.images(SMOKE, "test", rows))
    read = fashion200k.products(root, "test")
    assert [product.caption for product in read] == [as_words(made.titles[row]) for row in rows]
    assert len(test) == SMOKE.queries and test.name == "fashion200k"


def test_a_picture_drawn_alone_equals_it_among_others():
    count = len(synthetic.world(SMOKE)["train"].paths)
    drawing = synthetic.drawing(SMOKE, "train", [0, 5, count - 1])
    assert drawing.images.shape == (3, 3, 32, 32) and drawing.images.dtype == torch.uint8
    for number, row in enumerate([0, 5, count - 1]):
        assert torch.equal(synthetic.images(SMOKE, "train", [row])[0], drawing.images[number])
    assert len({bytes(image.numpy()) for image in synthetic.images(SMOKE, "train", range(count))}) > 0.99 * count


def test_no_product_and_no_picture_is_in_train_and_test(root):
    made = synthetic.world(SMOKE)
    train, test = ({garment.key for garment in made[split].garments} for split in SPLITS)
    assert len(train) == SMOKE.train and len(test) == SMOKE.test and not train & test
    numbers = [{path.split("/")[3] for path, _ in lines(root, split)} for split in SPLITS]
    assert not numbers[0] & numbers[1] and [len(each) for each in numbers] == [SMOKE.train, SMOKE.test]


def test_the_same_size_publishes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, size in (("one", TINY), ("two", TINY), ("other", replace(TINY, seed=1))):
        synthetic.world.cache_clear()
        FASHION200K.publish(tmp_path / name, size)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) > 45
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    assert lines(tmp_path / "one", "test") != lines(tmp_path / "other", "test")


def test_right_are_all_pictures_with_the_title_of_the_target_and_the_reference_is_hidden(root):
    test, held = fashion200k.test(root), lines(root, "test")
    title = dict(held)
    asked = [line.split() for line in (root / QUERIES).read_text().splitlines()]
    for i, (source, target) in enumerate(asked):
        assert test.relevant[i] == [row for row, (_, said) in enumerate(held) if said == title[target]]
        assert [held[row][0] for row in test.excluded[i]] == [source]
        assert test.excluded[i][0] not in test.relevant[i]
        here = torch.tensor([held.index((source, title[source]))])
        assert torch.equal(test.query.image[torch.tensor([i])], test.gallery[here])
    assert max(map(len, test.relevant)) > 1


def test_the_fixed_queries_are_read_in_the_order_of_their_file(few):
    test = fashion200k.test(few)
    assert test.query.text == ["replace red with blue", "replace blue with red", "replace dress with skirt"]
    assert test.relevant == [[1, 2], [0], [3]] and test.excluded == [[0], [1], [0]]
    assert test.query.image[all_rows(test.query.image)][:, 0, 0, 0].tolist() == [0, 1, 0]
    assert test.gallery[all_rows(test.gallery)][:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    again = fashion200k.test(ask(few, (0, 3), (0, 1), (0, 3)))
    assert again.relevant == [[3], [1, 2], [3]]


def slow_replace(source, target):
    """TIRG's loops: each stops at the first word that the other title lacks, or runs out on the last."""
    for old in source.split():
        if old not in target.split():
            break
    for new in target.split():
        if new not in source.split():
            break
    return f"replace {old} with {new}"


def slow_substring(one, other):
    """How many parents two titles share by TIRG's rule."""

    def parents(caption):
        return {re.sub("  ", " ", "".join(caption.split(word))).strip() for word in re.findall(r"\S+", caption)}

    return len(parents(one) & parents(other))


def slow_word(one, other):
    """How many parents two titles share where one whole word of each is left out."""
    ours, theirs = one.split(), other.split()
    return len(
        {
            tuple(ours[:i] + ours[i + 1 :])
            for i in range(len(ours))
            for j in range(len(theirs))
            if ours[:i] + ours[i + 1 :] == theirs[:j] + theirs[j + 1 :]
        }
    )


RULES = pytest.mark.parametrize("parents, shared", [(by_substring, slow_substring), (by_word, slow_word)])


def agrees(captions, parents, shared):
    """Whether the families are those that a comparison of all pairs finds."""
    found = families(captions, parents)
    for one in dict.fromkeys(captions):
        expected = {other: shared(one, other) for other in dict.fromkeys(captions) if other != one}
        got = {other: sum(other in family for family in found.get(one, [])) for other in expected}
        assert got == expected, one
        assert (one in found) == any(expected.values())
        assert all(one in family and len(set(family)) == len(family) > 1 for family in found.get(one, []))


@RULES
@settings(max_examples=25, deadline=None)
@given(
    captions=st.lists(
        st.lists(st.sampled_from(["red", "tired", "blue", "dress", "a", "long"]), min_size=1, max_size=4).map(" ".join),
        max_size=12,
    )
)
def test_families_are_those_that_a_comparison_of_all_pairs_finds(parents, shared, captions):
    agrees(captions, parents, shared)


@RULES
def test_families_of_a_world_are_those_of_all_pairs(root, parents, shared):
    agrees([product.caption for product in fashion200k.products(root, "train")], parents, shared)


def test_a_substring_is_deleted_inside_other_words_and_a_word_is_not():
    assert list(by_substring("tired red")) == ["red", "ti"]
    assert list(by_word("tired red")) == ["red", "tired"]
    assert list(by_word("long red dress")) == ["red dress", "long dress", "long red"]


def test_marks_are_spelt_out():
    assert as_words(" black & white? no. 5* ") == "black andmark whitequestionmark nodotmark 5starmark"


WORDY = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join)


@settings(max_examples=50, deadline=None)
@given(WORDY, WORDY)
def test_the_text_names_the_first_words_that_differ(source, target):
    assert modification(source, target) == slow_replace(source, target)


def test_train_pairs_follow_the_rule_and_say_what_changes(root):
    train, held = fashion200k.train(root), lines(root, "train")
    titles = [as_words(title) for _, title in held]
    alone = [not any(other != one and slow_substring(one, other) for other in titles) for one in titles]
    assert train.reference.tolist() == [row for row, without in enumerate(alone) if not without]
    targets = train.target.index.tolist()
    for source, target, text in zip(train.reference.tolist(), targets, train.query.text, strict=True):
        assert titles[source] != titles[target] and slow_substring(titles[source], titles[target]) > 0
        assert text == slow_replace(titles[source], titles[target])
    assert torch.equal(train.query.image.index, train.reference)
    batch = train[torch.tensor([0, 1])]
    assert torch.equal(batch.query.image, train.target.images[train.reference[:2]])


def test_protocols_choose_rule_count_and_draw(root, few):
    one, twice = fashion200k.train(root), fashion200k.train(root, replace(TIRG, pairs=2))
    assert len(twice) == 2 * len(one) and torch.equal(twice.reference, one.reference.repeat_interleave(2))
    assert fashion200k.train(root).query.text == one.query.text
    assert fashion200k.train(root, Protocol(seed=1)).query.text != one.query.text
    titles = ["tired red", "ti tired", "tired blue"]  # "red" is deleted inside "tired", and so one pair is another
    write(few, "train", [f"{shown('train', row)}\t1\t{title}" for row, title in enumerate(titles)])
    assert fashion200k.train(few).reference.tolist() == [0, 1]
    assert fashion200k.train(few, WHOLE_WORDS).reference.tolist() == [0, 1, 2]


def test_any_other_title_of_any_shared_parent_may_be_drawn():
    titles = ["red dress", "blue dress", "red skirt", "red"]
    found = families(titles, by_word)["red dress"]
    drawn = {sibling(np.random.default_rng(seed), "red dress", found) for seed in range(40)}
    assert drawn == {"blue dress", "red skirt"}


def test_targets_are_drawn_among_all_pictures_of_a_title(few):
    drawn = {tuple(fashion200k.train(few, Protocol(seed=seed)).target.index.tolist()) for seed in range(20)}
    assert drawn == {(1, 0, 0), (2, 0, 0)}


@real
def test_the_public_sample_has_the_counts_that_were_published():
    items, read = json.loads(REAL.read_text())["items"], fashion200k.sampled(REAL)
    assert len(read) == 5000 and len({item["title"] for item in items}) == 4540
    counts = {split: sum(item["split"] == split for item in items) for split in SPLITS}
    assert counts == {"train": 4267, "test": 733}
    assert {item["category"] for item in items} == set(CATEGORIES)
    assert all(product.path.startswith("women/") for product in read)
    assert [product.caption for product in read] == [as_words(item["title"]) for item in items]
    assert not any(mark in product.caption for product in read for mark in ".?&*")


@real
@RULES
def test_pairs_of_real_titles_are_those_of_all_pairs(parents, shared):
    agrees([product.caption for product in fashion200k.sampled(REAL)][:160], parents, shared)


@real
def test_real_titles_written_as_label_files_are_read_alike(tmp_path):
    items = json.loads(REAL.read_text())["items"]
    for split in SPLITS:
        write(tmp_path, split, [f"{i['id']}\t0.9\t{i['title']}" for i in items if i["split"] == split])
    read = [fashion200k.products(tmp_path, split) for split in SPLITS]
    assert [len(each) for each in read] == [4267, 733]
    captions = {product.path: product.caption for product in fashion200k.sampled(REAL)}
    assert {product.path: product.caption for each in read for product in each} == captions


def test_missing_pictures_go_with_their_queries_and_are_counted(few):
    (few / shown("test", 3)).unlink()
    with pytest.warns(UserWarning, match="1 of 5 images are missing, so 1 of 3 queries are left out"):
        test = fashion200k.test(few)
    assert len(test.gallery) == 4 and test.relevant == [[1, 2], [0]] and test.excluded == [[0], [1]]
    (few / shown("test", 1)).unlink()
    with pytest.raises(Problem, match="3 of 3 queries are left out: all of them"):
        fashion200k.test(few)
    (few / shown("train", 1)).unlink()
    with pytest.warns(UserWarning, match="1 of 4 images are missing"):
        train = fashion200k.train(few)
    assert train.query.text == ["replace red with blue", "replace blue with red"]
    for row in (0, 2, 3):
        (few / shown("train", row)).unlink()
    with pytest.raises(Problem, match="has none of its 4 images"):
        fashion200k.train(few)


def test_another_picture_of_the_title_stays_right_where_the_named_target_is_there(few):
    (few / shown("test", 2)).unlink()
    with pytest.warns(UserWarning, match="0 of 3 queries"):
        assert fashion200k.test(few).relevant == [[1], [0], [2]]


def test_label_files_may_lie_packed_and_are_chosen_by_the_split_in_their_name(few):
    path = few / "labels" / "dress_test_detect_all.txt"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert len(fashion200k.products(few, "test")) == 5
    (few / "labels" / "another_test.txt").write_text("women/x.jpeg\t1\tx\n")
    assert next(product.path for product in fashion200k.products(few, "test")) == "women/x.jpeg"
    path.with_name(f"{path.name}.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(Problem, match="cannot be read"):
        fashion200k.products(few, "test")


GOOD = f"{shown('test', 0)}\t0.9\tred dress"


@pytest.mark.parametrize(
    "line, says",
    [
        ("women/x.jpeg\t0.9", "record 2 needs three columns"),
        ("women/x.jpeg\t0.9\tred\tdress", "record 2 needs three columns"),
        ("women/x.jpeg red dress", "record 2 needs three columns"),
        ("women/x.jpeg\t0.9\t ", "record 2 needs three columns"),
        ("../x.jpeg\t0.9\tred", "record 2 names '../x.jpeg', which is no path below"),
        ("women/../../x.jpeg\t0.9\tred", "record 2 names .* no path below"),
        ("/etc/passwd\t0.9\tred", "record 2 names '/etc/passwd'"),
        ("\\\\host\\x\t0.9\tred", "record 2 names"),
        ("\0\t0.9\tred", "record 2 names"),
        ("\t0.9\tred", "record 2 names ''"),
        (GOOD, "record 2 lists .* a second time"),
    ],
)
def test_a_broken_line_is_a_problem_that_names_it(few, line, says):
    with pytest.raises(Problem, match=rf"dress_test_detect_all\.txt: {says}"):
        fashion200k.test(write(few, "test", [GOOD, line]))


def test_a_picture_that_is_a_link_out_of_the_root_is_a_problem(few):
    (few / shown("test", 1)).unlink()
    (few / shown("test", 1)).symlink_to("/etc/passwd")
    with pytest.raises(Problem, match="leaves"):
        fashion200k.test(few)


def test_a_name_too_long_for_any_file_is_a_problem(few):
    write(few, "test", [GOOD, f"women/{'x' * 300}.jpeg\t0.9\tblue dress"])
    (few / QUERIES).write_text(f"{shown('test', 0)} women/{'x' * 300}.jpeg\n")
    with pytest.raises(Problem, match="record 2 names an image in more than 200 bytes"):
        fashion200k.test(few)


def test_empty_and_absent_files_are_problems(few):
    with pytest.raises(Problem, match=r"label files below .* are empty"):
        fashion200k.test(write(few, "test", []))
    shutil.rmtree(few / "labels")
    with pytest.raises(Problem, match="There is no test file in"):
        fashion200k.test(few)


def test_train_titles_without_a_pair_are_a_problem(few):
    write(few, "train", [f"{shown('train', 0)}\t1\tred dress", f"{shown('train', 1)}\t1\ta b c"])
    with pytest.raises(Problem, match="No two train titles"):
        fashion200k.train(few)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "holds no queries"),
        (f"{shown('test', 0)}\n", "record 1 does not name two images"),
        (f"\n{shown('test', 0)} {shown('test', 1)} {shown('test', 3)}\n", "record 2 does not name two images"),
        (f"{shown('test', 0)} {shown('train', 0)}\n", "record 1 does not name two images"),
        (f"{shown('test', 0)} ../x\n", "record 1 does not name two images"),
        (f"{shown('test', 1)} {shown('test', 2)}\n", "record 1 leads from a title to the same title"),
        (f"{shown('test', 0)} {shown('test', 0)}\n", "record 1 leads from a title to the same title"),
    ],
)
def test_broken_queries_are_a_problem_that_names_them(few, text, says):
    (few / QUERIES).write_text(text)
    with pytest.raises(Problem, match=rf"test_queries\.txt.*{says}"):
        fashion200k.test(few)


def test_absent_queries_are_a_problem(few):
    (few / QUERIES).unlink()
    with pytest.raises(Problem, match=r"There is no .*test_queries\.txt"):
        fashion200k.test(few)


@st.composite
def edited(draw, text):
    """A table with one or two things wrong: a cell, a row or the end of it."""
    for _ in range(draw(st.integers(1, 2))):
        rows = [re.split("([\t ])", row) for row in text.split("\n")]
        row = draw(st.integers(0, len(rows) - 1))
        way = draw(st.sampled_from(["cell", "drop", "double", "cut", "insert"]))
        if way == "cell":
            rows[row][draw(st.integers(0, len(rows[row]) - 1))] = draw(
                st.one_of(st.text(max_size=5), st.sampled_from(["../x", "/etc/passwd", "\0", "", "x" * 300, ".", "a/"]))
            )
        elif way == "drop":
            del rows[row]
        elif way == "double":
            rows.append(rows[row])
        text = "\n".join("".join(cells) for cells in rows)
        place = draw(st.integers(0, len(text)))
        if way == "cut":
            text = text[:place]
        elif way == "insert":
            text = text[:place] + draw(st.text(min_size=1, max_size=3)) + text[place:]
    return text


@pytest.mark.parametrize("name", ["labels/dress_train_detect_all.txt", "labels/dress_test_detect_all.txt", QUERIES])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_the_tables_say_only_a_problem_comes_of_it(spoilt, name, data):
    whole = (spoilt / name).read_bytes()
    try:
        (spoilt / name).write_bytes(data.draw(edited(whole.decode())).encode(errors="replace"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for read in (fashion200k.train, fashion200k.test):
                try:
                    assert len(read(spoilt)) > 0
                except Problem as problem:
                    assert str(spoilt) in str(problem)
    finally:
        (spoilt / name).write_bytes(whole)


SAMPLE = {"items": [{"id": "women/a.jpeg", "title": "red dress"}, {"id": "women/b.jpeg", "title": "blue & dress"}]}


@settings(max_examples=25, deadline=None)
@given(content=spoiled(SAMPLE))
def test_whatever_a_sample_says_only_a_problem_comes_of_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "manifest.json"
    path.write_text(json.dumps(content))
    try:
        assert all(isinstance(product.caption, str) for product in fashion200k.sampled(path))
    except Problem as problem:
        assert "manifest.json" in str(problem)


@pytest.mark.parametrize(
    "text, says",
    [
        ('{"items": [', "not whole JSON"),
        ("[]", "a dict is due"),
        ("{}", "record top has no 'items'"),
        ('{"items": [], "items": []}', "'items' twice"),
        ('{"items": [{"id": 3, "title": "x"}]}', "record 0 has 'id' of type int"),
        ('{"items": [{"id": "a"}]}', "record 0 has no 'title'"),
    ],
)
def test_a_broken_sample_is_a_problem_that_names_it(tmp_path, text, says):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Problem, match=says):
        fashion200k.sampled(tmp_path / "manifest.json")


def test_the_check_counts_what_there_is_against_what_there_should_be(root, few):
    found = fashion200k.check(root)
    assert len(found) == 5 and all(line["missing"] == 0 and line["expected"] == line["found"] > 0 for line in found)
    (few / shown("test", 4)).unlink()
    counted = {(line["split"], line["part"]): line for line in fashion200k.check(few)}
    assert counted["test", "images"] == {
        "split": "test", "part": "images", "expected": 29789, "found": 4, "missing": 29785,
    }  # fmt: skip
    assert counted["test", "queries"]["missing"] == 33480 - 3 and counted["train", "listed"]["expected"] == 172049


def test_a_world_too_small_for_a_query_is_a_problem_and_leaves_nothing(tmp_path):
    with pytest.raises(Problem, match="no two test titles that differ in one word"):
        FASHION200K.publish(tmp_path / "w", Size(train=1, test=1, queries=1, views=1, image=16))
    assert list(tmp_path.iterdir()) == []
