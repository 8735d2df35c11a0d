import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.benchmarks import clevr, photos
from cirkit.benchmarks.clevr import SPLITS, correct, disagreements, graphs, read
from cirkit.benchmarks.clevr_programs import Graph
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import clevr as clevr_world
from cirkit.worlds.clevr import CLEVR, Size
from cirkit.worlds.clevr_scenes import graph

WORLD = CLEVR
TINY = Size(train=12, val=5, test=4, questions=3, image=32)


def copy(root, folder):
    for path in root.rglob("CLEVR_*"):
        there = folder / path.relative_to(root)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    return folder


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for split in SPLITS:
        content = json.loads((root / "questions" / f"CLEVR_{split}_questions.json").read_text())
        keys = {"image_index", "image_filename", "split", "question_index", "question"}
        if split != "test":
            keys |= {"program", "answer", "question_family_index"}
        for number, record in enumerate(content["questions"]):
            assert set(record) == keys and record["question_index"] == number
            assert record["image_filename"] == f"CLEVR_{split}_{record['image_index']:06d}.png"
            for node in record.get("program", ()):
                assert set(node) == {"function", "inputs", "value_inputs"}
        names = sorted(path.name for path in (root / "images" / split).iterdir())
        assert names == [f"CLEVR_{split}_{row:06d}.png" for row in range(getattr(TINY, split))]
    assert not (root / "scenes" / "CLEVR_test_scenes.json").exists()
    for record in json.loads((root / "scenes" / "CLEVR_val_scenes.json").read_text())["scenes"]:
        assert set(record["directions"]) == {"left", "right", "front", "behind", "above", "below"}
        for thing in record["objects"]:
            assert set(thing) == {"shape", "size", "material", "color", "3d_coords", "rotation", "pixel_coords"}
            assert all(0 <= at < TINY.image for at in thing["pixel_coords"][:2])


def test_relationships_follow_the_coordinates_and_directions_of_the_file(root):
    for record in json.loads((root / "scenes" / "CLEVR_train_scenes.json").read_text())["scenes"]:
        places = [thing["3d_coords"] for thing in record["objects"]]
        for name, lists in record["relationships"].items():
            way = record["directions"][name]
            for i, those in enumerate(lists):
                slow = []
                for j, place in enumerate(places):
                    if sum((p - q) * w for p, q, w in zip(place[:2], places[i][:2], way[:2], strict=True)) > 0.2:
                        slow.append(j)
                assert slow == those


def test_what_is_read_is_what_the_world_holds(root):
    for split in SPLITS:
        found, held = read(root, split), clevr_world.questions(TINY, split)
        assert found.text == tuple(q.text for questions in held for q in questions) and found.dropped == 0
        assert found.about.tolist() == [row for row, questions in enumerate(held) for _ in questions]
        if split == "test":
            assert found.answers is found.programs is found.group is None
            continue
        assert found.programs == tuple(q.program for questions in held for q in questions)
        assert found.answers == tuple((q.answer,) for questions in held for q in questions)
        assert graphs(root, split) == {row: graph(scene) for row, scene in enumerate(clevr_world.scenes(TINY, split))}
        assert set(found.group) <= {"exist", "count", "compare integer", "compare attribute", "query attribute"}


def test_every_stated_answer_is_what_its_program_says_of_its_scene(root):
    for split in ("train", "val"):
        found = read(root, split)
        assert disagreements(found, graphs(root, split)) == []
        wrong = replace(found, answers=(("maybe",), *found.answers[1:]))
        assert disagreements(wrong, graphs(root, split)) == [0]
    assert len(disagreements(found, {})) == len(found)


def test_any_picture_drawn_again_from_the_size_alone_equals_the_published_one(root):
    for split, rows in (("train", [7, 0, 7]), ("val", [4]), ("test", [1])):
        clevr_world.scenes.cache_clear()
        assert torch.equal(CLEVR.images(TINY, split, rows), read(root, split).images[torch.tensor(rows)])


def test_no_scene_of_one_split_is_in_another():
    size = replace(TINY, train=60, val=40, test=40)
    seen = {split: {frozenset(t.words for t in s.things) for s in clevr_world.scenes(size, split)} for split in SPLITS}
    places = {split: {(t.x, t.y) for s in clevr_world.scenes(size, split) for t in s.things} for split in SPLITS}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not places[one] & places[other] and not seen[one] & seen[other]


