import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cirkit.benchmarks import llava, photos, textvqa
from cirkit.benchmarks.textvqa import SPLITS, nothing, read, rosetta
from cirkit.errors import Problem
from cirkit.evaluators.answering import anls, normalise, scores, soft_accuracy
from cirkit.query import all_rows
from cirkit.worlds import textvqa as textvqa_world
from cirkit.worlds.textvqa import SIZES, TEXTVQA, Size

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "textvqa"
WORLD = TEXTVQA
TINY = Size(train=8, val=4, test=3, image=48, names=60, questions=2)


def copy(root, folder):
    """A folder with a copy of the annotation files and links to the pictures."""
    folder.mkdir(parents=True)
    for path in root.glob("TextVQA*"):
        (folder / path.name).write_bytes(path.read_bytes())
    for name in ("train_images", "test_images"):
        (folder / name).mkdir()
        for path in (root / name).iterdir():
            (folder / name / path.name).write_bytes(path.read_bytes())
    return folder


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for split in SPLITS:
        content = json.loads((root / f"TextVQA_0.5.1_{split}.json").read_text())
        assert content["dataset_name"] == "textvqa" and content["dataset_type"] == split
        assert content["dataset_version"] == "0.5.1"
        keys = "question image_id image_classes flickr_original_url flickr_300k_url image_width image_height"
        keys += " question_tokens question_id set_name" + ("" if split == "test" else " answers")
        for record in content["data"]:
            assert set(record) == set(keys.split()) and len(record["image_id"]) == 16
            assert split == "test" or len(record["answers"]) == 10
        read = json.loads((root / f"TextVQA_Rosetta_OCR_v0.2_{split}.json").read_text())
        for record in read["data"]:
            assert record["ocr_tokens"] == [info["word"] for info in record["ocr_info"]]
            for info in record["ocr_info"]:
                assert {"width", "height", "rotation", "top_left_x", "top_left_y"} <= set(info["bounding_box"])


def test_what_is_read_is_what_the_world_holds(root):
    for split in SPLITS:
        half, found = textvqa_world.world(TINY)[split], read(root, split)
        assert found.text == tuple(question.text for question in half.questions) and found.dropped == 0
        assert found.answers == (None if split == "test" else tuple(half.people))
        assert found.about.tolist() == half.about
        for words, row in zip(found.words, half.about, strict=True):
            assert words.text == tuple(word.text for word in half.seen[row])
            box = np.array([word.box for word in half.seen[row]])
            assert np.allclose(words.boxes, np.hstack([box[:, :2], box[:, :2] + box[:, 2:]]), atol=3e-6)
    ids = [number for split in SPLITS for number in read(root, split).id]
    assert len(set(ids)) == len(ids)


def test_any_picture_drawn_again_from_the_size_alone_equals_the_published_one(root):
    for split, rows in (("train", [5, 0, 5]), ("val", [1]), ("test", [2])):
        textvqa_world.world.cache_clear()
        found = read(root, split).images
        assert torch.equal(TEXTVQA.images(TINY, split, rows), found[torch.tensor(rows)])
    assert TEXTVQA.images(TINY, "val", []).shape == (0, 3, 48, 48)


def test_no_made_up_name_and_no_picture_of_one_split_is_in_another():
    size = replace(TINY, train=60, val=20, test=20)
    names, keys = {}, {}
    for split, half in textvqa_world.world(size).items():
        names[split] = {sign.name for scene in half.scenes for sign in scene.signs}
        keys[split] = {scene.key for scene in half.scenes}
        ids = {textvqa_world.image_id(size, split, row) for row in range(len(half.scenes))}
        assert len(ids) == len(half.scenes)
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not names[one] & names[other] and not keys[one] & keys[other]


def test_sources_of_answers_are_mixed_as_declared():
    half = textvqa_world.world(Size(train=200, val=1, test=1, names=100))["train"]
    count = Counter(question.source for question in half.questions)
    total = sum(count.values())
    assert 0.4 < count["words"] / total < 0.62 and count["both"] / total > 0.08
    assert set(SIZES) == {"smoke", "cpu", "gpu"}


def test_people_mostly_agree_and_their_own_best_answer_scores_high(root):
    found = read(root, "train")
    best = [max(scores(given), key=scores(given).get) for given in found.answers]
    assert soft_accuracy(best, found.answers).mean() > 0.9
    right = [question.answer for question in textvqa_world.world(TINY)["train"].questions]
    assert soft_accuracy(right, found.answers).mean() > 0.8
    assert set(textvqa.vocabulary(found)) >= {word for answer in right for word in answer.split()}
    assert len(textvqa.vocabulary(found, 5)) < len(textvqa.vocabulary(found))


def slow(said, given):
    """The official definition, person by person."""
    total = 0.0
    for i in range(len(given)):
        rest = [normalise(answer) for j, answer in enumerate(given) if j != i]
        total += min(1.0, sum(answer == normalise(said) for answer in rest) / 3)
    return total / len(given)


