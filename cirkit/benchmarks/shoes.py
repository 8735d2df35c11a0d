"""Shoes: "are brown not red". The official files, read.

Guo et al. 2018, the protocol of VAL and ARTEMIS: one target, the gallery is the eval list, the reference is left out
of the ranking; R@1, R@10, R@50. In the annotations `ImageName` is the target, not the reference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets

FILE = "relative_captions_shoes.json"
LISTS = {"train": "train_im_names.txt", "test": "eval_im_names.txt"}
NAME = re.compile(r"img_(womens_[a-z_]{1,40}?)_\d{1,12}\.(jpg|png)")
OFFICIAL = {  # counted in the published files; 27 of the 10,751 pairs lead from an image to itself and ask nothing
    "train": {"queries": 8990, "to themselves": 26, "images": 10000},
    "test": {"queries": 1761, "to themselves": 1, "images": 4658},
}


@dataclass(frozen=True)
class Record:
    """One annotation: how the target differs from the reference."""

    reference: str
    target: str
    caption: str


def names(root: Path | str, split: str) -> list[str]:
    """The image names of a split, in the order of its list. Raises Problem for one that is no name of an image."""
    if split not in LISTS:
        raise Problem(f"Shoes has no split {split!r}. Use {' or '.join(LISTS)}.")
    path = Path(root) / LISTS[split]
    found = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    for number, name in enumerate(found, 1):
        if not NAME.fullmatch(name):
            raise record_error(path, number, f"is {name!r}, not like img_womens_boots_12.jpg")
    if not found or len(set(found)) != len(found):
        raise Problem(f"{path} is empty or lists an image twice. Download it again.")
    return found


def records(root: Path | str, split: str) -> list[Record]:
    """The annotations of a split that ask something: those that lead from an image to itself are left out."""
    found = [record for record in annotated(root, split) if record.reference != record.target]
    if not found:
        raise Problem(f"{Path(root) / FILE} has no {split} queries. Download it again.")
    return found


def annotated(root: Path | str, split: str) -> list[Record]:
    """All annotations whose images are in the list of this split. Raises Problem that names file and record."""
    path = Path(root) / FILE
    listed = {part: set(names(root, part)) for part in LISTS}
    if listed["train"] & listed["test"]:
        raise Problem(f"{root}: the lists of train and eval share images. Download them again.")
    found = []
    for number, record in enumerate(read_json(path, list)):
        target, reference = (
            need(record, "ImageName", str, path, number),
            need(record, "ReferenceImageName", str, path, number),
        )
        caption = need(record, "RelativeCaption", str, path, number)
        ends = [next((part for part, those in listed.items() if name in those), None) for name in (reference, target)]
        if None in ends or ends[0] != ends[1]:
            raise record_error(path, number, f"names {reference!r} and {target!r}, which no one list holds")
        if ends[0] == split:
            found.append(Record(reference, target, caption.strip()))
    return found


def image_paths(root: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Where each image lies: `womens_boots/0/img_womens_boots_12.jpg`, in the root or in `attributedata`."""
    found: dict[str, tuple[Path, str]] = {}
    for folder in (root, root / "attributedata", root / "images"):
        for kind in sorted(folder.glob("womens_*")):
            for path in sorted(kind.glob("*/img_womens_*")):
                found.setdefault(path.name, (kind, str(path.relative_to(kind))))
    return {name: image_path(*found.get(name, (root, image_file(name)))) for name in wanted}


def image_file(name: str) -> str:
    """The path of an image below the root, in the folder of its kind."""
    return f"{name.removeprefix('img_').rsplit('_', 1)[0]}/0/{name}"


def train(root: Path | str) -> Triplets:
    """The train queries; those whose images are missing are left out with a warning that counts them."""
    root = Path(root)
    found, images = records(root, "train"), pictured.find(root, image_paths(root, names(root, "train")))
    found = [found[i] for i in images.complete(root, [(record.reference, record.target) for record in found])]
    source = images.at([record.reference for record in found])
    query = Query(image=source, text=[record.caption for record in found])
    return Triplets(query=query, target=images.at([record.target for record in found]), reference=source.index)


def test(root: Path | str) -> Benchmark:
    """The eval queries against all images of the eval list, the reference excluded."""
    root = Path(root)
    found, images = records(root, "test"), pictured.find(root, image_paths(root, names(root, "test")))
    found = [found[i] for i in images.complete(root, [(record.reference, record.target) for record in found])]
    return Benchmark(
        name="shoes",
        query=Query(image=images.at([record.reference for record in found]), text=[record.caption for record in found]),
        gallery=images.images,
        relevant=[[images.row[record.target]] for record in found],
        excluded=[[images.row[record.reference]] for record in found],
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Pairs that lead from an image to itself are counted among the queries, as published, and apart: all are left out.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in LISTS:
        due, listed, pairs = expected[split], names(root, split), annotated(root, split)
        there = {name: path.is_file() for name, path in image_paths(root, listed).items()}
        queries = [pair for pair in pairs if pair.reference != pair.target]
        lines.append(pictured.line(split, "queries", due["queries"], len(pairs)))
        lines.append(pictured.line(split, "to themselves, left out", due["to themselves"], len(pairs) - len(queries)))
        lines.append(pictured.line(split, "listed", due["images"], len(listed)))
        lines.append(pictured.line(split, "images", due["images"], sum(there.values())))
        needs = pictured.Requirements(
            protocol="shoes",
            reference=[pair.reference for pair in queries],
            others=[(pair.target,) for pair in queries],
            gallery=() if split == "train" else listed,
        )
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
