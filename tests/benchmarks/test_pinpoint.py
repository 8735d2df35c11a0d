import json
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import pictured, pinpoint
from cirkit.benchmarks.pinpoint import INDEX, NEGATIVES, POSITIVES, PROTOCOLS, TABLE, WITHOUT_NEGATIVES
from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import AveragePrecision
from cirkit.evaluators.pinpoint import NegativeRecall, ParaphraseMean, ParaphraseRange
from cirkit.query import all_rows
from cirkit.worlds import pinpoint as synthetic
from cirkit.worlds.pinpoint import PINPOINT, Size

WORLD = PINPOINT
TINY = Size(pairs=2, members=14, queries=4, image=16, seed=1)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "pinpoint"


@pytest.mark.skipif(not REAL.is_dir(), reason="the official table is not here")
def test_the_official_table_has_the_counts_that_were_published():
    read = pinpoint.annotations(REAL)
    one = [each for each in read if each.second is None]
    assert (len(read), len(one), len({each.reference for each in one})) == (7635, 6629, 1081)
    assert round(np.mean([len(each.positives) for each in one]), 1) == 8.5
    assert min(len(each.negatives) for each in read) >= 1


def edit(root, change, number=0):
    """Change a record of the table."""
    records = json.loads((root / TABLE).read_text())
    change(records[number])
    (root / TABLE).write_text(json.dumps(records))
    return root


def test_the_published_folder_has_the_columns_of_the_release(root):
    records = json.loads((root / TABLE).read_text())
    names = (root / INDEX).read_text().split()
    assert len(names) == len(set(names)) == 2 * 2 * 2 * 14
    assert all((root / "images" / f"{name}.jpg").is_file() for name in names)
    columns = {"query_id", "query_image_signature", "query_image_signature2", "instruction", "positive_candidates"}
    columns |= {"negative_candidates", "query_category"}
    assert all(set(record) == columns and record["query_image_signature2"] == "None" for record in records)
    assert [record["query_id"] for record in records] == [f"query_{i:05d}" for i in range(1, 49)]
    assert Counter(record["query_category"] for record in records) == {"scenes": 24, "garments": 24}