@given(st.lists(st.sampled_from(["lorvik", "Lorvik!", "the lorvik", "2", "two", "x y", ""]), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_soft_accuracy_is_the_mean_over_the_subsets_that_leave_one_out(given_answers):
    for said in ("lorvik", "two", "nothing"):
        assert soft_accuracy([said], [given_answers])[0] == pytest.approx(slow(said, given_answers))


def test_golden_values_of_soft_accuracy():
    for agreeing, score in ((0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)):
        given_answers = ["a b"] * agreeing + [f"no {i}" for i in range(10 - agreeing)]
        assert soft_accuracy(["A b."], [given_answers])[0] == pytest.approx(score)
    with pytest.raises(ValueError, match="1 answers to 2"):
        soft_accuracy(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="cannot be scored"):
        soft_accuracy(["a"], [[]])


@pytest.mark.parametrize(
    ("text", "plain"),  # printed by the official EvalAIAnswerProcessor (facebookresearch/mmf @ b0ffc7f)
    [
        ("The Two Dogs?", "2 dogs"), ("U.S.A.", "usa"), ("E-mail", "e mail"), ("none", "0"),
        ("1,000 a day", "1000 day"), ("Dakota's", "dakota 's"), ("it dont matter", "it don't matter"),
        ("$4.50 (each)", "$4.50 each"), ("a.b.1.5.", "ab.1.5"), ("'ows'at", "'ow's'at"), ("10-12", "10 12"),
    ],
)  # fmt: skip
def test_answers_are_normalised_as_the_official_evaluation_does(text, plain):
    assert normalise(text) == plain


def test_anls_is_one_less_the_edit_distance_and_nothing_below_a_half():
    assert anls(["lorvik", "lorvk", "x", " ", "abcd"], [["Lorvik "], ["lorvik"], ["lorvik"], [""], ["ab", "abzz"]]) == (
        pytest.approx([1.0, 5 / 6, 0.0, 1.0, 0.5])
    )


def test_questions_without_a_picture_are_dropped_and_counted(root, tmp_path):
    folder = copy(root, tmp_path / "part")
    whole = read(folder, "train")
    gone = whole.image_id[0]
    (folder / "train_images" / f"{gone}.jpg").unlink()
    part = read(folder, "train")
    assert part.dropped == whole.image_id.count(gone) > 0 and len(part) == len(whole) - part.dropped
    assert gone not in part.image_id and len(part.images) == len(whole.images) - 1
    for i, name in enumerate(part.image_id):
        row = whole.image_id.index(name)
        assert torch.equal(part.images[part.about[[i]]], whole.images[whole.about[[row]]])
    lines = {(line["split"], line["part"]): line for line in textvqa.check(folder)}
    assert lines["train", "images"]["missing"] == lines["train", "images"]["expected"] - TINY.train + 1
    for path in (folder / "test_images").iterdir():
        path.unlink()
    with pytest.raises(Problem, match="no question whose image"):
        read(folder, "test")


def test_pictures_of_many_sizes_are_squeezed_whole_so_that_boxes_hold(root, tmp_path):
    folder = copy(root, tmp_path / "mixed")
    name = read(root, "val").image_id[0]
    Image.new("RGB", (99, 48), "red").save(folder / "train_images" / f"{name}.jpg", quality=95)
    found = read(folder, "val")
    assert isinstance(found.images, photos.Files)
    wide = found.images[found.about[:1]]
    assert wide.flatten(2).amin(2).tolist() == [[254, 0, 0]] and len(found.images) > 1
    assert found.images[all_rows(found.images)[:2]].shape == (2, 3, 224, 224)
    assert found.images[torch.zeros(0, dtype=torch.long)].shape[0] == 0


def test_words_can_be_left_to_the_model_and_old_keys_are_read(root, tmp_path):
    assert all(words.text == () and words.boxes.shape == (0, 4) for words in read(root, "val", nothing).words)
    folder = copy(root, tmp_path / "old")

    def older(content):
        for record in content["data"]:
            for info in record["ocr_info"]:
                box = info["bounding_box"]
                box["topLeftX"], box["topLeftY"] = box.pop("top_left_x"), box.pop("top_left_y")

    change(folder / "TextVQA_Rosetta_OCR_v0.2_val.json", older)
    new, old = rosetta(root, "val"), rosetta(folder, "val")
    assert all(np.array_equal(new[name].boxes, old[name].boxes) for name in new)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda c: c["data"][0].update(image_id="../../etc/passwd"), "leaves"),
        (lambda c: c["data"][0].update(image_id="/etc/passwd"), "no path below"),
        (lambda c: c["data"][1].update(question_id=c["data"][0]["question_id"]), "of another record"),
        (lambda c: c["data"][1].update(question_id="7"), "type str"),
        (lambda c: c["data"][1].update(question_id=True), "type bool"),
        (lambda c: c["data"][0].update(question=" "), "asks nothing"),
        (lambda c: c["data"][0].update(question=3), "type int"),
        (lambda c: c["data"][0].update(answers=[]), "list of answers"),
        (lambda c: c["data"][0].update(answers=["a", 3]), "list of answers"),
        (lambda c: c["data"][0].pop("answers"), "no 'answers'"),
        (lambda c: c["data"].insert(0, "x"), "not an object"),
        (lambda c: c.update(data={}), "type dict"),
        (lambda c: c.pop("data"), "no 'data'"),
        (lambda c: c.update(data=[]), "no question"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(root, tmp_path, edit, says):
    folder = copy(root, tmp_path / "bad")
    path = folder / "TextVQA_0.5.1_train.json"
    change(path, edit)
    with pytest.raises(Problem, match=says):
        read(folder, "train")


def test_a_picture_that_is_a_link_out_of_the_root_is_refused(root, tmp_path):
    folder = copy(root, tmp_path / "link")
    path = next((folder / "test_images").iterdir())
    path.unlink()
    path.symlink_to(root / "world.json")
    with pytest.raises(Problem, match="leaves"):
        read(folder, "test")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda c: c["data"].append(c["data"][0]), "a second time"),
        (lambda c: c["data"][0]["ocr_info"][0]["bounding_box"].update(width=-1), "a box that is none"),
        (lambda c: c["data"][0]["ocr_info"][0]["bounding_box"].update(width="1"), "type str"),
        (lambda c: c["data"][0]["ocr_info"][0].pop("word"), "no 'word'"),
        (lambda c: c["data"][0].pop("ocr_info"), "no 'ocr_info'"),
    ],
)
def test_a_broken_word_is_a_problem_that_names_the_record(root, tmp_path, edit, says):
    folder = copy(root, tmp_path / "bad")
    change(folder / "TextVQA_Rosetta_OCR_v0.2_train.json", edit)
    with pytest.raises(Problem, match=says):
        read(folder, "train")


