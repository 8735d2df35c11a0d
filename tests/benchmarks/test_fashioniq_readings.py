import json
import shutil
from pathlib import Path

import pytest
import torch

from cirkit.benchmarks import fashioniq, fashioniq_readings, pictured
from cirkit.benchmarks.fashioniq import CATEGORIES, SPLITS, annotations, caption_file
from cirkit.benchmarks.fashioniq_protocols import CLIP4CIR, MAAF, SEARLE, VAL
from cirkit.benchmarks.fashioniq_readings import MBEIR, SEARLE_REVERSED, both_orders, mbeir, mixed
from cirkit.worlds.fashioniq import FASHIONIQ, SIZES

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "fashioniq"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readings") / "world"
    FASHIONIQ.publish(folder, SIZES["smoke"])
    return folder


@pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")
def test_m_beir_s_queries_and_pool_have_the_counts_that_mteb_publishes(monkeypatch):
    def everything(where, paths):
        return pictured.Pictured(torch.zeros(len(paths), 0), {name: row for row, name in enumerate(paths)}, 0)

    monkeypatch.setattr(pictured, "find", everything)
    monkeypatch.setattr(
        fashioniq_readings, "image_paths", lambda root, category, names: dict.fromkeys(names, root)
    )  # no image is looked for
    test = mbeir(REAL)
    lengths = [len(text) for text in test.query.text]
    # mteb 2.26.24, descriptive_stats of FashionIQIT2IRetrieval
    assert (len(test), len(test.gallery)) == (6003, 74381)
    assert (sum(lengths), min(lengths), max(lengths)) == (361250, 18, 138)
    assert len(set(test.query.text)) == 5973
    counts = [len(items) for items in test.relevant]
    assert (sum(counts), min(counts), max(counts)) == (6014, 1, 4)
    assert len({item for items in test.relevant for item in items}) == 6003
    assert test.excluded is None and test.candidates is None and test.group is None


@pytest.mark.parametrize(
    ("captions", "text"),
    [
        (("Is Shiny. ", "HAS sleeves"), "Is Shiny and hAS sleeves."),
        (("is red?", "why not?"), "Is red? and why not?"),
        (('"is red"', " \rlonger"), 'Is red" and longer.'),
        (("", "longer."), "Longer."),
        (("", " "), ""),
    ],
)
def test_m_beir_makes_a_sentence_of_the_captions(captions, text):
    assert MBEIR.texts(captions) == (text,)


@pytest.mark.parametrize(("protocol", "others"), [(MAAF, ()), (CLIP4CIR, ("train", "test")), (VAL, ("test",))])
def test_one_gallery_holds_the_images_of_all_categories_once(root, protocol, others):
    test = mixed(root, protocol, others)
    parts = [annotations(root, category, split) for split in ("val", *others) for category in CATEGORIES]
    names = list(dict.fromkeys(name for part in parts for name in protocol.gallery(part)))
    assert len(test.gallery) == len(names) and test.candidates is None
    alone = fashioniq.test(root, protocol)
    assert list(test.query.text) == list(alone.query.text) and test.group == alone.group
    rows = torch.arange(len(test))
    assert torch.equal(test.query.image[rows], alone.query.image[rows])
    for one, other in zip(test.relevant, alone.relevant, strict=True):
        assert torch.equal(test.gallery[torch.tensor(one)], alone.gallery[torch.tensor(other)])
    if test.excluded is not None:
        references = torch.tensor([row for (row,) in test.excluded])
        assert torch.equal(test.gallery[references], test.query.image[rows])
    assert (test.excluded is None) == (protocol is CLIP4CIR)


def test_annotations_that_say_the_same_of_a_reference_are_one_query(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("img"))
    path, names = caption_file(copy, "shirt", "val"), annotations(root, "shirt", "val").names
    records = json.loads(path.read_text())
    first = records[0]
    other = next(name for name in names if name not in (first["candidate"], first["target"]))
    captions = [caption.upper()[:1] + caption[1:] + "." for caption in first["captions"]]
    path.write_text(json.dumps([*records, first | {"target": other, "captions": captions}, first]))
    before, after = mbeir(root), mbeir(copy)
    assert len(before) == len(after) == 18 and list(before.query.text) == list(after.query.text)
    assert [len(items) for items in after.relevant] == [1] * 6 + [2] + [1] * 11
    assert len(after.gallery) == sum(len(annotations(root, c, s).names) for c in CATEGORIES for s in SPLITS)


def test_an_image_that_is_missing_leaves_with_its_queries_and_is_counted(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("img"))
    gone = annotations(root, "dress", "val").records[0].candidate
    (copy / "images" / f"{gone}.jpg").unlink()
    with pytest.warns(UserWarning, match="1 of 42 images are missing"):
        test = mixed(copy)
    lost = sum(gone in (record.candidate, record.target) for record in annotations(root, "dress", "val").records)
    assert len(test) == 18 - lost and len(test.gallery) == 41


def test_both_orders_are_the_same_queries_with_the_captions_swapped(root):
    one, other = both_orders(root)
    assert SEARLE.texts(("a.", "b")) == ("a and b",) and SEARLE_REVERSED.texts(("a.", "b")) == ("b and a",)
    assert one.relevant == other.relevant and one.excluded is None
    assert list(one.query.text) != list(other.query.text)
    assert [sorted(text.split()) for text in one.query.text] == [sorted(text.split()) for text in other.query.text]
