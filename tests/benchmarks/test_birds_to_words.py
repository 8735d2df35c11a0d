from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cirkit.benchmarks import birds_to_words as b2w
from cirkit.benchmarks.birds_to_words import COLUMNS, FILE, SELECTIONS, Protocol, swap_words
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import birds_to_words as aviary
from cirkit.worlds.birds_to_words import BIRDS_TO_WORDS, SIZES

WORLD = BIRDS_TO_WORDS
TINY = replace(SIZES["smoke"], train=4, val=2, test=3, image=16, image_format="png")
README = Path(__file__).parents[2].parent / "shared" / "data" / "birds_to_words" / "README.md"


def line(first, second, split="test", number="1", text="animal1 is red and animal2 is blue"):
    def side(url):
        return [f"https://x/observations/{url}", f"https://x/photos/{url}", "Avis", "base"]

    return [*side(first), *side(second), split, number, text]


def write(folder, lines, header=True):
    cells = [list(COLUMNS), *lines] if header else lines
    (folder / FILE).write_text("\n".join("\t".join(row) for row in cells) + "\n")
    return folder


@pytest.fixture
def three(tmp_path):
    """Three pictures of one shade each, and three paragraphs on two pairs."""
    (tmp_path / "images").mkdir()
    for row, name in enumerate("abc"):
        Image.new("RGB", (8, 8), (row, row, row)).save(tmp_path / "images" / f"{name}.png")
    lines = [
        line("b.png?1", "a.png?2"),
        line("b.png?1", "a.png?2", number="2", text="animal2, small"),
        line("a.png?2", "c.png"),
    ]
    return write(tmp_path, lines)


def test_the_published_table_has_the_official_columns_and_values(root):
    head, *lines = [row.split("\t") for row in (root / FILE).read_text().splitlines()]
    assert tuple(head) == COLUMNS and all(len(row) == 11 for row in lines)
    assert {row[8] for row in lines} == {"train", "val", "test"} and {row[9] for row in lines} <= set("12345")
    assert {row[3] for row in lines} == {"base"} and {row[7] for row in lines} <= set(SELECTIONS)
    assert all("?" in row[1] and "?" in row[5] for row in lines)
    assert all("animal1" in row[10] or "animal" in row[10] for row in lines)


@pytest.mark.skipif(not README.exists(), reason="the official README is not here")
def test_the_columns_are_those_of_the_official_readme():
    table = [row.split("|") for row in README.read_text().splitlines() if row.startswith("| ") and "`" in row]
    assert tuple(row[2].strip().strip("`") for row in table) == COLUMNS
    text = README.read_text()
    assert all(name in text for name in SELECTIONS)


def test_what_is_read_is_what_the_world_holds(root):
    for split in ("val", "test"):
        test, part = b2w.test(root, Protocol(split=split)), aviary.world(TINY)[split]
        pairs = [
            (first, second, text)
            for (first, second, _), texts in zip(part.pairs, part.text, strict=True)
            for text in texts
        ]
        drawing = aviary.drawing(TINY, split, range(len(part.species)))
        assert torch.equal(test.gallery[all_rows(test.gallery)], drawing.images)
        assert torch.equal(BIRDS_TO_WORDS.images(TINY, split, [3, 1]), drawing.images[[3, 1]])
        assert test.query.text == [text for _, _, text in pairs]
        assert test.relevant == [[second] for _, second, _ in pairs]
        assert test.excluded == [[first] for first, _, _ in pairs]
        assert torch.equal(test.query.image[torch.tensor([2])], drawing.images[pairs[2][0]][None])


def test_in_training_every_pair_is_also_turned_round_with_its_names(root):
    once, twice = b2w.train(root, b2w.ONE_WAY), b2w.train(root)
    n = len(once)
    assert len(twice) == 2 * n
    index = torch.arange(n)
    assert torch.equal(twice.query.image[index + n], once.target[index])
    assert torch.equal(twice.target[index + n], once.query.image[index])
    assert twice.query.text[n:] == [swap_words(text) for text in once.query.text] != once.query.text
    first = b2w.read(root, "train")
    assert twice.reference.tolist() == first.first + first.second


def test_maaf_leaves_glued_names_and_another_rule_does_not(three):
    write(three, [line("a.png", "b.png", "train", text="animal2, not animal1")])
    assert b2w.train(three).query.text[1] == "animal2, not animal2"
    assert b2w.train(three, Protocol(swap=swap_words)).query.text[1] == "animal1, not animal2"