def test_cut_and_missing_files_and_splits_are_problems(root, tmp_path):
    folder = copy(root, tmp_path / "cut")
    path = folder / "TextVQA_0.5.1_val.json"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(Problem, match="not whole JSON"):
        read(folder, "val")
    path.write_text('{"data": [], "data": []}')
    with pytest.raises(Problem, match="twice"):
        read(folder, "val")
    with pytest.raises(Problem, match="no split 'minival'"):
        read(folder, "minival")
    with pytest.raises(Problem, match="There is no"):
        read(tmp_path, "val")


WRONG = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))


@given(
    st.sampled_from(["TextVQA_0.5.1_val.json", "TextVQA_Rosetta_OCR_v0.2_val.json"]),
    st.integers(0, 50), st.integers(0, 5), WRONG,
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_whatever_a_record_holds_only_a_problem_comes_out(root, tmp_path_factory, name, key, row, value):
    folder = copy(root, tmp_path_factory.mktemp("any") / "w")

    def edit(content):
        record = content["data"][row % len(content["data"])]
        if key % 5 == 0 and record.get("ocr_info"):
            record = record["ocr_info"][0]["bounding_box"]
        record[sorted(record)[key % len(record)]] = value

    change(folder / name, edit)
    try:
        assert len(read(folder, "val")) > 0
    except Problem as problem:
        assert str(problem)


def test_the_check_counts_what_there_is_against_what_there_should_be(root, tmp_path):
    assert all(line["missing"] == 0 and line["found"] > 0 for line in textvqa.check(root))
    folder = copy(root, tmp_path / "bare")
    lines = {(line["split"], line["part"]): line for line in textvqa.check(folder)}
    assert [lines[split, "questions"]["expected"] for split in SPLITS] == [34602, 5000, 5734]
    with pytest.raises(Problem, match="too few"):
        textvqa_world.world(replace(TINY, names=10))


def test_llavas_lines_are_read_with_the_line_as_their_key(tmp_path):
    path = tmp_path / "a.jsonl"
    text = "what is it?\nReference OCR token: A, B,, C\nAnswer the question using a single word or phrase."
    record = {"question_id": "ab", "image": "ab.jpg", "text": text, "category": "default"}
    path.write_text((json.dumps(record) + "\n") * 2)
    one, other = llava.read(path)
    assert (one.number, other.number, one.image_id) == (0, 1, "ab")
    assert one.words == ("A", "B,", "C") and one.question == "what is it?"
    for broken, says in (("{", "not JSON"), ("[]", "not an object"), (json.dumps({**record, "text": "a\nb"}), "OCR")):
        path.write_text(broken + "\n")
        with pytest.raises(Problem, match=says):
            llava.read(path)


@pytest.mark.skipif(not REAL.exists(), reason="the real file is not here")
def test_llavas_real_file_has_5000_lines_and_3166_pictures():
    lines = llava.read(REAL / "llava_textvqa_val_v051_ocr.jsonl")
    assert len(lines) == 5000 and len({line.image_id for line in lines}) == 3166
    assert lines[0].words == ("DAKOTA", "DIGITAL", "Single-Use", "Camera", "Pire", "digitat")
    assert sum(len(line.words) == 0 for line in lines) == 115
