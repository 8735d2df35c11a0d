import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import synth_triplets as synth
from cirkit.benchmarks.synth_triplets import FILE, TEMPLATES, Columns, Triplet, as_given, fill, retold
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import groups, synth_garments
from cirkit.worlds import synth_triplets as synth_world
from cirkit.worlds.garments import differences
from cirkit.worlds.synth_triplets import SYNTH_TRIPLETS, Size

WORLD = SYNTH_TRIPLETS
TINY = Size(triplets=8, image=16)


def write(root, records):
    (root / FILE).write_text("\n".join(json.dumps(record) for record in records) + "\n")
    return root


def read(root):
    return [json.loads(line) for line in (root / FILE).read_text().splitlines()]


def test_there_are_45_templates_of_which_14_never_name_the_source():
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 45
    assert all("T" in template.split() for template in TEMPLATES)
    assert sum("S" not in template.split() for template in TEMPLATES) == 14


def test_a_template_is_filled_word_by_word():
    assert fill("replace S with T", "red S", "blue T") == "replace red S with blue T"
    assert [fill(template, "cat", "dog").count("dog") for template in TEMPLATES] == [1] * 45


KEYED = Triplet("a", "b", None, "cat", "dog", None, None)
TOLD = Triplet("a", "b", "do it", None, None, None, None)


def test_an_instruction_stands_as_given_and_keywords_make_one():
    both = replace(KEYED, instruction="do it")
    assert as_given(TOLD, 0) == retold(TOLD, 0) == as_given(both, 0) == "do it"
    assert as_given(KEYED, 3) == retold(KEYED, 3) == retold(both, 3) and "dog" in retold(KEYED, 3)
    assert len({retold(KEYED, row) for row in range(200)}) > 40


def test_pairs_of_garments_differ_in_the_attribute_that_their_keywords_name(tmp_path):
    size = replace(TINY, triplets=20, garments=0.5)
    SYNTH_TRIPLETS.publish(tmp_path / "world", size)
    made, train = synth_world.world(size), synth.train(tmp_path / "world", retold)
    scenes, clothes = made[:10], made[10:]
    assert scenes == synth_world.world(replace(size, triplets=10, garments=0.0))
    for pair in clothes:
        before, after = pair.frames
        (name,) = differences(before, after)
        keyword = synth_garments.KEYWORDS[name]
        assert (pair.source, pair.target) == (keyword(before), keyword(after)) and before.seed == after.seed
    drawn = SYNTH_TRIPLETS.images(size, "train", range(40))
    assert torch.equal(train[all_rows(train)].target, drawn[1::2])
    assert all(pair.target in text for pair, text in zip(made, train.texts, strict=True))


def test_what_is_read_is_what_the_world_holds(root):
    train, made = synth.train(root), synth_world.world(TINY)
    drawn = SYNTH_TRIPLETS.images(TINY, "train", range(16))
    batch = train[all_rows(train)]
    assert torch.equal(batch.query.image, drawn[::2]) and torch.equal(batch.target, drawn[1::2])
    for i, (pair, text) in enumerate(zip(made, batch.query.text, strict=True)):
        assert pair.target in text and (text == f"make the {pair.source} a {pair.target}") == pair.keyless
        assert synth.train(root, retold).query.text[i] == text  # nothing has both
    synth_world.world.cache_clear()
    assert torch.equal(SYNTH_TRIPLETS.images(TINY, "train", [3, 0]), drawn[[3, 0]])


def test_one_thing_is_exchanged_and_the_rest_stays():
    train = set(groups.cores()["train"])
    for made in synth_world.world(replace(TINY, triplets=30)):
        one, other = made.frames
        apart = [(a, b) for a, b in zip(one.things, other.things, strict=True) if a != b]
        assert len(apart) == 1 and (one.seed, one.camera) == (other.seed, other.camera)
        ((old, new),) = apart
        assert (old.x, old.y, old.size) == (new.x, new.y, new.size)
        assert made.source == f"{old.colour} {old.shape}" and made.target == f"{new.colour} {new.shape}"
        assert groups.core(one.things) in train and groups.core(other.things) in train


def test_another_seed_shows_other_scenes():
    assert synth_world.world(TINY) != synth_world.world(replace(TINY, seed=1))


def test_other_names_of_the_columns_can_be_given(copied):
    renamed = [{{"reference_image": "src", "target_image": "edited"}.get(k, k): v for k, v in record.items()}
               for record in read(copied)]  # fmt: skip
    write(copied, renamed)
    assert len(synth.train(copied, columns=Columns(reference="src", target="edited"))) == 8
    with pytest.raises(Problem, match="record 0 has no 'reference_image'"):
        synth.train(copied)


def test_triplets_that_need_a_missing_picture_are_left_out_and_said(copied):
    (copied / "images" / "00000002_1.png").unlink()
    with pytest.warns(UserWarning, match="1 of 16 images are missing, so 1 of 8 queries"):
        assert len(synth.train(copied)) == 7
    assert synth.check(copied)[1]["missing"] == 1 and synth.check(copied)[0]["expected"] == 18_800_000


@pytest.mark.parametrize(
    "change, says",
    [
        ({"reference_image": "../../x.png"}, "leaves"),
        ({"reference_image": "/etc/passwd"}, "no path below"),
        ({"reference_image": ""}, "no path below"),
        ({"reference_image": "out/x.png"}, "leaves"),
        ({"reference_image": 3}, "'reference_image' of type int"),
        ({"reference_image": "images/00000000_1.png"}, "to itself"),
        ({"instruction": None, "source_keyword": None}, "neither an instruction nor two keywords"),
        ({"instruction": " ", "target_keyword": ""}, "neither an instruction"),
        ({"instruction": 3}, "'instruction' of type int"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, tmp_path, change, says):
    (copied / "out").symlink_to(tmp_path)
    records = read(copied)
    with pytest.raises(Problem, match=says):
        synth.train(write(copied, [{**records[0], **change}, *records[1:]]))


@pytest.mark.parametrize("content", ["", "{", "[]\n", '{"reference_image": "a"}\n', "{}\n\n", "[" * 100_000])
def test_a_line_that_is_no_record_is_a_problem(copied, content):
    (copied / FILE).write_text(content)
    with pytest.raises(Problem, match=r"triplets\.jsonl: record 0"):
        synth.train(copied)


def test_the_folder_of_images_may_be_a_link_that_the_user_made(copied, tmp_path):
    whole = synth.train(copied)
    (copied / "images").rename(tmp_path / "elsewhere")
    (copied / "images").symlink_to(tmp_path / "elsewhere")
    assert torch.equal(synth.train(copied)[torch.tensor([3])].target, whole[torch.tensor([3])].target)
    (tmp_path / "elsewhere" / "out").symlink_to(tmp_path)
    records = read(copied)
    with pytest.raises(Problem, match="leaves"):
        synth.train(write(copied, [{**records[0], "reference_image": "images/out/x.png"}, *records[1:]]))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    value = data.draw(spoiled(read(root)))
    write(folder, value if isinstance(value, list) else [value])
    try:
        assert synth.triplets(folder)
    except Problem as problem:
        assert FILE in str(problem)