def test_a_size_asks_what_it_always_asked(root):
    """Records rest on these questions: where they change on purpose, the version is raised."""
    said = [
        (q.text, q.answer, q.family, [(node.function, node.inputs, node.value) for node in q.program])
        for questions in clevr_world.questions(replace(TINY, train=60, questions=10), "train")
        for q in questions
    ]
    assert len(said) == 600 and CLEVR.version == 1
    assert hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16] == "8b999de0655fdd9b"


def test_the_generators_own_spelling_is_read_as_the_released_one(root, tmp_path):
    folder = copy(root, tmp_path / "raw")

    def raw(content):
        for record in content["questions"]:
            for node in record["program"]:
                node["type"], node["side_inputs"] = node.pop("function"), node.pop("value_inputs")
                node["_output"] = [1, 2]
                if not node["side_inputs"]:
                    del node["side_inputs"]
            said = record["answer"]
            record["answer"] = {"yes": True, "no": False}.get(said, int(said) if said.isdigit() else said)

    change(folder / "questions" / "CLEVR_val_questions.json", raw)
    new, old = read(root, "val"), read(folder, "val")
    assert (new.answers, new.programs) == (old.answers, old.programs)


def test_questions_without_a_picture_are_dropped_and_counted(root, tmp_path):
    folder = copy(root, tmp_path / "part")
    whole = read(folder, "train")
    (folder / "images" / "train" / "CLEVR_train_000003.png").unlink()
    part = read(folder, "train")
    assert part.dropped == whole.image_index.count(3) == 3 and len(part) == len(whole) - 3
    assert len(part.images) == len(whole.images) - 1 and disagreements(part, graphs(folder, "train")) == []
    for i, row in enumerate(part.image_index):
        assert torch.equal(part.images[part.about[[i]]][0], whole.images[torch.tensor([row])][0])
    for path in (folder / "images" / "val").iterdir():
        path.unlink()
    with pytest.raises(Problem, match="no question whose image"):
        read(folder, "val")


def test_pictures_too_many_for_memory_are_decoded_when_asked_for(root, monkeypatch):
    monkeypatch.setattr(photos, "HOLD", 100)
    lazy = read(root, "val").images
    assert isinstance(lazy, photos.Files) and lazy[all_rows(lazy)[:2]].shape == (2, 3, 224, 224)


def test_accuracy_counts_exact_answers_per_type(root):
    found = read(root, "train")
    given = [answer for (answer,) in found.answers]
    right = correct([*given[:-1], "?"], found.answers)
    assert right.sum() == len(found) - 1 and right[-1] == 0
    assert correct(given, found.answers).mean() == 1
    with pytest.raises(ValueError, match="longer"):
        correct(["yes"], found.answers)
    assert sum(Counter(found.group).values()) == len(found)