def test_what_is_read_is_what_the_world_holds(root):
    test, (scenes, garments, queries) = pinpoint.test(root), synthetic.world(TINY)
    gallery = synthetic.images(TINY, "index", range(len(scenes) + len(garments)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    assert test.query.text == [text for one in queries for text in one.texts]
    assert test.relevant == [list(one.positives) for one in queries for _ in range(6)]
    for i, one in enumerate(queries):
        assert torch.equal(test.query.image[torch.tensor([6 * i, 6 * i + 5])], gallery[[one.source] * 2])
    assert test.group is None and test.excluded is None  # the reference stays, as in the released evaluation
    assert pinpoint.runs(root) == (6,) * 8
    synthetic.world.cache_clear()
    assert torch.equal(synthetic.images(TINY, "index", [60, 3, 5]), gallery[[60, 3, 5]])


def test_protocols_have_the_same_queries_and_search_for_other_images(root):
    right, wrong, without = (pinpoint.test(root, protocol) for protocol in PROTOCOLS)
    assert (POSITIVES, NEGATIVES, WITHOUT_NEGATIVES) == PROTOCOLS
    assert right.query.text == wrong.query.text == without.query.text
    assert without.relevant == right.relevant and without.excluded == wrong.relevant
    references = [one.reference for one in pinpoint.annotations(root)]
    names = (root / INDEX).read_text().split()
    assert all(names.index(name) in rows for name, rows in zip(references, wrong.relevant, strict=True))
    assert all(not set(a) & set(b) for a, b in zip(right.relevant, wrong.relevant, strict=True))


def by_row(test, score):
    """The ranks that scores of gallery rows give, the same for every query."""
    place = np.argsort(np.argsort(-score)) + 1
    mine = np.array([place[row] for rows in test.relevant for row in rows])
    return Ranks(mine, mine, np.cumsum([0, *map(len, test.relevant)]), len(test.gallery))


def test_a_model_that_reads_no_text_has_no_range_over_paraphrases(root):
    scores = np.random.default_rng(3).permutation(2 * 2 * 2 * 14)
    test = pinpoint.test(root)
    assert ParaphraseRange(AveragePrecision(10)).values(by_row(test, scores)) == pytest.approx([0.0] * 8)
    assert ParaphraseMean(AveragePrecision(10)).values(by_row(test, scores)).max() > 0


def test_chance_is_what_counting_says(root):
    test = pinpoint.test(root, NEGATIVES)
    n, counts = len(test.gallery), np.array([len(rows) for rows in test.relevant])
    ones = np.ones(counts.sum(), int)
    constant = Ranks(ones, n * ones, np.cumsum([0, *counts]), n)
    assert NegativeRecall(10).values(constant) == pytest.approx(100 * counts * 10 / n / np.minimum(10, counts))


def test_released_peculiarities_are_read_as_the_docstring_says(copied):
    plain = pinpoint.annotations(copied)[0]
    first, second = plain.negatives[:2]
    edit(copied, lambda record: record["negative_candidates"].extend([first, None]))
    assert pinpoint.annotations(copied)[0] == plain
    edit(copied, lambda record: record["positive_candidates"].append(second))
    found = pinpoint.annotations(copied)[0]
    assert found.positives == (*plain.positives, second) and second not in found.negatives
    edit(copied, lambda record: record.pop("query_image_signature2"))
    assert pinpoint.annotations(copied)[0] == found


def test_wordings_of_one_reference_stand_together(copied):
    records = json.loads((copied / TABLE).read_text())
    (copied / TABLE).write_text(json.dumps([*records[3:], *records[:3]]))
    read = pinpoint.annotations(copied)
    assert [one.id for one in read[:6]] == [f"query_{i:05d}" for i in (4, 5, 6, 1, 2, 3)]
    assert pinpoint.runs(copied) == (6,) * 8


def test_queries_with_two_references_are_left_out_with_their_number(copied):
    second = pinpoint.annotations(copied)[40].reference
    for number in (6, 7):
        edit(copied, lambda record: record.update(query_image_signature2=second), number)
    with pytest.warns(UserWarning, match="2 of 48 queries are left out: they have two references"):
        test = pinpoint.test(copied)
    with pytest.warns(UserWarning, match="two references"):
        assert pinpoint.runs(copied) == (6, 4, *(6,) * 6) and len(test) == 46


def test_a_query_needs_its_negatives_too(copied):
    read = pinpoint.annotations(copied)
    gone = read[0].negatives[3]
    pinpoint.file_path(copied, gone).unlink()
    lost = sum(gone in (one.reference, *one.positives, *one.negatives) for one in read)
    for protocol in PROTOCOLS:
        with pytest.warns(UserWarning, match=f"1 of 112 images are missing, so {lost} of 48 queries"):
            test = pinpoint.test(copied, protocol)
        assert len(test) == 48 - lost and len(test.gallery) == 111
    row = pinpoint.check(replace_counts(copied))[1]
    assert row.gone.absent == [gone] and row["missing"] == 1
    assert row.gone.dropped[0]["queries"] == lost and "pinpoint-negatives" in row.gone.dropped[0]["protocol"]


def replace_counts(root):
    """The folder as a world of the counts that it was published with."""
    counts = {"test": {"queries": 48}, "index": {"images": 112}}
    (root / pictured.MANIFEST).write_text(json.dumps({"counts": counts}))
    return root


def test_a_check_counts_as_the_release_has_it(copied):
    lines = pinpoint.check(copied)
    assert [(line["split"], line["expected"], line["found"]) for line in lines] == [
        ("test", 7635, 48), ("index", 109_600, 112),
    ]  # fmt: skip


NOWHERE = "0" * 32


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.pop("instruction"), "no 'instruction'"),
        (lambda record: record.update(query_id=3), "'query_id' of type int"),
        (lambda record: record.update(query_id="query_00002"), "of an earlier one"),
        (lambda record: record.update(query_image_signature=NOWHERE), f"names image '{NOWHERE}'"),
        (lambda record: record.update(query_image_signature2=NOWHERE), f"names image '{NOWHERE}'"),
        (lambda record: record.update(query_image_signature2=7), "signature2 that is no signature"),
        (lambda record: record.update(positive_candidates=[]), "no positive_candidates"),
        (lambda record: record.update(positive_candidates="abc"), "'positive_candidates' of type str"),
        (lambda record: record.update(negative_candidates=[None]), "no negative_candidates"),
        (lambda record: record.update(negative_candidates=[["a"]]), "negative_candidates that are no list"),
        (lambda record: record.update(negative_candidates=["../../etc/passwd"]), "names image '../../etc/passwd'"),
        (lambda record: record.update(negative_candidates=record["positive_candidates"]), "no negative_candidates"),
    ],
)
def test_a_bad_record_is_named(copied, change, reason):
    with pytest.raises(Problem, match=reason) as caught:
        pinpoint.annotations(edit(copied, change))
    assert TABLE in str(caught.value) and "record" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "lists no images"), ("../a\n", "not 32 hexadecimal digits"), (f"{NOWHERE}\n" * 2, "lists an image twice")],
)
def test_a_bad_index_is_named(copied, text, reason):
    (copied / INDEX).write_text(text)
    with pytest.raises(Problem, match=reason) as caught:
        pinpoint.test(copied)
    assert INDEX in str(caught.value)


def test_a_table_without_records_or_images_is_refused(copied):
    (copied / TABLE).write_text("[]")
    with pytest.raises(Problem, match="no records"):
        pinpoint.test(copied)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_spoiled_table_is_read_or_refused_and_nothing_else(tmp_path_factory, root, data):
    folder = tmp_path_factory.mktemp("spoiled")
    (folder / INDEX).write_bytes((root / INDEX).read_bytes())
    records = json.loads((root / TABLE).read_text())[:3]
    (folder / TABLE).write_text(json.dumps(data.draw(spoiled(records))))
    try:
        read = pinpoint.annotations(folder)
    except Problem as problem:
        assert str(folder) in str(problem)
    else:
        assert read and all(one.positives and one.negatives for one in read)


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    synthetic.world.cache_clear()
    PINPOINT.publish(tmp_path / "again", TINY)
    for file in (path.relative_to(root) for path in root.rglob("*.*")):
        assert (root / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert synthetic.world(TINY)[2] != synthetic.world(replace(TINY, seed=2))[2]


def test_a_world_that_cannot_ask_so_much_says_so():
    with pytest.raises(Problem, match="has only"):
        synthetic.world(replace(TINY, members=3, queries=30))


def test_a_whole_folder_warns_of_nothing(root):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(pinpoint.test(root, WITHOUT_NEGATIVES)) == 48
