import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import captions
from cirkit.benchmarks.captions import FOLDER, Captioned, folds
from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.ranking import rank_features
from cirkit.query import Benchmark, Query, all_rows
from cirkit.worlds import captions as captions_world
from cirkit.worlds import groups
from cirkit.worlds.captions import COCO, FLICKR30K, STREAMS, Size

WORLD = FLICKR30K
TINY = Size(train=6, val=4, test=5, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


@real
def test_flickr30k_has_the_counts_that_were_published():
    held = {split: captions.multi30k(REAL / "flickr30k", split) for split in captions.SPLITS}
    assert {split: len(one) for split, one in held.items()} == {"train": 29000, "val": 1014, "test": 1000}
    assert all(len(mine) == 5 for one in held.values() for mine in one.captions)
    names = [name for one in held.values() for name in one.names]
    assert len(set(names)) == len(names)
    assert [len(one.owner) for one in held.values()] == [145000, 5070, 5000]
    assert all(
        line["found"] == line["expected"] or line["part"] == "images"
        for line in captions.FLICKR30K.check(REAL / "flickr30k")
    )


@real
def test_coco_has_the_counts_that_were_published():
    held = captions.coco(REAL / "coco" / "captions_val2017.json")
    counts = [len(mine) for mine in held.captions]
    assert len(held) == 5000 and sum(counts) == 25014 == len(held.owner)
    assert sum(count > 5 for count in counts) == 13 and set(counts) == {5, 6, 7}
    lists = [captions.karpathy_ids(REAL / "coco" / f"karpathy_{split}_images.txt") for split in ("val", "test")]
    assert [len(one) for one in lists] == [5000, 5000] and not set(lists[0]) & set(lists[1])
    ids = {int(name.removesuffix(".jpg")) for name in held.names}
    assert len(ids & set(lists[1].values())) == 593
    assert [len(fold) for fold in folds(held)] == [1000] * 5


def test_both_published_layouts_say_the_same(root):
    for split in captions.SPLITS:
        one, other = captions.multi30k(root, split), captions.karpathy(root / "dataset_flickr30k.json", split)
        assert one == other and len(one) == getattr(TINY, split)
    content = json.loads((root / "dataset_flickr30k.json").read_text())
    assert content["dataset"] == "flickr30k"
    for number, record in enumerate(content["images"]):
        assert set(record) == {"sentids", "imgid", "sentences", "split", "filename"} and record["imgid"] == number
        assert [set(s) for s in record["sentences"]] == [{"tokens", "raw", "imgid", "sentid"}] * 5


def test_cocos_own_annotations_say_what_karpathys_do(tmp_path):
    size = replace(TINY, train=8)
    COCO.publish(tmp_path / "w", size)
    root = tmp_path / "w"
    official = {}
    for half in ("train2014", "val2014"):
        part = captions.coco(root / "annotations" / f"captions_{half}.json")
        official |= {f"{half}/{name}": mine for name, mine in zip(part.names, part.captions, strict=True)}
    count = 0
    for split in captions.SPLITS:
        part = captions.karpathy(root / "dataset_coco.json", split)
        assert len(part) == getattr(size, split) == len(captions.text_to_image(root, part).gallery)
        assert [official[name] for name in part.names] == list(part.captions)
        assert {name.split("/")[0] for name in part.names} == (
            {"train2014", "val2014"} if split == "train" else {"val2014"}
        )
        count += len(part)
    assert count == len(official)
    test = captions.text_to_image(root, captions.karpathy(root / "dataset_coco.json", "test"))
    assert torch.equal(test.gallery[all_rows(test.gallery)], COCO.images(size, "test", range(5)))


@real
def test_the_check_of_coco_counts_val2017_where_karpathys_file_is_not(tmp_path):
    (tmp_path / "captions_val2017.json.gz").write_bytes((REAL / "coco" / "captions_val2017.json.gz").read_bytes())
    lines = {line["part"]: (line["split"], line["expected"], line["found"]) for line in captions.COCO.check(tmp_path)}
    assert lines == {"captions": ("val2017", 25014, 25014), "images": ("val2017", 5000, 0)}


def test_what_is_read_is_what_the_world_holds(root):
    test = captions.text_to_image(root / FOLDER, captions.multi30k(root, "test"))
    _, said = captions_world.world(TINY, "test")
    assert torch.equal(test.gallery[all_rows(test.gallery)], FLICKR30K.images(TINY, "test", range(5)))
    assert test.query.text == [text for mine in said for text in mine] and test.query.image is None
    assert test.relevant == [[i // 5] for i in range(25)]
    captions_world.world.cache_clear()
    assert torch.equal(FLICKR30K.images(TINY, "test", [3, 1]), test.gallery[torch.tensor([3, 1])])
    pairs = captions.train(root / FOLDER, captions.multi30k(root, "train"))
    assert len(pairs) == 30 and pairs.reference.tolist() == [i // 5 for i in range(30)]
    assert pairs[torch.tensor([7])].target.shape == (1, 3, 16, 16)


def test_another_seed_and_the_other_collection_show_other_scenes():
    assert captions_world.world(TINY, "val", STREAMS["coco"]) != captions_world.world(TINY, "val")
    assert captions_world.world(TINY, "val") != captions_world.world(replace(TINY, seed=1), "val")


def test_no_two_splits_share_names_or_large_things():
    size = replace(TINY, train=15, val=15, test=15)
    held = [{groups.core(scene.things) for scene in captions_world.world(size, split)[0]} for split in captions.SPLITS]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


def test_restval_is_training_data(tmp_path):
    images = [{"split": split, "filepath": "val2014", "filename": f"{i}.jpg", "sentences": [{"raw": "x"}]}
              for i, split in enumerate(["train", "restval", "val", "test"])]  # fmt: skip
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    assert captions.karpathy(tmp_path / "dataset_coco.json", "train").names == ("val2014/0.jpg", "val2014/1.jpg")
    assert captions.karpathy(tmp_path / "dataset_coco.json", "test").names == ("val2014/3.jpg",)


def test_pictures_may_have_more_captions_than_five():
    held = Captioned(("a", "b", "c"), (("1", "2"), ("3",), ("4", "5", "6")))
    assert held.owner.tolist() == [0, 0, 1, 2, 2, 2]
    assert held.select([2, 0]).owner.tolist() == [0, 0, 0, 1, 1]


def test_image_to_text_has_every_image_for_a_query_and_its_captions_relevant_among_all(root):
    held = captions.multi30k(root, "test")
    images, texts = captions.text_to_image(root / FOLDER, held), captions.image_to_text(root / FOLDER, held)
    assert texts.gallery == images.query.text and len(texts) == len(images.gallery) == 5
    for i, rows in enumerate(texts.relevant):
        assert [texts.gallery[row] for row in rows] == list(held.captions[i])
        assert all(images.relevant[row] == [i] for row in rows)
    assert torch.equal(texts.query.image[all_rows(texts.query.image)], images.gallery[all_rows(images.gallery)])


class Table:
    """A model whose scores are given."""

    def __init__(self, scores):
        self.scores = scores

    def encode(self, items):
        raise NotImplementedError

    compose = encode

    def score(self, composed, gallery):
        return self.scores[composed][:, gallery]


@given(st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_image_to_text_ranks_as_sorting_does(seed):
    owner = [0, 0, 1, 2, 2, 2]
    scores = torch.randperm(18, generator=torch.Generator().manual_seed(seed)).reshape(3, 6).float()
    benchmark = Benchmark(
        name="toy",
        query=Query(image=torch.zeros(3, 3, 1, 1, dtype=torch.uint8)),
        gallery=list("abcdef"),
        relevant=[range(0, 2), range(2, 3), range(3, 6)],
    )
    ranks = rank_features(Table(scores), torch.arange(3), torch.arange(6), benchmark)
    for image in range(3):
        order = scores[image].argsort(descending=True).tolist()
        expected = [1 + order.index(caption) for caption in range(6) if owner[caption] == image]
        assert ranks.mid[ranks.offsets[image] : ranks.offsets[image + 1]].tolist() == expected
        for k in (1, 2, 5):
            assert Recall(k).values(ranks)[image] == 100 * any(owner[caption] == image for caption in order[:k])
    assert ranks.gallery.tolist() == [6] * 3


def test_folds_are_in_order_and_whole():
    held = Captioned(tuple("abcdefg"), tuple((name,) for name in "abcdefg"))
    assert [fold.names for fold in folds(held, 3)] == [("a", "b", "c"), ("d", "e", "f")]
    with pytest.raises(Problem, match="no fold of 8"):
        folds(held, 8)


def test_captions_of_a_missing_picture_are_left_out_with_it_and_said(copied):
    held = captions.multi30k(copied, "test")
    (copied / FOLDER / held.names[1]).unlink()
    with pytest.warns(UserWarning, match="1 of 5 images are missing, so 5 of 25 queries"):
        rest = captions.text_to_image(copied / FOLDER, held)
    assert len(rest) == 20 and rest.relevant[5] == [1] and rest.query.text[5] == held.captions[2][0]
    lines = {(line["split"], line["part"]): line for line in captions.FLICKR30K.check(copied)}
    assert lines["test", "images"]["found"] == 4 and lines["test", "images"]["expected"] == 1000


def test_lines_end_at_line_feeds_alone_and_files_may_be_packed(copied):
    folder = copied / "multi30k_task2" / "raw"
    lines = (folder / "val.2.en").read_text().split("\n")
    lines[0] = "a caption\u2028with a mark"
    (folder / "val.2.en").unlink()
    (folder / "val.2.en.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    assert captions.multi30k(copied, "val").captions[0][1] == lines[0]


@pytest.mark.parametrize(
    "content, says", [("", "lines for 4"), ("a\n", "1 lines for 4"), ("a\n\nb\nc\n", "lacks a caption")]
)
def test_captions_that_do_not_match_the_pictures_are_a_problem(copied, content, says):
    (copied / "multi30k_task2" / "raw" / "val.3.en").write_text(content)
    with pytest.raises(Problem, match=says):
        captions.multi30k(copied, "val")


@pytest.mark.parametrize("name", ["../../x.jpg", "/etc/passwd", "", "out/x.jpg"])
def test_a_picture_name_that_leaves_the_root_is_a_problem(copied, tmp_path, name):
    (copied / FOLDER / "out").symlink_to(tmp_path)
    path = copied / "multi30k_task2" / "image_splits" / "val_images.txt"
    path.write_text(path.read_text().replace(captions.multi30k(copied, "val").names[0], name))
    with pytest.raises(Problem):
        captions.text_to_image(copied / FOLDER, captions.multi30k(copied, "val"))


@pytest.mark.parametrize("line", ["val2014/COCO_val2014_000000000001.jpg 2", "x", "x 1", ""])
def test_a_broken_list_of_ids_is_a_problem(tmp_path, line):
    (tmp_path / "a.txt").write_text(f"{line}\n")
    with pytest.raises(Problem, match=r"a\.txt: record 0"):
        captions.karpathy_ids(tmp_path / "a.txt")


ANNOTATIONS = {"images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
        "annotations": [{"image_id": 2, "caption": "b"}, {"image_id": 1, "caption": "a "}]}  # fmt: skip


def test_coco_captions_are_brought_to_their_pictures(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(ANNOTATIONS))
    assert captions.coco(tmp_path / "c.json") == Captioned(("1.jpg", "2.jpg"), (("a",), ("b",)))
    (tmp_path / "c.json").write_text(json.dumps({**ANNOTATIONS, "annotations": ANNOTATIONS["annotations"][:1]}))
    with pytest.raises(Problem, match=r"record 1\.jpg lacks a caption"):
        captions.coco(tmp_path / "c.json")


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    (folder / "k.json").write_text(
        json.dumps(data.draw(spoiled(json.loads((root / "dataset_flickr30k.json").read_text()))))
    )
    (folder / "c.json").write_text(json.dumps(data.draw(spoiled(ANNOTATIONS))))
    for read in (lambda: captions.karpathy(folder / "k.json", "test"), lambda: captions.coco(folder / "c.json")):
        try:
            assert len(read()) > 0
        except Problem as problem:
            assert ".json" in str(problem)
