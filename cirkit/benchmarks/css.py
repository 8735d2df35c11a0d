"""CSS: "make yellow sphere small", read from the official files.

Vo et al. 2019 (TIRG), MAAF §3.1: 18,012 train and 18,057 test queries over scenes of a 3 x 3 grid. A hit is any
image with the label of the target, since several may show the same scene; the reference is left out of the ranking.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit.benchmarks import arrays, photos, pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Images, Query, Select, Triplets

FILE = "css_toy_dataset_novel2_small.dup.npy"
SPLITS = ("train", "test")
OFFICIAL = {  # counted in the published texts; images: 1,000 references and a target per pair
    "train": {"texts": 6004, "pairs": 18012, "images": 19012},
    "test": {"texts": 6019, "pairs": 18057, "images": 19057},
}


def image_name(split: str, row: int) -> str:
    """The file name of an image below `images/`."""
    return f"css_{split}_{row:06d}.png"


@dataclass(frozen=True)
class _Table:
    """One split of the object file, checked: parallel lists, one entry per (from, to) pair; labels per image."""

    source: list[int]
    target: list[int]
    text: list[str]
    labels: list[int]


def _table(root: Path, split: str) -> _Table:
    """Read and check one split. Raises Problem that names file and record."""
    path = root / FILE
    content = arrays.load(path)
    part = content.get(split) if isinstance(content, dict) else None
    if not isinstance(part, dict) or not isinstance(part.get("mods"), list):
        raise Problem(f"{path} has no split {split!r} with a list of mods. Check that it is the CSS object file.")
    objects = part.get("objects_img")
    if not isinstance(objects, (list, np.ndarray)) or len(objects) == 0:
        raise Problem(f"{path}: split {split!r} lists no images (objects_img). Check that it is the CSS object file.")
    marks = part.get("labels", range(len(objects)))  # an older file has none: then every image is its own label
    marks = marks.tolist() if isinstance(marks, np.ndarray) else marks
    if (
        not isinstance(marks, (list, tuple, range))
        or len(marks) != len(objects)
        or not all(isinstance(mark, (int, str)) for mark in marks)
    ):
        raise Problem(f"{path}: split {split!r} needs a label per image. Download the file again.")
    numbers: dict[Any, int] = {}
    read = _Table([], [], [], [numbers.setdefault(mark, len(numbers)) for mark in marks])
    for record, mod in enumerate(part["mods"]):
        where = f"{path}: {split} mods[{record}]"
        if not isinstance(mod, dict) or not isinstance(mod.get("to_str"), str) or not mod["to_str"].strip():
            raise Problem(f"{where} has no text (to_str). Mend the record.")
        ends = [mod.get(end) for end in ("from", "to")]
        ends = [end.tolist() if isinstance(end, np.ndarray) else end for end in ends]
        if not all(isinstance(end, list) for end in ends) or len(ends[0]) != len(ends[1]) or not ends[0]:
            raise Problem(f"{where} needs lists 'from' and 'to' of one length. Mend the record.")
        for number in ends[0] + ends[1]:
            if type(number) is not int or not 0 <= number < len(objects):
                raise Problem(f"{where} names image {number!r}; there are 0 to {len(objects) - 1}. Mend the record.")
        if any(source == target for source, target in zip(*ends, strict=True)):
            raise Problem(f"{where} leads from an image to itself. Mend the record.")
        read.source.extend(ends[0])
        read.target.extend(ends[1])
        read.text.extend([mod["to_str"]] * len(ends[0]))
    if not read.text:
        raise Problem(f"{path}: split {split!r} has no mods. Check that it is the CSS object file.")
    return read


def _images(root: Path, split: str, count: int) -> Images:
    return photos.open_images([root / "images" / image_name(split, row) for row in range(count)])


def train(root: Path | str) -> Triplets:
    """The train pairs of a CSS folder, one per (from, to)."""
    root = Path(root)
    read = _table(root, "train")
    images = _images(root, "train", len(read.labels))
    source, target = torch.tensor(read.source), torch.tensor(read.target)
    query = Query(image=Select(images, source), text=read.text)
    return Triplets(query=query, target=Select(images, target), reference=source)


def test(root: Path | str) -> Benchmark:
    """The test queries of a CSS folder, one per (from, to), against all test images.

    Relevant are all images with the target's label but the reference, which the protocol excludes.
    """
    root = Path(root)
    read = _table(root, "test")
    images = _images(root, "test", len(read.labels))
    alike: dict[int, list[int]] = {}
    for row, label in enumerate(read.labels):
        alike.setdefault(label, []).append(row)
    return Benchmark(
        name="css",
        query=Query(image=Select(images, torch.tensor(read.source)), text=read.text),
        gallery=images,
        relevant=[
            [row for row in alike[read.labels[target]] if row != source]
            for source, target in zip(read.source, read.target, strict=True)
        ],
        excluded=[[source] for source in read.source],
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        read = _table(root, split)
        names = [image_name(split, row) for row in range(len(read.labels))]
        there = {name: (root / "images" / name).is_file() for name in names}
        found = {"texts": len(set(read.text)), "pairs": len(read.text), "images": sum(there.values())}
        lines += [pictured.line(split, part, expected[split][part], count) for part, count in found.items()]
        lines[-1].gone = pictured.gone(there, None)
    return lines
