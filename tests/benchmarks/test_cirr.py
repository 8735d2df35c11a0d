import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import cirr
from cirkit.benchmarks.cirr_protocols import SOFT, SOFT_SUBSET, SUBSET, WHOLE, Annotation, hard, own_set, soft
from cirkit.errors import Problem
from cirkit.evaluators.evidence import chance
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.ranking import rank_features
from cirkit.query import all_rows
from cirkit.worlds import cirr as synthetic
from cirkit.worlds.cirr import CIRR, Size
from cirkit.worlds.groups import core
from cirkit.worlds.statements import answers

WORLD = CIRR
TINY = Size(train=3, val=2, test1=2, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "cirr"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


def edit(root, change, split="val", number=0):
    path = root / "captions" / f"cap.rc2.{split}.json"
    records = json.loads(path.read_text())
    change(records[number])
    path.write_text(json.dumps(records))
    return root


class Table:
    """A model whose scores are given."""

    def __init__(self, scores):
        self.scores = scores

    def encode(self, images):
        raise NotImplementedError

    compose = encode

    def score(self, composed, gallery):
        return self.scores[composed][:, gallery]


def ranked(benchmark, scores):
    q, n = scores.shape
    return rank_features(Table(scores), torch.arange(q), torch.arange(n), benchmark)


@pytest.fixture(scope="module")
def official():
    return {split: cirr.annotations(REAL, split) for split in ("val", "test1")}


@real
def test_the_official_files_have_the_counts_that_were_published(official):
    assert {split: len(asked) for split, asked in official.items()} == {"val": 4181, "test1": 4148}
    assert {split: len(cirr.names(REAL, split)) for split in cirr.SPLITS} == {
        "train": 16939, "val": 2297, "test1": 2315,
    }  # fmt: skip
    for split, asked in official.items():
        assert len({q.set for q in asked}) == 503
        assert len({q.pair for q in asked}) == len(asked)
        assert len(cirr.extended(REAL, split)) == len(asked)
    assert [q.caption for q in official["test1"] if q.pair == 27098] == [" "]
    assert Counter(Counter((q.reference, q.caption) for q in official["val"]).values())[2] == 6


@real
def test_every_official_set_has_five_candidates_and_the_target_among_them(official):
    for question in official["val"]:
        near = own_set(question)
        assert len(near) == 5 and question.target in near and question.reference not in near


@real
def test_soft_targets_are_as_unsafe_as_they_are_known_to_be(official):
    val = official["val"]
    stale = [q for q in val if q.reference in q.soft and q.target not in q.soft]
    assert len(stale) == 37 and sum(len(q.soft) > 1 for q in val) == 645
    assert sum(weight == -1.0 for q in val for weight in q.soft.values()) == 807
    assert all(q.reference not in SOFT.relevant(q) for q in val)
    best = [np.mean([max(protocol.relevant(q).values()) for q in val]) for protocol in (SOFT, SOFT_SUBSET)]
    assert np.round(100 * np.array(best), 2).tolist() == [99.90, 99.55]
    hard_first = np.mean([max(0.0, q.soft.get(q.target, 0.0)) for q in val])
    assert round(100 * hard_first, 2) == 99.01


@real
def test_a_check_of_the_annotations_alone_finds_all_queries_and_no_picture():
    lines = {(line["split"], line["part"]): line for line in cirr.check(REAL)}
    assert lines["val", "queries"]["found"] == lines["val", "queries"]["expected"] == 4181
    assert lines["train", "queries"]["found"] == 0 and lines["train", "images"]["missing"] == 16939
    with pytest.raises(Problem, match="has none of its 2297 images"):
        cirr.test(REAL)


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for split in cirr.SPLITS:
        records = json.loads((root / "captions" / f"cap.rc2.{split}.json").read_text())
        keys = {"pairid", "reference", "caption", "img_set"} | (
            {"target_hard", "target_soft"} if split != "test1" else set()
        )
        assert all(set(record) == keys for record in records)
        held = {"id", "members", "reference_rank"} | ({"target_rank"} if split != "test1" else set())
        assert all(set(record["img_set"]) == held for record in records)
        names = json.loads((root / "image_splits" / f"split.rc2.{split}.json").read_text())
        assert len(names) == 6 * getattr(TINY, split)
        for name, relative in names.items():
            assert relative.startswith(f"./{synthetic.FOLDERS[split]}/") and (root / "img_raw" / relative).is_file()
            assert name.startswith(synthetic.FOLDERS[split])
        further = cirr.extended(root, split)
        assert all(set(said) == {"0", "1", "2", "3"} for said in further.values()) and len(further) == len(records)
    pairs = [q.pair for split in cirr.SPLITS for q in cirr.annotations(root, split)]
    assert len(set(pairs)) == len(pairs)


def test_what_is_read_is_what_the_world_holds(root):
    test, made = cirr.test(root), synthetic.world(TINY, "val")
    gallery = synthetic.images(TINY, "val", range(len(made.scenes)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    assert test.query.text == [str(pair.statement) for pair in made.pairs]
    assert test.relevant == [[pair.target] for pair in made.pairs]
    assert test.excluded == [[pair.source] for pair in made.pairs]
    for i, pair in enumerate(made.pairs):
        assert torch.equal(test.query.image[torch.tensor([i])][0], gallery[pair.source])
    train = cirr.train(root)
    assert len(train) == len(synthetic.world(TINY, "train").pairs) and train[torch.tensor([0])].target.shape == (
        1,
        3,
        16,
        16,
    )


def test_any_row_drawn_again_from_the_size_alone_equals_the_published_picture(root):
    gallery = cirr.test(root).gallery
    synthetic.world.cache_clear()
    for rows in ([5], [7, 2, 7]):
        assert torch.equal(synthetic.images(TINY, "val", rows), gallery[torch.tensor(rows)])


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    synthetic.world.cache_clear()
    CIRR.publish(tmp_path / "again", TINY)
    for file in (path.relative_to(root) for path in root.rglob("*.*")):
        assert (root / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert synthetic.scenes(TINY, "val") != synthetic.scenes(replace(TINY, seed=1), "val")


@pytest.mark.parametrize("seed", [0, 1])
def test_no_two_splits_share_what_a_set_has_in_common(seed):
    size = Size(train=6, val=5, test1=5, queries=1, seed=seed)
    held = [{core(scene.things) for scene in synthetic.scenes(size, split)} for split in cirr.SPLITS]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


def test_a_sentence_is_true_of_the_target_and_of_no_other_member():
    size = Size(train=1, val=6, test1=1)
    made = synthetic.world(size, "val")
    assert len(made.pairs) >= 8 * 6
    for pair in made.pairs:
        first = pair.source // 6 * 6
        assert pair.target // 6 == pair.source // 6 and pair.target != pair.source
        right = [row for row in range(first, first + 6) if row != pair.source]
        before = made.scenes[pair.source].things
        assert [row for row in right if answers(pair.statement, before, made.scenes[row].things)] == [pair.target]
        assert pair.target not in pair.soft and pair.source not in pair.soft


def test_hiding_all_but_the_set_ranks_as_a_loop_over_the_set_does(root):
    whole, subset = cirr.test(root, WHOLE), cirr.test(root, SUBSET)
    scores = torch.randn(len(whole), len(whole.gallery), generator=torch.Generator().manual_seed(0))
    found = ranked(subset, scores.clone())
    for i, question in enumerate(cirr.annotations(root, "val")):
        names = list(cirr.names(root, "val"))
        near = [scores[i, names.index(name)].item() for name in question.members if name != question.reference]
        mine = scores[i, names.index(question.target)].item()
        assert found.mid[i] == 1 + sum(score > mine for score in near)
    assert set(found.gallery) == {5} and Recall(1).values(chance(found)).mean() == pytest.approx(20)
    assert set(ranked(whole, scores).gallery) == {len(whole.gallery) - 1}
    assert subset.excluded == whole.excluded and all(len(rows) == 5 for rows in subset.candidates)


def question(**parts):
    given = {"pair": 1, "reference": "r", "caption": "c", "target": "t", "soft": {}, "set": 0,
             "members": ("r", "t", "a", "b")}  # fmt: skip
    return Annotation(**{**given, **parts})


@pytest.mark.parametrize(
    "protocol, soft, worth",
    [
        (WHOLE, {"t": -1.0, "a": 1.0}, {"t": 1.0}),
        (SOFT, {"t": 1.0, "a": 0.5, "b": -1.0}, {"t": 1.0, "a": 0.5}),
        (SOFT, {"r": 1.0, "a": 0.2}, {"a": 0.2}),
        (SOFT, {"r": 1.0}, {"t": 0.0}),
        (SOFT, {"z": 1.0}, {"z": 1.0}),
        (SOFT_SUBSET, {"z": 1.0}, {"t": 0.0}),
        (SOFT_SUBSET, {"z": 1.0, "b": 0.5}, {"b": 0.5}),
    ],
)
def test_what_each_protocol_counts_as_an_answer(protocol, soft, worth):
    assert protocol.relevant(question(soft=soft)) == worth


def test_weights_stand_in_the_order_of_the_answers(root):
    test, worth = cirr.test(root, SOFT), cirr.worth(root, SOFT)
    names = list(cirr.names(root, "val"))
    for rows, weights, one in zip(test.relevant, worth, cirr.annotations(root, "val"), strict=True):
        assert [one.soft[names[row]] for row in rows] == list(weights) and weights[0] == 1.0
    assert any(len(weights) > 1 for weights in worth)


def test_without_answers_test1_asks_all_the_same(root):
    asked = cirr.server_queries(root)
    assert len(asked) == len(synthetic.world(TINY, "test1").pairs) and asked.keys[0] == str(
        cirr.annotations(root, "test1")[0].pair
    )
    assert hard(cirr.annotations(root, "test1")[0]) == {} == soft(cirr.annotations(root, "test1")[0])
    with pytest.raises(ValueError, match="answers inside the gallery"):
        cirr.test(root, split="test1")
    assert set(synthetic.targets(TINY, "test1")) == set(asked.keys)


def test_queries_and_pictures_that_need_what_is_missing_are_left_out_together_and_said(copied):
    whole = cirr.test(copied)
    gone = cirr.annotations(copied, "val")[0].reference
    (copied / "img_raw" / cirr.names(copied, "val")[gone]).unlink()
    with pytest.warns(UserWarning, match=r"1 of 12 images are missing, so \d+ of 18 queries are left out"):
        rest = cirr.test(copied)
    with pytest.warns(UserWarning, match="9 of 18"):
        assert len(cirr.test(copied, SUBSET)) == 9  # the whole set needs it
    assert len(rest.gallery) == 11 and 9 < len(rest) < len(whole)
    kept = [q for q in cirr.annotations(copied, "val") if gone not in (q.reference, q.target)]
    assert rest.query.text == [q.caption for q in kept]
    lines = {(line["split"], line["part"]): line for line in cirr.check(copied)}
    assert lines["val", "images"]["found"] == 11 and lines["val", "images"]["expected"] == 2297


def test_pictures_may_lie_as_clip4cir_has_them(copied, tmp_path):
    base = tmp_path / "base"
    (copied / "img_raw").rename(base)
    shutil.move(copied, base / "cirr")
    assert len(cirr.test(base).gallery) == 12


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda r: r.update(reference="../x"), "names '../x'"),
        (lambda r: r.update(target_hard=r["reference"]), "from an image to itself"),
        (lambda r: r.update(target_hard="dev-1-0-img0"), "target among them"),
        (lambda r: r.update(pairid="1"), "'pairid' of type str"),
        (lambda r: r.update(pairid=1000002), "pairid 1000002 of an earlier one"),
        (lambda r: r.pop("caption"), "no 'caption'"),
        (lambda r: r.update(target_soft={"dev-0-0-img0": "1"}), "target_soft"),
        (lambda r: r.update(target_soft={"x": 1.0}), "names 'x'"),
        (lambda r: r["img_set"].update(members=r["img_set"]["members"] * 2), "distinct members"),
        (lambda r: r["img_set"].update(members=[[]]), r"names \[\]"),
        (lambda r: r.update(img_set=None), "'img_set' of type NoneType"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    with pytest.raises(Problem, match=f"cap.rc2.val.json: record [01] .*{says}"):
        cirr.test(edit(copied, change))


@pytest.mark.parametrize(
    "relative", ["/etc/dev-0-0-img0.png", "../../dev-0-0-img0.png", "out/dev-0-0-img0.png", "./dev/dev-0-0-img1.png", 3]
)
def test_a_picture_name_that_leaves_the_root_or_meets_another_is_a_problem(copied, tmp_path, relative):
    (copied / "img_raw" / "out").symlink_to(tmp_path)
    path = copied / "image_splits" / "split.rc2.val.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dev-0-0-img0": relative}))
    with pytest.raises(Problem):
        cirr.test(copied)


def test_a_cut_empty_or_doubled_file_is_a_problem(copied):
    path = copied / "captions" / "cap.rc2.val.json"
    whole = path.read_text()
    for broken in (whole[: len(whole) // 2], "[]", "{}", whole.replace('"pairid"', '"pairid": 1, "pairid"')):
        path.write_text(broken)
        with pytest.raises(Problem, match=r"cap\.rc2\.val\.json"):
            cirr.test(copied)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    for part in ("captions/cap.rc2.val.json", "image_splits/split.rc2.val.json"):
        value = data.draw(spoiled(json.loads((root / part).read_text())))
        (folder / part).parent.mkdir()
        (folder / part).write_text(json.dumps(value))
    try:
        assert cirr.annotations(folder, "val")
    except Problem as problem:
        assert "rc2.val.json" in str(problem)


def test_a_world_holds_what_its_counts_say(root):
    lines = cirr.check(root)
    assert len(lines) == 6 and all(line["expected"] == line["found"] and line["missing"] == 0 for line in lines)