def test_the_gallery_is_sorted_by_name_and_hides_the_reference(three):
    test = b2w.test(three)
    assert test.gallery[all_rows(test.gallery)][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert test.relevant == [[0], [0], [2]] and test.excluded == [[1], [1], [0]]
    assert test.query.text[1] == "animal2, small"


def test_a_file_without_the_line_of_names_and_one_with_carriage_returns_are_read(three):
    text = (three / FILE).read_text()
    write(three, [line("b.png?1", "a.png?2")], header=False)
    assert len(b2w.test(three)) == 1
    (three / FILE).write_bytes(text.replace("\n", "\r\n").encode())
    assert len(b2w.test(three)) == 3


def test_names_may_keep_their_query_string_or_be_photo_numbers(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("1.png?7", "2.png", "3.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name, format="PNG")
    write(tmp_path, [line("1.png?7", "2.png?8")])
    assert [path.name for path in b2w.read(tmp_path, "test").paths] == ["1.png?7", "2.png"]
    write(tmp_path, [line("2/large.png?7", "3/large.png?8")])
    assert [p.name for p in b2w.read(tmp_path, "test", b2w.by_photo).paths] == ["2.png", "3.png"]
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "large.png")
    with pytest.raises(Problem, match="Name the files by another rule"):
        b2w.test(tmp_path)  # both URLs end in large.png


def test_missing_pictures_go_with_their_paragraphs_and_are_counted(three):
    (three / "images" / "c.png").unlink()
    part = b2w.read(three, "test")
    assert (part.dropped.images, part.dropped.paragraphs) == (1, 1) and len(part.paths) == 2
    assert len(b2w.test(three).gallery) == 2
    (three / "images" / "a.png").unlink()
    with pytest.raises(Problem, match="No pair of the test split"):
        b2w.test(three)
    with pytest.raises(Problem, match="no split 'dev'"):
        b2w.test(three, Protocol(split="dev"))


def test_pictures_of_many_sizes_are_decoded_when_asked_for(three):
    Image.new("RGB", (20, 8)).save(three / "images" / "c.png")
    gallery = b2w.test(three, Protocol(crop=12)).gallery
    assert gallery[torch.tensor([2, 0])].shape == (2, 3, 12, 12)


def test_the_splits_share_no_genus_and_no_picture(root):
    made = aviary.world(SIZES["cpu"])
    genera = [{kind.genus for kind in part.species} for part in made.values()]
    assert len(set.union(*genera)) == sum(map(len, genera))
    files = [{path for path in b2w.read(root, split).paths} for split in made]
    assert len(set.union(*files)) == sum(map(len, files))
    train, test = (
        {word for lines in made[split].text for text in lines for word in text.split()} for split in ("train", "test")
    )
    assert test <= train


def test_branches_are_of_the_kind_they_say_in_the_proportions_asked_for():
    size = SIZES["cpu"]
    part, chosen = aviary.world(size)["train"], Counter()
    for first, second, selection in part.pairs:
        chosen[selection] += 1
        one, other = part.species[first], part.species[second]
        kind = "sameSpecies" if one == other else "sameGenus" if one.genus == other.genus else "sameClass"
        assert selection == kind
    total = sum(chosen.values())
    assert total == 900 and abs(chosen["sameSpecies"] / total - 0.08) < 0.03
    assert abs(chosen["sameGenus"] / total - 0.6) < 0.05
    counts = [len(texts) for texts in part.text]
    assert set(counts) == {4, 5} and 20 < sum(len(t.split()) for x in part.text for t in x) / sum(counts) < 45


def test_another_seed_shows_other_birds():
    assert aviary.world(replace(TINY, seed=1))["test"].species != aviary.world(TINY)["test"].species


@pytest.mark.parametrize(
    "change, says",
    [
        ({8: "dev"}, "record 3 is of the split 'dev'"),
        ({9: "0"}, "annotation number '0'"),
        ({9: "one"}, "annotation number 'one'"),
        ({10: " "}, "lacks an image or its description"),
        ({1: ""}, "lacks an image"),
        ({5: "https://x/photos/a.png"}, "with itself"),
        ({5: "https://x/.."}, "leaves"),
        ({5: "https://x/out.png"}, "leaves"),
        ({5: "https://x/a\0b"}, "no path below"),
    ],
)
def test_a_broken_line_is_a_problem_that_names_it(three, change, says):
    (three / "images" / "out.png").symlink_to("/etc/passwd")
    broken = line("a.png", "c.png")
    for column, value in change.items():
        broken[column] = value
    with pytest.raises(Problem, match=says):
        b2w.test(write(three, [line("b.png", "a.png"), broken]))


def test_a_short_line_an_empty_and_a_missing_file_are_problems(three):
    with pytest.raises(Problem, match="record 2 has 10 columns"):
        b2w.test(write(three, [line("b.png", "a.png")[1:]]))
    with pytest.raises(Problem, match="no descriptions"):
        b2w.test(write(three, []))
    (three / FILE).unlink()
    with pytest.raises(Problem, match=FILE):
        b2w.train(three)


CELLS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=6) | st.sampled_from(
    ["test", "train", "https://x/photos/a.png", "https://x/..", "https://[", "5", "."]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10), CELLS), max_size=3))
def test_whatever_a_file_says_only_a_problem_comes_of_it(three, edits):
    lines = [line("b.png?1", "a.png?2"), line("a.png?2", "c.png")]
    for row, column, value in edits:
        lines[row][column] = value
    write(three, lines)
    for names in (b2w.by_tail, b2w.by_photo):
        try:
            assert len(b2w.test(three, Protocol(names=names))) >= 1
        except Problem as problem:
            assert str(three) in str(problem)


def test_the_check_counts_what_there_is_against_what_there_should_be(root, three):
    lines = b2w.check(root)
    assert len(lines) == 11 and all(row["missing"] == 0 and row["expected"] == row["found"] > 0 for row in lines)
    (three / "images" / "c.png").unlink()
    found = {(row["split"], row["part"]): row for row in b2w.check(three)}
    assert found["test", "images"] == {"split": "test", "part": "images", "expected": 3, "found": 2, "missing": 1}
    assert found["all", "paragraphs"] == {
        "split": "all", "part": "paragraphs", "expected": 16067, "found": 3, "missing": 16064,
    }  # fmt: skip
