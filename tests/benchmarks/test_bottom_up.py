"""Published region features: SCAN's arrays and the detector's table, read as they were written and no further."""

import base64
import csv

import numpy as np
import pytest
import torch

from cirkit.benchmarks.bottom_up import caption_search, detected, image_search, precomputed, training_pairs
from cirkit.errors import Problem
from cirkit.examples import Examples

CAPTIONS = [f"caption {k} of image {i}" for i in range(3) for k in range(5)]


def write(folder, vectors: np.ndarray, captions=CAPTIONS, split: str = "test"):
    np.save(folder / f"{split}_ims.npy", vectors)
    (folder / f"{split}_caps.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")


def vectors(images: int = 3) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((images, 4, 6)).astype(np.float32)


@pytest.mark.parametrize("repeated", [False, True])
def test_five_captions_to_an_image_whether_or_not_the_file_repeats_it(tmp_path, repeated):
    values = vectors()
    write(tmp_path, values.repeat(5, 0) if repeated else values)
    pairs = image_search(precomputed(tmp_path, "test"))
    assert pairs.query.text == CAPTIONS and [list(one) for one in pairs.relevant] == [
        [i] for i in range(3) for _ in "abcde"
    ]
    torch.testing.assert_close(pairs.gallery.vectors, torch.from_numpy(values), rtol=0, atol=0)
    other = caption_search(pairs)
    assert other.relevant == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert torch.equal(other.query.image[torch.tensor([2])].vectors[0], torch.from_numpy(values[2]))


def test_a_line_separator_inside_a_caption_ends_no_line(tmp_path):
    odd = ["a\u2028b", *CAPTIONS[1:]]
    write(tmp_path, vectors(), odd)
    assert precomputed(tmp_path, "test").query.text == odd


def test_training_pairs_give_each_caption_its_image(tmp_path):
    write(tmp_path, vectors(), split="train")
    pairs = training_pairs(precomputed(tmp_path, "train"))
    assert isinstance(pairs, Examples) and pairs.texts == CAPTIONS
    batch = pairs[torch.tensor([14, 0])]
    assert batch.query.text == [CAPTIONS[14], CAPTIONS[0]]
    assert torch.equal(batch.target.vectors, torch.from_numpy(vectors()[[2, 0]]))


def test_a_file_on_the_disk_is_never_written_to(tmp_path):
    write(tmp_path, vectors())
    precomputed(tmp_path, "test").gallery.vectors.zero_()
    assert np.array_equal(np.load(tmp_path / "test_ims.npy"), vectors())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: np.save(folder / "test_ims.npy", vectors(2)),
        lambda folder: np.save(folder / "test_ims.npy", vectors()[0]),
        lambda folder: np.save(folder / "test_ims.npy", vectors().astype(np.float64)),
        lambda folder: np.save(folder / "test_ims.npy", np.array([{}], dtype=object), allow_pickle=True),
        lambda folder: (folder / "test_ims.npy").write_bytes(b"nothing"),
        lambda folder: (folder / "test_ims.npy").unlink(),
        lambda folder: (folder / "test_caps.txt").write_text("\n" * 15),
    ],
)
def test_spoiled_arrays_are_problems(tmp_path, spoil):
    write(tmp_path, vectors())
    spoil(tmp_path)
    with pytest.raises(Problem):
        precomputed(tmp_path, "test")


def test_an_unknown_split_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="no split 'testall'"):
        precomputed(tmp_path, "testall")


def coded(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def table(path, counts=(3, 2, 4), width: int = 5):
    """As the detector's own script writes it, with csv."""
    rng, kept = np.random.default_rng(1), {}
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for number, count in enumerate(counts):
            boxes, values = rng.uniform(0, 100, (count, 4)), rng.standard_normal((count, width))
            kept[10 + number] = boxes.astype(np.float32), values.astype(np.float32)
            writer.writerow([10 + number, 200, 100, count, coded(boxes), coded(values)])
    return kept


def test_a_table_gives_the_first_regions_and_boxes_in_parts_of_the_sides(tmp_path):
    kept = table(tmp_path / "t.tsv")
    found = detected(tmp_path / "t.tsv", [12, 11], regions=3)
    assert found.mask.tolist() == [[True] * 3, [True, True, False]]
    for row, number in enumerate((12, 11)):
        boxes, values = kept[number]
        count = min(3, len(values))
        np.testing.assert_array_equal(found.vectors[row, :count].numpy(), values[:count])
        np.testing.assert_allclose(found.boxes[row, :count].numpy(), boxes[:count] / [200, 100, 200, 100], rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("\t3\t", "\t4\t", 1),
        lambda line: line.replace("\t3\t", "\t9999999\t", 1),
        lambda line: line.replace("\t200\t", "\t0\t", 1),
        lambda line: line.replace("\t200\t", "\twide\t", 1),
        lambda line: line.rpartition("\t")[0],
        lambda line: line.rpartition("\t")[0] + "\t$$$$",
        lambda line: line.rpartition("\t")[0] + "\t" + coded(np.full((3, 5), np.nan)),
        lambda line: "é" + line,
    ],
)
def test_a_spoiled_table_is_a_problem(tmp_path, change):
    path = tmp_path / "t.tsv"
    table(path)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([change(lines[0]), *lines[1:]]), encoding="utf-8")
    with pytest.raises(Problem):
        detected(path, [10, 11])


def test_a_missing_image_is_a_problem(tmp_path):
    table(tmp_path / "t.tsv")
    with pytest.raises(Problem, match="lacks image 99"):
        detected(tmp_path / "t.tsv", [10, 99])