QUESTIONS, SCENES = "questions/CLEVR_train_questions.json", "scenes/CLEVR_train_scenes.json"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda q: q[0].update(image_filename="../../../x.png"), r"leaves|a second name"),
        (lambda q: q[-1].update(image_index=99, image_filename="../../../x.png"), "leaves"),
        (lambda q: q[-1].update(image_index=99, image_filename="/etc/x.png"), "no path below"),
        (lambda q: q[1].update(image_filename="CLEVR_train_000007.png"), "a second name"),
        (lambda q: q[0].update(image_index="0"), "type str"),
        (lambda q: q[0].update(question=""), "asks nothing"),
        (lambda q: q[0].update(answer=None), "type NoneType"),
        (lambda q: q[0].pop("program"), "no 'program'"),
        (lambda q: q[0].update(program=[]), "cannot run: the last step"),
        (lambda q: q[0].update(program=[3]), "not an object"),
        (lambda q: q[0]["program"][0].update(inputs=[0]), "not there yet"),
        (lambda q: q[0]["program"][0].update(inputs=["0"]), "cannot be read"),
        (lambda q: q[0]["program"][0].update(inputs=[True]), "cannot be read"),
        (lambda q: q[0]["program"][0].update(function="eval"), "names no function"),
        (lambda q: q[0]["program"][0].update(value_inputs=["red", "blue"]), "cannot be read"),
        (lambda q: q.insert(0, []), "not an object"),
        (lambda q: q.clear(), "no question"),
    ],
)
def test_a_broken_question_is_a_problem_that_names_it(root, tmp_path, edit, says):
    folder = copy(root, tmp_path / "bad")
    change(folder / QUESTIONS, lambda content: edit(content["questions"]))
    with pytest.raises(Problem, match=says):
        read(folder, "train")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda s: s.append(s[0]), "a second time"),
        (lambda s: s[0]["relationships"].pop("left"), "no 'left'"),
        (lambda s: s[0]["relationships"]["left"].append([]), "does not fit"),
        (lambda s: s[0]["relationships"]["left"].__setitem__(0, [99]), "does not fit"),
        (lambda s: s[0]["relationships"]["left"].__setitem__(0, 1), "does not fit"),
        (lambda s: s[0]["objects"][0].pop("color"), "no 'color'"),
        (lambda s: s[0].update(image_index=True), "type bool"),
    ],
)
def test_a_broken_scene_is_a_problem_that_names_it(root, tmp_path, edit, says):
    folder = copy(root, tmp_path / "bad")
    change(folder / SCENES, lambda content: edit(content["scenes"]))
    with pytest.raises(Problem, match=says):
        graphs(folder, "train")


def test_pictures_that_are_links_out_and_cut_files_are_problems(root, tmp_path):
    folder = copy(root, tmp_path / "bad")
    picture = folder / "images" / "val" / "CLEVR_val_000000.png"
    picture.unlink()
    picture.symlink_to(root / "world.json")
    with pytest.raises(Problem, match="leaves"):
        read(folder, "val")
    path = folder / QUESTIONS
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(Problem, match="not whole JSON"):
        read(folder, "train")
    path.write_text('{"questions": [], "questions": []}')
    with pytest.raises(Problem, match="twice"):
        read(folder, "train")
    with pytest.raises(Problem, match="no split"):
        read(folder, "valA")


WRONG = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))


@given(st.booleans(), st.integers(0, 50), st.integers(0, 50), WRONG)
@settings(max_examples=25, deadline=None)
def test_whatever_a_record_holds_only_a_problem_comes_out(root, tmp_path_factory, of_scenes, row, key, value):
    folder = copy(root, tmp_path_factory.mktemp("any") / "w")

    def edit(content):
        records = content["scenes" if of_scenes else "questions"]
        record = records[row % len(records)]
        inner = record["relationships"] if of_scenes else record["program"][key % len(record["program"])]
        record = inner if key % 2 else record
        record[sorted(record)[key % len(record)]] = value

    change(folder / (SCENES if of_scenes else QUESTIONS), edit)
    try:
        found, seen = read(folder, "train"), graphs(folder, "train")
        assert len(disagreements(found, seen)) <= len(found) and all(isinstance(g, Graph) for g in seen.values())
    except Problem as problem:
        assert str(problem)


def test_the_check_counts_what_there_is_against_what_there_should_be(root, tmp_path):
    assert all(line["missing"] == 0 and line["found"] > 0 for line in clevr.check(root))
    folder = copy(root, tmp_path / "bare")
    (folder / "images" / "train" / "CLEVR_train_000003.png").unlink()
    lines = {(line["split"], line["part"]): line for line in clevr.check(folder)}
    assert lines["train", "images"] == {
        "split": "train", "part": "images", "expected": 70000, "found": 11, "missing": 69989,
    }  # fmt: skip


def test_answers_of_the_world_leave_no_shortcut_through_the_commonest_one():
    size = Size(train=70, val=1, test=1, image=32)
    held = [question for questions in clevr_world.questions(size, "train") for question in questions]
    kinds = {}
    for question in held:
        kinds.setdefault(question.family, Counter())[question.answer] += 1
    guess = sum(max(counts.values()) for counts in kinds.values()) / len(held)
    assert guess < 0.7 and np.mean([len(questions) == 10 for questions in clevr_world.questions(size, "train")]) == 1
